// SPDX-License-Identifier: MIT
/// How v6.12 isolates: what reaches beyond a block is cut, and a block that the zone cuts is refused.
#include <cstdint>
#include <mutex>

#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::cut_to_block_cases {
namespace {

using enum MigrateType;

}  // namespace

TEST_CASE("an isolated range is in blocks, and one again when it is given back",
          "[page_isolation][v6_12]") {
  V6_12Zone zone{pages(8192)};
  const Pfns before = free_list(zone, 10, movable);
  REQUIRE(start_isolate_page_range(zone, Pfn{2048}, Pfn{4096}, movable) == ok);
  CHECK(free_list(zone, 9, isolate) == Pfns{3584, 2048, 2560, 3072});
  CHECK(free_list(zone, 10, isolate).empty());
  CHECK(zone.nr_free_pages() == 8192 - 2048);
  CHECK(zone.nr_pageblock_isolate() == 4);
  CHECK(verify(zone).empty());
  REQUIRE(undo_isolate_page_range(zone, Pfn{2048}, Pfn{4096}, movable) == ok);
  CHECK(free_list(zone, 10, movable) == Pfns{0, 1024, 4096, 5120, 6144, 7168, 2048, 3072});
  CHECK(zone.nr_free_pages() == 8192);
  CHECK(verify(zone).empty());
}

TEST_CASE("a range that cuts a chunk at each end leaves the rest", "[page_isolation][v6_12]") {
  V6_12Zone zone{pages(4096)};
  REQUIRE(start_isolate_page_range(zone, Pfn{512}, Pfn{1536}, movable) == ok);
  CHECK(free_list(zone, 9, isolate) == Pfns{1024, 512});
  CHECK(free_list(zone, 9, movable) == Pfns{1536, 0});
  CHECK(verify(zone).empty());
}

TEST_CASE("of a chunk over two isolated blocks each half goes back by itself",
          "[page_isolation][v6_12]") {
  V6_12Zone zone{
      ZoneLayout{.spanned_pages = 2048, .in_use = {{.range = range(0, 1024), .lru = true}}}};
  REQUIRE(start_isolate_page_range(zone, Pfn{0}, Pfn{1024}, movable) == ok);
  for (std::uint64_t pfn = 0; pfn < 1024; ++pfn) put_page(zone, cpu0, Pfn{pfn});
  REQUIRE(free_list(zone, 10, isolate) == Pfns{0});  // what is freed merges
  REQUIRE(zone.nr_free_pages() == 1024);
  unset_migratetype_isolate(zone, Pfn{0}, unmovable);
  CHECK(types(zone) == "UIMM");
  CHECK(free_list(zone, 9, unmovable) == Pfns{0});
  CHECK(free_list(zone, 9, isolate) == Pfns{512});
  CHECK(zone.nr_free_pages() == 1536);
  CHECK(verify(zone).empty());
  // The other joins it, and brings its type.
  unset_migratetype_isolate(zone, Pfn{512}, reclaimable);
  CHECK(types(zone) == "EEMM");
  CHECK(free_list(zone, 10, reclaimable) == Pfns{0});
  CHECK(zone.nr_free_pages() == 2048);
  CHECK(verify(zone).empty());
}

TEST_CASE("a page behind the block's first does not see a chunk that begins there",
          "[page_isolation][v6_12]") {
  V6_12Zone zone{pages(2048)};
  REQUIRE(set_migratetype_isolate(zone, Pfn{7}) == ok);
  CHECK(free_list(zone, 10, isolate) == Pfns{0});
  CHECK(types(zone) == "IMMM");
  // One that begins before the block is seen.
  REQUIRE(set_migratetype_isolate(zone, Pfn{1543}) == ok);
  CHECK(free_list(zone, 9, isolate) == Pfns{1536});
  CHECK(free_list(zone, 9, movable) == Pfns{1024});
}

TEST_CASE("a block that the zone cuts is not isolated", "[page_isolation][v6_12]") {
  SmallV6_12Zone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 72}};  // to 80
  for (const std::uint64_t pfn : {std::uint64_t{8}, std::uint64_t{64}}) {
    // In the range that is asked for nothing is in the way.
    const IsolateRequest request{.range = range(pfn, pfn + 16)};
    CHECK(set_migratetype_isolate(zone, Pfn{pfn}, request) == -Err::busy);
    const auto refusal = explain_isolate(zone, Pfn{pfn}, request);
    REQUIRE(refusal);
    CHECK(*refusal == Refusal{Stage::mark, Pfn{pfn}, Reason::block_cut});
    CHECK(to_string(refusal->reason) == "in a pageblock that the zone cuts");
  }
  CHECK(types(zone) == "MMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(set_migratetype_isolate(zone, Pfn{32}) == ok);
  CHECK(verify(zone).empty());
}

TEST_CASE("a compound page across a border refuses the range, and stays",
          "[page_isolation][v6_12]") {
  V6_12Zone zone{pages(4096)};
  REQUIRE(alloc(zone, 10) == 0);
  prep_compound_page(zone, Pfn{0}, Order{10});
  set_page_lru(zone, Pfn{0}, true);
  const V6_12Zone before = zone;
  CHECK(start_isolate_page_range(zone, Pfn{512}, Pfn{2048}, movable) == -Err::busy);
  CHECK(zone == before);
  CHECK(explain_isolate_range(zone, Pfn{512}, Pfn{2048})->pfn == Pfn{0});
}

TEST_CASE("a chunk put back across a block isolated meanwhile stays in one piece",
          "[page_isolation][v6_12]") {
  V6_12Zone zone{pages(2048)};
  {
    const std::lock_guard guard{zone.lock()};
    REQUIRE(isolate_free_page(zone, Pfn{0}) == 1024);
  }
  REQUIRE(set_migratetype_isolate(zone, Pfn{512}) == ok);
  {
    const std::lock_guard guard{zone.lock()};
    putback_isolated_page(zone, Pfn{0}, Order{10}, movable);
  }
  CHECK(free_list(zone, 10, movable) == Pfns{1024, 0});
  CHECK(verify(zone).empty());  // a defect of the kernel, not of the zone
  CHECK(alloc(zone, 10) == 1024);
  CHECK(alloc(zone, 10) == 0);
}

TEST_CASE("verify says of v6.12 where a chunk is on another list than its block's type",
          "[verify][v6_12]") {
  V6_12Zone zone{pages(2048)};
  set_pageblock_migratetype(zone, Pfn{0}, reclaimable);
  const auto violations = verify(zone);
  REQUIRE(violations.size() == 1);
  CHECK(violations[0] == "order 10 Movable: chunk 0 has a block of type Reclaimable");
  V6_12Zone ungrouped{ZoneLayout{.spanned_pages = 2048, .mobility_grouping = false}};
  set_pageblock_migratetype(ungrouped, Pfn{0}, reclaimable);
  CHECK(verify(ungrouped).empty());
}

}  // namespace pageblock::test::cut_to_block_cases
