// SPDX-License-Identifier: MIT
/// What kernel_versions prints.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernel_versions/experiment.hpp"

namespace pageblock::experiments {

/// Positions in kernels, in their order.
using Columns = std::vector<std::size_t>;

/// Returns every outcome, those in colour that differ from the kernel's before.
[[nodiscard]] std::string outcomes_as_text(const std::vector<Experiment>& all,
                                           const Columns& columns, bool color);
/// Returns the steps of one experiment in several kernels, side by side. After each call it shows
/// what the call has changed, in colour where the kernels differ.
[[nodiscard]] std::string story_as_text(const Experiment& experiment, const Columns& columns,
                                        bool color);
/// Returns the members of Semantics, those in colour that differ from the kernel's before.
[[nodiscard]] std::string semantics_as_text(const Columns& columns, bool color);

/// The same as JSON documents; those of experiments have the steps if @p with_steps is set.
[[nodiscard]] std::string outcomes_as_json(const std::vector<Experiment>& some,
                                           const Columns& columns, bool with_steps);
[[nodiscard]] std::string semantics_as_json(const Columns& columns);

}  // namespace pageblock::experiments
