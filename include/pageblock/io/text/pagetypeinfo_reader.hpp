// SPDX-License-Identifier: MIT
/// Reads from /proc/pagetypeinfo how many pageblocks of each type a zone has.
///
/// Layer:  io.
/// Kernel: pagetypeinfo_show() (mm/vmstat.c). Types are known by name, since their columns differ
///         between kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// The pageblocks of a zone: how many have which type. Which ones, the kernel does not print.
struct BlockTypeCounts {
  ZoneName name;
  std::vector<std::pair<std::string, std::uint64_t>> types;
  std::size_t line = 0;
};

/// What this program reads of /proc/pagetypeinfo.
struct PageTypeInfo {
  std::uint64_t page_block_order = 0;
  std::size_t order_line = 0;
  std::vector<BlockTypeCounts> zones;
};

/// Reads the head and the table of pageblocks by type. Throws ParseError.
[[nodiscard]] inline PageTypeInfo parse_pagetypeinfo(const InputFile& file) {
  constexpr std::string_view order_key = "Page block order:";
  constexpr std::string_view pages_key = "Pages per block:";
  constexpr std::string_view table_key = "Number of blocks type";
  PageTypeInfo info;
  std::vector<std::string> types;
  bool in_table = false;
  LineReader reader{file};
  const auto skip = [&reader](std::string_view words) {
    for (std::size_t blank = 0; blank != std::string_view::npos;) {
      static_cast<void>(reader.word());
      blank = words.find(' ', blank + 1);
    }
  };
  while (reader.next_line()) {
    if (reader.line().starts_with(order_key)) {
      skip(order_key);
      info.page_block_order = reader.number_of(order_key);
      info.order_line = reader.number();
    } else if (reader.line().starts_with(pages_key)) {
      skip(pages_key);
      const std::uint64_t pages = reader.number_of(pages_key);
      if (info.page_block_order > 31 || pages != std::uint64_t{1} << info.page_block_order) {
        reader.fail(fmt::format("{} pages are no block of order {}", pages, info.page_block_order));
      }
    } else if (reader.line().starts_with(table_key)) {
      skip(table_key);
      types.clear();
      for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
        types.emplace_back(word);
      }
      if (types.empty()) reader.fail(fmt::format("no types behind '{}'", table_key));
      in_table = true;
    } else if (in_table && reader.line().starts_with("Node ")) {
      BlockTypeCounts counts{read_zone_name(reader), {}, reader.number()};
      for (const std::string& type : types) {
        counts.types.emplace_back(type, reader.number_of(type));
      }
      info.zones.push_back(std::move(counts));
    } else {
      in_table = false;  // the table of mixed blocks has lines of the same form
    }
  }
  if (info.order_line == 0) throw file.error(fmt::format("no line '{}'", order_key));
  if (types.empty()) throw file.error(fmt::format("no table '{}'", table_key));
  return info;
}

}  // namespace pageblock
