// SPDX-License-Identifier: MIT
/// Runs seeded programs of one geometry, and shows the first that fails.
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "model/program.hpp"
#include "model/random_program.hpp"
#include "model/ready_test.hpp"
#include "model/shrink.hpp"
#include "support/catch.hpp"
#include "support/environment.hpp"

namespace pageblock::test {

/// What there is to say of a failing program: the shortest one that fails too, as a test.
template <ZoneConfig Config>
[[nodiscard]] std::string report(const Program& program, std::uint64_t seed) {
  const auto run_it = [](const Program& candidate) { return run<Config>(candidate); };
  const Program small =
      shrink(program, [&](const Program& candidate) { return run_it(candidate).has_value(); });
  const std::string title =
      fmt::format("v{}.{} {}/{}, seed {}: the zone does as the model", Config::semantics.major,
                  Config::semantics.minor, Config::max_order, Config::pageblock_order, seed);
  const Failure failure = run_it(small).value();
  return to_string(failure) + "\n" + to_ready_test<Config>(small, failure, title);
}

/// Runs programs of ascending seeds, one at least, until enough pages were compared. The environment
/// can say how many pages are enough and which seed is the first.
template <ZoneConfig Config>
void check_programs() {
  constexpr std::uint64_t block_pages = std::uint64_t{1} << Config::pageblock_order;
  constexpr std::uint64_t most_operations = block_pages < 4096 ? 300 : 40;
  const std::uint64_t first = number_in_environment("PAGEBLOCK_MODEL_SEED").value_or(1);
  const std::uint64_t enough_pages =
      number_in_environment("PAGEBLOCK_MODEL_PAGES").value_or(8'000'000);
  std::uint64_t nr_operations = 0;
  std::uint64_t nr_pages = 0;
  std::uint64_t seed = first;
  for (; seed == first || nr_pages < enough_pages; ++seed) {
    const Program program =
        random_program<NaiveOf<Config>>(geometry_of<Config>(), seed, most_operations);
    if (run<Config>(program)) {
      fmt::print("{}", report<Config>(program, seed));  // a message of Catch2 would be wrapped
      FAIL("max_order " << Config::max_order << ", pageblock_order " << Config::pageblock_order
                        << ", seed " << seed << " fails: see above");
    }
    nr_operations += program.operations.size();
    nr_pages += program.operations.size() * (program.layout.spanned_pages + block_pages / 8 + 50);
  }
  fmt::print("v{}.{} {}/{}: {} programs, {} operations\n", Config::semantics.major,
             Config::semantics.minor, Config::max_order, Config::pageblock_order, seed - first,
             nr_operations);
  SUCCEED();
}

}  // namespace pageblock::test
