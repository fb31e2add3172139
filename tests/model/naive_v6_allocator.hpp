// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: a request to the zone, pages in use and their release, watermarks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "model/naive_v6_lists.hpp"

namespace pageblock::test {

struct NaiveV6Allocator : NaiveV6Lists {
  using NaiveV6Lists::NaiveV6Lists;

  // --- One request to the zone.

  std::int64_t alloc(Number cpu, unsigned order, MigrateType type, unsigned flags) {
    bug_if(order >= max_order || !is_ordinary(type));
    check_cpu(cpu);
    std::optional<Number> pfn;
    // Others than those that may use CMA must not find its pages on a CPU's list.
    const bool avoids_cma = rules.lists_hide_cma && has_cma() && type == MigrateType::movable &&
                            (flags & naive_flags::cma) == 0;
    if (has_lists(order) && !avoids_cma) {
      pcps[cpu].free_factor /= 2;
      pcps[cpu].free_count /= 2;
      pfn = take_from_pcp(pcps[cpu], order, type, flags);
    }
    if (!pfn) pfn = alloc_from_buddy(order, type, flags);
    if (!rules.kswapd_needs_flag || (flags & naive_flags::kswapd) != 0) {
      boosted = false;  // kswapd is woken
    }
    return pfn ? hand_out(*pfn) : -1;
  }

  std::optional<Number> alloc_from_buddy(unsigned order, MigrateType type, unsigned flags) {
    std::optional<Number> pfn;
    if ((flags & naive_flags::highatomic) != 0) pfn = smallest_fit(order, MigrateType::highatomic);
    NaiveMode mode = NaiveMode::own;
    if (!pfn) pfn = request(order, type, flags, mode);
    if (!pfn && (flags & (naive_flags::oom | naive_flags::non_block)) != 0) {
      pfn = smallest_fit(order, MigrateType::highatomic);
    }
    if (pfn) count(remembered(*pfn), -signed_pages(order));
    if (pfn && rules.buddy_reserves && (flags & naive_flags::highatomic) != 0) {
      reserve_highatomic(*pfn, order);
    }
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

  /// After an urgent request was given @p pfn.
  bool reserve_highatomic(Number pfn, unsigned order = 0) {
    bug_if(!spans(pfn));
    Number most = managed_pages / 100 + block_pages();
    if (rules.rounds_highatomic) {
      most = managed_pages / 100 < block_pages() ? 0 : up(managed_pages / 100);
    }
    if (nr_reserved_highatomic >= most || !is_ordinary(type_of(pfn))) return false;
    if (!rules.lists_are_strict) {
      nr_reserved_highatomic += block_pages();
      set_type(pfn, MigrateType::highatomic);
      move_block(pfn, MigrateType::highatomic);
    } else if (order < block_order) {
      if (!move_block(pfn, MigrateType::highatomic)) return false;
      nr_reserved_highatomic += block_pages();
    } else {
      label(pfn, order, MigrateType::highatomic);
      nr_reserved_highatomic += pages_of(order);
    }
    return true;
  }

  bool unreserve_highatomic(MigrateType type, bool force) {
    bug_if(!is_ordinary(type));
    if (!force && nr_reserved_highatomic <= block_pages()) return false;
    for (unsigned order = 0; order < max_order; ++order) {
      const Pfns& list = free_area[order].lists[index_of(MigrateType::highatomic)];
      if (list.empty()) continue;
      const Number pfn = list.front();
      const bool has_large = rules.lists_are_strict && order >= block_order;
      if (type_of(pfn) == MigrateType::highatomic) {
        const Number nr = has_large ? pages_of(order) : block_pages();
        nr_reserved_highatomic -= std::min(nr, nr_reserved_highatomic);
      }
      if (has_large) {
        take_off(pfn);
        put_on(pfn, order, type, true);
        label(pfn, order, type);
        return true;
      }
      if (!rules.lists_are_strict) set_type(pfn, type);
      const auto moved = move_block(pfn, type);
      if (moved && moved->free != 0) return true;
    }
    return false;
  }

  // --- Freeing. The value of a FreeResult: 0 freed, -1 held, else the number of bad pages.

  std::int64_t free(Number cpu, Number pfn, unsigned order, bool clear_lru = false) {
    check_chunk(pfn, order);
    check_cpu(cpu);
    bug_if(at(pfn).count == 0);
    bug_if(compound_order(pfn) != 0 && compound_order(pfn) != order);
    if (--at(pfn).count != 0) {
      // Of a chunk that is not compound, the last reference will free one page only.
      if (compound_order(pfn) != 0) return -1;
      for (unsigned o = order; o-- > 0;) free_unused(cpu, pfn + pages_of(o), o);
      return -1;
    }
    if (clear_lru) set_lru(pfn, false);
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
    at(pfn).compound = 0;
    if (nr_bad != 0) return nr_bad;
    if (has_lists(order)) {
      free_to_pcp(pcps[cpu], pfn, order);
    } else {
      free_to_buddy(pfn, order);
    }
    return 0;
  }

  // --- Pages in use.

  void make_compound(Number pfn, unsigned order) {
    check_chunk(pfn, order);
    if (order == 0) return;
    bug_if(at(pfn).count != 1);
    for (Number i = 1; i < pages_of(order); ++i)
      bug_if(at(pfn + i).count != 0 || at(pfn + i).is_buddy);
    at(pfn).compound = order;
  }
  void get(Number pfn) {
    bug_if(!is_in_use(pfn));
    ++at(pfn).count;
  }
  void set_lru(Number pfn, bool lru) {
    bug_if(!is_valid(pfn) || is_in_free_chunk(pfn));
    for (Number i = 0; i < pages_of(compound_order(pfn)); ++i) at(pfn + i).is_lru = lru;
  }
  void split(Number pfn, unsigned order) {
    check_chunk(pfn, order);
    bug_if(at(pfn).count == 0 || compound_order(pfn) != 0);
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
        if (!is_ordinary(type_of(p))) continue;
        if (rules.lists_are_strict) {
          move_block(p, MigrateType::movable);
        } else {
          set_type(p, MigrateType::movable);
        }
      }
    }
    taken_chunks.emplace_back(pfn, order);
    return pages_of(order);
  }
  void put_back(Number pfn, unsigned order, MigrateType type) {
    std::erase(taken_chunks, std::pair{pfn, order});
    count(type, signed_pages(order));
    free_chunk(pfn, order, type, true);
  }
  void put_back_taken(Number pfn, unsigned order, MigrateType type) {
    check_type(type);
    bug_if(std::ranges::find(taken_chunks, std::pair{pfn, order}) == taken_chunks.end());
    put_back(pfn, order, type);
  }
  Number split_free(Number pfn) {
    bug_if(!is_head(pfn));
    const Number nr = isolate_free(pfn);
    if (nr != 0) taken_chunks.pop_back();
    for (Number i = 0; i < nr; ++i) at(pfn + i).count = 1;
    return nr;
  }

  void init_cma(Number pfn) {
    check_chunk(pfn, block_order);
    for (Number i = 0; i < block_pages(); ++i) bug_if(!at(pfn + i).is_reserved);
    for (Number i = 0; i < block_pages(); ++i) {
      at(pfn + i).is_reserved = false;
      at(pfn + i).count = 0;
      at(pfn + i).compound = 0;
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
      free_pages -= rules.spares_free_highatomic
                        ? nr_free_highatomic
                        : static_cast<std::int64_t>(nr_reserved_highatomic);
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
