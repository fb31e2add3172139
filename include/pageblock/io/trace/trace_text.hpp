// SPDX-License-Identifier: MIT
/// Rewrites what tools print of a trace as lines of the kernel's own.
///
/// Layer:  io.
/// Kernel: include/trace/events/kmem.h from v2.6.32 on; trace_output.c, trace_functions_graph.c.
///
/// trace_prefix.hpp says in which forms the front of a line comes. Behind it fields may be in any
/// order, more of them or fewer; before v3.3 events had other names:
///
///     mm_page_free_direct   mm_page_free
///     mm_pagevec_free       mm_page_free_batched; until v2.6.35 the only event of such a free
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/skipped_lines.hpp"
#include "pageblock/io/trace/trace_lines.hpp"
#include "pageblock/io/trace/trace_payload.hpp"
#include "pageblock/io/trace/trace_prefix.hpp"

namespace pageblock {

/// A trace as the kernel would have printed it.
struct TraceText {
  /// Line n is made from line n of the original, and the rest of it if it was broken; what was
  /// passed over is a comment.
  InputFile file;
  SkippedLines skipped;
  std::uint64_t nr_events = 0;
  /// Whether events have the names of kernels before v3.3.
  bool has_old_names = false;
  /// Whether the last line has no end, so that it may be cut.
  bool ends_in_a_line = false;
};

namespace detail {

/// Makes a TraceText line by line.
class TraceRewriter {
 public:
  explicit TraceRewriter(const InputFile& file) : file_{file} {
    text_.file.name = file.name;
    text_.file.content.reserve(file.content.size() + file.content.size() / 8 + 1);
    text_.ends_in_a_line = !file.content.empty() && file.content.back() != '\n';
  }

  [[nodiscard]] TraceText rewrite() {
    if (file_.content.empty()) throw file_.error("the file is empty");
    while (lines_.next()) {
      ++number_;
      rewrite_line(lines_.line());
      for (std::size_t i = 0; i < lines_.nr_joined(); ++i) comment();
      number_ += lines_.nr_joined();
    }
    if (text_.nr_events == 0) {
      throw file_.error_at_line(1,
                                "expected '<comm>-<pid> [<cpu>] <time>: <event>', and no line "
                                "of the trace is one");
    }
    return std::move(text_);
  }

 private:
  void rewrite_line(std::string_view line) {
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
      if (!has_empty_lines_) text_.skipped.add_empty(number_);
      if (may_continue_) return emit(line);
      return comment();
    }
    if (!is_continuation(line)) text_.skipped.end_of_empty();
    if (line[start] == '#') return rewrite_comment(line.substr(start));
    if (rewrite_event(line)) return;
    const std::string_view text = line.substr(start);
    if (text.starts_with("CPU:") && rewrite_lost(text)) return;
    if (may_continue_) return emit(line);  // a further line of what a program wrote
    if (!is_head_or_stack(line, text)) text_.skipped.add(number_);
    comment();
  }
  [[nodiscard]] bool is_continuation(std::string_view line) const {
    return may_continue_ && line.empty();
  }

  // Returns false if the line is no event.
  bool rewrite_event(std::string_view line) {
    const TracePayload payload = find_trace_payload(line);
    std::string_view front = line;
    if (payload.event != nullptr) front = line.substr(0, payload.name_at);
    TraceFront found = read_trace_front(front, payload.event != nullptr);
    if (found.kind == TraceFront::Kind::none) {
      if (payload.event != nullptr && payload.has_page()) {
        throw file_.error_at_line(number_, "expected '<comm>-<pid> [<cpu>] <time>: <event>'");
      }
      return false;
    }
    is_perf_ = found.kind == TraceFront::Kind::perf;
    has_empty_lines_ = found.kind != TraceFront::Kind::kernel;
    if (found.kind == TraceFront::Kind::graph && payload.event == nullptr) {
      comment();  // a function that was called
      return true;
    }
    ++text_.nr_events;
    may_continue_ = false;
    if (payload.event == nullptr) {
      emit_other(line, found);
      return true;
    }
    std::string_view fields = line.substr(payload.fields_at);
    if (found.kind == TraceFront::Kind::graph) fields = fields.substr(0, fields.rfind("*/"));
    const KernelEvent* event = payload.event;
    if (event->is_old) text_.has_old_names = true;
    if (event->is_pagevec_free && !pagevec_is_followed_by_free(fields)) event = event->other;
    put(found.prefix);
    write_trace_payload(text_.file.content, *event, fields, file_, number_);
    text_.file.content += '\n';
    return true;
  }

  // Another event stays as it is; but trace-cmd shows where it happened in the way of a probe.
  void emit_other(std::string_view line, const TraceFront& front) {
    // What a program wrote may have several lines.
    may_continue_ =
        front.kind == TraceFront::Kind::kernel && front.rest.starts_with("tracing_mark_write: ");
    if (front.kind == TraceFront::Kind::kernel && !front.is_padded) return emit(line);
    put(front.prefix);
    std::string_view rest = front.rest;
    const std::size_t colon = rest.find(':');
    text_.file.content += rest.substr(0, colon);
    if (colon != std::string_view::npos) {
      rest.remove_prefix(colon + 1);
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      if (rest.starts_with('(')) {
        rest.remove_prefix(std::min(rest.find(')'), rest.size() - 1) + 1);
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      }
      text_.file.content += ": ";
      text_.file.content += rest;
    }
    text_.file.content += '\n';
  }

