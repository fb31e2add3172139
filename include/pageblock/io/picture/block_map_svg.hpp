// SPDX-License-Identifier: MIT
/// Draws a block map as SVG: a square for each pageblock.
///
/// Layer:  io.
/// Kernel: none.
///
/// Squares have the looks' colours, text that of the page around them, so that the picture is
/// readable on light and on dark.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/picture/block_map_layout.hpp"
#include "pageblock/io/picture/picture_file.hpp"

namespace pageblock {

namespace detail {

// A pattern for each look that has one; all blocks lie on the grid that it repeats on.
[[nodiscard]] inline std::string svg_patterns(const BlockMap& map) {
  constexpr std::array<std::string_view, 4> paths{"", "M5 3.5V6.5M3.5 5H6.5", "M2.5 7.5L7.5 2.5",
                                                  "M3 3L7 7M3 7L7 3"};
  std::string text;
  for (const BlockLook look : map.looks()) {
    const BlockStyle style = style_of(look);
    if (style.pattern == Pattern::none) continue;
    text += fmt::format(
        "<pattern id=\"p{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
        "patternUnits=\"userSpaceOnUse\"><path d=\"M0 0H{}V{}H0\" fill=\"#{:06x}\"/>"
        "<path d=\"{}\" stroke=\"#{:06x}\" stroke-width=\"1.3\"/></pattern>\n",
        static_cast<unsigned>(look), MapLayout::margin, MapLayout::margin, MapLayout::side,
        MapLayout::step, MapLayout::side, MapLayout::side, style.rgb,
        paths[static_cast<std::size_t>(style.pattern)], style.ink);
  }
  return text.empty() ? text : fmt::format("<defs>\n{}</defs>\n", text);
}

// Blocks of one look side by side are one shape; the lines between them are drawn over all.
[[nodiscard]] inline std::string svg_run(const MapLayout::Run& run) {
  const BlockStyle style = style_of(run.look);
  const std::string fill = style.pattern == Pattern::none
                               ? fmt::format("#{:06x}", style.rgb)
                               : fmt::format("url(#p{})", static_cast<unsigned>(run.look));
  const std::string count =
      run.is_shared_out ? std::string{}
                        : fmt::format(": {} block{}", run.nr_blocks, run.nr_blocks == 1 ? "" : "s");
  return fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{}{}</title></rect>\n",
      run.x, run.y, run.nr_blocks * MapLayout::side, MapLayout::side, fill, style.meaning, count);
}

}  // namespace detail

/// Returns the picture as a document of its own. Longer rows are broken after @p per_line blocks; with
/// half as many, texts are still readable in a narrow column.
[[nodiscard]] inline std::string to_svg(const BlockMap& map, std::size_t per_line = 64) {
  using detail::MapLayout;
  const MapLayout layout{map, per_line};
  std::string shapes = detail::svg_patterns(map);
  std::string gaps;
  for (const MapLayout::Run& run : layout.runs) {
    shapes += detail::svg_run(run);
    for (std::size_t i = run.is_shared_out ? run.nr_blocks : 1; i < run.nr_blocks; ++i) {
      gaps += fmt::format("M{} {}v{}", run.x + i * MapLayout::side, run.y, MapLayout::side);
    }
  }
  for (const MapLayout::Run& run : layout.legend) shapes += detail::svg_run(run);
  if (!gaps.empty()) shapes += fmt::format("<path class=\"gap\" d=\"{}\"/>\n", gaps);
  for (const MapLayout::Mark& mark : layout.marks) {
    shapes += fmt::format("<rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                          mark.x, mark.y, mark.nr_blocks * MapLayout::side, MapLayout::side);
  }
  for (const MapLayout::Label& label : layout.labels) {
    shapes += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", label.x, label.y + 9,
                          detail::markup_text(label.text));
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"monospace\" font-size=\"11.5\">\n"
      "<style>text{{fill:#222}}.paper{{fill:#fff}}.gap{{stroke:#fff}}"
      ".mark{{fill:none;stroke:#000;stroke-width:2}}@media(prefers-color-scheme:dark){{"
      "text{{fill:#ddd}}.paper{{fill:#0d1117}}.gap{{stroke:#0d1117}}.mark{{stroke:#fff}}}}</"
      "style>\n"
      "<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n"
      "{2}</svg>\n",
      layout.width, layout.height, shapes);
}

}  // namespace pageblock
