// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: a request to the buddy lists, and where it goes when its own are empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "model/naive_v6_blocks.hpp"

namespace pageblock::test {

/// What served a request last. Those that follow under the same lock need not try again what failed.
enum class NaiveMode { own, cma, claim, steal };

struct NaiveFallback : NaiveV6Blocks {
  using NaiveV6Blocks::NaiveV6Blocks;

  std::optional<Number> request(unsigned order, MigrateType type, unsigned flags, NaiveMode& mode) {
    const bool uses_cma = has_cma() && (flags & naive_flags::cma) != 0;
    if (uses_cma && nr_free_cma > nr_free_pages / 2) {
      if (const auto pfn = smallest_fit(order, MigrateType::cma)) return pfn;
    }
    if (rules.claims_or_steals) return request_by_mode(order, type, flags, uses_cma, mode);
    do {
      if (const auto pfn = smallest_fit(order, type)) return pfn;
      if (!uses_cma) continue;
      if (const auto pfn = smallest_fit(order, MigrateType::cma)) return pfn;
    } while (move_to_own(order, type, flags));
    return std::nullopt;
  }

  /// Whether enough of a block is free or like what the request is for to give it the label.
  [[nodiscard]] bool is_won(const Moved& block, MigrateType old, MigrateType start) const {
    Number alike = 0;
    if (start == MigrateType::movable) {
      alike = block.movable;
    } else if (old == MigrateType::movable) {
      alike = block_pages() - (block.free + block.movable);
    }
    return block.free + alike >= block_pages() / 2 || !mobility_grouping;
  }
  void boost(unsigned flags) {
    if (boost_watermark() && (flags & naive_flags::kswapd) != 0) boosted = true;
  }

  // --- Claim a block, or steal a chunk.

  std::optional<Number> request_by_mode(unsigned order, MigrateType type, unsigned flags,
                                        bool uses_cma, NaiveMode& mode) {
    using enum NaiveMode;
    if (mode == own) {
      if (const auto pfn = smallest_fit(order, type)) return pfn;
    }
    if (mode <= cma && uses_cma) {
      if (const auto pfn = smallest_fit(order, MigrateType::cma)) {
        mode = cma;
        return pfn;
      }
    }
    if (mode <= claim) {
      if (const auto pfn = claim_block(order, type, flags)) {
        mode = own;
        return pfn;
      }
    }
    if ((flags & naive_flags::no_fragment) != 0) return std::nullopt;
    const auto pfn = steal_chunk(order, type);
    if (pfn) mode = steal;
    return pfn;
  }

  std::optional<Number> claim_block(unsigned order, MigrateType start, unsigned flags) {
    const bool whole_blocks = (flags & naive_flags::no_fragment) != 0 && order < block_order;
    const unsigned least = whole_blocks ? block_order : order;
    for (unsigned found = max_order; found-- > least;) {
      const auto type = find_fallback(found, start);
      if (!type) continue;
      if (!may_have_block(found, start)) return std::nullopt;
      const Number pfn = free_area[found].lists[index_of(*type)].front();
      if (type_of(pfn) == MigrateType::highatomic) continue;
      if (found >= block_order) {
        label(pfn, found, start);
        return take(pfn, order, start);
      }
      boost(flags);
      const auto block = count_block(pfn);
      if (!block || !is_won(*block, type_of(pfn), start)) continue;
      move_block(pfn, start);
      return smallest_fit(order, start);
    }
    return std::nullopt;
  }

  std::optional<Number> steal_chunk(unsigned order, MigrateType start) {
    for (unsigned found = order; found < max_order; ++found) {
      const auto type = find_fallback(found, start);
      if (type) return take(free_area[found].lists[index_of(*type)].front(), order, *type);
    }
    return std::nullopt;
  }

  // --- Move something to the own lists, and look there again.

  /// Moves something to the lists of @p start. False if there is nothing.
  bool move_to_own(unsigned order, MigrateType start, unsigned flags) {
    const bool whole_blocks = (flags & naive_flags::no_fragment) != 0 && order < block_order;
    const unsigned least = whole_blocks ? block_order : order;
    for (unsigned found = max_order; found-- > least;) {
      auto type = find_fallback(found, start);
      if (!type) continue;
      if (!may_have_block(found, start) && found > order) {  // then the smallest does least harm
        found = order;
        while (!(type = find_fallback(found, start))) ++found;
      }
      const Number pfn = free_area[found].lists[index_of(*type)].front();
      move(pfn, start, may_have_block(found, start), flags);
      return true;
    }
    return false;
  }

  void move(Number pfn, MigrateType start, bool whole_block, unsigned flags) {
    const unsigned order = order_of(pfn);
    const MigrateType old = type_of(pfn);
    const auto only_this = [&] {
      take_off(pfn);
      put_on(pfn, order, start, true);
    };
    if (old == MigrateType::highatomic) return only_this();
    if (order >= block_order) {
      label(pfn, order, start);
      return only_this();
    }
    boost(flags);
    if (!whole_block) return only_this();

    const Moved moved = *move_block(pfn, start);
    if (moved.free == 0) return only_this();
    if (is_won(moved, old, start)) set_type(pfn, start);
  }
};

}  // namespace pageblock::test
