// SPDX-License-Identifier: MIT
/// What a zone of v6.1 is made of, and corners of requests to it.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::zone_v6_1_cases {

namespace {

constexpr MigrateType movable = MigrateType::movable;
constexpr MigrateType cma = MigrateType::cma;

struct ManyCpusConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 8192;
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

// A node of one zone with a boost of 8 pages on its lowest watermark.
TinyV6_1Node boosted_node() {
  TinyV6_1Node node = tiny_node({ZoneType::normal});
  node.zones()[0].set_watermarks({.min = 20, .low = 40, .high = 60});
  node.zones()[0].pressure().watermark_boost = 20;
  return node;
}

}  // namespace

TEST_CASE("a zone of thousands of CPUs can be copied, moved and assigned", "[zone]") {
  // It takes five megabytes, and a stack often has eight.
  using Big = Zone<ManyCpusConfig>;
  const auto zone = std::make_unique<Big>(ZoneLayout{.spanned_pages = 4096, .nr_cpus = 8192});
  const auto copy = std::make_unique<Big>(*zone);
  const auto other = std::make_unique<Big>();
  *other = *zone;
  CHECK(*other == *copy);
  *other = std::move(*zone);
  CHECK(*other == *copy);
  const auto moved = std::make_unique<Big>(std::move(*other));
  CHECK(*moved == *copy);
  CHECK(*other == *std::make_unique<Big>());
}

TEST_CASE("population makes no chunk of blocks that could not merge", "[zone][v6_1]") {
  // block    0    1    2    3
  // type     M    C    M    M      v6.x-behaviour.md, section 2: CMA is not mergeable
  const TinyV6_1Zone zone{{.spanned_pages = 32, .block_types = {{range(8, 16), cma}}}};
  CHECK(free_list(zone, 3, movable) == Pfns{0});
  CHECK(free_list(zone, 3, cma) == Pfns{8});
  CHECK(free_list(zone, 4, movable) == Pfns{16});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(zone.nr_free_cma_pages() == 8);
  // Unmovable and movable blocks may merge.
  const TinyV6_1Zone mixed{
      {.spanned_pages = 32, .block_types = {{range(8, 16), MigrateType::unmovable}}}};
  CHECK(free_list(mixed, 4, movable) == Pfns{0, 16});
}

TEST_CASE("isolated blocks of a layout are free but not counted", "[zone][v6_1]") {
  const TinyV6_1Zone zone{
      {.spanned_pages = 32, .block_types = {{range(16, 32), MigrateType::isolate}}}};
  CHECK(free_list(zone, 4, MigrateType::isolate) == Pfns{16});
  CHECK(zone.nr_free_pages() == 16);
}

TEST_CASE("equal zones have equal hashes, and a large hole is looked at as a whole", "[zone]") {
  std::size_t nr_visits = 0;
  const Zone<V6_1Config> zone{
      {.spanned_pages = std::uint64_t{1} << 22, .holes = {range(1024, std::uint64_t{1} << 22)}}};
  zone.memmap().visit_meaning([&](const auto&...) { ++nr_visits; });
  CHECK(nr_visits <= 4);
  const Zone<V6_1Config> copy = zone;
  CHECK(copy.hash() == zone.hash());
}

TEST_CASE("v6.1 isolates no block that a hole or the zone's end cuts", "[isolation][v6_1]") {
  // Shared vector q-unmovable-holes: what is no memory there is a reserved page.
  TinyV6_1Zone cut{pages(30)};
  CHECK(start_isolate_page_range(cut, block(2), Pfn{30}, movable) == -Err::busy);
  CHECK(has_unmovable_pages(cut, {block(3), block(4)}, movable) == Pfn{30});
  CHECK(alloc_contig_range(cut, cpu0, block(3), Pfn{30}, movable) == -Err::busy);
  CHECK(cut.nr_free_pages() == 30);
  // A set that ends before it succeeds, and moves nothing.
  CHECK(set_migratetype_isolate(cut, block(3), {range(24, 30)}) == ok);
  CHECK(cut.nr_free_pages() == 30);
  CHECK(types(cut) == "MMMI");

  TinyV6_1Zone holed{{.spanned_pages = 32, .holes = {range(10, 12)}}};
  CHECK(start_isolate_page_range(holed, block(1), block(2), movable) == -Err::busy);
  CHECK(has_unmovable_pages(holed, {block(1), block(2)}, movable) == Pfn{10});
  // A block without any memory is not online, and is skipped.
  TinyV6_1Zone gone{{.spanned_pages = 32, .holes = {range(8, 16)}}};
  CHECK(start_isolate_page_range(gone, block(0), block(3), movable) == ok);
  CHECK(types(gone) == "IMIM");
}

