// SPDX-License-Identifier: MIT
#include "pageblock/mm/drain.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::drain_cases {
namespace {

using enum MigrateType;

// Blocks 0 unmovable, 1 reclaimable, 2 movable, 3 of @p last; all pages in use; two CPUs.
ZoneLayout one_block_each(MigrateType last = movable) {
  ZoneLayout layout = pages_in_use(32);
  layout.block_types = {
      {{Pfn{0}, Pfn{8}}, unmovable}, {{Pfn{8}, Pfn{16}}, reclaimable}, {{Pfn{24}, Pfn{32}}, last}};
  layout.nr_cpus = 2;
  return layout;
}

template <ZoneConfig Config>
void free_each(Zone<Config>& zone, Cpu cpu, const Pfns& pfns) {
  for (const std::uint64_t pfn : pfns) free_pages(zone, cpu, Pfn{pfn}, Order{0});
}

}  // namespace

TEST_CASE("free_pcppages_bulk of the worked example takes from the tails, in turn", "[drain]") {
  // unmovable [2 0], movable [20 18 16]; batch 3, high 5; the free of 2 drains 16, 18 and 0
  TinyZone zone{one_block_each()};
  zone.set_pageset(3, 5);
  free_each(zone, cpu0, {0, 16, 18, 20});
  CHECK(zone.pcp(cpu0).count == 4);
  CHECK(zone.nr_free_pages() == 0);
  free_each(zone, cpu0, {2});
  CHECK(pcp_list(zone, cpu0, unmovable) == Pfns{2});
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{20});
  CHECK(zone.pcp(cpu0).count == 2);
  CHECK(free_list(zone, 0, movable) == Pfns{18, 16});
  CHECK(free_list(zone, 0, unmovable) == Pfns{0});
  CHECK(zone.nr_free_pages() == 3);
  CHECK(verify(zone).empty());
}

TEST_CASE("drain_pages visits the lists in turn and empties the last one in one go", "[drain]") {
  // unmovable [4 2 0]   reclaimable [10 8]   movable [22 20 18 16]
  // visits: R 8 | M 16 | U 0 | R 10 | M 18 | U 2 | M 20 22 (R was tried too) | U 4
  TracedZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu0, {0, 2, 4, 8, 10, 16, 18, 20, 22});
  Events events;
  zone.tracer().events = &events;
  drain_pages(zone, cpu0);
  Pfns drained;
  for (const auto& event : only<trace::MmPagePcpuDrain>(events)) {
    drained.push_back(event.pfn.value());
    CHECK(event.order == Order{0});
    CHECK(event.migratetype == zone.pageblock_flags().get(event.pfn));
  }
  CHECK(drained == Pfns{8, 16, 0, 10, 18, 2, 20, 22, 4});
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(zone.nr_free_pages() == 9);
  CHECK(verify(zone).empty());
}

TEST_CASE("drain_pages empties a single list in one go", "[drain]") {
  TinyZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu0, {4, 2, 0});
  drain_pages(zone, cpu0);
  CHECK(free_list(zone, 0, unmovable) == Pfns{0, 2, 4});
}

TEST_CASE("drain_pages merges pages as it frees them", "[drain]") {
  TinyZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu0, {16, 17, 18, 19, 20});
  drain_pages(zone, cpu0);
  CHECK(free_list(zone, 2, movable) == Pfns{16});
  CHECK(free_list(zone, 0, movable) == Pfns{20});
  CHECK(zone.page(Pfn{17}).page_private() == 2);  // the upper half keeps it
}

TEST_CASE("drain_pages believes private, not the type of the block", "[drain]") {
  // 16 is put on the list while block 2 is movable; then the block is isolated
  TinyZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu0, {16});
  set_pageblock_migratetype(zone, Pfn{16}, isolate);
  drain_pages(zone, cpu0);
  CHECK(free_list(zone, 0, movable) == Pfns{16});
  CHECK(free_list(zone, 0, isolate).empty());
}

TEST_CASE("drain_pages sends pages of the reserve and of CMA home", "[drain]") {
  for (const MigrateType type : {reserve, cma}) {
    TinyZone zone{one_block_each(type)};
    zone.set_pageset(32, 32);
    free_each(zone, cpu0, {24});
    CHECK(pcp_list(zone, cpu0, movable) == Pfns{24});
    drain_pages(zone, cpu0);
    CHECK(free_list(zone, 0, type) == Pfns{24});
  }
}

