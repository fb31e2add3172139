// SPDX-License-Identifier: MIT
#include "pageblock/mm/node_watermarks.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::node_watermarks_cases {
namespace {

struct CappedConfig : V6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};
using BigZone = Zone<V6_1Config>;
using BigNode = Node<V6_1Config>;
using enum ZoneType;

// Numbers of the zones, in the order of their types.
using PerZone = std::array<std::uint64_t, max_nr_zones>;

// A node whose zones manage so many pages; none where that is 0.
BigNode node_of(const PerZone& managed, unsigned nr_cpus = 1) {
  std::vector<BigZone> zones;
  Pfn start{};
  for (std::size_t i = 0; i < managed.size(); ++i) {
    if (managed[i] == 0) continue;
    zones.emplace_back(ZoneLayout{.type = static_cast<ZoneType>(i),
                                  .start_pfn = start,
                                  .spanned_pages = managed[i],
                                  .nr_cpus = nr_cpus});
    start += managed[i];
  }
  return BigNode{std::move(zones)};
}

PerZone each(const BigNode& node, auto what) {
  PerZone numbers{};
  for (const BigZone& zone : node.zones()) {
    numbers[static_cast<std::size_t>(zone.type())] = what(zone);
  }
  return numbers;
}
PerZone min_of(const BigNode& node) {
  return each(node, [](const BigZone& zone) { return zone.watermarks().min; });
}
PerZone low_of(const BigNode& node) {
  return each(node, [](const BigZone& zone) { return zone.watermarks().low; });
}
PerZone high_of(const BigNode& node) {
  return each(node, [](const BigZone& zone) { return zone.watermarks().high; });
}
PerZone pcp_high_of(const BigNode& node) {
  return each(node, [](const BigZone& zone) { return zone.pageset().high; });
}
PerZone batch_of(const BigNode& node) {
  return each(node, [](const BigZone& zone) { return zone.pcp(cpu0).batch; });
}
PerZone reserve_of(const BigNode& node, ZoneType zone) {
  PerZone numbers{};
  for (std::size_t i = 0; i < max_nr_zones; ++i) numbers[i] = node.find(zone)->lowmem_reserve(i);
  return numbers;
}

}  // namespace

TEST_CASE("init_per_zone_wmark_min sets what a kernel has in one zone of a usual size",
          "[node_watermarks]") {
  struct Row {
    std::uint64_t mib, min_free_kbytes, min, low, high;
    std::uint32_t batch;
    std::array<std::uint32_t, 3> pcp_high;  // with 1, 4 and 16 CPUs
  };
  const std::array<Row, 6> rows{{
      {64, 1024, 256, 320, 384, 3, {320, 80, 20}},
      {256, 2048, 512, 640, 768, 15, {640, 160, 60}},
      {1024, 4096, 1024, 1286, 1548, 63, {1286, 321, 252}},
      {4096, 8192, 2048, 3096, 4144, 63, {3096, 774, 252}},
      {16384, 16384, 4096, 8290, 12484, 63, {8290, 2072, 518}},
      {65536, 32768, 8192, 24969, 41746, 63, {24969, 6242, 1560}},
  }};
  for (const Row& row : rows) {
    const std::uint64_t pages = row.mib * 256;
    BigNode node = node_of({0, 0, pages, 0});
    CHECK(calculate_min_free_kbytes(node) == row.min_free_kbytes);
    init_per_zone_wmark_min(node);
    const Watermarks& marks = node.find(normal)->watermarks();
    CHECK(marks.min == row.min);
    CHECK(marks.low == row.low);
    CHECK(marks.high == row.high);
    CHECK(node.find(normal)->pageset() == Pageset{row.batch, row.pcp_high[0]});
    CHECK(zone_pageset(pages, marks.low, 4) == Pageset{row.batch, row.pcp_high[1]});
    CHECK(zone_pageset(pages, marks.low, 16) == Pageset{row.batch, row.pcp_high[2]});
  }
}

