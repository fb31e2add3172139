// SPDX-License-Identifier: MIT
/// One line of a vector: `op key=value ... -> r=<result> [key=value ...] [h=<16 hex digits>]`.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace conformance {

/// A line that is not in the format; the text says why.
struct BadLine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Returns the whole of @p text as a number, in decimal with an optional sign or in base @p base.
template <typename Number>
[[nodiscard]] Number to_number(std::string_view text, int base = 10) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (text.empty() || error != std::errc{} || stop != end) {
    throw BadLine{"\"" + std::string{text} + "\" is no number in range"};
  }
  return number;
}

class Line {
 public:
  /// Splits @p text, which must outlive the line.
  explicit Line(std::string_view text) {
    constexpr std::string_view arrow = " -> ";
    const std::size_t split = text.find(arrow);
    std::string_view call = text.substr(0, split);
    op_ = take_token(call);
    while (!call.empty()) {
      const std::string_view token = take_token(call);
      const std::size_t equals = token.find('=');
      if (equals == std::string_view::npos || equals == 0) {
        throw BadLine{"\"" + std::string{token} + "\" is not key=value"};
      }
      if (nr_arguments_ == arguments_.size()) throw BadLine{"too many arguments"};
      arguments_[nr_arguments_++] = {token.substr(0, equals), token.substr(equals + 1), false};
    }
    if (split == std::string_view::npos) return;
    result_ = text.substr(split + arrow.size());
    constexpr std::size_t digits = 16;
    const std::size_t mark = result_.rfind(" h=");
    if (mark != std::string_view::npos) {
      const std::string_view hash = result_.substr(mark + 3);
      if (hash.size() != digits) throw BadLine{"a hash has 16 digits"};
      hash_ = to_number<std::uint64_t>(hash, 16);
      result_ = result_.substr(0, mark);
    }
    if (!result_.starts_with("r=")) throw BadLine{"the result does not begin with r="};
  }

  [[nodiscard]] std::string_view op() const { return op_; }

  /// Returns the recorded result, from "r=" on and without the hash; empty if there is none.
  [[nodiscard]] std::string_view result() const { return result_; }
  [[nodiscard]] std::optional<std::uint64_t> hash() const { return hash_; }

  /// Returns the value of @p key as a number, 0 if it is absent.
  [[nodiscard]] std::uint64_t number(std::string_view key) const {
    const std::string_view value = text(key);
    return value.empty() ? 0 : to_number<std::uint64_t>(value);
  }

  /// Returns the value of @p key, empty if it is absent.
  [[nodiscard]] std::string_view text(std::string_view key) const {
    for (std::size_t i = 0; i < nr_arguments_; ++i) {
      if (arguments_[i].key != key) continue;
      arguments_[i].used = true;
      return arguments_[i].value;
    }
    return {};
  }

  [[nodiscard]] bool has(std::string_view key) const { return !text(key).empty(); }

  /// Calls visit(key, value) for every argument, in the order of the line.
  template <typename Visitor>
  void for_each_argument(Visitor visit) const {
    for (std::size_t i = 0; i < nr_arguments_; ++i) {
      arguments_[i].used = true;
      visit(arguments_[i].key, arguments_[i].value);
    }
  }

  /// Throws unless every argument was asked for: a key that nobody knows is an error.
  void check_all_used() const {
    for (std::size_t i = 0; i < nr_arguments_; ++i) {
      if (!arguments_[i].used) {
        throw BadLine{"\"" + std::string{op_} + "\" has no argument \"" +
                      std::string{arguments_[i].key} + "\""};
      }
    }
  }

 private:
  struct Argument {
    std::string_view key;
    std::string_view value;
    mutable bool used = false;
  };

  static std::string_view take_token(std::string_view& text) {
    const std::size_t end = text.find(' ');
    const std::string_view token = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return token;
  }

  std::string_view op_;
  std::array<Argument, 8> arguments_{};
  std::size_t nr_arguments_ = 0;
  std::string_view result_;
  std::optional<std::uint64_t> hash_;
};

}  // namespace conformance
