// SPDX-License-Identifier: MIT
/// set_migratetype_isolate(), unset_migratetype_isolate(): one block.
#include "pageblock/isolation/page_isolation.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::page_isolation_cases {

namespace {

// Two unmovable blocks with page 12 reserved, and three pages on CPU 0's list.
TinyZone with_unmovable_block_1() {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .reserved = {range(12, 13)},
                           .block_types = {{range(0, 16), MigrateType::unmovable}}}};
  zone.set_pageset(4, 8);
  alloc(zone, 0, MigrateType::unmovable);
  return zone;
}

}  // namespace

TEST_CASE("set_migratetype_isolate marks the block, counts it and moves its free chunks",
          "[page_isolation]") {
  // block       0      1       2      3
  // before  |  16 order 4   |  order 4      |   movable [16 0]
  // after   |  0            |  16 ISOLATE   |   movable [0], isolate [16]
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{16}) == ok);
  CHECK(types(zone) == "MMIM");
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{0});
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{16});
  CHECK(verify(zone).empty());
}

TEST_CASE("set_migratetype_isolate leaves NR_FREE_PAGES and nr_free as they are",
          "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{16}) == ok);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(zone.nr_free(Order{4}) == 2);
}

TEST_CASE("set_migratetype_isolate isolates the whole block of any page of it",
          "[page_isolation]") {
  TinyZone zone{pages(16)};
  pin(zone, Pfn{9});
  CHECK(set_migratetype_isolate(zone, Pfn{14}) == ok);
  CHECK(types(zone) == "MI");
  CHECK(free_list(zone, 0, MigrateType::isolate) == Pfns{8});
  CHECK(free_list(zone, 1, MigrateType::isolate) == Pfns{10});
  CHECK(free_list(zone, 2, MigrateType::isolate) == Pfns{12});
  CHECK(free_list(zone, 3, MigrateType::movable) == Pfns{0});
}

TEST_CASE("set_migratetype_isolate puts chunks in front, in descending order", "[page_isolation]") {
  // pages 8..15 and 0..7: every second one in use, the others free
  //   isolate [6 4 2 0]              after block 0
  //   isolate [14 12 10 8 6 4 2 0]   after block 1
  TinyZone zone{pages(16)};
  for (std::uint64_t pfn = 1; pfn < 16; pfn += 2) pin(zone, Pfn{pfn});
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(free_list(zone, 0, MigrateType::isolate) == Pfns{6, 4, 2, 0});
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(free_list(zone, 0, MigrateType::isolate) == Pfns{14, 12, 10, 8, 6, 4, 2, 0});
  CHECK(verify(zone).empty());
}

TEST_CASE("set_migratetype_isolate drains the lists of every CPU", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .nr_cpus = 2}};
  zone.set_pageset(4, 8);
  REQUIRE(alloc_pages(zone, cpu0, Order{0}, MigrateType::movable));
  REQUIRE(alloc_pages(zone, cpu1, Order{0}, MigrateType::unmovable));
  REQUIRE(zone.pcp(cpu0).count == 3);
  REQUIRE(zone.pcp(cpu1).count == 3);
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(zone.pcp(cpu1).count == 0);
  CHECK(zone.nr_free_pages() == 30);
  CHECK(verify(zone).empty());
}

TEST_CASE("set_migratetype_isolate changes and drains nothing when a page is unmovable",
          "[page_isolation]") {
  TinyZone zone = with_unmovable_block_1();
  const TinyZone before = zone;
  CHECK(set_migratetype_isolate(zone, block(1)) == -Err::busy);
  CHECK(zone == before);
  CHECK(zone.hash() == before.hash());
  CHECK(zone.pcp(cpu0).count == 3);
}

TEST_CASE("set_migratetype_isolate isolates an isolated block again and counts it once",
          "[page_isolation]") {
  // The second call moves the block's chunks again, to the head of their list.
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  CHECK(set_migratetype_isolate(zone, Pfn{16}) == ok);
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{16, 0});
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  CHECK(types(zone) == "IMIM");
  CHECK(zone.nr_pageblock_isolate() == 2);
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{0, 16});
}

TEST_CASE("set_migratetype_isolate refuses an isolated block in which a page became unmovable",
          "[page_isolation]") {
  // A movable block is not searched, an isolated one is.
  TinyZone zone{pages(8)};
  pin(zone, Pfn{0});
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == -Err::busy);
  CHECK(types(zone) == "I");
  CHECK(zone.nr_pageblock_isolate() == 1);
}

// The examples of section 9: what was on a CPU's list is drained to where it came from.

