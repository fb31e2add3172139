// SPDX-License-Identifier: MIT
#include "pageblock/mm/node_alloc.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"

namespace pageblock::test::node_alloc_cases {
namespace {

using enum ZoneType;
using enum ZoneAnswer;
constexpr ZoneType movable_zone = ZoneType::movable;
constexpr Gfp movable_gfp{.migratetype = MigrateType::movable};
constexpr Gfp for_movable_zone = gfp_highuser_movable;

using Allocation = NodeAllocation<TinyV6_1Config>;

Allocation request(TinyV6_1Node& node, unsigned order, const Gfp& gfp) {
  return alloc_pages(node, cpu0, Order{order}, gfp);
}
std::optional<ZoneType> zone_of(const Allocation& allocation) {
  if (!allocation.page) return std::nullopt;
  return allocation.page->zone().type();
}

// Sets all three watermarks of a zone.
void set_marks(TinyV6_1Node& node, ZoneType zone, std::uint64_t min, std::uint64_t low,
               std::uint64_t high = 1000) {
  node.find(zone)->set_watermarks({.min = min, .low = low, .high = high});
}

}  // namespace

TEST_CASE("alloc_pages of a node asks the highest zone that the request allows", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma, dma32, normal, movable_zone});
  CHECK(zone_of(request(node, 0, for_movable_zone)) == movable_zone);
  CHECK(zone_of(request(node, 0, movable_gfp)) == normal);
  CHECK(zone_of(request(node, 0, {.highest_zone = dma32})) == dma32);
  CHECK(zone_of(request(node, 4, {.highest_zone = dma})) == dma);
  CHECK(zone_of(request(node, 0, gfp_atomic)) == normal);
}

TEST_CASE("alloc_pages of a node passes over zones below their low watermark", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal, movable_zone});
  set_marks(node, movable_zone, 0, 32);
  set_marks(node, normal, 0, 31);
  const Allocation got = request(node, 0, for_movable_zone);
  CHECK(zone_of(got) == normal);
  CHECK(got.answer_of(movable_zone) == watermark);
  CHECK(got.answer_of(normal) == served);
  CHECK(got.answer_of(dma32) == not_asked);
  CHECK(got.answer_of(dma) == no_memory);
}

TEST_CASE("alloc_pages of a node counts what steals have added to a watermark", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  set_marks(node, normal, 0, 16);
  node.find(normal)->pressure().watermark_boost = 16;
  CHECK(zone_of(request(node, 0, gfp_kernel)) == dma32);
}

TEST_CASE("alloc_pages of a node goes back to the highest zone, down to its lowest watermark",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  set_marks(node, dma32, 8, 40);
  set_marks(node, normal, 31, 40);
  const Allocation first = request(node, 4, movable_gfp);  // 32 - 15 is not above 31
  CHECK(zone_of(first) == dma32);
  CHECK(first.answer_of(normal) == watermark);
  CHECK(zone_of(request(node, 0, movable_gfp)) == normal);
}

TEST_CASE("alloc_pages of a node keeps of a low zone what requests for higher ones must leave",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  node.find(dma32)->set_lowmem_reserve(static_cast<std::size_t>(normal), 32);
  set_marks(node, normal, 40, 40);
  const Allocation refused = request(node, 0, gfp_nowait);
  CHECK(!refused.page);
  CHECK(refused.answer_of(normal) == watermark);
  CHECK(refused.answer_of(dma32) == watermark);
  CHECK(refused.answer_of(dma) == no_memory);
  CHECK(refused.answer_of(movable_zone) == not_asked);
  CHECK(zone_of(request(node, 0, {.highest_zone = dma32})) == dma32);
}

TEST_CASE("alloc_pages of a node tells too few pages from no chunk of the order", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma, dma32, normal});
  for (std::uint64_t pfn = 64; pfn < 96; pfn += 2) pin(*node.find(normal), Pfn{pfn});
  set_marks(node, dma32, 32, 32);
  node.find(dma)->mod_present_pages(-32);
  const Allocation refused = request(node, 1, gfp_kernel);
  CHECK(!refused.page);
  CHECK(refused.answer_of(normal) == no_chunk);
  CHECK(refused.answer_of(dma32) == watermark);
  CHECK(refused.answer_of(dma) == no_memory);
  CHECK(fmt::format("{}, {}", no_chunk, watermark) ==
        "no chunk of that order, below its watermark");
}

