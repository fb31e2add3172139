// SPDX-License-Identifier: MIT
/// Taking memory offline beside a block that somebody else has isolated: the free chunks of both may merge
/// (shared vector q-side-by-side-isolation of v6.1).
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/clients/offline_forecast.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::offline_beside_isolated_cases {

namespace {

struct NewConfig : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};
using NewZone = Zone<NewConfig>;

// Somebody isolates a block.
void isolate(NewZone& zone, std::uint64_t n) {
  REQUIRE(set_migratetype_isolate(zone, block(n)) == ok);
}

}  // namespace

TEST_CASE("offline_pages leaves the memory of a neighbour that somebody else isolates",
          "[offline_pages][v6_1]") {
  // block    0     1     2     3
  //        | 0 order 4 |16 order 4 |    block 1 is isolated; the chunks of 0 and 1 merge again
  NewZone zone{pages(32)};
  isolate(zone, 1);
  REQUIRE(offline_pages(zone, block(0), 8) == ok);
  CHECK(zone.present_pages() == 24);
  CHECK(zone.managed_pages() == 24);
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(types(zone) == "IIMM");
  for (Pfn pfn = block(1); pfn < block(2); ++pfn) {  // memory, but on no list
    CHECK(zone.is_valid(pfn));
    CHECK_FALSE(zone.memmap().free_chunk_of(pfn));
  }
  CHECK(undo_isolate_page_range(zone, block(1), block(2), MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("forecast_offline knows that the range may begin inside a chunk of its neighbour",
          "[offline_forecast][v6_1]") {
  NewZone zone{pages(32)};
  isolate(zone, 0);
  const OfflineForecast forecast = forecast_offline(zone, {block(1), block(2)});
  CHECK(forecast ==
        OfflineForecast{-Err::intr, Refusal{Stage::test, block(1), Reason::inside_chunk}});
  CHECK(offline_pages(zone, block(1), 8) == -Err::intr);
}

TEST_CASE("forecast_offline says what offline_pages then does, beside isolated blocks",
          "[offline_forecast][v6_1]") {
  int nr_refused = 0;
  for (unsigned seed = 0; seed < 600; ++seed) {
    std::minstd_rand random{seed};
    NewZone zone{pages(64)};
    zone.set_pageset(2, 6);
    std::vector<std::pair<std::uint64_t, unsigned>> used;
    for (int i = 0; i < 20; ++i) {
      const auto order = static_cast<unsigned>(random() % 3);
      const auto page = alloc_pages(zone, cpu0, Order{order}, MigrateType::movable);
      if (page) used.emplace_back(page->pfn().value(), order);
    }
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(set_migratetype_isolate(zone, block(random() % 8)));
    }
    for (const auto& [pfn, order] : used) {
      if (random() % 8 != 0) free(zone, pfn, order);
    }
    const Pfn start = block(random() % 8);
    const std::uint64_t nr = start == block(7) || random() % 2 == 0 ? 8 : 16;
    const OfflineForecast forecast = forecast_offline(zone, {start, start + nr});
    INFO("seed " << seed);
    CHECK(forecast.status == offline_pages(zone, start, nr));
    nr_refused += forecast.refusal && forecast.refusal->reason == Reason::inside_chunk ? 1 : 0;
  }
  CHECK(nr_refused > 0);
}

}  // namespace pageblock::test::offline_beside_isolated_cases
