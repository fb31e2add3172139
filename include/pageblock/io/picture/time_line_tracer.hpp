// SPDX-License-Identifier: MIT
/// A tracer that tells a time line every event of a zone.
///
/// Layer:  io.
/// Kernel: include/trace/events/kmem.h, include/trace/events/page_isolation.h.
///
///     struct Watched : DefaultConfig { using Tracer = TimeLineTracer; };
///     line.watch(zone);
///     alloc_pages(zone, ...);
///     follow(line, zone);      // after each operation, or after many
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Keeps what happens until follow() takes it. For zones that no threads share.
class TimeLineTracer {
 public:
  void operator()(const trace::MmPageAlloc& event) {
    const std::string detail = fmt::format("order {}, {}", event.order, event.migratetype);
    add({"mm_page_alloc", event.pfn ? detail : detail + ": no memory",
         event.pfn ? chunk(*event.pfn, event.order) : PfnRange{}, event.cpu, !event.pfn});
  }
  void operator()(const trace::MmPageFree& event) {
    add({"mm_page_free", order_text(event.order), chunk(event.pfn, event.order), event.cpu});
  }
  void operator()(const trace::MmPageFreeBatched& event) {
    add({"mm_page_free_batched", {}, chunk(event.pfn, Order{0}), event.cpu});
  }
  void operator()(const trace::MmPageAllocZoneLocked& event) {
    add({"mm_page_alloc_zone_locked",
         fmt::format("order {}, {}{}", event.order, event.migratetype,
                     event.percpu_refill ? ", to a per-CPU list" : ""),
         chunk(event.pfn, event.order)});
  }
  void operator()(const trace::MmPageFreeZoneLocked& event) {
    add({"mm_page_free_zone_locked", list_text(event.order, event.migratetype),
         chunk(event.pfn, event.order)});
  }
  void operator()(const trace::MmPagePcpuDrain& event) {
    add({"mm_page_pcpu_drain", list_text(event.order, event.migratetype),
         chunk(event.pfn, event.order), event.cpu});
  }
  void operator()(const trace::MmPageAllocExtfrag& event) {
    add({"mm_page_alloc_extfrag",
         fmt::format("a request of order {} for {} takes of order {}, {}{}", event.alloc_order,
                     event.alloc_migratetype, event.fallback_order, event.fallback_migratetype,
                     event.change_ownership ? ", with the pageblock" : ""),
         chunk(event.pfn, event.fallback_order)});
  }
  void operator()(const trace::BadPage& event) {
    add({"bad_page", "its chunk is lost", chunk(event.pfn, Order{0})});
  }
  void operator()(const trace::SetMigratetypeIsolate& event) {
    add({"set_migratetype_isolate",
         fmt::format("{}", event.ret),
         chunk(event.pfn, Order{0}),
         {},
         event.ret != ok});
  }
  void operator()(const trace::UnsetMigratetypeIsolate& event) {
    add({"unset_migratetype_isolate", fmt::format("to {}", event.migratetype),
         chunk(event.pfn, Order{0})});
  }
  void operator()(const trace::TestPagesIsolated& event) {
    add({"test_pages_isolated",
         event.ret == ok ? std::string{"ok"}
                         : fmt::format("{}, stopped at {:#x}", event.ret, event.fin_pfn),
         {event.start_pfn, event.end_pfn},
         {},
         event.ret != ok});
  }
  void operator()(const trace::CmaAllocStart& event) {
    add({"cma_alloc_start", area_text(event), {}, event.cpu});
  }
  void operator()(const trace::CmaAllocBusyRetry& event) {
    add({"cma_alloc_busy_retry", area_text(event), pages(event.pfn, event.count), event.cpu, true});
  }
  void operator()(const trace::CmaAllocFinish& event) {
    const PfnRange where = event.ret == ok ? pages(*event.pfn, event.count) : PfnRange{};
    add({"cma_alloc_finish", fmt::format("{}: {}", area_text(event), event.ret), where, event.cpu,
         event.ret != ok});
  }
  void operator()(const trace::CmaRelease& event) {
    add({"cma_release", fmt::format("{}, {} pages", event.name, event.count),
         pages(event.pfn, event.count), event.cpu});
  }

  /// Returns what happened since it was asked last.
  [[nodiscard]] std::vector<TimeStep> take() { return std::exchange(steps_, {}); }

 private:
  [[nodiscard]] static PfnRange chunk(Pfn pfn, Order order) {
    return {pfn, pfn + order.nr_pages()};
  }
  [[nodiscard]] static PfnRange pages(Pfn pfn, std::uint64_t count) { return {pfn, pfn + count}; }
  [[nodiscard]] static std::string area_text(const auto& event) {
    return fmt::format("{}, {} pages, aligned to order {}", event.name, event.count, event.align);
  }
  [[nodiscard]] static std::string order_text(Order order) {
    return fmt::format("order {}", order);
  }
  [[nodiscard]] static std::string list_text(Order order, MigrateType type) {
    return fmt::format("order {}, {}", order, type);
  }
  void add(TimeStep step) { steps_.push_back(std::move(step)); }

  std::vector<TimeStep> steps_;
};

/// Adds a step for each event since the last call. What has changed is seen at the last of them, in
/// the blocks that the events name; what no event names, as a page that goes to an LRU list, is seen
/// by TimeLine::step().
/// Requires: @p zone is watched.
template <ZoneConfig Config>
requires std::same_as<typename Config::Tracer, TimeLineTracer>
void follow(TimeLine& line, Zone<Config>& zone) {
  std::vector<TimeStep> steps = zone.tracer().take();
  std::vector<PfnRange> touched;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    // A chunk merges with others, up to the largest that there can be.
    if (const PfnRange pages = steps[i].pages; !pages.empty()) {
      touched.push_back({pages.start.align_down(Zone<Config>::top_order),
                         pages.end.align_up(Zone<Config>::top_order)});
    }
    if (i + 1 == steps.size()) {
      line.step(zone, std::move(steps[i]), touched);
    } else {
      line.step(std::move(steps[i]));
    }
  }
}

}  // namespace pageblock
