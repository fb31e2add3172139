// SPDX-License-Identifier: MIT
/// How v6.12 frees chunks of several pageblocks, merges them, and moves what is free in a block.
#include <cstdint>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/free_batch.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::free_chunk_cases {
namespace {

using enum MigrateType;

}  // namespace

TEST_CASE("a chunk of two blocks is freed block by block, to the types of both", "[free][v6_12]") {
  // The types of blocks 0 and 1; then those that they have when both are free, the chunks of order 10 and
  // 9 that are on no movable list, and what is counted.
  using Row = std::tuple<MigrateType, MigrateType, std::string, Pfns, MigrateType, std::int64_t>;
  for (const auto& [first, second, after, merged, of_merged, counted] :
       {Row{movable, movable, "MM", {0, 1024, 2048, 3072}, movable, 1024},
        Row{movable, unmovable, "UU", {0}, unmovable, 1024},
        Row{unmovable, movable, "MM", {0, 1024, 2048, 3072}, movable, 1024},
        Row{movable, isolate, "MI", {}, isolate, 512},
        Row{isolate, movable, "IM", {}, isolate, 512},
        Row{highatomic, movable, "HM", {}, highatomic, 1024}}) {
    V6_12Zone zone{pages(4096)};
    REQUIRE(alloc(zone, 10) == 0);
    set_pageblock_migratetype(zone, Pfn{0}, first);
    set_pageblock_migratetype(zone, Pfn{512}, second);
    const std::int64_t before = zone.nr_free_pages();
    free(zone, 0, 10);
    CHECK(labels(zone).substr(0, 2) == after);
    CHECK(free_list(zone, 10, of_merged) == merged);
    CHECK(zone.nr_free_pages() - before == counted);
    CHECK(zone.nr_free_highatomic() == (first == highatomic ? 512 : 0));
    if (merged.empty()) {
      CHECK(free_list(zone, 9, first) == Pfns{0});
      CHECK(free_list(zone, 9, second) == Pfns{512});
    }
  }
}

TEST_CASE("a block that merges gets the type that is freed last", "[free][v6_12]") {
  V6_12Zone zone{pages(4096)};
  zone.set_pageset(1, 0);
  REQUIRE(alloc(zone, 9) == 0);
  set_pageblock_migratetype(zone, Pfn{0}, reclaimable);
  REQUIRE(free_list(zone, 9, movable) == Pfns{512});
  free(zone, 0, 9);
  CHECK(types(zone) == "EEMMMMMM");
  CHECK(free_list(zone, 10, reclaimable) == Pfns{0});
  CHECK(verify(zone).empty());
}

TEST_CASE("with mobility grouping off a merge writes unmovable", "[free][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 2048,
                            .block_types = {{range(0, 2048), unmovable}},
                            .mobility_grouping = false}};
  zone.set_pageset(1, 0);
  REQUIRE(alloc(zone, 9, unmovable) == 0);
  {
    const std::lock_guard guard{zone.lock()};
    detail::free_one_page(zone, Pfn{0}, Order{9}, movable);
  }
  CHECK(types(zone) == "UUUU");
  CHECK(zone.nr_free_pages() == 2048);
}

TEST_CASE("boot frees block by block, too: neighbours get one type", "[zone_layout][v6_12]") {
  const V6_12Zone zone{
      ZoneLayout{.spanned_pages = 2048, .block_types = {{range(512, 1024), reclaimable}}}};
  CHECK(types(zone) == "EEMM");
  CHECK(free_list(zone, 10, reclaimable) == Pfns{0});
  CHECK(verify(zone).empty());
}

TEST_CASE("move_freepages_block of v6.12 types and counts, but not a block that the zone cuts",
          "[fallback][v6_12]") {
  SmallV6_12Zone zone{ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 72}};  // to 80
  const std::lock_guard guard{zone.lock()};
  CHECK(move_freepages_block(zone, Pfn{8}, unmovable) == -1);
  CHECK(move_freepages_block(zone, Pfn{70}, unmovable) == -1);
  CHECK(types(zone) == "MMM");
  CHECK(move_freepages_block(zone, Pfn{40}, highatomic) == 32);
  CHECK(labels(zone) == "MHM");
  CHECK(zone.nr_free_highatomic() == 32);
  CHECK(move_freepages_block(zone, Pfn{40}, isolate) == 32);
  CHECK(zone.nr_free_highatomic() == 0);
  CHECK(zone.nr_free_pages() == 40);
}

