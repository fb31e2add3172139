// SPDX-License-Identifier: MIT
/// Replays a recording, or a plain trace.
///
/// Layer:  io.
/// Kernel: none.
///
///     struct Debian : ReplayConfig<rules_of_the_recorded_kernel> {};
///     const ReplayReport report = replay_recording<Debian>(files, meta);
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/log/kernel_log.hpp"
#include "pageblock/io/recording/captured_chunks.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/recording/exact_state_reader.hpp"
#include "pageblock/io/recording/exact_zone.hpp"
#include "pageblock/io/recording/page_history.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/plain_replay.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/recording/recording_files.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_decode.hpp"
#include "pageblock/io/recording/replay_engine.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_report.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/trace_decoder.hpp"
#include "pageblock/io/trace/trace_kernel.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/io/trace/trace_text.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// How far a recording is followed, and what of it is told.
struct ReplayOptions {
  /// The last line of the trace that is replayed.
  std::optional<std::size_t> until{};
  /// Is told now and then how many operations of how many are done.
  std::function<void(std::size_t, std::size_t)> progress{};
  /// The kernel that wrote a plain trace, if that is known and need not be found out.
  std::optional<KernelVersion> traced_kernel{};
};

/// Is shown the zones of a replay before the first operation, and after each: with the pages that it
/// touched, as far as they are not named by the operation itself. This one does not look.
struct NoWatcher {
  void begin(const auto&) const {}
  void after(const recorded::Operation&, const auto&, std::span<const PfnRange>) const {}
};

namespace detail {

class Stopwatch {
 public:
  /// Returns the seconds since it was made or asked last.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>{now - std::exchange(start_, now)}.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// The pages that the log names as the ones in the way belong to the attempts. The log ends with the refusals of the recording; others may stand before, and behind.
inline void name_refusing_pages(std::vector<IsolationAttempt>& attempts,
                                const std::vector<DumpedPage>& pages) {
  auto unused = pages.rbegin();
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
    if (!attempt->reports || attempt->isolate_ret.value_or(0) == 0) continue;
    const auto page = std::find_if(unused, pages.rend(), [&](const DumpedPage& dumped) {
      return dumped.is_unmovable && attempt->range.contains(dumped.pfn);
    });
    if (page == pages.rend()) continue;
    attempt->page = page->pfn;
    unused = page + 1;
  }
}

// What isolated blocks will be again.
template <ReplayableConfig Config>
void compare_own_types(ReplayMachine<Config>& machine, const ExactSection& section,
                       ReplayScore& score) {
  if constexpr (has_isolate_bit<Config>) {
    Pfn block = section.start_pfn;
    for (const std::uint8_t number : section.own_types) {
      if (const typename ReplayMachine<Config>::Part* part = machine.find(block)) {
        const auto& flags = part->zone.pageblock_flags();
        const Pfn pfn = std::max(block, part->zone.start_pfn());
        score.count(Config::semantics.number_of(flags.own_type(flags.index(pfn))) == number);
      }
      block += Zone<Config>::pageblock_nr_pages;
    }
  }
}

template <ReplayableConfig Config>
void compare_types(ReplayMachine<Config>& machine, const ExactState& t1, ReplayScore& score) {
  for (const ExactSection& section : t1.sections) {
    Pfn block = section.start_pfn;
    for (const std::uint8_t number : section.migratetypes) {
      if (const typename ReplayMachine<Config>::Part* part = machine.find(block)) {
        const Pfn pfn = std::max(block, part->zone.start_pfn());
        score.count(Config::semantics.number_of(part->zone.pageblock_flags().get(pfn)) == number);
      }
      block += Zone<Config>::pageblock_nr_pages;
    }
    compare_own_types(machine, section, score);
  }
}

template <ZoneConfig Config>
[[nodiscard]] std::uint64_t flags_of(const PerCpuPages<Config>& pcp) {
  return (pcp.prev_free_high_order ? ExactPcp::flag_prev_free_high_order : 0) |
         (pcp.free_high_batch ? ExactPcp::flag_free_high_batch : 0);
}

// Free, isolated and managed pages of a zone, and the pages on per-CPU lists.
template <ReplayableConfig Config>
void compare_counters(const Zone<Config>& zone, const ExactZone& t1, ReplayScore& score) {
  score.count(zone.nr_free_pages() == static_cast<std::int64_t>(t1.nr_free_pages));
  score.count(zone.nr_pageblock_isolate() == static_cast<std::int64_t>(t1.nr_isolate_pageblock));
  score.count(zone.managed_pages() == t1.managed);
  for (const ExactPcp& exact : t1.pcps) {
    const PerCpuPages<Config>& pcp = zone.pcp(exact.cpu);
    score.count(pcp.count == exact.count);
    score.count(pcp.high == exact.high && pcp.batch == exact.batch);
    if constexpr (Config::semantics.pcp_tuning == PcpTuning::tuned) {
      score.count(pcp.high_min == exact.high_min && pcp.high_max == exact.high_max);
      score.count(pcp.alloc_factor == exact.alloc_factor && pcp.free_count == exact.free_count);
      score.count(flags_of(pcp) == exact.flags);
    } else {
      score.count(pcp.free_factor == exact.free_factor);
    }
  }
}

}  // namespace detail

