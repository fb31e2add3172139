// SPDX-License-Identifier: MIT
/// Writes a time line for Perfetto, in the JSON that ui.perfetto.dev, chrome://tracing and
/// trace_processor read (the "Trace Event Format").
///
/// Layer:  io.
/// Kernel: none.
///
/// Counters: each zone's free pages, pages on per-CPU lists and isolated blocks. Slices: while a
/// pageblock is isolated. Instants: who was told no, on the CPU's track. Other steps are instants too
/// if they are asked for. A time is that of the step, in microseconds; without one, its number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/picture_file.hpp"
#include "pageblock/io/picture/time_line.hpp"

namespace pageblock {

/// What a trace for Perfetto has.
struct PerfettoOptions {
  bool all_steps = false;  ///< also those that are no refusals
};

namespace detail {

/// Writes events one by one.
class PerfettoWriter {
 public:
  PerfettoWriter(const TimeLine& line, const PerfettoOptions& options)
      : line_{line}, options_{options} {}

  [[nodiscard]] std::string write() {
    add(R"("ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":)" +
        json_string(line_.title()) + "}");
    for (std::size_t i = 0; i < line_.parts().size(); ++i) {
      const TimeLine::Part& part = line_.parts()[i];
      isolated_.emplace_back();
      shown_.push_back({-1, -1, -1});
      add_numbers(i, part.numbers, 0);
      for (std::size_t block = 0; block < part.first.size(); ++block) {
        follow(i, block, part.first[block].type, 0);
      }
    }
    std::uint64_t time = 0;
    for (std::size_t i = 0; i < line_.steps().size(); ++i) {
      const TimeLine::Step& step = line_.steps()[i];
      time = step.told.time.value_or(i + 1);
      if (step.told.is_refusal || options_.all_steps) add_instant(step.told, time);
      for (const auto& change : step.numbers) add_numbers(change.part, change.now, time);
      for (const auto& change : step.changes)
        follow(change.part, change.block, change.now.type, time);
    }
    for (std::size_t i = 0; i < isolated_.size(); ++i) {  // what is isolated to the end
      for (const std::size_t block : isolated_[i]) add_slice_end(i, block, time + 1);
    }
    return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + events_ + "\n]}\n";
  }

 private:
  void add(std::string_view members) {
    events_ += fmt::format("{}{{{}}}", events_.empty() ? "" : ",\n", members);
  }

  void add_numbers(std::size_t part, const ZoneNumbers& now, std::uint64_t time) {
    constexpr std::array<std::string_view, 3> names{"free pages", "pages on per-CPU lists",
                                                    "isolated pageblocks"};
    const std::array values{now.free, now.listed, now.isolated};
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (shown_[part][i] == values[i]) continue;
      shown_[part][i] = values[i];
      add(fmt::format(R"("ph":"C","pid":1,"ts":{},"name":{},"args":{{"value":{}}})", time,
                      json_string(fmt::format("{}: {}", line_.parts()[part].name, names[i])),
                      values[i]));
    }
  }

  void follow(std::size_t part, std::size_t block, MigrateType type, std::uint64_t time) {
    const bool is_isolated = type == MigrateType::isolate;
    if (is_isolated == isolated_[part].contains(block)) return;
    if (is_isolated) {
      isolated_[part].insert(block);
      add_slice("b", part, block, time);
    } else {
      isolated_[part].erase(block);
      add_slice("e", part, block, time);
    }
  }
  void add_slice_end(std::size_t part, std::size_t block, std::uint64_t time) {
    add_slice("e", part, block, time);
  }
  void add_slice(std::string_view phase, std::size_t part, std::size_t block, std::uint64_t time) {
    const TimeLine::Part& of = line_.parts()[part];
    const std::string pfn = fmt::format("{:#x}", of.start + block * of.block_pages);
    add(fmt::format(R"("ph":"{}","cat":"isolation","id":"{}","pid":1,"tid":0,"ts":{},"name":{})",
                    phase, pfn, time, json_string(fmt::format("{}: {} isolated", of.name, pfn))));
  }

  void add_instant(const TimeStep& told, std::uint64_t time) {
    const std::uint64_t track = told.cpu ? told.cpu->id() + std::uint64_t{1} : 0;
    if (told.cpu && named_.insert(track).second) {
      add(fmt::format(
          R"("ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":"CPU {}"}})", track,
          told.cpu->id()));
    }
    const std::string pages =
        told.pages.empty() ? std::string{} : fmt::format("{:#x}", told.pages.start);
    add(fmt::format(
        R"("ph":"i","s":"t","pid":1,"tid":{},"ts":{},"name":{},"args":{{"detail":{},"page":"{}","refused":{}}})",
        track, time, json_string(told.what), json_string(told.detail), pages, told.is_refusal));
  }

  const TimeLine& line_;
  PerfettoOptions options_;
  std::string events_;
  std::vector<std::set<std::size_t>> isolated_;     // blocks of each part
  std::vector<std::array<std::int64_t, 3>> shown_;  // numbers of each part
  std::set<std::uint64_t> named_;                   // tracks
};

}  // namespace detail

/// Returns the trace.
[[nodiscard]] inline std::string to_perfetto(const TimeLine& line,
                                             const PerfettoOptions& options = {}) {
  return detail::PerfettoWriter{line, options}.write();
}

/// Writes the trace to a file. Throws std::system_error.
inline void write_perfetto(const std::string& file, const TimeLine& line,
                           const PerfettoOptions& options = {}) {
  detail::write_file(file, to_perfetto(line, options));
}

}  // namespace pageblock
