// SPDX-License-Identifier: MIT
// The races of examples/races: what the catalogue says of each, and what does not depend on the search.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/lab/interleave.hpp"

#include "races/catalog.hpp"
#include "races/picture.hpp"
#include "races/report.hpp"
#include "support/catch.hpp"

namespace {

using namespace pageblock::interleave;  // NOLINT
using races::all_races;
using races::Case;
using races::Race;

template <typename Visitor>
void for_each_case(Visitor visit) {
  for (const Race& race : all_races()) {
    for (const Case& one : race.cases) {
      INFO(race.id << ", " << one.kernel);
      visit(race, one);
    }
  }
}

const Case& case_of(const char* id, const char* kernel) {
  const Race* const race = races::find_race(id);
  REQUIRE(race != nullptr);
  const auto found = std::ranges::find(race->cases, kernel, &Case::kernel);
  REQUIRE(found != race->cases.end());
  return *found;
}

}  // namespace

TEST_CASE("each race is found where it lives, and silent where it is mended", "[races]") {
  CHECK(all_races().size() == 19);
  for_each_case([](const Race&, const Case& one) {
    const auto program = one.make();
    const Result result = search(*program, {.bound = 3, .yields = one.yields});
    CHECK(result.too_long == 0);
    if (one.finds.empty()) {
      CHECK(result.is_complete);
      CHECK(result.found.empty());
      return;
    }
    REQUIRE(result.found.size() == 1);
    const Found& found = result.found.front();
    CHECK(found.finding.rule == one.finds);
    CHECK(found.preemptions == one.bound);
    CHECK(found.after_runs <= 10'000);
  });
}

TEST_CASE("what is found can be seen again, and shrinks to a few switches", "[races]") {
  for_each_case([](const Race&, const Case& one) {
    if (one.finds.empty()) return;
    const auto program = one.make();
    const Result result = search(*program, {.bound = 3, .yields = one.yields});
    REQUIRE(result.found.size() == 1);
    const Found& found = result.found.front();

    const ParsedSchedule parsed = parse_schedule(to_string(found.schedule, *program), *program);
    REQUIRE(parsed.error.empty());
    CHECK(parsed.schedule == found.schedule);
    Runner runner{*program};
    RunOptions options;
    options.records = true;
    const Replay first = replay(runner, parsed.schedule, options);
    const Replay second = replay(runner, parsed.schedule, options);
    CHECK(first.divergence.empty());
    REQUIRE(first.run.finding.has_value());
    CHECK(*first.run.finding == found.finding);
    CHECK(first.run.images == second.run.images);

    const auto shrunk = shrink(*program, found.finding, found.schedule);
    REQUIRE(shrunk.has_value());
    CHECK(shrunk->run.finding->rule == one.finds);
    CHECK(shrunk->run.switches <= found.switches);
    CHECK(shrunk->run.switches <= 4);
    CHECK_FALSE(to_text(*shrunk).empty());
    // Shrinking leaves the program as it was.
    CHECK(replay(runner, parsed.schedule, options).run.images == first.run.images);
  });
}

TEST_CASE("what is found is drawn from the zone before to the end", "[races]") {
  for_each_case([](const Race& race, const Case& one) {
    if (one.finds.empty()) return;
    races::Answer answer{race, one, one.make(), {}, {}, 0};
    CHECK_FALSE(can_be_drawn(answer));
    answer.result = search(*answer.program, {.bound = 3, .yields = one.yields});
    REQUIRE(answer.result.found.size() == 1);
    const Found& found = answer.result.found.front();
    answer.shrunk = shrink(*answer.program, found.finding, found.schedule);
    REQUIRE(answer.shrunk.has_value());
    const Run& run = answer.shrunk->run;
    const Run& rest = answer.shrunk->rest;

    const pageblock::TimeLine line = time_line_of(answer);
    REQUIRE(line.steps().size() == rest.steps.size() + 1);
    const pageblock::TimeStep& broken = line.steps()[run.steps.size()].told;
    CHECK(broken.is_refusal);
    CHECK(broken.what == one.finds + " is broken");
    CHECK(broken.detail == run.finding->text);
    // What is drawn is as small as what is printed, and has the same numbers.
    REQUIRE(line.parts().size() == 1);
    const pageblock::TimeLine::Part& part = line.parts().front();
    CHECK(part.first.size() + 1 == run.pictures.front().size());
    pageblock::ZoneNumbers numbers = part.numbers;
    const auto in_words = [&] {
      return fmt::format("free pages {}, isolated blocks {}", numbers.free, numbers.isolated);
    };
    CHECK(in_words() == run.pictures.front().back());
    for (std::size_t i = 0; i < line.steps().size(); ++i) {
      for (const auto& change : line.steps()[i].numbers) numbers = change.now;
      if (i == run.steps.size()) CHECK(in_words() == run.pictures.back().back());
    }
    CHECK(in_words() == rest.pictures.back().back());
    // Drawing leaves the program as it was.
    Runner runner{*answer.program};
    const Replay again = replay(runner, found.schedule);
    CHECK(again.divergence.empty());
    CHECK(again.run.finding == found.finding);
  });
}

TEST_CASE("a run that was asked for is drawn, too", "[races]") {
  const Race& race = *races::find_race("R6");
  races::Answer answer{race, race.cases.front(), race.cases.front().make(), {}, {}, 0};
  Runner runner{*answer.program};
  RunOptions options;
  options.records = true;
  const auto draw = [&](const char* schedule) {
    answer.replayed =
        replay(runner, parse_schedule(schedule, *answer.program).schedule, options).run;
    return time_line_of(answer).steps();
  };
  const auto is_refusal = [](const auto& step) { return step.told.is_refusal; };
  const auto silent = draw("X*,Y*");
  CHECK(silent.size() == answer.replayed->steps.size());
  CHECK(std::ranges::none_of(silent, is_refusal));
  const auto broken = draw("X4@zone_unlock,Y5@zone_unlock");
  CHECK(broken.size() > answer.replayed->steps.size() + 1);
  REQUIRE(std::ranges::count_if(broken, is_refusal) == 1);
  CHECK(is_refusal(broken[answer.replayed->steps.size()]));
  CHECK(broken.front().told.what == "X: contig [0, 6)");
}

TEST_CASE("joining and passing places by changes no outcome and no finding", "[races]") {
  for_each_case([](const Race& race, const Case& one) {
    // With three threads, all places and nothing joined it would take long.
    const unsigned bound = race.id == "R9" ? 1 : 2;
    const auto program = one.make();
    std::set<std::string> outcomes;
    std::set<std::string> rules;
    for (const bool joins : {false, true}) {
      for (const bool skips_local : {false, true}) {
        INFO((joins ? "joined, " : "not joined, ") << (skips_local ? "passed by" : "every place"));
        const Result result = search(*program, {.bound = bound,
                                                .yields = one.yields,
                                                .joins = joins,
                                                .skips_local = skips_local,
                                                .stops_at_first = false});
        CHECK(result.is_complete);
        std::set<std::string> outcomes_now;
        std::set<std::string> rules_now;
        for (const auto& [outcome, times] : result.outcomes) outcomes_now.insert(outcome);
        for (const Found& found : result.found) rules_now.insert(found.finding.rule);
        if (!joins && !skips_local) {
          outcomes = outcomes_now;
          rules = rules_now;
        }
        CHECK(outcomes_now == outcomes);
        CHECK(rules_now == rules);
      }
    }
  });
}

TEST_CASE("every strategy finds the races of two threads", "[races]") {
  for (const Strategy strategy : {Strategy::breadth, Strategy::random, Strategy::pct}) {
    for (const auto& [id, kernel] : std::vector<std::pair<const char*, const char*>>{
             {"R1", "v2.6.26"}, {"R3", "v3.6"}, {"R6", "v6.1"}, {"R7", "v6.1"}, {"R11", "v6.1"}}) {
      INFO(to_string(strategy) << ", " << id);
      const Case& one = case_of(id, kernel);
      const auto program = one.make();
      const Result result =
          search(*program, {.strategy = strategy, .bound = 3, .most_runs = 100'000});
      REQUIRE(result.found.size() == 1);
      CHECK(result.found.front().finding.rule == one.finds);
    }
  }
}

TEST_CASE("a search by chance is the same for the same seed", "[races]") {
  const auto program = case_of("R9", "v6.1").make();
  for (const Strategy strategy : {Strategy::random, Strategy::pct}) {
    const SearchOptions options{.strategy = strategy, .bound = 3, .most_runs = 50'000, .seed = 7};
    const Result first = search(*program, options);
    const Result second = search(*program, options);
    CHECK(first.runs == second.runs);
    CHECK(first.steps == second.steps);
    CHECK(first.found.size() == second.found.size());
  }
}

TEST_CASE("the locks of R13 are taken in a circle, even where no run ends in a deadlock",
          "[races]") {
  const auto program = case_of("R13", "v5.11, hotplug").make();
  const Result result = search(*program, {.bound = 0});
  CHECK(result.is_complete);
  CHECK(result.found.empty());
  REQUIRE(result.lock_circle.has_value());
  CHECK(*result.lock_circle == "pcp_batch_high_lock -> cpu_hotplug_lock -> pcp_batch_high_lock");
  const Result deeper = search(*program, {.bound = 1});
  REQUIRE(deeper.found.size() == 1);
  CHECK(deeper.found.front().finding.text ==
        "deadlock: P waits for cpu_hotplug_lock, held by H, H waits for pcp_batch_high_lock, held "
        "by P");
}

TEST_CASE("a schedule of another program says where it differs", "[races]") {
  const auto program = case_of("R6", "v6.1").make();
  Runner runner{*program};
  const auto divergence = [&](const char* text) {
    const ParsedSchedule parsed = parse_schedule(text, *program);
    REQUIRE(parsed.error.empty());
    return replay(runner, parsed.schedule).divergence;
  };
  CHECK(divergence("X4@zone_unlock,Y*").empty());
  CHECK(divergence("X4@pcp_lock,Y*") == "at step 4: X is at zone_unlock instead of pcp_lock");
  CHECK_FALSE(divergence("X400,Y*").empty());
  CHECK(parse_schedule("Z4", *program).error ==
        "\"Z4\" is no stretch of a schedule: a thread's name, and * or a number of steps, as in "
        "\"X5@zone_lock,Y*\"");
}
