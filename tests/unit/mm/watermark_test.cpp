// SPDX-License-Identifier: MIT
#include "pageblock/mm/watermark.hpp"

#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::watermark_cases {
namespace {

bool ok_for(const TinyZone& zone, unsigned order, std::uint64_t mark, std::size_t classzone_idx = 0,
            unsigned flags = 0) {
  return zone_watermark_ok(zone, Order{order}, mark, classzone_idx, flags);
}

// The free pages are the odd ones of [0, nr_singles * 2), each alone, and [16, free_end).
TinyZone fragmented(std::uint64_t nr_singles, std::uint64_t free_end) {
  ZoneLayout layout = pages(32);
  for (std::uint64_t pfn = 0; pfn < 2 * nr_singles; pfn += 2) {
    layout.in_use.push_back({{Pfn{pfn}, Pfn{pfn + 1}}});
  }
  if (2 * nr_singles < 16) layout.in_use.push_back({{Pfn{2 * nr_singles}, Pfn{16}}});
  if (free_end < 32) layout.in_use.push_back({{Pfn{free_end}, Pfn{32}}});
  return TinyZone{layout};
}

}  // namespace

TEST_CASE("zone_watermark_ok wants more free pages than the mark", "[watermark]") {
  const TinyZone zone{pages(32)};
  CHECK(ok_for(zone, 0, 31));
  CHECK(!ok_for(zone, 0, 32));
}

TEST_CASE("zone_watermark_ok takes the request off, but for one page", "[watermark]") {
  const TinyZone zone{pages(32)};
  CHECK(ok_for(zone, 2, 28));   // 32 - 3 > 28
  CHECK(!ok_for(zone, 2, 29));  // 29 is not
}

TEST_CASE("zone_watermark_ok adds what is reserved for lower zones", "[watermark]") {
  TinyZone zone{pages(32)};
  zone.set_lowmem_reserve(1, 5);
  CHECK(ok_for(zone, 0, 31, 0));
  CHECK(ok_for(zone, 0, 26, 1));
  CHECK(!ok_for(zone, 0, 27, 1));
}

TEST_CASE("zone_watermark_ok lets urgent requests dig deeper, high before harder", "[watermark]") {
  using namespace alloc_flags;
  const TinyZone zone{pages(32)};
  CHECK(ok_for(zone, 0, 62, 0, high));            // 62 - 31 = 31
  CHECK(!ok_for(zone, 0, 63, 0, high));           // 63 - 31 = 32
  CHECK(ok_for(zone, 0, 41, 0, harder));          // 41 - 10 = 31
  CHECK(!ok_for(zone, 0, 42, 0, harder));         // 42 - 10 = 32
  CHECK(ok_for(zone, 0, 82, 0, high | harder));   // 41, then 41 - 10
  CHECK(!ok_for(zone, 0, 83, 0, high | harder));  // 42, then 42 - 10
}

TEST_CASE("zone_watermark_ok does not count chunks that are too small", "[watermark]") {
  SECTION("16 single pages serve no request of order 1") {
    TinyZone zone{pages(32)};
    for (std::uint64_t pfn = 0; pfn < 32; pfn += 2) pin(zone, Pfn{pfn});
    REQUIRE(zone.nr_free(Order{0}) == 16);
    CHECK(ok_for(zone, 0, 15));
    CHECK(!ok_for(zone, 1, 0));
  }
  SECTION("each order halves the mark") {
    // free: 8 single pages and 16 (3); order 1: 16 - 1 > mark, and 15 - 8 > mark / 2
    const TinyZone zone = fragmented(8, 24);
    REQUIRE(zone.nr_free_pages() == 16);
    CHECK(ok_for(zone, 1, 13));
    CHECK(!ok_for(zone, 1, 14));
    CHECK(ok_for(zone, 0, 14));
  }
}

TEST_CASE("nr_zone_isolate_freepages charges isolated blocks in full", "[watermark]") {
  TinyZone zone{pages_in_use(32)};
  CHECK(nr_zone_isolate_freepages(zone) == 0);
  zone.mod_nr_pageblock_isolate(3);
  CHECK(nr_zone_isolate_freepages(zone) == 24);
}

TEST_CASE("zone_watermark_ok_safe takes isolated blocks off, below zero if need be",
          "[watermark]") {
  const auto ok_safe = [](const TinyZone& zone, std::uint64_t mark) {
    return zone_watermark_ok_safe(zone, Order{0}, mark, 0, 0);
  };
  TinyZone zone{pages(32)};
  CHECK(ok_safe(zone, 31));
  zone.mod_nr_pageblock_isolate(1);
  CHECK(ok_safe(zone, 23));
  CHECK(!ok_safe(zone, 24));
  CHECK(ok_for(zone, 0, 31));  // the plain version counts them as free
  zone.mod_nr_pageblock_isolate(4);
  CHECK(!ok_safe(zone, 0));
}

TEST_CASE("zone_watermark_ok_safe takes small isolated chunks off twice", "[watermark]") {
  // blocks 0 and 1 hold the 8 single pages and are isolated; 16 (4) is free and not isolated
  TinyZone zone = fragmented(8, 32);
  zone.mod_nr_pageblock_isolate(2);
  REQUIRE(zone.nr_free_pages() == 24);
  CHECK(ok_for(zone, 1, 0));                                // 23, 15
  CHECK(!zone_watermark_ok_safe(zone, Order{1}, 0, 0, 0));  // 7, -1
}

TEST_CASE("zone_watermark_ok reports an order or a zone index that does not exist", "[watermark]") {
  const TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, ok_for(zone, 5, 0), "above the largest");
  CHECK_VIOLATION_IN(zone, ok_for(zone, 0, 0, 4), "no such zone index");
  CHECK_VIOLATION_IN(zone, zone_watermark_ok_safe(zone, Order{5}, 0, 0, 0), "above the largest");
  CHECK_VIOLATION_IN(zone, zone_watermark_ok_safe(zone, Order{0}, 0, 4, 0), "no such zone index");
}

TEST_CASE("watermarks and reserves too large for any zone are never met", "[watermark]") {
  Zone<> zone{ZoneLayout{.spanned_pages = 4096}};
  constexpr auto most = ~std::uint64_t{0};
  CHECK_FALSE(zone_watermark_ok(zone, Order{0}, most, 0, 0));
  zone.set_lowmem_reserve(0, most);
  CHECK_FALSE(zone_watermark_ok(zone, Order{0}, 5, 0, 0));
  CHECK_FALSE(zone_watermark_ok(zone, Order{3}, most, 0, 0));
  zone.set_lowmem_reserve(0, 0);
  zone.set_watermarks({.low = most});
  CHECK(split_free_page(zone, Pfn{0}) == 0);
}

}  // namespace pageblock::test::watermark_cases
