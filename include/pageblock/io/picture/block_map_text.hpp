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
#include <string_view>

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

namespace detail {

/// Writes a map line by line.
class MapTextWriter {
 public:
  MapTextWriter(const BlockMap& map, const BlockMapText& options) : map_{map}, options_{options} {
    for (const BlockMap::Row& row : map.rows()) {
      label_width_ = std::max(label_width_, row.label.size());
      panel_width_ = std::max(panel_width_, std::min(row.nr_blocks(), options.per_line));
    }
    for (const std::string& title : map.titles())
      panel_width_ = std::max(panel_width_, title.size());
  }

  [[nodiscard]] std::string write() {
    if (!map_.titles().empty()) {
      text_ += std::string(label_width_, ' ');
      for (const std::string& title : map_.titles()) add_panel(title, title.size());
      end_line();
    }
    for (const BlockMap::Row& row : map_.rows()) {
      for (std::size_t start = 0; start < row.nr_blocks(); start += options_.per_line) {
        write_line(row, start, std::min(start + options_.per_line, row.nr_blocks()));
      }
    }
    for (const BlockLook look : map_.looks()) {
      text_ += fmt::format("  {} {}\n", painted(look, 1), style_of(look).meaning);
    }
    if (map_.has_marks()) text_ += fmt::format("  ^ {}\n", marks_meaning);
    if (map_.is_shared_out()) text_ += fmt::format("  {}\n", shares_meaning);
    return text_;
  }

 private:
  void write_line(const BlockMap::Row& row, std::size_t start, std::size_t end) {
    text_ += fmt::format("{:{}}", start == 0 ? row.label : std::string{}, label_width_);
    for (const BlockMap::Blocks& blocks : row.panels) {
      std::string line;
      for (std::size_t i = start; i < end;) {
        const std::size_t run = BlockMap::Row::run_end(blocks, i, end);
        line += painted(blocks[i], run - i);
        i = run;
      }
      add_panel(line, end - start);
    }
    end_line();
    if (!row.is_marked(start, end)) return;
    text_ += std::string(label_width_, ' ');
    std::string marks;
    for (std::size_t i = start; i < end; ++i) marks += row.is_marked(i) ? '^' : ' ';
    for (std::size_t i = 0; i < row.panels.size(); ++i) add_panel(marks, marks.size());
    end_line();
  }

  // What has @p width columns: letters that only colour take none.
  void add_panel(std::string_view text, std::size_t width) {
    text_ += fmt::format("  {}", text);
    text_.append(panel_width_ - width, ' ');
  }
  void end_line() {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += '\n';
  }

  [[nodiscard]] std::string painted(BlockLook look, std::size_t times) const {
    const BlockStyle style = style_of(look);
    const std::string text(times, style.symbol);
    return options_.color ? fmt::format("{}{}\x1b[0m", style.color, text) : text;
  }

  const BlockMap& map_;
  BlockMapText options_;
  std::size_t label_width_ = 0;
  std::size_t panel_width_ = 0;
  std::string text_;
};

}  // namespace detail

/// Returns the picture, and below it a legend of the characters that occur.
[[nodiscard]] inline std::string to_text(const BlockMap& map, const BlockMapText& options = {}) {
  return detail::MapTextWriter{map, options}.write();
}

/// What "{}" prints.
[[nodiscard]] inline std::string to_string(const BlockMap& map) { return to_text(map); }

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::BlockMap> : pageblock::detail::ToStringFormatter {};
