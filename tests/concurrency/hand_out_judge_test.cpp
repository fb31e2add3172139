// SPDX-License-Identifier: MIT
/// Each explanation in its shortest sequence, and mistakes made by hand that have none.
#include "concurrency/hand_out_judge.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test {
namespace {

using enum MigrateType;
using CourtConfig = Judged<TinyConfig>;
using Rows = std::map<Why, std::uint64_t>;

// A zone with its judge, and calls of thread 0 on CPU 0.
struct Court {
  explicit Court(const ZoneLayout& layout) : zone{layout} {
    zone.set_pageset(4, 16);
    judge.enter(0);
  }

  void alloc(unsigned order, MigrateType type = movable) {
    static_cast<void>(judge.alloc(0, cpu0, Order{order}, type));
  }
  void free(std::uint64_t pfn, unsigned order = 0) { judge.free(0, cpu0, Pfn{pfn}, Order{order}); }
  Status start(PfnRange blocks, unsigned thread = 0) {
    return judge.start(thread, blocks, movable);
  }
  void undo(PfnRange blocks, unsigned thread = 0) { judge.undo(thread, blocks, movable); }

  // What set_migratetype_isolate() does under the lock, the move on request.
  void type_as_isolate(Pfn pfn, bool moves) {
    const std::lock_guard guard{zone.lock()};
    set_pageblock_migratetype(zone, pfn, isolate);
    zone.mod_nr_pageblock_isolate(1);
    if (moves) move_freepages_block(zone, pfn, isolate);
    zone.trace(trace::SetMigratetypeIsolate{pfn, ok});
  }

  Zone<CourtConfig> zone;
  HandOutJudge<CourtConfig> judge{zone};
};

ZoneLayout all_in_use(std::uint64_t nr_pages) {
  ZoneLayout layout = pages_in_use(nr_pages);
  layout.nr_cpus = 2;
  return layout;
}

}  // namespace

TEST_CASE("HandOutJudge names a page drained to the list of its stale private", "[judge]") {
  Court court{all_in_use(32)};
  court.free(16);  // on the CPU's list; drained behind the move
  REQUIRE(court.start(range(16, 24)) == ok);
  court.free(17, 0);  // merges with 16, and takes it to the isolate list
  court.alloc(0);
  CHECK(court.judge.handed_out().empty());

  Court other{all_in_use(32)};
  other.free(17);
  REQUIRE(other.start(range(16, 24)) == ok);
  other.alloc(0);
  CHECK(other.judge.handed_out() == Rows{{Why::stale_private, 1}});
}

TEST_CASE("HandOutJudge names a page handed out before the drain", "[judge]") {
  Court court{all_in_use(32)};
  court.free(16);
  court.type_as_isolate(Pfn{16}, true);  // the drain is still to come
  court.alloc(0);
  CHECK(court.judge.handed_out() == Rows{{Why::not_drained_yet, 1}});
}

TEST_CASE("HandOutJudge names pages that a neighbour's free takes along", "[judge]") {
  Court court{pages(32)};
  court.alloc(3);  // page 16
  court.alloc(3);  // page 24
  court.free(24, 3);
  REQUIRE(court.start(range(24, 32)) == ok);
  court.free(16, 3);  // one chunk of order 4 on the movable list
  court.alloc(4);
  CHECK(court.judge.handed_out() == Rows{{Why::merged_across_blocks, 8}});
}

TEST_CASE("HandOutJudge names pages that a neighbour's undo takes along", "[judge]") {
  Court court{pages(32)};
  REQUIRE(court.start(range(0, 32)) == ok);
  REQUIRE(court.start(range(16, 24), 1) == ok);
  court.undo(range(16, 24), 1);  // moves chunk 16 of order 4; thread 0 still holds both blocks
  court.alloc(4);
  CHECK(court.judge.handed_out() ==
        Rows{{Why::merged_across_blocks, 8}, {Why::undone_by_another, 8}});
}

TEST_CASE("HandOutJudge names pages of a chunk that begins in an earlier block", "[judge]") {
  Court court{pages(32)};
  REQUIRE(court.start(range(8, 16)) == ok);
  court.alloc(4);
  court.alloc(4);
  CHECK(court.judge.handed_out() == Rows{{Why::begins_before, 8}});
}

TEST_CASE("HandOutJudge names blocks that a steal retyped", "[judge]") {
  Court court{pages(16)};
  REQUIRE(court.start(range(8, 16)) == ok);
  court.alloc(1, unmovable);  // takes chunk 0 and retypes both blocks
  CHECK(court.judge.handed_out().empty());
  CHECK(court.judge.nr_retyped() == 1);
  court.alloc(3, unmovable);
  CHECK(court.judge.handed_out() == Rows{{Why::stolen, 8}});
}

