// SPDX-License-Identifier: MIT
/// Taking the smallest chunk of one type that will do.
///
/// Layer:  mm.
/// Kernel: __rmqueue_smallest(), __rmqueue_cma_fallback() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Returns whether a request with these flags must look at the CMA blocks first or last.
template <ZoneConfig Config>
[[nodiscard]] bool has_free_cma_for(const Zone<Config>& zone, unsigned flags) {
  return Config::semantics.steal_rule != StealRule::largest &&
         Config::semantics.has(MigrateType::cma) && (flags & alloc_flags::cma) != 0 &&
         zone.free_area().orders(MigrateType::cma) != 0;
}

// Takes 2^order pages off the lists of one type. Kernel: __rmqueue_smallest(), whose event v6.1 has
// (and v3.6 whoever asks).
template <ZoneConfig Config>
inline OptionalPfn take_smallest(Zone<Config>& zone, Order order, MigrateType from) {
  const auto pfn = zone.free_area().rmqueue_smallest(zone.memmap(), order, from);
  if constexpr (Config::semantics.zone_locked_names_list) {
    const bool refills = PerCpuPages<Config>::has_lists(order) && is_pcp_type(from);
    if (pfn) zone.trace(trace::MmPageAllocZoneLocked{*pfn, order, from, refills});
  }
  if (Config::semantics.counts_each_taken && pfn) zone.count_free(-nr_pages_of(order), from);
  return pfn;
}

}  // namespace pageblock::detail
