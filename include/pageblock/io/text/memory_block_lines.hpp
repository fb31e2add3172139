// SPDX-License-Identifier: MIT
/// Reads the lines of a list of memory blocks.
///
/// Layer:  io.
/// Kernel: /sys/devices/system/memory (drivers/base/memory.c). Three forms, also mixed:
///
///     block_size_bytes 8000000
///     memory32 state=online removable=1 phys_index=00000020 valid_zones=Normal node=0
///
///     what lsmem prints: lsmem.hpp
///
///     grep . /sys/devices/system/memory/* /sys/devices/system/memory/*/*
///     /sys/devices/system/memory/block_size_bytes:8000000
///     /sys/devices/system/memory/memory32/state:online
///     grep: /sys/devices/system/memory/memory32/node0: Is a directory
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/lsmem.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"

namespace pageblock {

/// What a list says, before anybody knows how large a page is.
struct MemoryBlockList {
  /// One memory block of the list.
  struct Block {
    std::uint64_t id = 0;  ///< The block's number.
    std::string state;     ///< As the kernel names it: online, offline, ...
    /// The first of its valid zones, which is its own if it is online; "none" if it is in several;
    /// empty if the list has no zones.
    std::string zone;
    std::optional<unsigned> node;  ///< Its node, if listed.
    std::size_t line = 0;          ///< Where it stands, from 1.
  };
  /// A power of two, if the list says it.
  std::optional<std::uint64_t> block_bytes;
  std::size_t size_line = 0;  ///< Where the size of a block stands, from 1.
  std::vector<Block> blocks;  ///< lowest first
  SkippedLines skipped;       ///< Lines that say nothing about memory.
};

namespace detail {

/// Collects a MemoryBlockList line by line.
class MemoryBlockLines {
 public:
  explicit MemoryBlockLines(const InputFile& file) : file_{file}, reader_{file} {}

  [[nodiscard]] MemoryBlockList read() {
    while (reader_.next_line()) {
      if (!reader_.is_blank() && !read_line()) list_.skipped.add(reader_.number());
    }
    resolve_rows();
    for (auto& [id, block] : blocks_) {
      if (block.state.empty()) {
        throw file_.error_at_line(block.line, fmt::format("memory{} lacks state", id));
      }
      list_.blocks.push_back(std::move(block));
    }
    if (list_.blocks.empty()) throw file_.error("no memory block is listed");
    return std::move(list_);
  }

 private:
  using Block = MemoryBlockList::Block;
  static constexpr std::string_view name_prefix = "memory";

  bool read_line() {
    const std::string_view text = reader_.text();
    if (reader_.take("block_size_bytes"))
      return set_size(reader_.number_of("block_size_bytes", 16));
    if (reader_.take("Memory block size:") || reader_.take("Memory block size"))
      return set_size(lsmem_.read_size());
    if (lsmem_.read_line()) return true;
    if (text.starts_with(name_prefix) && id_length(text.substr(name_prefix.size())) != 0 &&
        text.find('/') == std::string_view::npos) {
      return read_own();
    }
    return read_path(text);
  }

  bool set_size(std::uint64_t size) {
    // No kernel has such large ones, and a picture of one would fill the disk.
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 36;
    constexpr std::uint64_t least_bytes = 4096;
    if (!std::has_single_bit(size) || size < least_bytes) {
      reader_.fail(fmt::format("{:#x} bytes are no power of two of pages", size));
    }
    if (size > most_bytes) reader_.fail(fmt::format("{:#x} bytes are too much for a block", size));
    if (list_.block_bytes && *list_.block_bytes != size) {
      reader_.fail(fmt::format("blocks have {:#x} bytes, but {:#x} in line {}", size,
                               *list_.block_bytes, list_.size_line));
    }
    list_.block_bytes = size;
    list_.size_line = reader_.number();
    return true;
  }

  // "memory32 state=online removable=1 phys_index=00000020 valid_zones=Normal Movable"
  bool read_own() {
    const std::string name{reader_.word()};
    Block block;
    block.id = reader_.to_number(std::string_view{name}.substr(name_prefix.size()), name_prefix);
    bool has_index = false;
    for (std::string_view word = reader_.word(); !word.empty(); word = reader_.word()) {
      const std::size_t equals = word.find('=');
      if (equals == std::string_view::npos) {
        if (!block.zone.empty()) continue;  // a further zone that it could be in
        reader_.fail(fmt::format("'{}' has no '='", word));
      }
      const std::string_view key = word.substr(0, equals);
      const std::string_view value = word.substr(equals + 1);
      if (key == "state") {
        block.state = value;
      } else if (key == "valid_zones") {
        block.zone = value;
      } else if (key == "node") {
        block.node = to_listed_node(reader_, value);
      } else if (key == "phys_index") {
        has_index = true;
        if (reader_.to_number(value, key, 16) != block.id) {
          reader_.fail(fmt::format("{} has phys_index {}", name, value));
        }
      }
    }
    if (block.state.empty() || !has_index) {
      reader_.fail(fmt::format("{} lacks state or phys_index", name));
    }
    add(std::move(block));
    return true;
  }

