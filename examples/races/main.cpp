// SPDX-License-Identifier: MIT
// Runs a race in every order that matters, and prints the shortest one that goes wrong.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/time_line_html.hpp"
#include "pageblock/lab/interleave.hpp"

#include "common/json.hpp"
#include "common/program.hpp"
#include "common/progress.hpp"
#include "races/catalog.hpp"
#include "races/picture.hpp"
#include "races/report.hpp"

namespace {

using namespace races;  // NOLINT
using namespace pageblock::interleave;
using example::UsageError;

std::atomic<bool> is_interrupted{false};

struct Options {
  std::string kernel;
  std::string strategy = "bounded";
  std::optional<std::uint64_t> bound;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> runs;
  std::string schedule;
  std::string resume;
  std::string html;
  bool no_joins = false;
  bool every_place = false;
  bool twice = false;
  bool json = false;
};

std::string kernels_of(const Race& race) {
  std::string names;
  for (const Case& one : race.cases)
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", one.kernel);
  return names;
}

// The cases that are asked for: that with this name, all, or the first.
std::vector<const Case*> cases_of(const Race& race, const std::string& kernel) {
  std::vector<const Case*> cases;
  for (const Case& one : race.cases) {
    if (kernel == "all" || one.kernel == kernel || (kernel.empty() && cases.empty())) {
      cases.push_back(&one);
    }
  }
  if (cases.empty()) {
    throw UsageError{
        fmt::format("{} has no rules of \"{}\": it has {}", race.id, kernel, kernels_of(race))};
  }
  return cases;
}

SearchOptions search_options(const Options& options, const Case& one) {
  SearchOptions search;
  search.yields = one.yields;
  for (const Strategy strategy : {Strategy::breadth, Strategy::random, Strategy::pct}) {
    if (to_string(strategy) == options.strategy) search.strategy = strategy;
  }
  search.bound = static_cast<unsigned>(options.bound.value_or(3));
  search.seed = options.seed.value_or(1);
  search.joins = !options.no_joins;
  search.skips_local = !options.every_place;
  if (!options.resume.empty()) {
    search.resume = parse_checkpoint(options.resume);
    if (!search.resume) throw UsageError{"--resume: that was not printed by an unfinished search"};
    if (search.strategy != Strategy::bounded) throw UsageError{"--resume is of a bounded search"};
    if (search.resume->bound > search.bound) throw UsageError{"--resume: the --bound was larger"};
  }
  const bool is_by_chance = search.strategy == Strategy::random || search.strategy == Strategy::pct;
  search.most_runs = options.runs.value_or(is_by_chance ? 100'000 : 10'000'000);
  return search;
}

// Searches one case, and shrinks what it finds.
Answer answer_to(const Race& race, const Case& one, const Options& options) {
  Answer answer{race, one, one.make(), {}, {}, 0};
  SearchOptions search_for = search_options(options, one);
  example::Progress progress{fmt::format("{} {}", race.id, one.kernel)};
  search_for.progress = [&](const Result& result) {
    progress.update(result.runs,
                    search_for.strategy == Strategy::bounded ? 0 : search_for.most_runs);
    return !is_interrupted.load();
  };
  const auto start = std::chrono::steady_clock::now();
  try {
    answer.result = search(*answer.program, search_for);
  } catch (const std::invalid_argument& error) {
    throw UsageError{fmt::format("--resume: {}", error.what())};
  }
  answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!answer.result.found.empty()) {
    const Found& found = answer.result.found.front();
    answer.shrunk = shrink(*answer.program, found.finding, found.schedule);
  }
  return answer;
}

// Follows a schedule instead of a search.
Answer follow(const Race& race, const Case& one, const Options& options) {
  Answer answer{race, one, one.make(), {}, {}, 0};
  std::string_view text = options.schedule;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    const std::string_view origin = text.substr(0, colon);
    const std::string here = fmt::format("{}/{}", race.id, one.kernel);
    if (origin != here) {
      throw UsageError{fmt::format("the schedule is of \"{}\", not of \"{}\"", origin, here)};
    }
    text.remove_prefix(colon + 1);
  }
  const ParsedSchedule parsed = parse_schedule(text, *answer.program);
  if (!parsed.error.empty()) throw UsageError{parsed.error};
  Runner runner{*answer.program};
  RunOptions run_options;
  run_options.records = true;
  Replay replayed = replay(runner, parsed.schedule, run_options);
  if (!replayed.divergence.empty()) {
    throw UsageError{fmt::format("the schedule is of another program: {}", replayed.divergence)};
  }
  if (options.twice) {
    const Replay again = replay(runner, parsed.schedule, run_options);
    if (again.run.images != replayed.run.images) {
      throw std::runtime_error(
          "the same schedule led to another state: the scenario depends on something else");
    }
  }
  answer.replayed = std::move(replayed.run);
  return answer;
}

