/// The naive model from v6.1 on: per-CPU lists, requests, fallback, watermarks.
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

struct NaiveV6Allocator : NaiveBuddy {
  /// The order of huge pages, of which CPUs have lists too; 0 for none.
  unsigned huge_order;
  /// What zone_pcp_enable() gives back.
  Number saved_batch = 1;
  Number saved_high = 0;

  NaiveV6Allocator(ModelGeometry geometry, const ZoneLayout& layout)
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
    for (PcpImage& pcp : pcps) pcp.batch = batch, pcp.high = high;
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
    set_limits(1, 0);
    drain_all();
  }
  void enable_pcps() { set_limits(saved_batch, saved_high); }

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

  // --- One request to the zone.

  std::int64_t alloc(Number cpu, unsigned order, MigrateType type, unsigned flags) {
    bug_if(order >= max_order || !is_ordinary(type));
    check_cpu(cpu);
    std::optional<Number> pfn;
    // Others than those that may use CMA must not find its pages on a CPU's list.
    const bool avoids_cma =
        has_cma() && type == MigrateType::movable && (flags & naive_flags::cma) == 0;
    if (has_lists(order) && !avoids_cma) {
      pcps[cpu].free_factor /= 2;
      pfn = take_from_pcp(pcps[cpu], order, type, flags);
    }
    if (!pfn) pfn = alloc_from_buddy(order, type, flags);
    boosted = false;  // kswapd is woken
    return pfn ? hand_out(*pfn) : -1;
  }

  std::optional<Number> alloc_from_buddy(unsigned order, MigrateType type, unsigned flags) {
    std::optional<Number> pfn;
    if ((flags & naive_flags::highatomic) != 0) pfn = smallest_fit(order, MigrateType::highatomic);
    if (!pfn) pfn = request(order, type, flags);
    if (!pfn && (flags & (naive_flags::oom | naive_flags::non_block)) != 0) {
      pfn = smallest_fit(order, MigrateType::highatomic);
    }
    if (pfn) count(remembered(*pfn), -signed_pages(order));
    return pfn;
  }

  std::int64_t hand_out(Number pfn) {
    at(pfn).page_private = 0;
    at(pfn).count = 1;
    return static_cast<std::int64_t>(pfn);
  }

  /// Single pages, as many as the CPU's list and its refills give.
  Pfns alloc_bulk(Number cpu, MigrateType type, Number nr, unsigned flags) {
    bug_if(!is_ordinary(type));
    check_cpu(cpu);
    Pfns pfns;
    while (pfns.size() < nr) {
      const auto pfn = take_from_pcp(pcps[cpu], 0, type, flags);
      if (!pfn) break;
      hand_out(*pfn);
      pfns.push_back(*pfn);
    }
    return pfns;
  }

  // --- The reserve for urgent requests of several pages.

  bool reserve_highatomic(Number pfn) {
    bug_if(!spans(pfn));
    if (nr_reserved_highatomic >= managed_pages / 100 + block_pages()) return false;
    if (!is_ordinary(type_of(pfn))) return false;
    nr_reserved_highatomic += block_pages();
    set_type(pfn, MigrateType::highatomic);
    move_block(pfn, MigrateType::highatomic);
    return true;
  }

  bool unreserve_highatomic(MigrateType type, bool force) {
    bug_if(!is_ordinary(type));
    if (!force && nr_reserved_highatomic <= block_pages()) return false;
    for (FreeAreaImage& area : free_area) {
      const Pfns& list = area.lists[index_of(MigrateType::highatomic)];
      if (list.empty()) continue;
      const Number pfn = list.front();
      if (type_of(pfn) == MigrateType::highatomic) {
        nr_reserved_highatomic -= std::min(block_pages(), nr_reserved_highatomic);
      }
      set_type(pfn, type);
      if (move_block(pfn, type) != 0) return true;
    }
    return false;
  }

  // --- Freeing. The value of a FreeResult: 0 freed, -1 held, else the number of bad pages.

  std::int64_t free(Number cpu, Number pfn, unsigned order, bool clear_lru = false) {
    check_chunk(pfn, order);
    check_cpu(cpu);
    bug_if(at(pfn).count == 0);
    if (--at(pfn).count != 0) {
      // Of a chunk that is not compound, the last reference will free one page only.
      if (compound_order(pfn) != 0) return -1;
      for (unsigned o = order; o-- > 0;) free_unused(cpu, pfn + pages_of(o), o);
      return -1;
    }
    if (clear_lru) at(pfn).is_lru = false;
    return free_unused(cpu, pfn, order);
  }

  std::int64_t put(Number cpu, Number pfn) {
    bug_if(!is_valid(pfn) || at(pfn).count == 0);
    return free(cpu, pfn, compound_order(pfn), true);
  }

  std::int64_t free_unused(Number cpu, Number pfn, unsigned order) {
    std::int64_t nr_bad = 0;
    for (Number i = 0; i < pages_of(order); ++i) {
      const PageImage& page = at(pfn + i);
      if (page.is_lru || page.is_reserved || page.count != 0 || page.is_buddy) ++nr_bad;
    }
    if (nr_bad != 0) return nr_bad;
    for (Number i = 0; i < pages_of(order); ++i) at(pfn + i).compound = 0;
    if (has_lists(order)) {
      free_to_pcp(pcps[cpu], pfn, order);
    } else {
      free_to_buddy(pfn, order);
    }
    return 0;
  }

  // --- Pages in use.

  /// Of a compound page, which begins at @p pfn; else 0.
  [[nodiscard]] unsigned compound_order(Number pfn) const {
    return static_cast<unsigned>(at(pfn).compound);
  }
  /// The first page of the compound page that @p pfn is in, or @p pfn.
  [[nodiscard]] Number compound_head(Number pfn) const {
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = pfn & ~(pages_of(order) - 1);
      if (spans(head) && at(head).compound >= std::max(order, 1U)) return head;
    }
    return pfn;
  }
  [[nodiscard]] bool is_lru(Number pfn) const {
    return is_valid(pfn) && at(compound_head(pfn)).is_lru;
  }

  void make_compound(Number pfn, unsigned order) { at(pfn).compound = order; }
  void get(Number pfn) {
    bug_if(!is_in_use(pfn));
    ++at(pfn).count;
  }
  void set_lru(Number pfn, bool lru) {
    bug_if(!is_valid(pfn) || is_in_free_chunk(pfn));
    at(pfn).is_lru = lru;
  }
  void split(Number pfn, unsigned order) {
    check_chunk(pfn, order);
    bug_if(at(pfn).count == 0);
    for (Number i = 1; i < pages_of(order); ++i) {
      bug_if(at(pfn + i).count != 0 || at(pfn + i).is_buddy);
    }
    for (Number i = 1; i < pages_of(order); ++i) at(pfn + i).count = 1;
  }

  /// Takes a whole free chunk, as compaction does; 0 if the min watermark forbids it. Its pages stay unused.
  Number isolate_free(Number pfn) {
    const unsigned order = order_of(pfn);
    const MigrateType type = type_of(pfn);
    if (type != MigrateType::isolate) {
      const Number mark = min_watermark + pages_of(order);
      if (!watermark_ok(0, mark, 0, naive_flags::cma)) return 0;
      count(type, -signed_pages(order));
    }
    take_off(pfn);
    if (order + 1 >= block_order) {
      for (Number p = pfn; p < pfn + pages_of(order) - 1; p += block_pages()) {
        if (is_ordinary(type_of(p))) set_type(p, MigrateType::movable);
      }
    }
    return pages_of(order);
  }
  void put_back(Number pfn, unsigned order, MigrateType type) {
    count(type, signed_pages(order));
    free_chunk(pfn, order, type, true);
  }
  Number split_free(Number pfn) {
    bug_if(!is_head(pfn));
    const Number nr = isolate_free(pfn);
    for (Number i = 0; i < nr; ++i) at(pfn + i).count = 1;
    return nr;
  }

  void init_cma(Number pfn) {
    check_chunk(pfn, block_order);
    for (Number i = 0; i < block_pages(); ++i) bug_if(!at(pfn + i).is_reserved);
    for (Number i = 0; i < block_pages(); ++i) {
      at(pfn + i).is_reserved = false;
      at(pfn + i).count = 0;
    }
    at(pfn).count = 1;
    set_type(pfn, MigrateType::cma);
    managed_pages += block_pages();
    free(0, pfn, block_order);
  }

  // --- Watermarks.

  [[nodiscard]] bool watermark_ok(unsigned order, Number mark, std::size_t classzone,
                                  unsigned flags) const {
    using namespace naive_flags;
    bug_if(order >= max_order || classzone >= max_nr_zones);
    std::int64_t free_pages = nr_free_pages - (signed_pages(order) - 1);
    if ((flags & (non_block | min_reserve | highatomic | oom)) == 0) {
      free_pages -= static_cast<std::int64_t>(nr_reserved_highatomic);
    }
    if ((flags & cma) == 0) free_pages -= nr_free_cma;
    auto min = static_cast<std::int64_t>(mark);
    if ((flags & min_reserve) != 0) {
      min -= min / 2;
      if ((flags & non_block) != 0) min -= min / 4;
    }
    if ((flags & oom) != 0) min -= min / 2;
    if (free_pages <= min + static_cast<std::int64_t>(lowmem_reserve.at(classzone))) return false;
    if (order == 0) return true;
    const auto has = [&](unsigned o, MigrateType type) {
      return !free_area[o].lists[index_of(type)].empty();
    };
    for (unsigned o = order; o < max_order; ++o) {
      for (const MigrateType type : rules.types) {
        if (is_ordinary(type) && has(o, type)) return true;
      }
      if ((flags & cma) != 0 && has(o, MigrateType::cma)) return true;
      if ((flags & (highatomic | oom)) != 0 && has(o, MigrateType::highatomic)) return true;
    }
    return false;
  }
};

}  // namespace pageblock::test
