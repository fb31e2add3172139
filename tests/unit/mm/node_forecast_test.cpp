// SPDX-License-Identifier: MIT
#include "pageblock/mm/node_forecast.hpp"

#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::node_forecast_cases {
namespace {

using V6_1 = CountersConfig<kernel::v6_1>;
using V3_6 = CountersConfig<kernel::v3_6>;

template <typename Config>
ZoneForecast ask(const ZoneCounts& counts, unsigned order, const Gfp& gfp = gfp_kernel,
                 std::size_t classzone_idx = 2) {
  return forecast_zone(ZoneCounters<Config>{counts}, Order{order}, gfp, classzone_idx);
}

// DMA of a guest with 1.5 GiB, whose Normal has no memory.
const ZoneCounts dma{.managed = 3840,
                     .free = 1624,
                     .watermarks = {120, 150, 180},
                     .lowmem_reserve = {0, 1384, 1384, 1384, 1384},
                     .chunks = {{17}, {13}, {10}, {3}, {3}, {4}, {1}, {2}, {2}, {1}, {0}}};

}  // namespace

TEST_CASE("forecast_zone names every part of what had to stay free", "[node_forecast]") {
  const ZoneForecast order_9 = ask<V6_1>(dma, 9);
  CHECK(order_9.answer == ZoneAnswer::watermark);
  CHECK(order_9.demand.mark == 120);
  CHECK(order_9.demand.reserve == 1384);
  CHECK(order_9.demand.request == 511);
  CHECK(order_9.demand.pages() == 2015);
  CHECK(ask<V6_1>(dma, 6).answer == ZoneAnswer::served);     // 120 + 1384 + 63 < 1624
  CHECK(ask<V6_1>(dma, 7).answer == ZoneAnswer::watermark);  // 120 + 1384 + 127 > 1624
  CHECK(ask<V6_1>(dma, 9, {.highest_zone = ZoneType::dma}, 0).answer == ZoneAnswer::served);
}

TEST_CASE("forecast_zone lets an atomic request leave three eighths of the mark",
          "[node_forecast]") {
  const ZoneCounts normal{.managed = 15987358, .free = 6037, .watermarks = {16410, 32396, 48382}};
  const ZoneForecast atomic = ask<V6_1>(normal, 0, gfp_atomic);
  CHECK(atomic.answer == ZoneAnswer::watermark);
  CHECK(atomic.demand.pages() == 6154);
}

TEST_CASE("forecast_zone looks on the lists of the types that a request may take",
          "[node_forecast]") {
  TypeSet cma_only;
  cma_only.add(MigrateType::cma);
  const ZoneCounts zone{.managed = 10000,
                        .free = 5000,
                        .free_cma = 1024,
                        .watermarks = {100, 150, 200},
                        .chunks = {{904}, {0}, {0}, {384}, {0}, {0}, {0}, {0}, {0}, {2, cma_only}}};
  CHECK(ask<V6_1>(zone, 3).answer == ZoneAnswer::served);
  CHECK(ask<V6_1>(zone, 4).answer == ZoneAnswer::no_chunk);
  CHECK(ask<V6_1>(zone, 4).demand.unusable == 1024);
  const Gfp movable{.migratetype = MigrateType::movable};
  CHECK(ask<V6_1>(zone, 4, movable).answer == ZoneAnswer::served);
  CHECK(ask<V6_1>(zone, 4, movable).demand.unusable == 0);
}

TEST_CASE("forecast_zone says no chunk before v4.4, too, where nothing is large enough",
          "[node_forecast]") {
  ZoneCounts zone{
      .managed = 10000, .free = 5000, .watermarks = {100, 125, 150}, .chunks = {{4936}, {0}, {16}}};
  CHECK(ask<V3_6>(zone, 3).answer == ZoneAnswer::no_chunk);
  // One chunk is there, but less than an eighth of the mark would stay in chunks of that order.
  zone.chunks = {{4992}, {0}, {0}, {1}};
  const ZoneForecast few = ask<V3_6>(zone, 3);
  CHECK(few.answer == ZoneAnswer::watermark);
  CHECK(few.lacks_large);
  CHECK(ask<V6_1>(zone, 3).answer == ZoneAnswer::served);
}

TEST_CASE("forecast_zone knows a zone without memory, and one whose lists are cut off",
          "[node_forecast]") {
  CHECK(ask<V6_1>({}, 0).answer == ZoneAnswer::no_memory);
  const ZoneCounts cut{.managed = 100, .free = 50};
  CHECK(ask<V6_1>(cut, 0).answer == ZoneAnswer::served);
  CHECK(ask<V6_1>(cut, 1).answer == ZoneAnswer::no_chunk);
}

TEST_CASE("zonelist asks a node's zones from the highest down, the preferred node first",
          "[node_forecast]") {
  const std::vector<NodeZone> zones{
      {0, 0, "DMA", {}}, {0, 1, "DMA32", {}}, {0, 2, "Normal", {}}, {1, 2, "Normal", {}}};
  const auto names = [&](std::size_t highest, unsigned node) {
    std::string text;
    for (const NodeZone* zone : zonelist(zones, highest, node)) {
      text += fmt::format("{}/{} ", zone->node, zone->name);
    }
    return text;
  };
  CHECK(names(2, 0) == "0/Normal 0/DMA32 0/DMA 1/Normal ");
  CHECK(names(2, 1) == "1/Normal 0/Normal 0/DMA32 0/DMA ");
  CHECK(names(1, 0) == "0/DMA32 0/DMA ");
}

}  // namespace pageblock::test::node_forecast_cases
