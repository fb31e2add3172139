// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: the front door, isolation, and its clients.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/naive_v6_allocator.hpp"

namespace pageblock::test {

/// A request as a caller makes it: the kernel's __GFP_ bits.
namespace naive_gfp {
inline constexpr unsigned movable = 0x8;
inline constexpr unsigned reclaimable = 0x10;
inline constexpr unsigned high = 0x20;
inline constexpr unsigned atomic = 0x200;
inline constexpr unsigned kswapd = 0x800;
inline constexpr unsigned memalloc = 0x20000;
inline constexpr unsigned compound = 0x40000;
inline constexpr unsigned no_memalloc = 0x80000;
}  // namespace naive_gfp

struct NaiveV6Zone : NaiveV6Allocator {
  using NaiveV6Allocator::NaiveV6Allocator;

  static constexpr int busy = -16;
  static constexpr int invalid = -22;
  static constexpr unsigned memory_offline = 1;

  // --- The front door, with a zone list of this one zone, for callers who cannot wait.

  [[nodiscard]] MigrateType type_of_request(unsigned gfp) const {
    if (!mobility_grouping) return MigrateType::unmovable;
    if ((gfp & naive_gfp::movable) != 0) return MigrateType::movable;
    return (gfp & naive_gfp::reclaimable) != 0 ? MigrateType::reclaimable : MigrateType::unmovable;
  }
  [[nodiscard]] unsigned cma_flag(unsigned gfp) const {
    return type_of_request(gfp) == MigrateType::movable ? naive_flags::cma : 0;
  }

  [[nodiscard]] bool may_allocate(unsigned order, unsigned flags, unsigned gfp, Number more) const {
    const std::array marks{min_watermark, low_watermark, high_watermark};
    const unsigned which = flags & naive_flags::mark_mask;
    if (watermark_ok(order, marks.at(which) + watermark_boost + more, 0, flags)) return true;
    const bool ignores_boost = order == 0 && (gfp & naive_gfp::atomic) != 0 && which == 0;
    return ignores_boost && watermark_ok(order, min_watermark + more, 0, flags);
  }

  std::int64_t try_to_alloc(Number cpu, unsigned order, unsigned flags, unsigned gfp) {
    const bool any = (flags & naive_flags::no_watermarks) != 0;
    if (!any && !may_allocate(order, flags, gfp, 0)) return -1;
    const std::int64_t pfn = alloc(cpu, order, type_of_request(gfp), flags);
    if (pfn >= 0 && (flags & naive_flags::highatomic) != 0) {
      reserve_highatomic(static_cast<Number>(pfn));
    }
    return pfn;
  }

  std::int64_t alloc_pages(Number cpu, unsigned order, unsigned gfp) {
    const unsigned always = cma_flag(gfp) | (gfp & naive_gfp::kswapd);  // bit and flag are the same
    std::int64_t pfn = try_to_alloc(cpu, order, 1 | always, gfp);
    unsigned flags = always;
    const bool is_high = (gfp & naive_gfp::high) != 0;
    if (is_high) flags |= naive_flags::min_reserve;
    if ((gfp & naive_gfp::no_memalloc) == 0) {
      flags |= naive_flags::non_block;
      if (is_high && order > 0) flags |= naive_flags::highatomic;
    }
    if (pfn < 0) pfn = try_to_alloc(cpu, order, flags, gfp);
    if ((gfp & naive_gfp::memalloc) != 0 && (gfp & naive_gfp::no_memalloc) == 0) {
      flags = naive_flags::no_watermarks | always;
    }
    if (pfn < 0) pfn = try_to_alloc(cpu, order, flags, gfp);
    if (pfn >= 0 && order > 0 && (gfp & naive_gfp::compound) != 0) {
      make_compound(static_cast<Number>(pfn), order);
    }
    return pfn;
  }

