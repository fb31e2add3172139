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
  KernelVersion version;
  /// For example "meta.json says Linux 6.1.0-56-cloud-amd64".
  std::string evidence;
};

namespace detail {

// "Linux version 6.1.0-56-cloud-amd64 (gcc ...": the word behind "version".
[[nodiscard]] inline std::string_view release_in(std::string_view text) {
  constexpr std::string_view before = "Linux version ";
  if (text.starts_with(before)) text.remove_prefix(before.size());
  return text.substr(0, text.find_first_of(" \n"));
}

}  // namespace detail

/// Reads a release from @p text of a file: "6.1.0-56-cloud-amd64", or what /proc/version has. Throws
/// ParseError if it names none.
[[nodiscard]] inline KernelRelease parse_kernel_release(const InputFile& file,
                                                        std::string_view text) {
  const std::string_view release = detail::release_in(text);
  const auto version = parse_kernel_version(release);
  if (!version) throw file.error(fmt::format("'{}' is no version of Linux", release));
  return {*version, fmt::format("{} says Linux {}", file.base_name(), release)};
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
