// SPDX-License-Identifier: MIT
/// Runs seeded programs of one geometry until the first that fails.
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "model/program.hpp"
#include "model/programs_run.hpp"
#include "model/random_program.hpp"
#include "model/ready_test.hpp"
#include "model/shrink.hpp"

namespace pageblock::test {

/// "v6.1 11/9": kernel, max_order and pageblock_order.
template <ZoneConfig Config>
[[nodiscard]] std::string name_of() {
  return fmt::format("v{}.{} {}/{}", Config::semantics.major, Config::semantics.minor,
                     Config::max_order, Config::pageblock_order);
}

/// What there is to say of a failing program: the shortest one that fails too, as a test.
template <ZoneConfig Config>
[[nodiscard]] std::string report(const Program& program, std::uint64_t seed) {
  const auto run_it = [](const Program& candidate) { return run<Config>(candidate); };
  const Program small =
      shrink(program, [&](const Program& candidate) { return run_it(candidate).has_value(); });
  const std::string title =
      fmt::format("{}, seed {}: the zone does as the model", name_of<Config>(), seed);
  const Failure failure = run_it(small).value();
  return to_string(failure) + "\n" + to_ready_test<Config>(small, failure, title);
}

/// Runs programs of ascending seeds from @p first on, one at least, until is_enough(what was run).
template <ZoneConfig Config, typename Predicate>
[[nodiscard]] ProgramsRun run_programs(std::uint64_t first, Predicate is_enough) {
  constexpr std::uint64_t block_pages = std::uint64_t{1} << Config::pageblock_order;
  constexpr std::uint64_t most_operations = block_pages < 4096 ? 300 : 40;
  ProgramsRun done;
  do {
    const std::uint64_t seed = first + done.nr_programs++;
    const Program program =
        random_program<NaiveOf<Config>>(geometry_of<Config>(), seed, most_operations);
    const std::uint64_t nr_operations = program.operations.size();
    done.nr_operations += nr_operations;
    done.nr_pages += nr_operations * (program.layout.spanned_pages + block_pages / 8 + 50);
    if (run<Config>(program)) done.failure = report<Config>(program, seed);
  } while (done.failure.empty() && !is_enough(done));
  return done;
}

}  // namespace pageblock::test
