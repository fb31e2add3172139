// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: isolating blocks and ranges.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "model/naive_v6_front_door.hpp"

namespace pageblock::test {

struct NaiveV6Isolation : NaiveV6FrontDoor {
  using NaiveV6FrontDoor::NaiveV6FrontDoor;

  static constexpr int interrupted = -4;
  static constexpr int busy = -16;
  static constexpr int invalid = -22;
  static constexpr unsigned memory_offline = 1;

  /// What lies in the blocks beside the zone: reserved pages of another zone, instead of nothing.
  bool has_neighbours = false;

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
    if (find_unmovable(std::max(pfn, s), std::min(block_end(pfn), e), undo_type, flags)) {
      return busy;
    }
    if (rules.lists_are_strict) {
      if (!cut_and_move(pfn, MigrateType::isolate)) return busy;
    } else {
      set_type(pfn, MigrateType::isolate);
      const Moved moved = *move_block(pfn, MigrateType::isolate);
      count(old, -static_cast<std::int64_t>(moved.free));
    }
    ++nr_pageblock_isolate;
    return 0;
  }

  /// Writes the type of a block that becomes isolated, or is it no more.
  void relabel_block(Number pfn, MigrateType type) {
    if (rules.isolation_is_a_bit && type != MigrateType::isolate) return unset_isolate_bit(pfn);
    set_type(pfn, type);
  }

  /// Labels a block, and moves what is free in it. A chunk that is more than the block is freed anew, block by
  /// block. False if the zone cuts the block.
  bool cut_and_move(Number pfn, MigrateType type) {
    if (!count_block(pfn)) return false;
    std::optional<Number> larger;
    const Number named = rules.isolation_is_a_bit ? down(pfn) : pfn;  // else by chance
    if (is_head(named) && order_of(named) > block_order) larger = named;
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = down(pfn) & ~(pages_of(order) - 1);
      if (!is_head(head)) continue;
      if (head != down(pfn) && head + pages_of(order_of(head)) > down(pfn)) larger = head;
      break;
    }
    if (!larger) {
      const MigrateType own = rules.isolation_is_a_bit ? own_type_of(pfn) : type;
      const bool moves = move_block(pfn, type).has_value();
      if (rules.isolation_is_a_bit) own_types.at(block(pfn)) = own;
      relabel_block(pfn, type);
      return moves;
    }
    const unsigned order = order_of(*larger);
    take_off(*larger);
    relabel_block(pfn, type);
    free_to_buddy(*larger, order);
    return true;
  }

  void unset_isolate(Number pfn, MigrateType type) {
    check_type(type);
    if (!spans(pfn) || type_of(pfn) != MigrateType::isolate) return;
    if (rules.isolation_is_a_bit) type = own_type_of(pfn);  // whatever was asked for
    bug_if(nr_pageblock_isolate <= 0);
    if (is_head(pfn) && may_grow(pfn)) {
      const unsigned order = order_of(pfn);
      isolate_free(pfn);
      relabel_block(pfn, type);
      put_back(pfn, order, type);
    } else if (rules.lists_are_strict) {
      cut_and_move(pfn, type);
    } else {
      const auto moved = static_cast<std::int64_t>(move_block(pfn, type)->free);
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
    if (!has_neighbours) {
      s = std::max(s, down(start_pfn));
      e = std::min(e, up(end_pfn()));
    }
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
    if (!has_memory(block)) {
      const bool is_beside = block + block_pages() <= start_pfn || block >= end_pfn();
      return is_beside && has_neighbours ? busy : 0;
    }
    if (!skips) {
      const int ret = set_isolate(block, block, block + block_pages(), undo_type, flags);
      if (ret != 0) return ret;
    }
    const Number top = pages_of(max_order - 1);
    for (Number p = std::max(block / top * top, start_pfn); p < border;) {
      const Number head = spans(p) ? compound_head(p) : p;
      if (is_head(p)) {
        const Number behind = p + pages_of(order_of(p));
        if (behind > border && !rules.borders_only_look) split_at(p, border);
        p = behind;
      } else if (is_valid(p) && compound_order(head) != 0) {
        const Number behind = head + pages_of(compound_order(head));
        if (behind > border) {
          // A page on the LRU would be migrated, and its block isolated meanwhile. Here none can be.
          const MigrateType type = type_of(p);
          const bool isolates =
              !rules.borders_only_look && at(head).is_lru && type != MigrateType::isolate;
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
};

}  // namespace pageblock::test
