// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/block_map.hpp"

#include <string>

#include "pageblock/io/picture/block_map_svg.hpp"
#include "pageblock/io/picture/block_map_text.hpp"
#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"

namespace pageblock::test::block_map_cases {

namespace {

PageCounts counts(int nr, PageKind kind, int more = 0, PageKind other = PageKind::free) {
  PageCounts result;
  for (int i = 0; i < nr; ++i) result.add(kind);
  for (int i = 0; i < more; ++i) result.add(other);
  return result;
}

struct SmallConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  using Lock = NullLock;
};
/// Pageblocks of eight pages, and chunks of two of them.
struct EightPages : SmallConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 3;
};
struct FourPages : SmallConfig {
  static constexpr unsigned max_order = 3;
  static constexpr unsigned pageblock_order = 2;
};

}  // namespace

TEST_CASE("look_of shows the pages that are hardest to get rid of", "[block_map]") {
  CHECK(look_of(counts(4, PageKind::hole)) == BlockLook::hole);
  CHECK(look_of(counts(4, PageKind::free, 4, PageKind::hole)) == BlockLook::free);
  CHECK(look_of(counts(4, PageKind::per_cpu)) == BlockLook::free);
  CHECK(look_of(counts(1, PageKind::anonymous, 2)) == BlockLook::some_movable);
  CHECK(look_of(counts(2, PageKind::anonymous, 2)) == BlockLook::mostly_movable);
  CHECK(look_of(counts(1, PageKind::unknown, 9, PageKind::anonymous)) == BlockLook::unknown);
  CHECK(look_of(counts(1, PageKind::slab, 9, PageKind::unknown)) == BlockLook::some_unmovable);
  CHECK(look_of(counts(2, PageKind::slab, 2)) == BlockLook::mostly_unmovable);
}

TEST_CASE("to_text draws rows and a legend of what occurs", "[block_map]") {
  BlockMap map;
  map.add_row("a", {BlockLook::free, BlockLook::free, BlockLook::unknown, BlockLook::free});
  map.add_row("long", {BlockLook::hole});
  CHECK(to_text(map) ==
        "a     ..?.\n"
        "long  -\n"
        "  . free\n"
        "  ? a page of unknown kind in the way\n"
        "  - no memory\n");
  CHECK(to_text(map, {.per_line = 3}).starts_with("a     ..?\n      .\nlong  -\n"));
  CHECK(fmt::format("{}", map) == to_text(map));
}

TEST_CASE("to_text colours runs of equal blocks", "[block_map]") {
  BlockMap map;
  map.add_row("a", {BlockLook::free, BlockLook::free, BlockLook::unknown});
  CHECK(to_text(map, {.color = true}).starts_with("a  \x1b[32m..\x1b[0m\x1b[33m?\x1b[0m\n"));
}

TEST_CASE("BlockMap folds equal rows that follow each other", "[block_map]") {
  BlockMap map;
  for (const char* label : {"a", "b", "c"}) map.add_row(label, {BlockLook::free, BlockLook::hole});
  map.add_row("d", {BlockLook::free});
  map.add_row("e", {BlockLook::free, BlockLook::hole});
  CHECK(to_text(map.folded()).starts_with("a-c  .-\nd    .\ne    .-\n  . free\n"));
}

TEST_CASE("block_map draws a zone", "[block_map]") {
  // block    0       1     2        3           4     5      6 and 7         8
  // pages  | hole |  free | movable | unmovable | few | iso | free, order 4 | a page, to the end
  Zone<EightPages> zone{ZoneLayout{.spanned_pages = 65,
                                   .holes = {{Pfn{0}, Pfn{8}}},
                                   .in_use = {{{Pfn{16}, Pfn{24}}, 1, true},
                                              {{Pfn{24}, Pfn{32}}, 1, false},
                                              {{Pfn{33}, Pfn{34}}, 1, true},
                                              {{Pfn{36}, Pfn{37}}, 2, true}}}};
  REQUIRE(start_isolate_page_range(zone, Pfn{40}, Pfn{48}, MigrateType::movable) == ok);
  CHECK(to_text(block_map(zone, 5)).starts_with("0x0   -.OXo\n0x28  I...\n  . free\n"));

  // What is allocated reaches into the next block, and so does what it is.
  const auto page = alloc_pages(zone, Cpu{0}, Order{4}, MigrateType::movable);
  REQUIRE(page);
  REQUIRE(page->pfn() == Pfn{48});
  CHECK(to_text(block_map(zone)).starts_with("0x0  -.OXoIXX.\n"));
}

TEST_CASE("block_map begins in the block that a zone's start cuts", "[block_map]") {
  const Zone<FourPages> zone{ZoneLayout{.start_pfn = Pfn{6}, .spanned_pages = 7}};
  CHECK(to_text(block_map(zone)).starts_with("0x4  ...\n"));
}

TEST_CASE("to_svg draws the same rows and legend", "[block_map]") {
  BlockMap map;
  map.add_row("<a>", {BlockLook::free, BlockLook::free, BlockLook::unknown});
  const std::string svg = to_svg(map);
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width="));
  CHECK(svg.find(">&lt;a&gt;</text>") != std::string::npos);
  CHECK(svg.find("width=\"20\" height=\"10\" fill=\"#d9f0e6\"><title>free: 2 blocks") !=
        std::string::npos);
  CHECK(svg.find("width=\"10\" height=\"10\" fill=\"#f0e442\"><title>a page of unknown kind in "
                 "the way: 1 block<") != std::string::npos);
  CHECK(svg.find(">a page of unknown kind in the way</text>") != std::string::npos);
  CHECK(svg.find(">isolated<") == std::string::npos);
  CHECK(svg.ends_with("</svg>\n"));
}

}  // namespace pageblock::test::block_map_cases
