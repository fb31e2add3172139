// SPDX-License-Identifier: MIT
/// Moving another type's memory to a request's own lists: a large chunk and with luck its block, or a
/// small chunk.
///
/// Layer:  mm.
/// Kernel: __rmqueue_fallback(), steal_suitable_fallback() (mm/page_alloc.c) of v6.1.
#pragma once

#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/claim.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/rmqueue_smallest.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Moves the free chunk at pfn to the list of start_type, and if claims all of its block that is
// free; then the block is retyped too, if it is worth that. A chunk of a block or more is retyped as a
// whole.
// Kernel: steal_suitable_fallback().
template <ZoneConfig Config>
void steal_suitable_fallback(Zone<Config>& zone, Pfn pfn, MigrateType start_type, bool claims,
                             unsigned flags) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  Memmap<Config>& map = zone.memmap();
  const Order order = map.bits(pfn).order();
  const MigrateType block_type = zone.pageblock_flags().get(pfn);
  const auto move_single_page = [&] {
    zone.free_area().del(map, pfn);
    zone.free_area().add_tail(map, pfn, order, start_type);
  };
  if (block_type == MigrateType::highatomic) return move_single_page();
  if (order >= Zone<Config>::pageblock_order) {
    for (Pfn block = pfn; block < pfn + order.nr_pages(); block += block_pages) {
      set_pageblock_migratetype(zone, block, start_type);
    }
    return move_single_page();
  }
  boost_for_claim(zone, flags);
  if (!claims) return move_single_page();

  const auto free = static_cast<std::uint64_t>(move_chunks(zone, pfn, start_type));
  if (free == 0) return move_single_page();  // the zone's end cuts the block
  const PfnRange moved = moved_part_of_block(zone, pfn);
  const std::uint64_t movable = nr_movable_pages(zone, moved.start, moved.end);
  if (deserves_block(zone, free, movable, block_type, start_type)) {
    set_pageblock_migratetype(zone, pfn, start_type);
  }
}

// Moves memory of another type to the lists of start_type: of the largest chunk that another has,
// if its block may be claimed; for movable requests else the smallest chunk. Returns whether there
// was any.
// Kernel: __rmqueue_fallback() of v6.1.
template <ZoneConfig Config>
[[gnu::noinline]] bool claim_or_steal(Zone<Config>& zone, Order order, MigrateType start_type,
                                      unsigned flags) {
  const auto steal_from = [&](Order found) {
    const auto [pfn, type] = find_fallback(zone, found, start_type);
    if (!pfn) return false;
    steal_suitable_fallback(zone, *pfn, start_type, may_claim(zone, found, start_type), flags);
    const bool is_claimed = zone.pageblock_flags().get(*pfn) == start_type;
    zone.trace(trace::MmPageAllocExtfrag{*pfn, order, found, start_type, type, is_claimed});
    return true;
  };
  bool only_small = false;
  const unsigned least = least_order<Config>(order, flags).value();
  for (unsigned found = Config::max_order; found-- > least;) {
    // A movable request that cannot claim a block does least harm to the smallest chunk.
    only_small = !may_claim(zone, Order{found}, start_type) && found > order.value();
    if (only_small) break;
    if (steal_from(Order{found})) return true;
  }
  for (unsigned found = order.value(); only_small && found < Config::max_order; ++found) {
    if (steal_from(Order{found})) return true;
  }
  return false;
}

// Takes 2^order pages from the own lists, from CMA, or from the own lists once another type's memory has
// been moved there. Kernel: __rmqueue() of v6.1.
template <ZoneConfig Config>
inline OptionalPfn rmqueue_or_move(Zone<Config>& zone, Order order, MigrateType type,
                                   unsigned flags) {
  const bool may_use_cma = has_free_cma_for(zone, flags);
  do {
    if (const auto pfn = take_smallest(zone, order, type)) [[likely]]
      return pfn;
    if (!may_use_cma) continue;
    if (const auto pfn = take_smallest(zone, order, MigrateType::cma)) return pfn;
  } while (claim_or_steal(zone, order, type, flags));
  return {};
}

}  // namespace pageblock::detail
