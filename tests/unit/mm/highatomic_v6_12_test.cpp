// SPDX-License-Identifier: MIT
/// What v6.12 does otherwise in highatomic.hpp, and how its watermarks treat urgent requests.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/watermark.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::highatomic_v6_12_cases {
namespace {

using enum MigrateType;

// How many blocks can be reserved, one after the other, of a zone that manages so many pages.
unsigned nr_reservable(std::uint64_t nr_pages) {
  V6_12Zone zone{pages(nr_pages)};
  unsigned nr = 0;
  for (std::uint64_t block = 0; block + 512 <= nr_pages && nr < 100; block += 1024) {
    if (reserve_highatomic_pageblock(zone, Pfn{block})) ++nr;
  }
  return nr;
}

Node<V6_12Config> node_of(const std::vector<ZoneLayout>& layouts) {
  std::vector<V6_12Zone> zones;
  for (const ZoneLayout& layout : layouts) zones.emplace_back(layout);
  return Node<V6_12Config>{std::move(zones)};
}

}  // namespace

TEST_CASE("v6.12 reserves a hundredth in whole blocks, or nothing", "[highatomic][v6_12]") {
  CHECK(nr_reservable(48000) == 0);
  CHECK(nr_reservable(65536) == 2);
  CHECK(nr_reservable(262144) == 6);
}

TEST_CASE("v6.12 reserves all blocks of a chunk, and no block that the zone cuts",
          "[highatomic][v6_12]") {
  V6_12Zone zone{pages(262144 - 256)};
  CHECK(!reserve_highatomic_pageblock(zone, Pfn{262144 - 512}));
  REQUIRE(alloc(zone, 10) == 0);
  CHECK(reserve_highatomic_pageblock(zone, Pfn{0}, Order{10}));
  CHECK(labels(zone).starts_with("HHMM"));
  CHECK(zone.pressure().nr_reserved_highatomic == 1024);
  free(zone, 0, 10);
  CHECK(free_list(zone, 10, highatomic) == Pfns{0});
  CHECK(zone.nr_free_highatomic() == 1024);
  CHECK(verify(zone).empty());
  // It is given back as a whole, too.
  CHECK(unreserve_highatomic_pageblock(zone, unmovable, false));
  CHECK(labels(zone).starts_with("UUMM"));
  CHECK(free_list(zone, 10, unmovable) == Pfns{0});
  CHECK(zone.pressure().nr_reserved_highatomic == 0);
  CHECK(zone.nr_free_highatomic() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.12 gives the block of the smallest chunk back, and keeps one",
          "[highatomic][v6_12]") {
  V6_12Zone zone{pages(262144)};
  zone.set_pageset(1, 0);
  CHECK(reserve_highatomic_pageblock(zone, Pfn{1024}));
  CHECK(!unreserve_highatomic_pageblock(zone, movable, false));
  CHECK(unreserve_highatomic_pageblock(zone, movable, true));
  CHECK(labels(zone).find('H') == std::string::npos);
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.12's watermarks leave out what is free of the reserve", "[watermark][v6_12]") {
  V6_12Zone zone{pages(65536)};
  zone.set_pageset(1, 0);
  REQUIRE(alloc(zone, 9) == 0);
  set_pageblock_migratetype(zone, Pfn{0}, highatomic);
  zone.pressure().nr_reserved_highatomic = 512;
  const auto most = static_cast<std::uint64_t>(zone.nr_free_pages());
  CHECK(zone_watermark_ok(zone, Order{0}, most - 1, 0, 0));  // nothing of it is free
  free(zone, 0, 9);
  CHECK(zone.nr_free_highatomic() == 512);
  CHECK(zone_watermark_ok(zone, Order{0}, most - 1, 0, 0));
  CHECK(!zone_watermark_ok(zone, Order{0}, most, 0, 0));
  CHECK(zone_watermark_ok(zone, Order{0}, most, 0, alloc_flags::min_reserve));
}

TEST_CASE("in v6.12 the movable zone has a small lowest watermark", "[node_watermarks][v6_12]") {
  auto node =
      node_of({{.type = ZoneType::normal, .spanned_pages = 131072},
               {.type = ZoneType::movable, .start_pfn = Pfn{131072}, .spanned_pages = 131072}});
  setup_per_zone_wmarks(node, 4096);
  CHECK(node.find(ZoneType::normal)->watermarks().min == 1024);
  CHECK(node.find(ZoneType::movable)->watermarks().min == 128);
  CHECK(node.find(ZoneType::movable)->watermarks().low == 128 + 256);
  CHECK(node.find(ZoneType::normal)->pageset().high_max == 131072 / 8);
}

TEST_CASE("a request that finds the zone below its high watermark is remembered",
          "[node_alloc][v6_12]") {
  auto node = node_of({{.spanned_pages = 8192}});
  V6_12Zone& zone = *node.find(ZoneType::normal);
  zone.set_watermarks({.min = 100, .low = 200, .high = 300});
  REQUIRE(alloc_pages(node, cpu0, Order{0}, gfp_kernel).page);
  CHECK(!zone.pressure().below_high);
  // A request for several pages, of which there is no chunk, counts as such, too.
  zone.set_watermarks({.min = 100, .low = 200, .high = 9000});
  REQUIRE(alloc_pages(node, cpu0, Order{0}, gfp_kernel).page);
  CHECK(zone.pressure().below_high);
}

TEST_CASE("in v6.12 urgent requests need not heed what steals have added", "[node_alloc][v6_12]") {
  auto node = node_of({{.spanned_pages = 8192}});
  V6_12Zone& zone = *node.find(ZoneType::normal);
  zone.set_watermarks({.min = 4000, .low = 20000, .high = 20000});
  zone.pressure().watermark_boost = 20000;
  CHECK(!alloc_pages(node, cpu0, Order{0}, gfp_nowait).page);
  CHECK(alloc_pages(node, cpu0, Order{0}, {.high = true, .direct_reclaim = false}).page);
  CHECK(!alloc_pages(node, cpu0, Order{1}, {.high = true, .direct_reclaim = false}).page);
}

TEST_CASE("a served urgent request reserves the block of its chunk", "[node_alloc][v6_12]") {
  auto node = node_of({{.spanned_pages = 262144}});
  V6_12Zone& zone = *node.find(ZoneType::normal);
  zone.set_watermarks({.min = 100, .low = 300000, .high = 300000});
  const auto page = alloc_pages(node, cpu0, Order{2}, gfp_atomic).page;
  REQUIRE(page);
  CHECK(get_pageblock_migratetype(zone, page->pfn()) == highatomic);
  CHECK(zone.pressure().nr_reserved_highatomic == 512);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::highatomic_v6_12_cases
