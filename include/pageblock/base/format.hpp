// SPDX-License-Identifier: MIT
/// How types with a name are formatted.
///
/// Layer:  base.
/// Kernel: none.
#pragma once

#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock::detail {

/// A formatter for what to_string() names; takes the specification of a string.
struct ToStringFormatter : fmt::formatter<fmt::string_view> {
  template <typename T, typename FormatContext>
  auto format(const T& value, FormatContext& ctx) const {
    const auto& text = to_string(value);
    return fmt::formatter<fmt::string_view>::format({text.data(), text.size()}, ctx);
  }
};

}  // namespace pageblock::detail