TEST_CASE("drain_pages drains one CPU, drain_all_pages each of them in order", "[drain]") {
  TinyZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu1, {16});
  free_each(zone, cpu0, {18});
  SECTION("one") {
    drain_pages(zone, cpu0);
    CHECK(free_list(zone, 0, movable) == Pfns{18});
    CHECK(pcp_list(zone, cpu1, movable) == Pfns{16});
  }
  SECTION("all: 18 of CPU 0 first, so 16 is in front of it") {
    drain_all_pages(zone);
    CHECK(free_list(zone, 0, movable) == Pfns{16, 18});
    CHECK(zone.pcp(cpu1).count == 0);
  }
  CHECK(verify(zone).empty());
}

TEST_CASE("drain_pages takes the CPU's lock, and zone.lock if there are pages", "[drain]") {
  TinyZone zone{one_block_each()};
  zone.set_pageset(32, 32);
  free_each(zone, cpu1, {16});
  const auto taken_by = [&](auto call) {
    const auto now = [&] {
      return Pfns{zone.pcp_lock(cpu0).nr_acquired(), zone.pcp_lock(cpu1).nr_acquired(),
                  zone.lock().nr_acquired()};
    };
    const Pfns before = now();
    call();
    Pfns after = now();
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  };
  CHECK(taken_by([&] { drain_pages(zone, cpu0); }) == Pfns{1, 0, 0});
  CHECK(taken_by([&] { drain_pages(zone, cpu1); }) == Pfns{0, 1, 1});
  CHECK(taken_by([&] { drain_all_pages(zone); }) == Pfns{1, 1, 0});
  free_each(zone, cpu1, {17});
  CHECK(taken_by([&] { drain_all_pages(zone); }) == Pfns{1, 1, 1});
  CHECK(!zone.lock().is_held());
  CHECK(!CheckedLock::irqs_disabled());
}

TEST_CASE("drain_pages reports a CPU that the zone does not have", "[drain]") {
  TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, drain_pages(zone, cpu1), "no such CPU");
  drain_all_pages(zone);  // asks CPU 0 alone
}

TEST_CASE("free_pcppages_bulk requires that the CPU has so many pages", "[drain]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 32}};
  CHECK_VIOLATION_IN(zone, detail::free_pcppages_bulk(zone, 1, zone.pcp(cpu0)), "fewer pages");
}

TEST_CASE("a drain frees pages that follow each other as if one by one", "[drain]") {
  // With a tracer pages are freed one by one. 8 to 15 are one chunk in the end; 16 stays alone.
  struct Watcher : trace::NullTracer {};
  struct WatchedConfig : TinyConfig {
    using Tracer = Watcher;
  };
  const ZoneLayout layout{.spanned_pages = 32, .in_use = {{.range = {Pfn{3}, Pfn{32}}}}};
  Zone<TinyConfig> at_once{layout};
  Zone<WatchedConfig> one_by_one{layout};
  const auto free_and_drain = [](auto& zone, const Pfns& pfns) {
    zone.set_pageset(64, 64);
    for (const std::uint64_t pfn : pfns) free_pages(zone, cpu0, Pfn{pfn}, Order{0});
    drain_all_pages(zone);
  };
  for (const Pfns& pfns :
       {Pfns{3, 4, 5, 6}, Pfns{8, 9, 10, 11, 12, 13, 14, 15, 16}, Pfns{7}, Pfns{31, 30, 29, 28}}) {
    free_and_drain(at_once, pfns);
    free_and_drain(one_by_one, pfns);
    for (unsigned order = 0; order < TinyConfig::max_order; ++order) {
      CHECK(free_list(at_once, order, MigrateType::movable) ==
            free_list(one_by_one, order, MigrateType::movable));
    }
    for (Pfn pfn{0}; pfn < Pfn{32}; ++pfn) {
      CHECK(at_once.page(pfn).page_private() == one_by_one.page(pfn).page_private());
    }
  }
}

}  // namespace pageblock::test::drain_cases