TEST_CASE(
    "init_per_zone_wmark_min follows memory as a running kernel did that took it offline and "
    "online",
    "[node_watermarks]") {
  // Debian's 6.1.192 with 512 MiB and two DIMMs, one of them in the movable zone.
  constexpr std::int64_t memory_block = 32768;
  BigNode node = node_of({3840, 99908, 65536, 65536});
  const PerZone high_at_first{19, 546, 358, 358};
  for (BigZone& zone : node.zones()) {
    zone.set_watermarks({.high = high_at_first[static_cast<std::size_t>(zone.type())]});
  }
  node.find(ZoneType::movable)->mod_managed_pages(-memory_block);
  init_per_zone_wmark_min(node);
  CHECK(pcp_high_of(node) == PerZone{18, 506, 331, 165});
  CHECK(batch_of(node) == PerZone{1, 31, 15, 7});

  node.find(ZoneType::movable)->mod_managed_pages(memory_block);
  CHECK(calculate_min_free_kbytes(node) == 3281);  // what sysctl showed
  init_per_zone_wmark_min(node);
  CHECK(min_of(node) == PerZone{13, 348, 228, 228});
  CHECK(low_of(node) == PerZone{16, 447, 293, 293});
  CHECK(high_of(node) == PerZone{19, 546, 358, 358});
  CHECK(pcp_high_of(node) == PerZone{16, 447, 293, 293});
  CHECK(batch_of(node) == PerZone{1, 31, 15, 15});
  CHECK(reserve_of(node, dma) == PerZone{0, 390, 646, 902});
  CHECK(reserve_of(node, dma32) == PerZone{0, 0, 256, 512});
  CHECK(reserve_of(node, normal) == PerZone{0, 0, 0, 2048});
  CHECK(reserve_of(node, ZoneType::movable) == PerZone{});

  node.find(normal)->mod_managed_pages(-memory_block);
  init_per_zone_wmark_min(node);
  CHECK(pcp_high_of(node) == PerZone{16, 462, 151, 303});
  CHECK(batch_of(node) == PerZone{1, 31, 7, 15});
  node.find(normal)->mod_managed_pages(memory_block);
  init_per_zone_wmark_min(node);
  CHECK(pcp_high_of(node) == PerZone{16, 448, 294, 294});
}

TEST_CASE("init_per_zone_wmark_min of v3.6 goes by present pages", "[node_watermarks]") {
  const auto node_of_v3_6 = [](const PerZone& present) {
    std::vector<Zone<>> zones;
    Pfn start{};
    for (std::size_t i = 0; i < present.size(); ++i) {
      if (present[i] == 0) continue;
      zones.emplace_back(ZoneLayout{.type = static_cast<ZoneType>(i),
                                    .start_pfn = start,
                                    .spanned_pages = present[i],
                                    .reserved = {{start, start + present[i] / 4}}});
      start += present[i];
    }
    return Node<>{std::move(zones)};
  };
  struct Row {
    std::uint64_t mib, min, low, high;
  };
  for (const Row& row : {Row{64, 256, 320, 384}, Row{1024, 1024, 1280, 1536}}) {
    auto node = node_of_v3_6({0, 0, row.mib * 256, 0});
    const Pageset before = node.zones()[0].pageset();
    init_per_zone_wmark_min(node);
    CHECK(node.zones()[0].watermarks() == Watermarks{row.min, row.low, row.high});
    CHECK(node.zones()[0].pageset() == before);
  }
  // vm.min_free_kbytes is 65536 at most. The movable zone has its share, and is no memory for buffers.
  auto node = node_of_v3_6({4096, 1 << 20, 7 << 20, 1 << 20});
  CHECK(nr_free_buffer_pages(node) == 4096 + (8 << 20));
  CHECK(calculate_min_free_kbytes(node) == 23176);
  init_per_zone_wmark_min(node);
  CHECK(node.find(normal)->watermarks().min == 4504);
  CHECK(node.find(ZoneType::movable)->watermarks().min == 643);
  CHECK(node.find(dma)->lowmem_reserve(3) == 36864);
  CHECK(node.find(normal)->lowmem_reserve(3) == 32768);
  node.find(normal)->mod_present_pages(std::int64_t{1} << 32);
  CHECK(calculate_min_free_kbytes(node) == 65536);
}

TEST_CASE("recommended_min_free_kbytes is what a kernel with transparent huge pages showed",
          "[node_watermarks]") {
  BigNode node = node_of({3840, 245316, 0, 0});  // 1 GiB
  init_per_zone_wmark_min(node);
  CHECK(recommended_min_free_kbytes(node) == 45056);
  setup_per_zone_wmarks(node, recommended_min_free_kbytes(node));
  CHECK(min_of(node) == PerZone{173, 11090, 0, 0});
  CHECK(low_of(node) == PerZone{216, 13862, 0, 0});
  CHECK(high_of(node) == PerZone{259, 16634, 0, 0});
  CHECK(pcp_high_of(node) == PerZone{216, 13862, 0, 0});
}

TEST_CASE("recommended_min_free_kbytes knows the zones up to Normal, and a limit",
          "[node_watermarks]") {
  CHECK(recommended_min_free_kbytes(node_of({3840, 1 << 20, 1 << 20, 0})) == 67584);
  CHECK(recommended_min_free_kbytes(node_of({3840, 1 << 20, 1 << 20, 1 << 20})) == 67584);
  CHECK(recommended_min_free_kbytes(node_of({0, 0, 20000, 0})) == 4000);  // a twentieth
  BigNode node = node_of({3840, 1 << 20, 1 << 20, 0});  // a zone whose memory has gone
  node.find(dma)->mod_present_pages(-3840);
  node.find(dma)->mod_managed_pages(-3840);
  CHECK(recommended_min_free_kbytes(node) == 45056);
}

