// SPDX-License-Identifier: MIT
/// start_isolate_page_range(), undo_isolate_page_range().
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::page_isolation_range_cases {

namespace {

// Types U M M U with page 25, in block 3, reserved: a range that reaches block 3 is refused.
ZoneLayout refusing_at_block_3() {
  return {.spanned_pages = 32,
          .reserved = {range(25, 26)},
          .block_types = {{range(0, 8), MigrateType::unmovable},
                          {range(24, 32), MigrateType::unmovable}}};
}

}  // namespace

TEST_CASE("start_isolate_page_range isolates every block of the range", "[page_isolation]") {
  // block    0   1   2   3
  // before   M   M   M   M     order 4: movable [16 0]
  // after    I   I   I   M     order 4: isolate [16 0], the upper one with block 3 in it
  TinyZone zone{pages(32)};
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
  CHECK(types(zone) == "IIIM");
  CHECK(zone.nr_pageblock_isolate() == 3);
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{16, 0});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(cannot_alloc(zone, 0));
  CHECK(verify(zone).empty());
}

TEST_CASE("start_isolate_page_range of an empty range is ok and changes nothing",
          "[page_isolation]") {
  TinyZone zone{refusing_at_block_3()};
  const TinyZone before = zone;
  CHECK(start_isolate_page_range(zone, block(3), block(3), MigrateType::movable) == ok);
  CHECK(start_isolate_page_range(zone, block(3), block(1), MigrateType::movable) == ok);
  CHECK(zone == before);
}

TEST_CASE("start_isolate_page_range skips blocks that are all hole or outside the zone",
          "[page_isolation]") {
  // block    0      1       2     3
  //       outside   M    hole     M   outside ...
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 24, .holes = {range(16, 24)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(6), MigrateType::movable) == ok);
  CHECK(types(zone) == "IMI");
  CHECK(zone.nr_pageblock_isolate() == 2);
}

TEST_CASE("start_isolate_page_range is ok with a range without any memory", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .holes = {range(0, 8)}}};
  const TinyZone before = zone;
  CHECK(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == ok);
  CHECK(start_isolate_page_range(zone, block(7), block(9), MigrateType::movable) == ok);
  CHECK(zone == before);
}

TEST_CASE("start_isolate_page_range goes through the first valid page of each block",
          "[page_isolation]") {
  TracedZone zone{
      ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 20, .holes = {range(4, 6), range(8, 13)}}};
  Events events;
  zone.tracer().events = &events;
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
  const auto seen = only<trace::SetMigratetypeIsolate>(events);
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].pfn.value() == 6);
  CHECK(seen[1].pfn.value() == 13);
  CHECK(seen[2].pfn.value() == 16);
}

TEST_CASE("start_isolate_page_range gives all blocks back when one is refused",
          "[page_isolation]") {
  // block         0   1   2   3 (page 25 reserved)
  // before        U   M   M   U
  // isolated      I   I   I   x  -EBUSY
  // rolled back   M   M   M   U     the type of block 0 is lost
  TinyZone zone{refusing_at_block_3()};
  CHECK(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == "MMMU");
  CHECK(zone.nr_pageblock_isolate() == 0);
  for (unsigned order = 0; order < TinyConfig::max_order; ++order) {
    CHECK(free_list(zone, order, MigrateType::isolate).empty());
  }
  CHECK(zone.nr_free_pages() == 31);
  CHECK(verify(zone).empty());
}

TEST_CASE("start_isolate_page_range rolls back with the type it is told", "[page_isolation]") {
  TinyZone zone{refusing_at_block_3()};
  CHECK(start_isolate_page_range(zone, block(1), block(4), MigrateType::cma) == -Err::busy);
  CHECK(types(zone) == "UCCU");
}

TEST_CASE("start_isolate_page_range does nothing behind the refused block", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 24,
                           .reserved = {range(8, 9)},
                           .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  CHECK(set_migratetype_isolate(zone, block(2)) == ok);
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == "MUI");
  CHECK(zone.nr_pageblock_isolate() == 1);
}

TEST_CASE("start_isolate_page_range leaves the zone as it was when the first block is refused",
          "[page_isolation]") {
  TinyZone zone{refusing_at_block_3()};
  zone.set_pageset(4, 8);
  alloc(zone, 0);
  const TinyZone before = zone;
  CHECK(start_isolate_page_range(zone, block(3), block(4), MigrateType::movable) == -Err::busy);
  CHECK(zone == before);
}

