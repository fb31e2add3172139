// SPDX-License-Identifier: MIT
/// test_pages_isolated(): section 10.
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::test_pages_isolated_cases {

TEST_CASE("test_pages_isolated passes isolated blocks whose pages are free", "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(start_isolate_page_range(zone, Pfn{16}, Pfn{32}, MigrateType::movable) == ok);
  const TinyZone before = zone;
  CHECK(test_pages_isolated(zone, Pfn{16}, Pfn{32}) == ok);
  CHECK(test_pages_isolated(zone, Pfn{16}, Pfn{24}) == ok);
  CHECK(zone == before);
}

TEST_CASE("test_pages_isolated refuses a range with a block that is not isolated",
          "[page_isolation]") {
  TinyZone zone{pages(48)};
  CHECK(set_migratetype_isolate(zone, block(2)) == ok);
  CHECK(set_migratetype_isolate(zone, block(4)) == ok);
  CHECK(set_migratetype_isolate(zone, block(5)) == ok);
  REQUIRE(types(zone) == "MMIMII");
  CHECK(test_pages_isolated(zone, block(2), block(3)) == ok);
  CHECK(test_pages_isolated(zone, block(2), block(4)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(0), block(3)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(2), block(6)) == -Err::busy);
}

TEST_CASE("test_pages_isolated refuses a page in use", "[page_isolation]") {
  TinyZone zone{pages(16)};
  pin(zone, Pfn{13});
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{16}) == -Err::busy);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{13}) == ok);
  CHECK(test_pages_isolated(zone, Pfn{14}, Pfn{16}) == ok);
  free(zone, 13);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{16}) == ok);
}

TEST_CASE("test_pages_isolated refuses offline pages", "[page_isolation]") {
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  offline_isolated_pages(zone, Pfn{0}, Pfn{16});
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{16}) == -Err::busy);
}

TEST_CASE("test_pages_isolated refuses the tail of an allocation", "[page_isolation]") {
  TinyZone zone{pages(16)};
  REQUIRE(alloc(zone, 3) == 0);
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{1}, Pfn{8}) == -Err::busy);
}

TEST_CASE("test_pages_isolated passes holes and what is outside the zone", "[page_isolation]") {
  // block    0        1        2
  //       outside  h.......  ....h...   outside
  TinyZone zone{
      ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 16, .holes = {range(8, 9), range(20, 21)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, block(0), block(4)) == ok);
}

TEST_CASE("test_pages_isolated refuses a range without memory", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .holes = {range(0, 8)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, block(0), block(2)) == ok);
  CHECK(test_pages_isolated(zone, block(0), block(1)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(1), block(1)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(2), block(1)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(5), block(6)) == -Err::busy);
}

TEST_CASE("test_pages_isolated needs a memory page inside the range, not just in its last window",
          "[page_isolation]") {
  // block    0 hhhhhh..    all of [0, 4) is hole; the window of the first pass finds page 6
  TinyZone zone{ZoneLayout{.spanned_pages = 8, .holes = {range(0, 6)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{4}) == -Err::busy);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{7}) == ok);
}

TEST_CASE("test_pages_isolated looks beyond the end when the start is not aligned",
          "[page_isolation]") {
  // range [10, 19): windows 10-17 and 18-25. With a hole at 18-23, the first page of the second
  // window is 24, in block 3, which is not isolated.
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .holes = {range(8, 10)}}};
  CHECK(start_isolate_page_range(zone, block(1), block(3), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{10}, Pfn{19}) == ok);

  TinyZone cut{ZoneLayout{.spanned_pages = 32, .holes = {range(8, 10), range(18, 24)}}};
  CHECK(start_isolate_page_range(cut, block(1), block(3), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(cut, Pfn{10}, Pfn{18}) == ok);
  CHECK(test_pages_isolated(cut, Pfn{10}, Pfn{19}) == -Err::busy);
}

TEST_CASE("test_pages_isolated accepts a free chunk on whichever list it is", "[page_isolation]") {
  // The example "odd half": chunk 0 is on the movable list and covers both blocks.
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  {
    const IrqSaveGuard guard{zone.lock()};
    zone.free_area().move(zone.memmap(), Pfn{0}, Pfn{1}, MigrateType::movable);
  }
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{16}) == ok);
}

TEST_CASE("test_pages_isolated refuses a range that begins inside a free chunk",
          "[page_isolation]") {
  // The odd block of a chunk of two blocks: free and isolated, but its first page is no head.
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{8}, Pfn{16}) == -Err::busy);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{8}) == ok);
}

TEST_CASE("test_pages_isolated accepts a page of count 0 that is marked as isolated",
          "[page_isolation]") {
  // What the rule is for. Pages 0 and 1 go to a CPU's list marked CMA, as a block's type says; a
  // mark ISOLATE can be had only by a refill from an isolated block, through its odd half.
  TinyZone zone{pages(16)};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  zone.set_pageset(16, 16);
  REQUIRE(alloc(zone, 0) == 0);
  REQUIRE(zone.page(Pfn{8}).page_private() == 5);
  REQUIRE(zone.pcp(cpu0).count == 15);
  CHECK(test_pages_isolated(zone, Pfn{8}, Pfn{16}) == ok);
}

TEST_CASE("test_pages_isolated refuses pages on a CPU's list that are not marked as isolated",
          "[page_isolation]") {
  TinyZone zone{pages_in_use(8)};
  zone.set_pageset(4, 8);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  for (std::uint64_t pfn = 0; pfn < 4; ++pfn) free(zone, pfn);
  set_pageblock_migratetype(zone, block(0), MigrateType::isolate);
  REQUIRE(zone.pcp(cpu0).count == 4);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{4}) == -Err::busy);
}

TEST_CASE("test_pages_isolated tells the tracer where it stopped", "[page_isolation]") {
  TracedZone zone{pages(32)};
  pin(zone, Pfn{21});
  Events events;
  zone.tracer().events = &events;
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{24}, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{24}) == -Err::busy);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{8}) == ok);  // chunk 0 is the whole of 0-15
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{32}) == -Err::busy);
  const auto seen = only<trace::TestPagesIsolated>(events);
  REQUIRE(seen.size() == 3);
  CHECK((seen[0].fin_pfn == Pfn{21} && seen[0].ret == -Err::busy));
  CHECK((seen[0].start_pfn == Pfn{0} && seen[0].end_pfn == Pfn{24}));
  CHECK((seen[1].fin_pfn == Pfn{16} && seen[1].ret == ok));
  CHECK((seen[2].fin_pfn == Pfn{24} && seen[2].ret == -Err::busy));
}

}  // namespace pageblock::test::test_pages_isolated_cases
