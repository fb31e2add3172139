// SPDX-License-Identifier: MIT
#include <utility>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/fragment.hpp"
#include "pageblock/lab/lab_memory.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/mm/drain.hpp"

#include "cma_trouble/board.hpp"
#include "common/kernel_arguments.hpp"
#include "common/program.hpp"
#include "sweep/memory.hpp"

namespace example {

using namespace pageblock;

namespace {

// Takes pages one by one until more than the occupancy is in use, and gives back pages here and there. Then each
// pageblock is isolated.
template <typename Config>
Json fill_and_isolate(std::uint64_t nr_pages, std::uint64_t occupancy, std::uint64_t unmovable,
                      const RandomKey& key) {
  Zone<Config> zone{{.spanned_pages = nr_pages}};
  CounterRandom random{key};
  std::vector<Pfn> held;
  const std::uint64_t kept = nr_pages * occupancy / 1000;
  const std::uint64_t taken = std::min(kept + kept / 4, nr_pages);
  while (held.size() < taken) {
    const bool is_movable = !random.chance(static_cast<std::uint32_t>(unmovable));
    const Gfp gfp = is_movable ? gfp_highuser_movable : gfp_kernel;
    const OptionalPfn pfn = take_chunk(zone, Cpu{0}, Order{0}, gfp);
    if (!pfn) break;
    if (is_movable) mark_movable(zone, *pfn, Order{0}, true);
    held.push_back(*pfn);
  }
  while (held.size() > kept) {
    std::swap(held[random.below(held.size())], held.back());
    mark_movable(zone, held.back(), Order{0}, false);
    give_chunk(zone, Cpu{0}, held.back(), Order{0});
    held.pop_back();
  }
  drain_all_pages(zone);
  const Metrics metrics = measure(zone);
  std::uint64_t nr_isolated = 0;
  for (Pfn pfn{0}; pfn < zone.end_pfn(); pfn += Zone<Config>::pageblock_nr_pages) {
    const Pfn end = pfn + Zone<Config>::pageblock_nr_pages;
    if (start_isolate_page_range(zone, pfn, end, isolate_argument<Config>()) == ok) ++nr_isolated;
  }
  return {{"blocks", metrics.blocks.total},
          {"isolated", nr_isolated},
          {"with_unmovable", metrics.blocks.with_unmovable},
          {"unusable", metrics.free.unusable(Zone<Config>::pageblock_order)}};
}

}  // namespace

Experiment fill_isolate_experiment() {
  return {
      "fill_isolate",
      "memory is filled page by page, some of it is freed, and each pageblock is isolated",
      {kernel_parameter(), memory_parameter(64), occupancy_parameter(500), unmovable_parameter(10)},
      [](const Values& values, const RandomKey& key, const Experiment::Pause&) {
        return with_swept_kernel(values[0], [&]<typename Config>(Config) {
          return fill_and_isolate<Config>(values[1] * pages_per_mib, values[2], values[3], key);
        });
      },
      [](const Values& values) {
        const std::uint64_t nr_pages = values[1] * pages_per_mib;
        return zone_bytes<LargestConfig>(nr_pages) + 2 * nr_pages * sizeof(Pfn);
      }};
}

Experiment fragmentation_experiment() {
  return {
      "fragmentation",
      "memory is brought to an occupancy and an unusable free index at the order of pageblocks",
      {kernel_parameter(),
       memory_parameter(256),
       occupancy_parameter(700),
       {"unusable", 400, 0, 1000, "thousandths of free memory in chunks that are too small", {}}},
      [](const Values& values, const RandomKey& key, const Experiment::Pause&) {
        return with_swept_kernel(values[0], [&]<typename Config>(Config) {
          constexpr Order order = Zone<Config>::pageblock_order;
          Zone<Config> zone{{.spanned_pages = values[1] * pages_per_mib}};
          const FragmentTarget target{
              .occupancy = static_cast<std::uint32_t>(values[2]),
              .unusable = IndexTarget{order, static_cast<std::uint32_t>(values[3])}};
          const FragmentResult result = fragment(zone, target, key);
          Json json = json_of(measure(zone), order);
          json["error"] = result.error;
          json["refusal"] = result.refusal;
          return json;
        });
      },
      [](const Values& values) {
        const std::uint64_t nr_pages = values[1] * pages_per_mib;
        return zone_bytes<LargestConfig>(nr_pages) + 2 * nr_pages * sizeof(HeldChunk);
      }};
}

Experiment cma_experiment() {
  return {
      "cma",
      "requests to a CMA area that page cache has borrowed, on a board of 256 MiB",
      {kernel_parameter(),
       {"request", 512, 1, 4096, "pages", {}},
       {"pins", 4, 0, 1000, "pinned pages in the area", {}},
       {"tries", 3, 1, 1000, "requests, each on a board of its own", {}}},
      [](const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
        // A board takes one number.
        CounterRandom random{key};
        const BoardSettings settings{.seed = random()};
        const std::string kernel = swept_kernels()[values[0]];
        const Row row = make_rows(kernel, settings, {{.pages = values[1], .pins = values[2]}},
                                  values[3], [&](std::size_t, std::size_t) { pause(); })
                            .front();
        return Json{{"served", row.served}, {"no_place", row.no_place}, {"places", row.places},
                    {"moved", row.moved},   {"dropped", row.dropped},   {"in_vain", row.in_vain}};
      },
      [](const Values&) {
        const BoardSettings settings;
        // The board, and the copy that a request is made on.
        return 2 * (zone_bytes<LargestConfig>(settings.memory_pages) + settings.memory_pages * 16);
      }};
}

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> all{
      fill_isolate_experiment(), churn_experiment(),         contiguous_experiment(),
      scatter_experiment(),      fragmentation_experiment(), unplug_experiment(),
      cma_experiment()};
  return all;
}

const Experiment& find_experiment(std::string_view name) {
  const auto found = std::ranges::find(experiments(), name, &Experiment::name);
  if (found == experiments().end()) {
    throw UsageError{fmt::format("{}: no such experiment; --list names them", name)};
  }
  return *found;
}

}  // namespace example
