// SPDX-License-Identifier: MIT
#include "llfree_replay/replay.hpp"

#include <memory>

#include "pageblock/lab/request_replay.hpp"
#include "pageblock/mm/drain.hpp"

namespace example {

namespace {

using namespace pageblock;

template <const Semantics& of>
struct ReplayConfig : DefaultConfig {
  static constexpr Semantics semantics = of;
  static constexpr unsigned nr_cpus = most_cores;
  using Lock = NullLock;
};

template <const Semantics& of>
Replayed replay_by(const LlfreeTrace& trace) {
  using Config = ReplayConfig<of>;
  const std::uint64_t nr_pages = std::uint64_t{trace.max_pfn} + 1;
  const auto zone =
      std::make_unique<Zone<Config>>(ZoneLayout{.spanned_pages = nr_pages, .nr_cpus = trace.cores});
  RequestReplay replay{*zone};
  Replayed result{.nr_events = trace.events.size(), .cores = trace.cores, .nr_pages = nr_pages};
  for (const LlfreeEvent& event : trace.events) {
    // A kernel has no larger chunks.
    if (event.is_alloc && event.order > Zone<Config>::top_order) {
      ++result.nr_refused;
      continue;
    }
    replay.apply({.is_alloc = event.is_alloc,
                  .cpu = Cpu{event.core},
                  .id = event.pfn.value(),
                  .order = event.order,
                  .gfp = {.migratetype = event.migratetype()}});
  }
  drain_all_pages(*zone);
  result.nr_refused += replay.nr_refused();
  result.nr_unknown = replay.nr_unknown();
  result.nr_lost_frees = replay.nr_lost_frees();
  result.frames = huge_frames(*zone);
  result.nr_free = free_memory(*zone).nr_pages();
  return result;
}

}  // namespace

Replayed replay_trace(const LlfreeTrace& trace, std::string_view kernel) {
  if (kernel == "v3.6") return replay_by<kernel::v3_6>(trace);
  if (kernel == "v6.12") return replay_by<kernel::v6_12>(trace);
  if (kernel == "v6.18") return replay_by<kernel::v6_18>(trace);
  if (kernel == "v7.2") return replay_by<kernel::v7_2>(trace);
  return replay_by<kernel::v6_1>(trace);
}

}  // namespace example
