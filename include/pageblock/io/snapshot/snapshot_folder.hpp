// SPDX-License-Identifier: MIT
/// The files of a snapshot, from a folder.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <filesystem>
#include <system_error>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/input_folder.hpp"

namespace pageblock {

/// Returns the folder that has the files: @p folder, or in a recording "before" in it.
[[nodiscard]] inline InputFolder snapshot_folder_in(const InputFolder& folder) {
  std::error_code error;
  if (std::filesystem::is_regular_file(folder.path() / "meta.json", error)) {
    if (auto before = folder.folder("before")) return *before;
  }
  return folder;
}

/// Reads kpageflags, kpagecount, zoneinfo and where present the other files of a snapshot. Each may
/// have an ending, as in kpageflags.xz or zoneinfo.txt. Throws ParseError.
[[nodiscard]] inline SnapshotFiles read_snapshot_files(const InputFolder& folder) {
  SnapshotFiles files;
  files.zoneinfo = folder.demand("zoneinfo");
  files.kpageflags = folder.demand("kpageflags");
  files.kpagecount = folder.demand("kpagecount");
  files.buddyinfo = folder.find("buddyinfo");
  files.pagetypeinfo = folder.find("pagetypeinfo");
  files.memory_blocks = folder.find("memory_blocks");
  files.iomem = folder.find("iomem");
  return files;
}

}  // namespace pageblock