  Pfns alloc_pages_bulk(Number cpu, Number nr, unsigned gfp) {
    const unsigned flags = 1 | cma_flag(gfp);
    Pfns pfns;
    if (nr > 1 && may_allocate(0, flags, gfp, nr)) {
      pfns = alloc_bulk(cpu, type_of_request(gfp), nr, flags);
    }
    if (!pfns.empty()) return pfns;
    const std::int64_t pfn = alloc_pages(cpu, 0, gfp);
    if (pfn >= 0) pfns.push_back(static_cast<Number>(pfn));
    return pfns;
  }

  // --- What makes a block unmovable. In a block that has memory, holes and what lies beside the zone are
  // reserved pages; a block that has none has no pages either.

  [[nodiscard]] bool has_memory(Number s, Number e) const {
    for (Number pfn = std::max(s, start_pfn); pfn < std::min(e, end_pfn()); ++pfn) {
      if (is_valid(pfn)) return true;
    }
    return false;
  }
  [[nodiscard]] bool has_memory(Number block) const {
    return has_memory(block, block + block_pages());
  }
  [[nodiscard]] std::optional<Number> first_page(Number s, Number e) const {
    for (Number pfn = s; pfn < e; ++pfn) {
      if (has_memory(down(pfn))) return pfn;
    }
    return std::nullopt;
  }
  [[nodiscard]] Number down(Number pfn) const { return pfn / block_pages() * block_pages(); }
  [[nodiscard]] Number up(Number pfn) const { return down(pfn + block_pages() - 1); }

  [[nodiscard]] std::optional<Number> find_unmovable(Number s, Number e, MigrateType undo_type,
                                                     unsigned flags) const {
    if (spans(s) && type_of(s) == MigrateType::cma) {
      return undo_type == MigrateType::cma ? std::nullopt : std::optional{s};
    }
    for (Number p = s; p < e;) {
      if (!is_valid(p) && !has_memory(down(p))) {
        ++p;
        continue;
      }
      if (!is_valid(p) || at(p).is_reserved) return p;
      const Number head = compound_head(p);
      const unsigned order = compound_order(head);
      if (is_movable_zone) {
        ++p;
      } else if (order != 0) {
        if (!at(head).is_lru) return p;
        p = head + pages_of(order);
      } else if (at(p).count == 0) {
        p += is_head(p) ? pages_of(order_of(p)) : 1;
      } else if (at(p).is_lru || ((flags & memory_offline) != 0 && at(p).is_offline)) {
        ++p;
      } else {
        return p;
      }
    }
    return std::nullopt;
  }

  // --- Isolating and giving back one block.

  int set_isolate(Number pfn, Number s, Number e, MigrateType undo_type, unsigned flags) {
    if (!spans(pfn)) return busy;  // a reserved page of another zone
    const MigrateType old = type_of(pfn);
    if (old == MigrateType::isolate) return busy;
    const Number block = pfn / block_pages() * block_pages();
    const Number from = std::max(pfn, s);
    const Number to = std::min(block + block_pages(), e);
    if (find_unmovable(from, to, undo_type, flags)) return busy;
    set_type(pfn, MigrateType::isolate);
    ++nr_pageblock_isolate;
    count(old, -static_cast<std::int64_t>(move_block(pfn, MigrateType::isolate)));
    return 0;
  }

  void unset_isolate(Number pfn, MigrateType type) {
    check_type(type);
    if (!spans(pfn) || type_of(pfn) != MigrateType::isolate) return;
    bug_if(nr_pageblock_isolate <= 0);
    if (is_head(pfn) && may_grow(pfn)) {
      const unsigned order = order_of(pfn);
      isolate_free(pfn);
      set_type(pfn, type);
      put_back(pfn, order, type);
    } else {
      const auto moved = static_cast<std::int64_t>(move_block(pfn, type));
      nr_free_pages += moved;  // even if the type is isolate again
      if (type == MigrateType::cma) nr_free_cma += moved;
      set_type(pfn, type);
    }
    --nr_pageblock_isolate;
  }

  /// Whether a chunk of a block or more has a buddy that is free and not isolated.
  [[nodiscard]] bool may_grow(Number pfn) const {
    const unsigned order = order_of(pfn);
    if (order < block_order || order + 1 >= max_order) return false;
    const Number buddy = pfn ^ pages_of(order);
    return is_head(buddy) && order_of(buddy) == order && type_of(buddy) != MigrateType::isolate;
  }

