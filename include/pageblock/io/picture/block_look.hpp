// SPDX-License-Identifier: MIT
/// How a pageblock is drawn: one legend for all pictures.
///
/// Layer:  io.
/// Kernel: none.
///
/// The colours are those of Okabe and Ito, which colour-blind readers tell apart; every look has a
/// character of its own as well.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"

namespace pageblock {

/// What a pageblock looks like: decided by the page in it that is hardest to get rid of.
enum class BlockLook : std::uint8_t {
  free,
  some_movable,
  mostly_movable,
  unknown,
  some_unmovable,
  mostly_unmovable,
  isolated,
  hole,
};
/// How many looks there are.
inline constexpr std::size_t nr_block_looks = 8;

/// How a look is drawn: its character, its words in the legend, and its colour on a terminal and as
/// a red, green and blue number.
struct BlockStyle {
  char symbol;
  std::string_view meaning;
  std::string_view color;
  std::string_view rgb;
};

/// Returns how a pageblock of this look is drawn.
[[nodiscard]] constexpr BlockStyle style_of(BlockLook look) {
  constexpr std::array<BlockStyle, nr_block_looks> styles{{
      {'.', "free", "\x1b[32m", "#d9f0e6"},
      {'o', "movable pages, less than half", "\x1b[36m", "#56b4e9"},
      {'O', "movable pages, half or more", "\x1b[1;36m", "#0072b2"},
      {'?', "a page of unknown kind in the way", "\x1b[33m", "#f0e442"},
      {'x', "unmovable pages, less than half", "\x1b[31m", "#e69f00"},
      {'X', "unmovable pages, half or more", "\x1b[1;31m", "#d55e00"},
      {'I', "isolated", "\x1b[35m", "#cc79a7"},
      {'-', "no memory", "\x1b[2m", "#bbbbbb"},
  }};
  return styles[static_cast<std::size_t>(look)];
}

/// The pages of a pageblock.
struct BlockPages {
  std::uint64_t present = 0;
  std::uint64_t movable = 0;
  std::uint64_t unmovable = 0;
  std::uint64_t unknown = 0;
};

/// Returns the look of a pageblock with these pages. Half means half of the pages that are there.
[[nodiscard]] constexpr BlockLook look_of(const BlockPages& pages) {
  if (pages.present == 0) return BlockLook::hole;
  if (pages.unmovable != 0) {
    return pages.unmovable * 2 < pages.present ? BlockLook::some_unmovable
                                               : BlockLook::mostly_unmovable;
  }
  if (pages.unknown != 0) return BlockLook::unknown;
  if (pages.movable != 0) {
    return pages.movable * 2 < pages.present ? BlockLook::some_movable : BlockLook::mostly_movable;
  }
  return BlockLook::free;
}
/// Returns how a pageblock with these pages looks.
[[nodiscard]] inline BlockLook look_of(const PageCounts& counts) {
  return look_of({.present = counts.nr_present(),
                  .movable = counts[Movability::movable],
                  .unmovable = counts[Movability::unmovable],
                  .unknown = counts[Movability::unknown]});
}

}  // namespace pageblock
