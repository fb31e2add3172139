// SPDX-License-Identifier: MIT
/// Schedules: who runs when, as text, and how to run one again.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_steps.hpp"

namespace pageblock::interleave {

/// Steps of one thread in a row.
struct Stretch {
  unsigned thread = 0;
  std::size_t steps = 0;    ///< 0: until it ends.
  Yield at = Yield::begin;  ///< Where it is then.
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// Who runs when. What comes after its end is nobody's choice: each thread runs as long as it can, the
/// first of them first.
using Schedule = std::vector<Stretch>;

/// Returns the schedule that a run followed.
[[nodiscard]] inline Schedule schedule_of(const Run& run) {
  Schedule schedule;
  for (const Step& step : run.steps) {
    if (schedule.empty() || schedule.back().thread != step.thread)
      schedule.push_back({step.thread});
    schedule.back().at = step.to;
    ++schedule.back().steps;
    if (step.is_last) schedule.back().steps = 0;
  }
  return schedule;
}

/// Returns "X5@zone_lock,Y*,X*": five steps of X, which is about to take zone->lock then; all of Y; and the
/// rest of X.
[[nodiscard]] inline std::string to_string(const Schedule& schedule, const Program& program) {
  std::string text;
  for (const Stretch& stretch : schedule) {
    if (!text.empty()) text += ',';
    text += program.threads[stretch.thread].name;
    text += stretch.steps == 0 ? "*" : fmt::format("{}@{}", stretch.steps, to_string(stretch.at));
  }
  return text;
}

/// A schedule that was read, or why it could not be.
struct ParsedSchedule {
  Schedule schedule;
  std::string error;
};

/// Reads what to_string() wrote. The place behind @ may be left out: then it is not checked.
[[nodiscard]] inline ParsedSchedule parse_schedule(std::string_view text, const Program& program) {
  ParsedSchedule parsed;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    std::optional<Stretch> stretch;
    for (unsigned id = 0; id < program.threads.size() && !stretch; ++id) {
      const std::string& name = program.threads[id].name;
      if (item.substr(0, name.size()) != name) continue;
      std::string_view rest = item.substr(name.size());
      if (rest == "*") {
        stretch = Stretch{id};
        continue;
      }
      std::size_t steps = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), steps);
      if (error != std::errc{} || steps == 0) continue;
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      Yield at = Yield::begin;
      bool is_known = rest.empty();
      for (std::size_t kind = 0; kind < nr_yields && !is_known; ++kind) {
        at = static_cast<Yield>(kind);
        is_known = rest.front() == '@' && rest.substr(1) == to_string(at);
      }
      if (is_known) stretch = Stretch{id, steps, rest.empty() ? static_cast<Yield>(nr_yields) : at};
    }
    if (!stretch) {
      return {
          {},
          fmt::format("\"{}\" is no stretch of a schedule: a thread's name, and * or a number of "
                      "steps, as in \"X5@zone_lock,Y*\"",
                      item)};
    }
    parsed.schedule.push_back(*stretch);
  }
  return parsed;
}

/// Follows a schedule. If the program does otherwise than it says, as a changed program may, it says where,
/// and goes on as near to it as possible.
class Follower {
 public:
  Follower(const Runner& runner, const Schedule& schedule) : runner_{runner}, schedule_{schedule} {}

  std::optional<unsigned> operator()(const Choice& choice) {
    take_steps();
    while (position_ < schedule_.size() && is_over()) advance();
    if (position_ < schedule_.size()) {
      const unsigned wanted = schedule_[position_].thread;
      if ((choice.enabled >> wanted & 1U) != 0) return wanted;
      diverge("cannot run");
    }
    if ((choice.enabled >> choice.current & 1U) != 0) return choice.current;
    return static_cast<unsigned>(std::countr_zero(choice.enabled));
  }

  /// Where the program did not do what the schedule says; empty if it did.
  [[nodiscard]] const std::string& divergence() {
    take_steps();
    return divergence_;
  }

 private:
  // Finds out which steps were made since it was asked last.
  void take_steps() {
    const auto& steps = runner_.last().steps;
    for (; seen_ < steps.size(); ++seen_) {
      const Step& step = steps[seen_];
      if (position_ >= schedule_.size()) continue;
      if (schedule_[position_].thread != step.thread) {
        if (!is_over()) diverge("stopped");
        advance();
        if (position_ < schedule_.size() && schedule_[position_].thread != step.thread) {
          diverge("did not run");
        }
      }
      ++done_;
      ended_ = step.is_last;
      at_ = step.to;
      const Stretch* const now = position_ < schedule_.size() ? &schedule_[position_] : nullptr;
      if (now != nullptr && now->steps != 0 && done_ == now->steps &&
          now->at != static_cast<Yield>(nr_yields) && now->at != at_) {
        diverge(fmt::format("is at {} instead of {}", to_string(at_), to_string(now->at)));
      }
    }
  }
  [[nodiscard]] bool is_over() const {
    const Stretch& now = schedule_[position_];
    return now.steps == 0 ? ended_ : done_ >= now.steps;
  }
  void advance() {
    ++position_;
    done_ = 0;
    ended_ = false;
  }
  void diverge(std::string_view what) {
    if (!divergence_.empty()) return;
    divergence_ = fmt::format(
        "at step {}: {} {}", seen_ + 1,
        runner_.program()
            .threads[schedule_[position_ < schedule_.size() ? position_ : position_ - 1].thread]
            .name,
        what);
  }

  const Runner& runner_;
  const Schedule& schedule_;
  std::size_t seen_ = 0;
  std::size_t position_ = 0;
  std::size_t done_ = 0;
  bool ended_ = false;
  Yield at_ = Yield::begin;
  std::string divergence_;
};

/// A run along a schedule.
struct Replay {
  Run run;
  std::string divergence;  ///< Empty if the program did what the schedule says.
};

/// Runs a schedule; a switch is possible at every place.
[[nodiscard]] inline Replay replay(Runner& runner, const Schedule& schedule,
                                   RunOptions options = {}) {
  options.yields = all_yields;
  options.skips_local = false;
  Follower follower{runner, schedule};
  const Run& run = runner.run(options, std::ref(follower));
  return {run, follower.divergence()};
}

}  // namespace pageblock::interleave
