// SPDX-License-Identifier: MIT
/// The front of a line of a trace, whichever tool printed it.
///
/// Layer:  io.
/// Kernel: trace_print_context(), trace_print_lat_context() (kernel/trace/trace_output.c),
///         trace_functions_graph.c.
///
///     kernel       bash-1234    [002] d..1.  2319.000857: mm_page_free: ...
///     trace-cmd    the same, with blanks behind "mm_page_free:" and perhaps nanoseconds
///     latency      bash-1234      2d..1.   57us+: mm_page_free: ...
///     perf script  bash  1234 [002]  2319.000857: kmem:mm_page_free: ...   perhaps without the pid
///     graph        2) bash-1234 |  /* mm_page_free: ... */      perhaps with "2319.000857 |" first
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_line.hpp"

namespace pageblock::detail {

/// What stands in front of an event.
struct TraceFront {
  enum class Kind { none, kernel, perf, graph };
  Kind kind = Kind::none;
  /// As the kernel has it, up to the event's name.
  std::string prefix;
  /// What follows; only asked for if the event's name is not known.
  std::string_view rest;
  /// Whether a tool has put blanks behind the event's name.
  bool is_padded = false;
};

/// Takes words from the end of a text.
class WordsFromEnd {
 public:
  explicit WordsFromEnd(std::string_view text) : rest_{text} {}

  [[nodiscard]] std::string_view rest() const { return rest_; }
  std::string_view word() {
    const std::size_t last = rest_.find_last_not_of(blanks);
    if (last == std::string_view::npos) return {};
    rest_ = rest_.substr(0, last + 1);
    const std::size_t blank = rest_.find_last_of(blanks);
    const std::string_view word = rest_.substr(blank == std::string_view::npos ? 0 : blank + 1);
    rest_ = rest_.substr(0, rest_.size() - word.size());
    return word;
  }

