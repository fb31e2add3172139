// SPDX-License-Identifier: MIT
/// Finds the reports of failed allocations and of the OOM killer in a log.
///
/// Layer:  io.
/// Kernel: warn_alloc(), show_mem() (mm/page_alloc.c), dump_header() (mm/oom_kill.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/log/failed_request.hpp"
#include "pageblock/io/log/mem_info.hpp"
#include "pageblock/io/log/mem_info_reader.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/log_line.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// A report, as far as the log has it.
struct AllocationReport {
  /// Nothing if the beginning is missing, or if somebody only asked for the memory's state (SysRq m).
  std::optional<FailedRequest> request;
  /// Without zones if "Mem-Info:" is missing: the kernel leaves it out if reports follow each other
  /// too fast, and where a memory cgroup's limit is the reason.
  MemInfo info;
  std::string release;   ///< The kernel's release, as the report gives it; empty if it does not.
  std::string stamp;     ///< The time stamp of the first line, as it is there.
  std::size_t line = 0;  ///< Where the report begins, from 1.
  std::optional<OomConstraint> constraint;  ///< What bounded an OOM kill, if the log says so.
  std::optional<CgroupUsage> cgroup;        ///< The limit of a cgroup that was reached, if one was.
  std::optional<KilledProcess> killed;      ///< Who was killed, if the log says so.
};

/// Collects them line by line. Lines of several writers may interleave: parts go to the report that
/// lacks them, of the same writer if the log says whose lines are whose.
class AllocationReportReader {
 public:
  /// The file must outlive the reader.
  explicit AllocationReportReader(const InputFile& file) : file_{&file} {}

  /// Takes a line, and returns whether it is part of a report. Throws ParseError at what no kernel
  /// prints.
  bool take(const LogLine& line) {
    Stream& stream = streams_[line.caller];
    if (take_request(stream, line)) return true;
    if (line.text.starts_with("Mem-Info:") || line.text.starts_with("Mem-info:")) {
      if (!open_of(stream) || !open_of(stream)->reader.empty()) begin(stream, line, std::nullopt);
      return true;
    }
    if (take_zones(stream, line)) return true;
    return open_of(stream) != nullptr && take_rest(*open_of(stream), line);
  }

  /// Returns the reports in the order of their first lines.
  [[nodiscard]] std::vector<AllocationReport> finish() {
    std::vector<AllocationReport> reports;
    for (Open& open : open_) {
      open.report.info = open.reader.finish();
      if (!open.report.request && open.report.info.zones.empty()) continue;
      reports.push_back(std::move(open.report));
    }
    open_.clear();
    streams_.clear();
    return reports;
  }

 private:
  struct Open {
    AllocationReport report;
    MemInfoReader reader;
    std::optional<double> seconds;
  };
  /// The reports of one writer; those that may still get parts, the latest last.
  struct Stream {
    std::vector<std::size_t> open;
    /// The one that got the last part.
    std::size_t current = 0;
    /// A line before, if it begins a report but does not say the whole request.
    std::optional<LogLine> first_half{};
  };

  // Parts of one report follow each other closely.
  [[nodiscard]] static bool is_near(const Open& open, const LogLine& line) {
    constexpr std::size_t most_lines = 500;
    constexpr double most_seconds = 2;
    if (open.seconds && line.seconds) return *line.seconds - *open.seconds < most_seconds;
    return line.number - open.report.line < most_lines;
  }

  [[nodiscard]] Open* open_of(const Stream& stream) {
    return stream.open.empty() ? nullptr : &open_[stream.current];
  }

  // The line that says what was asked for. If mail or a console broke it, the next line has the rest:
  // all but the order may stand in the first, or only the first words.
  bool take_request(Stream& stream, const LogLine& line) {
    const std::optional<LogLine> first_half = std::exchange(stream.first_half, {});
    if (begins_failed_request(line.text)) {
      auto request = parse_failed_request(line.text);
      if (!request || !request->order) stream.first_half = line;
      return request && begin(stream, line, std::move(request));
    }
    if (!first_half) return false;
    auto request = parse_failed_request(fmt::format("{} {}", first_half->text, line.text));
    if (!request) return false;
    const bool is_begun = parse_failed_request(first_half->text).has_value();
    if (!is_begun) return begin(stream, *first_half, std::move(request));
    if (!request->order) return false;
    open_of(stream)->report.request = std::move(request);
    return true;
  }

