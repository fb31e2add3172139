// SPDX-License-Identifier: MIT
/// What an explorer of interleavings runs, and what a run is: threads of operations on one state.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/base/yield.hpp"

namespace pageblock::interleave {

/// The most threads of a scenario.
inline constexpr std::size_t max_threads = 8;

/// Kinds of places, as a mask.
using Yields = std::uint32_t;
/// Returns the mask of one kind.
[[nodiscard]] constexpr Yields mask_of(Yield kind) {
  return Yields{1} << static_cast<unsigned>(kind);
}
/// All kinds.
inline constexpr Yields all_yields = (Yields{1} << nr_yields) - 1;

/// One operation of a thread. Between operations a thread remembers nothing of its own: what it needs
/// later is part of the program's state.
struct Operation {
  std::string name;
  /// Returns whether it is done; if not it is run again.
  std::function<bool()> run;
};

/// What one CPU does: operations, one after the other.
struct Thread {
  std::string name;
  std::vector<Operation> operations;
  /// The thread whose CPU it interrupts: it begins while that one has interrupts on, and runs to its
  /// end before that one goes on.
  std::optional<unsigned> interrupts;
};

/// What is wrong: which rule is broken, and how.
struct Finding {
  std::string rule;
  std::string text;
  friend bool operator==(const Finding&, const Finding&) = default;
};

/// When rules are asked: after a step, with no zone->lock held; or when all threads have ended.
enum class When : std::uint8_t { step, end };

/// A scenario without its types: threads, and what can be done with the state that they share.
struct Program {
  std::string name;
  std::vector<Thread> threads;
  std::function<void()> reset;              ///< Makes the state that of the start.
  std::function<void(std::string&)> image;  ///< Appends the state: equal if and only if it is.
  std::function<std::optional<Finding>(When, unsigned thread)> check;  ///< Asks the rules.
  std::function<std::string()> outcome;                                ///< What the threads got.
  std::function<std::vector<std::string>()> picture;                   ///< The state in lines.
  /// Makes what is shared smaller by one unit, or larger again; returns whether it could.
  std::function<bool(bool smaller)> resize;
};

/// A step of a run: what a thread did from one place to the next.
struct Step {
  unsigned thread = 0;
  Yield from = Yield::begin;
  Yield to = Yield::begin;
  std::uint16_t operation = 0;  ///< The one that it is part of.
  bool is_last = false;         ///< Whether the thread ended with it.
};

/// How a run ended.
enum class End : std::uint8_t {
  complete,  ///< All threads ended.
  found,     ///< A rule was broken.
  stopped,   ///< Whoever chose the steps wanted no more.
  too_long   ///< The limit of steps was reached.
};

/// What was seen of a run.
struct Run {
  End end = End::complete;
  std::optional<Finding> finding;
  std::string outcome;  ///< Of a complete run.
  std::vector<Step> steps;
  unsigned preemptions = 0;  ///< Switches away from a thread that could go on.
  unsigned switches = 0;

  // Only of a recorded run.
  std::vector<std::vector<std::string>> events;  ///< What happened in each step.
  std::vector<std::string> images;               ///< The state after each.
  std::vector<std::vector<std::string>>
      pictures;  ///< The same, in lines; at first that of the start.
};

/// What a chooser is asked.
struct Choice {
  unsigned current;       ///< Who ran last.
  std::uint32_t enabled;  ///< Who can run, a bit each.
  bool is_free;  ///< Whether a switch is no preemption: @p current cannot go on, or has ended.
  Yield at;      ///< Where @p current is.
};

/// Returns who runs next, one of those enabled, or nothing to stop.
using Chooser = std::function<std::optional<unsigned>(const Choice&)>;

}  // namespace pageblock::interleave
