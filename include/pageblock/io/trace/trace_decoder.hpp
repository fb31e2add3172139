// SPDX-License-Identifier: MIT
/// Reads from the lines of a trace what was asked of the page allocator.
///
/// Layer:  io.
/// Kernel: the probes are described where recordings are; trace_requests.hpp has the kernel's own
///         events, and trace_attempts.hpp what v6.12 shows of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/io/trace/trace_attempts.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock {

/// Collects the operations of a trace. The file must outlive them.
///
///     TraceDecoder decoder{file};
///     while (decoder.next_line()) decoder.decode();   // or not, if the line is none of interest
///     const std::vector<recorded::Operation> operations = decoder.finish();
class TraceDecoder : private detail::AttemptDecoder {
 public:
  explicit TraceDecoder(const InputFile& file) : AttemptDecoder{file} {}

  bool next_line() { return reader_.next_line(); }
  [[nodiscard]] const FtraceReader& reader() const { return reader_; }

  /// Returns whether the trace shows when pages reach the per-CPU lists.
  [[nodiscard]] bool has_pcp_probes() const { return has_pcp_probes_; }

  /// Returns whether it shows each attempt to take a page from them (v6.12), and what compaction does
  /// with the lists.
  using AttemptDecoder::shows_attempts;

  /// Takes in the reader's line. Throws ParseError if it cannot be true.
  void decode() {
    if (!line().is_event()) return;
    begin_line();
    std::visit([this](const auto& event) { on(event); }, line().event);
  }

  /// Returns the operations in the order in which they took effect.
  [[nodiscard]] std::vector<recorded::Operation> finish() {
    add_missed_frees();
    detail::sort_stably(operations_, &recorded::Operation::line);
    return std::move(operations_);
  }

 private:
  using AttemptDecoder::on;

  // The rest.

  void on(const ftrace::TestPagesIsolated& event) {
    add(recorded::TestIsolated{{event.start_pfn, event.end_pfn}, event.fin_pfn, event.success});
  }
  void on(const ftrace::TracingMarkWrite& event) { add(recorded::Mark{event.text}); }
  void on(const ftrace::UnknownEvent& event) {
    if (event.name == "mm_compaction_begin" && !shows_attempts()) add(recorded::Compaction{});
    const auto empties_memory = [&] {
      return event.text.ends_with("reason=memory_hotplug") ||
             event.text.ends_with("reason=contig_range");
    };
    if (event.name == "mm_migrate_pages_start" && empties_memory()) add(recorded::MigrateBegin{});
    if (event.name == "mm_migrate_pages" && empties_memory()) add(recorded::MigrateEnd{});
  }
  void on(const ftrace::Probe& event);
  void on(const auto&) {}

  void on_set_block() {
    if (reader_.number_of(probe(), "mask") != 7) return;  // a mark of compaction's
    OfCpu& here = cpu();
    if (here.in_steal) {
      here.steals.back().claimed = true;
    } else if (here.isolating) {
      operations_[*here.isolating].line = reader_.number();
    } else if (!here.unsetting && !here.onlining && !here.taking) {
      add(recorded::Retype{Pfn{reader_.number_of(probe(), "pfn")}, number<unsigned>("flags")});
    }
  }

  void on_move_block() {
    OfCpu& here = cpu();
    if (here.unsetting) operations_[*here.unsetting].line = reader_.number();
    if (here.onlining) {
      as<recorded::OnlineBegin>(*here.onlining).zone = reader_.number_of(probe(), "zone");
    }
  }

  [[nodiscard]] PfnRange range(std::string_view start, std::string_view end) const {
    return {Pfn{reader_.number_of(probe(), start)}, Pfn{reader_.number_of(probe(), end)}};
  }
  [[nodiscard]] PfnRange start_and_nr() const {
    const Pfn start{reader_.number_of(probe(), "start")};
    return {start, start + reader_.number_of(probe(), "nr")};
  }
  // For what pageblocks are isolated: the type that they get afterwards, and flags. Since v6.17 one mode.
  using Isolation = std::pair<unsigned, std::uint32_t>;
  [[nodiscard]] static Isolation of_mode(unsigned mode) {
    constexpr unsigned movable = 1;
    constexpr unsigned cma = 4;
    constexpr std::uint32_t offline = 1 | 2;  // MEMORY_OFFLINE, REPORT_FAILURE
    return {mode == 1 ? cma : movable, mode == 0 ? offline : 0};
  }
  [[nodiscard]] Isolation isolation(std::string_view type, std::string_view flags) {
    const auto mode = probe().number("mode");
    has_modes_ = mode.has_value();
    if (mode) return of_mode(static_cast<unsigned>(*mode));
    return {number<unsigned>(type), number<std::uint32_t>(flags)};
  }
  // Who wants a contiguous range drains the per-CPU lists next.
  void end_isolate_range(OfCpu& here) {
    if (!here.ranging) return;
    const Pfn start = as<recorded::IsolateRange>(*here.ranging).range.start;
    set_ret<recorded::IsolateRange>(here.ranging);
    if (has_drain_probes_ || ret() != 0 || probe().caller() != "alloc_contig_range") return;
    here.drainer = add(recorded::DrainAll{start, {}});
  }