TEST_CASE("HandOutJudge names chunks of an isolated block that a steal moved", "[judge]") {
  // Page 16 comes back to the movable list, chunk 18 of order 1 to the isolate list. A request that
  // finds 16 moves all free chunks of its block; 3 pages are no reason to claim the block.
  Court court{all_in_use(32)};
  court.zone.set_pageset(1, 16);
  court.free(16);
  REQUIRE(court.start(range(16, 24)) == ok);
  court.free(18);
  court.free(19);
  court.alloc(0, reclaimable);
  CHECK(types(court.zone) == "MMIM");
  court.alloc(1, reclaimable);
  CHECK(court.judge.handed_out() == Rows{{Why::stale_private, 1}, {Why::stolen, 2}});
}

TEST_CASE("HandOutJudge names who released a block that another holds", "[judge]") {
  ZoneLayout layout = pages(64);  // pages 0 to 31 are isolated
  layout.reserved = {range(33, 34)};
  layout.block_types = {{range(32, 40), unmovable}};
  Court undone{layout};
  REQUIRE(undone.start(range(0, 16), 0) == ok);
  REQUIRE(undone.start(range(0, 16), 1) == ok);
  undone.undo(range(0, 16), 1);
  undone.alloc(4);
  CHECK(undone.judge.handed_out() == Rows{{Why::undone_by_another, 16}});

  Court rolled_back{layout};
  REQUIRE(rolled_back.start(range(0, 32), 0) == ok);
  REQUIRE(rolled_back.start(range(0, 40), 1) == -Err::busy);
  rolled_back.alloc(4);
  rolled_back.alloc(4);
  rolled_back.alloc(4);
  CHECK(rolled_back.judge.handed_out() == Rows{{Why::rolled_back_by_another, 32}});
}

TEST_CASE("HandOutJudge names pages of blocks that the zone's ends cut", "[judge]") {
  // 16..31 is one chunk, 32..39 another; the last block, 40..43, is cut.
  Court cut{pages(44)};
  REQUIRE(cut.start(range(0, 48)) == ok);
  cut.alloc(2);
  CHECK(cut.judge.handed_out() == Rows{{Why::cut_by_zone_end, 4}});

  // Types count from page 4: entry 0 is 4..11, but the move of page 4's block sees 4..7 only.
  Court unaligned{{.start_pfn = Pfn{4}, .spanned_pages = 28}};
  REQUIRE(unaligned.start(range(0, 8)) == ok);
  unaligned.alloc(3);
  CHECK(unaligned.judge.handed_out() == Rows{{Why::unaligned_zone, 4}});
}

TEST_CASE("HandOutJudge has no explanation for chunks that an isolation did not move", "[judge]") {
  Court court{pages(32)};
  court.type_as_isolate(Pfn{16}, false);
  court.alloc(4);
  CHECK(court.judge.handed_out() == Rows{{Why::unexplained, 8}});
  REQUIRE(court.judge.unexplained().size() == 8);
  CHECK(court.judge.unexplained()[0].find("page 16 ") == 0);
}

TEST_CASE("HandOutJudge has no explanation for a type that changed behind its back", "[judge]") {
  Court court{pages(32)};
  set_pageblock_migratetype(court.zone, Pfn{16}, isolate);
  court.alloc(4);
  CHECK(court.judge.handed_out() == Rows{{Why::unexplained, 8}});
}

TEST_CASE("HandOutJudge has no explanation for pages freed to another list", "[judge]") {
  Court court{all_in_use(32)};
  REQUIRE(court.start(range(16, 24)) == ok);
  {
    const std::lock_guard guard{court.zone.lock()};
    court.zone.memmap().set_count(Pfn{16}, 0);
    detail::free_one_page(court.zone, Pfn{16}, Order{0}, movable);
    court.zone.trace(trace::MmPageFreeZoneLocked{Pfn{16}, Order{0}, movable});
  }
  court.alloc(0);
  CHECK(court.judge.handed_out() == Rows{{Why::unexplained, 1}});
}

TEST_CASE("HandOutJudge has no explanation for a page that was not drained", "[judge]") {
  Court court{all_in_use(32)};
  court.free(16);
  court.type_as_isolate(Pfn{16}, true);
  court.judge.hold(0);  // though no list was drained
  court.alloc(0);
  CHECK(court.judge.handed_out() == Rows{{Why::unexplained, 1}});
}

TEST_CASE("HandOutJudge has no explanation for a page freed to a CPU's list in isolation",
          "[judge]") {
  Court court{all_in_use(32)};
  REQUIRE(court.start(range(16, 24)) == ok);
  set_pageblock_migratetype(court.zone, Pfn{16}, movable);  // as a free that does not look
  court.free(16);
  set_pageblock_migratetype(court.zone, Pfn{16}, isolate);
  SECTION("and handed out") { court.alloc(0); }
  SECTION("and drained") {
    drain_all_pages(court.zone);
    court.alloc(0);
  }
  CHECK(court.judge.handed_out() == Rows{{Why::unexplained, 1}});
}

}  // namespace pageblock::test
