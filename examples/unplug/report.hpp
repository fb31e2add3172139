// SPDX-License-Identifier: MIT
/// What unplug says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unplug/guest.hpp"

namespace example {

[[nodiscard]] std::string rows_as_text(std::string_view kernel, const std::vector<Row>& rows);
/// A line of names and a line for each row. Sizes are pages, shares thousandths.
[[nodiscard]] std::string rows_as_csv(std::string_view kernel, const std::vector<Row>& rows);
/// The document that examples/schemas/unplug.json describes.
[[nodiscard]] std::string rows_as_json(std::string_view kernel, const std::vector<Row>& rows);

/// Curves of the share that came back: over what is on the axis, one for each combination of the rest.
[[nodiscard]] std::string rows_as_svg(std::string_view kernel, const std::vector<Row>& rows);

}  // namespace example
