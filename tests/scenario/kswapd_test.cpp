// SPDX-License-Identifier: MIT
/// Why v3.6 counts isolated pageblocks: kswapd slept over memory that nobody could get.
#include <cstdint>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/watermark.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

using namespace pageblock;
using namespace pageblock::test;

namespace {

// Eight blocks: the lower four are free, the upper four full of a program's pages.
ZoneLayout half_full() {
  return {.spanned_pages = 64, .in_use = {{.range = range(32, 64), .lru = true}}};
}

// What kswapd does until @p is_balanced: takes the program's pages one by one.
template <typename IsBalanced>
std::uint64_t reclaim(TinyZone& zone, IsBalanced is_balanced) {
  std::uint64_t nr_reclaimed = 0;
  while (!is_balanced() && nr_reclaimed < 32) {
    static_cast<void>(put_page(zone, cpu0, Pfn{32 + nr_reclaimed++}));
  }
  return nr_reclaimed;
}

}  // namespace

TEST_CASE("kswapd with the plain watermark sleeps while every request fails", "[scenario]") {
  // block      0 1 2 3 | 4 5 6 7
  //            isolated|  full       NR_FREE_PAGES is 32, and none of them can be had
  TinyZone zone{half_full()};
  zone.set_watermarks({.min = 4, .low = 6, .high = 8});
  REQUIRE(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(cannot_alloc(zone, 0));

  const auto plain = [&] { return zone_watermark_ok(zone, Order{0}, 8, 0, 0); };
  CHECK(reclaim(zone, plain) == 0);
  CHECK(cannot_alloc(zone, 0));  // and so it would go on for ever
}

TEST_CASE("kswapd with the safe watermark reclaims until there is memory outside isolation",
          "[scenario]") {
  TinyZone zone{half_full()};
  zone.set_watermarks({.min = 4, .low = 6, .high = 8});
  REQUIRE(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(nr_zone_isolate_freepages(zone) == 32);

  const auto safe = [&] { return zone_watermark_ok_safe(zone, Order{0}, 8, 0, 0); };
  CHECK(reclaim(zone, safe) == 9);  // 41 - 32 > 8
  CHECK(alloc(zone, 0) == 40);      // 32 to 39 are a chunk of order 3, 40 a page

  // After the isolation both see the same.
  CHECK(undo_isolate_page_range(zone, block(0), block(4), MigrateType::movable) == ok);
  CHECK(safe());
  CHECK(zone_watermark_ok(zone, Order{0}, 39, 0, 0));
  CHECK(zone_watermark_ok_safe(zone, Order{0}, 39, 0, 0));
}

TEST_CASE("kswapd with the safe watermark reclaims too much when isolated blocks are full",
          "[scenario]") {
  // Every isolated block is charged as if it were free: a full one takes 8 pages off twice.
  TinyZone zone{half_full()};
  REQUIRE(start_isolate_page_range(zone, block(4), block(8), MigrateType::movable) == ok);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(zone_watermark_ok(zone, Order{0}, 8, 0, 0));
  CHECK_FALSE(zone_watermark_ok_safe(zone, Order{0}, 8, 0, 0));
  CHECK(alloc(zone, 4) == 16);  // half the zone is free all the while
}
