// SPDX-License-Identifier: MIT
/// alloc_contig_range(), free_contig_range(): section 12. The range around the request is rounded
/// to 16 pages, the largest chunk.
#include "pageblock/clients/contig.hpp"

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::contig_cases {

namespace {

template <ZoneConfig Config>
Status alloc_contig(Zone<Config>& zone, std::uint64_t start, std::uint64_t end,
                    MigrateType type = MigrateType::movable) {
  return alloc_contig_range(zone, cpu0, Pfn{start}, Pfn{end}, type, NothingMoves{});
}

// Returns the pages of count 1, each as its pfn.
Pfns pages_of_count_1(const TinyZone& zone) {
  Pfns pfns;
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    if (zone.is_valid(pfn) && zone.page(pfn).count() == 1) pfns.push_back(pfn.value());
  }
  return pfns;
}

}  // namespace

TEST_CASE("alloc_contig_range allocates exactly the range", "[contig]") {
  // page      0 . . . 4 5 6 7 | 8 9 10 . 12 . . . | 16 ...
  // before    chunk 0, order 4                        order 4
  // after     order 2 | in use, count 1  | order 2 |  order 4
  TinyZone zone{pages(48)};
  CHECK(alloc_contig(zone, 4, 11) == ok);
  CHECK(pages_of_count_1(zone) == Pfns{4, 5, 6, 7, 8, 9, 10});
  CHECK(zone.nr_free_pages() == 41);
  CHECK(types(zone) == "MMMMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(free_list(zone, 2, MigrateType::movable) == Pfns{12, 0});
  CHECK(free_list(zone, 0, MigrateType::movable) == Pfns{11});
  CHECK(free_list(zone, 4, MigrateType::movable) == Pfns{32, 16});
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range allocates a single page", "[contig]") {
  TinyZone zone{pages(48)};
  CHECK(alloc_contig(zone, 15, 16) == ok);
  CHECK(pages_of_count_1(zone) == Pfns{15});
  CHECK(zone.nr_free_pages() == 47);
}

TEST_CASE("alloc_contig_range allocates over several chunks", "[contig]") {
  TinyZone zone{pages(80)};
  pin(zone, Pfn{1});
  CHECK(alloc_contig(zone, 8, 40) == ok);
  CHECK(zone.nr_free_pages() == 80 - 1 - 32);
  CHECK(zone.page(Pfn{8}).count() == 1);
  CHECK(zone.page(Pfn{39}).count() == 1);
  CHECK(free_list(zone, 3, MigrateType::movable) == Pfns{40});
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range drains pages of the range from the CPUs' lists", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .nr_cpus = 2}};
  zone.set_pageset(4, 8);
  const auto page = alloc_pages(zone, cpu1, Order{0}, MigrateType::movable);
  REQUIRE(pcp_list(zone, cpu1, MigrateType::movable) == Pfns{33, 34, 35});
  CHECK(free_pages(zone, cpu1, page.value(), Order{0}).freed == Freed::freed);
  CHECK(alloc_contig(zone, 32, 36) == ok);
  CHECK(pages_of_count_1(zone) == Pfns{32, 33, 34, 35});
}

TEST_CASE("alloc_contig_range leaves all blocks around the range with the given type", "[contig]") {
  // block    0  1  2  3  4  5
  // before   U  E  M  M  M  M
  // after    C  C  M  M  M  M      rounded to [0, 16)
  TinyZone zone{ZoneLayout{.spanned_pages = 48,
                           .block_types = {{range(0, 8), MigrateType::unmovable},
                                           {range(8, 16), MigrateType::reclaimable}}}};
  CHECK(alloc_contig(zone, 9, 10, MigrateType::cma) == ok);
  CHECK(types(zone) == "CCMMMM");
}

TEST_CASE("alloc_contig_range refuses when a block is unmovable, and leaves the given type behind",
          "[contig]") {
  // block    0  1 (page 9 reserved)
  // before   E  U
  // after    M  U      -EBUSY; block 0 was isolated and rolled back
  TinyZone zone{ZoneLayout{.spanned_pages = 48,
                           .reserved = {range(9, 10)},
                           .block_types = {{range(0, 8), MigrateType::reclaimable},
                                           {range(8, 16), MigrateType::unmovable}}}};
  CHECK(alloc_contig(zone, 0, 4) == -Err::busy);
  CHECK(types(zone) == "MUMMMM");
  CHECK(pages_of_count_1(zone) == Pfns{9});
}

TEST_CASE("alloc_contig_range undoes the range even if it could not be isolated", "[contig]") {
  // block    0 (page 1 reserved)  1
  // before   U                    I    isolated by somebody else
  // after    U                    M
  TinyZone zone{ZoneLayout{.spanned_pages = 48,
                           .reserved = {range(1, 2)},
                           .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(alloc_contig(zone, 8, 12) == -Err::busy);
  CHECK(types(zone) == "UMMMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("alloc_contig_range refuses a range with a page on the LRU before it tests it",
          "[contig]") {
  TracedZone zone{ZoneLayout{.spanned_pages = 48, .in_use = {{.range = range(5, 6), .lru = true}}}};
  Events events;
  zone.tracer().events = &events;
  CHECK(alloc_contig(zone, 4, 8) == -Err::busy);
  CHECK(zone.nr_free_pages() == 47);
  CHECK(types(zone) == "MMMMMM");
  CHECK(only<trace::SetMigratetypeIsolate>(events).size() == 2);
  CHECK(only<trace::TestPagesIsolated>(events).empty());
}

TEST_CASE("alloc_contig_range refuses a range with a page in use", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .in_use = {{.range = range(5, 6)}}}};
  CHECK(alloc_contig(zone, 4, 8) == -Err::busy);
  CHECK(alloc_contig(zone, 5, 6) == -Err::busy);
  CHECK(alloc_contig(zone, 2, 6) == -Err::busy);
  CHECK(zone.nr_free_pages() == 47);
  CHECK(types(zone) == "MMMMMM");
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range does not mind pages in use around the range", "[contig]") {
  // page     0 1 2 3 | 4 5 6 7 | 8 ...
  //          x L       asked for    x
  TinyZone zone{ZoneLayout{
      .spanned_pages = 48,
      .in_use = {
          {.range = range(0, 1)}, {.range = range(1, 2), .lru = true}, {.range = range(8, 9)}}}};
  CHECK(alloc_contig(zone, 4, 8) == ok);
  CHECK(pages_of_count_1(zone) == Pfns{0, 1, 4, 5, 6, 7, 8});
}

TEST_CASE("alloc_contig_range refuses when no chunk holds or precedes the range", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .in_use = {{.range = range(0, 16)}}}};
  CHECK(alloc_contig(zone, 6, 8) == -Err::busy);
  CHECK(types(zone) == "MMMMMM");
}

