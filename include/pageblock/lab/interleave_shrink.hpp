// SPDX-License-Identifier: MIT
/// The shortest way to a broken rule, and which steps it hangs on.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_schedule.hpp"
#include "pageblock/lab/interleave_search.hpp"
#include "pageblock/lab/interleave_steps.hpp"

namespace pageblock::interleave {

/// Two stretches side by side, of different threads: run the other way round, nothing is wrong.
struct Swap {
  std::size_t first = 0;   ///< The last steps of a stretch, from this,
  std::size_t second = 0;  ///< and what comes after them from this,
  std::size_t end = 0;     ///< until this.
  std::string outcome;     ///< What comes of it then.
};

/// What is left of a finding.
struct Shrunk {
  Program program;  ///< Without the operations that it does not need.
  Schedule schedule;
  Run run;   ///< Recorded until the rule is broken.
  Run rest;  ///< The same, on to the end.
  std::vector<Swap> swaps;
  std::size_t units_cut = 0;  ///< By which what is shared is smaller (Program::resize).
  std::size_t operations_cut = 0;
  std::size_t tried = 0;  ///< Runs that this took.
};

namespace detail {

/// Shrinks one finding.
class Shrinker {
 public:
  Shrinker(const Program& program, Finding finding) : finding_{std::move(finding)} {
    best_.program = program;
  }

  /// Returns the shortest run, or nothing if the schedule does not show the finding.
  std::optional<Shrunk> run(const Schedule& schedule) {
    if (!accept(best_.program, schedule, false)) return {};
    cuts_ = is_right_in_turn(best_.program);
    while (cut_unit() || cut_operation() || cut_stretch() || cut_steps()) {
    }
    Runner runner{best_.program};
    RunOptions options;
    options.records = true;
    best_.run = replay(runner, best_.schedule, options).run;
    find_swaps(runner);
    options.asks_rules = false;
    best_.rest = replay(runner, best_.schedule, options).run;
    while (best_.units_cut != 0) {
      static_cast<void>(best_.program.resize(false));
      --best_.units_cut;
      ++units_;
    }
    best_.units_cut = units_;
    return std::move(best_);
  }

 private:
  // Tries a schedule, and keeps it if it shows the same in fewer switches, or in as many and fewer
  // steps; with is_smaller also in as many.
  bool accept(const Program& program, const Schedule& schedule, bool is_smaller) {
    ++best_.tried;
    Runner runner{program};
    Run run;
    try {
      run = replay(runner, schedule).run;
    } catch (const Abandoned&) {  // of a zone that is too small
      return false;
    }
    if (run.end != End::found || run.finding->rule != finding_.rule) return false;
    if (without_numbers(run.finding->text) != without_numbers(finding_.text)) return false;
    const auto size = std::pair{run.switches, run.steps.size()};
    if (has_size_ && size > size_) return false;
    if (has_size_ && size == size_ && !is_smaller) return false;
    size_ = size;
    has_size_ = true;
    best_.schedule = schedule_of(run);
    return true;
  }

  static std::string without_numbers(std::string text) {
    std::erase_if(text, [](char letter) { return letter >= '0' && letter <= '9'; });
    return text;
  }

  // Whether nothing is wrong where the threads run one after the other. What cannot do without what was
  // cut shows here.
  bool is_right_in_turn(const Program& program) {
    try {
      const Result result = search(program, {.bound = 0});
      best_.tried += result.runs;
      return result.found.empty();
    } catch (const Abandoned&) {  // of a zone that is too small
      return false;
    }
  }

  bool cut_unit() {
    if (!cuts_ || !best_.program.resize || !best_.program.resize(true)) return false;
    if (is_right_in_turn(best_.program) && accept(best_.program, best_.schedule, true)) {
      ++best_.units_cut;
      return true;
    }
    static_cast<void>(best_.program.resize(false));
    return false;
  }

