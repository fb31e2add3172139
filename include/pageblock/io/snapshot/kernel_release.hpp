// SPDX-License-Identifier: MIT
/// Which kernel a snapshot is of.
///
/// Layer:  io.
/// Kernel: /proc/version, uname().
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// The version, as far as it is known, and what says so.
struct KernelRelease {
  KernelVersion version;  ///< The numbers in it.
  /// For example "meta.json says Linux 6.1.0-56-cloud-amd64".
  std::string evidence;
};

/// Reads a release from @p text of a file: "6.1.0-56-cloud-amd64" at a line's start, or what
/// /proc/version has or uname -a prints; prompts around it do not matter. Throws ParseError if it
/// names none.
[[nodiscard]] inline KernelRelease parse_kernel_release(const InputFile& file,
                                                        std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  constexpr std::string_view banner = "Linux version ";
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    std::string_view release = find_kernel_release(line);
    if (line.starts_with(banner)) line.remove_prefix(banner.size());
    if (release.empty()) release = line.substr(0, line.find_first_of(blanks));
    const auto known = parse_kernel_version(release);
    if (!known) continue;
    return {*known, fmt::format("{} says Linux {}", file.base_name(), release)};
  }
  throw file.error(
      fmt::format("'{}' is no version of Linux", text.substr(0, text.find_first_of("\n"))));
}

/// Guesses the release by what the files look like; nothing if they look like those of any.
[[nodiscard]] inline std::optional<KernelRelease> guess_release(const Snapshot& snapshot) {
  const auto knows = [&](std::string_view wanted) {
    if (!snapshot.pagetypeinfo) return false;
    return std::ranges::any_of(snapshot.pagetypeinfo->zones, [&](const auto& zone) {
      return std::ranges::any_of(zone.types,
                                 [&](const auto& type) { return type.first == wanted; });
    });
  };
  // Which one it is besides makes no difference: only whole rules are chosen.
  if (knows("HighAtomic")) {
    return KernelRelease{{6, 1}, "pagetypeinfo has type HighAtomic, as since v4.4"};
  }
  if (knows("Reserve")) {
    return KernelRelease{{3, 6}, "pagetypeinfo has type Reserve, as until v4.3"};
  }
  return std::nullopt;
}

}  // namespace pageblock
