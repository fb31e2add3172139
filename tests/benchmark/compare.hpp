// SPDX-License-Identifier: MIT
/// What is measured now beside what an earlier build measured.
#pragma once

#include <string>
#include <vector>

#include "benchmark/suite.hpp"

namespace pageblock::benchmark {

/// Returns how likely it is that two sets of rounds differ as much as these, or more, although nothing
/// has changed: the rank test of Mann and Whitney, of all ways to deal the values out where that are
/// few, else by the normal distribution. It asks nothing of the shape of noise. 1 if either is empty.
[[nodiscard]] double probability_of_chance(const std::vector<double>& before,
                                           const std::vector<double>& now);

/// Returns a table of each figure and subject that both have: best rounds, their ratio, and whether
/// the difference is more than chance would bring. @p saved is what to_json() wrote. Throws Failure if
/// it is not.
[[nodiscard]] std::string to_comparison(const Results& results, const std::string& saved);

}  // namespace pageblock::benchmark
