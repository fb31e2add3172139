// SPDX-License-Identifier: MIT
/// offline_isolated_pages(): section 6.
#include "pageblock/clients/memory_hotplug.hpp"

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::memory_hotplug_cases {

TEST_CASE("offline_isolated_pages takes the free chunks away and reserves their pages",
          "[memory_hotplug]") {
  // block       0      1       2      3
  // before  |  0 order 4   |  16 order 4  |
  // after   |  0           |  reserved    |
  TinyZone zone{pages(32)};
  CHECK(start_isolate_page_range(zone, block(2), block(4), MigrateType::movable) == ok);
  offline_isolated_pages(zone, block(2), block(4));
  CHECK(zone.nr_free_pages() == 16);
  CHECK(zone.nr_free(Order{4}) == 1);
  CHECK(free_list(zone, 4, MigrateType::isolate).empty());
  for (Pfn pfn = block(2); pfn < block(4); ++pfn) {
    CHECK(zone.page(pfn).is_reserved());
    CHECK(zone.page(pfn).count() == 0);
    CHECK_FALSE(zone.page(pfn).is_buddy());
  }
  CHECK_FALSE(zone.page(Pfn{15}).is_reserved());
  CHECK(zone.nr_pageblock_isolate() == 2);
  CHECK(zone.managed_pages() == 16);
  CHECK(zone.present_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_isolated_pages says how far the last chunk went", "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  CHECK(offline_isolated_pages(zone, Pfn{0}, Pfn{8}) == Pfn{16});
  CHECK(zone.managed_pages() == 16);
  CHECK(offline_isolated_pages(zone, Pfn{16}, Pfn{32}) == Pfn{32});
  CHECK(offline_isolated_pages(zone, Pfn{32}, Pfn{40}) == Pfn{40});
  CHECK(zone.managed_pages() == 0);
}

TEST_CASE("offline_isolated_pages takes chunks of all sizes, on whichever list they are",
          "[memory_hotplug]") {
  // page    0 1 2 . 4 . . . | 8 . . . . . . .
  //         0 x 1   order 2    order 3            chunks of block 0 on the isolate lists, of
  //             |---- offline ------------->|     block 1 on the movable list
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{.range = range(1, 2)}}}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  offline_isolated_pages(zone, Pfn{2}, Pfn{16});
  CHECK(zone.nr_free_pages() == 17);
  CHECK(zone.page(Pfn{2}).is_reserved());
  CHECK(zone.page(Pfn{15}).is_reserved());
  CHECK_FALSE(zone.page(Pfn{0}).is_reserved());
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_isolated_pages takes a chunk that reaches beyond the end as a whole",
          "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  offline_isolated_pages(zone, Pfn{0}, Pfn{8});
  CHECK(zone.nr_free_pages() == 16);
  CHECK(zone.page(Pfn{15}).is_reserved());
}

TEST_CASE("offline_isolated_pages skips holes and what is outside the zone", "[memory_hotplug]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 24, .holes = {range(12, 17)}}};
  offline_isolated_pages(zone, Pfn{0}, Pfn{64});
  CHECK(zone.nr_free_pages() == 0);
  CHECK_FALSE(zone.is_valid(Pfn{12}));
  CHECK(zone.page(Pfn{17}).is_reserved());
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_isolated_pages of an empty range changes nothing", "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  const TinyZone before = zone;
  offline_isolated_pages(zone, Pfn{16}, Pfn{16});
  offline_isolated_pages(zone, Pfn{32}, Pfn{64});
  CHECK(zone == before);
}

TEST_CASE("offline_isolated_pages leaves pages that nobody can free", "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  offline_isolated_pages(zone, Pfn{0}, Pfn{16});
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, Pfn{0}, Order{0}), "free already");
  CHECK(alloc(zone, 4) == 16);
  CHECK(cannot_alloc(zone, 0));
}

TEST_CASE("offline_isolated_pages makes no page records for whole blocks", "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  offline_isolated_pages(zone, Pfn{0}, Pfn{32});
  CHECK(zone.memmap().nr_records() == 0);
}

TEST_CASE("offline_isolated_pages takes zone.lock once", "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  offline_isolated_pages(zone, Pfn{0}, Pfn{32});
  CHECK(zone.lock().nr_acquired() == 1);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("offline_isolated_pages requires that every page of the range is free",
          "[memory_hotplug]") {
  // In use at the very end of the range, so that all that comes before could have gone.
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{.range = range(31, 32)}}}};
  CHECK_VIOLATION_IN(zone, offline_isolated_pages(zone, Pfn{0}, Pfn{32}), "not free");
  zone.set_pageset(4, 8);
  free(zone, 31);  // on a CPU's list
  CHECK_VIOLATION_IN(zone, offline_isolated_pages(zone, Pfn{0}, Pfn{32}), "not free");
  drain_all_pages(zone);
  offline_isolated_pages(zone, Pfn{0}, Pfn{32});
  CHECK(zone.nr_free_pages() == 0);
}

TEST_CASE("offline_isolated_pages requires that no chunk begins before the range",
          "[memory_hotplug]") {
  TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, offline_isolated_pages(zone, Pfn{8}, Pfn{32}), "not free");
}

}  // namespace pageblock::test::memory_hotplug_cases