  // ".../memory32/state:online", ".../memory/block_size_bytes:8000000", ".../memory32/node0: Is a
  // directory"
  bool read_path(std::string_view text) {
    constexpr std::string_view size_key = "block_size_bytes:";
    if (const std::size_t at = text.find(size_key); at != std::string_view::npos) {
      return set_size(reader_.to_number(text.substr(at + size_key.size()), "block_size_bytes", 16));
    }
    std::size_t at = text.find(name_prefix);
    for (; at != std::string_view::npos; at = text.find(name_prefix, at + 1)) {
      const std::string_view behind = text.substr(at + name_prefix.size());
      const std::size_t length = id_length(behind);
      if (length == 0 || length >= behind.size() || behind[length] != '/') continue;
      read_attribute(reader_.to_number(behind.substr(0, length), name_prefix),
                     behind.substr(length + 1));
      return true;
    }
    return text.find("/memory/") != std::string_view::npos;  // another file of that folder
  }

  void read_attribute(std::uint64_t id, std::string_view text) {
    constexpr std::string_view node_prefix = "node";
    const std::string_view key = text.substr(0, text.find(':'));
    const std::string_view value = text.substr(std::min(key.size() + 1, text.size()));
    const auto found = blocks_.find(id);
    Block& block = found != blocks_.end() ? found->second : blocks_[id];
    if (found == blocks_.end()) {
      block.id = id;
      block.line = reader_.number();
    }
    if (key == "state") {
      if (!block.state.empty()) reader_.fail(fmt::format("memory{} is listed twice", id));
      block.state = value;
    } else if (key == "valid_zones") {
      block.zone = value.substr(0, value.find(' '));
    } else if (key == "phys_index") {
      if (reader_.to_number(value, key, 16) != id) {
        reader_.fail(fmt::format("memory{} has phys_index {}", id, value));
      }
    } else if (key.starts_with(node_prefix) && id_length(key.substr(node_prefix.size())) != 0) {
      block.node = to_listed_node(reader_, key.substr(node_prefix.size()));
    }
  }

  // Makes blocks of the rows of lsmem, once it is known how large a block is.
  void resolve_rows() {
    for (const LsmemRow& row : lsmem_.rows()) {
      const auto fail = [&](std::string_view fault) { throw file_.error_at_line(row.line, fault); };
      const std::uint64_t bytes = row.last - row.first + 1;
      if (!list_.block_bytes) {
        if (row.nr_blocks == 0 || bytes % row.nr_blocks != 0 ||
            !std::has_single_bit(bytes / row.nr_blocks)) {
          fail("neither 'Memory block size' nor a column BLOCK says how large a block is");
        }
        list_.block_bytes = bytes / row.nr_blocks;
        list_.size_line = row.line;
      }
      const std::uint64_t size = *list_.block_bytes;
      constexpr std::uint64_t most_blocks = std::uint64_t{1} << 22;
      if (row.first % size != 0 || bytes % size != 0) fail("the range is not one of whole blocks");
      if (bytes / size > most_blocks) fail("more blocks than any machine has");
      for (std::uint64_t id = row.first / size; id <= row.last / size; ++id) {
        add({.id = id, .state = row.state, .zone = row.zone, .node = row.node, .line = row.line});
      }
    }
  }

  void add(Block block) {
    if (block.line == 0) block.line = reader_.number();
    const auto [place, is_new] = blocks_.try_emplace(block.id, block);
    if (is_new) return;
    throw file_.error_at_line(block.line, fmt::format("memory{} is listed twice", block.id));
  }

  [[nodiscard]] static std::size_t id_length(std::string_view text) {
    return std::min(text.find_first_not_of("0123456789"), text.size());
  }

  const InputFile& file_;
  LineReader reader_;
  MemoryBlockList list_;
  std::map<std::uint64_t, Block> blocks_;
  LsmemReader lsmem_{reader_};
};

}  // namespace detail

/// Reads a list in any of its forms. Lines that are of none are passed over and counted. Throws
/// ParseError, also if a block is listed twice or none is.
[[nodiscard]] inline MemoryBlockList parse_memory_block_list(const InputFile& file) {
  return detail::MemoryBlockLines{file}.read();
}

}  // namespace pageblock
