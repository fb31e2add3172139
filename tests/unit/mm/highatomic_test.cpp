// SPDX-License-Identifier: MIT
#include "pageblock/mm/highatomic.hpp"

#include <cstdint>

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::highatomic_cases {
namespace {

constexpr auto movable = MigrateType::movable;
constexpr auto unmovable = MigrateType::unmovable;
constexpr auto highatomic = MigrateType::highatomic;

std::uint64_t reserved(const TinyV6_1Zone& zone) { return zone.pressure().nr_reserved_highatomic; }

}  // namespace

TEST_CASE("reserve_highatomic_pageblock types the block and moves what is free in it",
          "[highatomic]") {
  // block    0                    1
  // before | 1 . . . . . . . | .......  |   movable
  // after  | 1 . . . . . . . |              block 0 is reserved
  TinyV6_1Zone zone{pages(16)};
  pin(zone, Pfn{0});
  CHECK(reserve_highatomic_pageblock(zone, Pfn{0}));
  CHECK(reserved(zone) == 8);
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == highatomic);
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == movable);
  CHECK(free_list(zone, 0, highatomic) == Pfns{1});
  CHECK(free_list(zone, 1, highatomic) == Pfns{2});
  CHECK(free_list(zone, 2, highatomic) == Pfns{4});
  CHECK(free_list(zone, 3, movable) == Pfns{8});
  CHECK(zone.nr_free_pages() == 15);
}

TEST_CASE("reserve_highatomic_pageblock stops at a hundredth of the zone and a block",
          "[highatomic]") {
  TinyV6_1Zone zone{pages(8 * 100)};  // a hundredth is one block, so the limit is two
  CHECK(reserve_highatomic_pageblock(zone, block(0)));
  CHECK(reserve_highatomic_pageblock(zone, block(2)));
  CHECK(reserved(zone) == 16);
  CHECK(!reserve_highatomic_pageblock(zone, block(4)));
  CHECK(reserved(zone) == 16);
  CHECK(get_pageblock_migratetype(zone, block(4)) == movable);
  zone.pressure().nr_reserved_highatomic = 15;
  CHECK(reserve_highatomic_pageblock(zone, block(4)));
}

TEST_CASE("reserve_highatomic_pageblock leaves blocks alone that are no ordinary ones",
          "[highatomic]") {
  for (const MigrateType type : {highatomic, MigrateType::cma, MigrateType::isolate}) {
    ZoneLayout layout = pages(16);
    layout.block_types = {{{Pfn{0}, Pfn{8}}, type}};
    TinyV6_1Zone zone{layout};
    const TinyV6_1Zone before = zone;
    CHECK(!reserve_highatomic_pageblock(zone, Pfn{3}));
    CHECK(zone == before);
  }
}

TEST_CASE("unreserve_highatomic_pageblock gives a block to the type asked for", "[highatomic]") {
  TinyV6_1Zone zone{pages(8 * 200)};
  pin(zone, block(0));
  pin(zone, block(2) + 1);
  pin(zone, block(2) + 2);
  REQUIRE(reserve_highatomic_pageblock(zone, block(0)));
  REQUIRE(reserve_highatomic_pageblock(zone, block(2)));
  // The block with the smallest chunk, whose list's head it is.
  CHECK(unreserve_highatomic_pageblock(zone, unmovable, false));
  CHECK(reserved(zone) == 8);
  const bool first = get_pageblock_migratetype(zone, block(0)) == unmovable;
  CHECK(first);
  CHECK(free_list(zone, 0, unmovable) == Pfns{1});
  CHECK(free_list(zone, 2, unmovable) == Pfns{4});
  CHECK(get_pageblock_migratetype(zone, block(2)) == highatomic);
}

TEST_CASE("unreserve_highatomic_pageblock keeps the last block unless it is forced",
          "[highatomic]") {
  TinyV6_1Zone zone{pages(16)};
  pin(zone, Pfn{0});
  REQUIRE(reserve_highatomic_pageblock(zone, Pfn{0}));
  CHECK(!unreserve_highatomic_pageblock(zone, movable, false));
  CHECK(reserved(zone) == 8);
  CHECK(unreserve_highatomic_pageblock(zone, movable, true));
  CHECK(reserved(zone) == 0);
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  CHECK(zone.free_area().orders(highatomic) == 0);
  CHECK(!unreserve_highatomic_pageblock(zone, movable, true));  // nothing is left
}

TEST_CASE("unreserve_highatomic_pageblock counts only blocks that are reserved", "[highatomic]") {
  TinyV6_1Zone zone{pages(16)};
  pin(zone, Pfn{0});
  REQUIRE(reserve_highatomic_pageblock(zone, Pfn{0}));
  zone.pageblock_flags().set(Pfn{0}, movable);  // its pages are still on the list
  CHECK(unreserve_highatomic_pageblock(zone, movable, true));
  CHECK(reserved(zone) == 8);
  CHECK(free_list(zone, 0, movable) == Pfns{1});
}

TEST_CASE("unreserve_highatomic_pageblock counts no less than nothing", "[highatomic]") {
  ZoneLayout layout = pages(16);
  layout.block_types = {{{Pfn{0}, Pfn{8}}, highatomic}};  // reserved behind the counter's back
  TinyV6_1Zone zone{layout};
  zone.pressure().nr_reserved_highatomic = 5;
  CHECK(unreserve_highatomic_pageblock(zone, movable, true));
  CHECK(reserved(zone) == 0);
}

TEST_CASE("unreserve_highatomic_pageblock goes on behind a block that the zone's end cuts",
          "[highatomic]") {
  // pages 16 to 19 are on the highatomic list, and cannot be moved
  ZoneLayout layout = pages(20);
  layout.block_types = {{{Pfn{8}, Pfn{20}}, highatomic}};
  layout.in_use = {{{Pfn{0}, Pfn{8}}}};
  TinyV6_1Zone zone{layout};
  zone.pressure().nr_reserved_highatomic = 16;
  REQUIRE(free_list(zone, 2, highatomic) == Pfns{16});
  REQUIRE(free_list(zone, 3, highatomic) == Pfns{8});
  CHECK(unreserve_highatomic_pageblock(zone, movable, false));
  CHECK(reserved(zone) == 0);
  CHECK(free_list(zone, 2, highatomic) == Pfns{16});
  CHECK(free_list(zone, 3, movable) == Pfns{8});
}

TEST_CASE("reserve_highatomic_pageblock and unreserve_highatomic_pageblock report bad arguments",
          "[highatomic]") {
  TinyV6_1Zone zone{pages(16)};
  CHECK_VIOLATION_IN(zone, reserve_highatomic_pageblock(zone, Pfn{16}), "not in the zone");
  CHECK_VIOLATION_IN(zone, unreserve_highatomic_pageblock(zone, highatomic, true),
                     "requests are unmovable");
}

}  // namespace pageblock::test::highatomic_cases
