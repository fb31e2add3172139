// SPDX-License-Identifier: MIT
#include "pageblock/lab/churn.hpp"

#include <cstdint>
#include <set>
#include <string>

#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/ready_workloads.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::churn_cases {
namespace {

struct ChurnConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 4;
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};
struct OldChurnConfig : ChurnConfig {
  static constexpr Semantics semantics = kernel::v3_6;
};

constexpr std::uint64_t zone_pages = 32 * 1024;  // 128 MiB

template <ZoneConfig Config = ChurnConfig>
Zone<Config> fresh_zone() {
  return Zone<Config>{{.spanned_pages = zone_pages, .nr_cpus = 4}};
}

Workload one_stream(const Stream& stream) { return {.name = "one", .streams = {stream}}; }

TEST_CASE("every ready workload runs, and holds what it should", "[lab_churn]") {
  CHECK(ready_workloads().size() >= 12);
  std::set<std::string> names;
  for (const Workload& workload : ready_workloads()) {
    INFO(workload.name);
    CHECK(names.insert(workload.name).second);
    CHECK(find_workload(workload.name) == &workload);
    CHECK(problem_of(workload, 11).empty());
    CHECK(!workload.imitates.empty());
    CHECK(!workload.source.empty());
    auto zone = fresh_zone();
    Churn churn{zone, workload, RandomKey{.seed = 1}, {.occupancy = 500, .nr_cpus = 4}};
    churn.run(60'000);
    CHECK(churn.nr_operations() >= 60'000);
    CHECK(verify(zone).empty());
    // What is held is neither free nor on a per-CPU list.
    drain_all_pages(zone);
    CHECK(static_cast<std::uint64_t>(zone.nr_free_pages()) + churn.held_pages() == zone_pages);
    CHECK(churn.held_pages() < zone_pages * 60 / 100);
    churn.free_all();
    drain_all_pages(zone);
    CHECK(churn.held_pages() == 0);
    CHECK(zone.nr_free_pages() == static_cast<std::int64_t>(zone_pages));
  }
  CHECK(find_workload("none") == nullptr);
}

TEST_CASE("a churn is the same however it is cut, and another with another key", "[lab_churn]") {
  const Workload& workload = *find_workload("server");
  const auto zone_after = [&](std::uint32_t replica, std::uint64_t part) {
    auto zone = fresh_zone();
    Churn churn{zone, workload, RandomKey{.seed = 7, .replica = replica}, {.nr_cpus = 2}};
    for (std::uint64_t done = 0; done < 60'000; done += part) churn.run(part);
    return zone;
  };
  CHECK(zone_after(0, 60'000) == zone_after(0, 2'000));
  CHECK(zone_after(0, 60'000) != zone_after(1, 60'000));
}

TEST_CASE("a churn draws the same on every machine", "[lab_churn]") {
  // The numbers are those of the first run; they may change with the library's version, not with the compiler.
  auto zone = fresh_zone();
  Churn churn{zone, *find_workload("memory_pressure"), RandomKey{.seed = 22, .point = 3}};
  churn.run(50'000);
  std::uint64_t sum = 0;
  churn.for_each_chunk([&](const Chunk& chunk, const Stream&) {
    sum = sum * 31 + chunk.pfn.value() * 11 + chunk.order.value();
  });
  CHECK(sum == 0x851edc7c277ac4b2);
}

TEST_CASE("occupancy is what is asked, with what others hold", "[lab_churn]") {
  Zone<ChurnConfig> zone{{.spanned_pages = zone_pages, .in_use = {{.range = {Pfn{0}, Pfn{4096}}}}}};
  Churn churn{zone, *find_workload("mixed_guest"), RandomKey{}, {.occupancy = 700}};
  churn.run(100'000);
  const std::uint64_t held = churn.held_pages() + 4096;
  CHECK(held > zone_pages * 690 / 1000);
  CHECK(held < zone_pages * 710 / 1000);
}

TEST_CASE("the rules of dying free what they say", "[lab_churn]") {
  // Pages 0 to 31 of a fresh zone are handed out in order. Then one request and one free alternate.
  const auto lowest_held = [](Death death) {
    TinyV6_1Zone zone{{.spanned_pages = 64}};
    zone.set_pageset(1, 0);
    Churn churn{
        zone,
        one_stream({.name = "s", .death = death, .process_chunks = 8, .process_varies = false}),
        RandomKey{},
        {.occupancy = 500}};
    churn.run(400);
    CHECK(churn.held_pages() >= 24);
    CHECK(churn.held_pages() <= 36);
    std::set<std::uint64_t> pfns;
    churn.for_each_chunk(
        [&](const Chunk& chunk, const Stream&) { pfns.insert(chunk.pfn.value()); });
    CHECK(pfns.size() == churn.held_pages());
    return pfns;
  };
  CHECK(lowest_held(Death::never).size() == 32);
  CHECK(lowest_held(Death::newest).contains(0));  // the first that came stays
  const auto together = lowest_held(Death::together);
  CHECK(together.size() > 24);
}

TEST_CASE("phases change what streams hold", "[lab_churn]") {
  Workload workload = one_stream({.name = "s"});
  workload.phases = {{10'000, {1000}}, {10'000, {250}}};
  auto zone = fresh_zone();
  Churn churn{zone, workload, RandomKey{}, {.occupancy = 100}};
  churn.run(10'000);
  const std::uint64_t much = churn.held_pages();
  churn.run(10'000);
  CHECK(much > zone_pages * 90 / 1000);
  CHECK(churn.held_pages() < zone_pages * 30 / 1000);
  churn.run(10'000);
  CHECK(churn.held_pages() > zone_pages * 90 / 1000);
}

TEST_CASE("what finds nothing is reclaimed for, or refused", "[lab_churn]") {
  const Stream file{.name = "file", .share = 1000, .death = Death::oldest, .is_reclaimable = true};
  const Stream kernel{.name = "kernel", .gfp = gfp_kernel, .share = 1000, .death = Death::never};
  Workload workload{.name = "two", .streams = {file, kernel}};
  workload.phases = {{30'000, {2000, 0}}, {30'000, {2000, 1000}}};
  const auto refused = [&](bool reclaims) {
    workload.streams[0].is_reclaimable = reclaims;
    Zone<ChurnConfig> zone{{.spanned_pages = 16 * 1024}};
    Churn churn{zone, workload, RandomKey{}, {.occupancy = 1000}};
    churn.run(60'000);
    return churn.nr_refused(1);
  };
  CHECK(refused(true) == 0);
  CHECK(refused(false) > 1000);
}

TEST_CASE("a churn keeps a ledger that agrees with its chunks", "[lab_churn]") {
  auto zone = fresh_zone();
  Churn churn{
      zone, *find_workload("slab_growth"), RandomKey{}, {.nr_cpus = 4, .keeps_ledger = true}};
  churn.run(80'000);
  BlockLedger counted{fresh_zone()};
  churn.for_each_chunk([&](const Chunk& chunk, const Stream& stream) {
    counted.on_alloc(chunk.pfn, chunk.order, stream.gfp.migratetype);
  });
  for (const MigrateType type : pcp_types) {
    CHECK(counted.nr_with(type) == churn.ledger().nr_with(type));
    CHECK(counted.nr_pages(type) == churn.ledger().nr_pages(type));
  }
  CHECK(counted.nr_mixed() == churn.ledger().nr_mixed());
  CHECK(counted.longest_emptiable() == churn.ledger().longest_emptiable());
  // And a look at the pages finds as many blocks with pages that stay.
  churn.mark_movable();
  CHECK(measure(zone).pages.movable == counted.nr_pages(MigrateType::movable));
}

TEMPLATE_TEST_CASE("marked pages migrate on a copy, and the churn goes on", "[lab_churn]",
                   ChurnConfig, OldChurnConfig) {
  auto zone = fresh_zone<TestType>();
  Workload workload{.name = "huge",
                    .streams = {{.name = "h", .orders = {{0, 600}, {4, 2}, {9, 1}}}}};
  Churn churn{zone, workload, RandomKey{}, {.occupancy = 400}};
  churn.run(30'000);
  CHECK(measure(zone).pages.movable == 0);
  churn.mark_movable();
  CHECK(measure(zone).pages.movable == churn.held_pages());
  auto copy = zone;
  CHECK(alloc_contig_range(copy, Cpu{0}, Pfn{4096}, Pfn{8192}, MigrateType::movable) == ok);
  CHECK(verify(copy).empty());
  churn.run(20'000);
  CHECK(measure(zone).pages.movable == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("a churn runs on a node, whose watermarks refuse", "[lab_churn]") {
  TinyV6_1Node node = tiny_node({ZoneType::dma, ZoneType::normal});
  for (auto& zone : node.zones()) zone.set_watermarks({.min = 8, .low = 9, .high = 10});
  Churn churn{node, one_stream({.name = "s"}), RandomKey{}, {.occupancy = 1000}};
  churn.run(2'000);
  CHECK(churn.nr_refused() > 0);
  CHECK(churn.held_pages() <= 64 - 16);
  CHECK(churn.held_pages() > 40);
  churn.free_all();
  for (auto& zone : node.zones()) {
    drain_all_pages(zone);
    CHECK(zone.nr_free_pages() == 32);
  }
}

TEST_CASE("problem_of says what is wrong with a workload", "[lab_churn]") {
  const auto problem = [](const Stream& stream) { return problem_of(one_stream(stream), 11); };
  CHECK(problem_of({.name = "w"}, 11) == "workload w: it has no streams");
  CHECK(problem({.name = "s", .orders = {{11, 1}}}) ==
        "workload one: stream s has order 11; the largest is 10");
  CHECK(problem({.name = "s", .orders = {}}) == "workload one: stream s has no orders");
  CHECK(problem({.name = "s", .gfp = {.migratetype = MigrateType::isolate}}) ==
        "workload one: stream s has a type that requests do not have");
  CHECK(problem({.name = "s", .share = 0}) == "workload one: no stream has a share");
  CHECK(problem({.name = "s", .turnover = 0}) == "workload one: no stream has a turnover");
  CHECK(problem({.name = "s", .death = Death::together, .process_chunks = 0}) ==
        "workload one: stream s has processes without chunks");
  Workload phased = one_stream({.name = "s"});
  phased.phases = {{0, {}}};
  CHECK(problem_of(phased, 11) == "workload one: a phase has no operations");
  phased.phases = {{1, {1, 2}}};
  CHECK(problem_of(phased, 11) == "workload one: a phase has more levels than there are streams");
}

TEST_CASE("a churn reports options that make no sense", "[lab_churn]") {
  auto zone = fresh_zone();
  const Workload workload = one_stream({.name = "s"});
  const auto make = [&](const Workload& of, const ChurnOptions& options) {
    Churn churn{zone, of, RandomKey{}, options};
    return churn.nr_operations();
  };
  CHECK_VIOLATION(make({.name = "w"}, {}), "cannot run");
  CHECK_VIOLATION(make(workload, {.nr_cpus = 5}), "fewer CPUs");
  CHECK_VIOLATION(make(workload, {.nr_cpus = 0}), "fewer CPUs");
  CHECK_VIOLATION(make(workload, {.occupancy = 1001}), "more than all");
  CHECK_VIOLATION(Churn(zone, workload, RandomKey{}).ledger().nr_blocks(), "no ledger");
}

TEST_CASE("a churn that nobody needs goes on without doing anything", "[lab_churn]") {
  auto zone = fresh_zone();
  Churn churn{
      zone, one_stream({.name = "s", .death = Death::never}), RandomKey{}, {.occupancy = 0}};
  churn.run(100);
  CHECK(churn.nr_operations() == 100);
  CHECK(churn.held_pages() == 0);
}

}  // namespace
}  // namespace pageblock::test::churn_cases
