// SPDX-License-Identifier: MIT
// The part of page_alloc.hpp that frees pages and counts references.
#include "pageblock/mm/free_pages.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::free_pages_cases {

namespace {

constexpr PfnRange range(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

}  // namespace

using enum MigrateType;

TEST_CASE("free_pages of the worked example uses head, merge and tail", "[page_alloc]") {
  // Pages 0 to 15 in use; batch 1, high 0 drain each page at once. Free 12, 2, 3, 0, 8:
  //   order 0   [12]   [2 12]   [12]   [12 0]   [8 12 0]      order 1   [2] from 3 on
  TinyZone zone = used_zone(16);
  for (const std::uint64_t pfn : Pfns{12, 2, 3, 0}) CHECK(give_back(zone, pfn) == freed);
  CHECK(free_list(zone, 0, movable) == Pfns{12, 0});
  CHECK(free_list(zone, 1, movable) == Pfns{2});
  CHECK(give_back(zone, 8) == freed);
  CHECK(free_list(zone, 0, movable) == Pfns{8, 12, 0});
  CHECK(zone.nr_free_pages() == 5);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(zone.page(Pfn{3}).page_private() == 2);  // stale: freed as the upper half
  CHECK(verify(zone).empty());
}

TEST_CASE("free_pages of order 0 puts hot pages at the head, cold ones at the tail",
          "[page_alloc]") {
  TinyZone zone = used_zone(16);
  zone.set_pageset(4, 8);
  give_back(zone, 1);
  give_back(zone, 2, 0, Temperature::hot);
  give_back(zone, 3, 0, Temperature::cold);
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{2, 1, 3});
  CHECK(zone.pcp(cpu0).count == 3);
  CHECK(zone.nr_free_pages() == 0);
  CHECK(zone.page(Pfn{1}).count() == 0);
  CHECK(zone.page(Pfn{1}).page_private() == 2);
}

TEST_CASE("free_pages of order 0 goes by the type of the page's block", "[page_alloc]") {
  // block type   list of the CPU   private
  const auto freed_in_block_of = [](MigrateType type, MigrateType list, unsigned number) {
    TinyZone zone = used_zone(16, type);
    zone.set_pageset(4, 8);
    CHECK(give_back(zone, 9) == freed);
    CHECK(pcp_list(zone, cpu0, list) == Pfns{9});
    CHECK(zone.page(Pfn{9}).page_private() == number);
    CHECK(verify(zone).empty());
  };
  freed_in_block_of(unmovable, unmovable, 0);
  freed_in_block_of(reclaimable, reclaimable, 1);
  freed_in_block_of(movable, movable, 2);
  freed_in_block_of(reserve, movable, 3);
  freed_in_block_of(cma, movable, 4);
}

TEST_CASE("free_pages of order 0 in an isolated block goes to the buddy lists", "[page_alloc]") {
  TinyZone zone = used_zone(16, isolate);
  zone.set_pageset(4, 8);
  CHECK(give_back(zone, 9) == freed);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(free_list(zone, 0, isolate) == Pfns{9});
  CHECK(zone.nr_free_pages() == 1);
  CHECK(give_back(zone, 8) == freed);
  CHECK(free_list(zone, 1, isolate) == Pfns{8});
  CHECK(zone.page(Pfn{9}).page_private() == 0);
}

TEST_CASE("free_pages drains a batch when the count reaches high", "[page_alloc]") {
  // batch 2, high 3: the free of 4 brings count to 3; the tail, 0 and 2, is drained
  TinyZone zone = used_zone(16);
  zone.set_pageset(2, 3);
  give_back(zone, 0);
  give_back(zone, 2);
  CHECK(zone.nr_free_pages() == 0);
  give_back(zone, 4);
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{4});
  CHECK(zone.pcp(cpu0).count == 1);
  CHECK(free_list(zone, 0, movable) == Pfns{2, 0});
  CHECK(zone.nr_free_pages() == 2);
}

