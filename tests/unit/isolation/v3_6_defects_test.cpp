// SPDX-License-Identifier: MIT
/// The flaws of v3.6 that its profile keeps on purpose: one test for each, numbered as in
/// search/README.md, each showing what follows from the flaw on the smallest zone that shows it.
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/watermark.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::v3_6_defects_cases {

TEST_CASE("defect 1: watermarks pass on isolated memory that nobody can get", "[defects]") {
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(zone.nr_free_pages() == 16);
  CHECK(zone_watermark_ok(zone, Order{0}, 8, 0, 0));
  CHECK(cannot_alloc(zone, 0));
  CHECK_FALSE(zone_watermark_ok_safe(zone, Order{0}, 8, 0, 0));  // kswapd sees it
}

TEST_CASE("defect 2: a page on a CPU's list leaves the isolated block for its old list",
          "[defects]") {
  // page        0       1 ...
  // before    CPU 0   in use     private 2 (movable), written when the block was movable
  // isolate   free    in use     order 0, movable [0], in an isolated block
  TinyZone zone{pages_in_use(8)};
  zone.set_pageset(4, 8);
  free(zone, 0);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(types(zone) == "I");
  CHECK(free_list(zone, 0, MigrateType::movable) == Pfns{0});
  CHECK(alloc(zone, 0) == 0);
}

namespace {

// A lock that calls a function when it was released.
struct ReleaseHook {
  static inline std::function<void()> after_release;
  void lock() {}
  void unlock() {
    if (const auto call = std::exchange(after_release, nullptr)) call();
  }
  [[nodiscard]] bool is_held() const { return true; }
};

}  // namespace

TEST_CASE("defect 3: a page of an isolated block is allocated before the drain reaches it",
          "[defects]") {
  // CPU 0                               CPU 1, which has page 0 on its list
  // lock, isolate block 0, unlock
  //                                     allocates page 0
  // drain all CPUs: too late
  struct HookConfig : TinyConfig {
    using Lock = ReleaseHook;
  };
  ZoneLayout layout = pages_in_use(8);
  layout.nr_cpus = 2;
  Zone<HookConfig> zone{layout};
  zone.set_pageset(4, 8);
  free_pages(zone, cpu1, Pfn{0}, Order{0});
  std::uint64_t got = 99;
  std::string types_then;
  ReleaseHook::after_release = [&] {
    types_then = types(zone);
    got = alloc_pages(zone, cpu1, Order{0}, MigrateType::movable).value().pfn().value();
  };
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(types_then == "I");
  CHECK(got == 0);
  CHECK(test_pages_isolated(zone, block(0), block(1)) == -Err::busy);
}

TEST_CASE("defect 4: a freed chunk takes its isolated neighbour along", "[defects]") {
  // block          0          1
  // before     in use      order 3, isolated
  // free 0   |      order 4, movable      |   all of it can be allocated
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .in_use = {{.range = range(0, 1)}}}};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(free_list(zone, 3, MigrateType::isolate) == Pfns{8});
  free(zone, 0);
  CHECK(types(zone) == "MI");
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{0});
  CHECK(alloc(zone, 4) == 0);
}

TEST_CASE("defect 4: a freed page of an isolated block takes its neighbour block hostage",
          "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .in_use = {{.range = range(0, 1)}}}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  free(zone, 0);
  CHECK(types(zone) == "IM");
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{0});
  CHECK(cannot_alloc(zone, 0));  // though block 1 is free and movable
}

TEST_CASE("defect 5: the upper block of a free chunk is isolated and stays allocatable",
          "[defects]") {
  TinyZone zone{pages(16)};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(types(zone) == "MI");
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{0});
  CHECK(alloc(zone, 4) == 0);
}

