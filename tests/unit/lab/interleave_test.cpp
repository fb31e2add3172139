// SPDX-License-Identifier: MIT
#include "pageblock/lab/interleave.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"

namespace interleave_test {

using namespace pageblock;              // NOLINT
using namespace pageblock::interleave;  // NOLINT

using Kernel = Tiny<kernel::v6_1, 1, 2>;
using Race = Scenario<Kernel>;

const ZoneLayout four_pages{.spanned_pages = 4, .nr_cpus = 2};

// Two threads that add one to a value, by reading and writing it.
void add_unlocked(Race& race) {
  for (const char* name : {"A", "B"}) {
    race.thread(name).then("add one", [](auto& world) {
      const auto value = world["sum"];
      world.may_switch();
      world["sum"] = value + 1;
    });
  }
  race.holds("sum", When::end, [](const auto& world) -> std::optional<std::string> {
    if (world.value("sum") == 2) return {};
    return fmt::format("the sum is {}", world.value("sum"));
  });
}

TEST_CASE("search finds a lost update with one preemption, and none without", "[interleave]") {
  Race race{"lost update", four_pages};
  add_unlocked(race);
  const Result none = search(race.program(), {.bound = 0});
  CHECK(none.found.empty());
  CHECK(none.is_complete);
  CHECK(none.runs == 2);
  const Result one = search(race.program(), {.bound = 1});
  REQUIRE(one.found.size() == 1);
  CHECK(one.found[0].finding == Finding{"sum", "the sum is 1"});
  CHECK(one.found[0].preemptions == 1);
  CHECK(to_string(one.found[0].schedule, race.program()) == "A1@step,B*,A*");
}

TEST_CASE("search of all interleavings of k steps and k steps visits (2k)!/(k!)^2 of them",
          "[interleave]") {
  Race race{"steps", four_pages};
  for (const char* name : {"A", "B"}) {
    race.thread(name).then("three steps", [name](auto& world) {
      for (int i = 0; i < 3; ++i) {
        if (i != 0) world.may_switch();
        world.returns(name);
        world["order"] = world["order"] * 2 + (name[0] == 'B' ? 1 : 0);
      }
    });
  }
  const Result result = search(race.program(), {.bound = 8, .joins = false});
  CHECK(result.is_complete);
  // Each bound is searched from the start; the last one makes them all.
  const Result before = search(race.program(), {.bound = 7, .joins = false});
  CHECK(result.runs - before.runs == 20);
}

TEST_CASE("a search that is cut short goes on where it was, and shows the same", "[interleave]") {
  Race race{"lost update", four_pages};
  add_unlocked(race);
  race.thread("C").then("say", [](auto& world) {
    world.returns(fmt::format("{}", world["sum"]));
    world.may_switch();
    world.returns(fmt::format("{}", world["sum"]));
  });
  for (const bool joins : {false, true}) {
    SearchOptions options{.bound = 2, .joins = joins, .stops_at_first = false};
    const Result whole = search(race.program(), options);
    REQUIRE(whole.is_complete);
    CHECK_FALSE(whole.checkpoint);
    std::set<std::string> outcomes;
    std::set<std::string> rules;
    std::uint64_t runs = 0;
    options.most_runs = 3;
    for (bool goes_on = true; goes_on;) {
      const Result part = search(race.program(), options);
      runs += part.runs;
      for (const auto& [outcome, times] : part.outcomes) outcomes.insert(outcome);
      for (const Found& found : part.found) rules.insert(found.finding.rule);
      goes_on = part.checkpoint.has_value();
      CHECK(part.is_complete != goes_on);
      if (!goes_on) break;
      options.resume = parse_checkpoint(to_string(*part.checkpoint));
      REQUIRE(options.resume == part.checkpoint);
    }
    CHECK((joins ? runs >= whole.runs : runs == whole.runs));
    CHECK(runs > 9);
    CHECK(rules == std::set<std::string>{"sum"});
    CHECK(outcomes.size() == whole.outcomes.size());
  }
}

TEST_CASE("a checkpoint is refused that is none, or of another program", "[interleave]") {
  for (const char* text : {"", "2", "2:0", "2:0/0", "2:1/1", "2:8/256", "2:0/1,", "x:", "2:0/1;"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_checkpoint(text));
  }
  CHECK(parse_checkpoint("2:"));
  Race race{"lost update", four_pages};
  add_unlocked(race);
  CHECK_THROWS_AS(search(race.program(), {.resume = parse_checkpoint("2:7/128")}),
                  std::invalid_argument);
  CHECK_THROWS_AS(search(race.program(), {.resume = parse_checkpoint("2:0/1,1/2,0/1,0/1,0/1,0/1")}),
                  std::invalid_argument);
}

TEST_CASE("search joins runs that meet", "[interleave]") {
  Race race{"independent", four_pages};
  for (const char* name : {"A", "B"}) {
    auto thread = race.thread(name);
    for (int i = 0; i < 4; ++i) thread.then("count", [name](auto& world) { ++world[name]; });
  }
  const Result apart = search(race.program(), {.bound = 8, .joins = false});
  const Result joined = search(race.program(), {.bound = 8});
  CHECK(joined.is_complete);
  CHECK(joined.runs < apart.runs);
  const Result breadth = search(race.program(), {.strategy = Strategy::breadth});
  CHECK(breadth.is_complete);
  CHECK(breadth.states == 16);  // places of A and B where both go on
}

TEST_CASE("search reports a deadlock with who holds what", "[interleave]") {
  Race race{"deadlock", four_pages};
  auto first = std::make_shared<interleave::Lock>("first");
  auto second = std::make_shared<interleave::Lock>("second");
  race.thread("A").then("both", [=](auto&) {
    const std::lock_guard outer{*first};
    const std::lock_guard inner{*second};
  });
  race.thread("B").then("both", [=](auto&) {
    const std::lock_guard outer{*second};
    const std::lock_guard inner{*first};
  });
  const Result result = search(race.program());
  REQUIRE(result.found.size() == 1);
  CHECK(result.found[0].finding ==
        Finding{"V10", "deadlock: A waits for second, held by B, B waits for first, held by A"});
  CHECK(result.lock_circle == "first -> second -> first");
}

TEST_CASE("search reports an operation that is repeated for ever, and only that", "[interleave]") {
  Race race{"livelock", four_pages};
  race.thread("A").then("wait", [](auto& world) { return world["go"] != 0; });
  race.thread("B").then("go", [](auto& world) { world["go"] = 1; });
  const Result fine = search(race.program());
  CHECK(fine.found.empty());
  CHECK(fine.is_complete);
  CHECK(fine.too_long == 0);

  Race stuck{"livelock", four_pages};
  stuck.thread("A").then("wait", [](auto& world) { return world["go"] != 0; });
  stuck.thread("B").then("turn", [](auto& world) { world["turn"] = 1; });
  const Result result = search(stuck.program());
  REQUIRE(result.found.size() == 1);
  CHECK(result.found[0].finding.rule == "V10");

  // A circle of several states.
  Race circle{"circle", four_pages};
  circle.thread("A").then("turn", [](auto& world) {
    world["turn"] = (world["turn"] + 1) % 3;
    return false;
  });
  const Result turns = search(circle.program());
  REQUIRE(turns.found.size() == 1);
  CHECK(turns.found[0].finding.rule == "V10");
}

TEST_CASE("search cuts runs without an end, and says so", "[interleave]") {
  Race race{"endless", four_pages};
  race.thread("A").then("count", [](auto& world) {
    ++world["count"];
    return false;
  });
  const Result result = search(race.program(), {.most_steps = 100});
  CHECK(result.too_long == result.runs);
  CHECK(to_text(result).find("runs were cut") != std::string::npos);
}

TEST_CASE("try_lock() fails while another has the lock", "[interleave]") {
  Race race{"trylock", four_pages};
  auto lock = std::make_shared<interleave::Lock>("lock");
  race.thread("A").then("hold", [=](auto& world) {
    const std::lock_guard guard{*lock};
    world.may_switch();
  });
  race.thread("B").then("try", [=](auto& world) {
    const bool taken = lock->try_lock();
    if (taken) lock->unlock();
    world.returns(taken ? "taken" : "busy");
  });
  const Result result = search(race.program(), {.bound = 1});
  CHECK(result.found.empty());
  CHECK(result.outcomes.contains("B: taken"));
  CHECK(result.outcomes.contains("B: busy"));
}

TEST_CASE("giving back a lock that another holds is a finding", "[interleave]") {
  Race race{"unlock", four_pages};
  auto lock = std::make_shared<interleave::Lock>("lock");
  race.thread("A").then("give back", [=](auto&) { lock->unlock(); });
  const Result result = search(race.program());
  REQUIRE(result.found.size() == 1);
  CHECK(result.found[0].finding == Finding{"V7", "lock is given back by who does not hold it"});
}

TEST_CASE("an interrupt begins where its CPU has interrupts on, and runs to its end",
          "[interleave]") {
  Race race{"interrupt", four_pages};
  race.thread("A").then("work", [](auto& world) {
    world["a"] = 1;
    world.may_switch();
    {
      const std::lock_guard guard{world.zone.lock()};
      world["locked"] = 1;
      world.may_switch();
      world["locked"] = 0;
    }
    world["a"] = 2;
  });
  race.interrupt("I", 0).then("look", [](auto& world) {
    const auto before = world["a"];
    world.returns(world["locked"] != 0 ? "irqs off" : before == 1 ? "between" : "at an end");
    world.may_switch();
    if (world["a"] != before) world.returns("torn");
  });
  const Result result = search(race.program(), {.bound = 0, .skips_local = false});
  CHECK(result.is_complete);
  CHECK(result.outcomes.contains("I: between"));
  CHECK(result.outcomes.contains("I: at an end"));
  for (const auto& [outcome, times] : result.outcomes) {
    CHECK(outcome.find("torn") == std::string::npos);
    CHECK(outcome.find("irqs off") == std::string::npos);
  }
}

TEST_CASE("what an operation throws passes through a search, which can be repeated",
          "[interleave]") {
  Race race{"throws", four_pages};
  race.thread("A").then("throw", [](auto& world) {
    world.may_switch();
    if (world["b"] != 0) throw std::runtime_error{"of the scenario"};
  });
  race.thread("B").then("write", [](auto& world) { world["b"] = 1; });
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_AS(static_cast<void>(search(race.program(), {.bound = 1})), std::runtime_error);
  }
}