TEST_CASE("taking half a block moves what else is free in it to the tails", "[split_page][v6_12]") {
  // Free: order 8 at 0, and single pages in block 0 and 1.
  V6_12Zone zone{ZoneLayout{.spanned_pages = 1024, .in_use = {{range(256, 1024)}}}};
  zone.set_pageset(1, 0);
  for (const std::uint64_t pfn : Pfns{272, 520, 257}) free(zone, pfn);
  REQUIRE(free_list(zone, 0, movable) == Pfns{257, 520, 272});
  const std::lock_guard guard{zone.lock()};
  CHECK(isolate_free_page(zone, Pfn{0}) == 256);
  CHECK(free_list(zone, 0, movable) == Pfns{520, 257, 272});
  CHECK(types(zone) == "MM");
}

TEST_CASE("free_unref_folios frees folios of any order, those without lists first",
          "[free_batch][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 2048}};
  zone.set_pageset({.batch = 32, .high = 2000, .high_max = 2000});
  const Pfn page = Pfn{alloc(zone, 0)};
  const Pfn small = Pfn{alloc(zone, 2)};
  const Pfn large = Pfn{alloc(zone, 5)};
  prep_compound_page(zone, small, Order{2});
  prep_compound_page(zone, large, Order{5});
  Events events;
  zone.tracer().events = &events;
  const std::vector<Pfn> folios{page, large, small};
  CHECK(free_unref_folios(zone, cpu0, folios) == 3);
  CHECK(story(events) ==
        fmt::format("free {0}/0, free {1}/5, to lists {1}/5, free {2}/2, batched {0}/0, "
                    "batched {2}/0",
                    page, large, small));
  CHECK(zone.pcp(cpu0).list(movable, Order{2})[0] == small);
  CHECK(verify(zone).empty());

  SECTION("the page of an isolated block goes to the buddy lists") {
    const Pfn again = Pfn{alloc(zone, 0)};
    set_page_lru(zone, again, true);
    REQUIRE(set_migratetype_isolate(zone, again) == ok);
    set_page_lru(zone, again, false);
    CHECK(free_unref_folios(zone, cpu0, std::vector{again}) == 1);
    CHECK(free_list(zone, 0, isolate) == Pfns{again.value()});
  }
  SECTION("no more than the kernel takes at once, each held once") {
    CHECK_VIOLATION_IN(zone, free_unref_folios(zone, cpu0, std::vector<Pfn>(32, page)),
                       "more folios than the kernel takes at once");
    CHECK_VIOLATION_IN(zone, free_unref_folios(zone, cpu0, std::vector{Pfn{1500}}),
                       "not held by one holder");
  }
}

TEST_CASE("a gigantic page is freed in one call, block by block", "[free][contig][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 8192}};
  CHECK(alloc_contig_compound(zone, cpu0, Pfn{4096}, Pfn{8192}, movable) == ok);
  CHECK(zone.memmap().bits(Pfn{4096}).order() == Order{12});
  CHECK(zone.nr_free_pages() == 4096);
  CHECK(compound_head(zone, Pfn{8191}) == Pfn{4096});
  CHECK(alloc_contig_range(zone, cpu0, Pfn{6144}, Pfn{6656}, movable, NothingMoves{}) ==
        -Err::busy);
  Events events;
  zone.tracer().events = &events;
  free_contig_range(zone, cpu0, Pfn{4096}, 4096);
  CHECK(story(events) == "free 4096/12, to lists 4096/12");
  CHECK(free_list(zone, 10, movable) == Pfns{7168, 6144, 5120, 4096, 0, 1024, 2048, 3072});
  CHECK(zone.nr_free_pages() == 8192);
  CHECK(verify(zone).empty());
}

TEST_CASE("a compound range inside a free chunk is lost", "[contig][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 2048}};
  CHECK(alloc_contig_compound(zone, cpu0, Pfn{64}, Pfn{128}, movable) == -Err::inval);
  CHECK(zone.nr_free_pages() == 2048 - 512);
  CHECK(!zone.memmap().free_chunk_of(Pfn{64}));
  CHECK(!zone.memmap().free_chunk_of(Pfn{200}));
  CHECK(types(zone) == "MMMM");
  CHECK_VIOLATION_IN(zone, free_contig_range(zone, cpu0, Pfn{64}, 64), "not in use");
}

TEST_CASE("what cannot be taken is given back by order", "[contig][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 1024, .in_use = {{range(3, 512)}}}};
  REQUIRE(free_list(zone, 1, movable) == Pfns{0});
  REQUIRE(free_list(zone, 0, movable) == Pfns{2});
  zone.mod_nr_pageblock_isolate(1);
  {
    const std::lock_guard guard{zone.lock()};
    move_freepages_block(zone, Pfn{0}, isolate);
  }
  Events events;
  zone.tracer().events = &events;
  CHECK(!detail::isolate_freepages_range(zone, cpu0, Pfn{0}, Pfn{512}));
  CHECK(story(events) == "free 2/0, to lists 2/0, free 0/1, to lists 0/1");
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::free_chunk_cases
