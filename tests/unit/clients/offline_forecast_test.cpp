// SPDX-License-Identifier: MIT
/// forecast_offline(): what v6.1 would answer.
#include "pageblock/clients/offline_forecast.hpp"

#include <cstdint>
#include <random>
#include <vector>

#include "pageblock/base/kernels.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::offline_forecast_cases {

namespace {

struct NewConfig : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
};
using NewZone = Zone<NewConfig>;

constexpr PfnRange two_blocks{block(2), block(4)};

// Four blocks of free pages, some of them as given.
NewZone zone_with(std::vector<InUseRange> in_use, ZoneType type = ZoneType::normal) {
  return NewZone{{.type = type, .spanned_pages = 32, .in_use = std::move(in_use), .nr_cpus = 2}};
}

OfflineForecast busy(Stage stage, std::uint64_t pfn, Reason reason) {
  return {-Err::busy, Refusal{stage, Pfn{pfn}, reason}};
}
OfflineForecast invalid(std::uint64_t pfn, Reason reason) {
  return {-Err::inval, Refusal{Stage::range, Pfn{pfn}, reason}};
}

}  // namespace

TEST_CASE("forecast_offline accepts free memory, and changes nothing", "[offline_forecast]") {
  const NewZone zone = zone_with({});
  const NewZone before = zone;
  CHECK(forecast_offline(zone, two_blocks) == OfflineForecast{});
  CHECK(zone == before);
  CHECK(verify(zone).empty());
}

TEST_CASE("forecast_offline demands whole pageblocks", "[offline_forecast]") {
  const NewZone zone = zone_with({});
  CHECK(forecast_offline(zone, {Pfn{17}, block(4)}) == invalid(17, Reason::unaligned));
  CHECK(forecast_offline(zone, {block(2), Pfn{31}}) == invalid(16, Reason::unaligned));
  CHECK(forecast_offline(zone, {block(2), block(2)}) == invalid(16, Reason::unaligned));
}

TEST_CASE("forecast_offline demands memory without holes in one zone", "[offline_forecast]") {
  // pfn  8      16     24     32     40
  //      | free | free | -20- | free |
  const NewZone zone{{.start_pfn = Pfn{8}, .spanned_pages = 32, .holes = {range(28, 29)}}};
  CHECK(forecast_offline(zone, {block(1), block(3)}) == OfflineForecast{});
  CHECK(forecast_offline(zone, {block(2), block(4)}) == invalid(28, Reason::no_memory));
  CHECK(forecast_offline(zone, {block(0), block(2)}) == invalid(0, Reason::no_memory));
  CHECK(forecast_offline(zone, {block(4), block(6)}) == invalid(40, Reason::no_memory));
  CHECK(forecast_offline(zone, {block(8), block(9)}) == invalid(64, Reason::no_memory));
}

TEST_CASE("forecast_offline names the unmovable page of the first block, the last, an inner one",
          "[offline_forecast]") {
  const Stage check = Stage::unmovable_check;
  NewZone zone = zone_with({{range(10, 11)}, {range(29, 30)}, {range(3, 4)}});
  const PfnRange all{block(0), block(4)};
  CHECK(forecast_offline(zone, all) == busy(check, 3, Reason::not_lru));
  free_pages(zone, cpu0, Pfn{3}, Order{0});
  CHECK(forecast_offline(zone, all) == busy(check, 29, Reason::not_lru));
  free_pages(zone, cpu0, Pfn{29}, Order{0});
  CHECK(forecast_offline(zone, all) == busy(check, 10, Reason::not_lru));
  free_pages(zone, cpu0, Pfn{10}, Order{0});
  CHECK(forecast_offline(zone, all) == OfflineForecast{});
}

TEST_CASE("forecast_offline is refused by a block that is isolated already", "[offline_forecast]") {
  NewZone zone = zone_with({});
  CHECK(set_migratetype_isolate(zone, block(3)) == ok);
  CHECK(forecast_offline(zone, two_blocks) == busy(Stage::mark, 24, Reason::block_isolated));
}

TEST_CASE("forecast_offline counts what is to be migrated, with the tails", "[offline_forecast]") {
  // page  16   17   18 19 20 21   22   23
  //      LRU |    | LRU, order 2 |    | LRU, 2 references
  NewZone zone =
      zone_with({{range(16, 17), 1, true}, {range(18, 22), 1, true}, {range(23, 24), 2, true}});
  for (const std::uint64_t tail : Pfns{19, 20, 21}) zone.memmap().set_bits(Pfn{tail}, PageBits{});
  CHECK(forecast_offline(zone, two_blocks) == OfflineForecast{ok, {}, 6});
}

