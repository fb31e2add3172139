// SPDX-License-Identifier: MIT
/// The files of a snapshot, from a folder.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>

#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/kpageflags.hpp"

namespace pageblock {

/// Returns the folder that has the files: @p folder, or in a recording "before" in it.
[[nodiscard]] inline InputFolder snapshot_folder_in(const InputFolder& folder) {
  std::error_code error;
  if (std::filesystem::is_regular_file(folder.path() / "meta.json", error)) {
    if (auto before = folder.folder("before")) return *before;
  }
  return folder;
}

/// Reads a file of words, and decompresses it where it has to. Throws ParseError.
using PageWordsReader = std::function<PageWords(const std::filesystem::path&)>;

/// Reads kpageflags, kpagecount, zoneinfo and where present the other files of a snapshot. Each may
/// have an ending, as in kpageflags.xz or zoneinfo.txt. With @p read_words the two large ones need
/// not be in memory as a whole. Throws ParseError.
[[nodiscard]] inline SnapshotFiles read_snapshot_files(const InputFolder& folder,
                                                       const PageWordsReader& read_words = {}) {
  SnapshotFiles files;
  files.zoneinfo = folder.demand("zoneinfo");
  const auto words = [&](std::string_view stem) {
    return read_words ? read_words(folder.demand_path(stem)) : PageWords{folder.demand(stem)};
  };
  files.kpageflags = words("kpageflags");
  files.kpagecount = words("kpagecount");
  files.buddyinfo = folder.find("buddyinfo");
  files.pagetypeinfo = folder.find("pagetypeinfo");
  files.iomem = folder.find("iomem");
  const auto first_of = [&](std::string_view name, std::string_view other) {
    auto file = folder.find(name);
    return file ? file : folder.find(other);
  };
  files.memory_blocks = first_of("memory_blocks", "lsmem");
  files.version = first_of("version", "uname");
  return files;
}

}  // namespace pageblock
