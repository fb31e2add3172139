// SPDX-License-Identifier: MIT
/// Counts of things in words.
///
/// Layer:  base.
/// Kernel: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// Returns "1 page", "2 pages" for the word "page". Not fmt: its formatting costs seconds per file.
[[nodiscard]] inline std::string count_text(std::uint64_t count, std::string_view what) {
  std::string text = std::to_string(count);
  text.append(" ").append(what);
  if (count != 1) text.push_back('s');
  return text;
}

}  // namespace pageblock
