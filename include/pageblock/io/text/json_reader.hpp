// SPDX-License-Identifier: MIT
/// Reads JSON: one document into values, strictly.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// A value with the line on which it begins.
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  /// In the order of the file. A key stands once.
  using Object = std::vector<std::pair<std::string, JsonValue>>;
  /// A number with a point or an exponent is kept as its text: nothing here needs its value.
  struct Number {
    std::string text;
  };
  using Content = std::variant<std::nullptr_t, bool, Number, std::string, Array, Object>;

  JsonValue(const InputFile& file, std::size_t line, Content content)
      : file_{&file}, line_{line}, content_{std::move(content)} {}

  [[nodiscard]] const Content& content() const { return content_; }
  [[nodiscard]] std::size_t line() const { return line_; }

  // What a value has to be; ParseError with its line if it is something else. The file that was
  // read must still be there.
  [[nodiscard]] const std::string& string() const { return as<std::string>("a string"); }
  [[nodiscard]] const Array& array() const { return as<Array>("an array"); }
  [[nodiscard]] const Object& object() const { return as<Object>("an object"); }
  [[nodiscard]] bool boolean() const { return as<bool>("true or false"); }
  template <typename Integer>
  [[nodiscard]] Integer integer() const {
    const std::string& text = as<Number>("a number").text;
    Integer value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
      fail(fmt::format("{} is no whole number in range", text));
    }
    return value;
  }

  /// Returns the member @p key of an object, or null if it has none.
  [[nodiscard]] const JsonValue* find(std::string_view key) const {
    const Object& members = object();
    const auto found =
        std::ranges::find_if(members, [&](const auto& member) { return member.first == key; });
    return found == members.end() ? nullptr : &found->second;
  }
  /// Returns the member @p key, which must be there.
  [[nodiscard]] const JsonValue& at(std::string_view key) const {
    const JsonValue* value = find(key);
    if (value == nullptr) fail(fmt::format("the object has no '{}'", key));
    return *value;
  }

  /// Throws the error that @p fault lies in this value.
  [[noreturn]] void fail(std::string_view fault) const { throw file_->error_at_line(line_, fault); }

 private:
  template <typename T>
  [[nodiscard]] const T& as(std::string_view what) const {
    const T* value = std::get_if<T>(&content_);
    if (value == nullptr) fail(fmt::format("expected {}", what));
    return *value;
  }

  const InputFile* file_;
  std::size_t line_;
  Content content_;
};

namespace detail {

class JsonReader {
 public:
  explicit JsonReader(const InputFile& file) : file_{file}, rest_{file.content} {}

  [[nodiscard]] JsonValue read() {
    JsonValue value = read_value();
    skip_blanks();
    if (!rest_.empty()) fail("something behind the document");
    return value;
  }

 private:
  static constexpr unsigned max_depth = 64;

  [[noreturn]] void fail(std::string_view fault) const { throw file_.error_at_line(line_, fault); }

  void skip_blanks() {
    while (!rest_.empty() && std::string_view{" \t\r\n"}.find(rest_.front()) != rest_.npos) {
      if (rest_.front() == '\n') ++line_;
      rest_.remove_prefix(1);
    }
  }
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  JsonValue read_value() {
    skip_blanks();
    const std::size_t line = line_;
    const auto value = [&](auto content) {
      return JsonValue{file_, line, JsonValue::Content{std::move(content)}};
    };
    if (take("null")) return value(nullptr);
    if (take("true")) return value(true);
    if (take("false")) return value(false);
    if (take("\"")) return value(read_string());
    if (rest_.starts_with('[') || rest_.starts_with('{')) {
      if (++depth_ > max_depth) fail("too many values inside each other");
      JsonValue result = take("[") ? value(read_array()) : value(read_object());
      --depth_;
      return result;
    }
    return value(read_number());
  }

  JsonValue::Array read_array() {
    JsonValue::Array values;
    skip_blanks();
    if (take("]")) return values;
    do {
      values.push_back(read_value());
      skip_blanks();
    } while (take(","));
    if (!take("]")) fail("expected ',' or ']'");
    return values;
  }

  JsonValue::Object read_object() {
    take("{");
    JsonValue::Object members;
    skip_blanks();
    if (take("}")) return members;
    do {
      skip_blanks();
      if (!take("\"")) fail("expected a key");
      std::string key = read_string();
      const auto is_key = [&](const auto& member) { return member.first == key; };
      if (std::ranges::any_of(members, is_key)) fail(fmt::format("'{}' stands here twice", key));
      skip_blanks();
      if (!take(":")) fail("expected ':'");
      JsonValue value = read_value();
      members.emplace_back(std::move(key), std::move(value));
      skip_blanks();
    } while (take(","));
    if (!take("}")) fail("expected ',' or '}'");
    return members;
  }

  std::string read_string() {
    std::string text;
    while (!take("\"")) {
      if (rest_.empty()) fail("the string has no end");
      const char byte = rest_.front();
      if (static_cast<unsigned char>(byte) < 0x20) fail("a control character in a string");
      rest_.remove_prefix(1);
      if (byte == '\\') {
        read_escape(text);
      } else {
        text += byte;
      }
    }
    return text;
  }
  void read_escape(std::string& text) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view bytes = "\"\\/\b\f\n\r\t";
    if (take("u")) {
      append_utf8(text, read_code_point());
      return;
    }
    const std::size_t which = rest_.empty() ? names.npos : names.find(rest_.front());
    if (which == names.npos) fail("no such escape in a string");
    text += bytes[which];
    rest_.remove_prefix(1);
  }
  std::uint32_t read_code_point() {
    const std::uint32_t first = read_four_digits();
    if (first < 0xd800 || first > 0xdfff) return first;
    const bool is_pair = first < 0xdc00 && take("\\u");
    const std::uint32_t second = is_pair ? read_four_digits() : 0;
    if (second < 0xdc00 || second > 0xdfff) fail("half a surrogate pair in a string");
    return 0x10000 + ((first - 0xd800) << 10U) + (second - 0xdc00);
  }
  std::uint32_t read_four_digits() {
    std::uint32_t value = 0;
    const std::string_view digits = rest_.substr(0, 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || end != digits.data() + 4) fail("no four digits behind \\u");
    rest_.remove_prefix(4);
    return value;
  }
  static void append_utf8(std::string& text, std::uint32_t code) {
    const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
    const auto tail = [&](unsigned shift) { byte(0x80U | ((code >> shift) & 0x3fU)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xc0U | (code >> 6U)), tail(0);
    if (code < 0x10000) return byte(0xe0U | (code >> 12U)), tail(6), tail(0);
    byte(0xf0U | (code >> 18U)), tail(12), tail(6), tail(0);
  }

  JsonValue::Number read_number() {
    const std::string_view whole = rest_;
    take("-");
    bool is_number = take("0") || take_digits();
    if (take(".")) is_number = take_digits() && is_number;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      is_number = take_digits() && is_number;
    }
    if (!is_number) fail("expected a value");
    return {std::string{whole.substr(0, whole.size() - rest_.size())}};
  }
  bool take_digits() {
    const std::size_t length = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(length);
    return length != 0;
  }

  const InputFile& file_;
  std::string_view rest_;
  std::size_t line_ = 1;
  unsigned depth_ = 0;
};

}  // namespace detail

/// Reads a document. Throws ParseError, which names file and line. The file must outlive the value.
[[nodiscard]] inline JsonValue parse_json(const InputFile& file) {
  return detail::JsonReader{file}.read();
}

}  // namespace pageblock
