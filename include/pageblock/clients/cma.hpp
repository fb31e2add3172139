// SPDX-License-Identifier: MIT
/// Memory set aside for contiguous allocations.
///
/// Layer:  clients.
/// Kernel: init_cma_reserved_pageblock() (mm/page_alloc.c, CONFIG_CMA).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Gives a reserved pageblock to the buddy allocator with type cma: movable requests may use it,
/// and it never changes type again. In v6.1 the block goes to the lists of CPU 0, as every huge page
/// does; where these must grow, std::bad_alloc may be thrown, and then it is in use.
/// Requires: @p pfn is the first page of a block that is reserved and in the zone as a whole.
/// Locking:  takes zone.lock, and in v6.1 the lock of CPU 0.
template <ZoneConfig Config>
void init_cma_reserved_pageblock(Zone<Config>& zone, Pfn pfn, Place caller = Place::here()) {
  constexpr Order order = Zone<Config>::pageblock_order;
  const ReportedCall call{"init_cma_reserved_pageblock", caller, pfn, order};
  detail::check_chunk(zone, pfn, order, [&] { return call; });
  detail::check_no_hole(zone, pfn, order, call);
  {
    const IrqSaveGuard guard{zone.lock()};
    Memmap<Config>& map = zone.memmap();
    const Pfn end = pfn + order.nr_pages();
    const auto is_managed = [](PageBits bits) { return !bits.has(PageBits::reserved); };
    bug_on(map.find_if(pfn, end, is_managed) != end, "the block is not entirely reserved", call);
    map.transform(pfn, end, [](PageBits bits) {
      return bits.without(PageBits::reserved | PageBits::in_use | PageBits::shared);
    });
    map.set_count(pfn, 1);
    set_pageblock_migratetype(zone, pfn, MigrateType::cma);
    zone.mod_managed_pages(static_cast<std::int64_t>(order.nr_pages()));
  }
  free_pages(zone, Cpu{0}, pfn, order);
}

}  // namespace pageblock
