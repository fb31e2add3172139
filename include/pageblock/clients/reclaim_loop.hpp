// SPDX-License-Identifier: MIT
/// A task without a page and kswapd, taking turns: does the task get its page, or go round for ever?
///
/// Layer:  clients.
/// Kernel: none; the scheduler.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "pageblock/base/config.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/clients/kswapd.hpp"
#include "pageblock/clients/reclaim.hpp"
#include "pageblock/clients/slow_path.hpp"

namespace pageblock {

/// How a loop ends.
enum class LoopEnding : std::uint8_t {
  served,   ///< The task has its page.
  failed,   ///< It gave up.
  repeats,  ///< Everything is as it was some steps ago, so it goes on like that for ever.
  cut,      ///< The steps were used up.
};

/// Returns the words for an ending.
[[nodiscard]] constexpr std::string_view to_string(LoopEnding ending) {
  constexpr std::array<std::string_view, 4> names{"served", "failed", "repeats", "cut"};
  return names[static_cast<std::size_t>(ending)];
}

/// When a loop is ended from outside.
struct LoopLimits {
  std::uint64_t steps = 10000;  ///< Steps of all actors together.
  /// Whether to end when everything is as it was.
  bool ends_at_repeat = true;
};

/// What came of a loop. What happened meanwhile is in the node's counts.
struct LoopResult {
  LoopEnding ending = LoopEnding::cut;  ///< How it ended.
  std::uint64_t steps = 0;              ///< Steps that were made.
  /// Where it repeats: after how many steps.
  std::uint64_t period = 0;
};

/// A step of either.
using ReclaimStep = std::variant<TaskStep, KswapdPass>;

/// Does nothing, whatever it is told.
struct Nothing {
  void operator()(const auto&...) const {}
};

/// Lets @p task and the node's kswapd step in turn, the task first, until the task is done or the
/// limits end it. A sleeping kswapd takes no step. @p kill is the OOM killer. Before each step
/// @p event(node, number) may change the node, as others on the machine do; then no repeat is looked for.
/// After each step @p visit(number, step) may look at it. Numbers count from 1.
/// Requires: as step_task().
/// Throws what the callbacks throw, and std::bad_alloc.
template <ZoneConfig Config, OomKiller<Config> Kill, typename Event = Nothing,
          typename Visit = Nothing>
LoopResult run_reclaim_loop(ReclaimNode<Config>& node, SlowPathTask& task, const LoopLimits& limits,
                            Kill&& kill, Event&& event = {}, Visit&& visit = {}) {
  struct LoopState {
    ReclaimNode<Config> node;
    SlowPathTask task;
    std::uint64_t step;
  };
  const bool looks_for_repeat = limits.ends_at_repeat && std::same_as<std::decay_t<Event>, Nothing>;
  std::optional<LoopState> seen;
  std::uint64_t next_moment = 1;
  LoopResult result;
  while (!task.is_done() && result.steps < limits.steps) {
    if (looks_for_repeat && task.place == TaskPlace::rebalance) {
      if (seen && seen->task == task && seen->node == node) {
        result.ending = LoopEnding::repeats;
        result.period = result.steps - seen->step;
        return result;
      }
      // A period of any length is found by keeping moments further and further apart.
      if (result.steps >= next_moment) {
        seen.emplace(LoopState{node, task, result.steps});
        next_moment = 2 * result.steps;
      }
    }
    event(node, result.steps + 1);
    const TaskStep step = step_task(node, task, kill);
    visit(++result.steps, ReclaimStep{step});
    if (task.is_done() || result.steps >= limits.steps || node.kswapd.is_asleep) continue;
    event(node, result.steps + 1);
    if (const auto pass = step_kswapd(node)) visit(++result.steps, ReclaimStep{*pass});
  }
  if (task.is_done()) {
    result.ending = task.place == TaskPlace::served ? LoopEnding::served : LoopEnding::failed;
  }
  return result;
}

/// Lets kswapd alone go on until it sleeps, for @p passes at most. Returns whether it sleeps.
template <ZoneConfig Config>
bool run_kswapd(ReclaimNode<Config>& node, std::uint64_t passes) {
  while (!node.kswapd.is_asleep && passes-- > 0) static_cast<void>(step_kswapd(node));
  return node.kswapd.is_asleep;
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::LoopEnding> : pageblock::detail::ToStringFormatter {};