  bool begin(Stream& stream, const LogLine& line, std::optional<FailedRequest> request) {
    constexpr unsigned most_order = 19;
    if (request && request->order.value_or(0) > most_order) {
      throw file_->error_at_line(line.number,
                                 fmt::format("order {} is above any kernel's", *request->order));
    }
    std::erase_if(stream.open, [&](std::size_t open) {
      return open_[open].reader.is_complete() || !is_near(open_[open], line);
    });
    MemInfoReader reader{*file_};
    if (const Open* before = open_of(stream)) reader.follow(before->reader);
    stream.current = open_.size();
    stream.open.push_back(stream.current);
    AllocationReport report;
    report.request = std::move(request);
    report.stamp = line.stamp;
    report.line = line.number;
    open_.push_back({std::move(report), std::move(reader), line.seconds});
    return true;
  }

  bool take_zones(Stream& stream, const LogLine& line) {
    if (stream.open.empty()) {
      if (!MemInfoReader::may_begin(line.text)) return false;
      begin(stream, line, std::nullopt);
    }
    const MemInfoReader& before = open_[stream.current].reader;
    const auto taken = open_[stream.current].reader.take(line);
    if (taken != MemInfoReader::Taken::again) return taken == MemInfoReader::Taken::yes;
    for (std::size_t i = stream.open.size(); i-- > 0;) {
      Open& other = open_[stream.open[i]];
      if (stream.open[i] == stream.current || !is_near(other, line)) continue;
      other.reader.follow(before);
      if (other.reader.take(line) != MemInfoReader::Taken::yes) continue;
      stream.current = stream.open[i];
      return true;
    }
    begin(stream, line, std::nullopt);
    return open_[stream.current].reader.take(line) == MemInfoReader::Taken::yes;
  }

  // What stands around the zones.
  static bool take_rest(Open& open, const LogLine& line) {
    AllocationReport& report = open.report;
    if (!is_near(open, line)) return false;
    if (report.release.empty()) {
      report.release = find_kernel_release(line.text);
      if (!report.release.empty()) return true;
    }
    bool found = false;
    if (const auto constraint = parse_oom_constraint(line.text)) {
      report.constraint = std::max(report.constraint.value_or(OomConstraint::none), *constraint);
      found = true;
    }
    if (const auto usage = parse_cgroup_usage(line.text)) {
      report.cgroup = usage;
      found = true;
    }
    if (auto killed = parse_killed_process(line.text)) {
      report.killed = std::move(killed);
      found = true;
    }
    if (report.request && line.text.find("mems_allowed=") != line.text.npos) {
      if (!report.request->mems_allowed) {
        report.request->mems_allowed = node_list_behind(line.text, "mems_allowed=");
      }
      if (!report.request->nodemask) {
        report.request->nodemask = node_list_behind(line.text, "nodemask=");
      }
      found = true;
    }
    return found || is_of_report(line.text);
  }

  // Lines that say nothing that is asked for here.
  [[nodiscard]] static bool is_of_report(std::string_view text) {
    for (const std::string_view begin : {"CPU:",
                                         "CPU ",
                                         "Hardware name:",
                                         "Call Trace",
                                         "Call trace",  // arm64
                                         "Workqueue:",
                                         "active_anon:",
                                         "active_file:",
                                         "unevictable:",
                                         "slab_reclaimable:",
                                         "mapped:",
                                         "free:",
                                         "free_cma:",  // v3.10 to v3.18
                                         "kernel_misc_reclaimable:",
                                         "sec_pagetables:",
                                         "Pid:",
                                         "Tasks state",
                                         "Free swap",
                                         "Total swap",
                                         "Swap cache stats",
                                         "memory+swap:",
                                         "kmem:",
                                         "swap: usage",
                                         "[  pid  ]",
                                         "[ pid ]",
                                         "oom_reaper:"}) {
      if (text.starts_with(begin)) return true;
    }
    for (const std::string_view end :
         {" pages RAM", " pages reserved", " pages HighMem/MovableOnly", " pages cma reserved",
          " pages hwpoisoned", " total pagecache pages", " pages in swap cache", " pages shared",
          " pages non-shared"}) {
      if (text.ends_with(end)) return true;
    }
    // "[   1234]     0  1234 ...": a process in the OOM killer's table.
    if (text.starts_with('[') &&
        text.find_first_not_of(" 0123456789", 1) == std::min(text.find(']'), text.size() - 1)) {
      return true;
    }
    // "[<ffffffff81047d1b>] warn_alloc+0x7b/0xa0", "? warn_alloc+0x7b/0xa0": a stack.
    return text.find("+0x") != text.npos;
  }

  const InputFile* file_;
  std::map<std::string_view, Stream> streams_;
  std::vector<Open> open_;
};

}  // namespace pageblock