// Draws the run of the only answer, if there is one.
void draw(const std::vector<Answer>& answers, const Options& options) {
  if (!answers.empty() && can_be_drawn(answers.front())) {
    pageblock::write_html(options.html, time_line_of(answers.front()));
  } else {
    fmt::print(stderr, "races: nothing was found that could be drawn, so there is no {}\n",
               options.html);
  }
}

int run(const std::vector<std::string>& names, const Options& options) {
  if (names.empty()) {
    example::print_text(options.json ? list_as_json() : list_as_text());
    return 0;
  }
  if (options.twice && options.schedule.empty()) throw UsageError{"--twice needs a --schedule"};
  if (!options.schedule.empty() && names.size() > 1) throw UsageError{"a schedule is of one race"};
  if (!options.resume.empty() && !options.schedule.empty()) {
    throw UsageError{"--resume searches, and --schedule does not"};
  }
  std::vector<const Race*> asked;
  for (const std::string& name : names) {
    if (name == "all") {
      for (const Race& race : all_races()) asked.push_back(&race);
      continue;
    }
    const Race* const race = find_race(name);
    if (race == nullptr)
      throw UsageError{
          fmt::format("there is no race \"{}\": races without arguments lists them", name)};
    asked.push_back(race);
  }
  const bool is_one = asked.size() == 1 && options.kernel != "all";
  if (!options.resume.empty() && !is_one) {
    throw UsageError{"--resume goes on with one race by the rules of one kernel"};
  }
  if (!options.html.empty() && !is_one) {
    throw UsageError{"--html draws one race by the rules of one kernel"};
  }
  std::signal(SIGINT, [](int) { is_interrupted = true; });
  bool found = false;
  bool complete = true;
  std::vector<Answer> answers;
  for (const Race* const race : asked) {
    for (const Case* const one : cases_of(*race, options.kernel)) {
      if (is_interrupted) break;
      answers.push_back(options.schedule.empty() ? answer_to(*race, *one, options)
                                                 : follow(*race, *one, options));
      const Answer& answer = answers.back();
      found =
          found || !answer.result.found.empty() || (answer.replayed && answer.replayed->finding);
      complete = complete &&
                 (answer.result.is_complete || answer.replayed || !answer.result.found.empty());
    }
  }
  if (!options.html.empty()) draw(answers, options);
  if (options.json) {
    example::print_text(answers_as_json(answers));
  } else if (answers.size() == 1) {
    example::print_text(answer_as_text(answers.front()));
  } else {
    example::print_text(answers_as_table(answers));
  }
  if (is_interrupted) fmt::print(stderr, "races: interrupted\n");
  if (found) return 1;
  return complete && !is_interrupted ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::vector<std::string> names;
  example::Program program{
      {.name = "races",
       .usage = {"[RACE]... [OPTION]...", "all [OPTION]..."},
       .about = "Runs the threads of a race in every order that matters, and prints the shortest "
                "one that "
                "goes wrong: a column for each CPU, the zone before, when it went wrong and at the "
                "end, and "
                "which steps it hangs on. Without a RACE it lists them.\n\nA race is run by the "
                "rules of the kernel that it lives in, or of another that --kernel names.",
       .more = "Exit status: 0 nothing went wrong, 1 something did, 2 the arguments are wrong, 3 "
               "nothing did, "
               "but not all was tried.\n"}};
  program.option("--kernel", "NAME", options.kernel,
                 "by whose rules, as the list names them; \"all\" for each");
  program.number("--bound", "N", options.bound, 0, 8,
                 "the most switches away from a CPU that could go on (default 3)");
  program.choice("--strategy", {"bounded", "breadth", "random", "pct"}, options.strategy,
                 "in what order to try: few switches first, few steps first, or by chance");
  program.number("--seed", "N", options.seed, 0, ~std::uint64_t{0},
                 "what chance begins with (default 1)");
  program.number("--runs", "N", options.runs, 1, ~std::uint64_t{0}, "the most runs");
  program.option("--schedule", "TEXT", options.schedule, "run this one, as it was printed");
  program.option("--resume", "TEXT", options.resume,
                 "go on with a search that was cut short (Ctrl-C, --runs), as it was printed");
  program.flag("--twice", options.twice, "with --schedule: run it again, and compare each state");
  program.flag("--no-joins", options.no_joins, "do not stop where another run has been");
  program.flag("--every-place", options.every_place, "switch also where it makes no difference");
  program.option(
      "--html", "FILE", options.html,
      "write a page for a browser that shows the zone after each step of what is printed");
  program.flag("--json", options.json, "one JSON document instead of text");
  program.operands(names);
  return program.run(argc, argv, [&] { return run(names, options); });
}
