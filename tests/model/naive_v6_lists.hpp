// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: per-CPU lists, requests to the buddy lists, fallback.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/naive_buddy.hpp"

namespace pageblock::test {

/// The kernel's ALLOC_ bits.
namespace naive_flags {
inline constexpr unsigned mark_mask = 0x3;
inline constexpr unsigned no_watermarks = 0x4;
inline constexpr unsigned oom = 0x8;
inline constexpr unsigned non_block = 0x10;
inline constexpr unsigned min_reserve = 0x20;
inline constexpr unsigned cma = 0x80;
inline constexpr unsigned no_fragment = 0x100;
inline constexpr unsigned highatomic = 0x200;
inline constexpr unsigned kswapd = 0x800;
}  // namespace naive_flags

struct NaiveV6Lists : NaiveBuddy {
  /// The order of huge pages, of which CPUs have lists too; 0 for none.
  unsigned huge_order;

  NaiveV6Lists(ModelGeometry geometry, const ZoneLayout& layout)
      : NaiveBuddy{geometry, layout},
        huge_order{rules.pcp_has_huge && block_order > rules.pcp_order ? block_order : 0} {
    // With a low watermark of 0, which the CPUs would share.
    const Number batch = std::max<Number>(batch_of(managed_pages, 256), 1);
    set_pageset(batch, 4 * batch);
  }

  void set_pageset(Number batch, Number high) {
    saved_batch = batch;
    saved_high = high;
    set_limits(batch, high);
  }
  void set_limits(Number batch, Number high) {
    for (PcpImage& pcp : pcps) {
      pcp.batch = batch;
      pcp.high = high;
    }
  }

  void check_type(MigrateType type) const { bug_if(number(type) >= rules.types.size()); }
  void check_cpu(Number cpu) const { bug_if(cpu >= pcps.size()); }
  void check_chunk(Number pfn, unsigned order) const {
    bug_if(order >= max_order || pfn % pages_of(order) != 0);
    for (Number i = 0; i < pages_of(order); ++i) bug_if(!is_valid(pfn + i));
  }
  [[nodiscard]] bool has_cma() const { return number(MigrateType::cma) < rules.types.size(); }

  // --- Per-CPU lists: for orders 0 to 3 one of each ordinary type, and two of huge pages.

  [[nodiscard]] bool has_lists(unsigned order) const {
    return order <= rules.pcp_order || (huge_order != 0 && order == huge_order);
  }
  [[nodiscard]] std::size_t list_index(unsigned order, MigrateType type) const {
    if (order > rules.pcp_order) {
      return 3 * (rules.pcp_order + 1) + (type == MigrateType::movable ? 1 : 0);
    }
    return 3 * order + number(type);
  }
  [[nodiscard]] MigrateType remembered(Number pfn) const {
    return rules.types.at(at(pfn).page_private);
  }

  void free_to_pcp(PcpImage& pcp, Number pfn, unsigned order) {
    const MigrateType type = type_of(pfn);
    if (type == MigrateType::isolate) return free_to_buddy(pfn, order);
    at(pfn).page_private = number(type);
    const std::size_t index = list_index(order, is_ordinary(type) ? type : MigrateType::movable);
    pcp.lists[index].insert(pcp.lists[index].begin(), pfn);
    pcp.count += pages_of(order);

    const bool all = pcp.free_factor != 0 && order >= 1 && order <= 3;
    Number limit = reclaim_active ? std::min(4 * pcp.batch, pcp.high) : pcp.high;
    if (all) limit = 0;
    if (pcp.count < limit) return;
    if (all) return drain(pcp, pcp.count, index);
    if (limit < pcp.batch) return drain(pcp, 1, index);
    const Number most = limit - pcp.batch;
    const Number nr = pcp.batch << pcp.free_factor;
    if (nr < most && pcp.free_factor < 5) ++pcp.free_factor;
    drain(pcp, std::min(std::max(nr, pcp.batch), most), index);
  }

  void free_to_buddy(Number pfn, unsigned order, bool at_tail = false) {
    const MigrateType type = type_of(pfn);
    count(type, signed_pages(order));
    free_chunk(pfn, order, type, at_tail);
  }

  /// Frees @p nr pages, or a few more of the last chunk: the tail of list @p index until it is empty, then
  /// that of the next one.
  void drain(PcpImage& pcp, Number nr, std::size_t index = 0) {
    nr = std::min(nr, pcp.count);
    while (nr > 0) {
      Pfns& list = pcp.lists[index];
      if (list.empty()) {
        index = (index + 1) % pcp.lists.size();
        continue;
      }
      const Number pfn = list.back();
      list.pop_back();
      const unsigned order = order_of_list(index);
      const MigrateType type = nr_pageblock_isolate != 0 ? type_of(pfn) : remembered(pfn);
      at(pfn).page_private = 0;
      count(type, signed_pages(order));
      free_chunk(pfn, order, type);
      pcp.count -= pages_of(order);
      nr -= std::min(nr, pages_of(order));
    }
  }
  void drain_cpu(Number cpu) {
    check_cpu(cpu);
    drain(pcps[cpu], pcps[cpu].count);
  }
  void drain_all() {
    for (PcpImage& pcp : pcps) drain(pcp, pcp.count);
  }
  void disable_pcps() {
    has_disabled_pcps = true;
    set_limits(1, 0);
    drain_all();
  }
  void enable_pcps() {
    bug_if(!has_disabled_pcps);
    has_disabled_pcps = false;
    set_limits(saved_batch, saved_high);
  }