TEST_CASE("alloc_contig_range gives back what it grabbed before a hole", "[contig]") {
  // page   0 . . . 4 . 6 7 | 8 ...
  //        order 2  o1 hole   free          grabs 0 and 4, stops at 6
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .holes = {range(6, 8)}}};
  CHECK(alloc_contig(zone, 0, 12) == -Err::busy);
  CHECK(pages_of_count_1(zone).empty());
  CHECK(zone.nr_free_pages() == 46);
  CHECK(types(zone) == "MMMMMM");
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range gives back what it grabbed before the watermark, last page first",
          "[contig]") {
  // low 30, 64 free: chunk 0 can go (64 > 30 + 16), chunk 16 too (48 > 46), chunk 32 cannot.
  TinyZone zone{pages(64)};
  zone.set_watermarks({.low = 30});
  CHECK(alloc_contig(zone, 0, 48) == -Err::busy);
  CHECK(zone.nr_free_pages() == 64);
  CHECK(pages_of_count_1(zone).empty());
  CHECK(types(zone) == "MMMMMMMM");
  CHECK(zone.nr_free(Order{4}) == 4);
  // A page that merges as the lower half keeps no mark.
  for (Pfn pfn{0}; pfn < Pfn{32}; ++pfn) {
    if (pfn.value() % 16 != 0) CHECK(zone.page(pfn).page_private() == 0);
  }
}

TEST_CASE("alloc_contig_range asks the low watermark chunk by chunk", "[contig]") {
  TinyZone zone{pages(48)};
  zone.set_watermarks({.low = 32});  // 48 > 32 + 16 is not so
  CHECK(alloc_contig(zone, 0, 1) == -Err::busy);
  zone.set_watermarks({.low = 31});
  CHECK(alloc_contig(zone, 0, 1) == ok);
}

