// SPDX-License-Identifier: MIT
/// All that a replay has to say.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/io/recording/replay_result.hpp"

namespace pageblock {

/// The result of a replay, with the names of what was replayed.
struct ReplayReport {
  std::string source;     ///< the folder or the file
  std::string machine{};  ///< what was recorded, in a line
  ReplayResult result{};
  std::optional<std::size_t> until{};  ///< the last line that was replayed, if not all were
  /// What was assumed, found out or passed over.
  std::vector<std::string> notes{};
  /// Whether pages that come to per-CPU lists and leave them are judged; not where no probe shows what
  /// changes their limits and goes past them, and the trace tells when they are drained.
  bool judges_lists = true;
  double reading = 0;  ///< seconds
  double replaying = 0;

  /// Returns whether all that is predicted came true.
  [[nodiscard]] bool agrees() const {
    return result.allocations.is_perfect() && result.isolated.is_perfect() &&
           result.tested.is_perfect() && result.migrations.is_perfect() &&
           result.block_types.is_perfect() &&
           (!judges_lists || (result.refills.is_perfect() && result.drained.is_perfect() &&
                              result.counters.is_perfect())) &&
           std::ranges::all_of(result.attempts, &IsolationAttempt::agrees) &&
           (!result.differences || result.differences->empty());
  }

  [[nodiscard]] std::uint64_t operations_per_second() const {
    return static_cast<std::uint64_t>(static_cast<double>(result.nr_operations) /
                                      std::max(replaying, 1e-6));
  }
};

}  // namespace pageblock
