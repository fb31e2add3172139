// SPDX-License-Identifier: MIT
/// Takes a line of the kernel's `trace` file apart.
///
/// Layer:  io.
/// Kernel: as ftrace.hpp.
///
/// A number has no leading zeros and no capital letters, as the kernel prints it. So a line that is
/// accepted can be written again byte for byte from its values.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"
#include "pageblock/io/trace/ftrace.hpp"

namespace pageblock::detail {

/// Takes fields from the front of a text. What is not as expected is an error of the reader's line.
class TraceFields {
 public:
  TraceFields(const LineReader& reader, std::string_view event, std::string_view text)
      : reader_{reader}, event_{event}, rest_{text} {}

  /// Takes @p literal if it comes next.
  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  void expect(std::string_view literal) {
    if (!take(literal)) fail(literal);
  }
  void expect_end() const {
    if (!rest_.empty()) fail("the end of the line");
  }

  /// Takes @p key and a decimal number.
  std::uint64_t count(std::string_view key, std::uint64_t max = most) {
    const std::string_view whole = rest_;
    if (take(key)) {
      const auto value = digits(10);
      if (value && *value <= max) return *value;
    }
    rest_ = whole;
    fail(max == most ? fmt::format("{}<number>", key)
                     : fmt::format("{}<number up to {}>", key, max));
  }
  /// Takes @p key and what the kernel has in an int.
  unsigned number(std::string_view key) {
    return static_cast<unsigned>(count(key, std::numeric_limits<int>::max()));
  }
  Order order(std::string_view key = " order=") {
    return Order{static_cast<unsigned>(count(key, 63))};
  }
  bool flag(std::string_view key) { return count(key, 1) == 1; }

  /// Takes @p key and a pfn: decimal, or with 0x. A line has one or the other.
  Pfn pfn(std::string_view key = " pfn=") {
    const std::string_view whole = rest_;
    if (take(key)) {
      const unsigned base = take("0x") ? 16 : 10;
      const auto value = digits(base);
      if (value && (pfn_base_ == 0 || pfn_base_ == base)) {
        pfn_base_ = base;
        return Pfn{*value};
      }
    }
    rest_ = whole;
    fail(fmt::format("{}<number>", key));
  }
  [[nodiscard]] bool has_decimal_pfns() const { return pfn_base_ == 10; }

  /// Takes "page=<text>" up to the pfn. Old kernels pad "(null)" with blanks.
  std::string_view page() {
    const std::size_t end = rest_.find(" pfn=");
    if (!rest_.starts_with("page=") || end == std::string_view::npos) {
      fail("page=<pointer> pfn=<number>");
    }
    const std::string_view text = rest_.substr(5, end - 5);
    rest_.remove_prefix(end);
    return text;
  }

  /// Takes @p key and the word behind it.
  std::string_view word(std::string_view key) {
    const std::string_view whole = rest_;
    if (take(key)) {
      const std::string_view text = rest_.substr(0, rest_.find(' '));
      rest_.remove_prefix(text.size());
      if (!text.empty()) return text;
    }
    rest_ = whole;
    fail(fmt::format("{}<text>", key));
  }

 private:
  static constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

  [[noreturn]] void fail(std::string_view expected) const {
    expected.remove_prefix(expected.find_first_not_of(' '));
    reader_.fail(fmt::format("{}: expected '{}' at '{}'", event_, expected, rest_));
  }

  std::optional<std::uint64_t> digits(unsigned base) {
    std::uint64_t value = 0;
    std::size_t length = 0;
    for (; length < rest_.size(); ++length) {
      const char at = rest_[length];
      unsigned digit = 0;
      if (at >= '0' && at <= '9') {
        digit = static_cast<unsigned>(at - '0');
      } else if (base == 16 && at >= 'a' && at <= 'f') {
        digit = static_cast<unsigned>(at - 'a') + 10;
      } else {
        break;
      }
      if (value > (most - digit) / base) return std::nullopt;
      value = value * base + digit;
    }
    if (length == 0 || (length > 1 && rest_.front() == '0')) return std::nullopt;
    rest_.remove_prefix(length);
    return value;
  }

  const LineReader& reader_;
  std::string_view event_;
  std::string_view rest_;
  unsigned pfn_base_ = 0;
};

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