TEST_CASE("free_pages of a higher order goes to the list of the first page's block",
          "[page_alloc]") {
  //  block     0       1       2       3         16 (4): blocks of type isolate and movable
  TinyZone zone = free_zone(32);
  REQUIRE(request(zone, 4) == Pfn{16});
  set_pageblock_migratetype(zone, Pfn{16}, isolate);
  zone.mod_nr_pageblock_isolate(1);
  CHECK(give_back(zone, 16, 4) == freed);
  CHECK(free_list(zone, 4, isolate) == Pfns{16});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("free_pages may give back an allocation in other pieces", "[page_alloc]") {
  TinyZone zone = free_zone(16);
  REQUIRE(request(zone, 3) == Pfn{0});
  split_page(zone, Pfn{0}, Order{3});
  // Pages 1 to 3 have count 1 now, so they are bad as parts of a chunk.
  CHECK(give_back(zone, 0, 2) == FreeResult{Freed::bad, 3});
  CHECK(give_back(zone, 4) == freed);
}

TEST_CASE("free_pages keeps what somebody else refers to", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  for (const unsigned order : {0U, 2U}) {
    const Pfn pfn = *request(zone, order);
    get_page(zone, pfn);
    CHECK(zone.page(pfn).count() == 2);
    CHECK(give_back(zone, pfn.value(), order) == held);
    CHECK(zone.page(pfn).count() == 1);
    CHECK(give_back(zone, pfn.value(), order) == freed);
  }
  CHECK(zone.nr_free_pages() == 32);
}

TEST_CASE("free_pages frees nothing when a page fails the check", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 32,
                 .reserved = {range(0, 1)},
                 .in_use = {{.range = range(1, 2), .count = 1, .lru = true},
                            {range(2, 3)},
                            {range(4, 5)},
                            {range(8, 10)},
                            {range(12, 16)}}}};
  const auto bad = [&](std::uint64_t pfn, unsigned order, std::uint64_t nr_bad) {
    const auto free_before = zone.nr_free_pages();
    CHECK(give_back(zone, pfn, order) == FreeResult{Freed::bad, nr_bad});
    CHECK(zone.page(Pfn{pfn}).count() == 0);
    CHECK(zone.nr_free_pages() == free_before);
    CHECK(zone.pcp(cpu0).count == 0);
    CHECK(verify(zone).empty());
  };
  SECTION("reserved") { bad(0, 0, 1); }
  SECTION("on the LRU") { bad(1, 0, 1); }
  SECTION("a tail on a free list: page 3") { bad(2, 1, 1); }
  SECTION("a tail in use: 9") { bad(8, 1, 1); }
  SECTION("all tails") { bad(12, 2, 3); }
}

TEST_CASE("free_pages reports a chunk that is none", "[page_alloc]") {
  TinyZone zone{{.start_pfn = Pfn{8},
                 .spanned_pages = 28,
                 .holes = {range(30, 31)},
                 .in_use = {{range(8, 30)}, {range(31, 36)}}}};
  CHECK_VIOLATION_IN(zone, give_back(zone, 16, 5), "above the largest");
  CHECK_VIOLATION_IN(zone, give_back(zone, 9, 1), "not a multiple");
  CHECK_VIOLATION_IN(zone, give_back(zone, 0, 0), "not in the zone");
  CHECK_VIOLATION_IN(zone, give_back(zone, 0, 4), "not in the zone");
  CHECK_VIOLATION_IN(zone, give_back(zone, 32, 3), "not in the zone");
  CHECK_VIOLATION_IN(zone, give_back(zone, 28, 2), "has a hole");
  CHECK_VIOLATION_IN(zone, give_back(zone, 30, 0), "has a hole");
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu1, Pfn{8}, Order{0}), "no such CPU");
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu1, Pfn{8}, Order{1}), "no such CPU");
}

TEST_CASE("free_pages reports a page beside the zone that shares a block with it", "[page_alloc]") {
  TinyZone zone{{.start_pfn = Pfn{10}, .spanned_pages = 22}};
  zone.set_pageset(4, 24);
  const Pfn pfn = *alloc_pages(zone, cpu0, Order{0}, movable);
  free_pages(zone, cpu0, pfn, Order{0});
  for (const std::uint64_t beside : {8U, 9U, 0U}) {
    CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, Pfn{beside}, Order{0}), "not in the zone");
  }
}

TEST_CASE("free_pages reports pages that are free already", "[page_alloc]") {
  TinyZone zone = used_zone(16);
  zone.set_pageset(4, 8);
  give_back(zone, 2);
  CHECK_VIOLATION_IN(zone, give_back(zone, 2), "free already");  // on the CPU's list
  drain_all_pages(zone);
  CHECK_VIOLATION_IN(zone, give_back(zone, 2), "free already");  // on a free list
  CHECK_VIOLATION_IN(zone, give_back(zone, 2, 1), "free already");
}