 private:
  static constexpr std::string_view blanks = " \t";
  std::string_view rest_;
};

inline constexpr std::string_view decimal_digits = "0123456789";

[[nodiscard]] inline bool is_decimal(std::string_view text) {
  return !text.empty() && text.find_first_not_of(decimal_digits) == std::string_view::npos;
}

// "2319.000857", also with nanoseconds. With other decimals it is torn.
[[nodiscard]] inline bool is_seconds(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return false;
  const std::string_view decimals = text.substr(point + 1);
  return (decimals.size() == 6 || decimals.size() == 9) && is_decimal(decimals) &&
         is_decimal(text.substr(0, point));
}

[[nodiscard]] inline std::string trimmed_name(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return "unknown";
  return std::string{text.substr(start, text.find_last_not_of(" \t") + 1 - start)};
}

/// Writes a front as the kernel does. A clock that counts is as good as seconds here.
[[nodiscard]] inline std::string kernel_front(std::string_view comm, std::string_view pid,
                                              std::string_view cpu, std::string_view time) {
  // At the start of a line these would make it one of another kind.
  const bool is_odd = comm.starts_with('#') || comm.starts_with("CPU:");
  return fmt::format("{}{}-{} [{:0>3}] {}: ", is_odd ? " " : "", comm, pid, cpu, time);
}

// "bash  1234/1235 [002]  2319.000857:" and "kmem:" or nothing behind it. What perf was not asked
// to print, comm, pid or CPU, is "unknown" or 0.
[[nodiscard]] inline TraceFront read_perf_front(std::string_view front) {
  WordsFromEnd words{front};
  std::string_view word = words.word();
  if (word.ends_with(':') && !is_seconds(word.substr(0, word.size() - 1))) word = words.word();
  if (!word.ends_with(':')) return {};
  const std::string_view time = word.substr(0, word.size() - 1);
  if (!is_seconds(time)) return {};
  std::string_view comm = words.rest();
  word = words.word();
  std::string_view cpu = "000";
  if (word.size() > 2 && word.front() == '[' && word.back() == ']') {
    cpu = word.substr(1, word.size() - 2);
    comm = words.rest();
    word = words.word();
  }
  if (!is_decimal(cpu)) return {};
  std::string_view pid = word.substr(0, word.find('/'));
  if (is_decimal(pid)) {
    comm = words.rest();
  } else {
    pid = "0";
  }
  const std::string_view micros = time.substr(0, time.find('.') + 7);
  return {TraceFront::Kind::perf, kernel_front(trimmed_name(comm), pid, cpu, micros), {}, false};
}

// "  2319.000857 |   2)  bash-1234  | d..1. |  /*"
[[nodiscard]] inline TraceFront read_graph_front(std::string_view front) {
  const std::size_t bar = front.find('|');
  const std::size_t close = front.find(')');
  if (close == std::string_view::npos || bar == std::string_view::npos) return {};
  WordsFromEnd before{front.substr(0, close)};
  const std::string_view cpu = before.word();
  if (!is_decimal(cpu)) return {};
  std::string_view time = "0.000000";
  if (const std::string_view word = before.word(); !word.empty()) {
    if (word != "|") return {};
    time = before.word();
    if (!is_seconds(time)) return {};
  }
  if (!before.word().empty()) return {};
  const std::size_t next_bar = front.find('|', close);
  if (next_bar == std::string_view::npos) return {};
  const std::string task = trimmed_name(front.substr(close + 1, next_bar - close - 1));
  const std::size_t dash = task.rfind('-');
  const bool is_task =
      dash != std::string::npos && is_decimal(std::string_view{task}.substr(dash + 1));
  const std::string_view micros = time.substr(0, time.find('.') + 7);
  return {TraceFront::Kind::graph,
          is_task ? kernel_front(task.substr(0, dash), task.substr(dash + 1), cpu, micros)
                  : kernel_front("unknown", "0", cpu, micros),
          {},
          false};
}

// "bash-1234      2d..1.   57us+: "
[[nodiscard]] inline TraceFront read_latency_front(std::string_view front) {
  WordsFromEnd words{front};
  std::string_view time = words.word();
  if (time == ":") time = words.word();
  time = time.substr(0, time.find("us"));
  const std::string_view place = words.word();
  const std::size_t nr_digits = std::min(place.find_first_not_of(decimal_digits), place.size());
  const std::string_view task = words.word();
  const std::size_t dash = task.rfind('-');
  if (!is_decimal(time) || nr_digits == 0 || nr_digits == place.size() ||
      dash == std::string_view::npos || !is_decimal(task.substr(dash + 1))) {
    return {};
  }
  return {
      TraceFront::Kind::kernel,
      kernel_front(task.substr(0, dash), task.substr(dash + 1), place.substr(0, nr_digits), time),
      {},
      false};
}

/// Reads the front of a line. With @p is_front the text ends where an event's name begins; else it
/// is a whole line, and its event is of another kind.
[[nodiscard]] inline TraceFront read_trace_front(std::string_view text, bool is_front) {
  ftrace::Line line;
  // An event's name, for the reader wants one behind a front.
  const std::string whole = is_front ? std::string{text} + "x" : std::string{};
  const std::string_view tried = is_front ? std::string_view{whole} : text;
  if (TracePrefix::parse(tried, line)) {
    TraceFront front{TraceFront::Kind::kernel, std::string{line.prefix}, {}, false};
    front.rest = text.substr(std::min(line.prefix.size(), text.size()));
    const std::size_t colon = front.rest.find(": ");
    front.is_padded = colon != std::string_view::npos && colon + 2 < front.rest.size() &&
                      front.rest[colon + 2] == ' ';
    // perf's "sys:event:" behind what looks like the kernel's front is perf's all the same.
    return front;
  }
  if (is_front) {
    if (TraceFront front = read_graph_front(text); front.kind != TraceFront::Kind::none) {
      return front;
    }
    if (TraceFront front = read_perf_front(text); front.kind != TraceFront::Kind::none) {
      return front;
    }
    return read_latency_front(text);
  }
  if (TraceFront front = read_graph_front(text); front.kind != TraceFront::Kind::none) {
    return front;
  }
  // perf's other events: "bash  1234 [002]  2319.000857: sched:sched_switch: ..."
  for (std::size_t at = text.find(": "); at != std::string_view::npos;
       at = text.find(": ", at + 1)) {
    TraceFront front = read_perf_front(text.substr(0, at + 1));
    if (front.kind == TraceFront::Kind::none) continue;
    front.rest = text.substr(std::min(text.find_first_not_of(' ', at + 1), text.size()));
    if (const std::size_t system = front.rest.find(':');
        system != std::string_view::npos &&
        front.rest.find_first_of(" :", system + 1) != text.npos) {
      const std::size_t name = front.rest.find_first_of(" :", system + 1);
      if (front.rest[name] == ':') front.rest.remove_prefix(system + 1);
    }
    return front;
  }
  return {};
}

}  // namespace pageblock::detail
