// SPDX-License-Identifier: MIT
#include "pageblock/mm/zone.hpp"

#include <concepts>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::zone_cases {
namespace {

using enum MigrateType;

// Compares, and checks that equal zones have equal hashes.
template <ZoneConfig Config>
bool equal_both_ways(const Zone<Config>& a, const Zone<Config>& b) {
  const bool equal = a == b;
  CHECK(equal == (b == a));
  if (equal) {
    CHECK(std::hash<Zone<Config>>{}(a) == std::hash<Zone<Config>>{}(b));
  }
  return equal;
}

// Allocates 2^order pages; fails the test if there are none.
Pfn alloc(TinyZone& zone, unsigned order) {
  const auto page = alloc_pages(zone, cpu0, Order{order}, movable);
  REQUIRE(page);
  return page->pfn();
}

}  // namespace

TEMPLATE_TEST_CASE("Zone is a regular value with every lock and geometry", "[zone]", TinyConfig,
                   OneBlockConfig, TwoPageConfig, NullLockConfig, SpinlockConfig, StdLockConfig,
                   TracedConfig, DefaultConfig) {
  using TestZone = Zone<TestType>;
  STATIC_REQUIRE(std::regular<TestZone>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<TestZone>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<TestZone>);

  TestZone zone{pages(2048)};
  pin(zone, Pfn{33});
  const TestZone snapshot{zone};
  CHECK(equal_both_ways(zone, snapshot));

  pin(zone, Pfn{77});
  CHECK(!equal_both_ways(zone, snapshot));
  zone = snapshot;
  CHECK(equal_both_ways(zone, snapshot));
  CHECK(verify(zone).empty());

  TestZone moved{std::move(zone)};
  CHECK(equal_both_ways(moved, snapshot));
  zone = std::move(moved);
  CHECK(equal_both_ways(zone, snapshot));
  CHECK(verify(zone).empty());
}

TEST_CASE("Zone made of nothing is empty and equal to others of that kind", "[zone]") {
  const TinyZone zone;
  CHECK(zone.spanned_pages() == 0);
  CHECK(zone.nr_free_pages() == 0);
  CHECK(!zone.spans(Pfn{0}));
  CHECK(!zone.is_valid(Pfn{0}));
  CHECK(equal_both_ways(zone, TinyZone{}));
  CHECK(verify(zone).empty());
}

TEST_CASE("Zone survives assignment to itself", "[zone]") {
  TinyZone zone{pages(32)};
  pin(zone, Pfn{5});
  const TinyZone before{zone};
  TinyZone& self = zone;
  zone = self;
  CHECK(equal_both_ways(zone, before));
  zone = std::move(self);
  CHECK(equal_both_ways(zone, before));
}

TEST_CASE("Zone copies go their own way", "[zone]") {
  TinyZone zone{pages(32)};
  pin(zone, Pfn{5});  // so that block 0 has records to copy
  TinyZone copy{zone};
  pin(copy, Pfn{6});
  CHECK(zone.page(Pfn{6}).count() == 0);
  CHECK(copy.page(Pfn{6}).count() == 1);
  CHECK(verify(zone).empty());
  CHECK(verify(copy).empty());
}

TEST_CASE("== holds for a zone that was touched and returned to what it was", "[zone]") {
  // order 4 [16 0]; take order 1 at 16, give it back: everything merges again
  const TinyZone untouched{pages(32)};
  TinyZone zone{untouched};
  const Pfn pfn = alloc(zone, 1);
  CHECK(!equal_both_ways(zone, untouched));
  free_pages(zone, cpu0, pfn, Order{1});
  CHECK(zone.memmap().nr_records() > untouched.memmap().nr_records());
  CHECK(equal_both_ways(zone, untouched));
}

