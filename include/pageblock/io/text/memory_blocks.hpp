// SPDX-License-Identifier: MIT
/// A machine's memory blocks, the units in which memory goes online and offline, and their list.
///
/// Layer:  io.
/// Kernel: /sys/devices/system/memory (drivers/base/memory.c). memory_block_lines.hpp says in which
///         forms people have it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/memory_block_lines.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"

namespace pageblock {

/// One memory block.
struct MemoryBlock {
  std::string name;   ///< As in sysfs: memory32.
  PfnRange range;     ///< Its pages.
  std::string state;  ///< As the kernel names it: online, offline, ...
  /// The line that says so, 0 if the block is assumed.
  std::size_t line = 0;
  /// Of an online block, the zone that it is in; empty if that is not said, or if it is in several.
  std::string zone{};
  std::optional<unsigned> node{};  ///< Its node, if listed.

  /// Returns whether its memory is in use.
  [[nodiscard]] bool is_online() const { return state == "online"; }
};

/// All memory blocks, lowest first.
struct MemoryBlocks {
  std::uint64_t nr_pages = 0;       ///< Pages of a block.
  std::vector<MemoryBlock> blocks;  ///< In order.
  /// The line that says how large a block is, 0 if none does.
  std::size_t size_line = 0;
};

/// Returns the list as blocks of @p block_bytes in pages of @p page_size bytes, both powers of two.
/// Throws ParseError if a block lies beyond any address.
[[nodiscard]] inline MemoryBlocks memory_blocks_of(const MemoryBlockList& list,
                                                   const InputFile& file, std::uint64_t block_bytes,
                                                   std::uint64_t page_size) {
  MemoryBlocks result{block_bytes / page_size, {}, list.size_line};
  for (const MemoryBlockList::Block& from : list.blocks) {
    MemoryBlock block{fmt::format("memory{}", from.id), {}, from.state, from.line, {}, from.node};
    if (from.id >= (std::uint64_t{1} << 52) / result.nr_pages) {
      throw file.error_at_line(from.line, fmt::format("{} lies beyond any address", block.name));
    }
    block.range = {Pfn{from.id * result.nr_pages}, Pfn{(from.id + 1) * result.nr_pages}};
    if (from.zone != "none" && from.zone != "None") block.zone = from.zone;
    result.blocks.push_back(std::move(block));
  }
  return result;
}

/// Reads the list, for pages of @p page_size bytes. Lines that are not of this format, such as a
/// prompt, are passed over and told to @p skipped. Throws ParseError, also if a block is listed
/// twice, or if nothing says how large a block is.
[[nodiscard]] inline MemoryBlocks parse_memory_blocks(const InputFile& file,
                                                      std::uint64_t page_size = 4096,
                                                      SkippedLines* skipped = nullptr) {
  MemoryBlockList list = parse_memory_block_list(file);
  if (!list.block_bytes) throw file.error("no line says how large a block is (block_size_bytes)");
  if (*list.block_bytes < page_size) {
    throw file.error_at_line(
        list.size_line, fmt::format("{:#x} bytes are no power of two of pages", *list.block_bytes));
  }
  if (skipped != nullptr) *skipped = std::move(list.skipped);
  return memory_blocks_of(list, file, *list.block_bytes, page_size);
}

}  // namespace pageblock