  // Kernels from v2.6.36 on report such a free a second time, with the next event.
  bool pagevec_is_followed_by_free(std::string_view fields) {
    if (pagevec_is_followed_) return *pagevec_is_followed_;
    constexpr std::size_t lines_ahead = 64;
    const std::size_t at = fields.find("pfn=");
    const std::string_view pfn = fields.substr(std::min(at, fields.size()));
    const std::string_view wanted = pfn.substr(0, pfn.find(' '));
    std::string_view ahead = lines_.unread();
    pagevec_is_followed_ = false;
    for (std::size_t i = 0; i < lines_ahead && !ahead.empty(); ++i) {
      const std::string_view line = ahead.substr(0, ahead.find('\n'));
      ahead.remove_prefix(std::min(line.size() + 1, ahead.size()));
      const std::size_t free = line.find("mm_page_free_direct:");
      if (free != std::string_view::npos && line.find(wanted, free) != std::string_view::npos) {
        pagevec_is_followed_ = true;
        break;
      }
    }
    return *pagevec_is_followed_;
  }

  // The header's counts are read, so they have to be as the kernel prints them.
  void rewrite_comment(std::string_view text) {
    constexpr std::string_view counts = "# entries-in-buffer/entries-written: ";
    may_continue_ = false;
    if (!text.starts_with(counts)) return emit(text);
    std::string_view rest = text.substr(counts.size());
    const auto number = [&]() -> std::optional<std::uint64_t> {
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
      if (error != std::errc{}) return std::nullopt;
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      return value;
    };
    const auto in_buffer = number();
    if (!in_buffer || !rest.starts_with('/')) return comment();
    rest.remove_prefix(1);
    const auto written = number();
    const std::size_t cpus = rest.find("#P:");
    if (!written || cpus == std::string_view::npos) return comment();
    rest.remove_prefix(cpus + 3);
    const auto nr_cpus = number();
    constexpr std::uint64_t most_cpus = 1U << 20;
    if (!nr_cpus || *nr_cpus > most_cpus) return comment();
    emit(fmt::format("{}{}/{}   #P:{}", counts, *in_buffer, *written, *nr_cpus));
  }

  // "CPU:3 [LOST 12 EVENTS]"; trace-cmd's "CPU:3 [12 EVENTS DROPPED]".
  bool rewrite_lost(std::string_view text) {
    const std::size_t bracket = text.find(" [");
    if (bracket == std::string_view::npos || text.find("EVENTS") == std::string_view::npos) {
      return false;
    }
    constexpr std::string_view digits = "0123456789";
    const std::string_view cpu = text.substr(4, bracket - 4);
    if (cpu.empty() || cpu.size() > 6 || cpu.find_first_not_of(digits) != std::string_view::npos) {
      return false;
    }
    std::string_view count = text.substr(bracket);
    count.remove_prefix(std::min(count.find_first_of(digits), count.size()));
    count = count.substr(0, count.find_first_not_of(digits));
    emit(fmt::format("CPU:{} [LOST {}{}EVENTS]", std::stoul(std::string{cpu}), count,
                     count.empty() ? "" : " "));
    return true;
  }

  // What tools print besides: trace-cmd's head, and the calls that led to an event.
  [[nodiscard]] bool is_head_or_stack(std::string_view line, std::string_view text) const {
    constexpr std::array<std::string_view, 4> heads{"cpus=", "version = ", "trace-cmd", "=> "};
    if (std::ranges::any_of(heads, [&](std::string_view head) { return text.starts_with(head); })) {
      return true;
    }
    if (text.starts_with("CPU ") && text.ends_with(" is empty")) return true;
    if (text.starts_with("-----") || text.find("  =>  ") != std::string_view::npos) return true;
    return is_perf_ && line.size() != text.size();
  }

  void put(std::string_view text) { text_.file.content += text; }
  void emit(std::string_view line) {
    text_.file.content += line;
    text_.file.content += '\n';
  }
  void comment() {
    may_continue_ = false;
    text_.file.content += "#\n";
  }

  const InputFile& file_;
  TraceLines lines_{file_.content};
  TraceText text_;
  std::size_t number_ = 0;
  std::optional<bool> pagevec_is_followed_;
  bool is_perf_ = false;          // the last event is perf's: lines with its stack follow
  bool has_empty_lines_ = false;  // as perf and the function_graph tracer print
  bool may_continue_ = false;
};

}  // namespace detail

/// Rewrites a trace that was printed by the kernel (trace, trace_pipe, also with the function_graph
/// tracer), by trace-cmd report or by perf script, and perhaps pasted. Lines that are nothing of
/// these, such as a prompt, are passed over and counted. Throws ParseError, which names file and
/// line: at an event whose front or fields cannot be read, and if there is no event at all.
[[nodiscard]] inline TraceText rewrite_trace(const InputFile& file) {
  return detail::TraceRewriter{file}.rewrite();
}

}  // namespace pageblock
