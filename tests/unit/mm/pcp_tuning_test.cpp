// SPDX-License-Identifier: MIT
/// How v6.12 tunes the sizes of per-CPU lists. The figures are worked out by hand from its rules.
#include "pageblock/mm/pcp_tuning.hpp"

#include <cstdint>
#include <ostream>
#include <utility>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::pcp_tuning_cases {
namespace {

using enum MigrateType;

// The limits of a machine with 1 GiB.
constexpr Pageset gib{.batch = 63, .high = 1217, .high_max = 31744};

TunedPcp with_limits(const Pageset& limits) {
  TunedPcp pcp;
  pcp.set_limits(limits);
  return pcp;
}

// A number of a request or a free, and what is then done: pages and the limit.
struct Step {
  unsigned at;
  std::uint32_t nr;
  std::uint32_t high;
  friend bool operator==(const Step&, const Step&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Step& step) {
    return out << step.at << ": " << step.nr << " " << step.high;
  }
};

// Allocates single pages, and says when the list was refilled.
std::vector<Step> refills(TunedPcp& pcp, unsigned nr, PcpPressure pressure = {}) {
  std::vector<Step> steps;
  for (unsigned at = 1; at <= nr; ++at) {
    pcp.on_take();
    if (pcp.count == 0) {
      const std::uint32_t refill = pcp.nr_to_refill(Order{0}, pressure);
      pcp.count += refill;
      steps.push_back({at, refill, pcp.high});
    }
    --pcp.count;
  }
  return steps;
}

// Frees chunks, and says when pages were drained.
std::vector<Step> drains(TunedPcp& pcp, unsigned nr, unsigned order = 0,
                         PcpPressure pressure = {}) {
  std::vector<Step> steps;
  for (unsigned at = 1; at <= nr; ++at) {
    pcp.count += 1U << order;
    const std::uint32_t drain = pcp.on_put(Order{order}, pressure);
    if (drain == 0) continue;
    pcp.count -= drain;
    steps.push_back({at, drain, pcp.high});
  }
  return steps;
}

}  // namespace

TEST_CASE("refills double while only requests come, and the limit rises with them",
          "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  CHECK(pcp.high == 0);
  CHECK(refills(pcp, 5000) == std::vector<Step>{{1, 63, 1280},
                                                {64, 126, 1406},
                                                {190, 252, 1658},
                                                {442, 504, 2162},
                                                {946, 1008, 3170},
                                                {1954, 2016, 5186},
                                                {3970, 2016, 7202}});
}

TEST_CASE("below the zone's high watermark the limit stays, and bounds refills", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  CHECK(refills(pcp, 3200, {.below_high = true}) == std::vector<Step>{{1, 63, 1217},
                                                                      {64, 126, 1217},
                                                                      {190, 252, 1217},
                                                                      {442, 504, 1217},
                                                                      {946, 1008, 1217},
                                                                      {1954, 1154, 1217},
                                                                      {3108, 1154, 1217}});
}

TEST_CASE("larger orders are refilled by batch, and never by less than two", "[pcp][v6_12]") {
  for (const auto& [order, nr] : {std::pair{1U, 31U}, {2U, 15U}, {3U, 7U}, {9U, 2U}}) {
    TunedPcp pcp = with_limits(gib);
    CHECK(pcp.nr_to_refill(Order{order}, {}) == nr);
    CHECK(pcp.high == 1280);
    CHECK(pcp.alloc_factor == 0);
  }
}

TEST_CASE("frees drain as much as was lately freed", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  const std::vector<Step> steps = drains(pcp, 20000);
  REQUIRE(steps.size() > 3);
  CHECK(std::vector<Step>(steps.begin(), steps.begin() + 3) ==
        std::vector<Step>{{1217, 1154, 1280}, {2434, 1217, 2079}, {4450, 2016, 2079}});
  for (std::size_t i = 3; i < steps.size(); ++i) {
    CHECK(steps[i] == Step{steps[i - 1].at + 2016, 2016, 2079});
  }
}

TEST_CASE("what 20,000 requests took can all come back without a drain", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  refills(pcp, 20000);
  CHECK(pcp.high > 20000);
  CHECK(drains(pcp, 20000).empty());
}

TEST_CASE("a run of frees of order 3 drains everything once a batch has come", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  std::vector<Step> steps = drains(pcp, 11, 3);
  REQUIRE(steps.size() == 3);
  CHECK(std::pair{steps[0].at, steps[0].nr} == std::pair{9U, 72U});
  CHECK(std::pair{steps[1].at, steps[1].nr} == std::pair{10U, 8U});

  SECTION("but where the CPU's cache is large some stay") {
    TunedPcp large = with_limits(gib);
    large.free_high_batch = true;
    steps = drains(large, 25, 3);
    REQUIRE(steps.size() == 3);
    CHECK(std::pair{steps[0].at, steps[0].nr} == std::pair{9U, 72U});
    CHECK(std::pair{steps[1].at, steps[1].nr} == std::pair{17U, 64U});
    CHECK(std::pair{steps[2].at, steps[2].nr} == std::pair{25U, 64U});
  }
  SECTION("a single page between them ends the run") {
    TunedPcp mixed = with_limits(gib);
    drains(mixed, 8, 3);
    drains(mixed, 1, 0);
    CHECK(drains(mixed, 1, 3).empty());
  }
}

