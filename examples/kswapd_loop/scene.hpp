// SPDX-License-Identifier: MIT
/// A zone of which some blocks go offline while a task needs a page, and what comes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/clients/reclaim_loop.hpp"

namespace example {

/// What is in the zone: 64 MiB with watermarks 256, 320 and 384.
///
///     isolated, free | rest of the last such block, in use | 4 blocks going offline, if they
///     are | LRU pages | pages of programs, 1000 of which come back with each kill
struct Scene {
  std::uint64_t isolated_free = 2048;
  std::uint64_t lru_pages = 0;
  /// Whether they can be reclaimed.
  bool reclaims = false;
  /// Pages of the isolated blocks are freed, one every so many steps; 0: none.
  std::uint64_t frees_every = 0;
  /// kswapd is awake at first.
  bool kswapd_awake = false;
  std::uint64_t max_steps = 10000;
};

inline constexpr std::uint64_t block_pages = 512;
inline constexpr std::uint64_t zone_pages = 32 * block_pages;
inline constexpr std::uint64_t victim_pages = 1000;
inline constexpr std::uint64_t most_isolated_free = 16 * block_pages;
inline constexpr std::uint64_t most_lru_pages = 8 * block_pages;
inline constexpr std::uint64_t blocks_freed = 4;
inline constexpr pageblock::Watermarks marks{.min = 256, .low = 320, .high = 384};

/// A step, and the zone around it.
struct LoggedStep {
  std::uint64_t number = 0;
  pageblock::ReclaimStep step;
  std::int64_t free_before = 0;
  std::int64_t free_after = 0;
  /// What kswapd's watermark check subtracts.
  std::int64_t charged = 0;
  std::uint64_t pages_scanned = 0;
  bool kswapd_was_awake = false;
};

/// What came of it.
struct Run {
  std::string kernel{};
  Scene scene{};
  std::uint64_t isolated_blocks = 0;
  pageblock::LoopResult result{};
  pageblock::ReclaimCounts counts{};
  std::optional<std::uint64_t> page{};
  std::vector<LoggedStep> log{};
};

/// The kernels that a scene can be run on.
[[nodiscard]] const std::vector<std::string>& kernel_names();

/// Runs a scene. The log keeps the first @p most_logged steps and the last three.
[[nodiscard]] Run run_scene(std::string_view kernel, const Scene& scene, std::size_t most_logged);

/// What kswapd takes from a zone of 1 GiB that is short of nothing: 20000 pages are free, but 64 full
/// blocks are isolated.
struct Price {
  std::string kernel{};
  std::int64_t free_before = 0;
  std::int64_t free_after = 0;
  std::uint64_t passes = 0;
  std::uint64_t reclaimed = 0;
};
[[nodiscard]] Price run_price(std::string_view kernel);

}  // namespace example
