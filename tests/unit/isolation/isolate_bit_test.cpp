// SPDX-License-Identifier: MIT
/// How v6.17 and later isolate: for a mode, beside the block's own type, which comes back.
#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/contig_pages.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/lab/zone_image.hpp"
#include "pageblock/mm/frozen_page.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/v7_2_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::isolate_bit_cases {
namespace {

using enum MigrateType;
constexpr auto other = IsolateMode::other;

// Block 5 is of this type; all blocks are in use by pages that move, but for 16 pages of it.
ZoneLayout block_5_of(MigrateType type) {
  return {
      .spanned_pages = 8192,
      .in_use = {{.range = range(0, 2560), .lru = true}, {.range = range(2576, 8192), .lru = true}},
      .block_types = {{range(2560, 3072), type}}};
}

}  // namespace

TEST_CASE("a block that is given back has its own type again", "[page_isolation][v7_2]") {
  V7_2Zone zone{block_5_of(unmovable)};
  REQUIRE(start_isolate_page_range(zone, Pfn{2560}, Pfn{3072}, other) == ok);
  CHECK(get_pageblock_migratetype(zone, Pfn{2600}) == isolate);
  CHECK(zone.pageblock_flags().own_type(5) == unmovable);
  CHECK(free_list(zone, 4, isolate) == Pfns{2560});
  CHECK(zone.nr_free_pages() == 0);
  CHECK(verify(zone).empty());
  REQUIRE(undo_isolate_page_range(zone, Pfn{2560}, Pfn{3072}) == ok);
  CHECK(types(zone).substr(4, 3) == "MUM");
  CHECK(free_list(zone, 4, unmovable) == Pfns{2560});
  CHECK(zone.nr_free_pages() == 16);
  CHECK(verify(zone).empty());
}

TEST_CASE("what comes back relabels a neighbour that was never isolated",
          "[page_isolation][v7_2]") {
  V7_2Zone zone{ZoneLayout{.spanned_pages = 8192,
                           .in_use = {{.range = range(2560, 3072), .lru = true}},
                           .block_types = {{range(2560, 3072), unmovable}}}};
  REQUIRE(start_isolate_page_range(zone, Pfn{2560}, Pfn{3072}, other) == ok);
  for (std::uint64_t pfn = 2560; pfn < 3072; ++pfn) {
    set_page_lru(zone, Pfn{pfn}, false);
    put_page(zone, cpu0, Pfn{pfn});
  }
  REQUIRE(free_list(zone, 9, isolate) == Pfns{2560});
  REQUIRE(free_list(zone, 9, movable) == Pfns{2048});
  REQUIRE(undo_isolate_page_range(zone, Pfn{2560}, Pfn{3072}) == ok);
  CHECK(free_list(zone, 10, unmovable) == Pfns{2048});
  CHECK(types(zone).substr(3, 4) == "MUUM");
  CHECK(verify(zone).empty());
}

TEST_CASE("a chunk is cut whichever page names its block", "[page_isolation][v7_2]") {
  V7_2Zone zone{pages(2048)};
  REQUIRE(set_migratetype_isolate(zone, Pfn{7}, other, Pfn{0}, Pfn{512}) == ok);
  CHECK(free_list(zone, 9, isolate) == Pfns{0});
  CHECK(free_list(zone, 9, movable) == Pfns{512});
  CHECK(verify(zone).empty());
  CHECK(set_migratetype_isolate(zone, Pfn{0}, other, Pfn{0}, Pfn{512}) == -Err::busy);
  unset_migratetype_isolate(zone, Pfn{0});
  CHECK(free_list(zone, 10, movable) == Pfns{1024, 0});
  unset_migratetype_isolate(zone, Pfn{0});  // is isolated no more, and left alone
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("a range that is refused leaves each block its type", "[page_isolation][v7_2]") {
  V7_2Zone zone{
      ZoneLayout{.spanned_pages = 8192,
                 .in_use = {{.range = range(10, 20), .lru = true}, {.range = range(1100, 1101)}},
                 .block_types = {{range(0, 512), unmovable}, {range(512, 1024), reclaimable}}}};
  const V7_2Zone before = zone;
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{1536}, other) == -Err::busy);
  CHECK(explain_isolate_range(zone, Pfn{0}, Pfn{1536}, other)->pfn == Pfn{1100});
  CHECK(types(zone).starts_with("UEMM"));
  CHECK(zone.nr_free_pages() == before.nr_free_pages());
  CHECK(verify(zone).empty());
}