TEST_CASE("get_page reports a page that nobody holds", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 32, .holes = {range(4, 8)}}};
  CHECK_VIOLATION_IN(zone, get_page(zone, Pfn{4}), "no such page");
  CHECK_VIOLATION_IN(zone, get_page(zone, Pfn{32}), "no such page");
  CHECK_VIOLATION_IN(zone, get_page(zone, Pfn{0}), "nobody holds");
  CHECK_VIOLATION_IN(zone, get_page(zone, Pfn{1}), "nobody holds");
}

TEST_CASE("set_page_lru puts a page on the LRU and takes it off", "[page_alloc]") {
  TinyZone zone = used_zone(16);
  const TinyZone before{zone};
  set_page_lru(zone, Pfn{5}, true);
  CHECK(zone.page(Pfn{5}).is_lru());
  CHECK(zone.page(Pfn{5}).count() == 1);
  set_page_lru(zone, Pfn{5}, false);
  CHECK(zone == before);
}

TEST_CASE("set_page_lru reports free pages and pages that do not exist", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 32, .holes = {range(4, 8)}}};
  CHECK_VIOLATION_IN(zone, set_page_lru(zone, Pfn{4}, true), "no such page");
  CHECK_VIOLATION_IN(zone, set_page_lru(zone, Pfn{99}, true), "no such page");
  CHECK_VIOLATION_IN(zone, set_page_lru(zone, Pfn{16}, true), "the page is free");
}

TEST_CASE("put_page takes the page off the LRU with the last reference", "[page_alloc]") {
  TinyZone zone{
      {.spanned_pages = 16, .in_use = {{.range = range(0, 16), .count = 2, .lru = true}}}};
  CHECK(put_page(zone, cpu0, Pfn{5}) == held);
  CHECK(zone.page(Pfn{5}).is_lru());
  CHECK(put_page(zone, cpu0, Pfn{5}) == freed);
  CHECK(!zone.page(Pfn{5}).is_lru());
  CHECK(free_list(zone, 0, movable) == Pfns{5});
  CHECK(verify(zone).empty());
}

TEST_CASE("put_page reports pages that do not exist or are free, and CPUs", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 32, .holes = {range(4, 8)}, .in_use = {{range(0, 4)}}}};
  CHECK_VIOLATION_IN(zone, put_page(zone, cpu0, Pfn{4}), "has a hole");
  CHECK_VIOLATION_IN(zone, put_page(zone, cpu0, Pfn{32}), "not in the zone");
  CHECK_VIOLATION_IN(zone, put_page(zone, cpu0, Pfn{16}), "free already");
  CHECK_VIOLATION_IN(zone, put_page(zone, cpu1, Pfn{0}), "no such CPU");
}

TEST_CASE("set_page_lru reports pages inside a free chunk, and get_page a full count",
          "[page_alloc]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{{Pfn{0}, Pfn{1}}, ~std::uint32_t{0}}}}};
  CHECK_VIOLATION_IN(zone, set_page_lru(zone, Pfn{17}, true), "the page is free");
  CHECK_VIOLATION_IN(zone, get_page(zone, Pfn{0}), "too many references");
}

// Without the checks of CONFIG_DEBUG_VM.
struct TrustingConfig : TinyConfig {
  static constexpr bool debug_vm = false;
};

TEST_CASE("without debug_vm pages are allocated and freed as with it", "[page_alloc]") {
  Zone<TrustingConfig> zone{ZoneLayout{.spanned_pages = 32}};
  const Zone<TrustingConfig> before = zone;
  const auto single = alloc_pages(zone, cpu0, Order{0}, MigrateType::movable);
  const auto chunk = alloc_pages(zone, cpu0, Order{2}, MigrateType::movable);
  REQUIRE(single);
  REQUIRE(chunk);
  CHECK(free_pages(zone, cpu0, *chunk, Order{2}) == freed);
  CHECK(free_pages(zone, cpu0, *single, Order{0}) == freed);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == before.nr_free_pages());
  CHECK(zone.nr_free(Order{4}) == 2);
}

}  // namespace pageblock::test::free_pages_cases
