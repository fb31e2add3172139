// SPDX-License-Identifier: MIT
/// Runs workloads in rounds, and keeps what they yield.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/workload.hpp"

namespace pageblock::benchmark {

/// What was measured of one figure.
struct Row {
  const Workload* workload;
  const Figure* figure;
  /// Of each subject the best round, which other programs have disturbed least.
  std::array<std::optional<double>, nr_subjects> best{};
  std::array<std::optional<double>, nr_subjects> medians{};
  /// All rounds.
  std::array<std::vector<double>, nr_subjects> samples{};

  /// The library's figure that the target is for.
  [[nodiscard]] double judged() const;
  /// Returns how many times better the library is than the reference, both with NullLock or both with
  /// Spinlock.
  [[nodiscard]] std::optional<double> ratio(bool locked = false) const;
  /// Returns how many times the library's figure for v3.6 its figure for v6.1 is, and how many times
  /// that its figure for v6.12.
  [[nodiscard]] std::optional<double> v6_1_ratio() const {
    return times(Subject::library, Subject::library_v6_1);
  }
  [[nodiscard]] std::optional<double> v6_12_ratio() const {
    return times(Subject::library_v6_1, Subject::library_v6_12);
  }
  /// Returns whether the target is met, or the kernel's figure beaten; nothing without.
  [[nodiscard]] std::optional<bool> meets_target() const;
  [[nodiscard]] std::optional<bool> beats_kernel() const;

 private:
  [[nodiscard]] std::optional<double> times(Subject earlier, Subject later) const;
  [[nodiscard]] std::optional<bool> reaches(std::optional<double> limit) const;
};

struct Results {
  std::vector<Row> rows{};
  /// What runs said of themselves, behind the name of the workload.
  std::vector<std::string> notes{};
};

[[nodiscard]] bool is_workload(std::string_view name);

/// Returns all workloads, or those with one of @p names ("W4").
[[nodiscard]] std::vector<Workload> workloads(const std::vector<std::string>& names);

/// Runs each workload on each subject, and again for each round; the figures are those of the best round. A round
/// more comes first, unmeasured, with checks. Throws Failure if anything is not as it must be, or
/// if subjects do not agree.
[[nodiscard]] Results run(const std::vector<Workload>& workloads, Sizes sizes, unsigned rounds);

}  // namespace pageblock::benchmark