TEST_CASE("a mode says which pages are no obstacle", "[page_isolation][v7_2]") {
  V7_2Zone zone{ZoneLayout{.spanned_pages = 2048, .block_types = {{range(512, 1024), cma}}}};
  for (const IsolateMode mode : {IsolateMode::mem_offline, other}) {
    CHECK(has_unmovable_pages(zone, range(512, 1024), mode) == Pfn{512});
    CHECK(start_isolate_page_range(zone, Pfn{512}, Pfn{1024}, mode) == -Err::busy);
  }
  REQUIRE(start_isolate_page_range(zone, Pfn{512}, Pfn{1024}, IsolateMode::cma_alloc) == ok);
  CHECK(zone.nr_free_cma_pages() == 0);
  REQUIRE(undo_isolate_page_range(zone, Pfn{512}, Pfn{1024}) == ok);
  CHECK(types(zone) == "MCMM");
  CHECK(zone.nr_free_cma_pages() == 512);
  // What a driver has taken from the system goes offline, and is nobody else's.
  {
    const std::lock_guard guard{zone.lock()};
    REQUIRE(isolate_free_page(zone, Pfn{1024}) == 1024);
    zone.memmap().transform(Pfn{1024}, Pfn{2048},
                            [](PageBits) { return PageBits{PageBits::offline}; });
  }
  REQUIRE(start_isolate_page_range(zone, Pfn{1024}, Pfn{2048}, IsolateMode::mem_offline) == ok);
  CHECK(test_pages_isolated(zone, Pfn{1024}, Pfn{2048}, IsolateMode::mem_offline) == ok);
  CHECK(test_pages_isolated(zone, Pfn{1024}, Pfn{2048}, other) == -Err::busy);
  CHECK(explain_test(zone, Pfn{1024}, Pfn{2048}, other)->pfn == Pfn{1024});
}

TEST_CASE("writing a type ends the isolation, and isolate is no type to write",
          "[move_block][v7_2]") {
  V7_2Zone zone{pages(2048)};
  REQUIRE(start_isolate_page_range(zone, Pfn{512}, Pfn{1024}, other) == ok);
  set_pageblock_migratetype(zone, Pfn{512}, reclaimable);
  CHECK(get_pageblock_migratetype(zone, Pfn{512}) == reclaimable);
  CHECK_VIOLATION(set_pageblock_migratetype(zone, Pfn{0}, isolate), "no type that is written");
}

TEST_CASE("zones whose isolated blocks hide other types differ", "[pageblock_flags][v7_2]") {
  V7_2Zone a{pages(2048)};
  V7_2Zone b{ZoneLayout{.spanned_pages = 2048, .in_use = {{.range = range(0, 512), .lru = true}}}};
  for (V7_2Zone* zone : {&a, &b}) {
    set_pageblock_migratetype(*zone, Pfn{0}, zone == &a ? movable : reclaimable);
    zone->pageblock_flags().set(Pfn{0}, isolate);
  }
  CHECK(!(a.pageblock_flags() == b.pageblock_flags()));
  CHECK(types(a) == types(b));
  V7_2Zone c = b;
  c.pageblock_flags().set(Pfn{0}, movable);
  c.pageblock_flags().set(Pfn{0}, isolate);
  std::array<std::string, 2> images;
  append_image(images[0], b);
  append_image(images[1], c);
  CHECK(images[0] != images[1]);
  // A look for the first block of another type does not see what is hidden.
  V7_2Zone many{pages(200 * 512)};
  for (std::uint64_t block = 0; block < 150; ++block) {
    many.pageblock_flags().set(Pfn{block * 512}, block % 3 == 0 ? unmovable : movable);
    many.pageblock_flags().set(Pfn{block * 512}, isolate);
  }
  CHECK(many.pageblock_flags().find_other(Pfn{0}, isolate) == Pfn{150 * 512});
  CHECK(many.pageblock_flags().find_other(Pfn{150 * 512}, movable) == Pfn{200 * 512});
  CHECK(many.pageblock_flags().find_other(Pfn{512}, movable) == Pfn{512});
}