TEST_CASE("== sees a stale private", "[zone]") {
  // 16 and 17 in use, freed in this order: 17 merges as the upper half and keeps private 2.
  const TinyZone untouched{pages(32)};
  TinyZone zone{untouched};
  const Pfn pfn = alloc(zone, 1);
  split_page(zone, pfn, Order{1});
  free_pages(zone, cpu0, pfn, Order{0});
  free_pages(zone, cpu0, pfn + 1, Order{0});
  CHECK(free_list(zone, 4, movable) == free_list(untouched, 4, movable));
  CHECK(zone.page(Pfn{17}).page_private() == 2);
  CHECK(!equal_both_ways(zone, untouched));
  CHECK(zone.hash() != untouched.hash());
}

TEST_CASE("== sees the order of a list", "[zone]") {
  const TinyZone untouched{pages(32)};  // [16 0]
  TinyZone zone{untouched};
  const Pfn first = alloc(zone, 4);
  const Pfn second = alloc(zone, 4);
  free_pages(zone, cpu0, first, Order{4});
  free_pages(zone, cpu0, second, Order{4});
  CHECK(free_list(zone, 4, movable) == Pfns{0, 16});
  CHECK(!equal_both_ways(zone, untouched));
  CHECK(zone.hash() != untouched.hash());
}

TEST_CASE("== sees everything that is simulated", "[zone]") {
  ZoneLayout layout{.spanned_pages = 32, .in_use = {{{Pfn{17}, Pfn{18}}}}, .nr_cpus = 2};
  const TinyZone base{layout};
  TinyZone zone{base};
  SECTION("block types") { set_pageblock_migratetype(zone, Pfn{8}, cma); }
  SECTION("pages in use") { pin(zone, Pfn{8}); }
  SECTION("references") { get_page(zone, Pfn{17}); }
  SECTION("LRU") { set_page_lru(zone, Pfn{17}, true); }
  SECTION("the counter of isolated blocks") { zone.mod_nr_pageblock_isolate(1); }
  SECTION("watermarks") { zone.set_watermarks({.min = 1, .low = 2, .high = 3}); }
  SECTION("lowmem reserve") { zone.set_lowmem_reserve(2, 1); }
  SECTION("batch and high") { zone.set_pageset(2, 4); }
  SECTION("name") {
    layout.name = "DMA";
    zone = TinyZone{layout};
  }
  SECTION("type") {
    layout.type = ZoneType::movable;
    zone = TinyZone{layout};
  }
  SECTION("mobility grouping") {
    layout.mobility_grouping = false;
    zone = TinyZone{layout};
  }
  SECTION("CPUs") {
    layout.nr_cpus = 1;
    zone = TinyZone{layout};
  }
  SECTION("place") {
    layout.start_pfn = Pfn{16};
    zone = TinyZone{layout};
  }
  CHECK(!equal_both_ways(zone, base));
}

TEST_CASE("== sees which CPU has a page, and where in its list", "[zone]") {
  TinyZone base{{.spanned_pages = 32, .in_use = {{{Pfn{0}, Pfn{4}}}}, .nr_cpus = 2}};
  base.set_pageset(4, 8);
  TinyZone a{base};
  TinyZone b{base};
  free_pages(a, cpu0, Pfn{1}, Order{0});
  free_pages(b, cpu1, Pfn{1}, Order{0});
  CHECK(!equal_both_ways(a, b));
  CHECK(a.hash() != b.hash());
  b = a;
  free_pages(a, cpu0, Pfn{3}, Order{0}, Temperature::hot);
  free_pages(b, cpu0, Pfn{3}, Order{0}, Temperature::cold);
  CHECK(!equal_both_ways(a, b));
  CHECK(a.hash() != b.hash());
}

TEST_CASE("hash tells which page is different, and how", "[zone]") {
  const TinyZone zone{pages_in_use(32)};
  TinyZone first{zone};
  set_page_lru(first, Pfn{17}, true);
  TinyZone second{zone};
  set_page_lru(second, Pfn{18}, true);
  CHECK(first.hash() != zone.hash());
  CHECK(first.hash() != second.hash());
}

