// SPDX-License-Identifier: MIT
/// Reads a list of memory blocks, the units in which memory goes online and offline.
///
/// Layer:  io.
/// Kernel: /sys/devices/system/memory (drivers/base/memory.c), written down as one text:
///         "block_size_bytes <hex>", then for each block a line
///         "memory32 state=online removable=1 phys_index=00000020 valid_zones=Normal".
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// One memory block.
struct MemoryBlock {
  std::string name;
  PfnRange range;
  std::string state;
  /// The line that says so, 0 if the block is assumed.
  std::size_t line = 0;

  [[nodiscard]] bool is_online() const { return state == "online"; }
};

/// All memory blocks, lowest first.
struct MemoryBlocks {
  std::uint64_t nr_pages = 0;
  std::vector<MemoryBlock> blocks;
};

/// Reads the list. Pages have 4096 bytes. Throws ParseError, also if a block is listed twice.
[[nodiscard]] inline MemoryBlocks parse_memory_blocks(const InputFile& file) {
  constexpr std::string_view size_key = "block_size_bytes";
  constexpr std::string_view name_prefix = "memory";
  constexpr std::uint64_t page_size = 4096;
  MemoryBlocks result;
  LineReader reader{file};
  reader.next_line();
  if (reader.word() != size_key) reader.fail("expected 'block_size_bytes <hex number>'");
  const std::uint64_t size = reader.number_of(size_key, 16);
  if (!std::has_single_bit(size) || size < page_size) {
    reader.fail(fmt::format("{:#x} bytes are no power of two of pages", size));
  }
  // No kernel has such large ones, and a picture of one would fill the disk.
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 36;
  if (size > most_bytes) reader.fail(fmt::format("{:#x} bytes are too much for a block", size));
  result.nr_pages = size / page_size;

  while (reader.next_line()) {
    MemoryBlock block;
    const std::string_view name = reader.word();
    if (name.empty()) continue;
    if (!name.starts_with(name_prefix)) reader.fail("expected 'memory<number> state=...'");
    block.name = name;
    const std::uint64_t id = reader.to_number(name.substr(name_prefix.size()), name_prefix);
    block.line = reader.number();
    bool has_index = false;
    for (std::string_view word = reader.word(); !word.empty(); word = reader.word()) {
      if (word.starts_with("valid_zones=")) break;  // the last item; it may hold blanks
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) reader.fail(fmt::format("'{}' has no '='", word));
      const std::string_view key = word.substr(0, equals);
      const std::string_view value = word.substr(equals + 1);
      if (key == "state") {
        block.state = value;
      } else if (key == "phys_index") {
        has_index = true;
        if (reader.to_number(value, key, 16) != id) {
          reader.fail(fmt::format("{} has phys_index {}", block.name, value));
        }
      }
    }
    if (block.state.empty() || !has_index) {
      reader.fail(fmt::format("{} lacks state or phys_index", block.name));
    }
    if (id >= (std::uint64_t{1} << 52) / result.nr_pages) {
      reader.fail(fmt::format("{} lies beyond any address", block.name));
    }
    block.range = {Pfn{id * result.nr_pages}, Pfn{(id + 1) * result.nr_pages}};
    result.blocks.push_back(std::move(block));
  }
  if (result.blocks.empty()) throw file.error("no memory block is listed");

  std::ranges::sort(result.blocks, {}, [](const MemoryBlock& block) { return block.range.start; });
  for (std::size_t i = 1; i < result.blocks.size(); ++i) {
    const MemoryBlock& block = result.blocks[i];
    if (block.range == result.blocks[i - 1].range) {
      throw file.error_at_line(std::max(block.line, result.blocks[i - 1].line),
                               fmt::format("{} is listed twice", block.name));
    }
  }
  return result;
}

}  // namespace pageblock
