// SPDX-License-Identifier: MIT
/// Takes the fields of a trace event apart.
///
/// Layer:  io.
/// Kernel: as ftrace.hpp.
///
/// A number has no leading zeros and no capital letters, as the kernel prints it. So a line that is
/// accepted can be written again byte for byte from its values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/line_reader.hpp"

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

  /// Takes @p key and what stands behind it, up to the last @p next: a name may have blanks.
  std::string_view text(std::string_view key, std::string_view next) {
    const std::size_t end = rest_.rfind(next);
    if (!rest_.starts_with(key) || end == std::string_view::npos || end < key.size()) {
      fail(fmt::format("{}<text>{}<number>", key, next));
    }
    const std::string_view text = rest_.substr(key.size(), end - key.size());
    rest_.remove_prefix(end);
    return text;
  }

  /// Takes 0 or the negative number of an error; returns it without its sign.
  unsigned error_number() {
    if (take("0")) return 0;
    const std::string_view whole = rest_;
    if (take("-")) {
      const auto value = digits(10);
      if (value && *value != 0 && *value <= 4095) return static_cast<unsigned>(*value);
    }
    rest_ = whole;
    fail("0 or -<number up to 4095>");
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

}  // namespace pageblock::detail
