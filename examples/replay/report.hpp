// SPDX-License-Identifier: MIT
/// What replay says, as text for people and as JSON for programs.
#pragma once

#include <string>

#include "pageblock/io/recording/replay_report.hpp"

namespace example {

/// @p times: whether to say how long it took, which is another time each time.
[[nodiscard]] std::string as_text(const pageblock::ReplayReport& report, bool times = false);
/// A document by examples/schemas/replay.json, or trace_replay.json of a plain trace.
[[nodiscard]] std::string as_json(const pageblock::ReplayReport& report, bool times = false);

}  // namespace example
