// SPDX-License-Identifier: MIT
/// Reclaim while memory goes offline: the loop of v3.5, what v3.6 made of it, and later kernels.
#include "pageblock/clients/reclaim.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "pageblock/clients/kswapd.hpp"
#include "pageblock/clients/reclaim_loop.hpp"
#include "pageblock/clients/slow_path.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::reclaim_cases {

namespace {

template <const Semantics& kernel>
struct KernelConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
};
using V36 = KernelConfig<kernel::v3_6>;
using V61 = KernelConfig<kernel::v6_1>;

constexpr std::uint64_t block_pages = 512;
constexpr std::uint64_t zone_pages = 16384;
constexpr ReclaimRules v3_5_direct{.charges_isolated = false, .futile = FutileRule::reader_decides};

// 64 MiB in use, but for isolated blocks that are free. Watermarks 256, 320 and 384.
template <typename Config = V36>
struct Scene {
  Scene(const ReclaimRules& rules, std::uint64_t isolated_free, std::uint64_t isolated_blocks)
      : node{make_node(isolated_free, isolated_blocks), rules} {}
  Scene(const ReclaimRules& rules, std::uint64_t isolated_blocks)
      : Scene{rules, isolated_blocks * block_pages, isolated_blocks} {}

  static Node<Config> make_node(std::uint64_t isolated_free, std::uint64_t isolated_blocks) {
    const Pfn isolated_end{isolated_blocks * block_pages};
    std::vector<Zone<Config>> zones;
    zones.emplace_back(
        ZoneLayout{.spanned_pages = zone_pages,
                   .in_use = {{.range = {Pfn{isolated_free}, isolated_end}, .lru = true},
                              {.range = {isolated_end, Pfn{zone_pages}}}}});
    zones[0].set_watermarks({.min = 256, .low = 320, .high = 384});
    zones[0].set_pageset(1, 0);
    REQUIRE(start_isolate_page_range(zones[0], Pfn{0}, isolated_end, MigrateType::movable) == ok);
    return Node<Config>{std::move(zones)};
  }

  Zone<Config>& zone() { return node.node().zones()[0]; }
  ZoneReclaim& state() { return node.of(zone()); }

  // Pages on an LRU list, which nobody can reclaim unless it says so.
  void add_lru(std::uint64_t pages, bool reclaims = false) {
    node.add_lru_list({Pfn{8192}, Pfn{8192 + pages}}, reclaims);
  }

  // A victim's 1000 pages come back.
  auto killer() {
    return [this](Node<Config>& nodes) {
      for (int i = 0; i < 1000; ++i) {
        static_cast<void>(put_page(nodes.zones()[0], Cpu{0}, next_victim = next_victim - 1));
      }
      return true;
    };
  }

  LoopResult run(const LoopLimits& limits = {}) {
    return run_reclaim_loop(node, task, limits, killer(), Nothing{},
                            [this](std::uint64_t, const ReclaimStep& step) {
                              steps.push_back(step);
                              scanned.push_back(state().pages_scanned);
                            });
  }

  ReclaimNode<Config> node;
  SlowPathTask task{};
  Pfn next_victim{zone_pages};
  std::vector<ReclaimStep> steps{};
  std::vector<std::uint64_t> scanned{};
};

// The places of a task's steps, "k" for a pass of kswapd.
std::string places(const std::vector<ReclaimStep>& steps) {
  std::string text;
  for (const ReclaimStep& step : steps) {
    if (!text.empty()) text += ' ';
    const auto* task = std::get_if<TaskStep>(&step);
    text += task != nullptr ? to_string(task->place) : "k";
  }
  return text;
}

constexpr LoopLimits all_steps{.steps = 10000, .ends_at_repeat = false};

}  // namespace

// The rows of the worked example.

TEST_CASE("run_reclaim_loop goes on for ever in v3.5 while isolated pages are all that is free",
          "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_5, 4};
  CHECK(scene.zone().nr_free_pages() == 2048);
  const LoopResult result = scene.run(all_steps);
  CHECK(result.ending == LoopEnding::cut);
  CHECK(result.steps == 10000);
  CHECK(scene.node.counts.allocstall == 3333);
  CHECK(scene.node.counts.drain_all_pages == 3332);
  CHECK(scene.node.counts.oom_kill == 0);
  CHECK(scene.node.counts.kswapd_wakeups == 0);
}