TEST_CASE("start_isolate_page_range leaves another type behind in the example of six blocks",
          "[page_isolation]") {
  // Section 10: 0-47, page 33 reserved.
  // block     0   1   2   3   4   5
  // before    M   U   M   M   U   M    movable order 4 [16 0]
  // after     M   M   M   M   U   M    -EBUSY at block 4
  TinyZone zone{ZoneLayout{.spanned_pages = 48,
                           .reserved = {range(33, 34)},
                           .block_types = {{range(8, 16), MigrateType::unmovable},
                                           {range(32, 40), MigrateType::unmovable}}}};
  REQUIRE(types(zone) == "MUMMUM");
  TracedZone traced{ZoneLayout{.spanned_pages = 48,
                               .reserved = {range(33, 34)},
                               .block_types = {{range(8, 16), MigrateType::unmovable},
                                               {range(32, 40), MigrateType::unmovable}}}};
  Events events;
  traced.tracer().events = &events;
  for (const Status ret :
       {start_isolate_page_range(zone, Pfn{0}, Pfn{48}, MigrateType::movable),
        start_isolate_page_range(traced, Pfn{0}, Pfn{48}, MigrateType::movable)}) {
    CHECK(ret.to_errno() == -16);
  }
  CHECK(types(zone) == "MMMMUM");
  CHECK(only<trace::SetMigratetypeIsolate>(events).size() == 5);
  CHECK(only<trace::UnsetMigratetypeIsolate>(events).size() == 4);
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{16, 0});
}

TEST_CASE("start_isolate_page_range drains the CPUs even if it is refused later",
          "[page_isolation]") {
  TinyZone zone{refusing_at_block_3()};
  zone.set_pageset(4, 8);
  alloc(zone, 0);
  REQUIRE(zone.pcp(cpu0).count == 3);
  CHECK(start_isolate_page_range(zone, block(2), block(4), MigrateType::movable) == -Err::busy);
  CHECK(zone.pcp(cpu0).count == 0);
}

TEST_CASE("start_isolate_page_range requires whole pageblocks", "[page_isolation]") {
  TinyZone zone{pages(32)};
  const auto start = [&](std::uint64_t s, std::uint64_t e) {
    return start_isolate_page_range(zone, Pfn{s}, Pfn{e}, MigrateType::movable);
  };
  CHECK_VIOLATION_IN(zone, start(4, 16), "whole pageblocks");
  CHECK_VIOLATION_IN(zone, start(0, 12), "whole pageblocks");
  CHECK_VIOLATION_IN(zone, start(4, 4), "whole pageblocks");
}

TEST_CASE("start_isolate_page_range gives no block back that was never counted",
          "[page_isolation]") {
  // block    0                 1                   2
  // before | ISOLATE by hand | free | unmovable, page 16 in use |
  TinyZone zone{{.spanned_pages = 24,
                 .in_use = {{.range = range(16, 17)}},
                 .block_types = {{range(0, 8), MigrateType::isolate},
                                 {range(16, 24), MigrateType::unmovable}}}};
  // Block 0 is given back first, and takes the count of block 1.
  CHECK_VIOLATION(start_isolate_page_range(zone, Pfn{0}, Pfn{24}, MigrateType::movable),
                  "more blocks are isolated than were counted");
  CHECK(types(zone) == "MIU");
}

