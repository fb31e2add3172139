// SPDX-License-Identifier: MIT
// Experiments in which workloads run for long, those behind the three questions of the page among them.
#include <algorithm>
#include <utility>

#include "pageblock/base/cpu.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/virtio_mem.hpp"
#include "pageblock/lab/lab_memory.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"

#include "common/kernel_arguments.hpp"
#include "sweep/memory.hpp"

namespace example {

using namespace pageblock;

namespace {

[[nodiscard]] ChurnOptions options_for(std::uint64_t occupancy) {
  return {.occupancy = static_cast<std::uint32_t>(occupancy)};
}

// Each aligned range is asked for, on a copy of the memory as it is.
template <typename Config>
Json ask_for_contiguous(const Values& values, const RandomKey& key,
                        const Experiment::Pause& pause) {
  const std::uint64_t nr_pages = values[1] * pages_per_mib;
  const std::uint64_t wanted = std::min(values[2] * pages_per_mib, nr_pages);
  Zone<Config> zone{{.spanned_pages = nr_pages}};
  Churn churn{zone, server_with(values[4], nr_pages), key, options_for(values[3])};
  run_in_pieces(churn, values[5] * 1000, pause);
  churn.mark_movable();
  drain_all_pages(zone);
  std::uint64_t nr = 0;
  std::uint64_t served = 0;
  for (Pfn pfn{0}; pfn + wanted <= zone.end_pfn(); pfn += wanted) {
    pause();
    Zone<Config> copy{zone};
    ++nr;
    const Status status =
        alloc_contig_range(copy, Cpu{0}, pfn, pfn + wanted, contig_argument<Config>());
    if (status == ok) ++served;
  }
  const Metrics metrics = measure(zone);
  return {{"ranges", nr},
          {"served", served},
          {"served_share", thousandths(served, nr)},
          {"scatter", metrics.unmovable_scatter()},
          {"emptiable_pages", metrics.emptiable.nr_pages()},
          {"refused", churn.nr_refused()}};
}

// One row a day.
template <typename Config>
Json watch_scatter(const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
  const std::uint64_t nr_pages = values[1] * pages_per_mib;
  Zone<Config> zone{{.spanned_pages = nr_pages}};
  ChurnOptions options = options_for(values[2]);
  options.keeps_ledger = true;
  Churn churn{zone, server_with(values[3], nr_pages), key, options};
  Json by_day = Json::array();
  for (std::uint64_t day = 0; day < values[4]; ++day) {
    run_in_pieces(churn, values[5] * 1000, pause);
    by_day.push_back(churn.ledger().unmovable_scatter());
  }
  return {{"scatter", churn.ledger().unmovable_scatter()},
          {"mixed", churn.ledger().nr_mixed()},
          {"emptiable_blocks", churn.ledger().longest_emptiable()},
          {"least_scatter", thousandths(churn.ledger().nr_pages(MigrateType::unmovable), nr_pages)},
          {"refused", churn.nr_refused()},
          {"scatter_by_day", by_day}};
}

// A guest of 512 MiB that a device gives as much again and more, and takes it back.
template <typename Config>
Json unplug(const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
  constexpr std::uint64_t boot_pages = 512 * pages_per_mib;
  const std::uint64_t device_pages = values[1] * pages_per_mib;
  const bool is_movable = values[2] == 1;
  const PfnRange region{Pfn{boot_pages}, Pfn{boot_pages + device_pages}};
  std::vector<Zone<Config>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = boot_pages + device_pages, .holes = {region}});
  zones.emplace_back(ZoneLayout{.name = "Movable",
                                .type = ZoneType::movable,
                                .start_pfn = region.start,
                                .spanned_pages = device_pages,
                                .holes = {region}});
  Node<Config> node{std::move(zones)};
  VirtioMem device{
      {.region = region,
       .device_block = std::uint64_t{pages_per_mib} << values[3],
       .online_type = is_movable ? OnlineType::online_movable : OnlineType::online_kernel},
      Zone<Config>::pageblock_order};
  device.request(device_pages);
  static_cast<void>(device.run(node));
  init_per_zone_wmark_min(node);
  const std::uint64_t plugged = device.plugged_pages();

  // First it uses nearly all, then most of that goes.
  Workload workload = server_with(values[5], boot_pages + plugged);
  Phase rest{.operations = values[6] * 500 + 1};
  for (const Stream& stream : workload.streams) {
    const bool stays = stream.gfp.migratetype == MigrateType::unmovable;
    rest.levels.push_back(stays ? 1000 : 200);
  }
  workload.phases = {{.operations = values[6] * 500 + 1}, rest};
  Churn churn{node, workload, key, options_for(values[4])};
  run_in_pieces(churn, values[6] * 1000, pause);
  churn.mark_movable();
  for (auto& zone : node.zones()) drain_all_pages(zone);
  device.request(0);
  constexpr int most_runs = 3;
  for (int i = 0; i < most_runs && device.plugged_pages() != 0; ++i) {
    pause();
    if (device.run(node) == ok) break;
  }
  return {{"step_pages", device.step_pages()},
          {"plugged_pages", plugged},
          {"unplugged_pages", plugged - device.plugged_pages()},
          {"unplugged_share", thousandths(plugged - device.plugged_pages(), plugged)},
          {"refused", churn.nr_refused()}};
}

}  // namespace