TEST_CASE("run_reclaim_loop sees that nothing changes any more", "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_5, 4};
  const LoopResult result = scene.run();
  CHECK(result.ending == LoopEnding::repeats);
  CHECK(result.period == 3);
  CHECK(places(scene.steps) == "fast restart rebalance reclaim after");
  // Whatever it starts from, it is the same three steps again.
  const ReclaimNode<V36> before = scene.node;
  for (int i = 0; i < 3; ++i) static_cast<void>(step_task(scene.node, scene.task, scene.killer()));
  CHECK(scene.node == before);
}

TEST_CASE("run_reclaim_loop ends in v3.6, since kswapd gives up and somebody is killed",
          "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_6, 4};
  const LoopResult result = scene.run();
  CHECK(result.ending == LoopEnding::served);
  CHECK(result.steps == 8);
  CHECK(places(scene.steps) == "fast restart k rebalance reclaim oom restart rebalance");
  CHECK(scene.node.counts.allocstall == 1);
  CHECK(scene.node.counts.oom_kill == 1);
  CHECK(scene.node.counts.drain_all_pages == 0);
  CHECK(scene.zone().nr_free_pages() == 3047);
  CHECK(verify(scene.zone()).empty());
}

TEST_CASE("run_reclaim_loop with pages that cannot be reclaimed", "[reclaim]") {
  SECTION("v3.5: what was scanned passes the limit, and nobody looks") {
    Scene<> scene{kernel::reclaim_v3_5, 4};
    scene.add_lru(1000);
    const LoopResult result = scene.run();
    CHECK(result.ending == LoopEnding::cut);
    CHECK(scene.node.counts.allocstall == 3333);
    const auto passed = std::ranges::find_if(scene.scanned, [](auto s) { return s >= 6000; });
    CHECK(*passed == 4 * 1994);
    CHECK(scene.node.counts.kswapd_passes == 0);
  }
  SECTION("v3.6: kswapd looks, at priority 4") {
    Scene<> scene{kernel::reclaim_v3_6, 4};
    scene.add_lru(1000);
    const LoopResult result = scene.run();
    CHECK(result.ending == LoopEnding::served);
    CHECK(result.steps == 25);
    CHECK(scene.node.counts.allocstall == 4);
    CHECK(scene.node.counts.drain_all_pages == 3);
    CHECK(scene.node.counts.oom_kill == 1);
    std::vector<std::uint64_t> passes;
    for (std::size_t i = 0; i < scene.steps.size(); ++i) {
      const auto* pass = std::get_if<KswapdPass>(&scene.steps[i]);
      if (pass == nullptr) continue;
      passes.push_back(pass->shrunk.scanned);
      CHECK(pass->gave_up == (pass->priority == 4));
      if (pass->gave_up) CHECK(scene.scanned[i] == 6101);
    }
    CHECK(passes == std::vector<std::uint64_t>{0, 0, 0, 1, 3, 7, 15, 31, 62});
  }
}

TEST_CASE("run_reclaim_loop: one isolated block is enough", "[reclaim]") {
  Scene<> before{kernel::reclaim_v3_5, 1};
  CHECK(before.run().ending == LoopEnding::repeats);
  Scene<> after{kernel::reclaim_v3_6, 1};
  CHECK(after.run().steps == 8);
  CHECK(after.node.counts.oom_kill == 1);
}

TEST_CASE("run_reclaim_loop without isolated blocks is the same before and after", "[reclaim]") {
  for (const ReclaimRules& rules : {kernel::reclaim_v3_5, kernel::reclaim_v3_6}) {
    Scene<> scene{rules, 0};
    const LoopResult result = scene.run();
    CHECK(result.ending == LoopEnding::served);
    CHECK(result.steps == 8);
    CHECK(scene.node.counts.oom_kill == 1);
  }
}

