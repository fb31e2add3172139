// SPDX-License-Identifier: MIT
#include "pageblock/clients/virtio_mem.hpp"

#include <string>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/v6_12_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::virtio_mem_cases {

using enum SubBlockState;

// Blocks of 32 pages. The kernel has 0 to 1023; a device brings 1024 to 2047 in memory blocks of 256.
constexpr PfnRange region{Pfn{1024}, Pfn{2048}};

struct SmallV7_2Config : SmallV6_1Config {
  static constexpr Semantics semantics = kernel::v7_2;
};

template <typename Config>
Node<Config> guest() {
  const ZoneLayout normal{.spanned_pages = 2048, .holes = {region}};
  const ZoneLayout movable{.name = "Movable",
                           .type = ZoneType::movable,
                           .start_pfn = region.start,
                           .spanned_pages = region.nr_pages(),
                           .holes = {region}};
  std::vector<Zone<Config>> zones;
  zones.emplace_back(normal);
  zones.emplace_back(movable);
  return Node<Config>{std::move(zones)};
}

VirtioMemSettings settings(OnlineType type) {
  return {.region = region, .device_block = 32, .memory_block = 256, .online_type = type};
}

template <typename Config>
std::vector<std::string> problems(const Node<Config>& node) {
  std::vector<std::string> all;
  for (const auto& zone : node.zones()) {
    for (const auto& problem : verify(zone)) all.push_back(problem);
  }
  return all;
}

TEST_CASE("virtio-mem plugs from the bottom up and unplugs from the top down", "[virtio_mem]") {
  auto node = guest<SmallV6_1Config>();
  const auto before = node.find(ZoneType::normal)->managed_pages();
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  CHECK(device.step_pages() == 32);
  device.request(288);  // a block and a sub-block
  CHECK(device.run(node) == ok);
  CHECK(device.plugged_pages() == 288);
  const auto& blocks = std::get<SubBlocks>(device.mode());
  CHECK(blocks.state(0) == movable);
  CHECK(blocks.state(1) == movable_partial);
  CHECK(blocks.state(2) == unused);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::movable);
  CHECK(zone.present_pages() == 512);
  CHECK(zone.managed_pages() == 288);
  CHECK(zone.nr_free_pages() == 288);
  CHECK(zone.memmap().bits(Pfn{1312}) == PageBits{PageBits::offline | PageBits::in_use});
  CHECK(problems(node).empty());

  device.request(512);  // the rest of block 1, which was never handed over
  CHECK(device.run(node) == ok);
  CHECK(blocks.state(1) == movable);
  CHECK(zone.managed_pages() == 512);
  CHECK(problems(node).empty());

  Attempt attempt;
  device.request(448);
  CHECK(device.run(node, AllMove{}, &attempt) == ok);
  REQUIRE(attempt.candidates.size() == 2);
  CHECK(attempt.candidates[0].range == PfnRange{Pfn{1504}, Pfn{1536}});
  CHECK(attempt.candidates[1].range == PfnRange{Pfn{1472}, Pfn{1504}});
  CHECK(zone.managed_pages() == 448);

  device.request(512);  // what was taken comes back page by page
  CHECK(device.run(node) == ok);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 512);
  CHECK(problems(node).empty());

  device.request(0);
  CHECK(device.run(node) == ok);
  CHECK(blocks.state(0) == unused);
  CHECK(zone.present_pages() == 0);
  CHECK(zone.managed_pages() == 0);
  CHECK(node.find(ZoneType::normal)->managed_pages() == before);
  CHECK(problems(node).empty());
}

TEST_CASE("virtio-mem takes a block as a whole if nobody holds it", "[virtio_mem]") {
  auto node = guest<SmallV6_1Config>();
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  device.request(256);
  REQUIRE(device.run(node) == ok);
  Attempt attempt;
  device.request(0);
  CHECK(device.run(node, AllMove{}, &attempt) == ok);
  REQUIRE(attempt.candidates.size() == 1);
  CHECK(attempt.candidates[0].range == PfnRange{Pfn{1024}, Pfn{1280}});
}

TEST_CASE("a page of the kernel holds a sub-block, and the worker waits longer each time",
          "[virtio_mem]") {
  auto node = guest<SmallV6_1Config>();
  VirtioMem device{settings(OnlineType::online_kernel), Order{5}};
  device.request(256);
  REQUIRE(device.run(node) == ok);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::normal);
  std::vector<Pfn> held;
  while (const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::unmovable)) {
    held.push_back(page->pfn());
  }
  for (const Pfn pfn : held) {
    if (pfn != Pfn{1100}) free_pages(zone, cpu0, pfn, Order{0});
  }
  drain_all_pages(zone);

  Attempt attempt;
  device.request(0);
  CHECK(device.run(node, AllMove{}, &attempt) == -Err::busy);
  CHECK(device.plugged_pages() == 32);
  CHECK(device.retry_seconds() == 50);
  CHECK(attempt.stage == AttemptStage::isolate);
  REQUIRE(attempt.candidates.size() == 9);  // the block, and each sub-block once
  REQUIRE(attempt.candidates[0].blockers.size() == 1);
  CHECK(attempt.candidates[0].blockers[0] == Blocker{Pfn{1100}, Reason::not_lru});
  CHECK(std::get<SubBlocks>(device.mode()).state(0) == kernel_partial);
  for (const std::uint64_t seconds : {100U, 200U, 300U, 300U}) {
    CHECK(device.run(node) == -Err::busy);
    CHECK(device.retry_seconds() == seconds);
  }
  free_pages(zone, cpu0, Pfn{1100}, Order{0});
  CHECK(device.run(node) == ok);
  CHECK(device.retry_seconds() == std::nullopt);
  CHECK(zone.present_pages() == 1024);
  CHECK(problems(node).empty());
}

