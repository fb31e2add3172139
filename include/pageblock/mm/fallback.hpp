// SPDX-License-Identifier: MIT
/// Requests to the buddy lists: own type first, then other types' memory, then the reserve.
///
/// Layer:  mm.
/// Kernel: get_pageblock_migratetype(), set_pageblock_migratetype(), move_freepages_block(),
///         __rmqueue(), __rmqueue_fallback(), steal_suitable_fallback() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pageblock_flags.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/watermark.hpp"
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
/// grouping off it writes unmovable: in v3.6 whatever @p type is, in v6.1 for types of requests.
/// Requires: @p zone spans @p pfn; the kernel has @p type.
/// Locking:  the caller holds zone.lock, or nobody else uses the zone.
template <ZoneConfig Config>
void set_pageblock_migratetype(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  zone.pageblock_flags().set(pfn, PageblockFlags<Config>::written(type, zone.mobility_grouping()));
}

namespace detail {

// The part of pfn's block whose free chunks move: nothing if the zone's end cuts the block; from pfn
// on, and not from the zone's start, if that cuts it.
template <ZoneConfig Config>
[[nodiscard]] PfnRange moved_part_of_block(const Zone<Config>& zone, Pfn pfn) {
  const Pfn block = pfn.align_down(Zone<Config>::pageblock_order);
  const Pfn end = block + Zone<Config>::pageblock_nr_pages;
  if (end > zone.end_pfn()) return {end, end};
  return {block < zone.start_pfn() ? pfn : block, end};
}

}  // namespace detail

/// Moves the free chunks that begin in the pageblock of @p pfn to the lists of @p type: to their
/// heads in v3.6, to their tails in v6.1. Changes no type and no counter.
///
/// Returns:  the pages in moved chunks; 0 if the block is cut by the zone's end (a defect of both).
///           A chunk that begins in an earlier block is not seen, even if it covers this one
///           (another).
/// Requires: @p zone spans @p pfn; the kernel has @p type.
/// Locking:  the caller holds zone.lock.
template <ZoneConfig Config>
std::uint64_t move_freepages_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  zone.assert_locked();
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  const auto [start, end] = detail::moved_part_of_block(zone, pfn);
  if (start == end) return 0;
  return zone.free_area().move(zone.memmap(), start, end, type);
}

