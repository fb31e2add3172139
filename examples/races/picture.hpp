// SPDX-License-Identifier: MIT
/// What races draws.
#pragma once

#include "pageblock/io/picture/time_line.hpp"

#include "races/report.hpp"

namespace races {

/// Returns whether there is a run to draw: one that was found, or that was asked for.
[[nodiscard]] bool can_be_drawn(const Answer& answer);

/// Returns that run step by step, from the zone before to the end, with a step of its own where the rule
/// breaks. Requires: it can be drawn.
[[nodiscard]] pageblock::TimeLine time_line_of(const Answer& answer);

}  // namespace races
