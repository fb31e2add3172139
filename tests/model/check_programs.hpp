// SPDX-License-Identifier: MIT
/// Runs seeded programs of one geometry as a test.
#pragma once

#include <cstdint>

#include <fmt/format.h>

#include "model/run_programs.hpp"
#include "support/catch.hpp"
#include "support/environment.hpp"

namespace pageblock::test {

/// Runs programs of ascending seeds until enough pages were compared. The environment can say how many
/// pages are enough and which seed is the first.
template <ZoneConfig Config>
void check_programs() {
  const std::uint64_t first = number_in_environment("PAGEBLOCK_MODEL_SEED").value_or(1);
  const std::uint64_t enough = number_in_environment("PAGEBLOCK_MODEL_PAGES").value_or(8'000'000);
  const ProgramsRun done = run_programs<Config>(
      first, [enough](const ProgramsRun& so_far) { return so_far.nr_pages >= enough; });
  fmt::print("{}: {} programs, {} operations\n{}", name_of<Config>(), done.nr_programs,
             done.nr_operations, done.failure);  // a message of Catch2 would be wrapped
  INFO("the program is printed above");
  CHECK(done.failure.empty());
}

}  // namespace pageblock::test
