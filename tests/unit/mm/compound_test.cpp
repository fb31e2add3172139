// SPDX-License-Identifier: MIT
/// Compound pages, chunks that several hold, and what a free checks.
#include "pageblock/mm/compound.hpp"

#include <array>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_batch.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::compound_cases {

namespace {

constexpr MigrateType movable = MigrateType::movable;

struct NewConfig : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};
using NewZone = Zone<NewConfig>;

// A kernel without CONFIG_DEBUG_VM.
struct ReleaseConfig : NewConfig {
  static constexpr bool debug_vm = false;
};
struct OldReleaseConfig : TinyConfig {
  static constexpr bool debug_vm = false;
};

// Allocates a compound page.
Pfn alloc_compound(NewZone& zone, unsigned order) {
  const Pfn pfn{alloc(zone, order)};
  prep_compound_page(zone, pfn, Order{order});
  return pfn;
}

}  // namespace

TEST_CASE("the first who frees a shared chunk frees what is behind its first page",
          "[free_pages][v6_1]") {
  // q-shared-chunk: an order-4 chunk that two hold; here order 3, by 4, 2, 1
  NewZone zone{pages(32)};
  zone.set_pageset(7, 100);
  const Pfn pfn{alloc(zone, 3)};
  const auto before = zone.pcp(cpu0).count;
  get_page(zone, pfn);
  CHECK(free_pages(zone, cpu0, pfn, Order{3}).freed == Freed::held);
  CHECK(zone.pcp(cpu0).count == before + 7);
  CHECK(pcp_list(zone, cpu0, movable, Order{0}) == Pfns{pfn.value() + 1});
  CHECK(pcp_list(zone, cpu0, movable, Order{1}) == Pfns{pfn.value() + 2});
  CHECK(pcp_list(zone, cpu0, movable, Order{2}) == Pfns{pfn.value() + 4});
  CHECK(put_page(zone, cpu0, pfn).freed == Freed::freed);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("a shared compound page is freed as a whole by its last holder", "[free_pages][v6_1]") {
  NewZone zone{pages(32)};
  zone.set_pageset(7, 100);
  const Pfn pfn = alloc_compound(zone, 2);
  get_page(zone, pfn);
  CHECK(free_pages(zone, cpu0, pfn, Order{2}).freed == Freed::held);
  CHECK(pcp_list(zone, cpu0, movable, Order{1}).empty());
  CHECK(put_page(zone, cpu0, pfn).freed == Freed::freed);
  CHECK(pcp_list(zone, cpu0, movable, Order{2}).front() == pfn.value());
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 32);
}

TEST_CASE("a compound page is one page to who scans", "[unmovable][v6_1]") {
  NewZone zone{pages(32)};
  zone.set_pageset(7, 100);
  const Pfn pfn = alloc_compound(zone, 2);
  const auto unmovable_from = [&](Pfn first) {
    return has_unmovable_pages(zone, {first, pfn + 4}, movable);
  };
  CHECK(unmovable_from(pfn) == pfn);
  CHECK(unmovable_from(pfn + 2) == pfn + 2);  // also from inside
  set_page_lru(zone, pfn, true);
  CHECK_FALSE(unmovable_from(pfn));
  CHECK_FALSE(unmovable_from(pfn + 2));
  CHECK(put_page(zone, cpu0, pfn).freed == Freed::freed);
  drain_all_pages(zone);
  CHECK(verify(zone).empty());
}

TEST_CASE("a compound page across the border of a range keeps it from being isolated",
          "[isolation][v6_1]") {
  // block    0      1      2      3
  //        |  compound   |             the range begins with block 1
  NewZone zone{pages(32)};
  const Pfn pfn = alloc_compound(zone, 4);
  REQUIRE(pfn == block(0));
  set_page_lru(zone, pfn, true);
  CHECK(start_isolate_page_range(zone, block(1), block(3), movable) == -Err::busy);
  CHECK(types(zone) == "MMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("compound pages are given back with their own order, and not split", "[compound]") {
  NewZone zone{pages(32)};
  const Pfn pfn = alloc_compound(zone, 2);
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, pfn, Order{1}), "another order");
  CHECK_VIOLATION_IN(zone, split_page(zone, pfn, Order{2}), "compound");
  CHECK_VIOLATION_IN(zone, prep_compound_page(zone, pfn + 8, Order{2}), "not allocated");
}

TEST_CASE("pages that are freed together are all freed before one of them is on a list",
          "[free_batch][v6_1]") {
  // v6.1-observed.md, 7: all mm_page_free lines come first.
  TinyV6_1Zone zone{pages(32)};
  zone.set_pageset(4, 100);
  const std::array pfns{Pfn{alloc(zone, 0)}, Pfn{alloc(zone, 0)}, Pfn{alloc(zone, 0)}};
  Events events;
  zone.tracer().events = &events;
  CHECK(free_unref_page_list(zone, cpu0, pfns) == 3);
  REQUIRE(events.size() == 6);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(std::get<trace::MmPageFree>(events[i]).pfn == pfns[i]);
    CHECK(std::get<trace::MmPageFreeBatched>(events[3 + i]).pfn == pfns[i]);
  }
  CHECK(pcp_list(zone, cpu0, movable).front() == pfns[2].value());
}

TEST_CASE("without CONFIG_DEBUG_VM, v6.1 frees a page to a per-CPU list as it is",
          "[free_pages][v6_1]") {
  Zone<ReleaseConfig> zone{pages(32)};
  const Pfn pfn{alloc(zone, 0)};
  set_page_lru(zone, pfn, true);
  CHECK(free_pages(zone, cpu0, pfn, Order{0}).freed == Freed::freed);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());

  Zone<OldReleaseConfig> old{pages(32)};
  const Pfn page{alloc(old, 0)};
  set_page_lru(old, page, true);
  CHECK(free_pages(old, cpu0, page, Order{0}).freed == Freed::bad);
}

}  // namespace pageblock::test::compound_cases
