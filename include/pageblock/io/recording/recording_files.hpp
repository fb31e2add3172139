// SPDX-License-Identifier: MIT
/// The files of a recording, from its folder.
///
/// Layer:  io.
/// Kernel: none; the program that records writes them.
#pragma once

#include <filesystem>
#include <optional>
#include <system_error>

#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace pageblock {

/// What a recording consists of. meta.json is read by whoever has a reader of JSON: RecordingMeta.
struct RecordingFiles {
  InputFile t0_state;
  InputFile t1_state;
  InputFile t0_pages;
  InputFile trace;
  std::optional<InputFile> memory_blocks;  ///< of the folder before/
  std::optional<InputFile> dmesg;
};

/// Reads them. Throws ParseError.
[[nodiscard]] inline RecordingFiles read_recording_files(const InputFolder& folder) {
  RecordingFiles files{.t0_state = folder.demand("T0.state"),
                       .t1_state = folder.demand("T1.state"),
                       .t0_pages = folder.demand("T0.pages"),
                       .trace = folder.demand("trace"),
                       .memory_blocks = {},
                       .dmesg = folder.find("dmesg")};
  if (const auto before = folder.folder("before")) {
    files.memory_blocks = before->find("memory_blocks");
  }
  return files;
}

/// Returns the folder of the recording that a snapshot in @p folder belongs to, which has a
/// meta.json: this folder or the one around it.
[[nodiscard]] inline std::optional<std::filesystem::path> recording_of(
    const std::filesystem::path& folder) {
  // Of "before/" and of "." the folder around is not what is left without the last name.
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::canonical(folder, error);
  if (error) return std::nullopt;
  for (const std::filesystem::path& candidate : {absolute, absolute.parent_path()}) {
    if (std::filesystem::is_regular_file(candidate / "meta.json", error)) return candidate;
  }
  return std::nullopt;
}

/// Returns the same if the snapshot was taken before the recording began, as that in before/.
[[nodiscard]] inline std::optional<std::filesystem::path> recording_behind(
    const std::filesystem::path& folder) {
  const auto recording = recording_of(folder);
  std::error_code error;
  const bool is_before =
      recording && (std::filesystem::equivalent(folder, *recording, error) ||
                    std::filesystem::equivalent(folder, *recording / "before", error));
  return is_before ? recording : std::nullopt;
}

}  // namespace pageblock
