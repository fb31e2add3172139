// SPDX-License-Identifier: MIT
/// Draws a block map as SVG: a square for each pageblock.
///
/// Layer:  io.
/// Kernel: none.
///
/// Squares have the looks' colours, text that of the page around them, so that the picture is
/// readable on light and on dark.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"

namespace pageblock {

namespace detail {

[[nodiscard]] inline std::string svg_text(std::string_view text) {
  std::string escaped;
  for (const char byte : text) {
    switch (byte) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      default:
        escaped += byte;
    }
  }
  return escaped;
}

// Blocks of one look side by side are one shape; the lines between them are drawn over all.
[[nodiscard]] inline std::string svg_run(std::size_t x, std::size_t y, std::size_t nr,
                                         std::size_t side, BlockLook look) {
  const BlockStyle style = style_of(look);
  return fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}: {} "
      "block{}</title></rect>\n",
      x, y, nr * side, side, style.rgb, style.meaning, nr, nr == 1 ? "" : "s");
}

}  // namespace detail

/// Returns the picture as a document of its own. Longer rows are broken after @p per_line blocks.
[[nodiscard]] inline std::string to_svg(const BlockMap& map, std::size_t per_line = 64) {
  constexpr std::size_t side = 10;
  constexpr std::size_t step = 12;  // from line to line
  constexpr std::size_t letter = 7;
  std::size_t longest_label = 0;
  std::size_t longest_row = 0;
  for (const BlockMap::Row& row : map.rows()) {
    longest_label = std::max(longest_label, row.label.size());
    longest_row = std::max(longest_row, std::min(row.blocks.size(), per_line));
  }
  const std::size_t left = (longest_label + 2) * letter;
  std::string shapes;
  std::size_t y = 4;
  for (const BlockMap::Row& row : map.rows()) {
    shapes += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", letter, y + side - 1,
                          detail::svg_text(row.label));
    for (std::size_t start = 0; start < row.blocks.size(); start += per_line, y += step) {
      const std::size_t end = std::min(start + per_line, row.blocks.size());
      for (std::size_t i = start; i < end;) {
        std::size_t run = i;
        while (run < end && row.blocks[run] == row.blocks[i]) ++run;
        shapes += detail::svg_run(left + (i - start) * side, y, run - i, side, row.blocks[i]);
        i = run;
      }
    }
  }
  std::size_t widest = left + longest_row * side;
  for (std::size_t x = left + side; x < widest; x += side) {
    shapes += fmt::format("<path d=\"M{} 4V{}\" class=\"gap\"/>\n", x, y - (step - side));
  }
  for (const BlockLook look : map.looks()) {
    y += step + 2;
    shapes += detail::svg_run(letter, y, 1, side, look);
    shapes += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", 3 * letter, y + side - 1,
                          style_of(look).meaning);
    widest = std::max(widest, (style_of(look).meaning.size() + 3) * letter);
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"monospace\" font-size=\"11\">\n"
      "<style>text{{fill:#222}}.gap{{stroke:#fff;stroke-width:1}}"
      "@media(prefers-color-scheme:dark){{text{{fill:#ddd}}.gap{{stroke:#0d1117}}}}</style>\n"
      "{2}</svg>\n",
      widest + letter, y + step + 4, shapes);
}

}  // namespace pageblock