TEST_CASE("alloc_pages of a node has nothing for an order that is on the CPU's list only",
          "[node_alloc]") {
  // pages 64 to 67 are free, and 69 and 71; the request takes 64 and leaves 66 on the CPU's list
  ZoneLayout layout = tiny_layout(normal);
  layout.in_use = {{range(68, 69)}, {range(70, 71)}, {range(72, 96)}};
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(layout);
  TinyV6_1Node node{std::move(zones)};
  node.find(normal)->set_pageset(4, 16);
  REQUIRE(request(node, 1, movable_gfp).page->pfn() == Pfn{64});
  REQUIRE(pcp_list(*node.find(normal), cpu0, MigrateType::movable, Order{1}) == Pfns{66});
  REQUIRE(node.find(normal)->nr_free_pages() == 2);
  CHECK(request(node, 1, movable_gfp).answer_of(normal) == no_chunk);
  CHECK(request(node, 0, movable_gfp).page);
  constexpr unsigned flags = alloc_flags::no_watermarks | alloc_flags::cma;
  CHECK(get_page_from_freelist(node, cpu0, Order{1}, movable_gfp, flags).page.value().pfn() ==
        Pfn{66});
}

TEST_CASE("alloc_pages of a node counts on CMA blocks for movable requests from the first try on",
          "[node_alloc]") {
  ZoneLayout layout = tiny_layout(normal);
  layout.block_types = {{range(64, 96), MigrateType::cma}};
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(tiny_layout(dma32));
  zones.emplace_back(layout);
  TinyV6_1Node node{std::move(zones)};
  set_marks(node, normal, 0, 16);
  CHECK(zone_of(request(node, 0, movable_gfp)) == normal);
  const Allocation other = request(node, 0, gfp_kernel);
  CHECK(zone_of(other) == dma32);
  CHECK(other.answer_of(normal) == watermark);
}

TEST_CASE("alloc_pages of a node says of a zone without pages that it has no memory",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma, dma32, normal});
  node.find(dma)->mod_present_pages(-32);
  const Allocation got = request(node, 0, gfp_kernel);
  CHECK(zone_of(got) == normal);
  CHECK(got.answer_of(dma32) == not_asked);
  CHECK(got.answer_of(dma) == no_memory);
}

TEST_CASE("alloc_pages of a node rather takes a lower zone than another type's memory",
          "[node_alloc]") {
  // Normal has movable chunks below a block only; DMA32 one of a block.
  const auto make = [](std::vector<ZoneType> types) {
    TinyV6_1Node node = tiny_node(types);
    for (const std::uint64_t pfn : Pfns{71, 79, 87, 95}) pin(*node.find(normal), Pfn{pfn});
    return node;
  };
  TinyV6_1Node node = make({dma32, normal});
  CHECK(zone_of(request(node, 0, gfp_kernel)) == dma32);
  CHECK(zone_of(request(node, 0, movable_gfp)) == normal);  // its own type is there

  TinyV6_1Node alone = make({normal});  // which is asked again without the rule
  CHECK(zone_of(get_page_from_freelist(alone, cpu0, Order{0}, gfp_kernel,
                                       alloc_flags::wmark_low | alloc_flags::no_fragment)) ==
        normal);

  TinyV6_1Node other = make({dma32, normal});
  CHECK(zone_of(get_page_from_freelist(other, cpu0, Order{0}, gfp_kernel,
                                       alloc_flags::wmark_low)) == normal);
}

TEST_CASE("alloc_pages of a node minds other types' memory in Normal only", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma, dma32});
  for (const std::uint64_t pfn : Pfns{39, 47, 55, 63}) pin(*node.find(dma32), Pfn{pfn});
  CHECK(zone_of(request(node, 0, gfp_kernel)) == dma32);

  // The movable zone has chunks below a block only, and none of the type.
  ZoneLayout layout = tiny_layout(movable_zone);
  layout.block_types = {{range(96, 128), MigrateType::unmovable}};
  for (const std::uint64_t pfn : Pfns{103, 111, 119, 127}) {
    layout.in_use.push_back({range(pfn, pfn + 1)});
  }
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(tiny_layout(normal));
  zones.emplace_back(layout);
  TinyV6_1Node higher{std::move(zones)};
  CHECK(zone_of(request(higher, 0, for_movable_zone)) == movable_zone);
}

