// SPDX-License-Identifier: MIT
/// How far a program is: a bar with the time left, for people who watch.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace example {

/// A bar on standard error, if that is a terminal; nothing otherwise. It appears after half a second
/// and is gone at the end.
///
///     judging memory32  [########------------]  42 %, 3 s left
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Says that @p done of @p total is done. A total of 0 is not known: then there is no time left.
  void update(std::uint64_t done, std::uint64_t total);
  /// Says what is done now.
  void set_what(std::string what) { what_ = std::move(what); }

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  bool is_watched_;
  bool is_shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

/// Returns the line of the bar, without the end of the line.
[[nodiscard]] std::string progress_line(const std::string& what, std::uint64_t done,
                                        std::uint64_t total, std::chrono::duration<double> elapsed);

}  // namespace example
