// SPDX-License-Identifier: MIT
/// What offline_check says of a recording: what the kernel answered, beside what was judged.
#pragma once

#include <string>
#include <vector>

#include "pageblock/io/recording/offline_attempts.hpp"

#include "common/json.hpp"

namespace example {

/// Returns a line for each attempt.
[[nodiscard]] std::string as_text(const std::vector<pageblock::OfflineAttempt>& attempts);
/// Returns, for example, "8 of 8 attempts (100.0 %) agree with the kernel."
[[nodiscard]] std::string as_text(const pageblock::AgreementCounts& counts);

[[nodiscard]] Json attempts_json(const std::vector<pageblock::OfflineAttempt>& attempts);
[[nodiscard]] Json agreement_json(const pageblock::AgreementCounts& counts);

}  // namespace example