  std::optional<Number> take_from_pcp(PcpImage& pcp, unsigned order, MigrateType type,
                                      unsigned flags) {
    Pfns& list = pcp.lists[list_index(order, type)];
    if (list.empty()) refill(pcp, list, order, type, flags);
    if (list.empty()) return std::nullopt;
    const Number pfn = list.front();
    list.erase(list.begin());
    pcp.count -= pages_of(order);
    return pfn;
  }

  void refill(PcpImage& pcp, Pfns& list, unsigned order, MigrateType type, unsigned flags) {
    const Number nr = pcp.batch > 1 ? std::max<Number>(pcp.batch >> order, 2) : pcp.batch;
    Number got = 0;
    for (; got < nr; ++got) {
      const auto pfn = request(order, type, flags);
      if (!pfn) break;
      list.push_back(*pfn);
      if (remembered(*pfn) == MigrateType::cma) nr_free_cma -= signed_pages(order);
    }
    nr_free_pages -= static_cast<std::int64_t>(got * pages_of(order));
    pcp.count += got * pages_of(order);
  }

  // --- Taking chunks from the buddy lists. The caller counts.

  std::optional<Number> smallest_fit(unsigned order, MigrateType type) {
    for (unsigned found = order; found < max_order; ++found) {
      const Pfns& list = free_area[found].lists[index_of(type)];
      if (list.empty()) continue;
      const Number pfn = list.front();
      take_off(pfn);
      for (unsigned half = found; half-- > order;) put_on(pfn + pages_of(half), half, type, false);
      at(pfn).page_private = number(type);
      return pfn;
    }
    return std::nullopt;
  }

  std::optional<Number> request(unsigned order, MigrateType type, unsigned flags) {
    const bool uses_cma = has_cma() && (flags & naive_flags::cma) != 0;
    if (uses_cma && nr_free_cma > nr_free_pages / 2) {
      if (const auto pfn = smallest_fit(order, MigrateType::cma)) return pfn;
    }
    do {
      if (const auto pfn = smallest_fit(order, type)) return pfn;
      if (!uses_cma) continue;
      if (const auto pfn = smallest_fit(order, MigrateType::cma)) return pfn;
    } while (fallback(order, type, flags));
    return std::nullopt;
  }

  /// The first type to fall back to that has a chunk of @p order.
  [[nodiscard]] std::optional<MigrateType> find_fallback(unsigned order, MigrateType start) const {
    for (const MigrateType type : rules.fallbacks[number(start)]) {
      if (!free_area[order].lists[index_of(type)].empty()) return type;
    }
    return std::nullopt;
  }

  /// Moves something to the lists of @p start. False if there is nothing.
  bool fallback(unsigned order, MigrateType start, unsigned flags) {
    const bool whole_blocks = (flags & naive_flags::no_fragment) != 0 && order < block_order;
    const unsigned least = whole_blocks ? block_order : order;
    const auto can_steal = [&](unsigned found) {
      return found >= block_order / 2 || start != MigrateType::movable || !mobility_grouping;
    };
    for (unsigned found = max_order; found-- > least;) {
      auto type = find_fallback(found, start);
      if (!type) continue;
      if (!can_steal(found) && found > order) {  // then the smallest does least harm
        found = order;
        while (!(type = find_fallback(found, start))) ++found;
      }
      const Number pfn = free_area[found].lists[index_of(*type)].front();
      steal(pfn, start, can_steal(found), flags);
      return true;
    }
    return false;
  }

  void steal(Number pfn, MigrateType start, bool whole_block, unsigned flags) {
    const unsigned order = order_of(pfn);
    const MigrateType old = type_of(pfn);
    const auto only_this = [&] {
      take_off(pfn);
      put_on(pfn, order, start, true);
    };
    if (old == MigrateType::highatomic) return only_this();
    if (order >= block_order) {
      for (Number i = 0; i < pages_of(order); i += block_pages()) set_type(pfn + i, start);
      return only_this();
    }
    if (boost_watermark() && (flags & naive_flags::kswapd) != 0) boosted = true;
    if (!whole_block) return only_this();

    Number movable = 0;
    const Number free = move_block(pfn, start, &movable);
    if (free == 0) return only_this();
    Number alike = 0;
    if (start == MigrateType::movable) {
      alike = movable;
    } else if (old == MigrateType::movable) {
      alike = block_pages() - (free + movable);
    }
    if (free + alike >= block_pages() / 2 || !mobility_grouping) set_type(pfn, start);
  }

  bool boost_watermark() {
    if (managed_pages < 4 * block_pages()) return false;
    Number most = high_watermark * 3 / 2;
    if (most == 0) return false;
    most = std::max(most, block_pages());
    watermark_boost = std::min(watermark_boost + block_pages(), most);
    return true;
  }

  [[nodiscard]] bool is_lru(Number pfn) const {
    return is_valid(pfn) && at(compound_head(pfn)).is_lru;
  }

  /// Moves the free chunks of the block to the tails of the lists of @p type, and returns their pages.
  /// Below the zone's start it begins at @p pfn; a block that the zone's end cuts stays.
  Number move_block(Number pfn, MigrateType type, Number* nr_movable = nullptr) {
    Number start = pfn / block_pages() * block_pages();
    const Number end = start + block_pages();
    if (start < start_pfn) start = pfn;
    if (end > end_pfn()) return 0;
    Number moved = 0;
    for (Number p = start; p < end;) {
      if (is_head(p)) {
        const unsigned order = order_of(p);
        take_off(p);
        put_on(p, order, type, true);
        moved += pages_of(order);
        p += pages_of(order);
      } else {
        if (nr_movable != nullptr && is_lru(p)) ++*nr_movable;
        ++p;
      }
    }
    return moved;
  }
};

}  // namespace pageblock::test