TEST_CASE("set_migratetype_isolate drains a page of the block to its old list",
          "[page_isolation]") {
  // page             16         17       18 ...
  // before          CPU 0     in use    in use
  // isolate 16     movable    in use    in use     order 0, movable [16]
  // free 17        |  order 1, isolate |           order 1, isolate [16]
  TinyZone zone{ZoneLayout{
      .spanned_pages = 32, .reserved = {range(0, 16)}, .in_use = {{.range = range(16, 32)}}}};
  zone.set_pageset(4, 8);
  free(zone, 16);
  REQUIRE(pcp_list(zone, cpu0, MigrateType::movable) == Pfns{16});

  CHECK(set_migratetype_isolate(zone, Pfn{16}) == ok);
  CHECK(types(zone) == "MMIM");
  CHECK(free_list(zone, 0, MigrateType::movable) == Pfns{16});
  free(zone, 17);
  CHECK(free_list(zone, 0, MigrateType::movable).empty());
  CHECK(free_list(zone, 1, MigrateType::isolate) == Pfns{16});
}

TEST_CASE("set_migratetype_isolate lets a drained page carry an isolated one along",
          "[page_isolation]") {
  // page             16         17       18 ...
  // before          CPU 0     movable    in use    order 0, movable [17]
  // after the move  CPU 0     isolate    in use    order 0, isolate [17]
  // after the drain | order 1, movable |           order 1, movable [16]
  TinyZone zone{ZoneLayout{
      .spanned_pages = 32, .reserved = {range(0, 16)}, .in_use = {{.range = range(16, 32)}}}};
  free(zone, 17);  // batch 1, high 0: at once on the movable list
  REQUIRE(free_list(zone, 0, MigrateType::movable) == Pfns{17});
  zone.set_pageset(4, 8);
  free(zone, 16);
  REQUIRE(pcp_list(zone, cpu0, MigrateType::movable) == Pfns{16});

  CHECK(set_migratetype_isolate(zone, Pfn{16}) == ok);
  CHECK(types(zone) == "MMIM");
  CHECK(free_list(zone, 0, MigrateType::isolate).empty());
  CHECK(free_list(zone, 1, MigrateType::movable) == Pfns{16});
}

TEST_CASE("set_migratetype_isolate does not see a chunk that begins in the block below",
          "[page_isolation]") {
  // The example "odd half".
  // block       0        1
  //        |  chunk 0, order 4 |   movable, though block 1 is ISOLATE
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{8}) == ok);
  CHECK(types(zone) == "MIMM");
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{16, 0});
  CHECK(alloc(zone, 4) == 16);
  CHECK(alloc(zone, 4) == 0);
}

TEST_CASE("set_migratetype_isolate takes along a chunk that reaches into the next block",
          "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  CHECK(types(zone) == "IMMM");
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{0});
}

TEST_CASE("set_migratetype_isolate never makes a block look isolated without mobility grouping",
          "[page_isolation]") {
  // It writes UNMOVABLE instead of ISOLATE, and so counts at every call.
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .mobility_grouping = false}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(types(zone) == "UM");
  CHECK(zone.nr_pageblock_isolate() == 2);
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{0});
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  CHECK(zone.nr_pageblock_isolate() == 2);
}

TEST_CASE("start_isolate_page_range of v6.1 isolates without mobility grouping, too",
          "[page_isolation]") {
  TinyV6_1Zone zone{ZoneLayout{.spanned_pages = 16, .mobility_grouping = false}};
  const auto movable = MigrateType::movable;
  CHECK(start_isolate_page_range(zone, block(0), block(1), movable, 0) == ok);
  CHECK(get_pageblock_migratetype(zone, block(0)) == MigrateType::isolate);
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(undo_isolate_page_range(zone, block(0), block(1), movable) == ok);
  CHECK(get_pageblock_migratetype(zone, block(0)) == MigrateType::unmovable);
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("set_migratetype_isolate begins at the given page in a block cut by the zone's start",
          "[page_isolation]") {
  // zone         4 . . 7 | 8 ...          4 and 6: chunks of order 1
  // isolate 6        6 moves, 4 does not
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 20, .reserved = {range(10, 24)}}};
  pin(zone, Pfn{5});
  REQUIRE(free_list(zone, 0, MigrateType::movable) == Pfns{4});
  REQUIRE(free_list(zone, 1, MigrateType::movable) == Pfns{6, 8});
  CHECK(set_migratetype_isolate(zone, Pfn{6}) == ok);
  CHECK(free_list(zone, 0, MigrateType::movable) == Pfns{4});
  CHECK(free_list(zone, 1, MigrateType::isolate) == Pfns{6});
  CHECK(free_list(zone, 1, MigrateType::movable) == Pfns{8});
}

TEST_CASE("set_migratetype_isolate requires a pfn of the zone", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 16}};
  CHECK_VIOLATION_IN(zone, set_migratetype_isolate(zone, Pfn{7}), "not in the zone");
  CHECK_VIOLATION_IN(zone, set_migratetype_isolate(zone, Pfn{24}), "not in the zone");
}

TEST_CASE("set_migratetype_isolate takes a pfn in a hole for its block", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 16, .holes = {range(10, 12)}}};
  CHECK(set_migratetype_isolate(zone, Pfn{11}) == ok);
  CHECK(types(zone) == "IM");
}

