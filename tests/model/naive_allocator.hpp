// SPDX-License-Identifier: MIT
/// The middle of the naive model of v3.6: allocating, freeing, per-CPU lists, moving, watermarks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/naive_buddy.hpp"

namespace pageblock::test {

struct NaiveAllocator : NaiveBuddy {
  NaiveAllocator(ModelGeometry geometry, const ZoneLayout& layout) : NaiveBuddy{geometry, layout} {
    managed_pages = 0;  // which v3.6 does not use
    const Number batch = batch_of(present_pages, 128);
    for (PcpImage& pcp : pcps) {
      pcp.batch = std::max<Number>(batch, 1);
      pcp.high = 6 * batch;
    }
  }

  static void check_type(MigrateType type) { bug_if(type > MigrateType::isolate); }
  void check_chunk(Number pfn, unsigned order) const {
    bug_if(order >= max_order || pfn % pages_of(order) != 0);
    for (Number i = 0; i < pages_of(order); ++i) bug_if(!is_valid(pfn + i));
  }

  // --- Entering the free path. Returns what Result::value says of a FreeResult.

  std::int64_t free(Number cpu, Number pfn, unsigned order, bool cold, bool clear_lru = false) {
    check_chunk(pfn, order);
    bug_if(cpu >= pcps.size() || at(pfn).count == 0);
    if (--at(pfn).count != 0) return -1;
    if (clear_lru) at(pfn).is_lru = false;
    std::int64_t nr_bad = 0;
    for (Number i = 0; i < pages_of(order); ++i) {
      const PageImage& page = at(pfn + i);
      if (page.is_lru || page.is_reserved || page.count != 0 || page.is_buddy) ++nr_bad;
    }
    if (nr_bad != 0) return nr_bad;
    if (order == 0) {
      free_to_pcp(pcps[cpu], pfn, cold);
      return 0;
    }
    free_chunk(pfn, order, type_of(pfn));
    nr_free_pages += signed_pages(order);
    return 0;
  }

  // --- Taking chunks from the buddy lists.

  std::optional<Number> smallest_fit(unsigned order, MigrateType type) {
    for (unsigned high = order; high < max_order; ++high) {
      const Pfns& list = free_area[high].lists[index_of(type)];
      if (list.empty()) continue;
      const Number pfn = list.front();
      take_off(pfn);
      expand(pfn, high, order, type);
      return pfn;
    }
    return std::nullopt;
  }

  void expand(Number pfn, unsigned high, unsigned low, MigrateType type) {
    while (high > low) {
      --high;
      put_on(pfn + pages_of(high), high, type, false);
    }
  }

  std::optional<Number> fallback(unsigned order, MigrateType start) {
    using enum MigrateType;
    const std::vector<MigrateType> row = start == unmovable ? std::vector{reclaimable, movable}
                                         : start == reclaimable
                                             ? std::vector{unmovable, movable}
                                             : std::vector{cma, reclaimable, unmovable};
    for (unsigned current = max_order; current-- > order;) {
      for (const MigrateType type : row) {
        const Pfns& list = free_area[current].lists[index_of(type)];
        if (list.empty()) continue;
        const Number pfn = list.front();
        if (type == cma) {
          take_off(pfn);
          expand(pfn, current, order, cma);
          return pfn;
        }
        if (current >= block_order / 2 || start == reclaimable || !mobility_grouping) {
          const Number moved = move_block(pfn, start);
          if (moved >= block_pages() / 2 || !mobility_grouping) set_type(pfn, start);
        }
        take_off(pfn);
        if (current >= block_order) {
          for (Number i = 0; i < pages_of(current - block_order); ++i) {
            set_type(pfn + i * block_pages(), start);
          }
        }
        expand(pfn, current, order, start);
        return pfn;
      }
    }
    return std::nullopt;
  }

  std::optional<Number> request(unsigned order, MigrateType type) {
    if (const auto pfn = smallest_fit(order, type)) return pfn;
    if (const auto pfn = fallback(order, type)) return pfn;
    return smallest_fit(order, MigrateType::reserve);
  }

  std::int64_t alloc(Number cpu, unsigned order, MigrateType type, bool cold) {
    bug_if(order >= max_order || index_of(type) > 2 || cpu >= pcps.size());
    const auto pfn = order == 0 ? alloc_from_pcp(pcps[cpu], type, cold) : request(order, type);
    if (!pfn) return -1;
    if (order != 0) nr_free_pages -= signed_pages(order);
    at(*pfn).page_private = 0;
    at(*pfn).count = 1;
    return static_cast<std::int64_t>(*pfn);
  }

  // --- Per-CPU lists.

  std::optional<Number> alloc_from_pcp(PcpImage& pcp, MigrateType type, bool cold) {
    Pfns& list = pcp.lists[index_of(type)];
    if (list.empty()) refill(pcp, type, cold);
    if (list.empty()) return std::nullopt;
    const auto taken = cold ? list.end() - 1 : list.begin();
    const Number pfn = *taken;
    list.erase(taken);
    --pcp.count;
    return pfn;
  }

  void refill(PcpImage& pcp, MigrateType type, bool cold) {
    Pfns& list = pcp.lists[index_of(type)];
    for (Number i = 0; i < pcp.batch; ++i) {
      const auto pfn = request(0, type);
      if (!pfn) return;
      const MigrateType of_block = type_of(*pfn);
      const bool keeps = of_block == MigrateType::cma || of_block == MigrateType::isolate;
      at(*pfn).page_private = number(keeps ? of_block : type);
      list.insert(cold ? list.begin() : list.end(), *pfn);
      ++pcp.count;
      --nr_free_pages;
    }
  }

