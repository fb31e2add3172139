// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: taking chunks from the buddy lists, and moving blocks between them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

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

struct NaiveV6Blocks : NaiveBuddy {
  using NaiveBuddy::NaiveBuddy;

  void check_type(MigrateType type) const { bug_if(number(type) >= rules.types.size()); }
  void check_cpu(Number cpu) const { bug_if(cpu >= pcps.size()); }
  void check_chunk(Number pfn, unsigned order) const {
    bug_if(order >= max_order || pfn % pages_of(order) != 0);
    for (Number i = 0; i < pages_of(order); ++i) bug_if(!is_valid(pfn + i));
  }
  [[nodiscard]] bool has_cma() const { return number(MigrateType::cma) < rules.types.size(); }
  [[nodiscard]] MigrateType remembered(Number pfn) const {
    return rules.types.at(at(pfn).page_private);
  }

  /// The first chunk on the lists of @p type that is large enough. What is left stays on them. Unless lists
  /// count, the caller does.
  std::optional<Number> smallest_fit(unsigned order, MigrateType type) {
    for (unsigned found = order; found < max_order; ++found) {
      const Pfns& list = free_area[found].lists[index_of(type)];
      if (!list.empty()) return take(list.front(), order, type);
    }
    return std::nullopt;
  }
  /// Takes a chunk, and puts what is more than @p order on the lists of @p type.
  Number take(Number pfn, unsigned order, MigrateType type) {
    const unsigned found = order_of(pfn);
    take_off(pfn);
    for (unsigned half = found; half-- > order;) put_on(pfn + pages_of(half), half, type, false);
    at(pfn).page_private = number(type);
    return pfn;
  }

  /// The first type to fall back to that has a chunk of @p order.
  [[nodiscard]] std::optional<MigrateType> find_fallback(unsigned order, MigrateType start) const {
    for (const MigrateType type : rules.fallbacks[number(start)]) {
      if (!free_area[order].lists[index_of(type)].empty()) return type;
    }
    return std::nullopt;
  }
  /// Whether a request may have the whole block for a chunk of the order @p found.
  [[nodiscard]] bool may_have_block(unsigned found, MigrateType start) const {
    return found >= block_order / 2 || start != MigrateType::movable || !mobility_grouping;
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

  struct Moved {
    Number free = 0;
    Number movable = 0;
  };
  /// Moves the free chunks of the block to the tails of the lists of @p type, and counts what is
  /// free there and what is movable. Below the zone's start it begins at @p pfn, and a block that the zone's
  /// end cuts stays; strict lists leave both alone, and label the block.
  std::optional<Moved> move_block(Number pfn, MigrateType type) {
    const auto moved = count_block(pfn);
    if (!moved) return rules.lists_are_strict ? std::nullopt : std::optional{Moved{}};
    for (Number p = first_to_move(pfn); p < block_end(pfn);) {
      if (!is_head(p)) {
        ++p;
        continue;
      }
      const unsigned order = order_of(p);
      take_off(p);
      put_on(p, order, type, true);
      p += pages_of(order);
    }
    if (rules.lists_are_strict) set_type(pfn, type);
    return moved;
  }
  /// What move_block() would count; nothing if it would do nothing.
  [[nodiscard]] std::optional<Moved> count_block(Number pfn) const {
    if (block_end(pfn) > end_pfn()) return std::nullopt;
    if (rules.lists_are_strict && down(pfn) < start_pfn) return std::nullopt;
    Moved moved;
    for (Number p = first_to_move(pfn); p < block_end(pfn);) {
      if (is_head(p)) {
        moved.free += pages_of(order_of(p));
        p += pages_of(order_of(p));
      } else {
        if (is_lru(p)) ++moved.movable;
        ++p;
      }
    }
    return moved;
  }
  [[nodiscard]] Number down(Number pfn) const { return pfn / block_pages() * block_pages(); }
  [[nodiscard]] Number up(Number pfn) const { return down(pfn + block_pages() - 1); }
  [[nodiscard]] Number block_end(Number pfn) const { return down(pfn) + block_pages(); }
  [[nodiscard]] Number first_to_move(Number pfn) const {
    return down(pfn) < start_pfn ? pfn : down(pfn);
  }
};

}  // namespace pageblock::test
