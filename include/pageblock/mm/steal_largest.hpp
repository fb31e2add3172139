// SPDX-License-Identifier: MIT
/// Taking another type's memory: of its largest chunk, at once.
///
/// Layer:  mm.
/// Kernel: __rmqueue_fallback() of v3.6.
#pragma once

#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

/// Takes 2^order pages from another type's largest chunk, and moves or retypes the chunk's block
/// where that is worth it; if no other type has any, from the reserve. Blocks that a large chunk
/// covers are retyped whatever they were, isolate too, and nr_pageblock_isolate is not told (a v3.6
/// defect). The event names the type of the list that the chunk was on; v3.6 prints the requested
/// type there once it has moved the block.
/// Locking: the caller holds zone.lock.
/// Kernel: __rmqueue_fallback() of v3.6.
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn rmqueue_largest(Zone<Config>& zone, Order order,
                                              MigrateType start_type) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  for (unsigned current = Config::max_order; current-- > order.value();) {
    const Order found{current};
    for (const MigrateType type : Config::semantics.fallbacks_of(start_type)) {
      if (zone.free_area().nr_free(found, type) == 0) continue;
      const Pfn pfn = zone.free_area().head(zone.memmap(), found, type);
      const bool is_cma = type == MigrateType::cma;  // keeps its blocks and its chunks
      bool change_ownership = false;
      if (!is_cma && (found.value() >= block_order.value() / 2 ||
                      start_type == MigrateType::reclaimable || !zone.mobility_grouping())) {
        const auto moved = static_cast<std::uint64_t>(move_chunks(zone, pfn, start_type));
        change_ownership =
            moved >= Zone<Config>::pageblock_nr_pages / 2 || !zone.mobility_grouping();
        if (change_ownership) set_pageblock_migratetype(zone, pfn, start_type);
      }
      zone.free_area().take(zone.memmap(), pfn, order, is_cma ? type : start_type);
      if (!is_cma && found >= block_order) {
        for (Pfn block = pfn; block < pfn + found.nr_pages();
             block += Zone<Config>::pageblock_nr_pages) {
          set_pageblock_migratetype(zone, block, start_type);
        }
      }
      zone.trace(trace::MmPageAllocExtfrag{pfn, order, found, start_type, type, change_ownership});
      return pfn;
    }
  }
  return zone.free_area().rmqueue_smallest(zone.memmap(), order, MigrateType::reserve);
}

}  // namespace pageblock::detail
