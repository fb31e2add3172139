// SPDX-License-Identifier: MIT
/// Draws a block map with one character for each pageblock.
///
/// Layer:  io.
/// Kernel: none.
///
///     memory1   oooooooxx??x....................................................
///     memory2   ................................................................
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <fmt/format.h>

#include "pageblock/base/format.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"

namespace pageblock {

/// A block map as text, in letters or with colours.
struct BlockMapText {
  bool color = false;         ///< of ANSI terminals
  std::size_t per_line = 64;  ///< blocks; longer rows are broken
};

/// Returns the picture, and below it a legend of the characters that occur.
[[nodiscard]] inline std::string to_text(const BlockMap& map, const BlockMapText& options = {}) {
  const auto painted = [&](BlockLook look, std::size_t times) {
    const BlockStyle style = style_of(look);
    const std::string text(times, style.symbol);
    return options.color ? fmt::format("{}{}\x1b[0m", style.color, text) : text;
  };
  std::size_t width = 0;
  for (const BlockMap::Row& row : map.rows()) width = std::max(width, row.label.size());
  std::string text;
  for (const BlockMap::Row& row : map.rows()) {
    for (std::size_t start = 0; start < row.blocks.size(); start += options.per_line) {
      text += fmt::format("{:{}}  ", start == 0 ? row.label : std::string{}, width);
      const std::size_t end = std::min(start + options.per_line, row.blocks.size());
      for (std::size_t i = start; i < end;) {
        std::size_t run = i;
        while (run < end && row.blocks[run] == row.blocks[i]) ++run;
        text += painted(row.blocks[i], run - i);
        i = run;
      }
      text += '\n';
    }
  }
  for (const BlockLook look : map.looks()) {
    text += fmt::format("  {} {}\n", painted(look, 1), style_of(look).meaning);
  }
  return text;
}

/// What "{}" prints.
[[nodiscard]] inline std::string to_string(const BlockMap& map) { return to_text(map); }

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::BlockMap> : pageblock::detail::ToStringFormatter {};