TEST_CASE("in ZONE_MOVABLE a pinned page is tried five times", "[virtio_mem]") {
  auto node = guest<SmallV6_1Config>();
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  device.request(32);
  REQUIRE(device.run(node) == ok);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::movable);
  const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::movable);
  REQUIRE(page);
  set_page_lru(zone, page->pfn(), true);
  StubbornPages pages;
  pages.set(page->pfn(), {Hindrance::pinned});
  Attempt attempt;
  device.request(0);
  CHECK(device.run(node, pages, &attempt) == -Err::busy);
  CHECK(attempt.candidates.size() == 5);
  pages.release(page->pfn());
  CHECK(device.run(node, pages) == ok);
  CHECK(device.plugged_pages() == 0);
}

TEST_CASE("a block goes offline though the driver holds a part of it, and comes back",
          "[virtio_mem]") {
  auto node = guest<SmallV6_1Config>();
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  device.request(96);
  REQUIRE(device.run(node) == ok);
  auto& blocks = std::get<SubBlocks>(device.mode());
  CHECK(blocks.offline_block(node, 0) == ok);
  CHECK(blocks.state(0) == offline_partial);
  CHECK(node.find(ZoneType::movable)->present_pages() == 0);
  CHECK(node.find(ZoneType::movable)->managed_pages() == 0);
  CHECK(blocks.offline_block(node, 0) == -Err::inval);
  CHECK(blocks.online_block(node, 0, ZoneType::normal) == ok);
  CHECK(blocks.state(0) == kernel_partial);
  CHECK(problems(node).empty());

  // One that fails leaves everything as it was.
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::normal);
  const auto managed = zone.managed_pages();
  zone.memmap().set_bits(Pfn{1024}, PageBits{PageBits::in_use});
  CHECK(blocks.offline_block(node, 0) == -Err::busy);
  CHECK(zone.managed_pages() == managed);
  CHECK(blocks.state(0) == kernel_partial);
}

TEST_CASE("memory that stays offline is not added without end", "[virtio_mem]") {
  constexpr PfnRange large{Pfn{0x80000}, Pfn{0x80000 + 12 * 32768}};
  std::vector<Zone<V6_1Config>> zones;
  zones.emplace_back(
      ZoneLayout{.spanned_pages = large.end.value(), .holes = {{Pfn{32768}, large.end}}});
  Node<V6_1Config> node{std::move(zones)};
  VirtioMem device{{.region = large, .online_type = OnlineType::offline}, Order{9}};
  device.request(large.nr_pages());
  CHECK(device.run(node) == -Err::nospc);
  CHECK(device.plugged_pages() == 8 * 32768);  // 1 GiB
  device.request(512);
  CHECK(device.run(node) == ok);  // no isolation is needed
  CHECK(device.plugged_pages() == 512);
}

TEST_CASE("big blocks come and go as a whole, section by section", "[virtio_mem]") {
  auto node = guest<SmallV6_12Config>();
  VirtioMemSettings big = settings(OnlineType::online_kernel);
  big.device_block = 512;
  VirtioMem device{big, Order{5}};
  CHECK(device.step_pages() == 512);
  device.request(1024);
  CHECK(device.run(node) == ok);
  Zone<SmallV6_12Config>& zone = *node.find(ZoneType::normal);
  CHECK(zone.managed_pages() == 2048);
  std::vector<Pfn> held;
  while (const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::unmovable)) {
    held.push_back(page->pfn());
  }
  for (const Pfn pfn : held) {
    if (pfn != Pfn{1800}) free_pages(zone, cpu0, pfn, Order{0});
  }
  drain_all_pages(zone);
  Attempt attempt;
  device.request(0);
  CHECK(device.run(node, AllMove{}, &attempt) == -Err::busy);
  CHECK(device.plugged_pages() == 512);
  drain_all_pages(zone);
  CHECK(zone.managed_pages() == 1536);
  CHECK(zone.nr_free_pages() == 1535);  // the first section of the upper block came back
  // Of the upper block two sections, of the lower one both.
  REQUIRE(attempt.candidates.size() == 4);
  CHECK(attempt.candidates[1].range == PfnRange{Pfn{1792}, Pfn{2048}});
  CHECK(attempt.candidates[1].status == -Err::busy);
  CHECK(problems(node).empty());
}

TEST_CASE("virtio-mem plugs and unplugs in v7.2 as before", "[virtio_mem][v7_2]") {
  auto node = guest<SmallV7_2Config>();
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  device.request(288);
  CHECK(device.run(node) == ok);
  Zone<SmallV7_2Config>& zone = *node.find(ZoneType::movable);
  CHECK(zone.nr_free_pages() == 288);
  const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::movable);
  REQUIRE(page);
  set_page_lru(zone, page->pfn(), true);
  device.request(32);
  CHECK(device.run(node) == ok);
  CHECK(device.plugged_pages() == 32);
  CHECK(problems(node).empty());
}

TEST_CASE("what a device cannot be asked is told", "[virtio_mem]") {
  VirtioMem device{settings(OnlineType::online_movable), Order{5}};
  CHECK_VIOLATION(device.request(33), "the request is not whole device blocks");
  CHECK_VIOLATION(device.request(2048), "the request is more than the region");
  VirtioMemSettings odd = settings(OnlineType::online_movable);
  odd.region.end = Pfn{2000};
  CHECK_VIOLATION((VirtioMem{odd, Order{5}}), "the region is not whole memory blocks");
}

}  // namespace pageblock::test::virtio_mem_cases
