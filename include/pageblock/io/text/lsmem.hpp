// SPDX-License-Identifier: MIT
/// Reads what lsmem prints, with any of its columns, as a table, as JSON (-J) or in pairs (-P).
///
/// Layer:  io.
/// Kernel: none; lsmem of util-linux reads /sys/devices/system/memory.
///
///     RANGE                                  SIZE  STATE REMOVABLE BLOCK NODE   ZONES
///     0x0000000100000000-0x000000012fffffff  768M online       yes 32-37    0  Normal
///     Memory block size:       128M
///
///     {"range": "0x0000000100000000-0x000000012fffffff", "state": "online", "block": "32-37"}
///
///     RANGE="0x0000000100000000-0x000000012fffffff" STATE="online" BLOCK="32-37"
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/text/line_reader.hpp"

namespace pageblock::detail {

/// Returns the number of a node in a list of memory blocks.
[[nodiscard]] inline unsigned to_listed_node(const LineReader& reader, std::string_view text) {
  constexpr std::uint64_t most_nodes = 1 << 20;
  const std::uint64_t node = reader.to_number(text, "node");
  if (node >= most_nodes) reader.fail(fmt::format("no machine has a node {}", node));
  return static_cast<unsigned>(node);
}

/// A row of lsmem: neighbouring blocks that are alike. How large they are may stand behind it.
struct LsmemRow {
  std::uint64_t first = 0;      ///< The first byte.
  std::uint64_t last = 0;       ///< The last byte; 0 if there is no range.
  std::uint64_t nr_blocks = 0;  ///< As the column BLOCK says; 0 without one.
  std::string state;
  std::string zone;
  std::optional<unsigned> node;
  std::size_t line = 0;
};

/// Collects the rows of lsmem line by line.
class LsmemReader {
 public:
  explicit LsmemReader(LineReader& reader) : reader_{reader} {}

  /// Reads the reader's line; returns false, with nothing taken, if it is none of lsmem's rows.
  bool read_line() {
    const std::string_view text = reader_.text();
    if (text.starts_with("0x") && text.find("-0x") != std::string_view::npos) return read_row();
    if (text.find("RANGE=\"") != std::string_view::npos) return read_pairs(text);
    if (text.find("RANGE") != std::string_view::npos && text.find("STATE") != text.npos) {
      return read_columns();
    }
    if (!text.empty() && std::string_view{"{}[]\""}.find(text.front()) != text.npos) {
      return read_json(text);
    }
    return text.starts_with("Total o") || text.starts_with("====");
  }

  /// "Memory block size:       128M", or in bytes. Returns them, behind these words.
  [[nodiscard]] std::uint64_t read_size() {
    std::string_view word = reader_.word();
    if (word == ":") word = reader_.word();
    const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
    std::uint64_t size = reader_.to_number(word.substr(0, digits), "Memory block size");
    const std::string_view unit = digits < word.size() ? word.substr(digits) : reader_.word();
    constexpr std::string_view units = "KMGT";
    const std::size_t power = unit.empty() ? std::string_view::npos : units.find(unit.front());
    if (power != std::string_view::npos && size < (std::uint64_t{1} << 32)) {
      size <<= 10 * std::min<std::size_t>(power + 1, 3);
    }
    return size;
  }

  [[nodiscard]] const std::vector<LsmemRow>& rows() const { return rows_; }

 private:
  bool read_columns() {
    columns_.clear();
    for (std::string_view word = reader_.word(); !word.empty(); word = reader_.word()) {
      columns_.emplace_back(word);
    }
    return true;
  }

  bool read_row() {
    for (const std::string& column : columns_) set(column, reader_.word());
    end_row();
    return true;
  }

  // KEY="value" KEY="value"
  bool read_pairs(std::string_view text) {
    while (!text.empty()) {
      const std::size_t equals = text.find("=\"");
      if (equals == std::string_view::npos) reader_.fail("expected <KEY>=\"<value>\"");
      const std::string_view key = text.substr(0, equals);
      text.remove_prefix(equals + 1);
      set(key.substr(std::min(key.find_first_not_of(' '), key.size())), quoted(text));
      text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    }
    end_row();
    return true;
  }

  // A row ends with its brace, on whichever line. Objects around the rows have no range.
  bool read_json(std::string_view text) {
    std::string_view key;
    while (!text.empty()) {
      const char front = text.front();
      if (front == '"') {
        const std::string_view word = quoted(text);
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
        if (key.empty() && text.starts_with(':')) {
          key = word;
          text.remove_prefix(1);
        } else {
          set(std::exchange(key, {}), word);
        }
        continue;
      }
      const std::size_t length = std::min(text.find_first_of(" \t,:{}[]\""), text.size());
      if (length != 0) {  // a number, true, false or null
        const std::string_view word = text.substr(0, length);
        set(std::exchange(key, {}), word == "null" ? std::string_view{} : word);
        text.remove_prefix(length);
        continue;
      }
      if (front == '{' || front == '[') key = {};
      if (front == '{') row_ = {};
      if (front == '}' && row_.line != 0) end_row();
      text.remove_prefix(1);
    }
    return true;
  }

  // Takes a word in quotes. Nothing that lsmem prints has to be escaped.
  std::string_view quoted(std::string_view& text) const {
    const std::size_t end = text.find('"', 1);
    if (end == std::string_view::npos) reader_.fail("a quotation mark is missing");
    const std::string_view word = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return word;
  }

  void set(std::string_view column, std::string_view word) {
    if (word.empty()) return;
    std::string name{column};
    std::ranges::transform(name, name.begin(), [](char letter) {
      return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
    });
    if (name == "RANGE") {
      set_range(word);
    } else if (name == "STATE") {
      row_.state = word;
    } else if (name == "BLOCK") {
      row_.nr_blocks = count_blocks(word);
    } else if (name == "NODE") {
      row_.node = to_listed_node(reader_, word);
    } else if (name == "ZONES") {
      row_.zone = word.substr(0, word.find('/'));
    }
  }

  void set_range(std::string_view word) {
    const std::size_t dash = word.find("-0x");
    if (dash == std::string_view::npos || !word.starts_with("0x")) {
      reader_.fail("expected '0x<start>-0x<end>'");
    }
    row_.first = reader_.to_number(word.substr(2, dash - 2), "start", 16);
    row_.last = reader_.to_number(word.substr(dash + 3), "end", 16);
    row_.line = reader_.number();
    if (row_.last < row_.first) reader_.fail("the range ends before it begins");
    if (row_.last - row_.first == std::numeric_limits<std::uint64_t>::max()) {
      reader_.fail("no machine has that much memory");
    }
  }

  // "32-37" are six.
  [[nodiscard]] std::uint64_t count_blocks(std::string_view text) const {
    const std::size_t dash = text.find('-');
    const std::uint64_t first = reader_.to_number(text.substr(0, dash), "BLOCK");
    if (dash == std::string_view::npos) return 1;
    const std::uint64_t last = reader_.to_number(text.substr(dash + 1), "BLOCK");
    return last < first ? 0 : last - first + 1;
  }

  void end_row() {
    if (row_.line == 0) reader_.fail("no RANGE in the row");
    if (row_.state.empty()) reader_.fail("no STATE behind the range");
    rows_.push_back(std::exchange(row_, {}));
  }

  LineReader& reader_;
  LsmemRow row_;
  std::vector<LsmemRow> rows_;
  std::vector<std::string> columns_{"RANGE", "SIZE", "STATE", "REMOVABLE", "BLOCK"};
};

}  // namespace pageblock::detail
