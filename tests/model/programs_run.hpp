// SPDX-License-Identifier: MIT
/// What a run of seeded programs was.
#pragma once

#include <cstdint>
#include <string>

namespace pageblock::test {

/// Programs that were run, and how the last one failed.
struct ProgramsRun {
  std::uint64_t nr_programs = 0;
  std::uint64_t nr_operations = 0;
  /// Pages that were compared, more or less, which is how long it takes.
  std::uint64_t nr_pages = 0;
  /// Of the last program, if it failed.
  std::string failure{};
};

}  // namespace pageblock::test
