// SPDX-License-Identifier: MIT
// What the search of interleavings costs: the figures of examples/races/README.md. Nothing here is a test.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/interleave.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "races/catalog.hpp"

namespace {

using namespace pageblock;              // NOLINT
using namespace pageblock::interleave;  // NOLINT

double seconds(auto work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Two blocks of two pages, two threads of some twenty places together.
void measure_runs(bool with_rules) {
  using Kernel = Tiny<kernel::v6_1, 1, 1>;
  Scenario<Kernel> race{"speed", {.spanned_pages = 4, .nr_cpus = 2}};
  race.before([](auto& world) {
    world.zone.set_pageset(1, 8);
    world.keep("page", alloc_pages(world.zone, Cpu{1}, Order{0}, MigrateType::movable));
  });
  race.thread("A").then("isolate and undo", [](auto& world) {
    static_cast<void>(start_isolate_page_range(world.zone, Pfn{2}, Pfn{4}, MigrateType::movable));
    static_cast<void>(undo_isolate_page_range(world.zone, Pfn{2}, Pfn{4}, MigrateType::movable));
  });
  race.thread("C").then("free and alloc", [](auto& world) {
    free_pages(world.zone, Cpu{1}, *world.page("page"), Order{0});
    world.keep("page", alloc_pages(world.zone, Cpu{1}, Order{0}, MigrateType::movable));
  });
  if (with_rules) {
    race.holds(rules::free_pages_are_counted<Kernel>());
    race.holds(rules::isolated_pages_stay<Kernel>());
    race.holds(rules::isolation_stays<Kernel>());
    race.holds(rules::lists_match_types<Kernel>());
  }
  race.holds(rules::isolated_blocks_are_counted<Kernel>());
  Result result;
  const double time = seconds([&] {
    result = search(race.program(),
                    {.strategy = Strategy::random, .stops_at_first = false, .most_runs = 200'000});
  });
  fmt::print("runs a second, {}: {:.0f} ({} places in the longest)\n",
             with_rules ? "V1, V2, V3, V5 at each place without a lock" : "rules at the end",
             static_cast<double>(result.runs) / time, result.longest);
}

void measure_switch() {
  using pageblock::interleave::detail::Fiber;
  Fiber main;
  Fiber* back = nullptr;
  Fiber other{[&] {
    for (;;) other.switch_to(*back);
  }};
  back = &main;
  constexpr int nr = 1'000'000;
  const double time = seconds([&] {
    for (int i = 0; i < nr; ++i) main.switch_to(other);
  });
  fmt::print("a switch of fibers: {:.0f} ns\n", time / nr / 2 * 1e9);
}

void measure_search(const char* id, const char* kernel, unsigned bound) {
  const auto& cases = races::find_race(id)->cases;
  const auto one = std::ranges::find(cases, kernel, &races::Case::kernel);
  const auto program = one->make();
  struct Way {
    const char* what;
    bool joins;
    bool skips_local;
  };
  for (const Way& way : {Way{"every place, nothing joined", false, false},
                         Way{"every place, joined", true, false}, Way{"as usual", true, true}}) {
    Result result;
    const double time = seconds([&] {
      result = search(*program, {.bound = bound,
                                 .joins = way.joins,
                                 .skips_local = way.skips_local,
                                 .stops_at_first = false,
                                 .most_runs = 3'000'000});
    });
    fmt::print("{} {}, bound {}, {}: {} runs, {} states ({} bytes each), {:.2f} s{}\n", id, kernel,
               bound, way.what, result.runs, result.states,
               result.states == 0 ? 0 : result.state_bytes / result.states, time,
               result.is_complete ? "" : ", not complete");
  }
}

void measure_pct() {
  for (const races::Race& race : races::all_races()) {
    const races::Case& one = race.cases.front();
    if (one.finds.empty()) continue;
    const auto program = one.make();
    std::vector<std::uint64_t> runs;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Result result = search(
          *program, {.strategy = Strategy::pct, .bound = 3, .most_runs = 50'000, .seed = seed});
      runs.push_back(result.found.empty() ? 50'000 : result.found.front().after_runs);
    }
    std::ranges::sort(runs);
    const Result bounded = search(*program, {.bound = 3});
    fmt::print("{} {}: bounded after {} runs, pct(3) after {} (median of 20), {} at most\n",
               race.id, one.kernel, bounded.found.empty() ? 0 : bounded.found.front().after_runs,
               runs[10], runs.back());
  }
}

void measure_replay() {
  const auto program = races::find_race("R9")->cases.front().make();
  const Result result = search(*program);
  Runner runner{*program};
  RunOptions options;
  options.records = true;
  const Schedule& schedule = result.found.front().schedule;
  const Run first = replay(runner, schedule, options).run;
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    if (replay(runner, schedule, options).run.images == first.images) ++same;
  }
  fmt::print("replays with the same state after every step: {} of 1000\n", same);
}

}  // namespace

int main() {
  measure_runs(false);
  measure_runs(true);
  measure_switch();
  measure_replay();
  measure_pct();
  measure_search("R6", "v6.1, fixed", 3);
  measure_search("R9", "v6.1, fixed", 2);
  measure_search("R9", "v6.1, fixed", 3);
}