TEST_CASE("defect 6: a steal retypes an isolated block behind the counter's back", "[defects]") {
  // block      0   1
  // isolate    M   I     one chunk of order 4 on the movable list
  // steal      U   U     the counter stays 1 for good
  TinyZone zone{pages(16)};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  alloc(zone, 0, MigrateType::unmovable);
  CHECK(types(zone) == "UU");
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(undo_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(nr_zone_isolate_freepages(zone) == 8);
  CHECK(zone_watermark_ok(zone, Order{0}, 10, 0, 0));
  CHECK_FALSE(zone_watermark_ok_safe(zone, Order{0}, 10, 0, 0));
}

TEST_CASE("defect 7: pages of a reserve block go back to other lists", "[defects]") {
  // A refill takes 4 pages of the reserve; 3 are not used and drained, but not to the reserve.
  TinyZone zone{
      ZoneLayout{.spanned_pages = 8, .block_types = {{range(0, 8), MigrateType::reserve}}}};
  zone.set_pageset(4, 8);
  CHECK(alloc(zone, 0, MigrateType::unmovable) == 0);
  drain_all_pages(zone);
  CHECK(types(zone) == "R");
  CHECK(free_list(zone, 2, MigrateType::reserve) == Pfns{4});
  CHECK(free_list(zone, 0, MigrateType::unmovable) == Pfns{1});
  CHECK(free_list(zone, 1, MigrateType::unmovable) == Pfns{2});
}

TEST_CASE("defect 8: two users share one isolation, and the first undo ends both", "[defects]") {
  TinyZone zone{pages(16)};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 2);
  CHECK(undo_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(types(zone) == "MM");
  CHECK(test_pages_isolated(zone, block(0), block(2)) == -Err::busy);
}

TEST_CASE("defect 9: neither a notifier's errno nor the page in the way is told", "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .reserved = {range(12, 13)},
                           .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  const auto call = [](void*, MemoryIsolateNotify& arg) {
    return arg.start_pfn == Pfn{0} ? notifier_from_errno(-Err::nomem) : notify::okay;
  };
  register_memory_isolate_notifier(zone, {call});
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
  CHECK(set_migratetype_isolate(zone, block(1)) == -Err::busy);
  // What the kernel does not say, the model does.
  CHECK(explain_isolate(zone, block(0)) == Refusal{Stage::notifier, Pfn{0}, Reason::notifier});
  CHECK(explain_isolate(zone, block(1)) ==
        Refusal{Stage::unmovable_check, Pfn{12}, Reason::reserved});
}

TEST_CASE("defect 10: a roll back releases blocks that somebody else had isolated", "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .reserved = {range(8, 9)},
                           .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == "MU");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("defect 10: alloc_contig_range releases blocks that somebody else had isolated",
          "[defects]") {
  TinyZone zone{pages(32)};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(alloc_contig_range(zone, cpu0, Pfn{0}, Pfn{4}, MigrateType::movable) == ok);
  CHECK(types(zone) == "MMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("defect 11: roll back and undo forget the type that a block had", "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .reserved = {range(8, 9)},
                           .block_types = {{range(0, 16), MigrateType::unmovable}}}};
  TinyZone refused = zone;
  CHECK(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == ok);
  CHECK(undo_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == ok);
  CHECK(types(zone) == "MU");
  CHECK(start_isolate_page_range(refused, block(0), block(2), MigrateType::movable) == -Err::busy);
  CHECK(types(refused) == "MU");
}

// Defect 12 is a wild read, which a model cannot show: it promises that a first page in a hole is
// as good as any other page of the block, and that nothing happens where it lies below the zone.

TEST_CASE("defect 12: a roll back gives a block back whose first page is in a hole", "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .holes = {range(0, 2)},
                           .reserved = {range(8, 9)},
                           .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == "MU");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("defect 12: a roll back leaves a block isolated whose first page is below the zone",
          "[defects]") {
  // zone starts at 4:  [4, 8) is isolated through page 4; page 8 has the same stored block, refuses
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 12, .reserved = {range(9, 10)}}};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == "IM");
  CHECK(zone.nr_pageblock_isolate() == 1);
}

TEST_CASE("defect 13: a block is refused for a page of the next one", "[defects]") {
  // block      0 (unmovable)         1
  //         hhhh....              .r......
  // scan        |---------------->|           from 4, the first valid page, to 11
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .holes = {range(0, 4)},
                           .reserved = {range(9, 10)},
                           .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == -Err::busy);
  CHECK(has_unmovable_pages(zone, Pfn{4}, 0));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{4}, 1));
  const auto balloon = [](void*, MemoryIsolateNotify& arg) {
    arg.pages_found = 1;
    return notify::okay;
  };
  register_memory_isolate_notifier(zone, {balloon});
  CHECK(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable) == ok);
}

