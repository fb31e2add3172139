// SPDX-License-Identifier: MIT
/// A run as text: a column for each thread, and the zone before, when a rule broke, and at the end.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/count_text.hpp"
#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_schedule.hpp"
#include "pageblock/lab/interleave_search.hpp"
#include "pageblock/lab/interleave_shrink.hpp"

namespace pageblock::interleave {

/// What a thread did in one stretch of a recorded run, line by line.
struct StretchText {
  unsigned thread = 0;
  std::size_t first_step = 0;
  std::vector<std::string> lines;
};

/// Returns what a thread is about to do where it is.
[[nodiscard]] inline std::string_view about_to(Yield at) {
  switch (at) {
    case Yield::begin:
      return "about to begin the next";
    case Yield::zone_lock:
      return "about to take zone->lock";
    case Yield::zone_unlock:
      return "has given back zone->lock";
    case Yield::pcp_lock:
      return "about to take a pcp lock";
    case Yield::pcp_unlock:
      return "has given back a pcp lock";
    case Yield::mutex_lock:
      return "about to take a mutex";
    case Yield::mutex_unlock:
      return "has given back a mutex";
    case Yield::type_read:
      return "about to read a block's type";
    case Yield::type_used:
      return "has read a block's type";
    case Yield::count_read:
      return "about to read a pcp count";
    case Yield::page_read:
      return "about to look at a page";
    case Yield::page_write:
      return "has written half of a page's word";
    case Yield::limits:
      return "about to write pcp limits";
    case Yield::wait:
      return "waits";
    case Yield::step:
      return "goes on later";
  }
  return "";
}

/// Returns the stretches of a recorded run.
[[nodiscard]] inline std::vector<StretchText> stretches_of(const Run& run, const Program& program) {
  std::vector<StretchText> stretches;
  std::vector<int> last_operation(program.threads.size(), -1);
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const Step& step = run.steps[i];
    if (stretches.empty() || stretches.back().thread != step.thread) {
      if (!stretches.empty() && !run.steps[i - 1].is_last) {
        stretches.back().lines.push_back(fmt::format("... {}", about_to(run.steps[i - 1].to)));
      }
      stretches.push_back({step.thread, i, {}});
    }
    std::vector<std::string>& lines = stretches.back().lines;
    const std::string& name = program.threads[step.thread].operations[step.operation].name;
    if (last_operation[step.thread] != step.operation && !name.empty()) {
      lines.push_back(fmt::format("{}:", name));
      last_operation[step.thread] = step.operation;
    }
    for (const std::string& event : run.events[i]) lines.push_back("  " + event);
  }
  return stretches;
}

/// Returns the run in columns.
[[nodiscard]] inline std::string to_columns(const Run& run, const Program& program) {
  const std::vector<StretchText> stretches = stretches_of(run, program);
  std::vector<std::size_t> width(program.threads.size(), 0);
  for (const StretchText& stretch : stretches) {
    std::size_t& needed = width[stretch.thread];
    needed = std::max(needed, program.threads[stretch.thread].name.size());
    for (const std::string& line : stretch.lines) needed = std::max(needed, line.size());
  }
  std::string text = "  step";
  std::string rule = "  ----";
  for (std::size_t id = 0; id < width.size(); ++id) {
    if (width[id] == 0) continue;
    text += fmt::format(" | {:<{}}", program.threads[id].name, width[id]);
    rule += fmt::format("-+-{:-<{}}", "", width[id]);
  }
  const auto end_line = [&text] {
    while (text.back() == ' ') text.pop_back();
    text += '\n';
  };
  end_line();
  text += rule + '\n';
  for (const StretchText& stretch : stretches) {
    bool is_first = true;
    for (const std::string& line : stretch.lines) {
      text += is_first ? fmt::format("  {:>4}", stretch.first_step + 1) : "      ";
      is_first = false;
      for (std::size_t id = 0; id < width.size(); ++id) {
        if (width[id] != 0)
          text += fmt::format(" | {:<{}}", id == stretch.thread ? line : "", width[id]);
      }
      end_line();
    }
  }
  return text;
}

/// Returns a picture, with a mark at the lines that differ from @p before.
[[nodiscard]] inline std::string to_text(const std::vector<std::string>& picture,
                                         const std::vector<std::string>& before) {
  std::string text;
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const bool is_new = i >= before.size() || picture[i] != before[i];
    text += fmt::format("  {} {}\n", is_new ? '*' : ' ', picture[i]);
  }
  return text;
}

/// Returns all there is to say of a finding that was shrunk.
[[nodiscard]] inline std::string to_text(const Shrunk& shrunk) {
  const Run& run = shrunk.run;
  const std::vector<std::string>& start = run.pictures.front();
  const std::vector<std::string>& failure = run.pictures.back();
  std::string text = fmt::format("{}: {}\n\nthe zone before:\n{}\n{}\nwhen the rule broke:\n{}",
                                 run.finding->rule, run.finding->text, to_text(start, start),
                                 to_columns(run, shrunk.program), to_text(failure, start));
  if (shrunk.rest.steps.size() > run.steps.size()) {
    text +=
        fmt::format("\nat the end{}:\n{}",
                    shrunk.rest.outcome.empty() ? "" : fmt::format(" ({})", shrunk.rest.outcome),
                    to_text(shrunk.rest.pictures.back(), failure));
  }
  for (const Swap& swap : shrunk.swaps) {
    text += fmt::format(
        "\nIf {} had made steps {} to {} before {} made {} to {}, nothing would be wrong{}.\n",
        shrunk.program.threads[run.steps[swap.second].thread].name, swap.second + 1, swap.end,
        shrunk.program.threads[run.steps[swap.first].thread].name, swap.first + 1, swap.second,
        swap.outcome.empty() ? "" : fmt::format(" ({})", swap.outcome));
  }
  text += fmt::format("\nschedule: {}\n", to_string(shrunk.schedule, shrunk.program));
  return text;
}

/// Returns how far a search got, in a line or two; "all" is said only of what is complete.
[[nodiscard]] inline std::string to_text(const Result& result) {
  std::string text;
  switch (result.strategy) {
    case Strategy::bounded:
      text = result.is_complete
                 ? "all schedules with at most " + count_text(result.bound, "preemption")
                 : fmt::format("schedules with at most {}, not all",
                               count_text(result.bound, "preemption"));
      break;
    case Strategy::breadth:
      text = result.is_complete ? "all states" : "states with the fewest choices, not all";
      break;
    case Strategy::random:
      text = "schedules by chance";
      break;
    case Strategy::pct:
      text = "schedules by priorities and chance";
      break;
  }
  text += fmt::format(": {} runs", result.runs);
  if (result.joined != 0) text += fmt::format(", {} of them joined another", result.joined);
  if (result.states != 0) text += fmt::format(", {} states", result.states);
  text += fmt::format(", {} steps, {} in the longest run\n", result.steps, result.longest);
  if (result.too_long != 0) {
    text += fmt::format("{} runs were cut, for they took too many steps\n", result.too_long);
  }
  return text;
}

}  // namespace pageblock::interleave