TEST_CASE("set_migratetype_isolate tells the tracer the page and the result", "[page_isolation]") {
  TracedZone zone{ZoneLayout{.spanned_pages = 16,
                             .reserved = {range(12, 13)},
                             .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  Events events;
  zone.tracer().events = &events;
  CHECK(set_migratetype_isolate(zone, Pfn{3}) == ok);
  CHECK(set_migratetype_isolate(zone, Pfn{9}) == -Err::busy);
  const auto seen = only<trace::SetMigratetypeIsolate>(events);
  REQUIRE(seen.size() == 2);
  CHECK((seen[0].pfn == Pfn{3} && seen[0].ret == ok));
  CHECK((seen[1].pfn == Pfn{9} && seen[1].ret == -Err::busy));
}

TEST_CASE("unset_migratetype_isolate gives the block back with the type it is told",
          "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  unset_migratetype_isolate(zone, Pfn{3}, MigrateType::reclaimable);
  CHECK(types(zone) == "EMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(free_list(zone, 4, MigrateType::isolate).empty());
  CHECK(free_list(zone, 4, MigrateType::reclaimable) == Pfns{0});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("unset_migratetype_isolate puts chunks in front, in descending order",
          "[page_isolation]") {
  TinyZone zone{pages(16)};
  for (std::uint64_t pfn = 1; pfn < 16; pfn += 2) pin(zone, Pfn{pfn});
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  const Pfns list = free_list(zone, 0, MigrateType::movable);
  REQUIRE(list.size() == 8);
  CHECK(Pfns(list.begin(), list.begin() + 4) == Pfns{6, 4, 2, 0});
}

TEST_CASE("unset_migratetype_isolate leaves a block alone that is not isolated",
          "[page_isolation]") {
  TracedZone zone{pages(32)};
  Events events;
  zone.tracer().events = &events;
  CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
  const TracedZone before = zone;
  unset_migratetype_isolate(zone, Pfn{16}, MigrateType::unmovable);
  CHECK(zone == before);
  CHECK(only<trace::UnsetMigratetypeIsolate>(events).empty());
  unset_migratetype_isolate(zone, Pfn{0}, MigrateType::unmovable);
  const auto seen = only<trace::UnsetMigratetypeIsolate>(events);
  REQUIRE(seen.size() == 1);
  CHECK((seen[0].pfn == Pfn{0} && seen[0].migratetype == MigrateType::unmovable));
}

TEST_CASE("unset_migratetype_isolate merges nothing and drains nothing", "[page_isolation]") {
  // block          0           1          2           3
  // isolated  |  order 3  |  order 3  | in use | some on CPU 0 |   isolate [8 0]
  // given back|  order 3  |  order 3  | in use | some on CPU 0 |   movable [8 0]
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .reserved = {range(16, 24)}}};
  zone.set_pageset(4, 8);
  {
    const IrqSaveGuard guard{zone.lock()};  // two halves that nothing has merged
    zone.free_area().take(zone.memmap(), Pfn{0}, Order{3}, MigrateType::movable);
    zone.free_area().add_head(zone.memmap(), Pfn{0}, Order{3}, MigrateType::movable);
  }
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  REQUIRE(alloc(zone, 0) == 24);
  REQUIRE(zone.pcp(cpu0).count == 3);
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  unset_migratetype_isolate(zone, block(1), MigrateType::movable);
  CHECK(free_list(zone, 3, MigrateType::movable) == Pfns{8, 0});
  CHECK(zone.pcp(cpu0).count == 3);
}

TEST_CASE("unset_migratetype_isolate reports a block that was never counted", "[page_isolation]") {
  TinyZone zone{pages(16)};
  set_pageblock_migratetype(zone, block(0), MigrateType::isolate);
  REQUIRE(zone.nr_pageblock_isolate() == 0);
  // v3.6 checks after it moved the chunks; the model before, so that nothing has changed.
  CHECK_VIOLATION_IN(zone, unset_migratetype_isolate(zone, block(0), MigrateType::unmovable),
                     "than were counted");
}

TEST_CASE("unset_migratetype_isolate requires a page that the zone spans", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 16, .holes = {range(8, 10)}}};
  CHECK_VIOLATION_IN(zone, unset_migratetype_isolate(zone, Pfn{7}, MigrateType::movable),
                     "not in the zone");
  CHECK_VIOLATION_IN(zone, unset_migratetype_isolate(zone, Pfn{24}, MigrateType::movable),
                     "not in the zone");
  CHECK(set_migratetype_isolate(zone, Pfn{10}) == ok);
  unset_migratetype_isolate(zone, Pfn{8}, MigrateType::movable);  // in a hole of the block
  CHECK(types(zone) == "MM");
}

}  // namespace pageblock::test::page_isolation_cases
