// SPDX-License-Identifier: MIT
/// The migratetype of each pageblock.
///
/// Layer:  mm.
/// Kernel: zone->pageblock_flags, include/linux/pageblock-flags.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// Whether a pageblock has a type of its own while it is isolated.
template <ZoneConfig Config>
inline constexpr bool has_isolate_bit = Config::semantics.isolate_mark == IsolateMark::bit;

/// One type for each pageblock of a zone. v3.6 counts them from the zone's start: where that is not a
/// multiple of the block size, block n here is not the aligned block that ranges and moves work on
/// (a defect). Reads and writes are relaxed atomics, since the kernel reads a block's
/// type without zone->lock.
///
/// A block that is isolated has type isolate; in later kernels (IsolateMark::bit) it has its own type besides,
/// which it shows again once it is isolated no more.
template <ZoneConfig Config>
class PageblockFlags {
 public:
  using Blocks = Geometry<Config>;

  PageblockFlags() = default;

  /// Makes the blocks of [start_pfn, start_pfn + spanned_pages), all movable.
  PageblockFlags(Pfn start_pfn, std::uint64_t spanned_pages, bool mobility_grouping = true)
      : mobility_grouping_{mobility_grouping},
        start_pfn_{Config::semantics.zone_relative_blocks
                       ? start_pfn
                       : start_pfn.align_down(Blocks::pageblock_order)},
        types_((start_pfn - start_pfn_ + spanned_pages + Blocks::pageblock_nr_pages - 1) >>
               Config::pageblock_order) {}

  /// Returns the type that a block gets where @p type is written.
  [[nodiscard]] static constexpr MigrateType written(MigrateType type, bool mobility_grouping) {
    const bool is_special = Config::semantics.special_types_ungrouped && !is_pcp_type(type);
    return mobility_grouping || is_special ? type : MigrateType::unmovable;
  }

  /// Returns the number of pageblocks, the last of which may be cut by the zone's end.
  [[nodiscard]] std::size_t size() const { return types_.size(); }

  /// Returns the index of the block that holds @p pfn, which lies in the zone.
  [[nodiscard]] std::size_t index(Pfn pfn) const {
    return static_cast<std::size_t>((pfn - start_pfn_) >> Config::pageblock_order);
  }

  /// Returns the first pfn of a block, which may lie before the zone.
  [[nodiscard]] Pfn start_of(std::size_t block) const {
    return start_pfn_ + (std::uint64_t{block} << Config::pageblock_order);
  }

  /// Returns the pfn behind the last of the block that holds @p pfn; it may lie behind the zone.
  [[nodiscard]] Pfn end_of_block(Pfn pfn) const { return start_of(index(pfn) + 1); }

  [[nodiscard]] MigrateType operator[](std::size_t block) const {
    const std::uint8_t byte = detail::read_once<is_shared<Config>>(types_[block]);
    if (has_bit && (byte & isolate_bit) != 0) return MigrateType::isolate;
    return static_cast<MigrateType>(byte ^ untouched);
  }
  [[nodiscard]] MigrateType get(Pfn pfn) const { return (*this)[index(pfn)]; }

  /// Returns the type that a block has besides being isolated.
  [[nodiscard]] MigrateType own_type(std::size_t block) const requires(has_isolate_bit<Config>) {
    const std::uint8_t byte = detail::read_once<is_shared<Config>>(types_[block]);
    return static_cast<MigrateType>((byte & ~isolate_bit) ^ untouched);
  }

  /// Returns whether a free chunk at @p pfn, of a block or more, may merge with one of @p type.
  [[nodiscard]] bool may_merge(Pfn pfn, MigrateType type) const {
    if (Config::semantics.merge_rule == MergeRule::any) return true;
    const MigrateType other = get(pfn);
    return other == type || (is_pcp_type(other) && is_pcp_type(type));
  }

  /// Returns the first page of the first block from @p pfn upward whose type is not @p type, or the
  /// end of the last block. @p pfn itself if it is in that block.
  [[nodiscard]] Pfn find_other(Pfn pfn, MigrateType type) const {
    std::size_t block = index(pfn);
    if ((*this)[block] != type) return pfn;
    // Of isolated blocks that keep their own type, those that are movable besides are passed at once.
    const bool is_marked = has_bit && type == MigrateType::isolate;
    const auto stored = static_cast<std::uint8_t>(
        is_marked ? isolate_bit : static_cast<std::uint8_t>(type) ^ untouched);
    if constexpr (!is_shared<Config>) {  // many blocks in one instruction
      constexpr std::size_t step = 64;
      const auto all_equal = [&] {
        std::uint8_t difference = 0;
        for (std::size_t i = 0; i < step; ++i) {
          difference |= static_cast<std::uint8_t>(types_[block + i] ^ stored);
        }
        return difference == 0;
      };
      while (block + step <= size() && all_equal()) block += step;
    }
    while (block < size() && (*this)[block] == type) ++block;
    return start_of(block);
  }

  /// Writes a block's type. Type isolate leaves the block's own beside it, if the kernel keeps that; any
  /// other ends the isolation.
  void set(Pfn pfn, MigrateType type) {
    std::uint8_t& byte = types_[index(pfn)];
    auto to = static_cast<std::uint8_t>(static_cast<std::uint8_t>(type) ^ untouched);
    if constexpr (has_bit) {
      if (type == MigrateType::isolate) to = static_cast<std::uint8_t>(byte | isolate_bit);
    }
    detail::write_once<is_shared<Config>>(byte, to);
  }

  /// Gives the blocks of a chunk the type, as it is written for them.
  void relabel(Pfn pfn, Order order, MigrateType type) {
    for (Pfn block = pfn; block < pfn + order.nr_pages(); block += Blocks::pageblock_nr_pages) {
      set(block, written(type, mobility_grouping_));
    }
  }

  friend bool operator==(const PageblockFlags& a, const PageblockFlags& b) {
    return a.start_pfn_ == b.start_pfn_ && std::ranges::equal(a.types_.span(), b.types_.span());
  }

 private:
  // A zero byte means movable, so that a new zone writes nothing here.
  static constexpr auto untouched = static_cast<std::uint8_t>(MigrateType::movable);
  static constexpr bool has_bit = has_isolate_bit<Config>;
  static constexpr std::uint8_t isolate_bit = 0x80;

  bool mobility_grouping_ = true;
  Pfn start_pfn_{};
  detail::ZeroedArray<std::uint8_t> types_;
};

}  // namespace pageblock
