// SPDX-License-Identifier: MIT
/// Experiments that can be swept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/lab/counter_random.hpp"

#include "common/json.hpp"
#include "sweep/grid.hpp"

namespace example {

/// Thrown out of a run when the process is asked to end.
struct Interrupted {};

/// One experiment.
struct Experiment {
  /// Called now and then during a run. It may throw Interrupted.
  using Pause = std::function<void()>;

  std::string name{};
  std::string about{};
  std::vector<Parameter> parameters{};
  /// Runs it with these values, and returns the numbers that came of it. They follow from the values and
  /// the key alone, and are whole numbers: the same bytes on every machine.
  std::function<Json(const Values&, const pageblock::RandomKey&, const Pause&)> run{};
  /// Returns how many bytes of memory a run takes, at most.
  std::function<std::uint64_t(const Values&)> bytes{};
};

[[nodiscard]] const std::vector<Experiment>& experiments();

/// Returns the one of that name. Throws UsageError.
[[nodiscard]] const Experiment& find_experiment(std::string_view name);

}  // namespace example
