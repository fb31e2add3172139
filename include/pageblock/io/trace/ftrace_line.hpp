// SPDX-License-Identifier: MIT
/// Takes a line of the kernel's `trace` file apart.
///
/// Layer:  io.
/// Kernel: as ftrace.hpp.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/trace_fields.hpp"

namespace pageblock::detail {

/// Takes "comm-pid [cpu] flags timestamp: " apart. A comm may have all of these in it, so each
/// place where the CPU could stand is tried until the whole of it fits.
class TracePrefix {
 public:
  /// Fills the prefix's part of @p line; returns false if @p text does not begin with one.
  static bool parse(std::string_view text, ftrace::Line& line) {
    // The bracket first: there are many blanks in front of it.
    for (std::size_t at = text.find('['); at != std::string_view::npos;
         at = text.find('[', at + 1)) {
      if (at != 0 && text[at - 1] == ' ' && parse_at(text, at - 1, line)) return true;
    }
    return false;
  }

  /// More CPUs than any kernel has.
  static constexpr unsigned max_cpus = 8192;

 private:
  static bool parse_at(std::string_view text, std::size_t at, ftrace::Line& line) {
    const std::size_t bracket = text.find(']', at);
    if (bracket == std::string_view::npos || !text.substr(bracket + 1).starts_with(' ')) {
      return false;
    }
    unsigned cpu = 0;
    const std::string_view digits = text.substr(at + 2, bracket - at - 2);
    if (digits.size() < 3 || !number(digits, cpu) || cpu >= max_cpus) return false;

    std::string_view rest = text.substr(bracket + 2);
    std::string_view flags;
    std::string_view time = word(rest);
    // Four flags before v5.17, five since, seven with the real-time patches.
    if (!time.ends_with(':')) {
      flags = time;
      time = word(rest);
    }
    if (!time.ends_with(':') || !rest.starts_with(' ')) return false;
    time.remove_suffix(1);
    rest.remove_prefix(1);
    if (!parse_time(time, line.time) || !parse_task(text.substr(0, at), line)) return false;
    line.cpu = Cpu{cpu};
    line.flags = flags;
    line.timestamp = time;
    line.prefix = text.substr(0, text.size() - rest.size());
    return true;
  }

  // "   comm-12  ", or "   comm-12   (   12)" with the option record-tgid.
  static bool parse_task(std::string_view text, ftrace::Line& line) {
    if (text.ends_with(')')) text = text.substr(0, text.rfind('('));
    const std::size_t end = text.find_last_not_of(' ') + 1;
    const std::size_t dash = text.rfind('-');
    const std::size_t start = text.find_first_not_of(' ');
    if (dash == std::string_view::npos || end <= dash || start >= dash) return false;
    if (!number(text.substr(dash + 1, end - dash - 1), line.pid)) return false;
    line.comm = text.substr(start, dash - start);
    return true;
  }

  // "12.345678", or "1234" of a clock that counts.
  static bool parse_time(std::string_view text, std::uint64_t& time) {
    const std::size_t point = text.find('.');
    if (point == std::string_view::npos) return number(text, time);
    std::uint32_t seconds = 0;
    std::uint32_t micros = 0;
    std::uint32_t nanos = 0;  // trace-cmd may show them
    const bool has_nanos = text.size() - point == 10 && number(text.substr(point + 7), nanos);
    if ((!has_nanos && text.size() - point != 7) || !number(text.substr(point + 1, 6), micros) ||
        !number(text.substr(0, point), seconds)) {
      return false;
    }
    time = std::uint64_t{seconds} * 1'000'000 + micros;
    return true;
  }

  template <typename Unsigned>
  static bool number(std::string_view text, Unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
  }
  static std::string_view word(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view result = rest.substr(0, rest.find(' '));
    rest.remove_prefix(result.size());
    return result;
  }
};

/// Reads what stands behind the prefix into @p line.
class TraceEvent {
 public:
  TraceEvent(const LineReader& reader, ftrace::Line& line) : reader_{reader}, line_{line} {}

  void parse(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && is_of_name(text[length])) ++length;
    const std::string_view name = text.substr(0, length);
    const std::string_view behind = text.substr(length);
    line_.has_decimal_pfns = false;
    if (name.empty() || !behind.starts_with(':')) {
      line_.event = ftrace::UnknownEvent{{}, text};
    } else if (name == "tracing_mark_write" && behind.starts_with(": ")) {
      line_.event = ftrace::TracingMarkWrite{behind.substr(2)};
    } else if (behind.starts_with(": (") && behind.find("+0x") < behind.find(' ', 3)) {
      parse_probe(name, behind.substr(3));
    } else if (!parse_known(name, behind)) {
      line_.event = ftrace::UnknownEvent{name, text};
    }
  }

 private:
  static constexpr bool is_of_name(char at) {
    return (at >= 'a' && at <= 'z') || at == '_' || (at >= '0' && at <= '9') ||
           (at >= 'A' && at <= 'Z');
  }

  bool parse_known(std::string_view name, std::string_view text) {
    if (name == "mm_page_pcpu_drain") return parse_fields(name, text, &TraceEvent::drain);
    if (name == "mm_page_alloc") return parse_fields(name, text, &TraceEvent::alloc);
    if (name == "mm_page_free") return parse_fields(name, text, &TraceEvent::free);
    if (name == "mm_page_free_batched") return parse_fields(name, text, &TraceEvent::batched);
    if (name == "mm_page_alloc_zone_locked") return parse_fields(name, text, &TraceEvent::locked);
    if (name == "mm_page_alloc_extfrag") return parse_fields(name, text, &TraceEvent::extfrag);
    if (name == "test_pages_isolated") return parse_fields(name, text, &TraceEvent::isolated);
    if (name == "cma_alloc_start") return parse_fields(name, text, &TraceEvent::cma_start);
    if (name == "cma_alloc_busy_retry") return parse_fields(name, text, &TraceEvent::cma_busy);
    if (name == "cma_alloc_finish") return parse_fields(name, text, &TraceEvent::cma_finish);
    if (name == "cma_release") return parse_fields(name, text, &TraceEvent::cma_release);
    return false;
  }

