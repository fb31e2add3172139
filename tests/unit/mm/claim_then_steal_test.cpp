// SPDX-License-Identifier: MIT
/// How v6.12 takes memory of other types: a claimed block, else a chunk by itself.
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::claim_then_steal_cases {
namespace {

using enum MigrateType;

// Blocks of 512 pages, in use but for some pages: on the LRU where is_movable. Lists give and keep nothing.
V6_12Zone used_but(const std::vector<PfnRange>& free, std::uint64_t nr_blocks, bool is_movable,
                   std::vector<BlockTypeRange> types = {}) {
  ZoneLayout layout{.spanned_pages = 512 * nr_blocks, .block_types = std::move(types)};
  std::uint64_t from = 0;
  for (const PfnRange& hole : free) {
    layout.in_use.push_back({.range = range(from, hole.start.value()), .lru = is_movable});
    from = hole.end.value();
  }
  layout.in_use.push_back({.range = range(from, 512 * nr_blocks), .lru = is_movable});
  V6_12Zone zone{layout};
  zone.set_pageset(1, 0);
  zone.set_watermarks({.high = 4000});
  return zone;
}

}  // namespace

TEST_CASE("a chunk is stolen by itself if no block can be claimed", "[fallback][v6_12]") {
  // Two chunks, of order 3 and 0, in movable blocks that are not worth claiming.
  V6_12Zone zone = used_but({range(8, 16), range(522, 523)}, 4, true);
  Events events;
  zone.tracer().events = &events;
  CHECK(alloc(zone, 0, unmovable) == 522);  // the smallest
  CHECK(free_list(zone, 3, movable) == Pfns{8});
  CHECK(types(zone) == "MMMM");
  CHECK(zone.nr_free_pages() == 8);
  CHECK(zone.pressure().watermark_boost == 2 * 512);  // once for each attempt
  CHECK(story(events) == "stolen 522/0");
  CHECK(verify(zone).empty());
}

TEST_CASE("the rest of a stolen chunk stays its type's", "[fallback][v6_12]") {
  V6_12Zone zone = used_but({range(8, 16), range(28, 30)}, 4, true);
  Pfns taken;
  for (int i = 0; i < 4; ++i) taken.push_back(alloc(zone, 0, unmovable));
  CHECK(taken == Pfns{28, 29, 8, 9});
  CHECK(free_list(zone, 1, movable) == Pfns{10});
  CHECK(free_list(zone, 2, movable) == Pfns{12});
  CHECK(zone.nr_free_pages() == 6);
  CHECK(verify(zone).empty());
}

TEST_CASE("a movable request stops to claim at small chunks", "[fallback][v6_12]") {
  // Nothing in the unmovable block is movable: 42 pages that are free are too few.
  V6_12Zone zone = used_but({range(8, 16), range(28, 30), range(256, 288)}, 4, false,
                            {{range(0, 2048), unmovable}});
  CHECK(alloc(zone, 0, movable) == 28);
  CHECK(zone.pressure().watermark_boost == 512);  // for the chunk of order 5 alone
  CHECK(free_list(zone, 0, unmovable) == Pfns{29});
  CHECK(free_list(zone, 5, unmovable) == Pfns{256});
  CHECK(types(zone) == "UUUU");
}

TEST_CASE("a block that is worth it is claimed, and asked for its smallest chunk",
          "[fallback][v6_12]") {
  V6_12Zone zone = used_but({range(0, 256), range(256, 260)}, 4, true);
  Events events;
  zone.tracer().events = &events;
  CHECK(alloc(zone, 0, unmovable) == 256);
  CHECK(free_list(zone, 0, unmovable) == Pfns{257});
  CHECK(free_list(zone, 1, unmovable) == Pfns{258});
  CHECK(free_list(zone, 8, unmovable) == Pfns{0});
  CHECK(types(zone) == "UMMM");
  CHECK(story(events) == "locked 256/0, claimed 256/8");
  CHECK(verify(zone).empty());
}

TEST_CASE("a chunk of several blocks is claimed as a whole, without a boost", "[fallback][v6_12]") {
  V6_12Zone zone = used_but({range(0, 1024)}, 4, true);
  Events events;
  zone.tracer().events = &events;
  CHECK(alloc(zone, 4, reclaimable) == 0);
  CHECK(types(zone) == "EEMM");
  CHECK(free_list(zone, 9, reclaimable) == Pfns{512});
  CHECK(free_list(zone, 4, reclaimable) == Pfns{16});
  CHECK(zone.pressure().watermark_boost == 0);
  CHECK(story(events) == "claimed 0/10");
  CHECK(zone.nr_free_pages() == 1008);
  CHECK(verify(zone).empty());
}

TEST_CASE("a request that must not fragment takes whole blocks or nothing", "[fallback][v6_12]") {
  constexpr unsigned flags = alloc_flags::no_fragment;
  V6_12Zone small = used_but({range(0, 256)}, 4, true);
  CHECK(!alloc_pages(small, cpu0, Order{0}, unmovable, flags));
  CHECK(small.pressure().watermark_boost == 0);
  V6_12Zone large = used_but({range(0, 512)}, 4, true);
  CHECK(alloc_pages(large, cpu0, Order{0}, unmovable, flags)->pfn() == Pfn{0});
  CHECK(types(large) == "UMMM");
}

TEST_CASE("a block that the zone cuts is never claimed", "[fallback][v6_12]") {
  // Block 0 is all free, but for the page before the zone; so is the last, but for its second half.
  SmallV6_12Zone zone{
      ZoneLayout{.start_pfn = Pfn{1}, .spanned_pages = 111, .in_use = {{range(32, 96)}}}};
  zone.set_pageset(1, 0);
  CHECK(alloc(zone, 4, unmovable) == 16);
  CHECK(types(zone) == "MMMM");
  CHECK(alloc(zone, 3, unmovable) == 8);
  CHECK(verify(zone).empty());
}

TEST_CASE("who could wake kswapd is remembered only if a claim may", "[fallback][v6_12]") {
  for (const unsigned flags : {0U, alloc_flags::kswapd}) {
    V6_12Zone zone = used_but({range(8, 16)}, 4, true);
    {
      const std::lock_guard guard{zone.lock()};
      CHECK(detail::rmqueue(zone, Order{0}, unmovable, flags) == Pfn{8});
    }
    CHECK(zone.pressure().boosted == (flags != 0));
    // Only a request that may wake it does.
    REQUIRE(alloc_pages(zone, cpu0, Order{0}, movable, alloc_flags::cma));
    CHECK(zone.pressure().boosted == (flags != 0));
    REQUIRE(alloc_pages(zone, cpu0, Order{0}, movable, alloc_flags::cma | alloc_flags::kswapd));
    CHECK(!zone.pressure().boosted);
  }
}

TEST_CASE("within a refill, what failed is not tried again", "[refill][v6_12]") {
  // After the first steal a claim would succeed: what is freed meanwhile does not matter, since the refill
  // holds the lock, so its traces are the boosts: one for each attempt to claim.
  V6_12Zone zone = used_but({range(8, 16), range(28, 30)}, 4, true);
  zone.set_pageset({.batch = 4, .high = 16, .high_max = 16});
  CHECK(alloc(zone, 0, unmovable) == 28);
  CHECK(pfns_of(zone.pcp(cpu0).list(unmovable)) == Pfns{29, 8, 9});
  CHECK(zone.pressure().watermark_boost == 2 * 512);
  CHECK(verify(zone).empty());
}

TEST_CASE("each page of a refill heeds how much of what is left is CMA's", "[refill][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 2048, .block_types = {{range(1024, 2048), cma}}}};
  zone.set_pageset({.batch = 8, .high = 32, .high_max = 32});
  CHECK(alloc(zone, 0, movable) == 0);
  CHECK(pfns_of(zone.pcp(cpu0).list(movable)) == Pfns{1024, 1, 1025, 2, 1026, 3, 1027});
  CHECK(zone.nr_free_pages() == 2040);
  CHECK(zone.nr_free_cma_pages() == 1020);
  // A movable request that may not use CMA gets one from the CPU's list all the same.
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable, 0U)->pfn() == Pfn{1024});
}

}  // namespace pageblock::test::claim_then_steal_cases