  // --- Ranges, rounded to whole blocks. A block without memory is skipped.

  int start_isolate(Number s, Number e, MigrateType undo_type, unsigned flags) {
    check_type(undo_type);
    s = std::max(s, down(start_pfn));
    e = std::min(e, up(end_pfn()));
    if (s >= e) return 0;
    const Number first = down(s);
    const Number end = up(e);
    const Number last = end - block_pages();
    if (isolate_border(first, false, false, undo_type, flags) != 0) return busy;
    if (isolate_border(end, true, first == last, undo_type, flags) != 0) {
      undo_isolate(first, first + block_pages(), undo_type);
      return busy;
    }
    for (Number block = first + block_pages(); block < last; block += block_pages()) {
      if (!has_memory(block)) continue;
      if (set_isolate(block, s, e, undo_type, flags) == 0) continue;
      undo_isolate(first, block, undo_type);
      undo_isolate(last, end, undo_type);
      return busy;
    }
    return 0;
  }

  /// The block behind @p border or before it, and what reaches across.
  int isolate_border(Number border, bool is_before, bool skips, MigrateType undo_type,
                     unsigned flags) {
    const Number block = is_before ? border - block_pages() : border;
    if (!has_memory(block)) return 0;
    if (!skips) {
      const int ret = set_isolate(block, block, block + block_pages(), undo_type, flags);
      if (ret != 0) return ret;
    }
    const Number top = pages_of(max_order - 1);
    for (Number p = std::max(block / top * top, start_pfn); p < border;) {
      const Number head = spans(p) ? compound_head(p) : p;
      if (is_head(p)) {
        const Number behind = p + pages_of(order_of(p));
        if (behind > border) split_at(p, border);
        p = behind;
      } else if (is_valid(p) && compound_order(head) != 0) {
        const Number behind = head + pages_of(compound_order(head));
        if (behind > border) {
          // A page on the LRU would be migrated, and its block isolated meanwhile. Here none can be.
          const MigrateType type = type_of(p);
          const bool isolates = at(head).is_lru && type != MigrateType::isolate;
          if (isolates && set_isolate(p, head, behind, type, flags) == 0) unset_isolate(p, type);
          if (!skips) unset_isolate(block, undo_type);
          return busy;
        }
        p = behind;
      } else {
        ++p;
      }
    }
    return 0;
  }

  /// Frees a free chunk anew in pieces that end at @p border.
  void split_at(Number pfn, Number border) {
    const unsigned order = order_of(pfn);
    const Number end = pfn + pages_of(order);
    count(type_of(pfn), -signed_pages(order));
    take_off(pfn);
    for (Number p = pfn; p < end;) {
      const Number rest = (p < border ? border : end) - p;
      unsigned piece = 0;
      while (piece < order && p % pages_of(piece + 1) == 0 && pages_of(piece + 1) <= rest) ++piece;
      free_to_buddy(p, piece);
      p += pages_of(piece);
    }
  }

  void undo_isolate(Number s, Number e, MigrateType type) {
    check_type(type);
    if (s >= e) return;
    // The counter is checked before anything is changed.
    std::int64_t nr_isolated = 0;
    for (Number block = down(s); block < up(e); block += block_pages()) {
      if (spans(block) && has_memory(block) && type_of(block) == MigrateType::isolate) {
        ++nr_isolated;
      }
    }
    bug_if(nr_isolated > nr_pageblock_isolate);
    for (Number block = down(s); block < up(e); block += block_pages()) {
      if (has_memory(block)) unset_isolate(block, type);
    }
  }

