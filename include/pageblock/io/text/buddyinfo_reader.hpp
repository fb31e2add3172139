// SPDX-License-Identifier: MIT
/// Reads /proc/buddyinfo: how many free chunks of each order a zone has.
///
/// Layer:  io.
/// Kernel: frag_show() (mm/vmstat.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"

namespace pageblock {

/// One line: the free chunks of a zone, by order. Chunks of isolated pageblocks are among them,
/// pages on per-CPU lists are not.
struct BuddyInfoRow {
  ZoneName name;                       ///< Which zone of which node.
  std::vector<std::uint64_t> nr_free;  ///< Free chunks of each order, from 0.
  std::size_t line = 0;                ///< Where the row stands, from 1.

  /// Returns the free pages of all orders.
  [[nodiscard]] std::uint64_t nr_free_pages() const {
    std::uint64_t sum = 0;
    for (std::size_t order = 0; order < nr_free.size(); ++order) sum += nr_free[order] << order;
    return sum;
  }
};

/// Returns the rows in the order of the file. Lines that do not begin as a row, such as a prompt, are
/// passed over and told to @p skipped. Throws ParseError, also if there is no row or if the zones
/// have different numbers of orders.
[[nodiscard]] inline std::vector<BuddyInfoRow> parse_buddyinfo(const InputFile& file,
                                                               SkippedLines* skipped = nullptr) {
  constexpr std::size_t most_orders = 32;
  constexpr std::size_t most_zones = 4096;  // 1024 nodes with four zones each
  std::vector<BuddyInfoRow> rows;
  SkippedLines others;
  LineReader reader{file};
  while (reader.next_line()) {
    if (reader.is_blank()) {
      others.add_empty(reader.number());
      continue;
    }
    others.end_of_empty();
    if (!begins_zone(reader)) {
      others.add(reader.number());
      continue;
    }
    BuddyInfoRow row{read_zone_name(reader), {}, reader.number()};
    for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
      row.nr_free.push_back(reader.to_number(word, "free chunks"));
    }
    if (rows.size() == most_zones) reader.fail("more zones than any kernel has");
    if (row.nr_free.empty()) reader.fail("no counts of free chunks behind the zone");
    if (row.nr_free.size() > most_orders) reader.fail("more orders than any kernel has");
    if (!rows.empty() && row.nr_free.size() != rows.front().nr_free.size()) {
      reader.fail(fmt::format("{} orders, but {} in line {}", row.nr_free.size(),
                              rows.front().nr_free.size(), rows.front().line));
    }
    for (const BuddyInfoRow& other : rows) {
      if (other.name == row.name) reader.fail(fmt::format("zone {} again", row.name));
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw file.error_at_line(1, "expected 'Node <number>, zone <name>'");
  if (skipped != nullptr) *skipped = std::move(others);
  return rows;
}

}  // namespace pageblock
