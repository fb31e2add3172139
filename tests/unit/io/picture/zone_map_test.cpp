// SPDX-License-Identifier: MIT
#include "pageblock/io/picture/zone_map.hpp"

#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "pageblock/io/picture/zone_picture.hpp"
#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"

namespace pageblock::test::zone_map_cases {

namespace {

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
struct NewFourPages : FourPages {
  static constexpr Semantics semantics = kernel::v6_1;
};

}  // namespace

TEST_CASE("block_map draws a zone", "[zone_map]") {
  // block    0       1     2        3           4     5      6 and 7         8
  // pages  | hole |  free | movable | unmovable | few | iso | free, order 4 | a page, to the end
  Zone<EightPages> zone{ZoneLayout{.spanned_pages = 65,
                                   .holes = {{Pfn{0}, Pfn{8}}},
                                   .in_use = {{{Pfn{16}, Pfn{24}}, 1, true},
                                              {{Pfn{24}, Pfn{32}}, 1, false},
                                              {{Pfn{33}, Pfn{34}}, 1, true},
                                              {{Pfn{36}, Pfn{37}}, 2, true}}}};
  REQUIRE(start_isolate_page_range(zone, Pfn{40}, Pfn{48}, MigrateType::movable) == ok);
  CHECK(
      to_text(block_map(zone, {.per_line = 5})).starts_with("0x0   -.OXo\n0x28  I...\n  . free\n"));

  // What is allocated reaches into the next block, and so does what it is.
  const auto page = alloc_pages(zone, Cpu{0}, Order{4}, MigrateType::movable);
  REQUIRE(page);
  REQUIRE(page->pfn() == Pfn{48});
  CHECK(to_text(block_map(zone)).starts_with("0x0  -.OXoIXX.\n"));
  // Also if one looks at that block alone.
  BlockScan<EightPages> scan{zone, Pfn{56}};
  CHECK(scan.next().look == BlockLook::mostly_unmovable);
}

TEST_CASE("block_map begins in the block that a zone's start cuts", "[zone_map]") {
  const Zone<FourPages> zone{ZoneLayout{.start_pfn = Pfn{6}, .spanned_pages = 7}};
  CHECK(to_text(block_map(zone)).starts_with("0x4  ...\n"));
}

TEST_CASE("block_map draws a node's zones, the lowest first", "[zone_map]") {
  std::vector<Zone<FourPages>> zones;
  zones.emplace_back(ZoneLayout{.name = "Normal", .start_pfn = Pfn{8}, .spanned_pages = 8});
  zones.emplace_back(ZoneLayout{.name = "DMA", .type = ZoneType::dma, .spanned_pages = 8});
  const Node<FourPages> node{std::move(zones)};
  CHECK(to_text(block_map(node)).starts_with("DMA 0x0     ..\nNormal 0x8  ..\n"));
}

TEST_CASE("block_map of an empty zone is empty", "[zone_map]") {
  CHECK(to_text(block_map(Zone<FourPages>{})).empty());
  CHECK(side_by_side(Zone<FourPages>{}, Zone<FourPages>{}).rows().empty());
  CHECK(to_svg(block_map(Zone<FourPages>{})).ends_with("</svg>\n"));
}

TEST_CASE("block_map folds a terabyte, and a single page in use is seen", "[zone_map]") {
  const Zone<SmallConfig> zone{
      {.spanned_pages = std::uint64_t{1} << 28, .in_use = {{{Pfn{12345678}, Pfn{12345679}}}}}};
  const BlockMap map = block_map(zone);
  CHECK(map.rows().size() == 1);
  CHECK(map.looks() == std::vector{BlockLook::free, BlockLook::some_unmovable});
}

TEST_CASE("side_by_side marks what differs in any page or type", "[zone_map]") {
  Zone<NewFourPages> before{ZoneLayout{.spanned_pages = 32}};
  before.set_pageset(1, 0);
  Zone<NewFourPages> after = before;
  CHECK_FALSE(side_by_side(before, after).has_marks());
  const auto page = alloc_pages(after, Cpu{0}, Order{0}, MigrateType::movable);
  REQUIRE(page);
  after.pageblock_flags().set(Pfn{12}, MigrateType::unmovable);  // looks the same
  const std::string text = to_text(side_by_side(before, after, {"before", "after"}));
  INFO(text);
  CHECK(side_by_side(before, after).rows()[0].is_marked(page->pfn().value() / 4));
  CHECK(side_by_side(before, after).rows()[0].is_marked(3));
  CHECK(std::ranges::count(side_by_side(before, after).rows()[0].marked, true) == 2);

  // How free memory is cut into chunks is a difference, too; in what order lists are is none.
  after = before;
  const auto first = alloc_pages(after, Cpu{0}, Order{2}, MigrateType::movable);
  const auto second = alloc_pages(after, Cpu{0}, Order{2}, MigrateType::movable);
  REQUIRE(first);
  REQUIRE(second);
  free_pages(after, Cpu{0}, first->pfn(), Order{2});
  free_pages(after, Cpu{0}, second->pfn(), Order{2});
  CHECK_FALSE(side_by_side(before, after).has_marks());
}

TEST_CASE("side_by_side shows zones of different extent and kernel", "[zone_map]") {
  const Zone<FourPages> old{ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 8}};
  const Zone<NewFourPages> other{ZoneLayout{.spanned_pages = 8}};
  CHECK(to_text(side_by_side(old, other, {"v3.6", "v6.1"}))
            .starts_with("     v3.6  v6.1\n0x0  -..   ..-\n     ^ ^   ^ ^\n"));
}

TEST_CASE("write_svg and write_ppm write zones, nodes and maps to files", "[zone_map]") {
  const Zone<FourPages> zone{ZoneLayout{.spanned_pages = 8}};
  const std::string file = fmt::format("zone_map_test.{}", static_cast<const void*>(&zone));
  const auto content = [&] {
    std::string text(1 << 16, ' ');
    std::FILE* const stream = std::fopen(file.c_str(), "rb");
    REQUIRE(stream != nullptr);
    text.resize(std::fread(text.data(), 1, text.size(), stream));
    REQUIRE(std::fclose(stream) == 0);
    return text;
  };
  write_svg(file, zone);
  CHECK(content() == to_svg(block_map(zone)));
  write_svg(file, side_by_side(zone, zone));
  CHECK(content() == to_svg(side_by_side(zone, zone)));
  write_ppm(file, Node<FourPages>{std::vector<Zone<FourPages>>{zone}});
  CHECK(content().starts_with("P6\n"));
  CHECK(std::remove(file.c_str()) == 0);
  CHECK_THROWS_AS(write_svg("no/such/folder/zone.svg", zone), std::system_error);
}

}  // namespace pageblock::test::zone_map_cases
