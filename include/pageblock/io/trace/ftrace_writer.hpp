// SPDX-License-Identifier: MIT
/// Writes lines of the kernel's `trace` file: what was read, or a zone's events.
///
/// Layer:  io.
/// Kernel: as ftrace.hpp; print_func_help_header() (kernel/trace/trace.c).
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

/// Appends an event's name and fields as the kernel prints them.
class TraceEventText {
 public:
  TraceEventText(std::string& text, bool has_decimal_pfns)
      : text_{text}, has_decimal_pfns_{has_decimal_pfns} {}

  void operator()(const ftrace::MmPageAlloc& event) {
    page("mm_page_alloc", event.page, event.pfn.value_or(Pfn{0}));
    print(" order={} migratetype={} gfp_flags={}", event.order, event.migratetype, event.gfp_flags);
  }
  void operator()(const ftrace::MmPageFree& event) {
    page("mm_page_free", event.page, event.pfn);
    print(" order={}", event.order);
  }
  void operator()(const ftrace::MmPageFreeBatched& event) {
    page("mm_page_free_batched", event.page, event.pfn);
    print(" order=0");
  }
  void operator()(const ftrace::MmPageAllocZoneLocked& event) {
    page("mm_page_alloc_zone_locked", event.page, event.pfn);
    print(" order={} migratetype={} percpu_refill={:d}", event.order, event.migratetype,
          event.percpu_refill);
  }
  void operator()(const ftrace::MmPagePcpuDrain& event) {
    page("mm_page_pcpu_drain", event.page, event.pfn);
    print(" order={} migratetype={}", event.order, event.migratetype);
  }
  void operator()(const ftrace::MmPageAllocExtfrag& event) {
    page("mm_page_alloc_extfrag", event.page, event.pfn);
    print(" alloc_order={} fallback_order={} pageblock_order={} alloc_migratetype={}",
          event.alloc_order, event.fallback_order, event.pageblock_order, event.alloc_migratetype);
    print(" fallback_migratetype={} fragmenting={:d} change_ownership={:d}",
          event.fallback_migratetype, event.fragmenting, event.change_ownership);
  }
  void operator()(const ftrace::TestPagesIsolated& event) {
    print("test_pages_isolated:");
    pfn("start_pfn", event.start_pfn);
    pfn("end_pfn", event.end_pfn);
    pfn("fin_pfn", event.fin_pfn);
    print(" ret={}", event.success ? "success" : "fail");
  }
  void operator()(const ftrace::CmaAllocStart& event) {
    print("cma_alloc_start: name={} count={} align={}", event.name, event.count, event.align);
  }
  void operator()(const ftrace::CmaAllocBusyRetry& event) {
    cma_place("cma_alloc_busy_retry", event);
    print(" align={}", event.align);
  }
  void operator()(const ftrace::CmaAllocFinish& event) {
    cma_place("cma_alloc_finish", event);
    print(" align={}", event.align);
    if (event.error) print(" errorno={}{}", *event.error == 0 ? "" : "-", *event.error);
  }
  void operator()(const ftrace::CmaRelease& event) { cma_place("cma_release", event); }
  void operator()(const ftrace::TracingMarkWrite& event) {
    print("tracing_mark_write: {}", event.text);
  }
  void operator()(const ftrace::Probe& event) {
    print("{}: ({}){}", event.name, event.location, event.args);
  }
  void operator()(const ftrace::LostEvents& event) {
    print("CPU:{} [LOST ", event.cpu);
    if (event.count) print("{} ", *event.count);
    print("EVENTS]");
  }
  void operator()(const ftrace::EntryCounts& event) {
    print("# entries-in-buffer/entries-written: {}/{}   #P:{}", event.in_buffer, event.written,
          event.nr_cpus);
  }
  void operator()(const ftrace::UnknownEvent& event) { text_ += event.text; }
  void operator()(const ftrace::Comment& event) { text_ += event.text; }
  void operator()(const ftrace::Continuation& event) { text_ += event.text; }

