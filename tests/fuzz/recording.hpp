// SPDX-License-Identifier: MIT
/// The files of a recording of a running kernel, read from any bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "pageblock/base/semantics.hpp"
#include "pageblock/io/recording/exact_state_reader.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/recording/replay.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/trace/ftrace_events.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/io/trace/ftrace_writer.hpp"
#include "pageblock/io/trace/trace_text.hpp"

#include "common/recording_meta.hpp"
#include "fuzz/json.hpp"
#include "fuzz/target.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"

namespace pageblock::test {

inline constexpr Semantics newest = kernel::without_cma(kernel::v6_12);

/// Its requests and frees are served from other memory, by the rules of two kernels, or a line is refused.
inline void replay_trace(const InputFile& file) {
  const ReplayReport report = example::replay_trace(file, 4096, {});
  require(!example::as_text(report).empty(), "nothing to say");
  require(is_json(example::as_json(report)), "the report is no JSON");
  const ReplayReport newer = pageblock::replay_trace<ReplayConfig<newest>>(file, 4096);
  require(newer.result.nr_operations == report.result.nr_operations, "other operations");
}

/// What any tool may have printed: each line becomes one line of the kernel's own format.
inline void rewrite_trace_text(const InputFile& file) {
  const TraceText text = rewrite_trace(file);
  const auto nr_lines = [](std::string_view content) {
    return std::ranges::count(content, '\n') + (content.empty() || content.back() == '\n' ? 0 : 1);
  };
  require(nr_lines(text.file.content) == nr_lines(file.content), "other lines");
  std::uint64_t nr_events = 0;
  FtraceReader reader{text.file};
  while (reader.next_line()) nr_events += reader.line().is_event() ? 1U : 0U;
  require(nr_events == text.nr_events && nr_events != 0, "other events");
  require(text.skipped.count() <= static_cast<std::uint64_t>(nr_lines(file.content)),
          "more lines passed over than there are");
  replay_trace(file);
}

/// What is accepted is written again byte for byte, and read as a zone's events it can be written
/// as a zone's.
inline void read_trace(const InputFile& file) {
  std::string again;
  FtraceReader reader{file};
  while (reader.next_line()) append_line(again, reader.line());
  require(again == file.content, "the trace is written as another");

  std::string events;
  FtraceWriter writer{events, kernel::v3_6, Order{9}};
  FtraceTracer tracer{&writer};
  FtraceEvents source{kernel::v3_6};
  FtraceReader from_start{file};
  while (from_start.next_line()) source.give(from_start, tracer);
  if (events.empty()) return replay_trace(file);
  const InputFile written{file.name, events};
  FtraceReader reads_written{written};
  while (reads_written.next_line()) {
    require(reads_written.line().is_event(), "a written event is none");
  }
  replay_trace(file);
}

inline void read_state(const InputFile& file) {
  const ExactState state = parse_exact_state(file);
  require(!state.zones.empty() && !state.sections.empty(), "a state without memory");
  for (const ExactZone& zone : state.zones) {
    std::uint64_t pages = 0;
    for (const ExactFreeList& list : zone.free_lists) {
      require(zone.free_list(list.order, list.migratetype) == &list, "a list stands there twice");
      pages += list.pfns.size() * list.order.nr_pages();
    }
    require(pages == zone.listed_free, "other free pages");
    require(zone.pcps.size() == state.nr_cpus, "other CPUs");
  }
}

inline void read_pages(const InputFile& file) {
  const PageRuns pages = parse_page_runs(file);
  for (const PageRun& run : pages.runs()) {
    require(pages.find(run.range.start) == &run && pages.find(run.range.end - 1) == &run,
            "a run is not found");
  }
}

inline void read_meta(const InputFile& file) {
  const RecordingMeta meta = example::parse_recording_meta(file);
  require(meta.t0_entries.size() == meta.t1_entries.size(), "other CPUs");
}

}  // namespace pageblock::test
