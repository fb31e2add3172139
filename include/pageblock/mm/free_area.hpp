// SPDX-License-Identifier: MIT
/// The buddy algorithm on the free lists.
///
/// Layer:  mm.
/// Kernel: __free_one_page(), __rmqueue_smallest(), expand() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_list.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pageblock_flags.hpp"

namespace pageblock {

/// The free lists, and what takes chunks off them, splits, merges and adds them. All calls are made
/// under zone->lock.
template <ZoneConfig Config>
class FreeArea : public FreeLists<Config> {
  using Base = FreeLists<Config>;
  using Base::add;
  using Base::list_of;
  using Base::pages;
  using Base::pop_head;
  using Base::remove;

 public:
  using Blocks = typename Base::Blocks;
  using Map = typename Base::Map;
  using Index = typename Base::Index;
  using Base::del;
  using Base::orders;

  /// Frees 2^order pages: merges them with free buddies, and puts the result on the list of @p
  /// type; at its tail if asked to, or if it is likely to merge soon, since the chunk beside it and
  /// its buddy, which is as large as both, is free. In v3.6 buddies of whatever type merge (a
  /// defect); in v6.1 @p flags decide from a block upward.
  /// Kernel: __free_one_page().
  [[gnu::always_inline]] inline void free_one_page(Map& map, const PageblockFlags<Config>& flags,
                                                   Pfn pfn, Order order, MigrateType type,
                                                   ListEnd to = ListEnd::head) {
    Index page = map.index(pfn);
    if (order < Blocks::pageblock_order) map.make_records(pfn);
    PageBits last_buddy{PageBits::hole};
    while (order < Blocks::top_order) {
      const Index buddy = page ^ pages(order);
      last_buddy = map.stored_bits_of(buddy);
      if (!last_buddy.is_chunk(order)) break;
      if (order >= Blocks::pageblock_order && !flags.may_merge(map.pfn(buddy), type)) break;
      remove(map, map.head_slot(buddy), buddy, order, last_buddy.list_type());
      page &= buddy;
      ++order;
    }
    // v3.6 does not look further where there is no memory beside the chunk.
    if (to == ListEnd::head && order + 1 < Blocks::top_order &&
        (Config::semantics.merge_rule == MergeRule::ordinary || last_buddy.is_valid())) {
      const Index above = (page ^ pages(order + 1)) & ~pages(order);
      if (map.stored_bits_of(above).is_chunk(order + 1)) to = ListEnd::tail;
    }
    add(map, map.head_slot(page), page, order, type, to);
  }

  /// Takes the smallest chunk of @p type that holds 2^order pages, from the head of its list, and
  /// gives the upper halves that are too much to the heads of theirs. Nothing if there is none.
  /// Kernel: __rmqueue_smallest().
  OptionalPfn rmqueue_smallest(Map& map, Order order, MigrateType type) {
    const Order found = smallest(order, type);
    if (found > Blocks::top_order) return {};
    const Index page = list_of(found, type).head;
    pop_head(map, found, type);
    split(map, page, found, order, type);
    return map.pfn(page);
  }

  /// Takes the first chunks of @p order, @p most or fewer, of the chunk that rmqueue_smallest() would
  /// take; those smaller than a pageblock from its first pageblock only. The rest of it goes to the
  /// lists of smaller chunks, which were empty: so it is as if they had been asked for one after
  /// another. Returns their range, empty if there is no chunk.
  ///
  ///     chunk of order 3, most 3 of order 0:   |k k k|0|   2   |   k: kept, n: freed with order n
  ///
  /// Kernel: __rmqueue_smallest() in a loop.
  [[gnu::always_inline]] inline PfnRange rmqueue_smallest_bulk(Map& map, std::uint32_t most,
                                                               Order order, MigrateType type) {
    const Order found = smallest(order, type);
    if (found > Blocks::top_order) return {};
    const Index page = list_of(found, type).head;
    if (order < Blocks::pageblock_order) map.make_records(map.pfn(page));
    pop_head(map, found, type, order);
    const Index end = page + pages(found);
    const Order reach =
        order < Blocks::pageblock_order ? std::min(found, Blocks::pageblock_order) : found;
    const Index in_reach = pages(reach) >> order.value();
    const Index kept_end = page + (std::min(most, in_reach) << order.value());
    for (Index rest = kept_end; rest != end;) {
      const Order of_rest{static_cast<unsigned>(std::countr_zero(rest))};
      add(map, map.head_slot(rest), rest, of_rest, type);
      rest += pages(of_rest);
    }
    return {map.pfn(page), map.pfn(page) + (kept_end - page)};  // kept_end may be 2^32, that is 0
  }

  /// Takes the chunk at @p pfn off its list, keeps its first 2^low pages and gives the rest to the
  /// lists of @p type.
  ///
  ///     chunk of order 3, low 0:   |k|0|  1  |      2      |   k: kept, n: freed with order n
  ///
  /// Kernel: the end of __rmqueue_smallest() and __rmqueue_fallback(), expand().
  void take(Map& map, Pfn pfn, Order low, MigrateType type) {
    const Order high = del(map, pfn);
    split(map, map.index(pfn), high, low, type);
  }

 private:
  // The smallest order, least or above, of which there is a chunk of this type; else one that is
  // above the largest.
  [[nodiscard]] Order smallest(Order least, MigrateType type) const {
    const std::uint32_t fitting = orders(type) >> least.value();
    return least + static_cast<unsigned>(std::countr_zero(fitting));
  }

  [[gnu::always_inline]] inline void split(Map& map, Index page, Order high, Order low,
                                           MigrateType type) {
    // What is kept and the halves below a block are in the chunk's first block; larger halves begin
    // a block.
    if (low < high && low < Blocks::pageblock_order) map.make_records(map.pfn(page));
    while (high > low) {
      --high;
      add(map, map.head_slot(page + pages(high)), page + pages(high), high, type);
    }
  }
};

}  // namespace pageblock