  void free_to_pcp(PcpImage& pcp, Number pfn, bool cold) {
    const MigrateType type = type_of(pfn);
    at(pfn).page_private = number(type);
    if (type == MigrateType::isolate) {
      free_chunk(pfn, 0, type);
      ++nr_free_pages;
      return;
    }
    const bool has_list = index_of(type) < nr_pcp_types;
    Pfns& list = pcp.lists[index_of(has_list ? type : MigrateType::movable)];
    list.insert(cold ? list.end() : list.begin(), pfn);
    ++pcp.count;
    if (pcp.count >= pcp.high) drain(pcp, std::min(pcp.batch, pcp.count));
  }

  void drain(PcpImage& pcp, Number nr) {
    Number left = nr;
    Number b = 0;
    for (std::size_t t = 0; left > 0;) {
      do {
        ++b;
        t = (t + 1) % nr_pcp_types;
      } while (pcp.lists[t].empty());
      if (b == 3) b = left;
      do {
        const Number pfn = pcp.lists[t].back();
        pcp.lists[t].pop_back();
        free_chunk(pfn, 0, static_cast<MigrateType>(at(pfn).page_private));
        --left;
        --b;
      } while (left > 0 && b > 0 && !pcp.lists[t].empty());
    }
    pcp.count -= nr;
    nr_free_pages += static_cast<std::int64_t>(nr);
  }

  void drain_cpu(Number cpu) {
    bug_if(cpu >= pcps.size());
    drain(pcps[cpu], pcps[cpu].count);
  }
  void drain_all() {
    for (PcpImage& pcp : pcps) drain(pcp, pcp.count);
  }

  // --- Pieces.

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

  Number split_free(Number pfn) {
    bug_if(!is_head(pfn));
    const unsigned order = order_of(pfn);
    const Number nr = pages_of(order);
    if (!watermark_ok(0, low_watermark + nr, 0, 0, nr_free_pages)) return 0;
    take_off(pfn);
    nr_free_pages -= signed_pages(order);
    for (Number i = 0; i < nr; ++i) at(pfn + i).count = 1;
    if (order + 1 < block_order) return nr;
    for (Number p = pfn; p < pfn + nr - 1; p += block_pages()) {
      const MigrateType type = type_of(p);
      if (type != MigrateType::isolate && type != MigrateType::cma) {
        set_type(p, MigrateType::movable);
      }
    }
    return nr;
  }

  void init_cma(Number pfn) {
    check_chunk(pfn, block_order);
    for (Number i = 0; i < block_pages(); ++i) bug_if(!at(pfn + i).is_reserved);
    for (Number i = 0; i < block_pages(); ++i) {
      at(pfn + i).is_reserved = false;
      at(pfn + i).count = i == 0 ? 1 : 0;
    }
    set_type(pfn, MigrateType::cma);
    free(0, pfn, block_order, false);
  }

  void offline(Number s, Number e) {
    Pfns heads;
    for (Number pfn = s; pfn < e;) {
      if (is_valid(pfn)) {
        bug_if(!at(pfn).is_buddy);
        heads.push_back(pfn);
        pfn += pages_of(order_of(pfn));
      } else {
        ++pfn;
      }
    }
    for (const Number head : heads) {
      const unsigned order = order_of(head);
      take_off(head);
      nr_free_pages -= signed_pages(order);
      for (Number i = 0; i < pages_of(order); ++i) at(head + i).is_reserved = true;
    }
  }

  // --- Moving the free chunks of a block.

  Number move_block(Number pfn, MigrateType type) {
    Number start = pfn & ~(block_pages() - 1);
    const Number end = start + block_pages();
    if (end > end_pfn()) return 0;
    if (start < start_pfn) start = pfn;
    Number moved = 0;
    for (Number p = start; p < end;) {
      if (!is_head(p)) {
        ++p;
        continue;
      }
      const unsigned order = order_of(p);
      take_off(p);
      put_on(p, order, type, false);
      moved += pages_of(order);
      p += pages_of(order);
    }
    return moved;
  }

  // --- Watermarks.

  [[nodiscard]] bool watermark_ok(unsigned order, Number mark, std::size_t classzone,
                                  unsigned flags, std::int64_t free_pages) const {
    bug_if(order >= max_order || classzone >= max_nr_zones);
    auto min = static_cast<std::int64_t>(mark);
    free_pages -= signed_pages(order) - 1;
    if ((flags & 0x20) != 0) min -= min / 2;
    if ((flags & 0x10) != 0) min -= min / 4;
    if (free_pages <= min + static_cast<std::int64_t>(lowmem_reserve.at(classzone))) return false;
    for (unsigned o = 0; o < order; ++o) {
      free_pages -= static_cast<std::int64_t>(free_area[o].nr_free * pages_of(o));
      min /= 2;
      if (free_pages <= min) return false;
    }
    return true;
  }

  [[nodiscard]] std::int64_t free_pages_less_isolated() const {
    return nr_free_pages - nr_pageblock_isolate * static_cast<std::int64_t>(block_pages());
  }
};

}  // namespace pageblock::test