TEST_CASE("alloc_pages of a node lets urgent requests dig below the lowest watermark",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  set_marks(node, normal, 40, 40);
  CHECK(!request(node, 0, gfp_kernel).page);
  CHECK(!request(node, 0, gfp_nowait).page);
  CHECK(request(node, 0, gfp_atomic).page);  // 40, 20, 15
  set_marks(node, normal, 62, 62);
  CHECK(!request(node, 0, {.high = true}).page);  // 31 are free, and 31 wanted
  CHECK(request(node, 0, gfp_atomic).page);
}

TEST_CASE("alloc_pages of a node does not hold urgent single pages to what steals have added",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  set_marks(node, normal, 20, 20);
  node.find(normal)->pressure().watermark_boost = 100;
  CHECK(!request(node, 0, {.high = true}).page);
  CHECK(!request(node, 1, gfp_atomic).page);
  CHECK(!request(node, 0, gfp_nowait).page);
  CHECK(request(node, 0, gfp_atomic).page);
}

TEST_CASE("alloc_pages of a node reserves the block of an urgent request that dug deep",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  TinyV6_1Zone& zone = *node.find(normal);
  CHECK(request(node, 1, gfp_atomic).page);  // served at the low watermark
  CHECK(zone.pressure().nr_reserved_highatomic == 0);
  set_marks(node, normal, 0, 100);
  CHECK(request(node, 0, gfp_atomic).page);
  CHECK(request(node, 1, gfp_nowait).page);
  CHECK(zone.pressure().nr_reserved_highatomic == 0);
  const Allocation got = request(node, 1, gfp_atomic);
  REQUIRE(got.page);
  CHECK(zone.pressure().nr_reserved_highatomic == 8);
  CHECK(get_pageblock_migratetype(zone, *got.page) == MigrateType::highatomic);
}

TEST_CASE(
    "alloc_pages of a node asks the slow path as long as it helps, for requests that can wait",
    "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  for (std::uint64_t pfn = 64; pfn < 96; ++pfn) pin(*node.find(normal), Pfn{pfn});
  unsigned calls = 0;
  const auto give_back = [&calls](TinyV6_1Node& of, Order order, const Gfp& gfp) {
    CHECK(order == Order{1});
    CHECK(gfp == movable_gfp);
    const Pfn pfn{64 + calls};
    static_cast<void>(free_pages(of, cpu0, pfn, Order{0}));
    drain_pages(*of.find(normal), cpu0);
    return ++calls < 8;
  };
  const Allocation got = alloc_pages(node, cpu0, Order{1}, movable_gfp, give_back);
  CHECK(got.page == Page<TinyV6_1Config>{*node.find(normal), Pfn{64}});
  CHECK(calls == 2);

  CHECK(!request(node, 1, movable_gfp).page);  // the default makes nothing free
  unsigned asked = 0;
  const auto never = [&asked](const auto&...) { return ++asked < 3; };
  CHECK(!alloc_pages(node, cpu0, Order{1}, gfp_kernel, never).page);
  CHECK(asked == 3);
  CHECK(!alloc_pages(node, cpu0, Order{1}, gfp_nowait, never).page);
  CHECK(asked == 3);
}

TEST_CASE("alloc_pages of a node says once what became of a request, where it was served",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  Events of_dma32;
  Events of_normal;
  node.find(dma32)->tracer().events = &of_dma32;
  node.find(normal)->tracer().events = &of_normal;
  set_marks(node, normal, 32, 32);
  const Allocation got = request(node, 2, movable_gfp);
  REQUIRE(zone_of(got) == dma32);
  CHECK(only<trace::MmPageAlloc>(of_normal).empty());
  const auto events = only<trace::MmPageAlloc>(of_dma32);
  REQUIRE(events.size() == 1);
  CHECK(events[0].pfn == got.page->pfn());
  CHECK(events[0].order == Order{2});
  CHECK(events[0].migratetype == MigrateType::movable);
  CHECK(events[0].cpu == cpu0);

  set_marks(node, dma32, 32, 32);
  CHECK(!request(node, 2, movable_gfp).page);
  REQUIRE(only<trace::MmPageAlloc>(of_normal).size() == 1);  // the zone that is asked first
  CHECK(!only<trace::MmPageAlloc>(of_normal)[0].pfn);
  CHECK(only<trace::MmPageAlloc>(of_dma32).size() == 1);
}

