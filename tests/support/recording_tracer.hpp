// SPDX-License-Identifier: MIT
/// A tracer that writes down what it sees.
#pragma once

#include <variant>
#include <vector>

#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/zones.hpp"

namespace pageblock::test {

using Event =
    std::variant<trace::MmPageAlloc, trace::MmPageFree, trace::MmPageAllocZoneLocked,
                 trace::MmPageFreeZoneLocked, trace::MmPagePcpuDrain, trace::MmPageAllocExtfrag,
                 trace::BadPage, trace::SetMigratetypeIsolate, trace::UnsetMigratetypeIsolate,
                 trace::TestPagesIsolated, trace::MmPageFreeBatched, trace::CmaAllocStart,
                 trace::CmaAllocBusyRetry, trace::CmaAllocFinish, trace::CmaRelease>;
using Events = std::vector<Event>;

/// Appends every event to a vector that it does not own; until it has one, it drops them.
struct RecordingTracer {
  Events* events = nullptr;

  void operator()(const auto& event) const {
    if (events != nullptr) events->push_back(event);
  }
};

struct TracedConfig : TinyConfig {
  using Tracer = RecordingTracer;
};
using TracedZone = Zone<TracedConfig>;

/// Returns the events of one type, in order.
template <typename T>
[[nodiscard]] std::vector<T> only(const Events& events) {
  std::vector<T> result;
  for (const Event& event : events) {
    if (const T* wanted = std::get_if<T>(&event)) result.push_back(*wanted);
  }
  return result;
}

}  // namespace pageblock::test
