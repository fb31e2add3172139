// SPDX-License-Identifier: MIT
/// A picture of memory: one character for each pageblock.
///
/// Layer:  io.
/// Kernel: none.
///
///     memory1   oooooooxx??x....................................................
///     memory2   ................................................................
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"

namespace pageblock {

/// What a pageblock looks like: decided by the page in it that is hardest to get rid of.
enum class BlockLook : std::uint8_t {
  free,
  some_movable,
  mostly_movable,
  unknown,
  some_unmovable,
  mostly_unmovable,
  hole,
};
/// How many looks there are.
inline constexpr std::size_t nr_block_looks = 7;

/// How a look is drawn: its character, its words in the legend and its colour on a terminal.
struct BlockStyle {
  char symbol;
  std::string_view meaning;
  std::string_view color;
};

/// Returns how a pageblock of this look is drawn.
[[nodiscard]] constexpr BlockStyle style_of(BlockLook look) {
  constexpr std::array<BlockStyle, nr_block_looks> styles{{
      {'.', "free", "\x1b[32m"},
      {'o', "movable pages, less than half", "\x1b[36m"},
      {'O', "movable pages, half or more", "\x1b[1;36m"},
      {'?', "a page of unknown kind in the way", "\x1b[33m"},
      {'x', "unmovable pages, less than half", "\x1b[31m"},
      {'X', "unmovable pages, half or more", "\x1b[1;31m"},
      {'-', "no memory", "\x1b[2m"},
  }};
  return styles[static_cast<std::size_t>(look)];
}

/// Returns the look of a pageblock with these pages. Half means half of the pages that are there.
[[nodiscard]] inline BlockLook look_of(const PageCounts& counts) {
  const std::uint64_t nr_present = counts.nr_present();
  if (nr_present == 0) return BlockLook::hole;
  if (const std::uint64_t stuck = counts[Movability::unmovable]; stuck != 0) {
    return stuck * 2 < nr_present ? BlockLook::some_unmovable : BlockLook::mostly_unmovable;
  }
  if (counts[Movability::unknown] != 0) return BlockLook::unknown;
  if (const std::uint64_t movable = counts[Movability::movable]; movable != 0) {
    return movable * 2 < nr_present ? BlockLook::some_movable : BlockLook::mostly_movable;
  }
  return BlockLook::free;
}

/// Rows of pageblocks with a label each.
class BlockMap {
 public:
  void add_row(std::string label, std::vector<BlockLook> blocks) {
    width_ = std::max(width_, label.size());
    rows_.push_back({std::move(label), std::move(blocks)});
  }

  /// Returns the picture, and below it a legend of the characters that occur. Long rows are broken
  /// after @p per_line blocks. Colours are those of ANSI terminals.
  [[nodiscard]] std::string draw(bool color, std::size_t per_line = 64) const {
    std::string text;
    std::array<bool, nr_block_looks> seen{};
    for (const Row& row : rows_) {
      for (std::size_t start = 0; start < row.blocks.size(); start += per_line) {
        text += fmt::format("{:{}}  ", start == 0 ? row.label : std::string{}, width_);
        const std::size_t end = std::min(start + per_line, row.blocks.size());
        for (std::size_t i = start; i < end;) {
          const BlockLook look = row.blocks[i];
          std::size_t run = i;
          while (run < end && row.blocks[run] == look) ++run;
          text += painted(look, std::string(run - i, style_of(look).symbol), color);
          seen[static_cast<std::size_t>(look)] = true;
          i = run;
        }
        text += '\n';
      }
    }
    for (std::size_t i = 0; i < nr_block_looks; ++i) {
      if (!seen[i]) continue;
      const auto look = static_cast<BlockLook>(i);
      const BlockStyle style = style_of(look);
      text += fmt::format("  {} {}\n", painted(look, std::string(1, style.symbol), color),
                          style.meaning);
    }
    return text;
  }

 private:
  struct Row {
    std::string label;
    std::vector<BlockLook> blocks;
  };

  [[nodiscard]] static std::string painted(BlockLook look, const std::string& text, bool color) {
    return color ? fmt::format("{}{}\x1b[0m", style_of(look).color, text) : text;
  }

  std::vector<Row> rows_;
  std::size_t width_ = 0;
};

}  // namespace pageblock