TEST_CASE("alloc_pages of a node asks for unmovable pages where types are not kept apart",
          "[node_alloc]") {
  ZoneLayout layout = tiny_layout(normal);
  layout.mobility_grouping = false;
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(layout);
  TinyV6_1Node node{std::move(zones)};
  Events events;
  node.find(normal)->tracer().events = &events;
  CHECK(request(node, 4, movable_gfp).page);
  REQUIRE(only<trace::MmPageAllocExtfrag>(events).size() == 1);  // blocks are movable at boot
  CHECK(only<trace::MmPageAllocExtfrag>(events)[0].alloc_migratetype == MigrateType::unmovable);
  CHECK(only<trace::MmPageAlloc>(events)[0].migratetype == MigrateType::unmovable);
}

TEST_CASE("get_page_from_freelist heeds the watermark that its flags name", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  set_marks(node, normal, 40, 50, 62);
  using namespace alloc_flags;
  const auto serves = [&node](unsigned flags) {
    TinyV6_1Node copy = node;
    return get_page_from_freelist(copy, cpu0, Order{0}, gfp_kernel, flags).page.has_value();
  };
  node.find(normal)->set_watermarks({.min = 31, .low = 50, .high = 62});
  CHECK(serves(wmark_min));
  CHECK(!serves(wmark_low));
  CHECK(serves(wmark_low | min_reserve));
  node.find(normal)->set_watermarks({.min = 0, .low = 50, .high = 64});
  CHECK(!serves(wmark_high | min_reserve));
  CHECK(serves(wmark_high | no_watermarks));
  CHECK(serves(0x840));  // as a probe shows it; what the library does not know is ignored
}

TEST_CASE("forecast_answer says what get_page_from_freelist will hear from each zone",
          "[node_alloc]") {
  using namespace alloc_flags;
  // Every second page of DMA32 and of some blocks of Normal is in use; a block of Normal is reserved
  // for urgent requests, one is CMA's.
  TinyV6_1Node node = tiny_node({dma, dma32, normal, movable_zone});
  for (std::uint64_t pfn = 32; pfn < 64; pfn += 2) pin(*node.find(dma32), Pfn{pfn});
  TinyV6_1Zone& high = *node.find(normal);
  for (const std::uint64_t pfn : Pfns{64, 66, 68, 70, 79, 87}) pin(high, Pfn{pfn});
  REQUIRE(reserve_highatomic_pageblock(high, Pfn{79}));
  {
    const std::lock_guard guard{high.lock()};
    set_pageblock_migratetype(high, Pfn{80}, MigrateType::cma);
    move_freepages_block(high, Pfn{80}, MigrateType::cma);
  }
  for (const ZoneType type : {dma, dma32, normal, movable_zone}) set_marks(node, type, 2, 4);
  node.find(dma)->set_lowmem_reserve(static_cast<std::size_t>(normal), 20);

  std::uint64_t nr_served = 0;
  const auto compare = [&](unsigned order, const Gfp& gfp, unsigned flags) {
    CAPTURE(order, gfp.migratetype, gfp.highest_zone, flags);
    std::array<ZoneAnswer, max_nr_zones> expected{};
    const auto ask = [&](unsigned with) {
      expected = {};
      for (ZoneType type : {movable_zone, normal, dma32, dma}) {
        if (type > gfp.highest_zone) continue;
        const TinyV6_1Zone& zone = *node.find(type);
        ZoneAnswer& answer = expected[static_cast<std::size_t>(type)];
        answer = forecast_answer(zone, cpu0, Order{order}, gfp, with, zone.nr_free_pages());
        if (answer == served) return true;
      }
      return false;
    };
    if (!ask(flags) && (flags & no_fragment) != 0) ask(flags & ~no_fragment);
    CHECK(get_page_from_freelist(node, cpu0, Order{order}, gfp, flags).answers == expected);
    if (std::ranges::count(expected, served) != 0) ++nr_served;
  };
  for (int round = 0; round < 8; ++round) {  // each leaves less
    for (const MigrateType type : pcp_types) {
      for (const ZoneType highest : {movable_zone, normal, dma}) {
        for (const unsigned order : {0U, 1U, 3U, 4U}) {
          const Gfp gfp{.migratetype = type, .highest_zone = highest};
          for (const unsigned flags : {wmark_low | no_fragment, wmark_min | cma,
                                       wmark_min | non_block | min_reserve | highatomic}) {
            compare(order, gfp, flags);
          }
        }
      }
    }
  }
  CHECK(nr_served > 30);
}