TEST_CASE("forecast_offline takes nothing for a tail behind a free page", "[offline_forecast]") {
  // page  16   17   18   19 to 23
  //      LRU | free | -- | free     18 is of nobody: no allocation reaches it
  NewZone zone = zone_with({{range(16, 17), 1, true}, {range(18, 19)}});
  zone.memmap().set_bits(Pfn{18}, PageBits{});
  CHECK(forecast_offline(zone, two_blocks) ==
        OfflineForecast{-Err::intr, Refusal{Stage::test, Pfn{18}, Reason::on_no_list}, 1});
}

TEST_CASE("forecast_offline expects the per-CPU lists to be drained", "[offline_forecast]") {
  NewZone zone = zone_with({{range(16, 24)}});
  zone.set_pageset(1, 100);
  for (const std::uint64_t pfn : Pfns{16, 17, 20}) free_pages(zone, cpu0, Pfn{pfn}, Order{0});
  zone.memmap().set_bits(Pfn{19}, PageBits{});  // the tail of 18
  free_pages(zone, cpu1, Pfn{18}, Order{1});
  for (const std::uint64_t pfn : Pfns{21, 22, 23}) free_pages(zone, cpu1, Pfn{pfn}, Order{0});
  REQUIRE(zone.pcp(cpu0).count == 3);
  REQUIRE(zone.pcp(cpu1).count == 5);
  CHECK(forecast_offline(zone, two_blocks) == OfflineForecast{});
}

TEST_CASE("forecast_offline does not accept a page that is neither free nor movable",
          "[offline_forecast]") {
  NewZone zone = zone_with({{range(16, 24)}});
  for (Pfn pfn = block(2); pfn < block(3); ++pfn) zone.memmap().set_bits(pfn, PageBits{});
  CHECK(forecast_offline(zone, two_blocks) ==
        OfflineForecast{-Err::intr, Refusal{Stage::test, Pfn{16}, Reason::on_no_list}});
}

TEST_CASE("forecast_offline passes what a driver has taken once it holds it no more",
          "[offline_forecast]") {
  NewZone zone = zone_with({{range(20, 22)}});
  const auto take = [&](unsigned held) {
    for (const Pfn pfn : {Pfn{20}, Pfn{21}}) {
      zone.memmap().set_bits(pfn, PageBits{static_cast<std::uint16_t>(PageBits::offline | held)});
    }
  };
  take(0);
  CHECK(forecast_offline(zone, two_blocks) == OfflineForecast{});
  take(PageBits::in_use);
  CHECK(forecast_offline(zone, two_blocks) == busy(Stage::test, 20, Reason::not_lru));
}

TEST_CASE("forecast_offline takes all that is in use in a movable zone to move, but reserved pages",
          "[offline_forecast]") {
  const NewZone zone = zone_with({{range(20, 22)}}, ZoneType::movable);
  CHECK(forecast_offline(zone, two_blocks) == OfflineForecast{ok, {}, 2});
  const NewZone reserved{
      {.type = ZoneType::movable, .spanned_pages = 32, .reserved = {range(20, 21)}}};
  CHECK(forecast_offline(reserved, two_blocks) ==
        busy(Stage::unmovable_check, 20, Reason::reserved));
}

TEST_CASE("forecast_offline takes a free chunk that reaches across the borders for free",
          "[offline_forecast]") {
  const NewZone zone = zone_with({});  // chunks of two blocks
  CHECK(forecast_offline(zone, {block(1), block(3)}) == OfflineForecast{});
}

TEST_CASE("forecast_offline says what offline_pages then answers where nothing is to be migrated",
          "[offline_forecast]") {
  // One of many kinds of pages in each of 32 places, most of them free.
  std::mt19937 random{20};
  std::uint64_t nr_accepted = 0;
  std::uint64_t nr_refused = 0;
  for (int round = 0; round < 300; ++round) {
    NewZone zone = zone_with({});
    zone.set_pageset(1, 100);
    for (int i = 0; i < 4; ++i) {
      const Order order{random() % 3U == 0 ? 1U : 0U};
      const auto page = alloc_pages(
          zone, cpu0, order, random() % 2 == 0 ? MigrateType::movable : MigrateType::unmovable);
      REQUIRE(page);
      const Pfn pfn = page->pfn();
      const PageBits bits = zone.memmap().bits(pfn);
      switch (random() % 4) {
        case 0:
          free_pages(zone, cpu1, pfn, order);
          break;
        case 1:
          zone.memmap().set_bits(pfn, PageBits{PageBits::offline});
          break;
        case 2:
          zone.memmap().set_bits(pfn, bits.with(PageBits::reserved));
          break;
        default:
          break;
      }
    }
    const PfnRange whole{block(random() % 4), block(4)};
    const OfflineForecast forecast = forecast_offline(zone, whole);
    NewZone copy = zone;
    CHECK(forecast.nr_to_migrate == 0);
    CHECK(offline_pages(copy, whole.start, whole.nr_pages()) == forecast.status);
    ++(forecast.status == ok ? nr_accepted : nr_refused);
  }
  CHECK(nr_accepted > 50);
  CHECK(nr_refused > 50);
}

}  // namespace pageblock::test::offline_forecast_cases