TEST_CASE("alloc_contig_range frees what is around the range upward", "[contig]") {
  // Pages 0 to 3 are freed into isolated blocks, so each is marked 5; 1 and 3 merge as upper halves
  // and keep the mark.
  TinyZone zone{pages(48)};
  CHECK(alloc_contig(zone, 4, 12) == ok);
  for (const std::uint64_t pfn : {1U, 3U, 13U, 15U}) {
    CHECK(zone.page(Pfn{pfn}).page_private() == 5);
  }
}

TEST_CASE("alloc_contig_range asks the notifiers", "[contig]") {
  TinyZone zone{pages(48)};
  const auto call = [](void*, MemoryIsolateNotify&) { return notify::bad; };
  register_memory_isolate_notifier(zone, {call});
  const TinyZone before = zone;
  CHECK(alloc_contig(zone, 0, 4) == -Err::busy);
  CHECK(zone == before);
}

TEST_CASE("alloc_contig_range works in a zone whose ends are not aligned", "[contig]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{5}, .spanned_pages = 50}};
  CHECK(alloc_contig(zone, 6, 8) == ok);
  CHECK(alloc_contig(zone, 52, 55) == ok);
  CHECK(zone.nr_free_pages() == 45);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range requires a range that is not empty and lies in the zone",
          "[contig]") {
  TinyZone zone{ZoneLayout{.start_pfn = Pfn{16}, .spanned_pages = 32}};
  CHECK_VIOLATION_IN(zone, alloc_contig(zone, 20, 20), "empty");
  CHECK_VIOLATION_IN(zone, alloc_contig(zone, 24, 20), "empty");
  CHECK_VIOLATION_IN(zone, alloc_contig(zone, 15, 20), "leaves the zone");
  CHECK_VIOLATION_IN(zone, alloc_contig(zone, 40, 49), "leaves the zone");
}

TEST_CASE("alloc_contig_range requires a CPU of the zone", "[contig]") {
  TinyZone zone{pages(48)};
  const auto on_cpu_1 = [&] {
    return alloc_contig_range(zone, cpu1, Pfn{0}, Pfn{4}, MigrateType::movable);
  };
  CHECK_VIOLATION_IN(zone, on_cpu_1(), "no such CPU");
}

TEST_CASE("free_contig_range drops a reference of each page, upward and hot", "[contig]") {
  TinyZone zone{pages(48)};
  CHECK(alloc_contig(zone, 4, 8) == ok);
  get_page(zone, Pfn{6});
  zone.set_pageset(8, 16);
  free_contig_range(zone, cpu0, Pfn{4}, 4);
  CHECK(pcp_list(zone, cpu0, MigrateType::movable) == Pfns{7, 5, 4});
  CHECK(pages_of_count_1(zone) == Pfns{6});
}

TEST_CASE("free_contig_range frees on the given CPU", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .nr_cpus = 2}};
  CHECK(alloc_contig(zone, 4, 8) == ok);
  zone.set_pageset(8, 16);
  free_contig_range(zone, cpu1, Pfn{4}, 4);
  CHECK(zone.pcp(cpu1).count == 4);
  CHECK(zone.pcp(cpu0).count == 0);
}

TEST_CASE("free_contig_range of no pages changes nothing", "[contig]") {
  TinyZone zone{pages(48)};
  const TinyZone before = zone;
  free_contig_range(zone, cpu0, Pfn{4}, 0);
  CHECK(zone == before);
}

TEST_CASE("free_contig_range requires pages that are valid and in use", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .holes = {range(4, 5)}}};
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{8}, 2), "not in use");
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{4}, 2), "not in use");
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{48}, 2), "leaves the zone");
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{0}, ~std::uint64_t{0}), "leaves");
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, Cpu{99}, Pfn{8}, 0), "no such CPU");
}

TEST_CASE("free_contig_range frees nothing if one of the pages is not in use", "[contig]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 48, .in_use = {{range(0, 2)}}}};
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{0}, 3), "not in use");
}

}  // namespace pageblock::test::contig_cases