TEST_CASE("Zone works as an element of a hashed set", "[zone]") {
  std::unordered_set<TinyZone> zones;
  TinyZone zone{pages(32)};
  zones.insert(zone);
  pin(zone, Pfn{3});
  zones.insert(zone);
  zones.insert(TinyZone{pages(32)});
  CHECK(zones.size() == 2);
}

TEST_CASE("Zone copies get fresh locks, and an assignment keeps the target's", "[zone]") {
  TinyZone zone{pages(32)};
  { const std::lock_guard guard{zone.lock()}; }
  const auto acquired = zone.lock().nr_acquired();
  TinyZone copy{zone};
  CHECK(copy.lock().nr_acquired() == 0);
  CHECK(copy.pcp_lock(cpu0).nr_acquired() == 0);
  CHECK(!copy.lock().is_held());
  CHECK(&copy.lock() != &zone.lock());

  zone = TinyZone{pages(64)};
  CHECK(zone.lock().nr_acquired() == acquired + 1);  // one for the copy
}

TEST_CASE("Zone takes all its locks once when it is copied, compared or hashed", "[zone]") {
  const TinyZone zone{pages(32)};
  const TinyZone other{pages(32)};
  const auto acquired = [&] {
    return Pfns{zone.pcp_lock(cpu0).nr_acquired(), zone.pcp_lock(cpu1).nr_acquired(),
                zone.lock().nr_acquired()};
  };
  CHECK(acquired() == Pfns{0, 0, 0});
  const TinyZone copy{zone};
  CHECK(acquired() == Pfns{1, 1, 1});
  CHECK(zone == other);
  CHECK(acquired() == Pfns{2, 2, 2});
  static_cast<void>(zone.hash());
  CHECK(acquired() == Pfns{3, 3, 3});
  CHECK(zone == zone);  // would wait for itself
  CHECK(!zone.lock().is_held());
}

TEST_CASE("Zone is not copied by a thread that holds its lock", "[zone]") {
  const TinyZone zone{pages(32)};
  const std::lock_guard guard{zone.lock()};
  CHECK_VIOLATION(TinyZone{zone}, "already holds");
  CHECK_VIOLATION(zone.hash(), "already holds");
  CHECK(!zone.pcp_lock(cpu0).is_held());
}

TEST_CASE("Zone copies get a default tracer, and an assignment keeps the target's", "[zone]") {
  Events events;
  TracedZone zone{pages(32)};
  zone.tracer().events = &events;
  TracedZone copy{zone};
  CHECK(copy.tracer().events == nullptr);
  zone = copy;
  CHECK(zone.tracer().events == &events);
  const TracedZone moved{std::move(zone)};
  CHECK(events.empty());
}

TEST_CASE("Zone copies its notifiers, and moves them", "[zone]") {
  int calls = 0;
  TinyZone zone{pages(32)};
  zone.isolate_notifiers().add({[](void* context, MemoryIsolateNotify&) {
                                  ++*static_cast<int*>(context);
                                  return notify::okay;
                                },
                                &calls, 0});
  const TinyZone copy{zone};
  const TinyZone moved{std::move(zone)};
  TinyZone assigned;
  assigned = copy;
  for (const TinyZone* each : {&copy, &moved, &std::as_const(assigned)}) {
    MemoryIsolateNotify arg{};
    each->isolate_notifiers().call(arg);
  }
  CHECK(calls == 3);
  CHECK(copy == TinyZone{pages(32)});  // they are no part of the value
}

TEST_CASE("lock reports a notifier that calls back into its zone", "[zone]") {
  TinyZone zone{pages(32)};
  zone.isolate_notifiers().add({[](void* context, MemoryIsolateNotify&) {
                                  drain_pages(*static_cast<TinyZone*>(context), cpu0);
                                  return notify::okay;
                                },
                                &zone, 0});
  MemoryIsolateNotify arg{};
  CHECK_VIOLATION(zone.isolate_notifiers().call(arg), "a notifier calls into the zone");
  CHECK(violation_of([&] { drain_pages(zone, cpu0); }) == "nothing");
}

