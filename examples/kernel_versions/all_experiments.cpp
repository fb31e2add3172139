// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <vector>

#include "kernel_versions/experiment.hpp"

namespace pageblock::experiments {
namespace {

unsigned number_of(const Experiment& experiment) {
  unsigned number = 0;
  std::from_chars(experiment.id.data() + 1, experiment.id.data() + experiment.id.size(), number);
  return number;
}

}  // namespace

std::vector<Experiment> all_experiments() {
  std::vector<Experiment> all;
  for (auto* const some : {experiments_with_blocks, experiments_with_ranges, experiments_with_lists,
                           experiments_with_requests}) {
    std::ranges::copy(some(), std::back_inserter(all));
  }
  std::ranges::sort(all, {}, number_of);
  return all;
}

}  // namespace pageblock::experiments
