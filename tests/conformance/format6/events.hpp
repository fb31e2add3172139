// SPDX-License-Identifier: MIT
/// The trace events of format version 6.
#pragma once

#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/tracepoint.hpp"

#include "conformance/machine.hpp"

namespace conformance::format6 {

/// Keeps the events that the format has.
template <typename Kernel>
class EventTracer : public pageblock::trace::NullTracer {
 public:
  using NullTracer::operator();

  void operator()(const pageblock::trace::MmPageAllocZoneLocked& event) {
    add("zone_locked", {{"pfn", event.pfn.value()},
                        {"order", event.order.value()},
                        {"mt", number(event.migratetype)},
                        {"percpu", event.percpu_refill ? 1 : 0}});
  }
  void operator()(const pageblock::trace::MmPagePcpuDrain& event) {
    add("pcpu_drain", {{"pfn", event.pfn.value()},
                       {"order", event.order.value()},
                       {"mt", number(event.migratetype)}});
  }
  void operator()(const pageblock::trace::MmPageAllocExtfrag& event) {
    add("extfrag", {{"pfn", event.pfn.value()},
                    {"alloc_order", event.alloc_order.value()},
                    {"fallback_order", event.fallback_order.value()},
                    {"alloc_mt", number(event.alloc_migratetype)},
                    {"fallback_mt", number(event.fallback_migratetype)},
                    {"change", event.change_ownership ? 1 : 0}});
  }
  void operator()(const pageblock::trace::MmPageFree& event) {
    add("page_free", {{"pfn", event.pfn.value()}, {"order", event.order.value()}});
  }
  void operator()(const pageblock::trace::MmPageFreeBatched& event) {
    add("free_batched", {{"pfn", event.pfn.value()}});
  }
  void operator()(const pageblock::trace::TestPagesIsolated& event) {
    add("test_pages_isolated", {{"s", event.start_pfn.value()},
                                {"e", event.end_pfn.value()},
                                {"fin", event.fin_pfn.value()}});
  }

  [[nodiscard]] std::vector<Event> take() { return std::exchange(events_, {}); }

 private:
  [[nodiscard]] static unsigned number(pageblock::MigrateType type) {
    return Kernel::semantics.number_of(type);
  }
  void add(const char* name, std::vector<std::pair<std::string, std::uint64_t>> arguments) {
    events_.emplace_back(name, std::move(arguments));
  }

  std::vector<Event> events_;
};

}  // namespace conformance::format6
