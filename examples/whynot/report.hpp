// SPDX-License-Identifier: MIT
/// The answers to all that was found, as text or as JSON.
#pragma once

#include <string>

#include "whynot/answer.hpp"
#include "whynot/findings.hpp"

namespace example {

/// One screen, if it is not too much: equal ones are counted, those alike are told once.
[[nodiscard]] std::string as_text(const Findings& findings, const Question& question, bool color);

/// Described by examples/schemas/whynot.json.
[[nodiscard]] std::string as_json(const Findings& findings, const Question& question);

/// What whynot knows, a line each.
[[nodiscard]] std::string what_is_known();

}  // namespace example
