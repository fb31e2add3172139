// SPDX-License-Identifier: MIT
/// How a pageblock is drawn: one legend for all pictures.
///
/// Layer:  io.
/// Kernel: none.
///
/// No two colours look alike to colour-blind readers, on light or on dark: a test simulates the three
/// kinds. Every look has a character of its own as well, and those that stop an isolation a pattern,
/// so that a picture can be printed in black and white.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/lab/page_scan.hpp"

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

/// What is drawn over a colour.
enum class Pattern : std::uint8_t { none, dot, slash, cross };

/// How a look is drawn: its character, its words in the legend, its colour on a terminal and as
/// 0xrrggbb, and what is drawn over that.
struct BlockStyle {
  char symbol;
  std::string_view meaning;
  std::string_view color;
  std::uint32_t rgb;
  Pattern pattern = Pattern::none;
  std::uint32_t ink = 0;  ///< of the pattern
};

/// Returns how a pageblock of this look is drawn.
[[nodiscard]] constexpr BlockStyle style_of(BlockLook look) {
  constexpr std::uint32_t black = 0x222222;
  constexpr std::uint32_t white = 0xffffff;
  constexpr std::array<BlockStyle, nr_block_looks> styles{{
      {'.', "free", "\x1b[32m", 0xc9f0d2},
      {'o', "movable pages, less than half", "\x1b[36m", 0x60d4ec},
      {'O', "movable pages, half or more", "\x1b[1;36m", 0x0848cc},
      {'?', "a page of unknown kind in the way", "\x1b[33m", 0xfff038, Pattern::dot, black},
      {'x', "unmovable pages, less than half", "\x1b[31m", 0xd0980f, Pattern::slash, black},
      {'X', "unmovable pages, half or more", "\x1b[1;31m", 0xa5201f, Pattern::slash, white},
      {'I', "isolated", "\x1b[35m", 0xb848ae, Pattern::cross, white},
      {'-', "no memory", "\x1b[2m", 0x808080},
  }};
  return styles[static_cast<std::size_t>(look)];
}

/// How many looks a page can have.
inline constexpr std::size_t nr_page_looks = 6;

/// How a page is drawn: the letter that stands for it in files, its words in the legend, and the look
/// of a block that is full of such pages.
struct PageStyle {
  char letter;
  std::string_view meaning;
  BlockLook block;
};

/// Returns how a page of this look is drawn.
[[nodiscard]] constexpr PageStyle style_of(PageLook look) {
  constexpr std::array<PageStyle, nr_page_looks> styles{{
      {'F', "free", BlockLook::free},
      {'L', "on a per-CPU list", BlockLook::some_movable},
      {'M', "in use, movable", BlockLook::mostly_movable},
      {'U', "in use, unmovable", BlockLook::mostly_unmovable},
      {'K', "of unknown kind", BlockLook::unknown},
      {'H', "no memory", BlockLook::hole},
  }};
  return styles[static_cast<std::size_t>(look)];
}

/// The pages of a pageblock.
struct BlockPages {
  std::uint64_t present = 0;
  std::uint64_t movable = 0;
  std::uint64_t unmovable = 0;
  std::uint64_t unknown = 0;

  void add(PageLook look, std::uint64_t nr_pages) {
    if (look != PageLook::hole) present += nr_pages;
    if (look == PageLook::movable) movable += nr_pages;
    if (look == PageLook::unmovable) unmovable += nr_pages;
    if (look == PageLook::unknown) unknown += nr_pages;
  }
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