TEST_CASE("undo_isolate_page_range gives isolated blocks back and skips others",
          "[page_isolation]") {
  // block     0   1   2   3
  // before    U   I   M   I
  // after     U   M   M   M      also when the range is wider, or given back again
  TinyZone zone{ZoneLayout{.spanned_pages = 32,
                           .reserved = {range(7, 8), range(16, 17)},
                           .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(set_migratetype_isolate(zone, block(3)) == ok);
  REQUIRE(types(zone) == "UIMI");
  CHECK(undo_isolate_page_range(zone, block(0), block(8), MigrateType::movable) == ok);
  CHECK(types(zone) == "UMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(free_list(zone, 3, MigrateType::movable) == Pfns{24, 8});
  CHECK(verify(zone).empty());
  const TinyZone before = zone;
  CHECK(undo_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(zone == before);
}

TEST_CASE("undo_isolate_page_range leaves blocks outside the range isolated", "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(undo_isolate_page_range(zone, block(1), block(3), MigrateType::movable) == ok);
  CHECK(types(zone) == "IMMI");
  CHECK(zone.nr_pageblock_isolate() == 2);
}

TEST_CASE("undo_isolate_page_range makes memory available that was isolated", "[page_isolation]") {
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(cannot_alloc(zone, 4));
  CHECK(undo_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(alloc(zone, 4) == 0);
}

TEST_CASE("undo_isolate_page_range restores a zone whose list is walked in its own order",
          "[page_isolation]") {
  // Movable [48 32 16 0], the two in front isolated and given back: the zone is as before. With the
  // two at the end, they are in front afterwards.
  TinyZone zone{pages(64)};
  const TinyZone before = zone;
  CHECK(start_isolate_page_range(zone, Pfn{32}, Pfn{64}, MigrateType::movable) == ok);
  CHECK(zone != before);
  CHECK(undo_isolate_page_range(zone, Pfn{32}, Pfn{64}, MigrateType::movable) == ok);
  CHECK(zone == before);
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{32}, MigrateType::movable) == ok);
  CHECK(undo_isolate_page_range(zone, Pfn{0}, Pfn{32}, MigrateType::movable) == ok);
  CHECK(zone != before);
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{16, 0, 48, 32});
}

TEST_CASE("undo_isolate_page_range goes through the first valid page of a block",
          "[page_isolation]") {
  // Block 0 begins outside the zone, block 2 in a hole whose stored type is not ISOLATE.
  TinyZone zone{
      ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 20, .holes = {range(4, 6), range(16, 20)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
  REQUIRE(types(zone) == "IMI");  // stored: 4-11, 12-19, 20-23; found through 6, 8 and 20
  CHECK(undo_isolate_page_range(zone, block(0), block(3), MigrateType::unmovable) == ok);
  CHECK(types(zone) == "UMU");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("undo_isolate_page_range requires whole pageblocks", "[page_isolation]") {
  TinyZone zone{pages(32)};
  CHECK(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  const auto undo = [&](std::uint64_t s, std::uint64_t e) {
    return undo_isolate_page_range(zone, Pfn{s}, Pfn{e}, MigrateType::movable);
  };
  CHECK_VIOLATION_IN(zone, undo(4, 16), "whole pageblocks");
  CHECK_VIOLATION_IN(zone, undo(0, 12), "whole pageblocks");
}

TEST_CASE("undo_isolate_page_range changes nothing if more blocks are isolated than counted",
          "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 32}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  set_pageblock_migratetype(zone, block(2), MigrateType::isolate);  // behind the counter's back
  const auto undo = [&](unsigned end) {
    return undo_isolate_page_range(zone, block(0), block(end), MigrateType::movable);
  };
  CHECK_VIOLATION_IN(zone, undo(4), "more blocks are isolated");
  CHECK(undo(2) == ok);
}

TEST_CASE("undo_isolate_page_range counts a shared entry of types as often as it stays isolate",
          "[page_isolation]") {
  // The blocks 0 and 1 share the entry for the pages 4 to 11, which is isolated and counted once.
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 24}};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  REQUIRE(zone.nr_pageblock_isolate() == 1);
  CHECK_VIOLATION_IN(zone, undo_isolate_page_range(zone, block(0), block(2), MigrateType::isolate),
                     "more blocks are isolated");
  CHECK(undo_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("ranges far beyond the zone cost no more than the zone", "[page_isolation]") {
  constexpr Pfn far{std::uint64_t{1} << 63};
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{21}, .spanned_pages = 40}};
  CHECK(explain_isolate_range(zone, Pfn{0}, far) == std::nullopt);
  CHECK(start_isolate_page_range(zone, Pfn{0}, far, MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, far) == ok);
  CHECK(explain_test(zone, Pfn{0}, far) == std::nullopt);
  CHECK(test_pages_isolated(zone, Pfn{0} - 4, Pfn{0} - 1) == -Err::busy);
  CHECK(undo_isolate_page_range(zone, Pfn{0}, far, MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("ranges report a migratetype that is none", "[page_isolation]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 32}};
  constexpr auto none = static_cast<MigrateType>(7);
  CHECK_VIOLATION_IN(zone, start_isolate_page_range(zone, block(0), block(1), none), "no such");
  CHECK_VIOLATION_IN(zone, undo_isolate_page_range(zone, block(0), block(1), none), "no such");
  CHECK_VIOLATION_IN(zone, unset_migratetype_isolate(zone, block(0), none), "no such");
  CHECK_VIOLATION_IN(zone, set_pageblock_migratetype(zone, block(0), none), "no such");
}

}  // namespace pageblock::test::page_isolation_range_cases
