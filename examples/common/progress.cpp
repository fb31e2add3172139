// SPDX-License-Identifier: MIT
#include "common/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

namespace example {
namespace {

constexpr auto delay = std::chrono::milliseconds{500};
constexpr auto interval = std::chrono::milliseconds{100};

std::string time_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::chrono::duration<double> elapsed) {
  if (total == 0) return fmt::format("{}  {}", what, time_text(elapsed.count()));
  constexpr std::size_t width = 24;
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * width);
  const std::string left =
      done == 0 ? "" : fmt::format(", {} left", time_text(elapsed.count() * (1 - part) / part));
  return fmt::format("{}  [{}{}] {:3.0f} %{}", what, std::string(filled, '#'),
                     std::string(width - filled, '-'), std::floor(part * 100), left);
}

Progress::Progress(std::string what)
    : what_{std::move(what)}, is_watched_{isatty(STDERR_FILENO) == 1}, next_{start_ + delay} {}

Progress::~Progress() {
  if (is_shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::update(std::uint64_t done, std::uint64_t total) {
  if (!is_watched_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + interval;
  is_shown_ = true;
  fmt::print(stderr, "\r{}\x1b[K", progress_line(what_, done, total, now - start_));
  std::fflush(stderr);
}

}  // namespace example