TEST_CASE("a BUG of the library is a finding, and the next run is as ever", "[interleave]") {
  Scenario<Tiny<kernel::v3_6, 1, 2>> race{"bug", four_pages};
  race.thread("A").then("undo what is not isolated", [](auto& world) {
    set_pageblock_migratetype(world.zone, Pfn{0}, MigrateType::isolate);
    unset_migratetype_isolate(world.zone, Pfn{0}, MigrateType::movable);
  });
  for (int i = 0; i < 2; ++i) {
    const Result result = search(race.program());
    REQUIRE(result.found.size() == 1);
    CHECK(result.found[0].finding ==
          Finding{"V7", "BUG: more blocks are isolated than were counted"});
  }
}

TEST_CASE("shrink() drops the switches and operations that a finding does not need",
          "[interleave]") {
  Race race{"lost update", {.spanned_pages = 16, .nr_cpus = 2}};
  add_unlocked(race);
  race.thread("C").then("something else", [](auto& world) {
    for (int i = 0; i < 3; ++i) world.may_switch();
  });
  const Result result = search(race.program(), {.strategy = Strategy::random, .seed = 3});
  REQUIRE(result.found.size() == 1);
  const auto shrunk = shrink(race.program(), result.found[0].finding, result.found[0].schedule);
  REQUIRE(shrunk.has_value());
  CHECK(shrunk->run.switches == 2);
  CHECK(shrunk->operations_cut == 1);
  CHECK(shrunk->units_cut == 7);  // one block of two pages is left
  REQUIRE(shrunk->swaps.size() >= 1);
  const std::string text = to_text(*shrunk);
  CHECK(text.find("sum: the sum is 1") != std::string::npos);
  CHECK(text.find("nothing would be wrong") != std::string::npos);
  // The scenario is as it was.
  CHECK(search(race.program(), {.bound = 1}).found.size() == 1);
}

TEST_CASE("a scenario's zone is that of its layout and setup in each run", "[interleave]") {
  Race race{"setup", four_pages};
  race.before([](auto& world) {
    world.keep("page", alloc_pages(world.zone, Cpu{0}, Order{1}, MigrateType::movable));
  });
  race.thread("A").then("look", [](auto& world) {
    world.returns(world.page("page") ? "has a page" : "has none");
    world.keep("page", alloc_pages(world.zone, Cpu{0}, Order{1}, MigrateType::movable));
    world.returns(world.page("page") ? "gets another" : "gets none");
  });
  race.thread("B").then("begin", [](auto&) {});
  const Result result = search(race.program(), {.bound = 3});
  CHECK(result.outcomes.size() == 1);
  CHECK(result.outcomes.contains("A: has a page, gets another"));
}

}  // namespace interleave_test
