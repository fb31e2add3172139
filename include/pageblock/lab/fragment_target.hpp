// SPDX-License-Identifier: MIT
/// What fragmentation is wanted, whether a zone can have it, and how far it was reached.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/chunk_ring.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// The kernel's unusable free index at an order.
struct IndexTarget {
  Order order{};            ///< From 1 on: at 0 it is always 0.
  std::uint32_t value = 0;  ///< In thousandths, as FreeMemory::unusable() has it.
  friend bool operator==(const IndexTarget&, const IndexTarget&) = default;
};

/// What a zone is to be like, in thousandths. What is not said comes as it comes.
struct FragmentTarget {
  /// Managed pages that are in use, with those that already are.
  std::uint32_t occupancy = 700;
  /// How much of the free memory is in chunks that are too small.
  std::optional<IndexTarget> unusable{};
  /// Pageblocks that are free as a whole. With the occupancy, this is an index at the order of a
  /// pageblock, so it cannot be said beside one.
  std::optional<std::uint32_t> free_blocks{};
  /// Pageblocks that have unmovable pages, with those that already have.
  std::optional<std::uint32_t> unmovable_blocks{};
  friend bool operator==(const FragmentTarget&, const FragmentTarget&) = default;
};

/// A chunk that somebody holds, and the type of its request.
struct HeldChunk {
  Chunk chunk{};                            ///< To be given back with free_pages(), or put_page().
  MigrateType type = MigrateType::movable;  ///< Movable ones are on LRU lists.
  friend bool operator==(const HeldChunk&, const HeldChunk&) = default;
};

/// What fragment() has done.
struct FragmentResult {
  /// Why the target was not reached within 10 thousandths; empty if it was.
  std::string refusal{};
  /// What the zone is like now. What the target did not say is told, too, as far as it can be: an index
  /// at the order of a pageblock, if no other was asked for.
  FragmentTarget reached{};
  std::uint32_t error = 0;           ///< The largest difference, in thousandths.
  std::vector<std::string> steps{};  ///< What happened, in words.
  std::vector<HeldChunk> held{};     ///< What the processes still hold. The caller owns it.
};

namespace detail {

// How a target is approached.
struct FragmentPlan {
  std::string refusal{};
  Order order{};            // chunks of it and larger ones count as large
  std::uint64_t large = 0;  // free pages in such chunks
  std::uint64_t free = 0;   // free pages
  std::uint64_t first = 0;  // pages in chunks that are too small already
  std::uint64_t alone = 0;  // pages of the process that grows alone
  Order period{1};          // of the others, one keeps a page in 2^period, one has the rest
  std::uint64_t with_unmovable = 0;  // blocks
};

[[nodiscard]] constexpr std::uint32_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint32_t>(a < b ? b - a : a - b);
}

// More is an error.
inline constexpr std::uint32_t fragment_tolerance = 10;

template <ZoneConfig Config>
[[nodiscard]] FragmentPlan plan_fragmentation(const Zone<Config>& zone,
                                              const FragmentTarget& target, const Metrics& now) {
  FragmentPlan plan;
  const auto refuse = [&](std::string why) {
    plan.refusal = std::move(why);
    return plan;
  };
  const std::uint64_t managed = zone.managed_pages();
  const std::uint64_t free_now = now.free.nr_pages();
  constexpr Order block = Zone<Config>::pageblock_order;
  if (target.occupancy > 1000) return refuse("an occupancy is at most 1000");
  if (target.unusable && target.free_blocks) {
    return refuse("free blocks and an index are two words for one thing: say one of them");
  }
  if (target.unusable && target.unusable->value > 1000) return refuse("an index is at most 1000");
  plan.order = target.unusable ? target.unusable->order : block;
  if (plan.order > Zone<Config>::top_order) {
    return refuse(fmt::format("there is no order {}: the largest is {}", plan.order.value(),
                              Zone<Config>::top_order.value()));
  }
  plan.free = managed - managed * target.occupancy / 1000;
  if (plan.free > free_now) {
    return refuse(
        fmt::format("{} of {} pages are in use by others already", managed - free_now, managed));
  }

  // Large chunks are whole, so the index moves in steps.
  const std::uint64_t size = plan.order.nr_pages();
  std::uint64_t wanted = plan.free / 2;
  if (target.unusable) wanted = plan.free * (1000 - std::min(1000U, target.unusable->value)) / 1000;
  if (target.free_blocks) wanted = now.blocks.total * *target.free_blocks / 1000 * size;
  if (wanted > plan.free) {
    return refuse(fmt::format("{} free blocks have {} pages, and only {} are to be free",
                              wanted / size, wanted, plan.free));
  }
  plan.large = (wanted + size / 2) / size * size;
  if (plan.large > plan.free) plan.large -= size;
  if (target.unusable) {
    // A few pages more or less that are free make up for it.
    const std::uint64_t index = target.unusable->value;
    if (index < 1000 && plan.large != 0) {
      const std::uint64_t leeway = managed / 200;
      plan.free = std::clamp(plan.large * 1000 / (1000 - index),
                             std::max(plan.large, plan.free - std::min(plan.free, leeway)),
                             std::min(plan.free + leeway, free_now));
    }
    const std::uint64_t value = plan.free == 0 ? 1000 : (plan.free - plan.large) * 1000 / plan.free;
    if (difference(value, target.unusable->value) > fragment_tolerance) {
      return refuse(fmt::format(
          "with {} pages free the index at order {} can be {}, not {}: it moves in steps of a "
          "chunk",
          plan.free, plan.order.value(), value, target.unusable->value));
    }
  }
  const std::uint64_t suitable = now.free.info(plan.order).free_blocks_suitable * size;
  plan.first = free_now - suitable;
  if (plan.large > suitable) {
    return refuse(fmt::format(
        "{} free pages in chunks of order {} are wanted, and only {} can be: others hold pages "
        "between",
        plan.large, plan.order.value(), suitable));
  }
  const std::uint64_t small = plan.free - plan.large;
  const std::uint64_t most_small = plan.first + (suitable - plan.large) / size * (size - 1);
  if ((target.unusable || target.free_blocks) && small > most_small) {
    return refuse(fmt::format(
        "{} free pages in chunks below order {} are wanted, and at most {} can be: one page of "
        "each such chunk must be in use",
        small, plan.order.value(), most_small));
  }

  plan.with_unmovable = now.blocks.with_unmovable;
  if (target.unmovable_blocks) {
    plan.with_unmovable = (now.blocks.total * *target.unmovable_blocks + 500) / 1000;
    if (plan.with_unmovable + now.blocks.total / 100 < now.blocks.with_unmovable) {
      return refuse(fmt::format("{} blocks have unmovable pages of others already",
                                now.blocks.with_unmovable));
    }
    const std::uint64_t free_blocks = plan.order >= block ? plan.large >> block.value() : 0;
    if (plan.with_unmovable + free_blocks > now.blocks.total) {
      return refuse(fmt::format(
          "{} blocks with unmovable pages and {} free ones are more than the {} there are",
          plan.with_unmovable, free_blocks, now.blocks.total));
    }
  }
  // Unmovable pages may come between small chunks, and then more of them must be made.
  const std::uint64_t spare = plan.order < block ? plan.with_unmovable * size : 0;
  plan.alone = std::min(plan.large + spare, suitable);
  const std::uint64_t others = free_now - plan.alone;
  while (plan.period < plan.order &&
         others - (others >> plan.period.value()) < small + small / 32 + 64) {
    ++plan.period;
  }
  return plan;
}

}  // namespace detail
}  // namespace pageblock