TEST_CASE("calculate_min_free_kbytes is 128 at least and 262144 at most", "[node_watermarks]") {
  CHECK(calculate_min_free_kbytes(BigNode{}) == 128);
  CHECK(calculate_min_free_kbytes(node_of({0, 0, 255, 0})) == 128);
  CHECK(calculate_min_free_kbytes(node_of({0, 0, 260, 0})) ==
        128);  // 16 * 1040 is below 129 squared
  CHECK(calculate_min_free_kbytes(node_of({0, 0, 261, 0})) == 129);
  BigNode node = node_of({0, 0, 4096, 0});
  node.find(normal)->mod_managed_pages(std::int64_t{1} << 32);
  CHECK(calculate_min_free_kbytes(node) == 262144);
}

TEST_CASE("nr_free_buffer_pages leaves out the movable zone, and what watermarks keep",
          "[node_watermarks]") {
  BigNode node = node_of({1000, 0, 5000, 7000});
  CHECK(nr_free_buffer_pages(node) == 6000);
  node.find(normal)->set_watermarks({.high = 300});
  node.find(normal)->pressure().watermark_boost = 50;
  node.find(dma)->set_watermarks({.high = 2000});  // no zone counts less than nothing
  CHECK(nr_free_buffer_pages(node) == 4650);
}

TEST_CASE("setup_per_zone_wmarks forgets what steals have added, and serves every CPU",
          "[node_watermarks]") {
  BigNode node = node_of({0, 0, 262144, 0}, 2);
  node.find(normal)->pressure().watermark_boost = 512;
  setup_per_zone_wmarks(node, 4096);
  CHECK(node.find(normal)->pressure().watermark_boost == 0);
  CHECK(node.find(normal)->pcp(cpu1).high == 643);
  CHECK(node.find(normal)->pcp(cpu1).batch == 63);
}

TEST_CASE("setup_per_zone_wmarks gives a zone without pages watermarks of 0, and the least limits",
          "[node_watermarks]") {
  BigNode node = node_of({0, 0, 512, 0});
  node.find(normal)->mod_managed_pages(-512);
  setup_per_zone_wmarks(node, 4096);
  CHECK(node.find(normal)->watermarks() == Watermarks{});
  CHECK(node.find(normal)->pageset() == Pageset{.batch = 1, .high = 4});
}

TEST_CASE("setup_per_zone_lowmem_reserve lets go where a zone manages no pages",
          "[node_watermarks]") {
  BigNode node = node_of({3840, 0, 65536, 0});
  setup_per_zone_lowmem_reserve(node);
  CHECK(reserve_of(node, dma) == PerZone{0, 0, 256, 256});
  node.find(dma)->mod_managed_pages(-3840);
  setup_per_zone_lowmem_reserve(node);
  CHECK(reserve_of(node, dma) == PerZone{});
}

TEST_CASE("setup_per_zone_wmarks reports more than the kernel's int holds", "[node_watermarks]") {
  BigNode node = node_of({0, 0, 512, 0});
  CHECK_VIOLATION_IN(node, setup_per_zone_wmarks(node, std::uint64_t{1} << 31), "below 2^31");
}

TEST_CASE("zone_pageset has what a running kernel had", "[node_watermarks]") {
  CHECK(zone_pageset(245252, 1217, 2) == Pageset{.batch = 63, .high = 608});
  CHECK(zone_pageset(3840, 18, 2) == Pageset{.batch = 1, .high = 9});
  CHECK(zone_pageset(0, 0, 1) == Pageset{.batch = 1, .high = 4});
  // With the sysctl vm.percpu_pagelist_high_fraction, that part of the zone counts instead.
  CHECK(zone_pageset(373952, 373952 / 64, 1) == Pageset{.batch = 63, .high = 5843});
}

TEST_CASE("setup_per_zone_wmarks of v6.12 gives Movable a small min, and distances by its share",
          "[node_watermarks]") {
  std::vector<Zone<CappedConfig>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = 131072});
  zones.emplace_back(
      ZoneLayout{.type = movable, .start_pfn = Pfn{131072}, .spanned_pages = 131072});
  Node<CappedConfig> node{std::move(zones)};
  setup_per_zone_wmarks(node, 4096);
  CHECK(node.find(normal)->watermarks() == Watermarks{1024, 1280, 1536});
  CHECK(node.find(movable)->watermarks() == Watermarks{128, 384, 640});

  node.find(movable)->mod_managed_pages(-131072);
  setup_per_zone_wmarks(node, 4096);
  CHECK(node.find(movable)->watermarks() == Watermarks{32, 32, 32});  // none is there
}

}  // namespace pageblock::test::node_watermarks_cases