TEST_CASE("a movable request uses CMA blocks only if its flags say so", "[alloc_pages][v6_1]") {
  // Only CMA blocks are free.
  const ZoneLayout layout{.spanned_pages = 32,
                          .in_use = {{.range = range(0, 16)}},
                          .block_types = {{range(16, 32), cma}}};
  TinyV6_1Zone zone{layout};
  CHECK_FALSE(alloc_pages(zone, cpu0, Order{0}, movable, alloc_flags::kswapd));
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable, alloc_flags::cma));
  // With grouping off no request is movable (gfp_migratetype()).
  ZoneLayout ungrouped = layout;
  ungrouped.mobility_grouping = false;
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(ungrouped);
  TinyV6_1Node node{std::move(zones)};
  const Gfp gfp{.migratetype = movable, .direct_reclaim = false};
  CHECK_FALSE(alloc_pages(node, cpu0, Order{0}, gfp).page);
}

TEST_CASE("a request with __GFP_ATOMIC for one page need not heed the boost", "[node][v6_1]") {
  // The one 32-page zone has a lowest watermark of 20, boosted to 40.
  const Gfp atomic{.high = true, .atomic = true, .direct_reclaim = false, .nomemalloc = true};
  TinyV6_1Node node = boosted_node();
  CHECK(alloc_pages(node, cpu0, Order{0}, atomic).page);
  Gfp not_atomic = atomic;
  not_atomic.atomic = false;
  TinyV6_1Node other = boosted_node();
  other.zones()[0].pressure().watermark_boost = 60;
  CHECK_FALSE(alloc_pages(other, cpu0, Order{0}, not_atomic).page);
  CHECK_FALSE(alloc_pages(other, cpu0, Order{1}, atomic).page);
  CHECK(alloc_pages(other, cpu0, Order{0}, atomic).page);
}

TEST_CASE("the preferred zone has present pages, managed or not", "[node]") {
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(tiny_layout(ZoneType::dma32));
  ZoneLayout reserved = tiny_layout(ZoneType::normal);
  reserved.reserved = {{reserved.start_pfn, reserved.start_pfn + 32}};
  zones.emplace_back(reserved);
  TinyV6_1Node node{std::move(zones)};
  REQUIRE(node.preferred_zone(ZoneType::normal) != nullptr);
  CHECK(node.preferred_zone(ZoneType::normal)->type() == ZoneType::normal);
}

TEST_CASE("forecast_answer refuses orders that there are not", "[node]") {
  const TinyV6_1Zone zone{pages(32)};
  CHECK_VIOLATION(forecast_answer(zone, cpu0, Order{40}, gfp_kernel, 0, 32), "above the largest");
}

TEST_CASE("a bulk request for more than the watermark allows gets one page", "[node][v6_1]") {
  // uml-findings.md, 11
  TinyV6_1Node node = tiny_node({ZoneType::normal});
  node.zones()[0].set_watermarks({.min = 4, .low = 8, .high = 12});
  std::vector<Pfn> pfns;
  const auto take = [&](Pfn pfn) { pfns.push_back(pfn); };
  CHECK(alloc_pages_bulk(node, cpu0, gfp_nowait, 28, take) == 1);
  CHECK(alloc_pages_bulk(node, cpu0, gfp_nowait, 5, take) == 5);
  CHECK(pfns.size() == 6);
  CHECK(alloc_pages_bulk(node, cpu0, gfp_nowait, 0, take) == 0);
}

}  // namespace pageblock::test::zone_v6_1_cases
