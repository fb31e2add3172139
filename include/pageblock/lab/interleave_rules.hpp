// SPDX-License-Identifier: MIT
/// What must hold in a scenario, whatever comes between what.
///
/// Layer:  lab.
/// Kernel: what callers of isolation rely on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_world.hpp"
#include "pageblock/lab/verify.hpp"

namespace pageblock::interleave {

/// A rule with a name: says what is wrong, or nothing. It is asked after each step in which no
/// zone->lock is held, or at the end.
template <ZoneConfig Config>
struct Rule {
  std::string name;
  When when = When::end;
  /// @p thread made the step; at the end it is of no interest.
  std::function<std::optional<std::string>(const World<Config>&, unsigned thread)> broken;
};

/// The rules that come with the library. V7 (no BUG) and V10 (no deadlock, no livelock) always hold;
/// V6 and V9 depend on what a scenario is about: see Scenario::expect().
namespace rules {

/// V1: the free pages that are counted are those on the lists; in kernels that leave them out, without
/// those on the isolate lists.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> free_pages_are_counted() {
  return {"V1", When::step, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            std::int64_t on_lists = 0;
            for (const MigrateType type : Config::semantics.migratetypes) {
              if (!Config::semantics.counts_isolated && type == MigrateType::isolate) continue;
              for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
                on_lists += static_cast<std::int64_t>(world.zone.free_area().nr_free(order, type)
                                                      << order.value());
              }
            }
            if (on_lists == world.zone.nr_free_pages()) return {};
            return fmt::format("{} pages are counted as free, {} are on the lists",
                               world.zone.nr_free_pages(), on_lists);
          }};
}

/// V2: no page of an isolated block is handed out, but to who isolated it.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> isolated_pages_stay() {
  return {"V2", When::step,
          [](const World<Config>& world, unsigned thread) -> std::optional<std::string> {
            std::uint64_t candidates = world.was_unused() & world.was_isolated();
            for (Pfn pfn = world.zone.start_pfn(); candidates != 0; ++pfn, candidates >>= 1) {
              if ((candidates & 1U) == 0 || !world.zone.memmap().bits(pfn).has(PageBits::in_use))
                continue;
              const std::size_t block = world.zone.pageblock_flags().index(pfn);
              if (world.zone.pageblock_flags()[block] != MigrateType::isolate) continue;
              if ((world.owners(block) >> thread & 1U) != 0) continue;
              return fmt::format("page {} was handed out, and its block {} is isolated", pfn,
                                 block);
            }
            return {};
          }};
}

/// V3: a block stays isolated until who isolated it gives it back.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> isolation_stays() {
  return {"V3", When::step, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            for (std::size_t block = 0; block < world.zone.pageblock_flags().size(); ++block) {
              if (world.owners(block) == 0) continue;
              const MigrateType type = world.zone.pageblock_flags()[block];
              if (type == MigrateType::isolate) continue;
              return fmt::format("block {} is {}, and who isolated it has not given it back", block,
                                 type);
            }
            return {};
          }};
}

/// V4: as many blocks are counted as isolated as are.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> isolated_blocks_are_counted() {
  return {"V4", When::end, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            std::int64_t isolated = 0;
            for (Pfn pfn = world.zone.start_pfn(); pfn < world.zone.end_pfn();
                 pfn += Zone<Config>::pageblock_nr_pages) {
              const bool is_memory = world.zone.memmap().bits(pfn).is_valid();
              if (is_memory && world.zone.pageblock_flags().get(pfn) == MigrateType::isolate)
                ++isolated;
            }
            if (isolated == world.zone.nr_pageblock_isolate()) return {};
            return fmt::format("{} blocks are isolated, {} are counted", isolated,
                               world.zone.nr_pageblock_isolate());
          }};
}

/// V5: free pages are on the lists of their blocks' types.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> lists_match_types() {
  return {"V5", When::step, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            for (Pfn pfn = world.zone.start_pfn(); pfn < world.zone.end_pfn(); ++pfn) {
              const PageBits bits = world.zone.memmap().bits(pfn);
              if (!bits.has(PageBits::buddy)) continue;
              const MigrateType type = world.zone.pageblock_flags().get(pfn);
              if (bits.list_type() == type) continue;
              return fmt::format("chunk {} (order {}) is on the {} list, its block is {}", pfn,
                                 bits.order(), bits.list_type(), type);
            }
            return {};
          }};
}

/// V8: a page is in one place; and whatever else verify() finds.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> zone_is_consistent() {
  return {"V8", When::end, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            const auto violations = verify(world.zone);
            if (violations.empty()) return {};
            return violations.front();
          }};
}

/// V11: the pages reserved for urgent requests are those of the reserved blocks.
template <ZoneConfig Config>
[[nodiscard]] Rule<Config> reserve_is_counted() {
  return {"V11", When::end, [](const World<Config>& world, unsigned) -> std::optional<std::string> {
            std::uint64_t pages = 0;
            for (std::size_t block = 0; block < world.zone.pageblock_flags().size(); ++block) {
              if (world.zone.pageblock_flags()[block] == MigrateType::highatomic)
                pages += Zone<Config>::pageblock_nr_pages;
            }
            if (pages == world.zone.pressure().nr_reserved_highatomic) return {};
            return fmt::format("{} pages are counted as reserved, {} are",
                               world.zone.pressure().nr_reserved_highatomic, pages);
          }};
}

}  // namespace rules
}  // namespace pageblock::interleave