  // The last operation of a thread: those behind it may need the others.
  bool cut_operation() {
    if (!cuts_) return false;
    for (std::size_t thread = 0; thread < best_.program.threads.size(); ++thread) {
      if (best_.program.threads[thread].operations.empty()) continue;
      Program without = best_.program;
      without.threads[thread].operations.pop_back();
      if (!is_right_in_turn(without) || !accept(without, best_.schedule, true)) continue;
      best_.program = std::move(without);
      ++best_.operations_cut;
      return true;
    }
    return false;
  }

  bool cut_stretch() {
    for (std::size_t i = 0; i < best_.schedule.size(); ++i) {
      Schedule without = best_.schedule;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      for (std::size_t k = 1; k < without.size();) {  // neighbours that are one now
        if (without[k].thread != without[k - 1].thread) {
          ++k;
          continue;
        }
        const bool has_end = without[k].steps == 0 || without[k - 1].steps == 0;
        without[k - 1].steps = has_end ? 0 : without[k - 1].steps + without[k].steps;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(k));
      }
      if (accept(best_.program, anywhere(without), false)) return true;
    }
    return false;
  }

  bool cut_steps() {
    for (std::size_t i = 0; i < best_.schedule.size(); ++i) {
      for (std::size_t less = best_.schedule[i].steps / 2; less != 0; less /= 2) {
        Schedule shorter = best_.schedule;
        shorter[i].steps -= less;
        if (accept(best_.program, anywhere(shorter), false)) return true;
      }
    }
    return false;
  }

  // What was cut may stop elsewhere.
  static Schedule anywhere(Schedule schedule) {
    for (Stretch& stretch : schedule) stretch.at = static_cast<Yield>(nr_yields);
    return schedule;
  }

  // Exchanges what stands on both sides of each switch.
  void find_swaps(Runner& runner) {
    const std::vector<Step> steps = best_.run.steps;
    for (std::size_t second = 1; second < steps.size(); ++second) {
      if (steps[second].thread == steps[second - 1].thread) continue;
      std::size_t first = second - 1;
      std::size_t end = second + 1;
      while (first > 0 && steps[first - 1].thread == steps[first].thread) --first;
      while (end < steps.size() && steps[end].thread == steps[second].thread) ++end;
      // As few steps of the former thread as will do, with all of the latter.
      for (std::size_t from = second; from-- != first;) {
        Schedule swapped;
        const auto add = [&](std::size_t low, std::size_t high) {
          for (std::size_t i = low; i < high; ++i) {
            if (swapped.empty() || swapped.back().thread != steps[i].thread)
              swapped.push_back({steps[i].thread, 0, static_cast<Yield>(nr_yields)});
            ++swapped.back().steps;
          }
        };
        add(0, from);
        add(second, end);
        add(from, second);
        add(end, steps.size());
        const Replay other = replay(runner, swapped);
        ++best_.tried;
        if (other.run.end != End::complete) continue;
        best_.swaps.push_back({from, second, end, other.run.outcome});
        break;
      }
    }
  }

  Finding finding_;
  Shrunk best_;
  bool cuts_ = false;  // whether parts of the program may go
  bool has_size_ = false;
  std::pair<unsigned, std::size_t> size_;
  std::size_t units_ = 0;
};

}  // namespace detail

/// Shrinks the run of @p schedule that breaks the rule of @p finding: a smaller zone, fewer operations,
/// fewer switches, fewer steps, as long as the same rule breaks and nothing is wrong where the threads run
/// one after the other (else nothing but the schedule gets shorter); and asks at each switch whether the
/// other order would have done. The program is as it was afterwards. Nothing if the schedule does not show
/// it. Throws std::bad_alloc, and what the program throws.
[[nodiscard]] inline std::optional<Shrunk> shrink(const Program& program, const Finding& finding,
                                                  const Schedule& schedule) {
  return detail::Shrinker{program, finding}.run(schedule);
}

}  // namespace pageblock::interleave
