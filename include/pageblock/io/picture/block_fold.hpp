// SPDX-License-Identifier: MIT
/// Makes a map of many rows readable: rows that are equal, or similar, become one.
///
/// Layer:  io.
/// Kernel: none.
///
///     0x0                 ..OOOxx.OO..O...          0x0-0x3ff8000, 32768 blocks   ........
///     0x8000              ..OOOOOOOO..O...    ->    0x4000000-..., 65536 blocks   ...oOOOx
///     (16,382 more)
///
/// A row of similar ones is shared out: it has as many blocks of each look as there are in
/// proportion, in the order of the legend, and one at least of each look that occurs. So a single
/// unmovable block among a million does not get lost.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"

namespace pageblock {

namespace detail {

// How many blocks of a panel look how.
using LookCounts = std::array<std::size_t, nr_block_looks>;

// Rows one behind the other that are drawn as one.
struct FoldedRows {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t nr_blocks = 0;
  std::size_t nr_marked = 0;
  std::vector<LookCounts> panels;

  FoldedRows(std::size_t index, const BlockMap::Row& row) : first{index}, last{index} {
    for (const BlockMap::Blocks& blocks : row.panels) {
      LookCounts counts{};
      for (const BlockLook look : blocks) ++counts[static_cast<std::size_t>(look)];
      panels.push_back(counts);
    }
    nr_blocks = row.nr_blocks();
    nr_marked = static_cast<std::size_t>(std::ranges::count(row.marked, true));
  }

  // How different two rows look: the sum of squares of their shares' differences.
  [[nodiscard]] double distance(const FoldedRows& other) const {
    double sum = 0;
    for (std::size_t panel = 0; panel < panels.size(); ++panel) {
      for (std::size_t i = 0; i < nr_block_looks; ++i) {
        const double share = static_cast<double>(panels[panel][i]) / static_cast<double>(nr_blocks);
        const double others =
            static_cast<double>(other.panels[panel][i]) / static_cast<double>(other.nr_blocks);
        sum += (share - others) * (share - others);
      }
    }
    return sum;
  }

  void take(const FoldedRows& next) {
    last = next.last;
    nr_blocks += next.nr_blocks;
    nr_marked += next.nr_marked;
    for (std::size_t panel = 0; panel < panels.size(); ++panel) {
      for (std::size_t i = 0; i < nr_block_looks; ++i) panels[panel][i] += next.panels[panel][i];
    }
  }
};

// Merges neighbours that are no more different than @p limit.
inline void merge_similar(std::vector<FoldedRows>& rows, double limit) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[kept].distance(rows[i]) <= limit) {
      rows[kept].take(rows[i]);
    } else if (++kept != i) {
      rows[kept] = std::move(rows[i]);
    }
  }
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept) + 1, rows.end());
}

// Merges the two neighbours that are least different.
inline void merge_closest(std::vector<FoldedRows>& rows) {
  std::size_t closest = 1;
  double least = std::numeric_limits<double>::max();
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const double distance = rows[i - 1].distance(rows[i]);
    if (distance >= least) continue;
    least = distance;
    closest = i;
  }
  rows[closest - 1].take(rows[closest]);
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(closest));
}

// Returns @p size blocks in proportion to the counts, one at least of each look that occurs.
[[nodiscard]] inline BlockMap::Blocks share_out(const LookCounts& counts, std::size_t size) {
  std::size_t total = 0;
  LookCounts shares{};
  std::size_t given = 0;
  for (const std::size_t count : counts) total += count;
  for (std::size_t i = 0; i < nr_block_looks; ++i) {
    if (counts[i] != 0) shares[i] = std::max<std::size_t>(counts[i] * size / total, 1);
    given += shares[i];
  }
  for (; given < size; ++given) {  // to whom the most is missing
    std::size_t poorest = 0;
    for (std::size_t i = 1; i < nr_block_looks; ++i) {
      if (counts[i] * size + shares[poorest] * total > counts[poorest] * size + shares[i] * total) {
        poorest = i;
      }
    }
    ++shares[poorest];
  }
  for (; given > size; --given) --*std::ranges::max_element(shares);
  BlockMap::Blocks blocks;
  for (std::size_t i = 0; i < nr_block_looks; ++i) {
    blocks.insert(blocks.end(), shares[i], static_cast<BlockLook>(i));
  }
  return blocks;
}

[[nodiscard]] inline std::string label_of(const std::vector<BlockMap::Row>& rows, std::size_t first,
                                          std::size_t last) {
  return first == last ? rows[first].label
                       : fmt::format("{}-{}", rows[first].label, rows[last].label);
}

}  // namespace detail

/// Returns the same picture with one row, "first-last", for equal rows one behind the other.
[[nodiscard]] inline BlockMap folded(const BlockMap& map) {
  BlockMap result{map.titles()};
  const auto& rows = map.rows();
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t last = i;
    while (last + 1 < rows.size() && rows[last + 1].panels == rows[i].panels &&
           rows[last + 1].marked == rows[i].marked) {
      ++last;
    }
    BlockMap::Row row = rows[i];
    row.label = detail::label_of(rows, i, last);
    result.add_row(std::move(row));
    i = last + 1;
  }
  return result;
}

/// How large a picture may become.
struct MapLimits {
  std::size_t lines = 64;
  std::size_t per_line = 64;  ///< blocks
};

/// Returns the picture if it has few enough lines, else one in which similar rows are shared out.
[[nodiscard]] inline BlockMap fitted(const BlockMap& map, const MapLimits& limits = {}) {
  std::size_t nr_lines = 0;
  std::vector<detail::FoldedRows> rows;
  for (std::size_t i = 0; i < map.rows().size(); ++i) {
    const BlockMap::Row& row = map.rows()[i];
    if (row.nr_blocks() == 0) continue;
    nr_lines += (row.nr_blocks() + limits.per_line - 1) / limits.per_line;
    rows.emplace_back(i, row);
  }
  if (nr_lines <= limits.lines) return map;
  // What is similar at all: a fifth of the blocks may look different. The closest first.
  for (const double limit : {0.0, 0.001, 0.01, 0.03, 0.1}) detail::merge_similar(rows, limit);
  for (double limit = 0.15; rows.size() > 8 * limits.lines; limit *= 1.5) {
    detail::merge_similar(rows, limit);
  }
  while (rows.size() > limits.lines) detail::merge_closest(rows);
  BlockMap result{map.titles()};
  for (const detail::FoldedRows& from : rows) {
    BlockMap::Row row;
    row.label = fmt::format("{}, {} blocks", detail::label_of(map.rows(), from.first, from.last),
                            from.nr_blocks);
    if (from.nr_marked != 0) row.label += fmt::format(", {} differ", from.nr_marked);
    for (const detail::LookCounts& counts : from.panels) {
      row.panels.push_back(detail::share_out(counts, std::min(limits.per_line, from.nr_blocks)));
    }
    row.is_shared_out = true;
    result.add_row(std::move(row));
  }
  return result;
}

}  // namespace pageblock
