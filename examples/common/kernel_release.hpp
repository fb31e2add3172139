// SPDX-License-Identifier: MIT
/// Where it is said which kernel a snapshot is of.
#pragma once

#include <optional>

#include "pageblock/io/snapshot/kernel_release.hpp"
#include "pageblock/io/text/input_folder.hpp"

namespace example {

/// Asks the file that says it, or else the meta.json of a recording in @p folder or around it. Throws
/// ParseError if what is found names no version.
[[nodiscard]] std::optional<pageblock::KernelRelease> find_release(
    const pageblock::InputFolder& folder, const pageblock::SnapshotFiles& files);

/// Returns the release of the kernel that runs.
[[nodiscard]] pageblock::KernelRelease live_release();

}  // namespace example
