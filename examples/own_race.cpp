// SPDX-License-Identifier: MIT
// Your own race: two CPUs isolate the same block to use it, and the second does not look at what it got.
#include <cstdio>

#include <fmt/format.h>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/interleave.hpp"

using namespace pageblock;

int main() {
  using Kernel = interleave::Tiny<kernel::v6_1, 1, 2>;  // blocks of 2 pages, chunks of up to 4
  interleave::Scenario<Kernel> race{"two users", {.spanned_pages = 4, .nr_cpus = 2}};
  for (const char* name : {"A", "B"}) {
    race.thread(name)
        .then("isolate block 1",
              [](auto& world) {
                static_cast<void>(set_migratetype_isolate(world.zone, Pfn{2}));  // the mistake
              })
        .then("give it back", [](auto& world) {
          unset_migratetype_isolate(world.zone, Pfn{2}, MigrateType::movable);
        });
  }
  race.holds(interleave::rules::isolation_stays<Kernel>());

  const interleave::Result result = interleave::search(race.program(), {.bound = 2});
  fmt::print("{}\n", interleave::to_text(result));
  for (const interleave::Found& found : result.found) {
    const auto shrunk = interleave::shrink(race.program(), found.finding, found.schedule);
    if (shrunk) fmt::print("{}", interleave::to_text(*shrunk));
  }
}