Experiment churn_experiment() {
  Parameter workload{"workload", 0, 0, 0, "who uses it", {}};
  for (const Workload& ready : ready_workloads()) {
    if (ready.name == "server") workload.usual = workload.words.size();
    workload.words.push_back(ready.name);
  }
  return {"churn",
          "a workload uses a zone for long; what its memory is like then",
          {kernel_parameter(), workload, memory_parameter(256), occupancy_parameter(900),
           operations_parameter(1000)},
          [](const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
            return with_swept_kernel(values[0], [&]<typename Config>(Config) {
              Zone<Config> zone{{.spanned_pages = values[2] * pages_per_mib}};
              Churn churn{zone,
                          ready_workloads()[values[1]],
                          key,
                          {.occupancy = static_cast<std::uint32_t>(values[3])}};
              run_in_pieces(churn, values[4] * 1000, pause);
              churn.mark_movable();
              drain_all_pages(zone);
              Json json = json_of(measure(zone), Zone<Config>::pageblock_order);
              json["refused"] = churn.nr_refused();
              return json;
            });
          },
          [](const Values& values) {
            return churn_bytes<LargestConfig>(ready_workloads()[values[1]],
                                              values[2] * pages_per_mib,
                                              {.occupancy = static_cast<std::uint32_t>(values[3])});
          }};
}

Experiment contiguous_experiment() {
  return {"contiguous",
          "after a server has run, each large aligned range is asked for: which can be had?",
          {kernel_parameter(),
           memory_parameter(4096),
           {"size", 1024, 2, 65536, "MiB of the range", {}},
           occupancy_parameter(600),
           unmovable_parameter(20),
           operations_parameter(20'000)},
          [](const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
            return with_swept_kernel(values[0], [&]<typename Config>(Config) {
              return ask_for_contiguous<Config>(values, key, pause);
            });
          },
          [](const Values& values) {
            const std::uint64_t nr_pages = values[1] * pages_per_mib;
            return churn_bytes<LargestConfig>(server_with(values[4], nr_pages), nr_pages,
                                              options_for(values[3])) +
                   zone_bytes<LargestConfig>(nr_pages);
          }};
}

Experiment scatter_experiment() {
  return {"scatter",
          "a server runs for days: over how many pageblocks does unmovable memory spread?",
          {kernel_parameter(),
           memory_parameter(4096),
           occupancy_parameter(950),
           unmovable_parameter(22),
           {"days", 30, 1, 10'000, "a result each", {}},
           {"operations", 2000, 1, 1'000'000, "thousands of requests and frees a day", {}}},
          [](const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
            return with_swept_kernel(values[0], [&]<typename Config>(Config) {
              return watch_scatter<Config>(values, key, pause);
            });
          },
          [](const Values& values) {
            const std::uint64_t nr_pages = values[1] * pages_per_mib;
            ChurnOptions options = options_for(values[2]);
            options.keeps_ledger = true;
            return churn_bytes<LargestConfig>(server_with(values[3], nr_pages), nr_pages, options);
          }};
}

Experiment unplug_experiment() {
  return {"unplug",
          "a virtio-mem device gives memory to a guest of 512 MiB, which uses it, and is to give "
          "it back",
          {{"kernel", 0, 0, 2, "whose rules", {"v6.1", "v6.12", "v7.2"}},
           {"device", 1024, 128, 65536, "MiB, whole memory blocks of 128", {}},
           {"zone", 0, 0, 1, "where its memory comes online", {"normal", "movable"}},
           {"step", 1, 0, 7, "2^step MiB come and go alone", {}},
           {"occupancy", 900, 0, 1000, "thousandths in use before a fifth of it stays", {}},
           unmovable_parameter(20),
           operations_parameter(2000)},
          [](const Values& values, const RandomKey& key, const Experiment::Pause& pause) {
            Values whole = values;
            whole[1] = values[1] / 128 * 128;
            return with_swept_kernel(values[0] + 1, [&]<typename Config>(Config) {
              if constexpr (Config::semantics.offline_leaves == OfflineLeaves::holes) {
                return unplug<Config>(whole, key, pause);
              } else {
                return Json{};  // such kernels are not offered
              }
            });
          },
          [](const Values& values) {
            const std::uint64_t nr_pages = (512 + values[1]) * pages_per_mib;
            return churn_bytes<LargestConfig>(server_with(values[5], nr_pages), nr_pages,
                                              options_for(values[4])) +
                   zone_bytes<LargestConfig>(nr_pages);
          }};
}

}  // namespace example
