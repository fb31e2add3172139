// SPDX-License-Identifier: MIT
/// Is it JSON?
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace pageblock::test {

[[nodiscard]] inline bool is_json(std::string_view text) { return nlohmann::json::accept(text); }

}  // namespace pageblock::test
