// SPDX-License-Identifier: MIT
/// Reads /proc/pagetypeinfo: how many free chunks and pageblocks of each type a zone has.
///
/// Layer:  io.
/// Kernel: pagetypeinfo_show() (mm/vmstat.c). Types are known by name, since their columns differ
///         between kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"

namespace pageblock {

/// The pageblocks of a zone: how many have which type. Which ones, the kernel does not print.
struct BlockTypeCounts {
  ZoneName name;  ///< Which zone of which node.
  /// Pageblocks of each type, in the kernel's order.
  std::vector<std::pair<std::string, std::uint64_t>> types;
  std::size_t line = 0;  ///< Where the row stands, from 1.
};

/// The free chunks of a zone that are on the lists of one type, by order.
struct FreeOfType {
  ZoneName name;                       ///< Which zone of which node.
  std::string type;                    ///< The migratetype, as the kernel names it.
  std::vector<std::uint64_t> nr_free;  ///< Free chunks of each order, from 0.
  /// Orders of which the kernel stopped counting: it shows ">100000", and there are more.
  std::vector<bool> is_least;
  std::size_t line = 0;  ///< Where the row stands, from 1.
};

/// What is read of /proc/pagetypeinfo.
struct PageTypeInfo {
  std::uint64_t page_block_order = 0;  ///< The order of a pageblock.
  std::size_t order_line = 0;          ///< Where that stands, from 1.
  std::vector<FreeOfType> free;        ///< The first table.
  std::vector<BlockTypeCounts> zones;  ///< The second table.
};

namespace detail {

// "Node    0, zone   Normal, type    Unmovable      1      2 ...", behind the zone.
[[nodiscard]] inline FreeOfType read_free_of_type(LineReader& reader) {
  constexpr std::size_t most_orders = 32;
  FreeOfType row{read_zone_name(reader), {}, {}, {}, reader.number()};
  if (!reader.take("type")) reader.fail("expected 'type <name>' behind the zone");
  row.type = reader.word();
  for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
    const bool is_least = word.starts_with('>');
    if (is_least) word.remove_prefix(1);
    row.nr_free.push_back(reader.to_number(word, "free chunks"));
    row.is_least.push_back(is_least);
  }
  if (row.nr_free.empty()) reader.fail("no counts of free chunks behind the type");
  if (row.nr_free.size() > most_orders) reader.fail("more orders than any kernel has");
  return row;
}

}  // namespace detail

/// Reads the head and the tables of free chunks and of pageblocks by type. Lines that are not of
/// this format, such as a prompt, are passed over and told to @p skipped. Throws ParseError.
[[nodiscard]] inline PageTypeInfo parse_pagetypeinfo(const InputFile& file,
                                                     SkippedLines* skipped = nullptr) {
  constexpr std::string_view order_key = "Page block order:";
  constexpr std::string_view pages_key = "Pages per block:";
  constexpr std::string_view free_key = "Free pages count per migrate type at order";
  constexpr std::string_view table_key = "Number of blocks type";
  constexpr std::string_view mixed_key = "Number of mixed blocks";
  enum class Table { none, free, blocks, mixed };
  PageTypeInfo info;
  SkippedLines others;
  std::vector<std::string> types;
  Table table = Table::none;
  LineReader reader{file};
  while (reader.next_line()) {
    if (reader.is_blank()) continue;
    if (reader.take(order_key)) {
      info.page_block_order = reader.number_of(order_key);
      info.order_line = reader.number();
    } else if (reader.take(pages_key)) {
      const std::uint64_t pages = reader.number_of(pages_key);
      if (info.page_block_order > 31 || pages != std::uint64_t{1} << info.page_block_order) {
        reader.fail(fmt::format("{} pages are no block of order {}", pages, info.page_block_order));
      }
    } else if (reader.take(free_key)) {
      table = Table::free;
    } else if (reader.take(table_key)) {
      types.clear();
      for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
        types.emplace_back(word);
      }
      if (types.empty()) reader.fail(fmt::format("no types behind '{}'", table_key));
      table = Table::blocks;
    } else if (reader.take(mixed_key)) {
      table = Table::mixed;  // its lines have the form of the table before
    } else if (table == Table::none || !begins_zone(reader)) {
      others.add(reader.number());
    } else if (table == Table::free) {
      info.free.push_back(detail::read_free_of_type(reader));
    } else if (table == Table::blocks) {
      BlockTypeCounts counts{read_zone_name(reader), {}, reader.number()};
      for (const std::string& type : types) {
        counts.types.emplace_back(type, reader.number_of(type));
      }
      info.zones.push_back(std::move(counts));
    }
  }
  if (info.order_line == 0) throw file.error(fmt::format("no line '{}'", order_key));
  if (types.empty()) throw file.error(fmt::format("no table '{}'", table_key));
  if (skipped != nullptr) *skipped = std::move(others);
  return info;
}

}  // namespace pageblock
