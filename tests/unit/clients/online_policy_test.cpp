// SPDX-License-Identifier: MIT
/// Which zone memory comes online in, and memory blocks that hold their own descriptors.
#include "pageblock/clients/online_policy.hpp"

#include <utility>
#include <vector>

#include "pageblock/clients/memory_block.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::online_policy_cases {

namespace {

using enum OnlineType;

// DMA32 has [0, 4096), Normal [8192, 12288), Movable [16384, 20480).
[[nodiscard]] Node<V6_1Config> three_zones() {
  std::vector<Zone<V6_1Config>> zones;
  zones.emplace_back(ZoneLayout{.type = ZoneType::dma32, .spanned_pages = 4096});
  zones.emplace_back(
      ZoneLayout{.type = ZoneType::normal, .start_pfn = Pfn{8192}, .spanned_pages = 4096});
  zones.emplace_back(
      ZoneLayout{.type = ZoneType::movable, .start_pfn = Pfn{16384}, .spanned_pages = 4096});
  return Node<V6_1Config>{std::move(zones)};
}

}  // namespace

TEST_CASE("zone_for_pfn_range prefers the zone that a range lies in", "[online_policy]") {
  const auto node = three_zones();
  CHECK(zone_for_pfn_range(node, range(2048, 2560), online) == ZoneType::dma32);
  CHECK(zone_for_pfn_range(node, range(8192, 8704), online) == ZoneType::normal);
  CHECK(zone_for_pfn_range(node, range(16384, 16896), online) == ZoneType::movable);
  CHECK(zone_for_pfn_range(node, range(32768, 33280), online) == ZoneType::normal);
  CHECK(zone_for_pfn_range(node, range(16384, 16896), online_kernel) == ZoneType::normal);
  CHECK(zone_for_pfn_range(node, range(0, 512), online_movable) == ZoneType::movable);
  CHECK_VIOLATION(zone_for_pfn_range(node, range(0, 512), offline), "in no zone");
}

TEST_CASE("zone_for_pfn_range keeps the ratio of Movable memory", "[online_policy]") {
  // Kernel zones have 8192 pages, Movable 4096: 301 % of them are 24657.
  const auto node = three_zones();
  const auto zone_for = [&](std::uint64_t nr_pages, const AutoMovable& policy) {
    return zone_for_pfn_range(node, range(32768, 32768 + nr_pages), online,
                              OnlinePolicy::auto_movable, policy);
  };
  CHECK(zone_for(20480, {}) == ZoneType::movable);
  CHECK(zone_for(20992, {}) == ZoneType::normal);
  CHECK(zone_for(512, {.ratio = 0}) == ZoneType::normal);
  CHECK(zone_for(512, {.ratio = 50}) == ZoneType::normal);
  CHECK(zone_for(512, {.early_kernel_pages = 1024}) == ZoneType::normal);

  SECTION("a device that has begun in a kernel zone goes on there") {
    const MemoryGroup dimm{.unit_pages = 2048, .present_kernel_pages = 512};
    CHECK(zone_for(512, {.group = &dimm}) == ZoneType::normal);
  }
  SECTION("a device goes to Movable if all of it can") {
    const MemoryGroup small{.unit_pages = 20480};
    const MemoryGroup large{.unit_pages = 32768};
    CHECK(zone_for(512, {.group = &small}) == ZoneType::movable);
    CHECK(zone_for(512, {.group = &large}) == ZoneType::normal);
  }
  SECTION("a group's kernel memory pays for Movable memory of its own") {
    const MemoryGroup group{.is_dynamic = true, .unit_pages = 512, .present_kernel_pages = 512};
    CHECK(zone_for(512, {.ratio = 50, .early_kernel_pages = 8192, .group = &group}) ==
          ZoneType::normal);  // 4608 of 4352
    const MemoryGroup rich{.is_dynamic = true, .unit_pages = 512, .present_kernel_pages = 1024};
    CHECK(zone_for(512, {.ratio = 50, .early_kernel_pages = 8192, .group = &rich}) ==
          ZoneType::movable);  // 4608 of 4608
  }
  SECTION("early memory pays for what others have in Movable beyond their own") {
    const MemoryGroup other{.is_dynamic = true, .present_movable_pages = 4096};
    AutoMovable policy{.ratio = 100, .early_kernel_pages = 4608};
    policy.others = {other};
    CHECK(zone_for(512, policy) == ZoneType::movable);
    CHECK(zone_for(1024, policy) == ZoneType::normal);
  }
}

TEST_CASE("parse_online_type knows the words of sysfs", "[online_policy]") {
  CHECK(parse_online_type("online_movable") == online_movable);
  CHECK(parse_online_type("online_kernel") == online_kernel);
  CHECK(parse_online_type("online") == online);
  CHECK(parse_online_type("offline") == offline);
  CHECK(parse_online_type("Online") == std::nullopt);
}

TEST_CASE("a memory block keeps its descriptors to itself", "[memory_block]") {
  // 32768 pages: 512 of them hold the descriptors of all.
  Zone<V6_1Config> zone{ZoneLayout{.spanned_pages = 65536}};
  HotplugBlock block{range(32768, 65536)};
  CHECK(block.offline(zone) == ok);
  CHECK(block.offline(zone) == ok);  // it is
  CHECK(zone.present_pages() == 32768);
  CHECK(block.use_memmap_on_memory(zone));
  CHECK(block.online(zone) == ok);
  CHECK(block.is_online());
  CHECK(block.online(zone) == ok);
  CHECK(block.nr_vmemmap_pages() == 512);
  CHECK(zone.present_pages() == 65536);
  CHECK(zone.managed_pages() == 65024);
  CHECK(zone.nr_free_pages() == 65024);
  CHECK(zone.pageblock_flags().get(Pfn{32768}) == MigrateType::unmovable);
  CHECK(verify(zone).empty());
  CHECK(offline_pages(zone, Pfn{32768}, 32768) == -Err::busy);  // not so
  CHECK(block.offline(zone) == ok);
  CHECK(zone.present_pages() == 32768);
  CHECK_FALSE(zone.is_valid(Pfn{32768}));
  CHECK(verify(zone).empty());
}

TEST_CASE("a memory block that is too small cannot hold its descriptors", "[memory_block]") {
  Zone<V6_1Config> zone{ZoneLayout{.spanned_pages = 4096}};
  HotplugBlock block{range(2048, 4096), false};
  CHECK_FALSE(block.use_memmap_on_memory(zone));  // 32 pages are no pageblock
  CHECK(block.nr_vmemmap_pages() == 0);
  HotplugBlock online_block{range(2048, 4096)};
  CHECK_VIOLATION(online_block.use_memmap_on_memory(zone), "the block is online");
}

}  // namespace pageblock::test::online_policy_cases
