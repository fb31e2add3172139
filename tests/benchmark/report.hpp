/// Results as a table, as Markdown and as JSON.
#pragma once

#include <string>

#include "benchmark/suite.hpp"

namespace pageblock::benchmark {

[[nodiscard]] std::string to_table(const Results& results);

}  // namespace pageblock::benchmark