 private:
  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  void page(std::string_view name, std::string_view text, Pfn of) {
    print("{}: page={}", name, text);
    pfn("pfn", of);
  }
  void cma_place(std::string_view name, const auto& event) {
    print("{}: name={}", name, event.name);
    pfn("pfn", event.pfn);
    print(" page={} count={}", event.page, event.count);
  }
  void pfn(std::string_view key, Pfn value) {
    print(" {}=", key);
    if (has_decimal_pfns_) {
      print("{}", value);
    } else {
      print("{:#x}", value);
    }
  }

  std::string& text_;
  bool has_decimal_pfns_;
};

}  // namespace detail

/// Appends a line as the kernel wrote it, with its end: what FtraceReader read comes out byte for
/// byte.
inline void append_line(std::string& text, const ftrace::Line& line) {
  text += line.prefix;
  std::visit(detail::TraceEventText{text, line.has_decimal_pfns}, line.event);
  text += '\n';
}

/// What a trace says that a zone does not know.
struct FtraceOptions {
  std::string comm = "pageblock";
  unsigned pid = 1;

  /// Says how many microseconds have passed. Without one the time is that of the kernel's clock
  /// "counter": the number of events so far, printed without a point.
  std::function<std::uint64_t()> clock{};

  /// Whether lines have the column of irqs-off and so on, always "....." here. The kernel prints it
  /// unless its option irq-info is off, and some readers want it off.
  bool irq_info = false;
  /// Whether pfns are decimal. Unless this says it, they are as the zone's kernel prints them: some
  /// readers know one form only.
  std::optional<bool> decimal_pfns{};
};

/// Returns the lines that the kernel prints above @p nr_events events.
[[nodiscard]] inline std::string ftrace_header(std::uint64_t nr_events, unsigned nr_cpus,
                                               bool irq_info = false) {
  std::string text = "# tracer: nop\n#\n";
  ftrace::Line counts;
  counts.event = ftrace::EntryCounts{nr_events, nr_events, nr_cpus};
  append_line(text, counts);
  text += "#\n";
  text += irq_info ? "#                                _-----=> irqs-off/BH-disabled\n"
                     "#                               / _----=> need-resched\n"
                     "#                              | / _---=> hardirq/softirq\n"
                     "#                              || / _--=> preempt-depth\n"
                     "#                              ||| / _-=> migrate-disable\n"
                     "#                              |||| /     delay\n"
                     "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
                     "#              | |         |   |||||     |         |\n"
                   : "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION\n"
                     "#              | |         |         |         |\n";
  return text;
}

/// Appends a zone's events to a text, in the kernel's format:
///
///     MmPageAlloc, MmPageFree, MmPageFreeBatched, MmPageAllocZoneLocked, MmPagePcpuDrain, MmPageAllocExtfrag,
///     TestPagesIsolated, CmaAllocStart, CmaAllocBusyRetry, CmaAllocFinish, CmaRelease
///                                the kernel's event of that name
///     MmPageFreeZoneLocked       free_one: (free_one_page+0x0/0x0) page= pfn= order= mt=
///     SetMigratetypeIsolate      set_isolate: (set_migratetype_isolate+0x0/0x0) page=
///                                set_isolate_ret: (pageblock+0x0/0x0 <- ...) ret=
///     UnsetMigratetypeIsolate    unset_isolate: (unset_migratetype_isolate+0x0/0x0) page= mt=
///     BadPage                    nothing; the kernel writes it to its log
///
/// The last ones are no events of the kernel, so they look like probes on its functions. A page's
/// pointer is that of an x86-64 kernel, and the gfp flags are some that ask for the migratetype. The
/// numbers of migratetypes, the base of pfns and the words for flags and for no page are those of the
/// kernel whose events they are.
/// An event that does not know its CPU is written with that of the last that did, or of set_cpu(). A
/// drain has the CPU of the list in v3.6, where an interrupt makes each CPU drain its own, and later
/// that of the one that asks.
class FtraceWriter {
 public:
  /// The text must outlive the writer; the caller may empty it at any time.
  FtraceWriter(std::string& text, const Semantics& semantics, Order pageblock_order,
               FtraceOptions options = {})
      : text_{&text},
        semantics_{semantics},
        pageblock_order_{pageblock_order},
        options_{std::move(options)} {}

