// SPDX-License-Identifier: MIT
#include "pageblock/isolation/isolate_single.hpp"

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::isolate_single_cases {
namespace {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

}  // namespace

TEST_CASE("split_free_page_at makes the largest pieces that the border allows",
          "[isolate_single]") {
  NewZone zone{pages(64)};
  set_pageblock_migratetype(zone, Pfn{0}, unmovable);
  split_free_page_at(zone, Pfn{0}, Pfn{44});
  // 0 to 31 | 32 to 39, 40 to 43 | 44 to 47, 48 to 63: within a block they merge again.
  CHECK(free_list(zone, 6, unmovable) == Pfns{});
  CHECK(free_list(zone, 6, movable) == Pfns{0});
  CHECK(zone.nr_free_pages() == 64);
  CHECK(verify(zone).empty());
}

TEST_CASE("split_free_page_at leaves no chunk across the border, and loses no page",
          "[isolate_single]") {
  for (std::uint64_t border = 1; border < 64; ++border) {
    CAPTURE(border);
    NewZone zone{pages(64)};
    // Of types that do not merge, a largest chunk over both.
    zone.pageblock_flags().set(Pfn{32}, isolate);
    zone.mod_nr_pageblock_isolate(1);
    split_free_page_at(zone, Pfn{0}, Pfn{border});
    CHECK(zone.memmap().free_chunk_of(Pfn{32}) == Pfn{32});
    CHECK(zone.nr_free_pages() == 32);  // what is isolated does not count any more
    CHECK(free_list(zone, 5, movable) == Pfns{0});
    CHECK(free_list(zone, 5, isolate) == Pfns{32});
    CHECK(verify(zone).empty());
  }
}

TEST_CASE("split_free_page_at counts nothing of an isolated block", "[isolate_single]") {
  NewZone zone{pages(64)};
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  REQUIRE(free_list(zone, 6, isolate) == Pfns{0});  // all went along
  REQUIRE(zone.nr_free_pages() == 0);
  split_free_page_at(zone, Pfn{0}, Pfn{32});
  CHECK(free_list(zone, 5, isolate) == Pfns{0});
  CHECK(free_list(zone, 5, movable) == Pfns{32});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("split_free_page_at requires the head of a free chunk, and a border inside",
          "[isolate_single]") {
  NewZone zone{ZoneLayout{.spanned_pages = 96, .in_use = {{range(64, 65)}}}};
  CHECK_VIOLATION_IN(zone, split_free_page_at(zone, Pfn{1}, Pfn{8}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page_at(zone, Pfn{64}, Pfn{65}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page_at(zone, Pfn{96}, Pfn{97}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page_at(zone, Pfn{0}, Pfn{0}), "not inside");
  CHECK_VIOLATION_IN(zone, split_free_page_at(zone, Pfn{0}, Pfn{64}), "not inside");
}

TEST_CASE("start_isolate_page_range splits the chunk at each border of the range",
          "[isolate_single]") {
  // block    0       1       2       3
  //      |     0 (6)     |    64 (6)     |
  //              |-- isolated -->|
  NewZone zone{pages(128)};
  CHECK(start_isolate_page_range(zone, Pfn{32}, Pfn{96}, movable) == ok);
  CHECK(free_list(zone, 5, movable) == Pfns{96, 0});
  CHECK(free_list(zone, 5, isolate) == Pfns{64, 32});
  CHECK(zone.nr_free_pages() == 64);
  CHECK(verify(zone).empty());
}

TEST_CASE("start_isolate_page_range gives CMA blocks to CMA only, at the borders too",
          "[isolate_single]") {
  const NewZone zone{ZoneLayout{.spanned_pages = 96, .block_types = {{range(0, 96), cma}}}};
  for (const std::uint64_t end : {32U, 64U, 96U}) {
    NewZone copy = zone;
    CHECK(start_isolate_page_range(copy, Pfn{0}, Pfn{end}, movable) == -Err::busy);
    CHECK(types(copy) == "CCC");
    CHECK(start_isolate_page_range(copy, Pfn{0}, Pfn{end}, cma) == ok);
  }
}

}  // namespace pageblock::test::isolate_single_cases
