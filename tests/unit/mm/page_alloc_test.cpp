// SPDX-License-Identifier: MIT
// Allocating, and what watchers see. Freeing, references and splitting have files of their own.
#include "pageblock/mm/page_alloc.hpp"

#include <utility>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/tiny_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::page_alloc_cases {

namespace {

constexpr PfnRange range(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

}  // namespace

using enum MigrateType;

TEST_CASE("alloc_pages of the worked example splits the head of the list", "[page_alloc]") {
  // order 4 [16 0], order 1 is asked for:  |16|18|  20 (2)  |     24 (3)     |
  TinyZone zone = free_zone(32);
  CHECK(request(zone, 1) == Pfn{16});
  CHECK(free_list(zone, 4, movable) == Pfns{0});
  CHECK(free_list(zone, 3, movable) == Pfns{24});
  CHECK(free_list(zone, 2, movable) == Pfns{20});
  CHECK(free_list(zone, 1, movable) == Pfns{18});
  CHECK(zone.nr_free_pages() == 30);
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_pages counts the first page only", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  CHECK(request(zone, 2) == Pfn{16});
  CHECK(zone.page(Pfn{16}).count() == 1);
  CHECK(zone.page(Pfn{16}).page_private() == 0);
  for (const std::uint64_t tail : Pfns{17, 18, 19}) CHECK(zone.page(Pfn{tail}).count() == 0);
}

TEST_CASE("alloc_pages returns nothing when there is nothing, and changes nothing",
          "[page_alloc]") {
  TinyZone zone = used_zone(32);
  const TinyZone before{zone};
  CHECK(!request(zone, 0));
  CHECK(!request(zone, 3));
  CHECK(zone == before);
}

TEST_CASE("alloc_pages of order 0 fills the CPU's list, and takes one page from it",
          "[page_alloc]") {
  // obtained from the buddy lists: 16, 17, 18
  //   hot:   [16 17 18], takes the head         cold:   [18 17 16], takes the tail
  TinyZone zone = free_zone(32);
  zone.set_pageset(3, 6);
  SECTION("hot") {
    CHECK(request(zone, 0) == Pfn{16});
    CHECK(pcp_list(zone, cpu0, movable) == Pfns{17, 18});
    CHECK(request(zone, 0, movable, Temperature::cold) == Pfn{18});
  }
  SECTION("cold") {
    CHECK(request(zone, 0, movable, Temperature::cold) == Pfn{16});
    CHECK(pcp_list(zone, cpu0, movable) == Pfns{18, 17});
    CHECK(request(zone, 0, movable, Temperature::hot) == Pfn{18});
  }
  CHECK(zone.pcp(cpu0).count == 1);
  CHECK(zone.pcp(cpu1).count == 0);
  CHECK(zone.nr_free_pages() == 29);
  CHECK(zone.page(Pfn{16}).count() == 1);
  CHECK(zone.page(Pfn{16}).page_private() == 0);
  CHECK(zone.page(Pfn{17}).count() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_pages of order 0 refills a list when that list is empty, whatever others hold",
          "[page_alloc]") {
  TinyZone zone = free_zone(32);
  zone.set_pageset(2, 8);
  CHECK(request(zone, 0, movable));
  CHECK(zone.pcp(cpu0).count == 1);
  CHECK(request(zone, 0, unmovable));  // steals the other largest chunk
  CHECK(zone.pcp(cpu0).count == 2);
  CHECK(request(zone, 0, movable));
  CHECK(pcp_list(zone, cpu0, movable).empty());
  CHECK(pcp_list(zone, cpu0, unmovable).size() == 1);
}

TEST_CASE("alloc_pages of order 0 makes do with fewer pages than a batch", "[page_alloc]") {
  TinyZone zone{{.spanned_pages = 16, .in_use = {{range(2, 16)}}}};
  zone.set_pageset(8, 8);
  CHECK(request(zone, 0) == Pfn{0});
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{1});
  CHECK(zone.nr_free_pages() == 0);
  CHECK(request(zone, 0) == Pfn{1});
  CHECK(!request(zone, 0));
}

TEST_CASE("alloc_pages marks refilled pages of CMA with their type, those of the reserve not",
          "[page_alloc]") {
  SECTION("CMA pages go home when drained") {
    // Each page is a fallback of its own, to the largest chunk: 0, then 8.
    TinyZone zone = free_zone(16, cma);
    zone.set_pageset(2, 4);
    CHECK(request(zone, 0, movable) == Pfn{0});
    CHECK(pcp_list(zone, cpu0, movable) == Pfns{8});
    CHECK(zone.page(Pfn{8}).page_private() == 4);
    drain_all_pages(zone);
    CHECK(free_list(zone, 3, cma) == Pfns{8});
  }
  SECTION("the reserve leaks") {
    TinyZone zone = free_zone(16, reserve);
    zone.set_pageset(2, 4);
    CHECK(request(zone, 0, reclaimable) == Pfn{0});
    CHECK(zone.page(Pfn{1}).page_private() == 1);
    drain_all_pages(zone);
    CHECK(free_list(zone, 0, reclaimable) == Pfns{1});
    CHECK(get_pageblock_migratetype(zone, Pfn{1}) == reserve);
  }
  SECTION("a movable chunk in a block of type isolate") {
    TinyZone zone = free_zone(16);
    set_pageblock_migratetype(zone, Pfn{0}, isolate);
    zone.set_pageset(2, 4);
    CHECK(request(zone, 0, movable) == Pfn{0});
    CHECK(zone.page(Pfn{1}).page_private() == 5);
  }
}

TEST_CASE("alloc_pages reports what no request can ask for", "[page_alloc]") {
  TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu0, Order{5}, movable), "above the largest");
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu0, Order{0}, reserve), "requests are");
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu0, Order{1}, cma), "requests are");
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu0, Order{1}, isolate), "requests are");
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu1, Order{0}, movable), "no such CPU");
  CHECK_VIOLATION_IN(zone, alloc_pages(zone, cpu1, Order{1}, movable), "no such CPU");
}

