// SPDX-License-Identifier: MIT
/// Reads /proc/buddyinfo: how many free chunks of each order a zone has.
///
/// Layer:  io.
/// Kernel: frag_show() (mm/vmstat.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// One line: the free chunks of a zone, by order. Chunks of isolated pageblocks are among them,
/// pages on per-CPU lists are not.
struct BuddyInfoRow {
  ZoneName name;
  std::vector<std::uint64_t> nr_free;
  std::size_t line = 0;

  [[nodiscard]] std::uint64_t nr_free_pages() const {
    std::uint64_t sum = 0;
    for (std::size_t order = 0; order < nr_free.size(); ++order) sum += nr_free[order] << order;
    return sum;
  }
};

/// Returns the rows in the order of the file. Throws ParseError, also if the zones have different
/// numbers of orders.
[[nodiscard]] inline std::vector<BuddyInfoRow> parse_buddyinfo(const InputFile& file) {
  constexpr std::size_t most_orders = 32;
  constexpr std::size_t most_zones = 4096;  // 1024 nodes with four zones each
  std::vector<BuddyInfoRow> rows;
  LineReader reader{file};
  while (reader.next_line()) {
    BuddyInfoRow row{read_zone_name(reader), {}, reader.number()};
    for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
      row.nr_free.push_back(reader.to_number(word, "free chunks"));
    }
    if (rows.size() == most_zones) reader.fail("more zones than any kernel has");
    if (row.nr_free.empty()) reader.fail("no counts of free chunks behind the zone");
    if (row.nr_free.size() > most_orders) reader.fail("more orders than any kernel has");
    if (!rows.empty() && row.nr_free.size() != rows.front().nr_free.size()) {
      reader.fail(fmt::format("{} orders, but {} in line 1", row.nr_free.size(),
                              rows.front().nr_free.size()));
    }
    for (const BuddyInfoRow& other : rows) {
      if (other.name == row.name) reader.fail(fmt::format("zone {} again", row.name));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace pageblock
