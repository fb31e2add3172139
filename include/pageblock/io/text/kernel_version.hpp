// SPDX-License-Identifier: MIT
/// Which kernel a text says that it is of.
///
/// Layer:  io.
/// Kernel: linux_banner (init/version.c), dump_stack_print_info() (lib/dump_stack.c), uname(2).
#pragma once

#include <charconv>
#include <compare>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// A kernel's version, as far as it decides what its texts mean.
struct KernelVersion {
  unsigned major = 0;  ///< The first number.
  unsigned minor = 0;  ///< The second number.
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// Returns the version that a release such as "6.1.0-56-cloud-amd64" begins with.
[[nodiscard]] inline std::optional<KernelVersion> parse_kernel_version(std::string_view release) {
  KernelVersion parsed;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, parsed.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, parsed.minor);
  if (minor.ec != std::errc{}) return std::nullopt;
  return parsed;
}

/// Returns the release that a line names: behind "Linux version", in uname -a's "Linux <host>
/// <release>", or behind "Not tainted" or "Tainted: <letters>" at the head of a stack. Empty if it
/// names none.
[[nodiscard]] inline std::string_view find_kernel_release(std::string_view line) {
  constexpr std::string_view banner = "Linux version ";
  const auto first_release = [](std::string_view text, std::size_t most_words) {
    for (std::size_t words = 0; words < most_words; ++words) {
      const std::size_t start = text.find_first_not_of(" \t");
      if (start == std::string_view::npos) break;
      const std::size_t end = text.find_first_of(" \t\r\n", start);
      const std::string_view word = text.substr(start, end - start);
      // "2.6.32-5-amd64", "5.4.0": a date or a time of day has no two dots or dashes behind a dot.
      if (parse_kernel_version(word) &&
          word.find_first_of(".-", word.find('.') + 1) < word.size()) {
        return word;
      }
      if (end == std::string_view::npos) break;
      text.remove_prefix(end);
    }
    return std::string_view{};
  };
  if (const auto at = line.find(banner); at != std::string_view::npos) {
    return first_release(line.substr(at + banner.size()), 1);
  }
  if (line.starts_with("Linux ")) return first_release(line, 3);
  const auto taint = line.find("ainted");  // of "Not tainted" and "Tainted:"
  return taint == std::string_view::npos ? std::string_view{}
                                         : first_release(line.substr(taint + 6), 24);
}

}  // namespace pageblock
