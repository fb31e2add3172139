// SPDX-License-Identifier: MIT
/// The lines of a kernel's log, without what dmesg, journals, syslog, terminals and mail put in front
/// of them.
///
/// Layer:  io.
/// Kernel: print_prefix() and what stands around it (kernel/printk/printk.c).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// A line of a log, in parts.
struct LogLine {
  /// What the kernel wrote, without blanks around it.
  std::string_view text{};
  /// The time in front of it as it stands there, such as "49.215291" or "Feb 19 16:20:13"; or empty.
  std::string_view stamp{};
  /// The seconds since boot, if the time is that.
  std::optional<double> seconds{};
  /// Who wrote the line, where the kernel says so ("T18", "C0"); lines of two may interleave.
  std::string_view caller{};
  /// Counted from 1.
  std::size_t number = 0;
};

namespace detail {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes text off the front of a line, part by part.
class LinePrefix {
 public:
  explicit LinePrefix(LogLine& line) : line_{line}, rest_{line.text} {}

  void strip() {
    for (bool goes_on = true; goes_on;) {
      trim();
      goes_on = quote() || level() || facility() || bracket() || thread() || syslog_time() ||
                iso_time() || android_time();
    }
    if (rest_.starts_with("kernel: ")) rest_.remove_prefix(8);
    if (rest_ == "kernel:") rest_ = {};
    trim();
    line_.text = rest_;
  }

 private:
  static constexpr std::string_view blanks = " \t\r\v\f";
  static constexpr std::string_view digits = "0123456789";

  void trim() {
    const std::size_t start = rest_.find_first_not_of(blanks);
    rest_ = start == std::string_view::npos ? std::string_view{} : rest_.substr(start);
    rest_ = rest_.substr(0, rest_.find_last_not_of(blanks) + 1);
  }

