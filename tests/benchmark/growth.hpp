// SPDX-License-Identifier: MIT
/// Cost against zone size: what should be flat is flat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/plot.hpp"

namespace pageblock::benchmark {

/// What is measured. Each zone is four times as large as the one before.
struct GrowthPlan {
  std::uint64_t first_pages;
  std::uint64_t last_pages;
  /// The largest zone with the reference, and the largest that is filled to a half.
  std::uint64_t largest_reference;
  /// What is live while operations are timed.
  std::uint64_t live_pages;
  std::uint64_t operations;
  unsigned rounds;
  std::string program;

  /// From 1 GiB to 16 TiB, or tiny.
  [[nodiscard]] static GrowthPlan make(bool quick, unsigned rounds, std::string program);
};

/// Medians for one size of zone.
struct GrowthRow {
  std::uint64_t pages;
  std::uint64_t nr_blocks;
  bool is_reference;
  /// M1 and I3, in nanoseconds for the whole zone.
  double create = 0;
  double start = 0;
  double test = 0;
  double undo = 0;
  /// W4, in nanoseconds for an operation: with a live set of fixed size, which must fit in half of
  /// the zone, and at 50 % occupancy.
  std::optional<double> fixed{};
  std::optional<double> half{};
};

/// Measures all sizes, library before reference.
[[nodiscard]] std::vector<GrowthRow> grow(const GrowthPlan& plan);

[[nodiscard]] std::string to_table(const std::vector<GrowthRow>& rows);
[[nodiscard]] std::string to_markdown(const std::vector<GrowthRow>& rows);

/// The picture: the whole zone's cost, and the cost of a pageblock or an operation.
[[nodiscard]] std::vector<Panel> to_panels(const std::vector<GrowthRow>& rows);

}  // namespace pageblock::benchmark
