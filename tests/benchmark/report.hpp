// SPDX-License-Identifier: MIT
/// Results as a table, as Markdown and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmark/growth.hpp"
#include "benchmark/suite.hpp"

namespace pageblock::benchmark {

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