TEST_CASE("defect 14: a movable block with a pinned page is isolated and never gets empty",
          "[defects]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16,
                           .reserved = {range(3, 4), range(12, 13)},
                           .block_types = {{range(8, 16), MigrateType::cma}}}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(test_pages_isolated(zone, block(0), block(1)) == -Err::busy);
  CHECK(test_pages_isolated(zone, block(1), block(2)) == -Err::busy);
}

TEST_CASE("defect 15: a used tail page with a stale mark passes as isolated", "[defects]") {
  // The example of section 10, with pages 0 and 1. Both are freed into an isolated block, which
  // marks them 5; 1 merges as the upper half and keeps the mark, also when it is in use again.
  TinyZone zone{ZoneLayout{.spanned_pages = 8, .reserved = {range(2, 8)}}};
  CHECK(alloc(zone, 1) == 0);
  split_page(zone, Pfn{0}, Order{1});
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  free(zone, 0);
  free(zone, 1);
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  CHECK(alloc(zone, 1) == 0);
  CHECK(zone.page(Pfn{1}).page_private() == 5);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(test_pages_isolated(zone, Pfn{0}, Pfn{2}).to_errno() == -16);
  CHECK(test_pages_isolated(zone, Pfn{1}, Pfn{2}) == ok);
  split_page(zone, Pfn{0}, Order{1});  // now page 1 has count 1, and the mark counts no more
  CHECK(zone.page(Pfn{1}).page_private() == 5);
  CHECK(test_pages_isolated(zone, Pfn{1}, Pfn{2}) == -Err::busy);
}

TEST_CASE("defect 16: the type is written for one set of pages and the chunks of another move",
          "[defects]") {
  // zone            4 . . . 8 . . . 12 . . . 16 . . . 20
  // stored blocks   |----- 0 ------|------ 1 -------|
  // isolate 8:      |--- ISOLATE --|
  // moved                  |--- chunk 8 -----|
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 16}};
  CHECK(set_migratetype_isolate(zone, Pfn{8}) == ok);
  CHECK(get_pageblock_migratetype(zone, Pfn{4}) == MigrateType::isolate);
  CHECK(free_list(zone, 2, MigrateType::movable) == Pfns{16, 4});
  CHECK(get_pageblock_migratetype(zone, Pfn{12}) == MigrateType::movable);
  CHECK(free_list(zone, 3, MigrateType::isolate) == Pfns{8});
}

// Defect 17: in the kernel the range that is tested can begin at a page that has nothing to do with
// the request. A page that no free chunk covers cannot be allocated anyway, so without threads the
// answer is the same; what is wrong is the page that is blamed.

TEST_CASE("defect 17: alloc_contig_range blames a page outside the range", "[defects]") {
  // page     0 . 2 . | 4  5  6  7 |       order 0: 4 is free, 5 and 6 are in use
  // asked for                [6, 8)
  // tested            [4,      8)          4 is a head, found from 6, but does not reach it
  TracedZone zone{ZoneLayout{.spanned_pages = 16, .in_use = {{.range = range(5, 7)}}}};
  REQUIRE(free_list(zone, 0, MigrateType::movable) == Pfns{7, 4});
  Events events;
  zone.tracer().events = &events;
  CHECK(alloc_contig_range(zone, cpu0, Pfn{6}, Pfn{8}, MigrateType::movable) == -Err::busy);
  const auto tests = only<trace::TestPagesIsolated>(events);
  REQUIRE(tests.size() == 1);
  CHECK(tests[0].start_pfn.value() == 4);
  CHECK(tests[0].fin_pfn.value() == 5);
}

TEST_CASE("defect 18: free pages of a block cut by the zone's end do not move", "[defects]") {
  TinyZone zone{pages(12)};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(types(zone) == "MI");
  CHECK(free_list(zone, 2, MigrateType::movable) == Pfns{8});
  CHECK(test_pages_isolated(zone, block(1), block(2)) == ok);
  CHECK(alloc(zone, 2) == 8);
}

}  // namespace pageblock::test::v3_6_defects_cases
