// SPDX-License-Identifier: MIT
#include "pageblock/lab/metrics.hpp"

#include <cstdint>
#include <vector>

#include "pageblock/lab/block_ledger.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::metrics_cases {
namespace {

//  block     0         1         2         3         4         5
//        | free    | U at 8  | M 16-19 | M 24,   | all     | free
//        |         |         |         | U 25    | movable |
TinyZone six_blocks() {
  TinyZone zone{{.spanned_pages = 48,
                 .in_use = {{.range = {Pfn{8}, Pfn{9}}},
                            {.range = {Pfn{16}, Pfn{20}}, .lru = true},
                            {.range = {Pfn{24}, Pfn{25}}, .lru = true},
                            {.range = {Pfn{25}, Pfn{26}}},
                            {.range = {Pfn{32}, Pfn{40}}, .lru = true}}}};
  return zone;
}

TEST_CASE("measure counts pages and blocks by what is in them", "[lab_metrics]") {
  const Metrics metrics = measure(six_blocks());
  CHECK(metrics.pages == Metrics::Pages{48, 33, 0, 13, 2});
  CHECK(metrics.blocks == Metrics::Blocks{6, 2, 2, 1});
  CHECK(metrics.blocks.emptiable() == 4);
  CHECK(metrics.pages_in_free_blocks == 16);
  CHECK(metrics.share_in_free_blocks() == 16 * 1000 / 33);
  CHECK(metrics.unmovable_scatter() == 333);
  CHECK(metrics.emptiable == PfnRange{Pfn{26}, Pfn{48}});
  CHECK(metrics.free == free_memory(six_blocks()));
  CHECK(metrics.free.nr_pages() == 33);
}

TEST_CASE("measure joins free chunks that lie side by side to runs", "[lab_metrics]") {
  // free: 0-7 | 9-15 | 20-23 | 26-31 | 40-47
  const Metrics metrics = measure(six_blocks());
  CHECK(metrics.free_runs[2] == 3);  // 7, 4 and 6 pages
  CHECK(metrics.free_runs[3] == 2);  // 8 and 8
  CHECK(metrics.longest_free_run == 8);
  CHECK(measure(free_zone(48)).longest_free_run == 48);
  CHECK(measure(free_zone(48)).free_runs[5] == 1);
}

TEST_CASE("measure of holes, odd ends and per-CPU lists", "[lab_metrics]") {
  TinyZone zone{{.start_pfn = Pfn{4}, .spanned_pages = 26, .holes = {{Pfn{12}, Pfn{14}}}}};
  zone.set_pageset(2, 4);
  const auto pfn = request(zone, 0);  // a refill of two: one is handed out, one stays on the list
  REQUIRE(pfn);
  const Metrics metrics = measure(zone);
  CHECK(metrics.pages == Metrics::Pages{24, 22, 1, 0, 1});
  CHECK(metrics.blocks.total == 4);
  CHECK(metrics.blocks.with_unmovable == 1);
  set_page_lru(zone, *pfn, true);
  CHECK(measure(zone).emptiable == PfnRange{Pfn{14}, Pfn{30}});
  CHECK(measure(zone).pages.movable == 1);
}

TEST_CASE("metrics of a node are those of its zones together", "[lab_metrics]") {
  TinyV6_1Node node = tiny_node({ZoneType::dma, ZoneType::normal});
  const Metrics metrics = measure(node);
  CHECK(metrics.pages.free == 64);
  CHECK(metrics.longest_free_run == 32);
  CHECK(metrics.free_runs[5] == 2);
  CHECK(metrics.blocks.free == 8);
  CHECK(free_memory(node).nr_pages() == 64);
  CHECK(metrics.emptiable.nr_pages() == 32);
}

TEST_CASE("free_memory has the kernel's two indices", "[lab_metrics]") {
  // Worked by hand: 6 single pages, 3 pairs, a chunk of 8: 20 pages, 10 chunks.
  const FreeMemory memory{.nr_free = {6, 3, 0, 1}};
  CHECK(memory.nr_pages() == 20);
  CHECK(memory.pages_in_chunks_from(Order{1}) == 14);
  CHECK(memory.unusable(Order{0}) == 0);
  CHECK(memory.unusable(Order{2}) == 600);
  CHECK(memory.unusable(Order{4}) == 1000);
  CHECK(memory.fragmentation(Order{3}) == -1000);
  CHECK(memory.fragmentation(Order{4}) == 1000 - (1000 + 20 * 1000 / 16) / 10);
  CHECK(FreeMemory{}.unusable(Order{3}) == 1000);
}

TEST_CASE("a ledger counts blocks by the types in them", "[lab_metrics]") {
  const TinyZone zone = six_blocks();
  BlockLedger ledger{zone};
  CHECK(ledger.nr_blocks() == 6);
  CHECK(ledger.nr_with(MigrateType::unmovable) == 2);
  CHECK(ledger.nr_with(MigrateType::movable) == 3);
  CHECK(ledger.nr_mixed() == 1);
  CHECK(ledger.longest_emptiable() == 2);

  ledger.on_alloc(Pfn{0}, Order{1}, MigrateType::reclaimable);
  ledger.on_alloc(Pfn{2}, Order{0}, MigrateType::movable);
  CHECK(ledger.nr_mixed() == 2);
  CHECK(ledger.nr_pages_in_block(Pfn{7}, MigrateType::reclaimable) == 2);
  ledger.on_free(Pfn{0}, Order{1}, MigrateType::reclaimable);
  CHECK(ledger.nr_mixed() == 1);
  ledger.on_free(Pfn{25}, Order{0}, MigrateType::unmovable);
  CHECK(ledger.nr_mixed() == 0);
  CHECK(ledger.longest_emptiable() == 4);
  CHECK(ledger.unmovable_scatter() == 166);
  CHECK(ledger.nr_pages(MigrateType::movable) == 14);
}

TEST_CASE("a ledger counts a chunk of several blocks in each of them", "[lab_metrics]") {
  BlockLedger ledger{free_zone(48)};
  ledger.on_alloc(Pfn{16}, Order{4}, MigrateType::unmovable);
  CHECK(ledger.nr_with(MigrateType::unmovable) == 2);
  CHECK(ledger.longest_emptiable() == 2);
  ledger.on_free(Pfn{16}, Order{4}, MigrateType::unmovable);
  CHECK(ledger.nr_with(MigrateType::unmovable) == 0);
  CHECK(ledger.longest_emptiable() == 6);
}

TEST_CASE("a ledger reports what cannot be", "[lab_metrics]") {
  BlockLedger ledger{free_zone(48)};
  CHECK_VIOLATION(ledger.on_alloc(Pfn{48}, Order{0}, MigrateType::movable), "not in the ledger");
  CHECK_VIOLATION(ledger.on_alloc(Pfn{0}, Order{0}, MigrateType::cma), "requests are");
  CHECK_VIOLATION(ledger.on_free(Pfn{0}, Order{0}, MigrateType::movable), "fewer pages");
}

}  // namespace
}  // namespace pageblock::test::metrics_cases