  // "> " of mail.
  bool quote() {
    if (!rest_.starts_with('>')) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // "<4>" of /dev/kmsg and serial consoles.
  bool level() {
    if (!rest_.starts_with('<')) return false;
    const std::size_t end = rest_.find_first_not_of(digits, 1);
    if (end == std::string_view::npos || end < 2 || end > 4 || rest_[end] != '>') return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  // "kern  :warn  : " of dmesg --decode.
  bool facility() {
    constexpr std::array<std::string_view, 4> names{"kern ", "kern:", "user ", "daemon"};
    for (const std::string_view name : names) {
      if (!rest_.starts_with(name)) continue;
      const std::size_t first = rest_.find(':');
      const std::size_t second = first > 8 ? first : rest_.find(':', first + 1);
      if (first > 8 || second == std::string_view::npos || second - first > 8) return false;
      rest_.remove_prefix(second + 1);
      return true;
    }
    return false;
  }

  // "[   49.215291]", "[Sat Nov 28 08:26:09 2026]", "[  +0.000005]", "[    T18]", "[    C0]" and
  // "[1:   Binder:715_1:  846]". A call trace has "[<ffff...>]", which is left.
  bool bracket() {
    if (!rest_.starts_with('[')) return false;
    const std::size_t end = rest_.find(']');
    if (end == std::string_view::npos || end > 48) return false;
    std::string_view inside = rest_.substr(1, end - 1);
    const std::size_t start = inside.find_first_not_of(blanks);
    if (start == std::string_view::npos) return false;
    inside.remove_prefix(start);
    inside = inside.substr(0, inside.find_last_not_of(blanks) + 1);
    const char first = inside.front();
    if ((first == 'T' || first == 'C') && inside.size() > 1 && is_digit(inside[1])) {
      line_.caller = inside;
    } else if (is_digit(first) && inside.find_first_not_of("0123456789.,") == inside.npos &&
               inside.find('.') != inside.npos) {
      stamp(inside);
      double seconds = 0;
      const auto [stop, error] =
          std::from_chars(inside.data(), inside.data() + inside.size(), seconds);
      if (error == std::errc{} && !line_.seconds) line_.seconds = seconds;
    } else if (first == '+' || is_month(inside.substr(0, 3)) ||
               (inside.size() > 7 && is_month(inside.substr(4, 3)))) {
      stamp(inside);
    } else if (!(is_digit(first) && inside.find(": ") != inside.npos && !line_.stamp.empty())) {
      return false;
    }
    rest_.remove_prefix(end + 1);
    return true;
  }

  // "(2)[1234:kworker]" of some phones, behind the time.
  bool thread() {
    if (!rest_.starts_with('(') || line_.stamp.empty()) return false;
    const std::size_t cpu = rest_.find_first_not_of(digits, 1);
    if (cpu == std::string_view::npos || cpu < 2 || !rest_.substr(cpu).starts_with(")["))
      return false;
    const std::size_t end = rest_.find(']', cpu);
    if (end == std::string_view::npos) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

  // "01-02 03:04:05.678     0     0 W KERNEL: " of logcat.
  bool android_time() {
    if (rest_.size() < 20 || !is_digit(rest_[0]) || rest_[2] != '-' || rest_[5] != ' ' ||
        rest_[8] != ':' || rest_[11] != ':' || rest_[14] != '.') {
      return false;
    }
    stamp(rest_.substr(0, 18));
    const std::size_t level = rest_.find_first_not_of("0123456789 ", 18);
    const std::size_t tag = rest_.find(": ", level);
    rest_.remove_prefix(tag == std::string_view::npos || tag > 64 ? 18 : tag + 2);
    return true;
  }

  [[nodiscard]] static bool is_month(std::string_view word) {
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::size_t at = word.size() == 3 ? months.find(word) : months.npos;
    return at != months.npos && at % 3 == 0;
  }

  // "Feb 19 16:20:13[.123456] host kernel: ".
  bool syslog_time() {
    if (rest_.size() < 15 || !is_month(rest_.substr(0, 3)) || rest_[3] != ' ' || rest_[9] != ':' ||
        rest_[12] != ':') {
      return false;
    }
    take_time(15);
    return true;
  }

  // "2026-11-28T08:26:09.123456+00:00 host kernel: ", "2026-11-28 08:26:09 ...".
  bool iso_time() {
    if (rest_.size() < 19 || !is_digit(rest_[0]) || rest_[4] != '-' || rest_[7] != '-' ||
        (rest_[10] != 'T' && rest_[10] != ' ') || rest_[13] != ':' || rest_[16] != ':') {
      return false;
    }
    take_time(19);
    return true;
  }

  // Takes a time of day that is at least so long, and behind it "host tag:" if both are there.
  void take_time(std::size_t length) {
    length = std::min(rest_.find_first_of(blanks, length), rest_.size());
    stamp(rest_.substr(0, length));
    rest_.remove_prefix(length);
    trim();
    const std::size_t host = rest_.find(' ');
    if (host == std::string_view::npos) return;
    const std::size_t tag = rest_.find(' ', host + 1);
    const std::string_view word = rest_.substr(host + 1, tag - host - 1);
    if (word.ends_with(':') && (word.starts_with("kernel") || word.ends_with("]:"))) {
      rest_.remove_prefix(tag == std::string_view::npos ? rest_.size() : tag);
    }
  }

  void stamp(std::string_view text) {
    if (line_.stamp.empty()) line_.stamp = text;
  }

  LogLine& line_;
  std::string_view rest_;
};

}  // namespace detail

/// Goes through a log line by line. The file must outlive the reader and the lines.
class LogReader {
 public:
  /// Reads the lines of @p file, which must outlive it.
  explicit LogReader(const InputFile& file) : unread_{file.content} {}

  /// Goes to the next line, and returns false behind the last one.
  bool next_line() {
    if (unread_.empty()) return false;
    const std::size_t end = unread_.find('\n');
    raw_ = unread_.substr(0, end);
    unread_.remove_prefix(end == std::string_view::npos ? unread_.size() : end + 1);
    line_ = {.text = raw_, .number = line_.number + 1};
    detail::LinePrefix{line_}.strip();
    return true;
  }

  /// Returns the line that was read last.
  [[nodiscard]] const LogLine& line() const { return line_; }

  /// Returns the line as it stands in the file, and where that is.
  [[nodiscard]] std::string_view raw() const { return raw_; }

 private:
  std::string_view unread_;
  std::string_view raw_;
  LogLine line_;
};

namespace detail {

/// Takes the words of a text.
class Words {
 public:
  explicit Words(std::string_view text) : rest_{text} {}

  /// Returns the next word; empty at the end.
  std::string_view next() {
    const std::size_t start = rest_.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return rest_ = {};
    const std::size_t end = std::min(rest_.find_first_of(" \t\r", start), rest_.size());
    const std::string_view word = rest_.substr(start, end - start);
    rest_.remove_prefix(end);
    return word;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Returns the number that @p text begins with, and takes it off; nothing if it begins with none or
/// it has more than 64 bits.
[[nodiscard]] inline std::optional<std::uint64_t> take_number(std::string_view& text,
                                                              int base = 10) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Returns the number behind the first @p key in a text; nothing without the key, or a number there.
[[nodiscard]] inline std::optional<std::uint64_t> number_behind(std::string_view text,
                                                                std::string_view key,
                                                                int base = 10) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  return take_number(text, base);
}

}  // namespace detail
}  // namespace pageblock