TEST_CASE("alloc_pages and free_pages take the locks that they say", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  zone.set_pageset(2, 4);
  const auto taken_by = [&](auto call) {
    const auto cpu_before = zone.pcp_lock(cpu0).nr_acquired();
    const auto zone_before = zone.lock().nr_acquired();
    call();
    CHECK(!zone.pcp_lock(cpu0).is_held());
    CHECK(!zone.lock().is_held());
    CHECK(!CheckedLock::irqs_disabled());
    return Pfns{zone.pcp_lock(cpu0).nr_acquired() - cpu_before,
                zone.lock().nr_acquired() - zone_before};
  };
  // CPU's lock, zone.lock
  CHECK(taken_by([&] { request(zone, 0); }) == Pfns{1, 1});  // a refill: 16, 17
  CHECK(taken_by([&] { request(zone, 0); }) == Pfns{1, 0});
  CHECK(taken_by([&] { request(zone, 3); }) == Pfns{0, 1});  // 24
  CHECK(taken_by([&] { get_page(zone, Pfn{16}); }) == Pfns{0, 1});
  CHECK(taken_by([&] { give_back(zone, 16); }) == Pfns{1, 0});
  CHECK(taken_by([&] { give_back(zone, 16); }) == Pfns{1, 0});
  CHECK(taken_by([&] { give_back(zone, 24, 3); }) == Pfns{0, 1});
  CHECK(taken_by([&] { split_free_page(zone, Pfn{24}); }) == Pfns{0, 1});
  CHECK(taken_by([&] { give_back(zone, 24); }) == Pfns{1, 1});  // makes its block's records
  CHECK(taken_by([&] { give_back(zone, 25); }) == Pfns{1, 0});
  CHECK(taken_by([&] { give_back(zone, 26); }) == Pfns{1, 1});  // reaches high: drains
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_pages and free_pages tell the tracer", "[page_alloc]") {
  Events events;
  TracedZone zone{pages(32)};
  zone.set_pageset(2, 4);
  zone.tracer().events = &events;

  static_cast<void>(alloc_pages(zone, cpu0, Order{0}, movable));
  const auto refills = only<trace::MmPageAllocZoneLocked>(events);
  REQUIRE(refills.size() == 2);
  CHECK(refills[0].pfn == Pfn{16});
  CHECK(refills[1].pfn == Pfn{17});
  CHECK(refills[0].percpu_refill);
  const auto alloc = std::get<trace::MmPageAlloc>(events.back());
  CHECK(alloc.pfn == Pfn{16});
  CHECK(alloc.migratetype == movable);
  CHECK(alloc.cpu == cpu0);

  events.clear();
  static_cast<void>(alloc_pages(zone, cpu0, Order{3}, movable));
  REQUIRE(events.size() == 2);
  CHECK(!std::get<trace::MmPageAllocZoneLocked>(events[0]).percpu_refill);
  CHECK(std::get<trace::MmPageAlloc>(events[1]).pfn == Pfn{24});

  events.clear();
  CHECK(alloc_pages(zone, cpu0, Order{4}, movable)->pfn() == Pfn{0});
  CHECK(!alloc_pages(zone, cpu0, Order{4}, movable));
  CHECK(!std::get<trace::MmPageAlloc>(events.back()).pfn);

  events.clear();
  free_pages(zone, cpu0, Pfn{24}, Order{3});
  REQUIRE(events.size() == 2);
  CHECK(std::get<trace::MmPageFree>(events[0]).pfn == Pfn{24});
  CHECK(std::get<trace::MmPageFree>(events[0]).order == Order{3});
  CHECK(std::get<trace::MmPageFreeZoneLocked>(events[1]).pfn == Pfn{24});
  CHECK(std::get<trace::MmPageFreeZoneLocked>(events[1]).order == Order{3});
  CHECK(std::get<trace::MmPageFreeZoneLocked>(events[1]).migratetype == movable);
  CHECK(zone.page(Pfn{24}).is_buddy());  // told when it is on the list

  events.clear();
  set_page_lru(zone, Pfn{16}, true);
  free_pages(zone, cpu0, Pfn{16}, Order{0});
  REQUIRE(events.size() == 2);
  CHECK(std::get<trace::BadPage>(events[1]).pfn == Pfn{16});

  events.clear();
  split_page(zone, Pfn{0}, Order{4});
  set_pageblock_migratetype(zone, Pfn{8}, isolate);
  free_pages(zone, cpu0, Pfn{9}, Order{0});  // passes by the CPU's list
  REQUIRE(events.size() == 2);
  CHECK(std::get<trace::MmPageFreeZoneLocked>(events[1]).pfn == Pfn{9});
  CHECK(std::get<trace::MmPageFreeZoneLocked>(events[1]).migratetype == isolate);
}

TEMPLATE_TEST_CASE("alloc_pages and free_pages keep a zone consistent with every lock",
                   "[page_alloc]", TinyConfig, OneBlockConfig, TwoPageConfig, NullLockConfig,
                   SpinlockConfig, StdLockConfig, TracedConfig) {
  Zone<TestType> zone{pages(128)};
  zone.set_pageset(3, 5);
  std::vector<std::pair<Pfn, Order>> taken;
  for (unsigned i = 0; i < 12; ++i) {
    const Order order{i % 4};
    const auto page = alloc_pages(zone, cpu0, order, pcp_types[i % 3]);
    REQUIRE(page);
    taken.emplace_back(page->pfn(), order);
  }
  CHECK(verify(zone).empty());
  for (const auto& [pfn, order] : taken) CHECK(free_pages(zone, cpu0, pfn, order) == freed);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 128);
  CHECK(zone.nr_free(Order{4}) == 8);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::page_alloc_cases
