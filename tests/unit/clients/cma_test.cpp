// SPDX-License-Identifier: MIT
/// init_cma_reserved_pageblock(): section 6.
#include "pageblock/clients/cma.hpp"

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::cma_cases {

namespace {

// Four blocks, of which the middle two are reserved.
ZoneLayout with_reserved_blocks() { return {.spanned_pages = 32, .reserved = {range(8, 24)}}; }

}  // namespace

TEST_CASE("init_cma_reserved_pageblock frees the block as one chunk of type cma", "[cma]") {
  TinyZone zone{with_reserved_blocks()};
  REQUIRE(zone.nr_free_pages() == 16);
  init_cma_reserved_pageblock(zone, block(2));
  CHECK(types(zone) == "MMCM");
  CHECK(zone.nr_free_pages() == 24);
  CHECK(zone.managed_pages() == 24);
  for (Pfn pfn = block(2); pfn < block(3); ++pfn) {
    CHECK_FALSE(zone.page(pfn).is_reserved());
    CHECK(zone.page(pfn).count() == 0);
  }
  CHECK(verify(zone).empty());
}

TEST_CASE("init_cma_reserved_pageblock merges the block with a free neighbour", "[cma]") {
  // block       2 (reserved)     3
  // before      reserved    | order 3, movable |
  // after    |        order 4, cma             |    block 3 keeps its type
  TinyZone zone{with_reserved_blocks()};
  REQUIRE(free_list(zone, 3, MigrateType::movable) == Pfns{24, 0});
  init_cma_reserved_pageblock(zone, block(2));
  CHECK(free_list(zone, 3, MigrateType::movable) == Pfns{0});
  CHECK(free_list(zone, 4, MigrateType::cma) == Pfns{16});
}

TEST_CASE("init_cma_reserved_pageblock gives memory to movable requests only", "[cma]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 8, .reserved = {range(0, 8)}}};
  init_cma_reserved_pageblock(zone, block(0));
  CHECK(free_list(zone, 3, MigrateType::cma) == Pfns{0});
  CHECK(cannot_alloc(zone, 0, MigrateType::unmovable));
  CHECK(cannot_alloc(zone, 0, MigrateType::reclaimable));
  CHECK(alloc(zone, 1, MigrateType::movable) == 0);
  CHECK(types(zone) == "C");
  CHECK(free_list(zone, 2, MigrateType::cma) == Pfns{4});
}

TEST_CASE("init_cma_reserved_pageblock frees on no CPU's list", "[cma]") {
  TinyZone zone{with_reserved_blocks()};
  zone.set_pageset(4, 8);
  const std::uint64_t taken_before = zone.pcp_lock(cpu0).nr_acquired();
  init_cma_reserved_pageblock(zone, block(1));
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(zone.pcp_lock(cpu0).nr_acquired() == taken_before);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("init_cma_reserved_pageblock writes unmovable without mobility grouping", "[cma]") {
  TinyZone zone{
      ZoneLayout{.spanned_pages = 8, .reserved = {range(0, 8)}, .mobility_grouping = false}};
  init_cma_reserved_pageblock(zone, block(0));
  CHECK(types(zone) == "U");
  CHECK(free_list(zone, 3, MigrateType::unmovable) == Pfns{0});
}

TEST_CASE("init_cma_reserved_pageblock requires the first page of a block", "[cma]") {
  TinyZone zone{with_reserved_blocks()};
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, Pfn{12}), "multiple");
}

TEST_CASE("init_cma_reserved_pageblock requires a block that is entirely reserved", "[cma]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 24, .reserved = {range(0, 7), range(17, 24)}}};
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(0)), "not entirely reserved");
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(1)), "not entirely reserved");
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(2)), "not entirely reserved");
}

TEST_CASE("init_cma_reserved_pageblock requires a block that is in the zone as a whole", "[cma]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{4},
                           .spanned_pages = 16,
                           .holes = {range(11, 12)},
                           .reserved = {range(4, 20)}}};
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(0)), "not in the zone");
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(1)), "hole");
  CHECK_VIOLATION_IN(zone, init_cma_reserved_pageblock(zone, block(2)), "not in the zone");
}

}  // namespace pageblock::test::cma_cases
