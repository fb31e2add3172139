// SPDX-License-Identifier: MIT
#include "kswapd_loop/scene.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_ref.hpp"

namespace example {

using namespace pageblock;

namespace {

template <const Semantics& kernel>
struct KernelConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
};

// Calls f with a config, and the rules of reclaim.
template <typename F>
auto with_kernel(std::string_view name, F f) {
  using V3_6 = KernelConfig<kernel::v3_6>;
  if (name == "v3.5") return f(V3_6{}, kernel::reclaim_v3_5);
  if (name == "v3.5-direct") {
    return f(V3_6{}, ReclaimRules{.charges_isolated = false, .futile = FutileRule::reader_decides});
  }
  if (name == "v3.6") return f(V3_6{}, kernel::reclaim_v3_6);
  if (name == "v6.1") return f(KernelConfig<kernel::v6_1>{}, kernel::v6_1.reclaim);
  if (name == "v6.12") return f(KernelConfig<kernel::v6_12>{}, kernel::v6_12.reclaim);
  throw std::invalid_argument{fmt::format("no such kernel: {}", name)};
}

template <typename Config>
ReclaimNode<Config> make_node(const ZoneLayout& layout, const Watermarks& watermarks,
                              const ReclaimRules& rules, const PfnRange& isolated) {
  std::vector<Zone<Config>> zones;
  Zone<Config>& zone = zones.emplace_back(layout);
  zone.set_watermarks(watermarks);
  zone.set_pageset(1, 0);  // no page waits on a per-CPU list: the numbers are those of the lists
  if (start_isolate_page_range(zone, isolated.start, isolated.end, MigrateType::movable) != ok) {
    throw std::logic_error{"the blocks cannot be isolated"};
  }
  return ReclaimNode<Config>{Node<Config>{std::move(zones)}, rules};
}

template <typename Config>
Run run_on(Config, const ReclaimRules& rules, const Scene& scene, std::size_t most_logged) {
  const Pfn first_used{scene.isolated_free};
  const Pfn first_freed = first_used.align_up(Zone<Config>::pageblock_order);
  const Pfn first_lru = first_freed + (scene.frees_every != 0 ? blocks_freed * block_pages : 0);
  const Pfn first_program = first_lru + scene.lru_pages;
  const ZoneLayout layout{.spanned_pages = zone_pages,
                          .in_use = {{.range = {first_used, first_lru}, .lru = true},
                                     {.range = {first_lru, Pfn{zone_pages}}}}};
  auto node = make_node<Config>(layout, marks, rules, {Pfn{0}, first_lru});
  Zone<Config>& zone = node.node().zones()[0];
  if (scene.lru_pages != 0) node.add_lru_list({first_lru, first_program}, scene.reclaims);
  node.kswapd.is_asleep = !scene.kswapd_awake;

  Run run{.isolated_blocks = first_lru.value() / block_pages};
  const auto charged = [&] { return rules.charges_isolated ? nr_zone_isolate_freepages(zone) : 0; };
  std::int64_t free_before = zone.nr_free_pages();
  bool was_awake = scene.kswapd_awake;
  const auto log = [&](std::uint64_t number, const ReclaimStep& step) {
    if (run.log.size() >= most_logged + 3) run.log.erase(run.log.end() - 3);
    run.log.push_back({number, step, free_before, zone.nr_free_pages(), charged(),
                       node.of(zone).pages_scanned, was_awake});
    was_awake = !node.kswapd.is_asleep;
    free_before = zone.nr_free_pages();
  };
  Pfn victim{zone_pages};
  const auto kill = [&](Node<Config>& nodes) {
    const std::uint64_t pages = std::min(victim_pages, victim - first_program);
    for (std::uint64_t i = 0; i < pages; ++i) {
      static_cast<void>(put_page(nodes.zones()[0], node.cpu(), victim = victim - 1));
    }
    return pages != 0;
  };

  SlowPathTask task;
  const LoopLimits limits{.steps = scene.max_steps};
  if (scene.frees_every == 0) {
    run.result = run_reclaim_loop(node, task, limits, kill, Nothing{}, log);
  } else {
    Pfn next = first_freed;
    const auto free_one = [&](ReclaimNode<Config>& of, std::uint64_t number) {
      if (number % scene.frees_every != 0 || next == first_lru) return;
      of.notice_frees([&](Node<Config>& nodes) {
        static_cast<void>(put_page(nodes.zones()[0], of.cpu(), next));
      });
      next += 1;
      free_before = zone.nr_free_pages();
    };
    run.result = run_reclaim_loop(node, task, limits, kill, free_one, log);
  }
  run.scene = scene;
  run.counts = node.counts;
  if (task.page) run.page = (*task.page).value();
  return run;
}

template <typename Config>
Price price_on(Config, const ReclaimRules& rules) {
  const Pfn end{262144};
  const Pfn first_elsewhere{64 * block_pages};
  const Pfn first_lru = first_elsewhere + 20000;
  const ZoneLayout layout{
      .spanned_pages = end.value(),
      .in_use = {{.range = {Pfn{100}, first_elsewhere}, .lru = true}, {.range = {first_lru, end}}}};
  auto node = make_node<Config>(layout, {.min = 1024, .low = 1280, .high = 1536}, rules,
                                {Pfn{0}, first_elsewhere});
  const Zone<Config>& zone = node.node().zones()[0];
  node.add_lru_list({first_lru, end});
  node.kswapd.is_asleep = false;
  Price price{.free_before = zone.nr_free_pages()};
  run_kswapd(node, 100000);
  price.free_after = zone.nr_free_pages();
  price.passes = node.counts.kswapd_passes;
  price.reclaimed = node.counts.kswapd.reclaimed;
  return price;
}

}  // namespace

const std::vector<std::string>& kernel_names() {
  static const std::vector<std::string> names{"v3.5", "v3.5-direct", "v3.6", "v6.1", "v6.12"};
  return names;
}

Run run_scene(std::string_view kernel, const Scene& scene, std::size_t most_logged) {
  Run run = with_kernel(kernel, [&](auto config, const ReclaimRules& rules) {
    return run_on(config, rules, scene, most_logged);
  });
  run.kernel = kernel;
  return run;
}

Price run_price(std::string_view kernel) {
  Price price = with_kernel(
      kernel, [](auto config, const ReclaimRules& rules) { return price_on(config, rules); });
  price.kernel = kernel;
  return price;
}

}  // namespace example
