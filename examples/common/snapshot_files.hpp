/// Where the files of a snapshot come from: a folder, or the machine that the program runs on.
#pragma once

#include <filesystem>

#include "pageblock/io/snapshot/snapshot.hpp"

namespace example {

/// Returns the folder that has the files: @p folder, or in a recording "before" in it.
[[nodiscard]] std::filesystem::path snapshot_folder(const std::filesystem::path& folder);

/// Reads kpageflags, kpagecount, zoneinfo and where present the other files of a snapshot from
/// @p folder. Each may be plain or compressed, as in kpageflags.xz, and the texts may end in .txt.
/// Throws ParseError.
[[nodiscard]] pageblock::SnapshotFiles read_folder(const std::filesystem::path& folder);

/// Reads the same from /proc and /sys. Throws ParseError, which names the file that needs root.
[[nodiscard]] pageblock::SnapshotFiles read_live();

}  // namespace example