TEST_CASE("run_reclaim_loop: v3.6 does not help while pages are freed into isolated blocks",
          "[reclaim]") {
  for (const ReclaimRules& rules : {kernel::reclaim_v3_5, kernel::reclaim_v3_6}) {
    // Four more blocks are isolated and in use. One of their pages is freed every five steps, which
    // makes kswapd begin to count anew before it gives up.
    Scene<> scene{rules, 4 * block_pages, 8};
    scene.add_lru(1000);
    Pfn next{4 * block_pages};
    std::uint64_t most_scanned = 0;
    const auto free_one = [&](ReclaimNode<V36>& node, std::uint64_t number) {
      most_scanned = std::max(most_scanned, scene.state().pages_scanned);
      if (number % 5 != 0) return;
      node.notice_frees(
          [&](Node<V36>& nodes) { static_cast<void>(put_page(nodes.zones()[0], Cpu{0}, next)); });
      next += 1;
    };
    const LoopResult result =
        run_reclaim_loop(scene.node, scene.task, {.steps = 10000}, scene.killer(), free_one);
    CHECK(result.ending == LoopEnding::cut);
    CHECK(scene.node.counts.oom_kill == 0);
    if (rules.charges_isolated) {
      CHECK(scene.node.counts.kswapd_passes > 4000);
      CHECK(most_scanned < 6000);
    }
  }
}

TEST_CASE(
    "run_reclaim_loop: the border of the loop is the low watermark, or high if kswapd is awake",
    "[reclaim]") {
  const auto loops = [](std::uint64_t isolated_free, bool awake) {
    Scene<> scene{kernel::reclaim_v3_5, isolated_free, 1};
    scene.node.kswapd.is_asleep = !awake;
    return scene.run().ending == LoopEnding::repeats;
  };
  CHECK_FALSE(loops(320, false));
  CHECK(loops(321, false));
  CHECK_FALSE(loops(384, true));
  CHECK(loops(385, true));
}

TEST_CASE("kswapd of v3.6 reclaims beyond need for blocks that are isolated and full",
          "[reclaim]") {
  // 1 GiB; of 64 isolated blocks 100 pages are free, and 20000 elsewhere: short of nothing.
  const auto reclaimed = [](const ReclaimRules& rules) {
    const Pfn elsewhere{64 * block_pages};
    const PfnRange lru{elsewhere + 20000, Pfn{262144}};
    std::vector<Zone<V36>> zones;
    zones.emplace_back(
        ZoneLayout{.spanned_pages = 262144,
                   .in_use = {{.range = {Pfn{100}, elsewhere}, .lru = true}, {.range = lru}}});
    zones[0].set_watermarks({.min = 1024, .low = 1280, .high = 1536});
    zones[0].set_pageset(1, 0);
    REQUIRE(start_isolate_page_range(zones[0], Pfn{0}, elsewhere, MigrateType::movable) == ok);
    ReclaimNode<V36> node{Node<V36>{std::move(zones)}, rules};
    node.add_lru_list(lru);
    node.kswapd.is_asleep = false;
    REQUIRE(run_kswapd(node, 100000));
    const std::int64_t free_pages = node.node().zones()[0].nr_free_pages();
    CHECK(free_pages == 20100 + static_cast<std::int64_t>(node.counts.kswapd.reclaimed));
    return node.counts.kswapd.reclaimed;
  };
  CHECK(reclaimed(kernel::reclaim_v3_5) == 0);
  // Until more than high are free beyond the 32768 pages of the blocks.
  const std::uint64_t after = reclaimed(kernel::reclaim_v3_6);
  CHECK(after > 32768 + 1536 - 20100);
  CHECK(after <= 32768 + 1536 - 20100 + 64);
}

TEST_CASE("requests that cannot wait fail in v3.6 as before, though the watermark holds",
          "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_6, 4};
  const auto got = alloc_pages(scene.node.node(), Cpu{0}, Order{0}, gfp_atomic);
  CHECK_FALSE(got.page);
  CHECK(got.answer_of(ZoneType::normal) == ZoneAnswer::no_chunk);
}

