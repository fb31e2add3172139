// SPDX-License-Identifier: MIT
#include "pageblock/mm/split_page.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::split_page_cases {

namespace {

constexpr PfnRange range(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

}  // namespace

using enum MigrateType;

TEST_CASE("split_page makes single pages of an allocation, and keeps private words",
          "[page_alloc]") {
  TinyZone zone = free_zone(16);
  zone.memmap().set_bits(Pfn{3}, PageBits{}.with_private(5));
  REQUIRE(request(zone, 4) == Pfn{0});
  split_page(zone, Pfn{0}, Order{4});
  for (std::uint64_t pfn = 0; pfn < 16; ++pfn) CHECK(zone.page(Pfn{pfn}).count() == 1);
  CHECK(zone.page(Pfn{3}).page_private() == 5);
  CHECK(zone.nr_free_pages() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("split_page reports what is no allocation of that order", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  REQUIRE(request(zone, 2) == Pfn{16});
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{16}, Order{5}), "above the largest");
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{17}, Order{1}), "not a multiple");
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{32}, Order{0}), "not in the zone");
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{0}, Order{2}), "not allocated");
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{16}, Order{3}), "another order");
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{16}, Order{1}), "another order");
  split_page(zone, Pfn{16}, Order{2});
  CHECK_VIOLATION_IN(zone, split_page(zone, Pfn{16}, Order{2}), "smaller than that");
}

TEST_CASE("split_free_page makes single pages of a free chunk", "[page_alloc]") {
  //  |     0 (4)     |16 (1)|###|
  TinyZone zone{{.spanned_pages = 24,
                 .in_use = {{range(18, 24)}},
                 .block_types = {{range(16, 24), unmovable}}}};
  CHECK(split_free_page(zone, Pfn{16}) == 2);
  CHECK(zone.page(Pfn{16}).count() == 1);
  CHECK(zone.page(Pfn{17}).count() == 1);
  CHECK(zone.page(Pfn{16}).page_private() == 0);
  CHECK(zone.nr_free_pages() == 16);
  CHECK(get_pageblock_migratetype(zone, Pfn{16}) == unmovable);  // too small to retype
  CHECK(verify(zone).empty());
}

TEST_CASE("split_free_page turns its blocks movable from half a block on", "[page_alloc]") {
  // block    0   1   2   3   4        5   6
  // type     U   I   C   R   U        M   M
  // chunk    0 (4)   16 (4)  32 (2)   40 and 48 (3) stay, for the watermark
  TinyZone zone{{.spanned_pages = 56,
                 .in_use = {{range(36, 40)}},
                 .block_types = {{range(0, 8), unmovable},
                                 {range(8, 16), isolate},
                                 {range(16, 24), cma},
                                 {range(24, 32), reclaimable},
                                 {range(32, 40), unmovable}}}};
  zone.mod_nr_pageblock_isolate(1);
  CHECK(split_free_page(zone, Pfn{0}) == 16);
  CHECK(split_free_page(zone, Pfn{16}) == 16);
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == isolate);
  CHECK(get_pageblock_migratetype(zone, Pfn{16}) == cma);
  CHECK(get_pageblock_migratetype(zone, Pfn{24}) == movable);
  CHECK(zone.memmap().nr_records() == 1);  // of block 4 alone
  CHECK(split_free_page(zone, Pfn{32}) == 4);
  CHECK(get_pageblock_migratetype(zone, Pfn{32}) == movable);
  CHECK(zone.nr_free_pages() == 16);
  CHECK(verify(zone).empty());
}

TEST_CASE("split_free_page refuses to go below the low watermark plus the chunk", "[page_alloc]") {
  // 32 free, a chunk of 16: free > low + 16 + reserve
  TinyZone zone = free_zone(32);
  const TinyZone before{zone};
  const auto split_with = [&](std::uint64_t low, std::uint64_t reserve_of_zone_0) {
    zone = before;
    zone.set_watermarks({.min = 0, .low = low, .high = 99});
    zone.set_lowmem_reserve(0, reserve_of_zone_0);
    return split_free_page(zone, Pfn{16});
  };
  CHECK(split_with(15, 0) == 16);
  CHECK(split_with(16, 0) == 0);
  CHECK(free_list(zone, 4, movable) == Pfns{16, 0});
  CHECK(split_with(10, 5) == 16);
  CHECK(split_with(10, 6) == 0);
}

TEST_CASE("split_free_page reports a pfn that is no head of a free chunk", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 32, .holes = {range(4, 8)}, .in_use = {{range(0, 1)}}}};
  CHECK_VIOLATION_IN(zone, split_free_page(zone, Pfn{0}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page(zone, Pfn{4}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page(zone, Pfn{17}), "not the head");
  CHECK_VIOLATION_IN(zone, split_free_page(zone, Pfn{32}), "not the head");
}

// Blocks of two pages.
struct PairConfig : TinyConfig {
  static constexpr unsigned pageblock_order = 1;
};

TEST_CASE("split_free_page leaves the type of a block of two pages when it takes one",
          "[page_alloc]") {
  // The kernel steps through the blocks below the chunk's last page: for a single page none.
  Zone<PairConfig> zone{ZoneLayout{.spanned_pages = 16,
                                   .reserved = {{Pfn{1}, Pfn{2}}},
                                   .block_types = {{{Pfn{0}, Pfn{4}}, MigrateType::unmovable}}}};
  CHECK(split_free_page(zone, Pfn{0}) == 1);
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == MigrateType::unmovable);
  CHECK(split_free_page(zone, Pfn{2}) == 2);
  CHECK(get_pageblock_migratetype(zone, Pfn{2}) == MigrateType::movable);
}

}  // namespace pageblock::test::split_page_cases