  template <typename What>
  void set_ret(std::optional<Index>& open) {
    if (open) as<What>(*open).ret = ret();
    open.reset();
  }

  std::uint64_t highest_reclaimed_ = 0;
  bool has_modes_ = false;  // the kernel isolates for a mode
};

/// A probe's name decides what it begins, ends or says.
inline void TraceDecoder::on(const ftrace::Probe& event) {
  using Handler = void (*)(TraceDecoder&, OfCpu&);
  static const std::unordered_map<std::string_view, Handler> handlers{
      {"pcp_refill",
       [](TraceDecoder& d, OfCpu& here) {
         here.refill = {d.number<std::uint64_t>("zone"),  d.order(), d.number<unsigned>("mt"),
                        d.number<std::uint32_t>("flags"), true,      std::nullopt};
       }},
      {"pcp_refill_ret", [](TraceDecoder& d, OfCpu&) { d.end_refill(d.ret()); }},
      {"steal",
       [](TraceDecoder& d, OfCpu&) {
         d.add_steal({d.page(), false, d.number<std::uint32_t>("flags")});
       }},
      {"bulk",
       [](TraceDecoder& d, OfCpu& here) {
         constexpr std::uint32_t movable = 0x8;       // __GFP_MOVABLE of v6.1
         constexpr std::uint32_t reclaimable = 0x10;  // __GFP_RECLAIMABLE
         const auto gfp = d.number<std::uint32_t>("gfp");
         here.bulk_type = (gfp & movable) != 0 ? 1 : (gfp & reclaimable) != 0 ? 2 : 0;
       }},
      {"bulk_page", [](TraceDecoder& d, OfCpu&) { d.on_bulk_page(d.page()); }},
      {"bulk_ret", [](TraceDecoder&, OfCpu& here) { here.bulk_type.reset(); }},
      {"pcp_free", [](TraceDecoder& d, OfCpu&) { d.on_free(d.page(), d.order(), false); }},
      {"free_one", [](TraceDecoder& d, OfCpu&) { d.on_free(d.page(), d.order(), true); }},
      {"free_core", [](TraceDecoder& d, OfCpu& here) { here.freed_to_tail = d.page(); }},
      {"free_ok",
       [](TraceDecoder& d, OfCpu& here) {
         constexpr std::uint32_t to_tail = 2;  // FPI_TO_TAIL
         here.freed_to_tail.reset();
         if ((d.number<std::uint32_t>("fpi") & to_tail) != 0) {
           here.freed_to_tail = d.page();
         }
       }},
      {"drain_zone_cpu",
       [](TraceDecoder& d, OfCpu& here) {
         here.drainer = d.add(
             recorded::Drain{Cpu{d.number<unsigned>("cpu")}, d.number<std::uint64_t>("zone"), {}});
       }},
      {"pcp_disable",
       [](TraceDecoder& d, OfCpu& here) {
         here.drainer =
             d.add(recorded::PcpDisable{d.number<std::uint64_t>("zone"), !d.has_drain_probes_, {}});
       }},
      {"pcp_enable", [](TraceDecoder& d,
                        OfCpu&) { d.add(recorded::PcpEnable{d.number<std::uint64_t>("zone")}); }},
      {"pcp_set_ret",
       [](TraceDecoder& d, OfCpu&) {
         using Limits = recorded::PcpSettings::Limits;
         const auto pair = [&](std::string_view high, std::string_view batch) {
           return Limits{d.number<std::uint32_t>(high), d.number<std::uint32_t>(batch), 0};
         };
         d.add(recorded::PcpSettings{
             {pair("h0", "b0"), pair("h1", "b1"), pair("h2", "b2"), pair("h3", "b3")}});
       }},
      {"reclaim_on",
       [](TraceDecoder& d, OfCpu&) {
         d.highest_reclaimed_ = d.number<std::uint64_t>("zoneidx");
         d.add(recorded::Reclaim{true, d.highest_reclaimed_});
       }},
      {"reclaim_off",
       [](TraceDecoder& d, OfCpu&) {
         d.add(recorded::Reclaim{false, d.highest_reclaimed_});
       }},
      {"start_isolate",
       [](TraceDecoder& d, OfCpu& here) {
         const auto [type, flags] = d.isolation("mt", "flags");
         here.ranging = d.add(recorded::IsolateRange{d.range("start", "end"), type, flags});
       }},
      {"start_isolate_ret", [](TraceDecoder& d, OfCpu& here) { d.end_isolate_range(here); }},
      {"set_isolate",
       [](TraceDecoder& d, OfCpu& here) {
         here.isolating = d.add(
             recorded::SetIsolate{d.page(), d.number<std::uint32_t>("a2"), d.range("a3", "a4")});
         if (d.has_modes_) {
           d.as<recorded::SetIsolate>(*here.isolating).flags =
               d.of_mode(d.number<unsigned>("a2")).second;
         }
       }},
      {"set_isolate_ret",
       [](TraceDecoder& d, OfCpu& here) { d.set_ret<recorded::SetIsolate>(here.isolating); }},
      {"isolate_single",
       [](TraceDecoder& d, OfCpu& here) {
         here.border = Pfn{d.number<std::uint64_t>("boundary")};
       }},
      {"isolate_single_ret",
       [](TraceDecoder& d, OfCpu& here) {
         if (here.border && d.ret() == 0) d.add(recorded::IsolateSingle{*here.border});
         here.border.reset();
       }},
      {"unset_isolate",
       [](TraceDecoder& d, OfCpu& here) {
         const auto type = static_cast<unsigned>(d.probe().number("mt").value_or(0));
         here.unsetting = d.add(recorded::UnsetIsolate{d.page(), type});
       }},
      {"unset_isolate_ret", [](TraceDecoder&, OfCpu& here) { here.unsetting.reset(); }},
      {"split_free",
       [](TraceDecoder& d, OfCpu& here) {
         here.splitting =
             d.add(recorded::SplitFree{d.page(), d.order(), d.number<std::uint64_t>("off")});
       }},
      {"split_free_ret",
       [](TraceDecoder& d, OfCpu& here) { d.set_ret<recorded::SplitFree>(here.splitting); }},
      {"isolate_free",
       [](TraceDecoder& d, OfCpu& here) {
         here.taking = d.add(recorded::IsolateFree{d.page(), d.order()});
       }},
      {"isolate_free_ret",
       [](TraceDecoder& d, OfCpu& here) {
         if (here.taking) {
           d.as<recorded::IsolateFree>(*here.taking).nr_pages = d.number<std::uint64_t>("ret");
         }
         here.taking.reset();
       }},
      {"putback_isolated",
       [](TraceDecoder& d, OfCpu&) {
         d.add(recorded::PutBack{d.page(), d.order(), d.number<unsigned>("mt")});
       }},
      {"split_page",
       [](TraceDecoder& d, OfCpu&) {
         d.add(recorded::SplitPage{d.page(), d.order()});
       }},
      {"set_block", [](TraceDecoder& d, OfCpu&) { d.on_set_block(); }},
      {"move_block", [](TraceDecoder& d, OfCpu&) { d.on_move_block(); }},
      {"offline", [](TraceDecoder& d, OfCpu&) { d.add(recorded::OfflineBegin{d.start_and_nr()}); }},
      {"offline_isolated",
       [](TraceDecoder& d, OfCpu&) { d.add(recorded::OfflineIsolated{d.range("start", "end")}); }},
      {"offline_ret", [](TraceDecoder& d, OfCpu&) { d.add(recorded::OfflineEnd{d.ret()}); }},
      {"online",
       [](TraceDecoder& d, OfCpu& here) {
         here.onlining = d.add(recorded::OnlineBegin{d.start_and_nr(), std::nullopt});
       }},
      {"online_ret",
       [](TraceDecoder& d, OfCpu& here) {
         here.onlining.reset();
         d.add(recorded::OnlineEnd{d.ret()});
       }},
      {"alloc_contig",
       [](TraceDecoder& d, OfCpu&) {
         // Since v6.17 one flag: for a CMA area.
         const auto type = d.probe().number("mt");
         const unsigned of_flags = type ? 0 : d.of_mode(2 - d.number<unsigned>("flags") % 2).first;
         d.add(recorded::ContigBegin{d.range("start", "end"),
                                     type ? static_cast<unsigned>(*type) : of_flags});
       }},
      {"alloc_contig_ret",
       [](TraceDecoder& d, OfCpu&) {
         d.add(recorded::ContigEnd{d.ret(), d.probe().caller()});
       }},
  };
  if (shows_attempts() && on_probe_of_attempts()) return;
  if (const auto found = handlers.find(event.name); found != handlers.end()) {
    found->second(*this, cpu());
  }
}

}  // namespace pageblock