TEST_CASE("three huge pages are one too many", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  CHECK(drains(pcp, 3, 9) == std::vector<Step>{{3, 1154, 1599}});
}

TEST_CASE("while memory is reclaimed, lists are kept short", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  const std::vector<Step> steps = drains(pcp, 300, 0, {.reclaim_active = true});
  REQUIRE(!steps.empty());
  CHECK(steps.front() == Step{252, 189, 1217});  // 4 * 63
}

TEST_CASE("disabled lists keep nothing, and limits count when they are next used", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  refills(pcp, 500);
  CHECK(pcp.high == 2162);
  pcp.set_limits({.batch = 1});
  CHECK(pcp.high == 2162);  // not yet
  CHECK(pcp.nr_to_refill(Order{0}, {}) == 1);
  CHECK(pcp.high == 0);
  pcp.count = 0;
  CHECK(drains(pcp, 2) == std::vector<Step>{{1, 1, 0}, {2, 1, 0}});
  pcp.set_limits(gib);
  CHECK(pcp.high == 0);
  CHECK(drains(pcp, 1).empty());
  CHECK(pcp.high == 1217);
}

TEST_CASE("a page that may come without a drain leaves what on_put would", "[pcp][v6_12]") {
  TunedPcp pcp = with_limits(gib);
  pcp.high = 1217;
  for (unsigned i = 0; i < 3000; ++i) {
    TunedPcp slow = pcp;
    const bool may = pcp.may_put_one({});
    ++slow.count;
    const std::uint32_t drain = slow.on_put(Order{0}, {});
    if (may) {
      REQUIRE(drain == 0);
      pcp.put_one();
      REQUIRE(pcp == slow);
    } else {
      slow.count -= drain;
      pcp = slow;
    }
    if (i % 7 == 0) pcp.on_take();
  }
  CHECK(!pcp.may_put_one({.reclaim_active = true}));
  CHECK(!pcp.may_put_one({.below_high = true}));
}

TEST_CASE("decay_pcp_high lowers the limit and gives back what is too much", "[drain][v6_12]") {
  V6_12Zone zone{pages(1U << 16)};
  zone.set_pageset({.batch = 4, .high = 16, .high_max = 4096});
  Pfns taken;
  for (unsigned i = 0; i < 1000; ++i) taken.push_back(alloc(zone, 0));
  for (const std::uint64_t pfn : taken) free(zone, pfn);
  auto& pcp = zone.pcp(cpu0);
  const std::uint32_t before = pcp.high;
  const std::uint32_t nr_before = pcp.count;
  REQUIRE(pcp.count > 500);
  Events events;
  zone.tracer().events = &events;
  CHECK(decay_pcp_high(zone, cpu0));
  CHECK(pcp.high == before - before / 8);
  for (int second = 0; second < 100; ++second) static_cast<void>(decay_pcp_high(zone, cpu0));
  CHECK(pcp.high == 16);
  CHECK(pcp.count == 16);
  CHECK(only<trace::MmPagePcpuDrain>(events).size() == nr_before - 16);
  CHECK(!decay_pcp_high(zone, cpu0));
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.12 lets lists grow to an eighth of the zone", "[pcp][v6_12]") {
  CHECK(zone_pageset(262144, 1286, 1, PcpTuning::tuned) ==
        Pageset{.batch = 63, .high = 1286, .high_max = 32768});
  CHECK(zone_pageset(262144, 1286, 4, PcpTuning::tuned) ==
        Pageset{.batch = 63, .high = 321, .high_max = 8192});
  CHECK(zone_pageset(16384, 0, 4, PcpTuning::tuned) ==
        Pageset{.batch = 3, .high = 12, .high_max = 512});
  CHECK(zone_pageset(262144, 1286, 1) == Pageset{.batch = 63, .high = 1286});
}

TEST_CASE("v6.12 drains a page to the type that its block has now", "[drain][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 1024,
                            .in_use = {{range(0, 1024)}},
                            .block_types = {{range(0, 512), unmovable}}}};
  zone.set_pageset({.batch = 4, .high = 16, .high_max = 16});
  free(zone, 2);
  CHECK(pfns_of(zone.pcp(cpu0).list(unmovable)) == Pfns{2});
  set_pageblock_migratetype(zone, Pfn{0}, movable);
  drain_pages(zone, cpu0);
  CHECK(free_list(zone, 0, movable) == Pfns{2});
  CHECK(zone.page(Pfn{2}).page_private() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("a drain forgets that the zone was below its high watermark, if it is not",
          "[drain][v6_12]") {
  V6_12Zone zone{ZoneLayout{.spanned_pages = 1024, .in_use = {{range(0, 1024)}}}};
  zone.set_pageset({.batch = 4, .high = 8, .high_max = 64});
  zone.set_watermarks({.high = 12});
  zone.pressure().below_high = true;
  free_from(zone, 0, 8);
  CHECK(zone.nr_free_pages() == 4);
  CHECK(zone.pressure().below_high);
  free_from(zone, 8, 20);
  CHECK(zone.nr_free_pages() > 12);
  CHECK(!zone.pressure().below_high);
}

}  // namespace pageblock::test::pcp_tuning_cases
