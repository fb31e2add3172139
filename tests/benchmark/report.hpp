// SPDX-License-Identifier: MIT
/// Results as a table, as Markdown and as JSON.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/growth.hpp"
#include "benchmark/suite.hpp"

namespace pageblock::benchmark {

/// What the subjects are called in JSON.
inline constexpr std::array<std::string_view, nr_subjects> subject_names{
    "library",      "library_spinlock", "reference", "reference_spinlock",
    "library_v6_1", "library_v6_12"};

/// Returns three digits that count, "-" for nothing.
[[nodiscard]] std::string to_text(std::optional<double> value);

/// Returns processor, number of CPUs, compiler, build: one line.
[[nodiscard]] std::string machine();

/// Returns what the columns mean.
[[nodiscard]] std::string legend(const Sizes& sizes);

[[nodiscard]] std::string to_table(const Results& results);
[[nodiscard]] std::string to_markdown(const Results& results);
[[nodiscard]] std::string to_json(const Results& results, const std::vector<GrowthRow>& growth);

}  // namespace pageblock::benchmark