TEST_CASE("memory that was offline comes back movable", "[online_pages][v7_2]") {
  V7_2Zone zone{ZoneLayout{.spanned_pages = 8192,
                           .in_use = {{.range = range(512, 520), .lru = true}},
                           .block_types = {{range(512, 1024), reclaimable}}}};
  REQUIRE(offline_pages(zone, Pfn{512}, 512) == ok);
  CHECK(types(zone).starts_with("MIM"));
  REQUIRE(online_pages(zone, Pfn{512}, 512) == ok);
  CHECK(types(zone).starts_with("MMM"));
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("a page of slab without a count lets its block be isolated, and never go offline",
          "[frozen_page][v7_2]") {
  V7_2Zone zone{pages(8192)};
  const auto counted = alloc(zone, 0, unmovable);
  CHECK(start_isolate_page_range(zone, Pfn{0}, Pfn{8192}, other) == -Err::busy);
  freeze_page(zone, Pfn{counted});
  CHECK_VIOLATION(freeze_page(zone, Pfn{counted}), "not a single page of one holder");
  const Pfn block = Pfn{counted}.align_down(V7_2Zone::pageblock_order);
  drain_all_pages(zone);
  REQUIRE(start_isolate_page_range(zone, block, block + 512, other) == ok);
  CHECK(test_pages_isolated(zone, block, block + 512, other) == -Err::busy);
  CHECK(explain_test(zone, block, block + 512, other)->pfn == Pfn{counted});
  REQUIRE(undo_isolate_page_range(zone, block, block + 512) == ok);
  Attempt attempt;
  CHECK(offline_pages(zone, block, 512, AllMove{}, {.rounds = 5}, &attempt) == -Err::intr);
  CHECK(alloc_contig_range(zone, cpu0, block, block + 512, AcrFlags::none) == -Err::busy);
  CHECK(free_frozen_page(zone, cpu0, Pfn{counted}).freed == Freed::freed);
  CHECK(alloc_contig_range(zone, cpu0, block, block + 512, AcrFlags::none) == ok);
  const auto frozen = alloc_frozen_page(zone, cpu0, movable);
  REQUIRE(frozen);
  CHECK(zone.page(*frozen).count() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("v7.0 passes over places with pages that do not move", "[contig_pages][v7_2]") {
  const auto candidates = []<typename Config>(Config) {
    std::vector<Zone<Config>> zones;
    zones.emplace_back(ZoneLayout{.spanned_pages = 2048, .in_use = {{.range = range(100, 101)}}});
    Node<Config> node{std::move(zones)};
    Attempt attempt;
    CHECK(alloc_contig_pages(node, cpu0, 512, ZoneType::normal, NothingMoves{}, &attempt) ==
          Pfn{512});
    return attempt.candidates;
  };
  const auto before = candidates(V6_18Config{});
  REQUIRE(before.size() == 2);
  CHECK(before[0].stage == AttemptStage::isolate);
  const auto now = candidates(V7_2Config{});
  REQUIRE(now.size() == 2);
  CHECK(now[0].stage == AttemptStage::look);
  CHECK(now[0].blockers.at(0).pfn == Pfn{100});
}

}  // namespace pageblock::test::isolate_bit_cases