/// Replays a recording: from T0 to T1, or up to a line of the trace. Throws ParseError.
template <ReplayableConfig Config, typename Watcher = NoWatcher>
[[nodiscard]] ReplayReport replay_recording(const RecordingFiles& files, const RecordingMeta& meta,
                                            const ReplayOptions& options = {},
                                            Watcher watcher = {}) {
  detail::Stopwatch watch;
  ReplayReport report{.source = meta.dataset, .until = options.until};
  const ExactState t0 = parse_exact_state(files.t0_state);
  const ExactState t1 = parse_exact_state(files.t1_state);
  constexpr KernelVersion of_rules{static_cast<unsigned>(Config::semantics.major),
                                   static_cast<unsigned>(Config::semantics.minor)};
  constexpr PageFlagNumbers numbers = of_rules >= KernelVersion{7, 2}    ? PageFlagNumbers::v7_2
                                      : of_rules >= KernelVersion{6, 12} ? PageFlagNumbers::v6_12
                                                                         : PageFlagNumbers::v6_1;
  const PageRuns pages = parse_page_runs(files.t0_pages, numbers);
  ReplaySettings settings{.free_area = meta.free_area};
  if (files.memory_blocks) {
    settings.memory_block_pages = parse_memory_blocks(*files.memory_blocks).nr_pages;
  }
  report.machine =
      fmt::format("{}, {} CPU{}, {} MiB, probes {}", meta.kernel.substr(0, meta.kernel.find(" (")),
                  meta.nr_cpus(), meta.nr_cpus() == 1 ? "" : "s", meta.memory_mib, meta.probes);
  TraceDecoder decoder{files.trace};
  report.judges_lists = decoder.has_pcp_probes();
  settings.shows_attempts = decoder.shows_attempts();
  const auto operations =
      detail::decode(decoder, report.result, options.until,
                     [&](const ftrace::Line& line) { return meta.is_between(line); });
  if (report.result.events.contains("LOST EVENTS")) {
    throw files.trace.error("events were lost, so what happened is not known");
  }
  ReplayMachine<Config> machine{t0, pages, t1, operations};
  if (settings.shows_attempts) settings.captured = find_captured_chunks(operations);
  std::optional<PageHistory> history;
  if (!decoder.has_pcp_probes()) {
    settings.history = &history.emplace(operations, t1, Zone<Config>::top_order);
  }
  report.reading = watch.lap();

  settings.shows_reclaim = std::ranges::any_of(operations, [](const recorded::Operation& of) {
    return std::holds_alternative<recorded::Reclaim>(of.what);
  });
  ReplayEngine<Config> engine{machine, report.result, settings};
  for (const PageRun& run : pages.runs()) {
    if ((run.flags & page_flag::lru) != 0 && run.order && run.order != Order{0}) {
      engine.add_compound(run.range.start, *run.order);
    }
    if (run.type != PageType::slab) continue;
    for (Pfn pfn = run.range.start; pfn < run.range.end; ++pfn) engine.add_slab(pfn);
  }
  watcher.begin(machine.node().zones());
  detail::apply_all(
      files.trace, operations,
      [&](const recorded::Operation& operation) {
        engine.apply(operation);
        watcher.after(operation, machine.node().zones(), {});
      },
      options.progress);
  report.replaying = watch.lap();
  if (files.dmesg) {
    detail::name_refusing_pages(report.result.attempts, parse_dumped_pages(*files.dmesg));
  }
  if (options.until) return report;
  report.result.differences.emplace();
  for (const auto& part : machine.parts()) {
    const ExactZone* const zone = t1.zone_at(part.address);
    if (zone != nullptr) detail::compare_counters(part.zone, *zone, report.result.counters);
    auto differences = compare_lists(part.zone, zone);
    report.result.differences->insert(report.result.differences->end(), differences.begin(),
                                      differences.end());
  }
  detail::compare_types(machine, t1, report.result.block_types);
  return report;
}