  bool parse_fields(std::string_view name, std::string_view text,
                    ftrace::Event (*fields_of)(TraceFields&)) {
    TraceFields fields{reader_, name, text};
    fields.expect(": ");
    line_.event = fields_of(fields);
    fields.expect_end();
    line_.has_decimal_pfns = fields.has_decimal_pfns();
    return true;
  }

  // Braced initialisers are evaluated in order, which is the order of the fields.
  static ftrace::Event alloc(TraceFields& fields) {
    ftrace::MmPageAlloc event{.page = fields.page(),
                              .pfn = fields.pfn(),
                              .order = fields.order(),
                              .migratetype = fields.number(" migratetype="),
                              .gfp_flags = fields.word(" gfp_flags=")};
    if (event.pfn == Pfn{0} && is_null(event.page)) event.pfn.reset();
    return event;
  }
  static bool is_null(std::string_view page) {
    return page.ends_with("(null)") || page.find_first_not_of('0') == std::string_view::npos;
  }
  static ftrace::Event free(TraceFields& fields) {
    return ftrace::MmPageFree{.page = fields.page(), .pfn = fields.pfn(), .order = fields.order()};
  }
  static ftrace::Event batched(TraceFields& fields) {
    const ftrace::MmPageFreeBatched event{.page = fields.page(), .pfn = fields.pfn()};
    fields.expect(" order=0");
    return event;
  }
  static ftrace::Event locked(TraceFields& fields) {
    return ftrace::MmPageAllocZoneLocked{.page = fields.page(),
                                         .pfn = fields.pfn(),
                                         .order = fields.order(),
                                         .migratetype = fields.number(" migratetype="),
                                         .percpu_refill = fields.flag(" percpu_refill=")};
  }
  static ftrace::Event drain(TraceFields& fields) {
    return ftrace::MmPagePcpuDrain{.page = fields.page(),
                                   .pfn = fields.pfn(),
                                   .order = fields.order(),
                                   .migratetype = fields.number(" migratetype=")};
  }
  static ftrace::Event extfrag(TraceFields& fields) {
    return ftrace::MmPageAllocExtfrag{
        .page = fields.page(),
        .pfn = fields.pfn(),
        .alloc_order = fields.order(" alloc_order="),
        .fallback_order = fields.order(" fallback_order="),
        .pageblock_order = fields.order(" pageblock_order="),
        .alloc_migratetype = fields.number(" alloc_migratetype="),
        .fallback_migratetype = fields.number(" fallback_migratetype="),
        .fragmenting = fields.flag(" fragmenting="),
        .change_ownership = fields.flag(" change_ownership=")};
  }
  static ftrace::Event isolated(TraceFields& fields) {
    ftrace::TestPagesIsolated event{.start_pfn = fields.pfn("start_pfn="),
                                    .end_pfn = fields.pfn(" end_pfn="),
                                    .fin_pfn = fields.pfn(" fin_pfn=")};
    fields.expect(" ret=");
    event.success = fields.take("success");
    if (!event.success) fields.expect("fail");
    return event;
  }

  static ftrace::Event cma_start(TraceFields& fields) {
    return ftrace::CmaAllocStart{.name = fields.text("name=", " count="),
                                 .count = fields.count(" count="),
                                 .align = fields.number(" align=")};
  }
  static ftrace::Event cma_busy(TraceFields& fields) {
    return ftrace::CmaAllocBusyRetry{.name = fields.text("name=", " pfn="),
                                     .pfn = fields.pfn(),
                                     .page = fields.text(" page=", " count="),
                                     .count = fields.count(" count="),
                                     .align = fields.number(" align=")};
  }
  static ftrace::Event cma_finish(TraceFields& fields) {
    ftrace::CmaAllocFinish event{.name = fields.text("name=", " pfn="),
                                 .pfn = fields.pfn(),
                                 .page = fields.text(" page=", " count="),
                                 .count = fields.count(" count="),
                                 .align = fields.number(" align=")};
    if (fields.take(" errorno=")) event.error = fields.error_number();
    return event;
  }
  static ftrace::Event cma_release(TraceFields& fields) {
    return ftrace::CmaRelease{.name = fields.text("name=", " pfn="),
                              .pfn = fields.pfn(),
                              .page = fields.text(" page=", " count="),
                              .count = fields.count(" count=")};
  }

  // "caller+0x1/0x2 [module] <- function [module]) name=value name=value"
  void parse_probe(std::string_view name, std::string_view text) {
    const std::size_t end = text.find(')');
    const std::string_view args = end == std::string_view::npos ? text : text.substr(end + 1);
    if (end == std::string_view::npos || !are_arguments(args)) {
      reader_.fail(
          fmt::format("{}: expected '(<function>+0x<offset>/0x<size>) <name>=<value> ...'", name));
    }
    line_.event = ftrace::Probe{name, text.substr(0, end), args};
  }
  static bool are_arguments(std::string_view args) {
    while (!args.empty()) {
      if (args.front() != ' ') return false;
      args.remove_prefix(1);
      const std::string_view pair = args.substr(0, args.find(' '));
      const std::size_t equals = pair.find('=');
      if (equals == 0 || equals >= pair.size() - 1) return false;
      args.remove_prefix(pair.size());
    }
    return true;
  }

  const LineReader& reader_;
  ftrace::Line& line_;
};

}  // namespace pageblock::detail