TEST_CASE("forecast_answer takes the free pages from its caller, and changes nothing",
          "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  set_marks(node, normal, 8, 16);
  const TinyV6_1Zone& zone = *node.find(normal);
  const TinyV6_1Zone before = zone;
  const auto answer = [&](unsigned flags, std::int64_t free) {
    return forecast_answer(zone, cpu0, Order{0}, gfp_kernel, flags, free);
  };
  CHECK(answer(alloc_flags::wmark_low, 17) == served);
  CHECK(answer(alloc_flags::wmark_low, 16) == watermark);
  CHECK(answer(alloc_flags::wmark_min, 9) == served);
  CHECK(answer(alloc_flags::no_watermarks, -5) == served);
  CHECK(zone == before);
}

TEST_CASE("free_pages of a node finds the zone", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  const auto got = request(node, 4, {.highest_zone = dma32});
  REQUIRE(got.page);
  CHECK(node.find(dma32)->nr_free_pages() == 16);
  CHECK(free_pages(node, cpu0, got.page->pfn(), Order{4}) == FreeResult{});
  CHECK(node.find(dma32)->nr_free_pages() == 32);
  CHECK_VIOLATION_IN(node, free_pages(node, cpu0, Pfn{96}, Order{0}), "no zone has such a page");
}

TEST_CASE("unreserve_highatomic_pageblock of a node looks where the request may", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({dma32, normal});
  TinyV6_1Zone& low = *node.find(dma32);
  pin(low, Pfn{32});
  REQUIRE(reserve_highatomic_pageblock(low, Pfn{32}));
  CHECK(!unreserve_highatomic_pageblock(node, {.highest_zone = dma}, true));
  CHECK(!unreserve_highatomic_pageblock(node, movable_gfp, false));
  CHECK(unreserve_highatomic_pageblock(node, movable_gfp, true));
  CHECK(get_pageblock_migratetype(low, Pfn{32}) == MigrateType::movable);

  REQUIRE(reserve_highatomic_pageblock(low, Pfn{32}));  // for another type it becomes that
  CHECK(unreserve_highatomic_pageblock(node, gfp_kernel, true));
  CHECK(get_pageblock_migratetype(low, Pfn{32}) == MigrateType::unmovable);
}

TEST_CASE("alloc_pages of a node of v3.6 zones has v3.6's watermarks", "[node_alloc]") {
  ZoneLayout layout = tiny_layout(normal);
  std::vector<TinyZone> zones;
  zones.emplace_back(tiny_layout(dma32));
  for (const std::uint64_t pfn : Pfns{71, 79, 87, 95}) {
    layout.in_use.push_back({{Pfn{pfn}, Pfn{pfn + 1}}});
  }
  zones.emplace_back(layout);
  Node<TinyConfig> node{std::move(zones)};
  // It takes another type's memory at once.
  auto got = alloc_pages(node, cpu0, Order{0}, gfp_kernel);
  REQUIRE(got.page);
  CHECK(got.page->zone().type() == normal);
  // Requests that cannot wait dig a quarter deeper.
  for (auto& zone : node.zones()) zone.set_watermarks({.min = 40, .low = 100});
  CHECK(!alloc_pages(node, cpu0, Order{0}, gfp_kernel).page);
  got = alloc_pages(node, cpu0, Order{0}, gfp_nowait);  // 40 - 10 of 32
  REQUIRE(got.page);
  CHECK(got.page->zone().type() == dma32);
}

TEST_CASE("alloc_pages and get_page_from_freelist of a node report bad arguments", "[node_alloc]") {
  TinyV6_1Node node = tiny_node({normal});
  CHECK_VIOLATION_IN(node, request(node, 5, gfp_kernel), "above the largest");
  CHECK_VIOLATION_IN(node, request(node, 0, {.migratetype = MigrateType::cma}),
                     "requests are unmovable");
  CHECK_VIOLATION_IN(node, request(node, 0, {.highest_zone = static_cast<ZoneType>(4)}),
                     "no such zone index");
  CHECK_VIOLATION_IN(node, alloc_pages(node, Cpu{1}, Order{0}, gfp_kernel), "no such CPU");
  CHECK_VIOLATION_IN(
      node, get_page_from_freelist(node, cpu0, Order{0}, gfp_kernel, alloc_flags::wmark_mask),
      "no such watermark");
  TinyV6_1Node empty;
  CHECK(!request(empty, 0, gfp_kernel).page);
}

}  // namespace pageblock::test::node_alloc_cases
