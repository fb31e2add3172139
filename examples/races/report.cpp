// SPDX-License-Identifier: MIT
#include "races/report.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>
#include <pageblock/base/count_text.hpp>

#include "common/json.hpp"

namespace races {
namespace {

using namespace pageblock::interleave;  // NOLINT
using example::Json;

// Breaks a text into lines of 90 characters or less.
std::string wrapped(std::string_view text) {
  std::string lines;
  std::size_t width = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (width != 0 && width + 1 + word.size() > 90) {
      lines += '\n';
      width = 0;
    }
    if (width != 0) {
      lines += ' ';
      ++width;
    }
    lines += word;
    width += word.size();
  }
  return lines + '\n';
}

std::string how_it_was(const Answer& answer) {
  const Result& result = answer.result;
  if (result.found.empty()) return result.is_complete ? "silent" : "nothing yet";
  return fmt::format("{} after {}", result.found.front().finding.rule,
                     pageblock::count_text(result.found.front().preemptions, "preemption"));
}

std::string schedule_text(const Answer& answer, const Schedule& schedule) {
  return fmt::format("{}/{}:{}", answer.race.id, answer.one.kernel,
                     to_string(schedule, *answer.program));
}

Json lines_of(const std::vector<std::string>& lines) { return Json(lines); }

Json columns_as_json(const Run& run, const Program& program) {
  Json stretches = Json::array();
  for (const StretchText& stretch : stretches_of(run, program)) {
    stretches.push_back({{"thread", program.threads[stretch.thread].name},
                         {"first_step", stretch.first_step + 1},
                         {"lines", lines_of(stretch.lines)}});
  }
  return stretches;
}

Json finding_as_json(const Answer& answer) {
  if (answer.result.found.empty()) return nullptr;
  const Found& found = answer.result.found.front();
  Json json{{"rule", found.finding.rule},
            {"text", found.finding.text},
            {"after_runs", found.after_runs},
            {"preemptions", found.preemptions},
            {"schedule", schedule_text(answer, found.schedule)},
            {"shrunk", nullptr}};
  if (!answer.shrunk) return json;
  const Shrunk& shrunk = *answer.shrunk;
  Json swaps = Json::array();
  for (const Swap& swap : shrunk.swaps) {
    swaps.push_back({{"first", swap.first + 1}, {"second", swap.second + 1}, {"end", swap.end}});
  }
  json["shrunk"] = {{"schedule", schedule_text(answer, shrunk.schedule)},
                    {"switches", shrunk.run.switches},
                    {"steps", shrunk.run.steps.size()},
                    {"stretches", columns_as_json(shrunk.run, shrunk.program)},
                    {"before", lines_of(shrunk.run.pictures.front())},
                    {"at_failure", lines_of(shrunk.run.pictures.back())},
                    {"at_end", lines_of(shrunk.rest.pictures.back())},
                    {"swaps", std::move(swaps)}};
  return json;
}

}  // namespace

std::string list_as_text() {
  std::string text;
  for (const Race& race : all_races()) {
    text += fmt::format("{:<4} {}\n", race.id, race.title);
    for (const Case& one : race.cases) {
      text += fmt::format("       {:<34} {}\n", one.kernel,
                          one.finds.empty()
                              ? "silent"
                              : fmt::format("{} with {}", one.finds,
                                            pageblock::count_text(one.bound, "preemption")));
    }
  }
  return text;
}

std::string list_as_json() {
  Json document = example::json_document("races_list", 1);
  Json races = Json::array();
  for (const Race& race : all_races()) {
    Json cases = Json::array();
    for (const Case& one : race.cases) {
      cases.push_back({{"kernel", one.kernel},
                       {"finds", one.finds.empty() ? Json(nullptr) : Json(one.finds)},
                       {"preemptions", one.bound},
                       {"note", one.note}});
    }
    races.push_back({{"id", race.id},
                     {"title", race.title},
                     {"story", race.story},
                     {"cases", std::move(cases)}});
  }
  document["races"] = std::move(races);
  return example::to_text(document);
}

