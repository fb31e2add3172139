// SPDX-License-Identifier: MIT
/// Writes JSON: a document in order, well formed whatever the text in it.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/contract.hpp"

namespace pageblock {

/// Returns @p text as a JSON string, quoted. Bytes above 127 are passed on, so UTF-8 stays UTF-8,
/// except where they are none: JSON has no other bytes, so each of those becomes U+FFFD.
[[nodiscard]] inline std::string json_quoted(std::string_view text) {
  // The length of the UTF-8 sequence at the start of the text, 0 if there is none.
  const auto sequence = [](std::string_view at) -> std::size_t {
    const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
    const std::size_t length = byte(0) < 0x80                      ? 1
                               : byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2
                               : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
                               : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                                                   : 0;
    if (length == 0 || at.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xc0U) != 0x80) return 0;
    }
    // Forms that are too long, surrogates, and numbers above U+10FFFF.
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
    if (byte(0) == 0xed && byte(1) >= 0xa0) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) >= 0x90) return 0;
    return length;
  };
  std::string result = "\"";
  while (!text.empty()) {
    const char first = text.front();
    const std::size_t length = sequence(text);
    if (first == '"' || first == '\\') {
      result += '\\';
      result += first;
    } else if (length == 1 && static_cast<unsigned char>(first) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(first));
    } else if (length == 0) {
      result += "\\ufffd";
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result + '"';
}

/// Builds one document of objects, arrays and values. Calls that would make it ill-formed are
/// reported (bug_on).
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{', '}'); }
  JsonWriter& begin_array() { return open('[', ']'); }
  JsonWriter& end() {
    bug_on(open_.empty() || after_key_, "there is nothing to end here");
    const Level level = open_.back();
    open_.pop_back();
    if (!level.is_empty) new_line();
    text_ += level.closing;
    return *this;
  }

  JsonWriter& key(std::string_view name) {
    bug_on(open_.empty() || open_.back().closing != '}' || after_key_, "a key outside an object");
    separate();
    text_ += json_quoted(name) + ": ";
    after_key_ = true;
    return *this;
  }

  JsonWriter& value(std::string_view text) { return raw(json_quoted(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view{text}); }
  JsonWriter& value(bool truth) { return raw(truth ? "true" : "false"); }
  JsonWriter& value(std::integral auto number) { return raw(fmt::format("{}", number)); }
  JsonWriter& null() { return raw("null"); }

  /// Writes a key with its value.
  template <typename Value>
  JsonWriter& member(std::string_view name, const Value& of) {
    return key(name).value(of);
  }

  /// Returns the document.
  [[nodiscard]] std::string finish() const {
    bug_on(!open_.empty() || text_.empty(), "the document is not complete");
    return text_ + '\n';
  }

 private:
  struct Level {
    char closing;
    bool is_empty = true;
  };

  JsonWriter& open(char opening, char closing) {
    before_value();
    text_ += opening;
    open_.push_back({closing});
    return *this;
  }
  JsonWriter& raw(std::string_view text) {
    before_value();
    text_ += text;
    return *this;
  }
  void before_value() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    bug_on(open_.empty() ? !text_.empty() : open_.back().closing == '}', "a value without a key");
    if (!open_.empty()) separate();
  }
  void separate() {
    if (!open_.back().is_empty) text_ += ',';
    open_.back().is_empty = false;
    new_line();
  }
  void new_line() { text_ += '\n' + std::string(2 * open_.size(), ' '); }

  std::string text_;
  std::vector<Level> open_;
  bool after_key_ = false;
};

}  // namespace pageblock