  /// The same for the events of @p zone.
  template <ZoneConfig Config>
  FtraceWriter(std::string& text, const Zone<Config>& zone, FtraceOptions options = {})
      : FtraceWriter{text, Config::semantics, zone.pageblock_order, std::move(options)} {}

  void set_cpu(Cpu cpu) { cpu_ = cpu; }
  [[nodiscard]] std::uint64_t nr_events() const { return nr_events_; }

  /// Writes what a program would write to trace_marker; it should be one line.
  void mark(std::string_view text) { write(ftrace::TracingMarkWrite{text}); }

  void operator()(const trace::MmPageAlloc& event) {
    cpu_ = event.cpu;
    write(ftrace::MmPageAlloc{.page = event.pfn ? page(*event.pfn) : no_page(),
                              .pfn = event.pfn,
                              .order = event.order,
                              .migratetype = number(event.migratetype),
                              .gfp_flags = gfp_flags(event.migratetype)});
  }
  void operator()(const trace::MmPageFree& event) {
    cpu_ = event.cpu;
    write(ftrace::MmPageFree{page(event.pfn), event.pfn, event.order});
  }
  void operator()(const trace::MmPageFreeBatched& event) {
    cpu_ = event.cpu;
    write(ftrace::MmPageFreeBatched{page(event.pfn), event.pfn});
  }
  void operator()(const trace::MmPageAllocZoneLocked& event) {
    write(ftrace::MmPageAllocZoneLocked{.page = page(event.pfn),
                                        .pfn = event.pfn,
                                        .order = event.order,
                                        .migratetype = number(event.migratetype),
                                        .percpu_refill = event.percpu_refill});
  }
  void operator()(const trace::MmPagePcpuDrain& event) {
    const Cpu drainer = semantics_.drains_remotely ? cpu_ : event.cpu;
    write(ftrace::MmPagePcpuDrain{.page = page(event.pfn),
                                  .pfn = event.pfn,
                                  .order = event.order,
                                  .migratetype = number(event.migratetype)},
          drainer);
  }
  void operator()(const trace::MmPageAllocExtfrag& event) {
    write(ftrace::MmPageAllocExtfrag{.page = page(event.pfn),
                                     .pfn = event.pfn,
                                     .alloc_order = event.alloc_order,
                                     .fallback_order = event.fallback_order,
                                     .pageblock_order = pageblock_order_,
                                     .alloc_migratetype = number(event.alloc_migratetype),
                                     .fallback_migratetype = number(event.fallback_migratetype),
                                     .fragmenting = event.fallback_order < pageblock_order_,
                                     .change_ownership = event.change_ownership});
  }
  void operator()(const trace::TestPagesIsolated& event) {
    write(
        ftrace::TestPagesIsolated{event.start_pfn, event.end_pfn, event.fin_pfn, event.ret == ok});
  }
  void operator()(const trace::CmaAllocStart& event) {
    cpu_ = event.cpu;
    write(ftrace::CmaAllocStart{event.name, event.count, event.align.value()});
  }
  void operator()(const trace::CmaAllocBusyRetry& event) {
    cpu_ = event.cpu;
    write(ftrace::CmaAllocBusyRetry{event.name, event.pfn, page(event.pfn), event.count,
                                    event.align.value()});
  }
  void operator()(const trace::CmaAllocFinish& event) {
    cpu_ = event.cpu;
    const Pfn pfn = event.pfn.value_or(Pfn{~std::uint64_t{0}});
    const auto error = static_cast<unsigned>(-event.ret.to_errno());
    ftrace::CmaAllocFinish line{event.name, pfn, event.ret == ok ? page(pfn) : no_page(),
                                event.count, event.align.value()};
    if (tells_cma_error()) line.error = error;
    write(line);
  }
  void operator()(const trace::CmaRelease& event) {
    cpu_ = event.cpu;
    write(ftrace::CmaRelease{event.name, event.pfn, page(event.pfn), event.count});
  }
  void operator()(const trace::MmPageFreeZoneLocked& event) {
    write_probe("free_one", "free_one_page+0x0/0x0",
                fmt::format(" page=0x{} pfn={:#x} order={} mt={}", page(event.pfn), event.pfn,
                            event.order, number(event.migratetype)));
  }
  void operator()(const trace::SetMigratetypeIsolate& event) {
    write_probe("set_isolate", "set_migratetype_isolate+0x0/0x0",
                fmt::format(" page=0x{}", page(event.pfn)));
    write_probe("set_isolate_ret", "pageblock+0x0/0x0 <- set_migratetype_isolate",
                fmt::format(" ret={}", event.ret.to_errno()));
  }
  void operator()(const trace::UnsetMigratetypeIsolate& event) {
    write_probe("unset_isolate", "unset_migratetype_isolate+0x0/0x0",
                fmt::format(" page=0x{} mt={}", page(event.pfn), number(event.migratetype)));
  }
  void operator()(const trace::BadPage&) const {}

