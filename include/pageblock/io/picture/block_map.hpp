// SPDX-License-Identifier: MIT
/// A picture of memory, before it has a form: rows of pageblocks, or of two memories side by side.
/// block_map_text.hpp, block_map_svg.hpp and block_map_ppm.hpp draw it, zone_map.hpp makes one.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/picture/block_look.hpp"

namespace pageblock {

/// Rows of pageblocks with a label each. A map of two memories has two panels, a row in each.
class BlockMap {
 public:
  using Blocks = std::vector<BlockLook>;

  /// A row of the picture.
  struct Row {
    std::string label;
    std::vector<Blocks> panels;  ///< from left to right, as many in each row
    std::vector<bool> marked{};  ///< blocks at which the panels differ; empty for none
    bool is_shared_out = false;  ///< Blocks stand for many, in proportion: block_fold.hpp.

    [[nodiscard]] const Blocks& blocks() const { return panels.front(); }
    [[nodiscard]] std::size_t nr_blocks() const { return panels.front().size(); }
    [[nodiscard]] bool is_marked(std::size_t block) const {
      return block < marked.size() && marked[block];
    }
    [[nodiscard]] bool is_marked(std::size_t start, std::size_t end) const {
      for (; start < end; ++start) {
        if (is_marked(start)) return true;
      }
      return false;
    }
    /// Returns where the blocks from @p start on stop to look alike, @p end at most.
    [[nodiscard]] static std::size_t run_end(const Blocks& blocks, std::size_t start,
                                             std::size_t end) {
      const auto first = blocks.begin() + static_cast<std::ptrdiff_t>(start);
      const auto last = blocks.begin() + static_cast<std::ptrdiff_t>(end);
      const auto other = std::find_if(first, last, [&](BlockLook look) { return look != *first; });
      return static_cast<std::size_t>(other - blocks.begin());
    }
    friend bool operator==(const Row&, const Row&) = default;
  };

  /// A map of one memory.
  BlockMap() = default;

  /// A map with a panel for each title.
  explicit BlockMap(std::vector<std::string> titles) : titles_{std::move(titles)} {}

  /// Adds a row below the others.
  void add_row(std::string label, Blocks blocks) {
    add_row(Row{std::move(label), {std::move(blocks)}});
  }
  void add_row(Row row) { rows_.push_back(std::move(row)); }

  /// Returns all rows, from top to bottom.
  [[nodiscard]] const std::vector<Row>& rows() const& { return rows_; }
  [[nodiscard]] std::vector<Row> rows() && { return std::move(rows_); }

  /// Returns what stands above the panels; nothing above a single one.
  [[nodiscard]] const std::vector<std::string>& titles() const { return titles_; }
  [[nodiscard]] std::size_t nr_panels() const { return std::max<std::size_t>(titles_.size(), 1); }

  /// Returns the looks that occur, in the order of the legend.
  [[nodiscard]] std::vector<BlockLook> looks() const {
    std::array<bool, nr_block_looks> seen{};
    for (const Row& row : rows_) {
      for (const Blocks& blocks : row.panels) {
        for (const BlockLook look : blocks) seen[static_cast<std::size_t>(look)] = true;
      }
    }
    std::vector<BlockLook> looks;
    for (std::size_t i = 0; i < nr_block_looks; ++i) {
      if (seen[i]) looks.push_back(static_cast<BlockLook>(i));
    }
    return looks;
  }

  /// Returns whether any block is marked.
  [[nodiscard]] bool has_marks() const {
    return std::ranges::any_of(rows_, [](const Row& row) {
      return std::ranges::find(row.marked, true) != row.marked.end();
    });
  }
  /// Returns whether any row is shared out.
  [[nodiscard]] bool is_shared_out() const {
    return std::ranges::any_of(rows_, &Row::is_shared_out);
  }

  friend bool operator==(const BlockMap&, const BlockMap&) = default;

 private:
  std::vector<std::string> titles_;
  std::vector<Row> rows_;
};

/// What the legend says of marks.
inline constexpr std::string_view marks_meaning = "here the two differ";
/// What it says of rows that are shared out.
inline constexpr std::string_view shares_meaning =
    "A row of many blocks shows how many look so, not where they are.";

}  // namespace pageblock
