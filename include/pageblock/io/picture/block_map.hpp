// SPDX-License-Identifier: MIT
/// A picture of memory, before it has a form: rows of pageblocks. block_map_text.hpp and
/// block_map_svg.hpp draw it.
///
/// Layer:  io.
/// Kernel: none.
///
///     #include "pageblock/io/picture/block_map_text.hpp"
///     fmt::print("{}", block_map(zone));
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Rows of pageblocks with a label each.
class BlockMap {
 public:
  /// A row of the picture.
  struct Row {
    std::string label;
    std::vector<BlockLook> blocks;
  };

  /// Adds a row below the others.
  void add_row(std::string label, std::vector<BlockLook> blocks) {
    rows_.push_back({std::move(label), std::move(blocks)});
  }

  /// Returns all rows, from top to bottom.
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

  /// Returns the looks that occur, in the order of the legend.
  [[nodiscard]] std::vector<BlockLook> looks() const {
    std::array<bool, nr_block_looks> seen{};
    for (const Row& row : rows_) {
      for (const BlockLook look : row.blocks) seen[static_cast<std::size_t>(look)] = true;
    }
    std::vector<BlockLook> looks;
    for (std::size_t i = 0; i < nr_block_looks; ++i) {
      if (seen[i]) looks.push_back(static_cast<BlockLook>(i));
    }
    return looks;
  }

  /// Returns the same picture with one row, "first-last", for equal rows one behind the other.
  [[nodiscard]] BlockMap folded() const {
    BlockMap map;
    for (std::size_t i = 0; i < rows_.size();) {
      std::size_t last = i;
      while (last + 1 < rows_.size() && rows_[last + 1].blocks == rows_[i].blocks) ++last;
      map.add_row(
          last == i ? rows_[i].label : fmt::format("{}-{}", rows_[i].label, rows_[last].label),
          rows_[i].blocks);
      i = last + 1;
    }
    return map;
  }

 private:
  std::vector<Row> rows_;
};

namespace detail {

/// Counts the pages of a zone's blocks from the lowest up: what begins in one may reach into others.
template <ZoneConfig Config>
class BlockScan {
 public:
  explicit BlockScan(const Zone<Config>& zone) : zone_{zone}, pfn_{zone.start_pfn()} {}

  [[nodiscard]] BlockLook next(Pfn block) {
    const Pfn end = std::min(block + Zone<Config>::pageblock_nr_pages, zone_.end_pfn());
    const bool is_isolated = zone_.pageblock_flags().get(pfn_) == MigrateType::isolate;
    BlockPages pages;
    while (pfn_ < end) {
      if (left_ == 0) begin(zone_.memmap().bits(pfn_));
      const std::uint64_t here = std::min(left_, end - pfn_);
      if (is_present_) pages.present += here;
      if (is_movable_) pages.movable += here;
      if (is_unmovable_) pages.unmovable += here;
      left_ -= here;
      pfn_ = pfn_ + here;
    }
    return is_isolated && pages.present != 0 ? BlockLook::isolated : look_of(pages);
  }

 private:
  // What is on no list and has no count is on a per-CPU list, or behind a page that says how far it
  // reaches.
  void begin(PageBits bits) {
    const bool has_order = bits.has(PageBits::buddy) || bits.is_sized();
    left_ = has_order ? bits.order().nr_pages() : 1;
    is_present_ = bits.is_valid();
    const bool is_used = bits.has(PageBits::in_use) || bits.has(PageBits::reserved);
    const bool can_move = bits.has(PageBits::lru) ||
                          (zone_.type() == ZoneType::movable && !bits.has(PageBits::reserved));
    is_movable_ = is_present_ && is_used && can_move;
    is_unmovable_ = is_present_ && is_used && !can_move;
  }

  const Zone<Config>& zone_;
  Pfn pfn_;
  std::uint64_t left_ = 0;  // pages of what begin() has seen
  bool is_present_ = false;
  bool is_movable_ = false;
  bool is_unmovable_ = false;
};

}  // namespace detail

/// Returns a picture of @p zone: a row for every @p per_row pageblocks, labelled with its first pfn.
/// Pages in use that are on no LRU list count as unmovable, all others in use as movable.
/// Locking:  none; the zone must not change meanwhile.
template <ZoneConfig Config>
[[nodiscard]] BlockMap block_map(const Zone<Config>& zone, std::size_t per_row = 64) {
  BlockMap map;
  constexpr std::uint64_t block_size = Zone<Config>::pageblock_nr_pages;
  detail::BlockScan<Config> scan{zone};
  for (Pfn block = zone.start_pfn().align_down(Zone<Config>::pageblock_order);
       block < zone.end_pfn();) {
    const Pfn first = block;
    std::vector<BlockLook> row;
    for (; row.size() < per_row && block < zone.end_pfn(); block = block + block_size) {
      row.push_back(scan.next(block));
    }
    map.add_row(fmt::format("{:#x}", first), std::move(row));
  }
  return map;
}

}  // namespace pageblock