// What else the rules say.

TEST_CASE("run_reclaim_loop ends in v3.5 if tasks judge by themselves, and kswapd sleeps on",
          "[reclaim]") {
  for (const std::uint64_t lru : {0U, 1000U}) {
    Scene<> scene{v3_5_direct, 4};
    if (lru != 0) scene.add_lru(lru);
    CHECK(scene.run().ending == LoopEnding::served);
    CHECK(scene.node.counts.oom_kill == 1);
    CHECK(scene.node.counts.kswapd_wakeups == 0);
    // 1994 a round: 6000 in the fourth.
    CHECK(scene.node.counts.allocstall == (lru == 0 ? 1 : 4));
  }
}

TEMPLATE_TEST_CASE("run_reclaim_loop serves from what can be reclaimed", "[reclaim]", V36, V61) {
  Scene<TestType> scene{TestType::semantics.reclaim, 4};
  scene.add_lru(1000, true);
  CHECK(scene.run().ending == LoopEnding::served);
  CHECK(scene.node.counts.oom_kill == 0);
  // v3.6 sees 2048 free pages, so one will do; v6.1 wants 256 that stay, at 57 a round.
  CHECK(scene.node.counts.allocstall == (TestType::semantics.counts_isolated ? 1 : 5));
  const std::uint64_t reclaimed =
      scene.node.counts.direct.reclaimed + scene.node.counts.kswapd.reclaimed;
  CHECK(reclaimed > 0);
  CHECK(scene.state().reclaimable_pages() == 1000 - reclaimed);
  CHECK(verify(scene.zone()).empty());
}

TEST_CASE("run_reclaim_loop of v6.1 kills after 17 rounds, or at once if nothing is on the lists",
          "[reclaim]") {
  Scene<V61> empty{kernel::reclaim_v4_7, 4};
  CHECK(empty.zone().nr_free_pages() == 0);
  CHECK(empty.run().ending == LoopEnding::served);
  CHECK(empty.node.counts.allocstall == 1);
  CHECK(empty.node.counts.oom_kill == 1);

  Scene<V61> lists{kernel::reclaim_v4_7, 4};
  lists.add_lru(1000);
  CHECK(lists.run().ending == LoopEnding::served);
  CHECK(lists.node.counts.allocstall == 17);
  CHECK(lists.node.counts.oom_kill == 1);

  // 256 pages could not lift the zone above its lowest watermark, 257 could.
  Scene<V61> few{kernel::reclaim_v4_7, 4};
  few.add_lru(256);
  CHECK(few.run().ending == LoopEnding::served);
  CHECK(few.node.counts.allocstall == 1);
  Scene<V61> enough{kernel::reclaim_v4_7, 4};
  enough.add_lru(257);
  CHECK(enough.run().ending == LoopEnding::served);
  CHECK(enough.node.counts.allocstall == 17);
}

TEST_CASE("kswapd of v6.1 stays asleep after 16 runs in vain, until somebody reclaims a page",
          "[reclaim]") {
  Scene<V61> scene{kernel::reclaim_v4_7, 4};
  REQUIRE(wake_all_kswapds(scene.node, ZoneType::normal));
  CHECK_FALSE(wake_all_kswapds(scene.node, ZoneType::normal));
  CHECK(run_kswapd(scene.node, 16 * 12));
  CHECK(scene.node.counts.kswapd_passes == 16 * 12);
  CHECK_FALSE(wake_all_kswapds(scene.node, ZoneType::normal));
  scene.add_lru(1000, true);
  scene.task.place = TaskPlace::reclaim;
  CHECK(step_task(scene.node, scene.task, scene.killer()).shrunk.reclaimed > 0);
  CHECK(scene.node.kswapd.failures == 0);
  CHECK(wake_all_kswapds(scene.node, ZoneType::normal));
}