TEST_CASE("spans, is_valid and is_block_aligned say where a pfn lies", "[zone]") {
  const TinyZone zone{{.start_pfn = Pfn{12}, .spanned_pages = 16, .holes = {{Pfn{16}, Pfn{18}}}}};
  CHECK(zone.end_pfn() == Pfn{28});
  CHECK(!zone.spans(Pfn{11}));
  CHECK(zone.spans(Pfn{12}));
  CHECK(zone.spans(Pfn{16}));
  CHECK(!zone.spans(Pfn{28}));
  CHECK(zone.is_valid(Pfn{15}));
  CHECK(!zone.is_valid(Pfn{16}));
  CHECK(!zone.is_valid(Pfn{30}));  // in the map, but not in the zone
  CHECK(!zone.is_valid(Pfn{4000}));
  CHECK(TinyZone::is_block_aligned(Pfn{8}, Pfn{24}));
  CHECK(!TinyZone::is_block_aligned(Pfn{12}, Pfn{24}));
  CHECK(!TinyZone::is_block_aligned(Pfn{8}, Pfn{20}));
}

TEST_CASE("set_pageset sets every CPU's batch and high, and pages stay", "[zone]") {
  TinyZone zone{{.spanned_pages = 32, .in_use = {{{Pfn{0}, Pfn{4}}}}, .nr_cpus = 2}};
  zone.set_pageset(2, 8);
  free_pages(zone, cpu1, Pfn{1}, Order{0});
  zone.set_pageset(1, 0);
  for (const Cpu cpu : {cpu0, cpu1}) {
    CHECK(zone.pcp(cpu).batch == 1);
    CHECK(zone.pcp(cpu).high == 0);
  }
  CHECK(zone.pcp(cpu1).count == 1);
}

TEST_CASE("set_pageset reports values that make no sense", "[zone]") {
  TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, zone.set_pageset(0, 4), "at least 1");
  CHECK_VIOLATION_IN(zone, zone.set_pageset(4, 3), "high is below batch");
  CHECK_VIOLATION_IN(zone, zone.set_pageset(2, 0), "high is below batch");
  zone.set_pageset(4, 4);
}

TEST_CASE("set_lowmem_reserve and pcp report an index that does not exist", "[zone]") {
  TinyZone zone{pages(32)};
  zone.set_lowmem_reserve(3, 9);
  CHECK(zone.lowmem_reserve(3) == 9);
  CHECK_VIOLATION_IN(zone, zone.set_lowmem_reserve(4, 9), "no such zone index");
  CHECK_VIOLATION_IN(zone, zone.lowmem_reserve(4), "no such zone index");
  CHECK_VIOLATION_IN(zone, zone.pcp(cpu1), "no such CPU");  // the config has it, the zone not
}

TEST_CASE("assert_locked reports a zone whose lock is not held", "[zone]") {
  const TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, zone.assert_locked(), "not held");
  const std::lock_guard guard{zone.lock()};
  CHECK(violation_of([&] { zone.assert_locked(); }) == "nothing");
}

TEST_CASE("Zone prints as one line", "[zone]") {
  TinyZone zone{{.spanned_pages = 32, .holes = {{Pfn{0}, Pfn{2}}}}};
  pin(zone, Pfn{5});
  zone.mod_nr_pageblock_isolate(1);
  CHECK(fmt::format("{}", zone) ==
        "zone Normal [0, 32): 29 of 30 pages free, 1 of 4 pageblocks isolated");
  CHECK(fmt::format("{:.11}", zone) == "zone Normal");
}

TEST_CASE("nr_free, free_list and pcp_lock report what the zone does not have", "[zone]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 32}};
  CHECK_VIOLATION(zone.nr_free(Order{5}), "above the largest");
  CHECK_VIOLATION(zone.free_list(Order{5}, MigrateType::movable), "above the largest");
  CHECK_VIOLATION(zone.free_list(Order{0}, static_cast<MigrateType>(7)), "no such migratetype");
  CHECK_VIOLATION(zone.pcp_lock(Cpu{99}), "no such CPU");
}

}  // namespace pageblock::test::zone_cases
