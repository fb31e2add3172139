// SPDX-License-Identifier: MIT
/// Taking another type's memory: a block that can be claimed, else a chunk by itself.
///
/// Layer:  mm.
/// Kernel: __rmqueue(), __rmqueue_claim(), __rmqueue_steal(), try_to_claim_block() (mm/page_alloc.c,
///         v6.15, in v6.12 with a stable update).
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

// What served a request last. Those that follow under the same lock do not try again what failed.
enum class Served : std::uint8_t { own, cma, claim, steal };

// Takes the chunk at pfn for a request, and gives what is too much of it to the lists of a type.
template <ZoneConfig Config>
void take_from_other(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type_of_rest) {
  zone.free_area().take(zone.memmap(), pfn, order, type_of_rest);
  zone.count_free(-nr_pages_of(order), type_of_rest);
}

// Returns the pages of the free chunks in the block that begins at a pfn.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t nr_free_in_block(const Zone<Config>& zone, Pfn block) {
  const auto is_head = [](PageBits bits) { return bits.has(PageBits::buddy); };
  const Pfn end = block + Zone<Config>::pageblock_nr_pages;
  std::uint64_t nr = 0;
  for (Pfn pfn = zone.memmap().find_if(block, end, is_head); pfn < end;
       pfn = zone.memmap().find_if(pfn, end, is_head)) {
    const std::uint64_t pages = zone.memmap().bits(pfn).order().nr_pages();
    nr += pages;
    pfn += pages;
  }
  return nr;
}

// Claims the block of the free chunk at pfn, which is smaller, if it is worth that: its free chunks move to
// the lists of start_type, and one that will do is taken from there. Else only the watermarks have been
// raised.
// Kernel: try_to_claim_block().
template <ZoneConfig Config>
OptionalPfn claim_block(Zone<Config>& zone, Pfn pfn, Order order, MigrateType start_type,
                        unsigned flags) {
  boost_for_claim(zone, flags);
  if (!has_whole_block(zone, pfn)) return {};
  const Pfn block = pfn.align_down(Zone<Config>::pageblock_order);
  const std::uint64_t free = nr_free_in_block(zone, block);
  const std::uint64_t movable =
      nr_movable_pages(zone, block, block + Zone<Config>::pageblock_nr_pages);
  const MigrateType old_type = zone.pageblock_flags().get(pfn);
  if (!deserves_block(zone, free, movable, old_type, start_type)) return {};
  move_and_retype(zone, pfn, start_type);
  return take_smallest(zone, order, start_type);
}

// Tries to claim blocks, those of larger chunks first.
// Kernel: __rmqueue_claim().
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn rmqueue_claim(Zone<Config>& zone, Order order, MigrateType start_type,
                                            unsigned flags) {
  const unsigned least = least_order<Config>(order, flags).value();
  for (unsigned current = Config::max_order; current-- > least;) {
    const Order found{current};
    const auto [head, type] = find_fallback(zone, found, start_type);
    if (!head) continue;
    if (!may_claim(zone, found, start_type)) return {};
    if (zone.pageblock_flags().get(*head) == MigrateType::highatomic) continue;
    OptionalPfn pfn = head;
    if (found >= Zone<Config>::pageblock_order) {
      zone.pageblock_flags().relabel(*head, found, start_type);
      take_from_other(zone, *head, order, start_type);
    } else {
      pfn = claim_block(zone, *head, order, start_type, flags);
      if (!pfn) continue;
    }
    const bool is_claimed = zone.pageblock_flags().get(*pfn) == start_type;
    zone.trace(trace::MmPageAllocExtfrag{*pfn, order, found, start_type, type, is_claimed});
    return pfn;
  }
  return {};
}

// Takes the smallest chunk that another type has; the rest of it stays that type's.
// Kernel: __rmqueue_steal().
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn rmqueue_steal(Zone<Config>& zone, Order order,
                                            MigrateType start_type) {
  for (Order found = order; found <= Zone<Config>::top_order; ++found) {
    const auto [pfn, type] = find_fallback(zone, found, start_type);
    if (!pfn) continue;
    take_from_other(zone, *pfn, order, type);
    const bool is_own = zone.pageblock_flags().get(*pfn) == start_type;
    zone.trace(trace::MmPageAllocExtfrag{*pfn, order, found, start_type, type, is_own});
    return pfn;
  }
  return {};
}

// Takes 2^order pages from the own lists, from CMA, from a block that it claims, or from another type's
// chunk. Kernel: __rmqueue().
template <ZoneConfig Config>
inline OptionalPfn rmqueue_by_served(Zone<Config>& zone, Order order, MigrateType type,
                                     unsigned flags, Served& served) {
  if (served == Served::own) [[likely]] {
    if (const auto pfn = take_smallest(zone, order, type)) [[likely]]
      return pfn;
  }
  if (served <= Served::cma && has_free_cma_for(zone, flags)) {
    if (const auto pfn = take_smallest(zone, order, MigrateType::cma)) {
      served = Served::cma;
      return pfn;
    }
  }
  if (served <= Served::claim) {
    if (const auto pfn = rmqueue_claim(zone, order, type, flags)) {
      served = Served::own;
      return pfn;
    }
  }
  if ((flags & alloc_flags::no_fragment) != 0) return {};
  const auto pfn = rmqueue_steal(zone, order, type);
  if (pfn) served = Served::steal;
  return pfn;
}

}  // namespace pageblock::detail
