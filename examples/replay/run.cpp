#include "replay/run.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/recording/exact_state_reader.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/trace/trace_decoder.hpp"

#include "common/kernel_log.hpp"
#include "common/read_file.hpp"
#include "replay/engine.hpp"
#include "replay/history.hpp"
#include "replay/machine.hpp"
#include "replay/plain.hpp"

namespace example {
namespace {

namespace fs = std::filesystem;
using namespace pageblock;

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

std::string_view name_of(const ftrace::Event& event) {
  return std::visit(
      [](const auto& of) -> std::string_view {
        using T = std::remove_cvref_t<decltype(of)>;
        if constexpr (std::is_same_v<T, ftrace::MmPageAlloc>) return "mm_page_alloc";
        if constexpr (std::is_same_v<T, ftrace::MmPageFree>) return "mm_page_free";
        if constexpr (std::is_same_v<T, ftrace::MmPageFreeBatched>) return "mm_page_free_batched";
        if constexpr (std::is_same_v<T, ftrace::MmPageAllocZoneLocked>) {
          return "mm_page_alloc_zone_locked";
        }
        if constexpr (std::is_same_v<T, ftrace::MmPagePcpuDrain>) return "mm_page_pcpu_drain";
        if constexpr (std::is_same_v<T, ftrace::MmPageAllocExtfrag>) return "mm_page_alloc_extfrag";
        if constexpr (std::is_same_v<T, ftrace::TestPagesIsolated>) return "test_pages_isolated";
        if constexpr (std::is_same_v<T, ftrace::TracingMarkWrite>) return "tracing_mark_write";
        if constexpr (requires { of.name; }) return of.name.empty() ? "others" : of.name;
        return {};
      },
      event);
}

// Takes in the lines that wanted() says, and counts by kind those up to line until. What begins
// there is returned, with what belongs to it behind that line.
template <typename Wanted>
std::vector<recorded::Operation> decode(TraceDecoder& decoder, ReplayResult& result,
                                        std::optional<std::size_t> until, Wanted wanted) {
  std::map<std::string_view, std::uint64_t> events;
  while (decoder.next_line()) {
    const FtraceReader& reader = decoder.reader();
    if (std::holds_alternative<ftrace::LostEvents>(reader.line().event)) ++events["LOST EVENTS"];
    if (!reader.line().is_event() || !wanted(reader.line())) continue;
    if (!until || reader.number() <= *until) ++events[name_of(reader.line().event)];
    decoder.decode();
  }
  for (const auto& [name, count] : events) result.events[std::string{name}] = count;
  std::vector<recorded::Operation> operations = decoder.finish();
  if (until) {
    std::erase_if(operations, [&](const recorded::Operation& of) { return of.line > *until; });
  }
  return operations;
}

// What the model refuses, and what names a place that is not there, is wrong with the line.
template <typename Apply>
void apply_all(const InputFile& trace, const std::vector<recorded::Operation>& operations,
               Apply apply) {
  const ViolationHandler handler =
      set_violation_handler([](const Violation& violation) { throw ParseError{violation.reason}; });
  try {
    for (const recorded::Operation& operation : operations) {
      try {
        apply(operation);
      } catch (const ParseError& error) {
        throw trace.error_at_line(operation.line, error.what());
      }
    }
  } catch (...) {
    set_violation_handler(handler);
    throw;
  }
  set_violation_handler(handler);
}

// The pages that the kernel's log names as the ones in the way, in this order.
std::vector<Pfn> refusing_pages(const fs::path& folder) {
  std::vector<Pfn> pages;
  for (const DumpedPage& page : read_dumped_pages(folder)) {
    if (page.is_unmovable) pages.push_back(page.pfn);
  }
  return pages;
}

// The log ends with the refusals of the recording; others may stand before, and behind.
void name_refusing_pages(std::vector<Attempt>& attempts, const std::vector<Pfn>& pages) {
  auto unused = pages.rbegin();
  for (auto attempt = attempts.rbegin(); attempt != attempts.rend(); ++attempt) {
    if (!attempt->reports || attempt->isolate_ret.value_or(0) == 0) continue;
    const auto page =
        std::find_if(unused, pages.rend(), [&](Pfn pfn) { return attempt->range.contains(pfn); });
    if (page == pages.rend()) continue;
    attempt->page = *page;
    unused = page + 1;
  }
}

void compare_types(ReplayMachine& machine, const ExactState& t1, Score& score) {
  for (const ExactSection& section : t1.sections) {
    Pfn block = section.start_pfn;
    for (const std::uint8_t number : section.migratetypes) {
      if (const ReplayMachine::Part* part = machine.find(block)) {
        const Pfn pfn = std::max(block, part->zone.start_pfn());
        score.count(ReplayConfig::semantics.number_of(part->zone.pageblock_flags().get(pfn)) ==
                    number);
      }
      block += ReplayZone::pageblock_nr_pages;
    }
  }
}

// Free, isolated and managed pages of a zone, and the pages on per-CPU lists.
void compare_counters(const ReplayZone& zone, const ExactZone& t1, Score& score) {
  score.count(zone.nr_free_pages() == static_cast<std::int64_t>(t1.nr_free_pages));
  score.count(zone.nr_pageblock_isolate() == static_cast<std::int64_t>(t1.nr_isolate_pageblock));
  score.count(zone.managed_pages() == t1.managed);
  for (const ExactPcp& exact : t1.pcps) {
    const PerCpuPages<ReplayConfig>& pcp = zone.pcp(exact.cpu);
    score.count(pcp.count == exact.count);
    score.count(pcp.free_factor == exact.free_factor);
    score.count(pcp.high == exact.high && pcp.batch == exact.batch);
  }
}

}  // namespace

bool ReplayReport::agrees() const {
  return result.allocations.is_perfect() && result.isolated.is_perfect() &&
         result.tested.is_perfect() && result.block_types.is_perfect() &&
         (!judges_lists || (result.refills.is_perfect() && result.drained.is_perfect() &&
                            result.counters.is_perfect())) &&
         std::ranges::all_of(result.attempts, &Attempt::agrees) &&
         (!result.differences || result.differences->empty());
}

std::uint64_t ReplayReport::operations_per_second() const {
  return static_cast<std::uint64_t>(static_cast<double>(result.nr_operations) /
                                    std::max(replaying, 1e-6));
}

ReplayReport replay_recording(const fs::path& folder, std::optional<std::size_t> until) {
  Stopwatch watch;
  demand_folder(folder);
  ReplayReport report{.source = folder.string(), .until = until};
  const InputFile meta_file = demand_one_of(folder, "meta.json");
  const RecordingMeta meta = parse_recording_meta(meta_file);
  const ExactState t0 = parse_exact_state(demand_one_of(folder, "T0.state"));
  const ExactState t1 = parse_exact_state(demand_one_of(folder, "T1.state"));
  const PageRuns pages = parse_page_runs(demand_one_of(folder, "T0.pages"));
  const InputFile trace = demand_one_of(folder, "trace");
  ReplayEngine::Settings settings;
  if (const auto blocks = read_one_of(folder / "before", "memory_blocks")) {
    settings.memory_block_pages = parse_memory_blocks(*blocks).nr_pages;
  }
  report.machine =
      fmt::format("{}, {} CPU{}, {} MiB, probes {}", meta.kernel.substr(0, meta.kernel.find(" (")),
                  meta.nr_cpus(), meta.nr_cpus() == 1 ? "" : "s", meta.memory_mib, meta.probes);
  TraceDecoder decoder{trace};
  report.judges_lists = decoder.has_pcp_probes();
  const auto operations = decode(decoder, report.result, until,
                                 [&](const ftrace::Line& line) { return meta.is_between(line); });
  if (report.result.events.contains("LOST EVENTS")) {
    throw trace.error("events were lost, so what happened is not known");
  }
  ReplayMachine machine{t0, pages, t1, operations};
  std::optional<PageHistory> history;
  if (!decoder.has_pcp_probes()) settings.history = &history.emplace(operations, t1);
  report.reading = watch.lap();

  settings.shows_reclaim = std::ranges::any_of(operations, [](const recorded::Operation& of) {
    return std::holds_alternative<recorded::Reclaim>(of.what);
  });
  ReplayEngine engine{machine, report.result, settings};
  apply_all(trace, operations,
            [&](const recorded::Operation& operation) { engine.apply(operation); });
  report.replaying = watch.lap();
  name_refusing_pages(report.result.attempts, refusing_pages(folder));
  if (until) return report;
  report.result.differences.emplace();
  for (const ReplayMachine::Part& part : machine.parts()) {
    const ExactZone* const zone = t1.zone_at(part.address);
    if (zone != nullptr) compare_counters(part.zone, *zone, report.result.counters);
    auto differences = compare_lists(part.zone, zone);
    report.result.differences->insert(report.result.differences->end(), differences.begin(),
                                      differences.end());
  }
  compare_types(machine, t1, report.result.block_types);
  return report;
}

ReplayReport replay_trace(const InputFile& trace, std::uint64_t nr_pages,
                          std::optional<std::size_t> until) {
  Stopwatch watch;
  ReplayReport report{.source = trace.name, .until = until};
  TraceDecoder decoder{trace};
  unsigned nr_cpus = 1;
  const auto operations = decode(decoder, report.result, until, [&](const ftrace::Line& line) {
    if (line.cpu.id() >= ReplayConfig::nr_cpus) {
      decoder.reader().fail(fmt::format("CPU {} is above {}", line.cpu, ReplayConfig::nr_cpus - 1));
    }
    nr_cpus = std::max(nr_cpus, line.cpu.id() + 1);
    return true;
  });
  PlainReplay replay{nr_pages, nr_cpus, report.result};
  report.machine = fmt::format("{} pages of 4096 bytes, {} CPU{}, all free at first", nr_pages,
                               nr_cpus, nr_cpus == 1 ? "" : "s");
  report.reading = watch.lap();
  apply_all(trace, operations,
            [&](const recorded::Operation& operation) { replay.apply(operation); });
  replay.finish();
  report.replaying = watch.lap();
  return report;
}

}  // namespace example
