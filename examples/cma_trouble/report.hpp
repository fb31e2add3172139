// SPDX-License-Identifier: MIT
/// What cma_trouble says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cma_trouble/board.hpp"

namespace example {

[[nodiscard]] std::string rows_as_text(std::string_view kernel, const BoardSettings& settings,
                                       const std::vector<Row>& rows);
[[nodiscard]] std::string outcome_as_text(const Request& request, const Outcome& outcome);

/// Return the document that examples/schemas/cma_trouble.json describes.
[[nodiscard]] std::string rows_as_json(std::string_view kernel, const BoardSettings& settings,
                                       const std::vector<Row>& rows);
[[nodiscard]] std::string outcome_as_json(std::string_view kernel, const BoardSettings& settings,
                                          const Request& request, const Outcome& outcome);

}  // namespace example
