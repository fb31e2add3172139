// SPDX-License-Identifier: MIT
/// What kernel_versions draws.
#pragma once

#include <cstddef>

#include "pageblock/io/picture/block_map.hpp"

#include "kernel_versions/experiment.hpp"

namespace pageblock::experiments {

/// Returns the zones of two kernels side by side, after the last step of an experiment. These are
/// positions in kernels. Throws example::UsageError if one of them has no zone there.
[[nodiscard]] BlockMap picture_of(const Experiment& experiment, std::size_t left,
                                  std::size_t right);

}  // namespace pageblock::experiments
