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
#include "pageblock/mm/free_lists.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_records.hpp"
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
  /// defect); in v6.1 @p flags decide from a block upward. In v6.12 the blocks of a buddy that was of
  /// another type get this one.
  /// Kernel: __free_one_page().
  [[gnu::always_inline]] inline void free_one_page(Map& map, PageblockFlags<Config>& flags, Pfn pfn,
                                                   Order order, MigrateType type,
                                                   ListEnd to = ListEnd::head) {
    Index page = map.index(pfn);
    if (order < Blocks::pageblock_order) {
      map.prepare_to_add(pfn);
      for (; order < Blocks::pageblock_order; ++order, page &= ~pages(order - 1)) {
        const Index buddy = page ^ pages(order);
        const PageBits bits = map.bits_of(in_pages, buddy);
        if (!bits.is_chunk(order)) {
          if (to == ListEnd::head) to = end_for(in_pages, map, page, order, bits);
          return add(in_pages, map, page, order, type, to);
        }
        remove(in_pages, map, buddy, order, bits.list_type());
      }
    }
    for (; order < Blocks::top_order; ++order, page &= ~pages(order - 1)) {
      const Index buddy = page ^ pages(order);
      const PageBits bits = map.bits_of(in_blocks, buddy);
      if (!bits.is_chunk(order) || !flags.may_merge(map.pfn(buddy), type)) {
        if (to == ListEnd::head) to = end_for(in_blocks, map, page, order, bits);
        break;
      }
      remove(in_blocks, map, buddy, order, bits.list_type());
      if constexpr (Config::semantics.merge_rule == MergeRule::ordinary_relabels) {
        if (flags.get(map.pfn(buddy)) != type) flags.relabel(map.pfn(buddy), order, type);
      }
    }
    add(in_blocks, map, page, order, type, to);
  }

  /// Takes the smallest chunk of @p type that holds 2^order pages, from the head of its list, and
  /// gives the upper halves that are too much to the heads of theirs. Nothing if there is none.
  /// Kernel: __rmqueue_smallest().
  OptionalPfn rmqueue_smallest(Map& map, Order order, MigrateType type) {
    const Order found = smallest(order, type);
    if (found > Blocks::top_order) return {};
    const Index page = list_of(found, type).head;
    in_tier_of<Config>(found, [&](auto tier) { this->pop_head(tier, map, found, type); });
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
    const bool is_small = order < Blocks::pageblock_order;
    in_tier_of<Config>(found, [&](auto tier) { this->pop_head(tier, map, found, type); });
    if (is_small) map.prepare_to_add(map.pfn(page));
    const Index end = page + pages(found);
    const Order reach = is_small ? std::min(found, Blocks::pageblock_order) : found;
    const Index in_reach = pages(reach) >> order.value();
    const Index kept_end = page + (std::min(most, in_reach) << order.value());
    for (Index rest = kept_end; rest != end;) {
      const Order of_rest{static_cast<unsigned>(std::countr_zero(rest))};
      in_tier_of<Config>(of_rest, [&](auto tier) { this->add(tier, map, rest, of_rest, type); });
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

  // The end of its list at which a chunk that did not merge further is put. buddy are the bits of
  // its buddy's first page.
  template <Tier t>
  [[nodiscard, gnu::always_inline]] inline ListEnd end_for(InTier<t> tier, const Map& map,
                                                           Index page, Order order,
                                                           PageBits buddy) const {
    if (order + 1 >= Blocks::top_order) return ListEnd::head;
    // v3.6 does not look further where there is no memory beside the chunk, nor v6.1 where the chunk
    // that both would make begins before the zone.
    if (Config::semantics.merge_rule == MergeRule::any) {
      const bool is_memory =
          tier == Tier::pages ? buddy.is_valid() : map.bits_of(page ^ pages(order)).is_valid();
      if (!is_memory) return ListEnd::head;
    } else if ((page & ~pages(order)) < map.zone_start()) {
      return ListEnd::head;
    }
    const Index above = (page ^ pages(order + 1)) & ~pages(order);
    const bool is_in_block = tier == Tier::pages && order + 1 < Blocks::pageblock_order;
    const PageBits bits =
        is_in_block ? map.bits_of(in_pages, above) : map.bits_of(in_blocks, above);
    return bits.is_chunk(order + 1) ? ListEnd::tail : ListEnd::head;
  }

  [[gnu::always_inline]] inline void split(Map& map, Index page, Order high, Order low,
                                           MigrateType type) {
    while (high > low && high > Blocks::pageblock_order) {
      --high;
      add(in_blocks, map, page + pages(high), high, type);
    }
    if (high == low) return;
    map.prepare_to_add(map.pfn(page));
    while (high > low) {
      --high;
      add(in_pages, map, page + pages(high), high, type);
    }
  }
};

}  // namespace pageblock
