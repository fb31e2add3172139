// SPDX-License-Identifier: MIT
/// JSON documents: what all of ours have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace example {

/// Members stay in the order in which they are written.
using Json = nlohmann::ordered_json;

/// Begins a document. examples/schemas/<name>.json describes it; @p version grows when a member
/// changes its meaning or goes.
[[nodiscard]] inline Json json_document(std::string_view name, int version) {
  return {{"schema", fmt::format("pageblock/{}", name)},
          {"version", version},
          {"tool_version", fmt::format("{}.{}.{}", PAGEBLOCK_VERSION_MAJOR, PAGEBLOCK_VERSION_MINOR,
                                       PAGEBLOCK_VERSION_PATCH)}};
}

/// Returns null for nothing.
template <typename T>
[[nodiscard]] Json json_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// Returns the document as text. What is no UTF-8 in it, as a file's name may be, is replaced.
[[nodiscard]] inline std::string to_text(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace example
