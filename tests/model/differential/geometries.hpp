// SPDX-License-Identifier: MIT
/// The geometries of the differential program: each is compiled by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/programs_run.hpp"

namespace pageblock::test {

/// One kernel in one geometry.
struct Differential {
  std::string_view kernel;
  std::string name;
  /// Runs programs until they have this many operations, or one fails.
  ProgramsRun (*run)(std::uint64_t first_seed, std::uint64_t nr_operations);
};

[[nodiscard]] std::vector<Differential> all_geometries();

}  // namespace pageblock::test