TEST_CASE("step_task: who must not retry fails, and who has no killer retries for ever",
          "[reclaim]") {
  for (const ReclaimRules& rules : {kernel::reclaim_v3_5, kernel::reclaim_v3_6}) {
    Scene<> scene{rules, 4};
    scene.task.request.no_retry = true;
    CHECK(scene.run().ending == LoopEnding::failed);
    CHECK(scene.node.counts.allocstall == 1);
    CHECK(scene.node.counts.oom_kill == 0);

    Scene<> no_fs{rules, 4};
    no_fs.task.request.fs = false;
    CHECK(no_fs.run().ending == LoopEnding::repeats);
    CHECK(no_fs.node.counts.oom_kill == 0);
  }
  Scene<> atomic{kernel::reclaim_v3_6, 4};
  atomic.task.request.gfp = gfp_atomic;
  CHECK(atomic.run().ending == LoopEnding::failed);
  CHECK(atomic.node.counts.allocstall == 0);
  CHECK(atomic.node.counts.kswapd_wakeups == 1);

  Scene<> alone{kernel::reclaim_v3_6, 4};
  const auto nobody = [](Node<V36>&) { return false; };
  CHECK(run_reclaim_loop(alone.node, alone.task, {}, nobody).ending == LoopEnding::failed);
  CHECK_VIOLATION(static_cast<void>(step_task(alone.node, alone.task, nobody)), "is done");
}

TEST_CASE("wake_all_kswapds asks every zone of the request, and kswapd reclaims from the lowest up",
          "[reclaim]") {
  std::vector<Zone<V36>> zones;
  zones.emplace_back(ZoneLayout{.name = "DMA32",
                                .type = ZoneType::dma32,
                                .spanned_pages = 4096,
                                .in_use = {{.range = {Pfn{0}, Pfn{4000}}}}});
  zones.emplace_back(ZoneLayout{.start_pfn = Pfn{4096}, .spanned_pages = 4096});
  for (Zone<V36>& zone : zones) {
    zone.set_watermarks({.min = 128, .low = 160, .high = 192});
    zone.set_pageset(1, 0);
  }
  ReclaimNode<V36> node{Node<V36>{std::move(zones)}, kernel::reclaim_v3_6};
  node.add_lru_list({Pfn{0}, Pfn{4000}});
  REQUIRE(wake_all_kswapds(node, ZoneType::normal));
  REQUIRE(run_kswapd(node, 1000));
  const Zone<V36>& dma32 = *node.node().find(ZoneType::dma32);
  // 96 were free; the gap of 41 pages is what kswapd would reclaim beyond, had it not enough before.
  CHECK(dma32.nr_free_pages() > 192);
  CHECK(dma32.nr_free_pages() <= 192 + 64);
  CHECK_FALSE(wake_all_kswapds(node, ZoneType::normal));
}

TEST_CASE("ReclaimNode::shrink_zone passes over pages that others hold, and those that are gone",
          "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_6, 0};
  scene.add_lru(4, true);
  get_page(scene.zone(), Pfn{8193});
  static_cast<void>(put_page(scene.zone(), Cpu{0}, Pfn{8194}));
  const Shrunk shrunk = scene.node.shrink_zone(scene.zone(), 0, false);
  CHECK(shrunk.scanned == 4);
  CHECK(shrunk.reclaimed == 2);
  CHECK(scene.state().reclaimable_pages() == 1);
  CHECK(scene.zone().page(Pfn{8193}).count() == 2);
  CHECK(scene.state().pages_scanned == 0);  // since pages were freed
}

TEST_CASE("ReclaimNode::add_lru_list requires pages in use", "[reclaim]") {
  Scene<> scene{kernel::reclaim_v3_6, 4};
  CHECK_VIOLATION(scene.node.add_lru_list({Pfn{100}, Pfn{101}}), "in use");
  CHECK_VIOLATION(scene.node.add_lru_list({Pfn{zone_pages}, Pfn{zone_pages + 1}}), "no zone");
  CHECK_VIOLATION(scene.node.add_lru_list({Pfn{8192}, Pfn{8192}}), "no zone");
  CHECK_VIOLATION(scene.node.add_lru_list({Pfn{16383}, Pfn{16385}}), "in use");
}

}  // namespace pageblock::test::reclaim_cases