  [[nodiscard]] int test_isolated(Number s, Number e, unsigned flags) const {
    for (Number pfn = s; pfn < e; pfn += block_pages()) {
      const auto page = first_page(pfn, pfn + block_pages());
      if (!page) continue;
      if (!spans(*page) || type_of(*page) != MigrateType::isolate) return busy;
    }
    if (!has_memory(s, e)) return busy;
    for (Number pfn = s; pfn < e;) {
      if (is_head(pfn)) {
        pfn += pages_of(order_of(pfn));
      } else if (is_valid(pfn) && (flags & memory_offline) != 0 && at(pfn).is_offline &&
                 at(pfn).count == 0) {
        ++pfn;
      } else if (!is_valid(pfn) && !has_memory(down(pfn))) {
        ++pfn;
      } else {
        return busy;
      }
    }
    return 0;
  }

  // --- Contiguous ranges. Nothing is migrated.

  int alloc_contig(Number cpu, Number s, Number e, MigrateType type) {
    bug_if(s >= e || !spans(s) || !spans(e - 1));
    check_cpu(cpu);
    int ret = start_isolate(s, e, type, 0);
    if (ret == 0) ret = take_range(cpu, s, e);
    undo_isolate(s, e, type);  // whoever had isolated it
    return ret;
  }

  int take_range(Number cpu, Number s, Number e) {
    drain_all();
    Number outer = s;
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = s & ~(pages_of(order) - 1);
      if (!is_head(head)) continue;
      if (head + pages_of(order_of(head)) > s) outer = head;
      break;
    }
    if (test_isolated(outer, e, 0) != 0) return busy;
    Number taken = outer;
    while (taken < e) {
      if (!is_head(taken)) {  // a block without memory
        while (taken > outer) free(cpu, --taken, 0);
        return busy;
      }
      taken += split_free(taken);
    }
    free_contig(cpu, outer, s - outer);
    free_contig(cpu, e, taken - e);
    return 0;
  }

  void free_contig(Number cpu, Number pfn, Number nr) {
    check_cpu(cpu);
    bug_if(pfn < start_pfn || pfn + nr > end_pfn());
    for (Number i = 0; i < nr; ++i) bug_if(!is_in_use(pfn + i));
    for (Number i = 0; i < nr; ++i) free(cpu, pfn + i, 0);
  }

  // --- Memory that goes, and comes back.

  [[nodiscard]] bool is_hotplug_range(Number s, Number e) const {
    return s < e && s % block_pages() == 0 && e % block_pages() == 0 && spans(s) && spans(e - 1);
  }

  int offline(Number s, Number e) {
    if (!is_hotplug_range(s, e)) return invalid;
    for (Number pfn = s; pfn < e; ++pfn) {
      if (!is_valid(pfn)) return invalid;
    }
    disable_pcps();
    int ret = start_isolate(s, e, MigrateType::movable, memory_offline);
    if (ret == 0) {
      ret = test_isolated(s, e, memory_offline);
      if (ret != 0) undo_isolate(s, e, MigrateType::movable);
    }
    if (ret == 0) {
      for (Number pfn = s; pfn < e; ++pfn) {
        if (is_head(pfn)) take_off(pfn);  // what is isolated is not counted
      }
      for (Number pfn = s; pfn < e; ++pfn) at(pfn) = {.is_valid = false};
      nr_pageblock_isolate -= static_cast<std::int64_t>((e - s) / block_pages());
      present_pages -= e - s;
      managed_pages -= e - s;
    }
    enable_pcps();
    return ret;
  }

  int online(Number s, Number e) {
    if (!is_hotplug_range(s, e) || has_memory(s, e)) return invalid;
    for (Number pfn = s; pfn < e; ++pfn) at(pfn) = {};
    for (Number pfn = s; pfn < e; pfn += block_pages()) set_type(pfn, MigrateType::isolate);
    nr_pageblock_isolate += static_cast<std::int64_t>((e - s) / block_pages());
    for (Number pfn = s; pfn < e;) {
      unsigned order = 0;
      while (order + 1 < max_order && pfn % pages_of(order + 1) == 0 &&
             pfn + pages_of(order + 1) <= e) {
        ++order;
      }
      free_to_buddy(pfn, order, true);
      pfn += pages_of(order);
    }
    present_pages += e - s;
    managed_pages += e - s;
    undo_isolate(s, e, MigrateType::movable);
    return 0;
  }
};

}  // namespace pageblock::test
