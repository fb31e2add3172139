// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/block_map.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include "pageblock/io/picture/block_fold.hpp"
#include "pageblock/io/picture/block_map_ppm.hpp"
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

TEST_CASE("folded joins equal rows that follow each other", "[block_map]") {
  BlockMap map;
  for (const char* label : {"a", "b", "c"}) map.add_row(label, {BlockLook::free, BlockLook::hole});
  map.add_row("d", {BlockLook::free});
  map.add_row("e", {BlockLook::free, BlockLook::hole});
  CHECK(to_text(folded(map)).starts_with("a-c  .-\nd    .\ne    .-\n  . free\n"));
}

TEST_CASE("fitted leaves a small picture as it is", "[block_map]") {
  BlockMap map;
  for (int i = 0; i < 64; ++i) map.add_row(fmt::format("{}", i), {BlockLook::free});
  CHECK(fitted(map) == map);
}

TEST_CASE("fitted joins similar rows and loses no look", "[block_map]") {
  // 1000 rows of 64 blocks: 400 in which some movable pages come and go, one with a single unmovable
  // block among 599 free ones.
  BlockMap map;
  for (std::size_t i = 0; i < 1000; ++i) {
    BlockMap::Blocks blocks(64, BlockLook::free);
    if (i < 400) std::fill_n(blocks.begin(), 30 + i % 3, BlockLook::some_movable);
    if (i == 700) blocks[5] = BlockLook::mostly_unmovable;
    map.add_row(fmt::format("{}", i), blocks);
  }
  const BlockMap small = fitted(map);
  REQUIRE(small.rows().size() == 2);
  CHECK(small.rows()[0].label == "0-399, 25600 blocks");
  CHECK(std::ranges::count(small.rows()[0].blocks(), BlockLook::some_movable) == 31);
  CHECK(small.rows()[1].label == "400-999, 38400 blocks");
  CHECK(std::ranges::count(small.rows()[1].blocks(), BlockLook::free) == 63);
  CHECK(std::ranges::count(small.rows()[1].blocks(), BlockLook::mostly_unmovable) == 1);
  CHECK(to_text(small).find("shows how many look so") != std::string::npos);
}

TEST_CASE("fitted keeps to its limit however different the rows are", "[block_map]") {
  BlockMap map;
  for (std::size_t i = 0; i < 3000; ++i) {
    map.add_row(fmt::format("{}", i), BlockMap::Blocks(7, static_cast<BlockLook>(i % 8)));
  }
  const BlockMap small = fitted(map, {.lines = 10, .per_line = 16});
  CHECK(small.rows().size() <= 10);
  CHECK(small.looks() == map.looks());
}

TEST_CASE("share_out gives each look its part, and one block at least", "[block_map]") {
  const auto shares = [](const detail::LookCounts& counts, std::size_t size) {
    std::string text;
    for (const BlockLook look : detail::share_out(counts, size)) text += style_of(look).symbol;
    return text;
  };
  CHECK(shares({6, 0, 2}, 4) == "...O");
  CHECK(shares({5, 5}, 4) == "..oo");
  CHECK(shares({1000000, 1, 0, 0, 0, 1}, 6) == "....oX");
  CHECK(shares({1, 1, 1, 1, 1, 1, 1, 1}, 8) == ".oO?xXI-");
  CHECK(shares({0, 1, 2}, 3) == "oOO");
}

TEST_CASE("Two panels stand side by side, and what differs is marked", "[block_map]") {
  BlockMap map{{"before", "after"}};
  map.add_row({"0x0",
               {{BlockLook::free, BlockLook::free}, {BlockLook::free, BlockLook::isolated}},
               {false, true}});
  CHECK(to_text(map) ==
        "     before  after\n"
        "0x0  ..      .I\n"
        "      ^       ^\n"
        "  . free\n"
        "  I isolated\n"
        "  ^ here the two differ\n");
  const std::string svg = to_svg(map);
  CHECK(svg.find(">after</text>") != std::string::npos);
  CHECK(svg.find("<rect class=\"mark\" x=\"47\" y=\"21\" width=\"10\"") != std::string::npos);
}

TEST_CASE("to_svg draws the same rows and legend", "[block_map]") {
  BlockMap map;
  map.add_row("<a>", {BlockLook::free, BlockLook::free, BlockLook::unknown});
  const std::string svg = to_svg(map);
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width="));
  CHECK(svg.find(">&lt;a&gt;</text>") != std::string::npos);
  CHECK(svg.find("width=\"20\" height=\"10\" fill=\"#c9f0d2\"><title>free: 2 blocks") !=
        std::string::npos);
  CHECK(svg.find("width=\"10\" height=\"10\" fill=\"url(#p3)\"><title>a page of unknown kind in "
                 "the way: 1 block<") != std::string::npos);
  CHECK(svg.find("<pattern id=\"p3\"") != std::string::npos);
  CHECK(svg.find(">a page of unknown kind in the way</text>") != std::string::npos);
  CHECK(svg.find(">isolated<") == std::string::npos);
  CHECK(svg.ends_with("</svg>\n"));
}

TEST_CASE("to_ppm draws the points of the same picture", "[block_map]") {
  BlockMap map;
  map.add_row("a", {BlockLook::free, BlockLook::mostly_unmovable});
  for (const std::size_t scale : {1U, 3U}) {
    const detail::MapLayout layout{map, 64};
    const std::string ppm = to_ppm(map, {.scale = scale});
    const std::string head =
        fmt::format("P6\n{} {}\n255\n", layout.width * scale, layout.height * scale);
    REQUIRE(ppm.starts_with(head));
    REQUIRE(ppm.size() == head.size() + layout.width * layout.height * scale * scale * 3);
    const auto point = [&](std::size_t x, std::size_t y) {
      const std::size_t at = head.size() + (y * scale * layout.width + x) * scale * 3;
      unsigned rgb = 0;
      for (std::size_t i = 0; i < 3; ++i) rgb = rgb << 8 | static_cast<unsigned char>(ppm[at + i]);
      return rgb;
    };
    REQUIRE(layout.runs.size() == 2);
    CHECK(point(layout.runs[0].x + 1, layout.runs[0].y + 1) == 0xc9f0d2);
    CHECK(point(layout.runs[1].x + 1, layout.runs[1].y + 1) == 0xa5201f);
    CHECK(point(layout.runs[1].x + 4, layout.runs[1].y + 5) == 0xffffff);  // the slash
    CHECK(point(0, 0) == 0xffffff);
    CHECK(point(layout.labels[0].x + 1, layout.labels[0].y + 4) == 0x222222);  // of the "a"
  }
  CHECK(to_ppm(map, {.dark = true}).find("\x0d\x11\x17") != std::string::npos);
}

}  // namespace pageblock::test::block_map_cases
