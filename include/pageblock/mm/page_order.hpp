// SPDX-License-Identifier: MIT
/// In what steps a page becomes the head of a free chunk, and is none any more.
///
/// Layer:  mm.
/// Kernel: set_page_order(), rmv_page_order() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/race_rules.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"

namespace pageblock::detail {

/// Writes the order into the page before it becomes a head, and leaves it there a moment longer: only who
/// looks without zone->lock, as until v2.6.26, can tell. Elsewhere this does nothing.
template <ZoneConfig Config, Tier t>
[[gnu::always_inline]] inline void write_order([[maybe_unused]] InTier<t> tier,
                                               [[maybe_unused]] Memmap<Config>& map,
                                               [[maybe_unused]] typename Memmap<Config>::Index page,
                                               [[maybe_unused]] Order order) {
  if constexpr (Config::semantics.races.scan != ScanRule::locked && is_interleaved<Config>) {
    map.set_bits(tier, page, PageBits{}.with_private(order.value()));
    may_switch<Config>(Yield::page_write);
  }
}

}  // namespace pageblock::detail