/// Zones of @p Config for a machine with many CPUs.
template <ReplayableConfig Config>
struct ManyCpus : Config {
  static constexpr unsigned nr_cpus = 1024;
};

namespace detail {

// Numbers the CPUs as they appear: a large machine has more than are seen. Returns how many there
// are.
inline unsigned number_cpus(std::vector<recorded::Operation>& operations, const InputFile& trace,
                            unsigned most_cpus) {
  std::map<Cpu, Cpu> numbers;
  for (recorded::Operation& operation : operations) {
    const auto next = static_cast<unsigned>(numbers.size());
    const auto [place, is_new] = numbers.try_emplace(operation.cpu, Cpu{next});
    if (is_new && next == most_cpus) {
      throw trace.error_at_line(operation.line,
                                fmt::format("more than {} CPUs are at work", most_cpus));
    }
    operation.cpu = place->second;
  }
  return std::max<unsigned>(static_cast<unsigned>(numbers.size()), 1);
}

// Gives the requests the numbers of migratetypes that the model has.
template <ReplayableConfig Config>
void translate_types(std::vector<recorded::Operation>& operations, const TraceKernel& traced) {
  for (recorded::Operation& operation : operations) {
    auto* const request = std::get_if<recorded::Allocation>(&operation.what);
    const auto type = request != nullptr ? traced.type_of(request->migratetype) : std::nullopt;
    if (type && has_type<Config>(*type)) request->migratetype = number_of<Config>(*type);
  }
}

}  // namespace detail

/// Replays the requests and frees of a trace, as any tool prints it, in a zone of @p nr_pages free
/// pages. Throws ParseError.
template <ReplayableConfig Config, typename Watcher = NoWatcher>
[[nodiscard]] ReplayReport replay_trace(const InputFile& trace, std::uint64_t nr_pages,
                                        const ReplayOptions& options = {}, Watcher watcher = {}) {
  using Machine = ManyCpus<Config>;
  detail::Stopwatch watch;
  ReplayReport report{.source = trace.name, .until = options.until};
  const TraceText text = rewrite_trace(trace);
  TraceDecoder decoder{text.file};
  auto operations = detail::decode(decoder, report.result, options.until,
                                   [](const ftrace::Line&) { return true; });
  const TraceKernel traced =
      find_trace_kernel(operations, trace, text.has_old_names, options.traced_kernel);
  detail::translate_types<Machine>(operations, traced);
  const unsigned nr_cpus = detail::number_cpus(operations, trace, Machine::nr_cpus);
  const auto replay =
      std::make_unique<PlainReplay<Machine>>(nr_pages, nr_cpus, report.result);  // it is large
  report.machine = fmt::format("{} pages of 4096 bytes, {} CPU{}, all free at first", nr_pages,
                               nr_cpus, nr_cpus == 1 ? "" : "s");
  if (text.skipped.count() != 0) report.notes.push_back(text.skipped.text());
  if (text.ends_in_a_line) report.notes.emplace_back("the last line has no end; it may be cut");
  if (!traced.evidence.empty()) {
    report.notes.push_back(fmt::format("migratetypes have the numbers of kernels {} Linux 4.4: {}",
                                       traced.since_v4_4 ? "since" : "before", traced.evidence));
  }
  report.reading = watch.lap();
  watcher.begin(replay->zones());
  detail::apply_all(
      trace, operations,
      [&](const recorded::Operation& operation) {
        replay->apply(operation);
        watcher.after(operation, replay->zones(), replay->touched());
      },
      options.progress);
  replay->finish();
  report.replaying = watch.lap();
  return report;
}

}  // namespace pageblock
