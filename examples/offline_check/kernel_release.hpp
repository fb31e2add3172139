/// Which kernel a snapshot is of.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "pageblock/io/snapshot/snapshot.hpp"

namespace example {

/// A kernel's version.
struct KernelVersion {
  unsigned major = 0;
  unsigned minor = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

/// The version, as far as it is known, and what says so.
struct KernelRelease {
  KernelVersion version;
  /// For example "meta.json says Linux 6.1.0-56-cloud-amd64".
  std::string evidence;
};

/// Looks in @p folder for "version", a copy of /proc/version, and there and in the folder around it
/// for the meta.json of a recording. Throws ParseError if what is found names no version.
[[nodiscard]] std::optional<KernelRelease> find_release(const std::filesystem::path& folder);

/// Returns the release of the kernel that runs.
[[nodiscard]] KernelRelease live_release();

/// Guesses the release by what the files look like; nothing if they look like those of any.
[[nodiscard]] std::optional<KernelRelease> guess_release(const pageblock::Snapshot& snapshot);

}  // namespace example
