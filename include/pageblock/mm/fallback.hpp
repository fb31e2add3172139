/// Requests to the buddy lists: own type first, then other types' memory, then the reserve.
///
/// Layer:  mm.
/// Kernel: get_pageblock_migratetype(), set_pageblock_migratetype(), move_freepages_block(),
///         __rmqueue(), __rmqueue_fallback() (mm/page_alloc.c).
#pragma once

#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns the type of the pageblock that holds @p pfn. It decides where pages freed from now on
/// go, not which list the chunks in the block are on.
/// Requires: @p zone spans @p pfn.
/// Locking:  none; a relaxed read, as in the kernel.
template <ZoneConfig Config>
[[nodiscard]] MigrateType get_pageblock_migratetype(const Zone<Config>& zone, Pfn pfn) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  return zone.pageblock_flags().get(pfn);
}

/// Writes the type of the pageblock that holds @p pfn; moves nothing, counts nothing. With mobility
/// grouping off it writes unmovable, whatever @p type is.
/// Requires: @p zone spans @p pfn.
/// Locking:  the caller holds zone.lock, or nobody else uses the zone.
template <ZoneConfig Config>
void set_pageblock_migratetype(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  zone.pageblock_flags().set(pfn, zone.mobility_grouping() ? type : MigrateType::unmovable);
}

/// Moves the free chunks that begin in the pageblock of @p pfn to the heads of the lists of @p
/// type. Changes no type and no counter.
///
/// Returns:  the pages in moved chunks; 0 if the block is cut by the zone's end (a v3.6 defect). A
///           chunk that begins in an earlier block is not seen, even if it covers this one
///           (another).
/// Requires: @p zone spans @p pfn.
/// Locking:  the caller holds zone.lock.
template <ZoneConfig Config>
std::uint64_t move_freepages_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  zone.assert_locked();
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  Pfn start = pfn.align_down(Zone<Config>::pageblock_order);
  const Pfn end = start + Zone<Config>::pageblock_nr_pages;
  if (end > zone.end_pfn()) return 0;
  if (start < zone.start_pfn()) start = pfn;  // not the zone's start

  return zone.free_area().move(zone.memmap(), start, end, type);
}

namespace detail {

/// Takes 2^order pages from another type's largest chunk, and moves or retypes the chunk's block
/// where that is worth it; if no other type has any, from the reserve. Blocks that a large chunk
/// covers are retyped whatever they were, isolate too, and nr_pageblock_isolate is not told (a v3.6
/// defect). The event names the type of the list that the chunk was on; v3.6 prints the requested
/// type there once it has moved the block. Throws std::bad_alloc, before any change.
/// Locking: the caller holds zone.lock.
/// Kernel: __rmqueue_fallback().
template <ZoneConfig Config>
[[gnu::noinline]] std::optional<Pfn> rmqueue_fallback(Zone<Config>& zone, Order order,
                                                      MigrateType start_type) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  for (unsigned current = Config::max_order; current-- > order.value();) {
    const Order found{current};
    for (const MigrateType type : Config::semantics.fallbacks_of(start_type)) {
      if (zone.free_area().nr_free(found, type) == 0) continue;
      const Pfn pfn = zone.free_area().head(zone.memmap(), found, type);
      zone.free_area().prepare_take(zone.memmap(), pfn, order);  // may throw, so first

      const bool is_cma = type == MigrateType::cma;  // keeps its blocks and its chunks
      bool change_ownership = false;
      if (!is_cma && (found.value() >= block_order.value() / 2 ||
                      start_type == MigrateType::reclaimable || !zone.mobility_grouping())) {
        const std::uint64_t moved = move_freepages_block(zone, pfn, start_type);
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

/// Takes 2^order pages off the buddy lists for a request of @p type, one of pcp_types. The pages
/// have count 0; NR_FREE_PAGES is the caller's.
/// Kernel: __rmqueue().
template <ZoneConfig Config>
inline std::optional<Pfn> rmqueue(Zone<Config>& zone, Order order, MigrateType type) {
  zone.assert_locked();
  const auto pfn = zone.free_area().rmqueue_smallest(zone.memmap(), order, type);
  if (pfn) [[likely]]
    return pfn;
  return rmqueue_fallback(zone, order, type);
}

}  // namespace detail
}  // namespace pageblock
