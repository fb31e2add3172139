// SPDX-License-Identifier: MIT
/// Which lines of a text a reader passed over, since they are nothing of its format.
///
/// Layer:  io.
/// Kernel: none. Texts are copied from terminals, with prompts and commands around them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// The lines that were passed over, counted from 1. Only the first few numbers are kept: whoever
/// gives a reader a wrong file learns that from the count.
class SkippedLines {
 public:
  /// Counts the line with this number, from 1.
  void add(std::size_t line) {
    if (first_.size() < most_named) first_.push_back(line);
    ++count_;
  }

  /// An empty line behind the last line of the format is nothing; one in between is passed over.
  void add_empty(std::size_t line) { empty_.push_back(line); }

  /// Takes in that a line which is not empty was read.
  void end_of_empty() {
    for (const std::size_t line : empty_) add(line);
    empty_.clear();
  }

  /// Returns how many lines were passed over.
  [[nodiscard]] std::size_t count() const { return count_; }

  /// Returns the numbers of the first of them.
  [[nodiscard]] const std::vector<std::size_t>& first() const { return first_; }

  /// Returns, for example, "2 lines are not of this format and were passed over: 1, 16"; nothing if
  /// there are none.
  [[nodiscard]] std::string text() const {
    if (count_ == 0) return {};
    std::string text = count_ == 1 ? "1 line is not of this format and was passed over:"
                                   : fmt::format(
                                         "{} lines are not of this format and were passed "
                                         "over:",
                                         count_);
    for (const std::size_t line : first_) {
      text += fmt::format("{} {}", line == first_.front() ? "" : ",", line);
    }
    if (count_ > first_.size()) text += ", ...";
    return text;
  }

 private:
  static constexpr std::size_t most_named = 8;

  std::vector<std::size_t> first_;
  std::vector<std::size_t> empty_;
  std::size_t count_ = 0;
};

}  // namespace pageblock