std::string answer_as_text(const Answer& answer) {
  std::string text = fmt::format("{}: {} ({})\n\n{}", answer.race.id, answer.race.title,
                                 answer.one.kernel, wrapped(answer.race.story));
  if (!answer.one.note.empty()) text += wrapped("Here: " + answer.one.note + ".");
  text += '\n';
  if (answer.replayed) {
    const Run& run = *answer.replayed;
    text += to_columns(run, *answer.program);
    text += run.finding ? fmt::format("\n{}: {}\n", run.finding->rule, run.finding->text)
                        : fmt::format("\nnothing went wrong ({})\n", run.outcome);
    return fmt::format("{}\n{}", text, to_text(run.pictures.back(), run.pictures.front()));
  }
  text += to_text(answer.result);
  if (answer.result.lock_circle) {
    text += fmt::format("locks are taken in a circle: {}\n", *answer.result.lock_circle);
  }
  if (answer.result.found.empty()) {
    text += answer.result.is_complete ? "\nnothing goes wrong\n" : "\nnothing went wrong\n";
    for (const auto& [outcome, times] : answer.result.outcomes) {
      if (outcome.empty()) continue;
      text += fmt::format("  {:<40} {}\n", outcome, schedule_text(answer, times.schedule));
    }
    if (answer.result.checkpoint) {
      text += fmt::format("to go on: races {} --kernel \"{}\" --resume {}\n", answer.race.id,
                          answer.one.kernel, to_string(*answer.result.checkpoint));
    }
    return text;
  }
  text += '\n';
  text += answer.shrunk ? to_text(*answer.shrunk)
                        : fmt::format("{}: {}\n", answer.result.found.front().finding.rule,
                                      answer.result.found.front().finding.text);
  return text + fmt::format("to see it again: races {} --kernel \"{}\" --schedule \"{}\"\n",
                            answer.race.id, answer.one.kernel,
                            to_string(answer.result.found.front().schedule, *answer.program));
}

std::string answers_as_table(const std::vector<Answer>& answers) {
  std::string text = fmt::format("{:<4} {:<36} {:<26} {:>9} {:>9} {:>8}\n", "", "rules of", "",
                                 "runs", "states", "longest");
  for (const Answer& answer : answers) {
    text += fmt::format("{:<4} {:<36} {:<26} {:>9} {:>9} {:>8}\n", answer.race.id,
                        answer.one.kernel, how_it_was(answer), answer.result.runs,
                        answer.result.states, answer.result.longest);
  }
  return text;
}

std::string answers_as_json(const std::vector<Answer>& answers) {
  Json document = example::json_document("races", 1);
  Json list = Json::array();
  for (const Answer& answer : answers) {
    const Result& result = answer.result;
    Json outcomes = Json::array();
    for (const auto& [outcome, times] : result.outcomes) {
      outcomes.push_back({{"outcome", outcome},
                          {"runs", times.runs},
                          {"schedule", schedule_text(answer, times.schedule)}});
    }
    Json json{
        {"race", answer.race.id},
        {"title", answer.race.title},
        {"kernel", answer.one.kernel},
        {"strategy", to_string(result.strategy)},
        {"bound", result.bound},
        {"complete", result.is_complete},
        {"runs", result.runs},
        {"states", result.states},
        {"joined", result.joined},
        {"steps", result.steps},
        {"cut", result.too_long},
        {"checkpoint", result.checkpoint ? Json(to_string(*result.checkpoint)) : Json(nullptr)},
        {"seconds", answer.seconds},
        {"lock_circle", example::json_or_null(result.lock_circle)},
        {"outcomes", std::move(outcomes)},
        {"finding", finding_as_json(answer)},
        {"replayed", nullptr}};
    if (answer.replayed) {
      const Run& run = *answer.replayed;
      json["replayed"] = {
          {"finding", run.finding ? Json{{"rule", run.finding->rule}, {"text", run.finding->text}}
                                  : Json(nullptr)},
          {"outcome", run.outcome},
          {"stretches", columns_as_json(run, *answer.program)},
          {"at_end", lines_of(run.pictures.back())}};
    }
    list.push_back(std::move(json));
  }
  document["answers"] = std::move(list);
  return example::to_text(document);
}

}  // namespace races
