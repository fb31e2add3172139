// SPDX-License-Identifier: MIT
#include "pageblock/mm/zone_counters.hpp"

#include <array>
#include <cstdint>
#include <random>

#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/node_forecast.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"

namespace pageblock::test::zone_counters_cases {
namespace {

// What the kernel's tables would say of a zone.
template <typename Config>
ZoneCounts counts_of(const Zone<Config>& zone) {
  ZoneCounts counts{.managed = zone.managed_pages(),
                    .free = static_cast<std::uint64_t>(zone.nr_free_pages()),
                    .free_cma = static_cast<std::uint64_t>(zone.nr_free_cma_pages()),
                    .watermarks = zone.watermarks(),
                    .pressure = zone.pressure()};
  for (std::size_t i = 0; i < max_nr_zones; ++i) {
    counts.lowmem_reserve.push_back(zone.lowmem_reserve(i));
  }
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    FreeChunks& chunks = counts.chunks.emplace_back(FreeChunks{zone.nr_free(order), {}});
    for (const MigrateType type : Config::semantics.migratetypes) {
      if (zone.free_area().nr_free(order, type) != 0) chunks.types.add(type);
    }
  }
  return counts;
}

}  // namespace

TEST_CASE("ZoneCounters answer as the zone itself does whose counters they are",
          "[zone_counters]") {
  std::mt19937 random{20};
  const auto roll = [&random](unsigned n) {
    return std::uniform_int_distribution{0U, n - 1}(random);
  };
  std::array<unsigned, 5> seen{};
  for (int round = 0; round < 400; ++round) {
    ZoneLayout layout{.spanned_pages = 128};
    for (std::uint64_t pfn = 0; pfn < 128; ++pfn) {
      if (roll(4) < roll(4)) layout.in_use.push_back({{Pfn{pfn}, Pfn{pfn + 1}}});
    }
    for (std::uint64_t pfn = 0; pfn < 128; pfn += TinyV6_1Zone::pageblock_nr_pages) {
      constexpr std::array types{MigrateType::unmovable, MigrateType::reclaimable,
                                 MigrateType::movable, MigrateType::highatomic, MigrateType::cma};
      const Pfn start{pfn};
      layout.block_types.push_back(
          {{start, start + TinyV6_1Zone::pageblock_nr_pages}, types[roll(5)]});
    }
    TinyV6_1Zone zone{layout};
    zone.set_watermarks({.min = roll(40), .low = 40, .high = 50});
    zone.pressure().watermark_boost = roll(3);
    zone.pressure().nr_reserved_highatomic = roll(20);
    zone.set_lowmem_reserve(2, roll(10));
    const ZoneCounts counts = counts_of(zone);
    using Config = TinyV6_1Zone::Config;
    for (unsigned order = 0; order < Config::max_order; ++order) {
      for (const MigrateType type : pcp_types) {
        for (const unsigned bits : {0U, 1U, 2U, 3U}) {
          const Gfp gfp{
              .migratetype = type, .high = (bits & 1U) != 0, .direct_reclaim = (bits & 2U) != 0};
          const unsigned flags = gfp_to_alloc_flags<Config>(gfp, Order{order});
          const ZoneAnswer expected =
              forecast_answer(zone, Cpu{0}, Order{order}, gfp, flags, zone.nr_free_pages());
          const ZoneCounters<CountersConfig<kernel::v6_1>> counters{counts};
          CAPTURE(round, order, type, bits);
          CHECK(forecast_zone(counters, Order{order}, gfp, 2).answer == expected);
          ++seen[static_cast<std::size_t>(expected)];
        }
      }
    }
  }
  for (const ZoneAnswer answer :
       {ZoneAnswer::watermark, ZoneAnswer::no_chunk, ZoneAnswer::served}) {
    CHECK(seen[static_cast<std::size_t>(answer)] > 400);
  }
}

TEST_CASE("ZoneCounts add up what is on the lists", "[zone_counters]") {
  const ZoneCounts counts{.chunks = {{3}, {0}, {5}, {0}}};
  CHECK(counts.nr_listed_pages() == 23);
  CHECK(counts.largest() == Order{2});
  CHECK(ZoneCounts{}.largest() == std::nullopt);
}

}  // namespace pageblock::test::zone_counters_cases
