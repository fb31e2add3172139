// SPDX-License-Identifier: MIT
#include <cstdint>
#include <mutex>

#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/watermark.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::watermark_v6_1_cases {
namespace {

bool ok_for(const TinyV6_1Zone& zone, unsigned order, std::uint64_t mark, unsigned flags = 0) {
  return zone_watermark_ok(zone, Order{order}, mark, 0, flags);
}

// 32 pages in blocks of @p type, of which the even ones of [0, 16) and [24, 32) are in use: eight
// single pages and a block are free, or only the single pages.
TinyV6_1Zone fragmented(MigrateType type, bool has_block) {
  ZoneLayout layout = pages(32);
  layout.block_types = {{{Pfn{0}, Pfn{32}}, type}};
  for (std::uint64_t pfn = 0; pfn < 16; pfn += 2) {
    layout.in_use.push_back({{Pfn{pfn}, Pfn{pfn + 1}}});
  }
  layout.in_use.push_back({{Pfn{has_block ? 24U : 16U}, Pfn{32}}});
  return TinyV6_1Zone{layout};
}

}  // namespace

TEST_CASE(
    "zone_watermark_ok of v6.1 takes the request off, but for one page, and the lowmem reserve",
    "[watermark]") {
  TinyV6_1Zone zone{pages(32)};
  CHECK(ok_for(zone, 0, 31));
  CHECK(!ok_for(zone, 0, 32));
  CHECK(ok_for(zone, 2, 28));  // 32 - 3 > 28
  CHECK(!ok_for(zone, 2, 29));
  zone.set_lowmem_reserve(0, 5);
  CHECK(ok_for(zone, 0, 26));
  CHECK(!ok_for(zone, 0, 27));
}

TEST_CASE("zone_watermark_ok of v6.1 lets urgent requests dig deeper, the more if they cannot wait",
          "[watermark]") {
  using namespace alloc_flags;
  const TinyV6_1Zone zone{pages(32)};
  CHECK(ok_for(zone, 0, 62, min_reserve));  // 62 - 31 = 31
  CHECK(!ok_for(zone, 0, 63, min_reserve));
  CHECK(ok_for(zone, 0, 31, non_block));  // alone it lowers nothing
  CHECK(!ok_for(zone, 0, 32, non_block));
  CHECK(ok_for(zone, 0, 82, min_reserve | non_block));  // 41, then 41 - 10
  CHECK(!ok_for(zone, 0, 83, min_reserve | non_block));
  CHECK(ok_for(zone, 0, 62, oom));
  CHECK(!ok_for(zone, 0, 63, oom));
  CHECK(ok_for(zone, 0, 164, min_reserve | non_block | oom));   // 82, 82 - 20, 62 - 31
  CHECK(!ok_for(zone, 0, 165, min_reserve | non_block | oom));  // 83, 83 - 20, 63 - 31
  CHECK(!ok_for(zone, 0, 32, highatomic));                      // lowers nothing either
}

TEST_CASE("zone_watermark_ok of v6.1 leaves the blocks of urgent requests to these",
          "[watermark]") {
  using namespace alloc_flags;
  TinyV6_1Zone zone{pages(32)};
  zone.pressure().nr_reserved_highatomic = 8;
  CHECK(ok_for(zone, 0, 23));
  CHECK(!ok_for(zone, 0, 24));
  CHECK(!ok_for(zone, 0, 24, kswapd | no_fragment | cma));
  CHECK(ok_for(zone, 0, 31, non_block));
  CHECK(ok_for(zone, 0, 31, highatomic));
  CHECK(ok_for(zone, 0, 62, min_reserve));
  CHECK(ok_for(zone, 0, 62, oom));
  zone.pressure().nr_reserved_highatomic = 40;  // more than is free, which makes nothing large
  CHECK(!ok_for(zone, 0, 0));
}

TEST_CASE("zone_watermark_ok of v6.1 leaves CMA pages to requests that may use them",
          "[watermark]") {
  ZoneLayout layout = pages(32);
  layout.block_types = {{{Pfn{0}, Pfn{16}}, MigrateType::cma}};
  const TinyV6_1Zone zone{layout};
  CHECK(ok_for(zone, 0, 15));
  CHECK(!ok_for(zone, 0, 16));
  CHECK(ok_for(zone, 0, 31, alloc_flags::cma));
}

TEST_CASE("zone_watermark_ok of v6.1 wants one chunk of the order, and no more", "[watermark]") {
  for (const MigrateType type : pcp_types) {
    CHECK(!ok_for(fragmented(type, false), 1, 0));
    CHECK(ok_for(fragmented(type, false), 0, 0));
    const TinyV6_1Zone zone = fragmented(type, true);
    REQUIRE(zone.nr_free_pages() == 16);
    CHECK(ok_for(zone, 1, 14));  // v3.6 would want more than 7 pages above order 0 to be left
    CHECK(!ok_for(zone, 1, 15));
    CHECK(ok_for(zone, 3, 8));
    CHECK(!ok_for(zone, 4, 0));
  }
}

TEST_CASE("zone_watermark_ok of v6.1 looks for a chunk only where the request may", "[watermark]") {
  using namespace alloc_flags;
  const TinyV6_1Zone urgent = fragmented(MigrateType::highatomic, true);
  CHECK(!ok_for(urgent, 1, 0));
  CHECK(ok_for(urgent, 0, 0));  // nor are requests for one page asked where it is
  CHECK(!ok_for(urgent, 1, 0, min_reserve | non_block | cma));
  CHECK(ok_for(urgent, 1, 0, highatomic));
  CHECK(ok_for(urgent, 1, 0, oom));
  const TinyV6_1Zone contiguous = fragmented(MigrateType::cma, true);
  CHECK(!ok_for(contiguous, 1, 0, highatomic | oom));
  CHECK(ok_for(contiguous, 1, 0, cma));
  CHECK(!ok_for(fragmented(MigrateType::isolate, true), 1, 0, highatomic | oom | cma));
}

TEST_CASE("zone_watermark_ok_safe of v6.1 subtracts nothing for isolated blocks", "[watermark]") {
  TinyV6_1Zone zone{pages(32)};
  zone.mod_nr_pageblock_isolate(2);
  CHECK(nr_zone_isolate_freepages(zone) == 0);
  CHECK(zone_watermark_ok_safe(zone, Order{0}, 31, 0, 0));
  CHECK(!zone_watermark_ok_safe(zone, Order{0}, 32, 0, 0));
}

TEST_CASE("low_wmark_pages and its like add what steals have added", "[watermark]") {
  TinyV6_1Zone zone{pages(32)};
  zone.set_watermarks({.min = 1, .low = 2, .high = 3});
  CHECK(min_wmark_pages(zone) == 1);
  zone.pressure().watermark_boost = 8;
  CHECK(min_wmark_pages(zone) == 9);
  CHECK(low_wmark_pages(zone) == 10);
  CHECK(high_wmark_pages(zone) == 11);
  zone.set_watermarks({.min = ~std::uint64_t{0}});  // does not start again at 0
  CHECK(!ok_for(zone, 0, min_wmark_pages(zone)));
}

TEST_CASE("zone_watermark_ok of v6.1 reports an order or a zone index that does not exist",
          "[watermark]") {
  const TinyV6_1Zone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, ok_for(zone, 5, 0), "above the largest");
  CHECK_VIOLATION_IN(zone, zone_watermark_ok(zone, Order{0}, 0, 4, 0), "no such zone index");
}

}  // namespace pageblock::test::watermark_v6_1_cases
