// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in isolate_block.hpp.
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::isolate_block_v6_1_cases {
namespace {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

}  // namespace

TEST_CASE("set_migratetype_isolate of v6.1 moves chunks to the tail in ascending order",
          "[page_isolation][v6_1]") {
  // Freed upward, downward and mixed: so they lie in other orders on their list.
  for (const Pfns& freed : {Pfns{2, 4, 6, 8}, Pfns{8, 6, 4, 2}, Pfns{4, 8, 2, 6}}) {
    NewZone zone{
        ZoneLayout{.spanned_pages = 64, .in_use = {{.range = {Pfn{0}, Pfn{64}}, .lru = true}}}};
    zone.set_pageset(1, 0);
    put_page(zone, cpu0, Pfn{40});
    for (const std::uint64_t pfn : freed) put_page(zone, cpu0, Pfn{pfn});
    put_page(zone, cpu0, Pfn{50});
    CHECK(set_migratetype_isolate(zone, Pfn{0}) == ok);
    CHECK(free_list(zone, 0, isolate) == Pfns{2, 4, 6, 8});
    CHECK(free_list(zone, 0, movable) == Pfns{50, 40});
    CHECK(zone.nr_free_pages() == 2);
    CHECK(verify(zone).empty());
    CHECK(set_migratetype_isolate(zone, Pfn{0}) == -Err::busy);
    CHECK(explain_isolate(zone, Pfn{0})->reason == Reason::block_isolated);
    unset_migratetype_isolate(zone, Pfn{0}, movable);
    CHECK(free_list(zone, 0, movable) == Pfns{50, 40, 2, 4, 6, 8});
    CHECK(zone.nr_free_pages() == 6);
  }
}

TEST_CASE("set_migratetype_isolate of v6.1 looks for unmovable pages in the range it is told",
          "[page_isolation][v6_1]") {
  const NewZone zone{ZoneLayout{.spanned_pages = 64, .in_use = {{range(40, 41)}, {range(50, 51)}}}};
  const auto isolate_for = [&](const PfnRange& wanted) {
    NewZone copy = zone;
    return set_migratetype_isolate(copy, Pfn{32}, {.range = wanted});
  };
  CHECK(isolate_for(range(41, 50)) == ok);
  CHECK(isolate_for(range(40, 41)) == -Err::busy);
  CHECK(isolate_for(range(41, 51)) == -Err::busy);
  CHECK(isolate_for(range(51, 100)) == ok);
  CHECK(isolate_for(range(0, 40)) == ok);
  CHECK(isolate_for(range(0, 32)) == ok);  // nothing of the block
  CHECK(isolate_for(range(64, 96)) == ok);
}

TEST_CASE("set_migratetype_isolate of v6.1 says that a block is CMA's", "[page_isolation][v6_1]") {
  const NewZone zone{ZoneLayout{.spanned_pages = 64, .block_types = {{range(0, 64), cma}}}};
  CHECK(explain_isolate_range(zone, Pfn{0}, Pfn{32}) ==
        Refusal{Stage::unmovable_check, Pfn{0}, Reason::cma});
  CHECK_FALSE(explain_isolate_range(zone, Pfn{0}, Pfn{32}, cma));
}

TEST_CASE("unset_migratetype_isolate of v6.1 merges a block with its buddy, at the tail",
          "[page_isolation][v6_1]") {
  NewZone zone{pages(192)};
  split_free_page_at(zone, Pfn{64}, Pfn{96});
  REQUIRE(free_list(zone, 6, movable) == Pfns{64, 0, 128});  // freed anew, to the head
  CHECK(start_isolate_page_range(zone, Pfn{64}, Pfn{96}, movable) == ok);
  REQUIRE(free_list(zone, 5, movable) == Pfns{96});
  unset_migratetype_isolate(zone, Pfn{64}, movable);
  CHECK(free_list(zone, 6, movable) == Pfns{0, 128, 64});
  CHECK(free_list(zone, 5, movable).empty());
  CHECK(zone.nr_free_pages() == 192);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::isolate_block_v6_1_cases
