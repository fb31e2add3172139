// SPDX-License-Identifier: MIT
/// offline_pages() and online_pages(), which came after v3.6.
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::memory_hotplug_v6_1_cases {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

TEST_CASE("offline_pages and online_pages take memory away and bring it",
          "[memory_hotplug][v6_1]") {
  NewZone zone{pages(128)};
  zone.set_pageset(4, 16);
  const auto page = alloc_pages(zone, cpu0, Order{0}, movable);  // leaves pages on a list
  CHECK(offline_pages(zone, Pfn{64}, 64) == ok);
  CHECK(zone.present_pages() == 64);
  CHECK(zone.managed_pages() == 64);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(zone.nr_free_pages() == 63);
  CHECK_FALSE(zone.is_valid(Pfn{64}));
  CHECK(zone.pcp(cpu0).high == 16);
  CHECK(verify(zone).empty());

  CHECK(offline_pages(zone, Pfn{64}, 64) == -Err::inval);  // a hole by now
  CHECK(offline_pages(zone, Pfn{0}, 33) == -Err::inval);
  CHECK(offline_pages(zone, Pfn{0}, 0) == -Err::inval);
  CHECK(offline_pages(zone, Pfn{0}, 64) == -Err::busy);
  CHECK(types(zone).substr(0, 2) == "MM");
  CHECK(online_pages(zone, Pfn{0}, 32) == -Err::inval);  // has memory

  CHECK(online_pages(zone, Pfn{64}, 64) == ok);
  CHECK(free_list(zone, 6, movable) == Pfns{64});
  CHECK(types(zone) == "MMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(zone.nr_free_pages() == 127);
  free_pages(zone, cpu0, page->pfn(), Order{0});
  drain_all_pages(zone);
  CHECK(free_list(zone, 6, movable).size() == 2);
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_pages drains the per-CPU lists", "[memory_hotplug][v6_1]") {
  NewZone zone{pages(128)};
  zone.set_pageset(4, 16);
  free(zone, alloc(zone, 0));
  REQUIRE(pcp_list(zone, cpu0, movable) == Pfns{0, 1, 2, 3});
  CHECK(offline_pages(zone, Pfn{0}, 64) == ok);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(zone.nr_free_pages() == 64);
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_pages gives the blocks back if a page would have to be migrated and is not",
          "[memory_hotplug][v6_1]") {
  NewZone zone{ZoneLayout{.spanned_pages = 128, .in_use = {{.range = range(70, 71), .lru = true}}}};
  zone.set_pageset(4, 16);
  CHECK(offline_pages(zone, Pfn{64}, 64, NothingMoves{}) == -Err::intr);
  CHECK(types(zone) == "MMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(zone.nr_free_pages() == 127);
  CHECK(zone.present_pages() == 128);
  CHECK(zone.pcp(cpu0).high == 16);
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_pages takes what a driver has taken before, once it holds it no more",
          "[memory_hotplug][v6_1]") {
  NewZone zone{ZoneLayout{.spanned_pages = 64, .in_use = {{range(3, 5)}}}};
  zone.memmap().set_bits(Pfn{3}, PageBits{PageBits::in_use | PageBits::offline});
  zone.memmap().set_bits(Pfn{4}, PageBits{PageBits::offline});
  CHECK(offline_pages(zone, Pfn{0}, 32) == -Err::busy);
  CHECK(types(zone) == "MM");
  zone.memmap().set_bits(Pfn{3}, PageBits{PageBits::offline});
  CHECK(offline_pages(zone, Pfn{0}, 32) == ok);
  for (Pfn pfn{0}; pfn < Pfn{32}; ++pfn) CHECK_FALSE(zone.is_valid(pfn));
  CHECK(zone.present_pages() == 32);
  CHECK(online_pages(zone, Pfn{0}, 32) == ok);
  CHECK(zone.nr_free_pages() == 64);
  CHECK(verify(zone).empty());
}

TEST_CASE("online_pages brings the range and no more, in chunks that end in it",
          "[memory_hotplug][v6_1]") {
  NewZone zone{pages(192)};
  CHECK(offline_pages(zone, Pfn{64}, 128) == ok);
  CHECK(online_pages(zone, Pfn{64}, 96) == ok);
  CHECK(free_list(zone, 6, movable) == Pfns{0, 64});
  CHECK(free_list(zone, 5, movable) == Pfns{128});
  CHECK_FALSE(zone.is_valid(Pfn{160}));
  CHECK(types(zone) == "MMMMMI");
  CHECK(zone.present_pages() == 160);
  CHECK(zone.managed_pages() == 160);
  CHECK(zone.nr_free_pages() == 160);
  CHECK(verify(zone).empty());
}

TEST_CASE("offline_pages and online_pages refuse what is not all in the zone",
          "[memory_hotplug][v6_1]") {
  NewZone zone{ZoneLayout{.start_pfn = Pfn{32}, .spanned_pages = 64}};
  const NewZone before = zone;
  CHECK(offline_pages(zone, Pfn{64}, 64) == -Err::inval);
  CHECK(offline_pages(zone, Pfn{0}, 64) == -Err::inval);
  CHECK(offline_pages(zone, Pfn{96}, 32) == -Err::inval);
  CHECK(offline_pages(zone, Pfn{64}, ~std::uint64_t{31}) == -Err::inval);
  CHECK(zone == before);
  CHECK(offline_pages(zone, Pfn{64}, 32) == ok);
  CHECK(online_pages(zone, Pfn{64}, 64) == -Err::inval);
  CHECK(online_pages(zone, Pfn{96}, 32) == -Err::inval);
  CHECK(zone.present_pages() == 32);
}

}  // namespace pageblock::test::memory_hotplug_v6_1_cases
