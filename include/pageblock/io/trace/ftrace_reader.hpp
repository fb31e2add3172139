// SPDX-License-Identifier: MIT
/// Reads the kernel's `trace` file line by line.
///
/// Layer:  io.
/// Kernel: as ftrace.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_line.hpp"

namespace pageblock {

/// Goes through a trace. An event of ftrace::Event whose fields are not the kernel's, a line that
/// is none, and a last line without an end throw ParseError, which names file and line: nothing is
/// skipped. The file must outlive the reader and what is read.
///
///     FtraceReader reader{file};
///     while (reader.next_line()) {
///       if (const auto* alloc = std::get_if<ftrace::MmPageAlloc>(&reader.line().event)) { ... }
///     }
class FtraceReader {
 public:
  explicit FtraceReader(const InputFile& file)
      : reader_{file}, end_of_file_{file.content.data() + file.content.size()} {}

  /// Goes to the next line, and returns false behind the last one.
  bool next_line() {
    if (!reader_.next_line()) return false;
    const std::string_view text = reader_.line();
    // The half of a number would pass for a whole one.
    if (text.data() + text.size() == end_of_file_) fail("the line has no end: the file is cut off");
    const bool may_continue = may_continue_;
    may_continue_ = false;
    line_.prefix = {};
    if (text.starts_with('#')) {
      read_comment(text);
    } else if (text.starts_with("CPU:")) {
      read_lost_events(text);
    } else if (detail::TracePrefix::parse(text, line_)) {
      line_.nr_on_cpu = count_on(line_.cpu);
      detail::TraceEvent{reader_, line_}.parse(text.substr(line_.prefix.size()));
      may_continue_ = std::holds_alternative<ftrace::TracingMarkWrite>(line_.event) ||
                      std::holds_alternative<ftrace::UnknownEvent>(line_.event);
    } else if (may_continue) {
      line_.event = ftrace::Continuation{text};
      may_continue_ = true;
    } else {
      fail("expected '<comm>-<pid> [<cpu>] <time>: <event>'");
    }
    return true;
  }

  [[nodiscard]] const ftrace::Line& line() const { return line_; }

  /// Returns the number of this line, counted from 1; 0 before the first.
  [[nodiscard]] std::size_t number() const { return reader_.number(); }

  /// Throws the error that @p fault lies in this line.
  [[noreturn]] void fail(std::string_view fault) const { reader_.fail(fault); }

  /// Returns an argument of this line's probe; it is an error of the line if there is none.
  [[nodiscard]] std::uint64_t number_of(const ftrace::Probe& probe, std::string_view arg) const {
    return found(probe.number(arg), probe, arg);
  }
  [[nodiscard]] std::int64_t integer_of(const ftrace::Probe& probe, std::string_view arg) const {
    return found(probe.integer(arg), probe, arg);
  }

  /// Returns the pfn of the page that an argument of this line's probe points to.
  [[nodiscard]] Pfn pfn_of(const ftrace::Probe& probe, std::string_view arg = "page",
                           const ftrace::Vmemmap& vmemmap = {}) const {
    const std::uint64_t page = number_of(probe, arg);
    const auto pfn = vmemmap.pfn_of(page);
    if (!pfn) fail(fmt::format("{}: {}={:#x} is no page descriptor", probe.name, arg, page));
    return *pfn;
  }

 private:
  template <typename Number>
  [[nodiscard]] Number found(std::optional<Number> value, const ftrace::Probe& probe,
                             std::string_view arg) const {
    if (!value)
      fail(fmt::format("{}: expected '{}=<number>' in '{}'", probe.name, arg, probe.args));
    return *value;
  }

  std::uint64_t count_on(Cpu cpu) {
    if (cpu.id() >= nr_on_cpu_.size()) nr_on_cpu_.resize(cpu.id() + 1);
    return nr_on_cpu_[cpu.id()]++;
  }

  void read_comment(std::string_view text) {
    constexpr std::string_view counts = "# entries-in-buffer/entries-written: ";
    if (!text.starts_with(counts)) {
      line_.event = ftrace::Comment{text};
      return;
    }
    detail::TraceFields fields{reader_, "header", text};
    line_.event = ftrace::EntryCounts{.in_buffer = fields.count(counts),
                                      .written = fields.count("/"),
                                      .nr_cpus = fields.number("   #P:")};
    fields.expect_end();
  }

  void read_lost_events(std::string_view text) {
    detail::TraceFields fields{reader_, "lost events", text};
    ftrace::LostEvents lost{Cpu{fields.number("CPU:")}, std::nullopt};
    if (!fields.take(" [LOST EVENTS]")) {
      lost.count = fields.count(" [LOST ");
      fields.expect(" EVENTS]");
    }
    fields.expect_end();
    line_.event = lost;
  }

  LineReader reader_;
  const char* end_of_file_;
  ftrace::Line line_;
  std::vector<std::uint64_t> nr_on_cpu_;
  bool may_continue_ = false;
};

}  // namespace pageblock
