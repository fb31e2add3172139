// SPDX-License-Identifier: MIT
/// Which part of the work a process has, as schedulers say it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace example {

/// Task @p index of @p count: it has run number i if i % count is its index.
struct Task {
  std::uint64_t index = 0;
  std::uint64_t count = 1;
  /// Who said so.
  std::string source{};

  [[nodiscard]] bool has(std::uint64_t run) const { return run % count == index; }
  friend bool operator==(const Task&, const Task&) = default;
};

/// Returns a variable of the environment, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Returns what the scheduler says that started this process: a job array (Slurm, PBS, LSF, SGE,
/// Kubernetes, AWS Batch, Google Batch, GNU parallel), the rank in an MPI run (Open MPI, PMI, srun), or both:
/// then each task of the array is shared by the ranks. @p tasks is how many tasks the array has; it is needed
/// where the scheduler does not say it, and wins over what it says: an array's tasks may be submitted again
/// one by one. Throws UsageError.
[[nodiscard]] Task find_task(const Environment& environment, std::optional<std::uint64_t> tasks);

}  // namespace example
