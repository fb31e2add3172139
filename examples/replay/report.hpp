// SPDX-License-Identifier: MIT
/// What replay says, as text for people and as JSON for programs.
#pragma once

#include <string>

#include "pageblock/io/recording/replay_report.hpp"

namespace example {

[[nodiscard]] std::string as_text(const pageblock::ReplayReport& report);
[[nodiscard]] std::string as_json(const pageblock::ReplayReport& report);

}  // namespace example
