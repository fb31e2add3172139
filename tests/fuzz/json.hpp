// SPDX-License-Identifier: MIT
/// Whether a text is JSON (RFC 8259), for what is written in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace pageblock::test {

/// Reads one document and keeps nothing of it. Strings may have any bytes above 31.
class JsonChecker {
 public:
  explicit JsonChecker(std::string_view text) : rest_{text} {}

  [[nodiscard]] bool is_document() { return is_value() && (skip_blanks(), rest_.empty()); }

 private:
  bool take(char wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }

  bool is_value() {
    skip_blanks();
    if (rest_.starts_with('"')) return is_string();
    if (take('{')) return is_list('}', true);
    if (take('[')) return is_list(']', false);
    return take_word("true") || take_word("false") || take_word("null") || is_number();
  }
  bool is_list(char closing, bool has_keys) {
    skip_blanks();
    if (take(closing)) return true;
    do {
      skip_blanks();
      if (has_keys && !(is_string() && (skip_blanks(), take(':')))) return false;
      if (!is_value()) return false;
      skip_blanks();
    } while (take(','));
    return take(closing);
  }
  bool is_string() {
    if (!take('"')) return false;
    while (!rest_.empty() && !rest_.starts_with('"')) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (byte < 0x20) return false;
      if (byte == '\\' && !is_escape()) return false;
    }
    return take('"');
  }
  bool is_escape() {
    if (take('u')) {
      const std::string_view digits = rest_.substr(0, 4);
      rest_.remove_prefix(digits.size());
      return digits.size() == 4 &&
             digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    }
    return take('"') || take('\\');  // the others are not written here
  }
  // What is written has whole numbers only.
  bool is_number() {
    take('-');
    if (take('0')) return true;
    const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(digits);
    return digits != 0;
  }

  std::string_view rest_;
};

[[nodiscard]] inline bool is_json(std::string_view text) { return JsonChecker{text}.is_document(); }

}  // namespace pageblock::test
