// SPDX-License-Identifier: MIT
/// Results of a sweep as JSON Lines: the sweep first, then a line for each run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/curves.hpp"
#include "common/json.hpp"

namespace example {

/// A file of results that grows line by line. One process has it at a time. Each line is in the file as soon as
/// its run is over, so whoever is killed loses the run that he was at.
class ResultFile {
 public:
  /// Opens the file, or begins it with @p header. A line that was cut short is cut off. Throws
  /// std::runtime_error if it has another header or another process has it.
  ResultFile(const std::filesystem::path& path, const std::string& header);
  ~ResultFile();
  ResultFile(const ResultFile&) = delete;
  ResultFile& operator=(const ResultFile&) = delete;

  [[nodiscard]] bool has(std::uint64_t run) const { return done_.contains(run); }
  void add(std::uint64_t run, const std::string& line);

 private:
  void write(const std::string& line) const;

  std::filesystem::path path_;
  int file_;
  std::set<std::uint64_t> done_{};
};

/// Returns the line with which all files of one sweep begin.
[[nodiscard]] std::string header_line(const Json& sweep);

/// Returns what all files, and all *.jsonl files of folders, say together: header, then all runs in order.
/// Throws std::runtime_error if a run is missing, files are of different sweeps, or one run has two results.
[[nodiscard]] std::string merge(const std::vector<std::string>& names);

/// Means of merged results: a row for each value of a member, a column for each of another.
struct Table {
  std::string y{};
  std::string x{};
  std::vector<std::string> rows{};
  std::vector<std::string> columns{};
  /// By row and column; some may be without.
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> means{};

  [[nodiscard]] std::uint64_t most() const {
    std::uint64_t most = 0;
    for (const auto& [place, mean] : means) most = std::max(most, mean);
    return most;
  }
};

/// Returns the means of @p y by @p x, a column for each of @p by (may be empty). Throws std::runtime_error if
/// lines have no such members.
[[nodiscard]] Table table_of(std::string_view merged, const std::string& y, const std::string& x,
                             const std::string& by);
[[nodiscard]] std::string to_text(const Table& table);
/// Returns a curve for each column.
[[nodiscard]] Curves curves_of(const Table& table);

}  // namespace example