 private:
  [[nodiscard]] unsigned number(MigrateType type) const { return semantics_.number_of(type); }
  // Before v5.2 the kernel had a word for no pointer, and before v5.13 pfns were decimal.
  [[nodiscard]] bool is_old() const { return semantics_.major < 5; }
  [[nodiscard]] bool tells_cma_error() const {
    return std::pair{semantics_.major, semantics_.minor} >= std::pair{6, 12};
  }
  [[nodiscard]] std::string_view no_page() const {
    return is_old() ? "          (null)" : "0000000000000000";
  }
  [[nodiscard]] std::string_view page(Pfn pfn) {
    page_.clear();
    fmt::format_to(std::back_inserter(page_), "{:016x}", ftrace::Vmemmap{}.page_of(pfn));
    return page_;
  }
  [[nodiscard]] std::string_view gfp_flags(MigrateType type) const {
    if (type == MigrateType::movable) return "GFP_HIGHUSER_MOVABLE";
    if (type == MigrateType::reclaimable) {
      return is_old() ? "GFP_KERNEL|GFP_RECLAIMABLE" : "GFP_KERNEL|__GFP_RECLAIMABLE";
    }
    return "GFP_KERNEL";
  }

  void write_probe(std::string_view name, std::string_view location, const std::string& args) {
    write(ftrace::Probe{name, location, args});
  }
  void write(const ftrace::Event& event) { write(event, cpu_); }
  void write(const ftrace::Event& event, Cpu cpu) {
    const std::string prefix =
        fmt::format("{:>16}-{:<7} [{:03}] {} {}: ", options_.comm, options_.pid, cpu,
                    options_.irq_info ? "....." : "", time());
    ftrace::Line line;
    line.prefix = prefix;
    line.has_decimal_pfns = options_.decimal_pfns.value_or(is_old());
    line.event = event;
    append_line(*text_, line);
    ++nr_events_;
  }
  [[nodiscard]] std::string time() const {
    if (!options_.clock) return fmt::format("{:12}", nr_events_);
    constexpr std::uint64_t second = 1'000'000;
    const std::uint64_t now = options_.clock();
    return fmt::format("{:5}.{:06}", now / second, now % second);
  }

  std::string* text_;
  Semantics semantics_;
  Order pageblock_order_;
  FtraceOptions options_;
  Cpu cpu_;
  std::uint64_t nr_events_ = 0;
  std::string page_;
};

/// A zone's tracer that hands every event to a writer; until it has one, it drops them.
///
///     struct Traced : DefaultConfig { using Tracer = FtraceTracer; };
///     FtraceWriter writer{text, zone};
///     zone.tracer().writer = &writer;
struct FtraceTracer {
  FtraceWriter* writer = nullptr;

  void operator()(const auto& event) const {
    if (writer != nullptr) (*writer)(event);
  }
};

}  // namespace pageblock
