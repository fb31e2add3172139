// SPDX-License-Identifier: MIT
/// Turns lines of the kernel's `trace` file into the events of a zone.
///
/// Layer:  io.
/// Kernel: none; this is FtraceWriter backwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"

namespace pageblock {

/// Reads a kernel's trace as a zone's tracer would have seen it. Migratetypes have the numbers of
/// the kernel that wrote the trace; one that it does not have is an error of the line.
class FtraceEvents {
 public:
  explicit FtraceEvents(const Semantics& semantics) : semantics_{semantics} {}

  /// Calls @p tracer with the event of the reader's line. Returns false if the line is none of a
  /// zone. A set_isolate becomes an event where it returns.
  template <Tracer T>
  bool give(const FtraceReader& reader, T& tracer) {
    return std::visit([&](const auto& event) { return give(event, reader, tracer); },
                      reader.line().event);
  }

 private:
  template <Tracer T>
  bool give(const ftrace::MmPageAlloc& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::MmPageAlloc{event.pfn, event.order, type_of(event.migratetype, reader),
                              reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::MmPageFree& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::MmPageFree{event.pfn, event.order, reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::MmPageAllocZoneLocked& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::MmPageAllocZoneLocked{event.pfn, event.order, type_of(event.migratetype, reader),
                                        event.percpu_refill});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::MmPagePcpuDrain& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::MmPagePcpuDrain{event.pfn, event.order, type_of(event.migratetype, reader),
                                  reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::MmPageAllocExtfrag& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::MmPageAllocExtfrag{event.pfn, event.alloc_order, event.fallback_order,
                                     type_of(event.alloc_migratetype, reader),
                                     type_of(event.fallback_migratetype, reader),
                                     event.change_ownership});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::TestPagesIsolated& event, const FtraceReader&, T& tracer) {
    tracer(trace::TestPagesIsolated{event.start_pfn, event.end_pfn, event.fin_pfn,
                                    event.success ? ok : -Err::busy});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::CmaAllocStart& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::CmaAllocStart{event.name, event.count, align_of(event.align, reader),
                                reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::CmaAllocBusyRetry& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::CmaAllocBusyRetry{event.name, event.pfn, event.count,
                                    align_of(event.align, reader), reader.line().cpu});
    return true;
  }
  // Where the event does not say why it failed, nobody knows; who asked got no page, as without memory.
  template <Tracer T>
  bool give(const ftrace::CmaAllocFinish& event, const FtraceReader& reader, T& tracer) {
    const bool has_pages = event.page.find_first_of("123456789abcdef") != event.page.npos &&
                           !event.page.ends_with("(null)");
    const std::int64_t ret = -std::int64_t{event.error.value_or(has_pages ? 0U : 12U)};
    std::optional<Pfn> pfn = event.pfn;
    if (*pfn == Pfn{~std::uint64_t{0}}) pfn.reset();
    tracer(trace::CmaAllocFinish{event.name, pfn, event.count, align_of(event.align, reader),
                                 status_of(ret, "cma_alloc_finish", reader), reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::CmaRelease& event, const FtraceReader& reader, T& tracer) {
    tracer(trace::CmaRelease{event.name, event.pfn, event.count, reader.line().cpu});
    return true;
  }
  template <Tracer T>
  bool give(const ftrace::Probe& probe, const FtraceReader& reader, T& tracer) {
    if (probe.name == "free_one") {
      const std::uint64_t order = reader.number_of(probe, "order");
      if (order > 63) reader.fail(fmt::format("free_one: no chunk has order {}", order));
      tracer(trace::MmPageFreeZoneLocked{reader.pfn_of(probe), Order{static_cast<unsigned>(order)},
                                         type_of(reader.number_of(probe, "mt"), reader)});
      return true;
    }
    if (probe.name == "unset_isolate") {
      tracer(trace::UnsetMigratetypeIsolate{reader.pfn_of(probe),
                                            type_of(reader.number_of(probe, "mt"), reader)});
      return true;
    }
    if (probe.name == "set_isolate") {
      isolating(reader.line().cpu) = reader.pfn_of(probe);
    } else if (probe.name == "set_isolate_ret") {
      const auto pfn = std::exchange(isolating(reader.line().cpu), std::nullopt);
      if (!pfn) reader.fail("set_isolate_ret: no set_isolate on this CPU before");
      tracer(trace::SetMigratetypeIsolate{*pfn, status_of(probe, reader)});
      return true;
    }
    return false;
  }
  template <Tracer T>
  bool give(const auto&, const FtraceReader&, T&) {
    return false;
  }

  [[nodiscard]] MigrateType type_of(std::uint64_t number, const FtraceReader& reader) const {
    const auto type = semantics_.type_of(number);
    if (!type) {
      reader.fail(fmt::format("Linux {}.{} has no migratetype {}", semantics_.major,
                              semantics_.minor, number));
    }
    return *type;
  }

  [[nodiscard]] static Status status_of(const ftrace::Probe& probe, const FtraceReader& reader) {
    return status_of(reader.integer_of(probe, "ret"), probe.name, reader);
  }
  [[nodiscard]] static Status status_of(std::int64_t ret, std::string_view name,
                                        const FtraceReader& reader) {
    for (const Status status :
         {ok, -Err::busy, -Err::inval, -Err::nomem, -Err::noent, -Err::intr, -Err::again}) {
      if (status.to_errno() == ret) return status;
    }
    reader.fail(fmt::format("{}: no function of a zone returns {}", name, ret));
  }
  [[nodiscard]] static Order align_of(unsigned align, const FtraceReader& reader) {
    if (align > 63) reader.fail(fmt::format("no pages are aligned to order {}", align));
    return Order{align};
  }

  std::optional<Pfn>& isolating(Cpu cpu) {
    if (cpu.id() >= isolating_.size()) isolating_.resize(cpu.id() + 1);
    return isolating_[cpu.id()];
  }

  Semantics semantics_;
  std::vector<std::optional<Pfn>> isolating_;
};

}  // namespace pageblock
