// SPDX-License-Identifier: MIT
/// What zones have to be like for a replay to follow them.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <concepts>
#include <optional>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock {

/// Sees what the model does on the way to an answer, to compare it with the trace.
struct ReplayTracer : trace::NullTracer {
  using NullTracer::operator();
  void operator()(const trace::MmPageAllocZoneLocked& event) {
    if (event.percpu_refill) refilled.push_back(event.pfn);
  }
  void operator()(const trace::MmPagePcpuDrain& event) { drained.push_back(event.pfn); }
  void operator()(const trace::MmPageAllocExtfrag& event) {
    steals.push_back({event.pfn, event.change_ownership, 0});
  }
  void operator()(const trace::SetMigratetypeIsolate& event) { set.push_back(event); }
  void operator()(const trace::TestPagesIsolated& event) { tested = event; }
  void clear() {
    refilled.clear();
    drained.clear();
    steals.clear();
    set.clear();
    tested.reset();
  }

  std::vector<Pfn> refilled;
  std::vector<Pfn> drained;
  std::vector<recorded::Steal> steals;
  std::vector<trace::SetMigratetypeIsolate> set;
  std::optional<trace::TestPagesIsolated> tested;
};

/// Zones that follow a recording of a kernel with these rules.
template <const Semantics& rules>
struct ReplayConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 64;
  static constexpr bool checks_free_order = false;  // a huge page may be freed page by page
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
  using Tracer = ReplayTracer;
};

/// A config whose zones tell a replay what they do.
template <typename Config>
concept ReplayableConfig =
    ZoneConfig<Config> && std::same_as<typename Config::Tracer, ReplayTracer>;

}  // namespace pageblock
