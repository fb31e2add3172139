// SPDX-License-Identifier: MIT
/// Where everything of a block map stands in a picture of points: SVG and PPM agree on it.
///
/// Layer:  io.
/// Kernel: none.
///
///                 left                right             titles
///     0x0         ########            ########          rows, in lines
///     0x1000      ####                ####
///
///     # free      # isolated                            legend
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"

namespace pageblock::detail {

/// A map as rectangles and texts, in points from the upper left corner. All blocks lie on one grid, of
/// side times step from (margin, margin), so that patterns fit them.
struct MapLayout {
  static constexpr std::size_t side = 10;   // of a block
  static constexpr std::size_t step = 14;   // from line to line
  static constexpr std::size_t letter = 7;  // the width of one
  static constexpr std::size_t margin = 7;

  /// Blocks of one look side by side.
  struct Run {
    std::size_t x, y, nr_blocks;
    BlockLook look;
    bool is_shared_out;
  };
  /// A frame around blocks that differ.
  struct Mark {
    std::size_t x, y, nr_blocks;
  };
  /// A text, from its left end at the height of a line's blocks.
  struct Label {
    std::size_t x, y;
    std::string text;
  };

  std::vector<Run> runs{};
  std::vector<Mark> marks{};
  std::vector<Label> labels{};
  std::vector<Run> legend{};
  std::size_t width = 0;
  std::size_t height = 0;

  MapLayout(const BlockMap& map, std::size_t per_line) {
    std::size_t longest_label = 0;
    std::size_t longest_line = 0;
    for (const BlockMap::Row& row : map.rows()) {
      longest_label = std::max(longest_label, row.label.size());
      longest_line = std::max(longest_line, std::min(row.nr_blocks(), per_line));
    }
    const std::size_t left = margin + on_grid((longest_label + 1) * letter);
    std::size_t panel = (longest_line + 1) * side;
    for (const std::string& title : map.titles()) {
      panel = std::max(panel, on_grid((title.size() + 2) * letter));
    }
    width = left + panel * map.nr_panels();
    std::size_t y = margin;
    for (std::size_t i = 0; i < map.titles().size(); ++i) {
      add_label(left + i * panel, y, map.titles()[i]);
    }
    if (!map.titles().empty()) y += step;
    for (const BlockMap::Row& row : map.rows()) {
      add_label(margin, y, row.label);
      for (std::size_t start = 0; start < row.nr_blocks(); start += per_line, y += step) {
        const std::size_t end = std::min(start + per_line, row.nr_blocks());
        for (std::size_t i = 0; i < row.panels.size(); ++i) {
          add_line(row, row.panels[i], start, end, left + i * panel, y);
        }
      }
    }
    add_legend(map, y + step);
  }

 private:
  [[nodiscard]] static std::size_t on_grid(std::size_t x) { return (x + side - 1) / side * side; }

  void add_line(const BlockMap::Row& row, const BlockMap::Blocks& blocks, std::size_t start,
                std::size_t end, std::size_t x, std::size_t y) {
    for (std::size_t i = start; i < end;) {
      const std::size_t run = BlockMap::Row::run_end(blocks, i, end);
      runs.push_back({x + (i - start) * side, y, run - i, blocks[i], row.is_shared_out});
      i = run;
    }
    for (std::size_t i = start; i < end; ++i) {
      if (!row.is_marked(i)) continue;
      std::size_t run = i;
      while (run < end && row.is_marked(run)) ++run;
      marks.push_back({x + (i - start) * side, y, run - i});
      i = run;
    }
  }

  void add_legend(const BlockMap& map, std::size_t y) {
    for (const BlockLook look : map.looks()) {
      legend.push_back({margin, y, 1, look, false});
      add_label(margin + 2 * side, y, style_of(look).meaning);
      y += step;
    }
    if (map.has_marks()) {
      marks.push_back({margin, y, 1});
      add_label(margin + 2 * side, y, marks_meaning);
      y += step;
    }
    if (map.is_shared_out()) {
      add_label(margin, y, shares_meaning);
      y += step;
    }
    height = y + margin;
  }

  void add_label(std::size_t x, std::size_t y, std::string_view text) {
    labels.push_back({x, y, std::string{text}});
    width = std::max(width, x + text.size() * letter + margin);
  }
};

}  // namespace pageblock::detail
