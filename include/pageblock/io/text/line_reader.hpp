// SPDX-License-Identifier: MIT
/// Lines, words and numbers of the text that the kernel prints.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// Goes through a file line by line and a line word by word. Every complaint names file and line.
/// The file must outlive the reader.
class LineReader {
 public:
  /// Throws ParseError if the file is empty, since the kernel prints no empty files.
  explicit LineReader(const InputFile& file)
      : file_{file}, unread_{file.content}, number_{file.first_line - 1} {
    if (unread_.empty()) throw file.error("the file is empty");
  }

  /// Goes to the next line, and returns false behind the last one.
  bool next_line() {
    if (unread_.empty()) return false;
    const std::size_t end = unread_.find('\n');
    line_ = unread_.substr(0, end);
    unread_.remove_prefix(end == std::string_view::npos ? unread_.size() : end + 1);
    rest_ = line_;
    ++number_;
    return true;
  }

  /// Returns the number of this line, counted from the file's first; one less before the first.
  [[nodiscard]] std::size_t number() const { return number_; }

  /// Returns this line, and what is left of it behind the words taken.
  [[nodiscard]] std::string_view line() const { return line_; }
  /// Returns what was not read yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }

  /// Returns what is left of this line without the blanks around it.
  [[nodiscard]] std::string_view text() const {
    const std::size_t start = rest_.find_first_not_of(blanks);
    if (start == std::string_view::npos) return {};
    return rest_.substr(start, rest_.find_last_not_of(blanks) + 1 - start);
  }

  /// Takes @p words if they come next; blanks between them count alike.
  bool take(std::string_view words) {
    LineReader ahead = *this;
    while (!words.empty()) {
      const std::string_view word = words.substr(0, words.find(' '));
      words.remove_prefix(words.size() == word.size() ? word.size() : word.size() + 1);
      if (ahead.word() != word) return false;
    }
    rest_ = ahead.rest_;
    return true;
  }

  /// Returns whether nothing but blanks is left of this line.
  [[nodiscard]] bool is_blank() const {
    return rest_.find_first_not_of(blanks) == std::string_view::npos;
  }

  /// Takes the next word, which ends at a blank; it is empty at the end of the line.
  std::string_view word() {
    const std::size_t start = rest_.find_first_not_of(blanks);
    if (start == std::string_view::npos) {
      rest_ = {};
      return {};
    }
    const std::size_t end = rest_.find_first_of(blanks, start);
    const std::string_view result = rest_.substr(start, end - start);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
    return result;
  }

  /// Takes the next word and returns it as a number; @p what names it in the complaint.
  std::uint64_t number_of(std::string_view what, int base = 10) {
    return to_number(word(), what, base);
  }

  /// Returns @p text as a number that fills it.
  [[nodiscard]] std::uint64_t to_number(std::string_view text, std::string_view what,
                                        int base = 10) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error == std::errc::result_out_of_range) {
      fail(fmt::format("the number '{}' of '{}' has more than 64 bits", text, what));
    }
    if (error != std::errc{} || end != text.data() + text.size()) {
      fail(text.empty() ? fmt::format("no number behind '{}'", what)
                        : fmt::format("'{}' is no number for '{}'", text, what));
    }
    return value;
  }

  /// Throws the error that @p fault lies in this line.
  [[noreturn]] void fail(std::string_view fault) const {
    throw file_.error_at_line(number_, fault);
  }

 private:
  static constexpr std::string_view blanks = " \t\r";

  const InputFile& file_;
  std::string_view unread_;
  std::string_view line_;
  std::string_view rest_;
  std::size_t number_;
};

/// A zone as the kernel's tables name it.
struct ZoneName {
  unsigned node = 0;  ///< The node's number.
  std::string zone;   ///< The zone's name.

  friend bool operator==(const ZoneName&, const ZoneName&) = default;
};

/// Returns whether the reader's line begins as one of a zone does: "Node 0, zone". Nothing is taken.
[[nodiscard]] inline bool begins_zone(const LineReader& reader) {
  LineReader ahead = reader;
  if (ahead.word() != "Node") return false;
  const std::string_view node = ahead.word();
  return !node.empty() && node.find_first_not_of("0123456789,") == std::string_view::npos &&
         ahead.word() == "zone";
}

/// Reads "Node 0, zone   Normal" at the start of the reader's line, up to a blank or comma behind
/// the name.
[[nodiscard]] inline ZoneName read_zone_name(LineReader& reader) {
  constexpr std::string_view fault = "expected 'Node <number>, zone <name>'";
  if (reader.word() != "Node") reader.fail(fault);
  std::string_view node = reader.word();
  if (!node.ends_with(',')) reader.fail(fault);
  node.remove_suffix(1);
  const std::uint64_t number = reader.to_number(node, "Node");
  if (number > std::numeric_limits<unsigned>::max()) {
    reader.fail(fmt::format("'{}' is no number for 'Node'", node));
  }
  ZoneName name{static_cast<unsigned>(number), {}};
  if (reader.word() != "zone") reader.fail(fault);
  std::string_view zone = reader.word();
  if (zone.ends_with(',')) zone.remove_suffix(1);
  if (zone.empty()) reader.fail(fault);
  name.zone = zone;
  return name;
}

}  // namespace pageblock

/// "Normal", or "1/Normal" on another node than the first.
template <>
struct fmt::formatter<pageblock::ZoneName> : formatter<string_view> {
  template <typename FormatContext>
  auto format(const pageblock::ZoneName& name, FormatContext& ctx) const {
    const std::string text =
        name.node == 0 ? name.zone : fmt::format("{}/{}", name.node, name.zone);
    return formatter<string_view>::format(text, ctx);
  }
};
