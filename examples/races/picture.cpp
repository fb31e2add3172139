// SPDX-License-Identifier: MIT
#include "races/picture.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/base/contract.hpp"
#include "pageblock/lab/interleave.hpp"

namespace races {
namespace {

using namespace pageblock::interleave;  // NOLINT
using pageblock::TimeLine;
using pageblock::TimeStep;

// What a thread did in the last step of a run, and where it is now.
TimeStep told_of(const Run& run, const Program& program) {
  const Step& step = run.steps.back();
  const Thread& thread = program.threads[step.thread];
  std::vector<std::string> lines = run.events.back();
  lines.emplace_back(step.is_last ? "has ended" : about_to(step.to));
  const std::string& operation = thread.operations[step.operation].name;
  return {.what = operation.empty() ? thread.name : fmt::format("{}: {}", thread.name, operation),
          .detail = fmt::format("{}", fmt::join(lines, "; "))};
}

}  // namespace

bool can_be_drawn(const Answer& answer) { return answer.replayed || answer.shrunk; }

TimeLine time_line_of(const Answer& answer) {
  pageblock::bug_on(!can_be_drawn(answer), "there is no run to draw");
  const Playable& playable = *answer.program;
  Program program = answer.shrunk ? answer.shrunk->program : playable;
  const Run& shown = answer.shrunk ? answer.shrunk->run : *answer.replayed;
  const Schedule schedule = answer.shrunk ? answer.shrunk->schedule : schedule_of(shown);
  TimeLine line{fmt::format("{}: {} ({})", answer.race.id, answer.race.title, answer.one.kernel)};
  const Runner* running = nullptr;
  // A recorded run asks for a picture at its start, and after each step.
  program.picture = [&]() -> std::vector<std::string> {
    const Run& run = running->last();
    if (run.steps.empty()) {
      playable.watch(line);
    } else {
      playable.step(line, told_of(run, program));
    }
    if (shown.finding && run.steps.size() == shown.steps.size()) {
      line.step({.what = fmt::format("{} is broken", shown.finding->rule),
                 .detail = shown.finding->text,
                 .is_refusal = true});
    }
    return {};
  };
  Runner runner{program};
  running = &runner;
  RunOptions options;
  options.records = true;
  options.asks_rules = false;  // on to the end
  // As small as it was shrunk, and then as it was.
  const std::size_t units = answer.shrunk ? answer.shrunk->units_cut : 0;
  for (std::size_t i = 0; i < units; ++i) static_cast<void>(program.resize(true));
  static_cast<void>(replay(runner, schedule, options));
  for (std::size_t i = 0; i < units; ++i) static_cast<void>(program.resize(false));
  return line;
}

}  // namespace races
