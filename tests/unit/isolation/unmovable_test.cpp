// SPDX-License-Identifier: MIT
/// has_unmovable_pages(), is_pageblock_removable_nolock(): section 8 of the kernel's rules.
#include "pageblock/isolation/unmovable.hpp"

#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::unmovable_cases {

namespace {

// Two blocks, the first of @p type, with page 3 in use.
TinyZone with_page_3_in_use(MigrateType type, bool lru = false) {
  return TinyZone{ZoneLayout{.spanned_pages = 16,
                             .in_use = {{.range = range(3, 4), .lru = lru}},
                             .block_types = {{range(0, 8), type}}}};
}

}  // namespace

TEST_CASE("has_unmovable_pages passes movable and CMA blocks unseen", "[unmovable]") {
  CHECK_FALSE(has_unmovable_pages(with_page_3_in_use(MigrateType::movable), Pfn{0}, 0));
  CHECK_FALSE(has_unmovable_pages(with_page_3_in_use(MigrateType::cma), Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages scans blocks of all other types", "[unmovable]") {
  CHECK(has_unmovable_pages(with_page_3_in_use(MigrateType::unmovable), Pfn{0}, 0));
  CHECK(has_unmovable_pages(with_page_3_in_use(MigrateType::reclaimable), Pfn{0}, 0));
  CHECK(has_unmovable_pages(with_page_3_in_use(MigrateType::reserve), Pfn{0}, 0));
  CHECK(has_unmovable_pages(with_page_3_in_use(MigrateType::isolate), Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages passes every block of a movable zone", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.type = ZoneType::movable,
                                 .spanned_pages = 8,
                                 .reserved = {range(0, 8)},
                                 .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages passes pages on the LRU", "[unmovable]") {
  CHECK_FALSE(has_unmovable_pages(with_page_3_in_use(MigrateType::unmovable, true), Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages counts reserved pages", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 8,
                                 .reserved = {range(3, 4)},
                                 .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages forgives as many pages as it is told", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 8,
                                 .in_use = {{.range = range(2, 5)}},
                                 .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK(has_unmovable_pages(zone, Pfn{0}, 2));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 3));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 4));
}

TEST_CASE("has_unmovable_pages counts an allocation of higher order as one page", "[unmovable]") {
  TinyZone zone{
      ZoneLayout{.spanned_pages = 8, .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  REQUIRE(alloc(zone, 3, MigrateType::unmovable) == 0);
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 1));
}

TEST_CASE("has_unmovable_pages passes pages on a CPU's list", "[unmovable]") {
  TinyZone zone{
      ZoneLayout{.spanned_pages = 8, .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  zone.set_pageset(4, 8);
  const std::uint64_t pfn = alloc(zone, 0, MigrateType::unmovable);
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
  free(zone, pfn);
  REQUIRE(zone.pcp(cpu0).count == 4);
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages passes offline pages, which have count 0", "[unmovable]") {
  TinyZone zone{
      ZoneLayout{.spanned_pages = 8, .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  offline_isolated_pages(zone, Pfn{0}, Pfn{8});
  REQUIRE(zone.page(Pfn{0}).is_reserved());
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 0));
}

TEST_CASE("has_unmovable_pages searches a block's size from the page it is given", "[unmovable]") {
  // page     0 . . 3 . . . . | 8 . 10 . . . . .      unmovable | unmovable
  //                x               x
  // from 0   |-------------->|
  // from 4           |------------>|                 not 3, but 10
  const TinyZone zone{ZoneLayout{.spanned_pages = 16,
                                 .reserved = {range(3, 4), range(10, 11)},
                                 .block_types = {{range(0, 16), MigrateType::unmovable}}}};
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 1));
  CHECK(has_unmovable_pages(zone, Pfn{4}, 0));
  CHECK(has_unmovable_pages(zone, Pfn{3}, 1));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{4}, 1));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{11}, 0));
}

TEST_CASE("has_unmovable_pages stops before the page a block's size further", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 16,
                                 .reserved = {range(8, 9)},
                                 .block_types = {{range(0, 8), MigrateType::unmovable}}}};
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK(has_unmovable_pages(zone, Pfn{1}, 0));
}

TEST_CASE("has_unmovable_pages skips holes and what is beyond the zone", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 12,
                                 .holes = {range(9, 11)},
                                 .block_types = {{range(0, 12), MigrateType::unmovable}}}};
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{8}, 0));
}

TEST_CASE("has_unmovable_pages passes over a free chunk in one step", "[unmovable]") {
  // One chunk of order 4 over two blocks: what the search sees is its head.
  const TinyZone zone{
      ZoneLayout{.spanned_pages = 16, .block_types = {{range(0, 16), MigrateType::unmovable}}}};
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{8}, 0));
}

TEST_CASE("has_unmovable_pages takes no lock", "[unmovable]") {
  const TinyZone zone = with_page_3_in_use(MigrateType::unmovable);
  CHECK(has_unmovable_pages(zone, Pfn{0}, 0));
  CHECK(zone.lock().nr_acquired() == 0);
  CHECK(zone.pcp_lock(cpu0).nr_acquired() == 0);
}

TEST_CASE("has_unmovable_pages requires a pfn of the zone", "[unmovable]") {
  const TinyZone zone{
      ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 16, .holes = {range(10, 12)}}};
  CHECK_FALSE(has_unmovable_pages(zone, Pfn{10}, 0));  // a hole is passed over
  CHECK_VIOLATION(has_unmovable_pages(zone, Pfn{7}, 0), "not in the zone");
  CHECK_VIOLATION(has_unmovable_pages(zone, Pfn{24}, 0), "not in the zone");
}

TEST_CASE("is_pageblock_removable_nolock is true when nothing unmovable is found", "[unmovable]") {
  CHECK(is_pageblock_removable_nolock(with_page_3_in_use(MigrateType::movable), Pfn{0}));
  CHECK(is_pageblock_removable_nolock(with_page_3_in_use(MigrateType::unmovable, true), Pfn{0}));
  CHECK_FALSE(is_pageblock_removable_nolock(with_page_3_in_use(MigrateType::unmovable), Pfn{0}));
}

TEST_CASE("is_pageblock_removable_nolock is false outside the zone", "[unmovable]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 8, .holes = {range(2, 3)}}};
  CHECK(is_pageblock_removable_nolock(zone, Pfn{2}));
  CHECK_FALSE(is_pageblock_removable_nolock(zone, Pfn{8}));
}

}  // namespace pageblock::test::unmovable_cases