namespace detail {

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

// Raises the watermarks until kswapd has made up for memory that is stolen. Returns whether it did.
// Kernel: boost_watermark().
template <ZoneConfig Config>
bool boost_watermark(Zone<Config>& zone) {
  constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
  if (zone.managed_pages() < 4 * block) return false;
  const std::uint64_t high = std::min(zone.watermarks().high, most_marked_pages);
  const std::uint64_t most = high + high / 2;  // vm.watermark_boost_factor 15000
  if (most == 0) return false;
  std::uint64_t& boost = zone.pressure().watermark_boost;
  write_once<is_shared<Config>>(boost, std::min(boost + block, std::max(most, block)));
  return true;
}

// Returns the pages of [start, end), in one block, that are in use and could be migrated.
template <ZoneConfig Config>
std::uint64_t nr_movable_pages(const Zone<Config>& zone, Pfn start, Pfn end) {
  const auto is_movable = [](PageBits bits) { return bits.has(PageBits::lru); };
  std::uint64_t nr = 0;
  for (Pfn pfn = zone.memmap().find_if(start, end, is_movable); pfn < end;
       pfn = zone.memmap().find_if(pfn + 1, end, is_movable)) {
    ++nr;
  }
  return nr;
}

// Moves the free chunk at pfn to the list of start_type, and if may_claim all of its block that is
// free; then the block is retyped too, if half of it is free or holds pages like those of the
// request. A chunk of a block or more is retyped as a whole.
// Kernel: steal_suitable_fallback().
template <ZoneConfig Config>
void steal_suitable_fallback(Zone<Config>& zone, Pfn pfn, MigrateType start_type, bool may_claim,
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
  if (boost_watermark(zone) && (flags & alloc_flags::kswapd) != 0) {
    write_once<is_shared<Config>>(zone.pressure().boosted, true);
  }
  if (!may_claim) return move_single_page();

  const std::uint64_t free = move_freepages_block(zone, pfn, start_type);
  if (free == 0) return move_single_page();  // the zone's end cuts the block
  const PfnRange moved = moved_part_of_block(zone, pfn);
  const std::uint64_t movable = nr_movable_pages(zone, moved.start, moved.end);
  std::uint64_t alike = 0;
  if (start_type == MigrateType::movable) {
    alike = movable;
  } else if (block_type == MigrateType::movable) {
    alike = block_pages - std::min(block_pages, free + movable);
  }
  if (free + alike >= block_pages / 2 || !zone.mobility_grouping()) {
    set_pageblock_migratetype(zone, pfn, start_type);
  }
}

// Moves memory of another type to the lists of start_type: of the largest chunk that another has,
// if its block may be claimed; for movable requests else the smallest chunk. Returns whether there
// was any.
// Kernel: __rmqueue_fallback() of v6.1, with find_suitable_fallback().
template <ZoneConfig Config>
[[gnu::noinline]] bool claim_or_steal(Zone<Config>& zone, Order order, MigrateType start_type,
                                      unsigned flags) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  const auto may_claim = [&](Order found) {
    return found.value() >= block_order.value() / 2 || start_type != MigrateType::movable ||
           !zone.mobility_grouping();
  };
  const auto steal_from = [&](Order found) {
    for (const MigrateType type : Config::semantics.fallbacks_of(start_type)) {
      if (zone.free_area().nr_free(found, type) == 0) continue;
      const Pfn pfn = zone.free_area().head(zone.memmap(), found, type);
      steal_suitable_fallback(zone, pfn, start_type, may_claim(found), flags);
      const bool is_claimed = zone.pageblock_flags().get(pfn) == start_type;
      zone.trace(trace::MmPageAllocExtfrag{pfn, order, found, start_type, type, is_claimed});
      return true;
    }
    return false;
  };
  const bool whole_blocks = (flags & alloc_flags::no_fragment) != 0 && order < block_order;
  bool only_small = false;
  const unsigned least = whole_blocks ? block_order.value() : order.value();
  for (unsigned found = Config::max_order; found-- > least;) {
    // A movable request that cannot claim a block does least harm to the smallest chunk.
    only_small = !may_claim(Order{found}) && found > order.value();
    if (only_small) break;
    if (steal_from(Order{found})) return true;
  }
  for (unsigned found = order.value(); only_small && found < Config::max_order; ++found) {
    if (steal_from(Order{found})) return true;
  }
  return false;
}

// Returns whether a request with these flags must look at the CMA blocks first or last.
template <ZoneConfig Config>
[[nodiscard]] bool has_free_cma_for(const Zone<Config>& zone, unsigned flags) {
  return Config::semantics.steal_rule == StealRule::claim_or_small &&
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
  return pfn;
}

/// Takes 2^order pages off the buddy lists for a request of @p type, one of pcp_types. The pages
/// have count 0; the counters are the caller's. v6.1 lets those with alloc_flags::cma prefer CMA
/// blocks while more than half of what is free is there, and take from them before they steal; its
/// event comes here, with the list's type.
/// Kernel: __rmqueue().
template <ZoneConfig Config>
inline OptionalPfn rmqueue(Zone<Config>& zone, Order order, MigrateType type,
                           [[maybe_unused]] unsigned flags = 0) {
  zone.assert_locked();
  const auto take = [&](MigrateType from) { return take_smallest(zone, order, from); };
  if constexpr (Config::semantics.steal_rule == StealRule::largest) {
    if (const auto pfn = take(type)) [[likely]]
      return pfn;
    return rmqueue_largest(zone, order, type);
  } else {
    const bool may_use_cma = has_free_cma_for(zone, flags);
    if (may_use_cma && zone.nr_free_cma_pages() > zone.nr_free_pages() / 2) {
      if (const auto pfn = take(MigrateType::cma)) return pfn;
    }
    do {
      if (const auto pfn = take(type)) [[likely]]
        return pfn;
      if (!may_use_cma) continue;
      if (const auto pfn = take(MigrateType::cma)) return pfn;
    } while (claim_or_steal(zone, order, type, flags));
    return {};
  }
}

}  // namespace detail
}  // namespace pageblock
