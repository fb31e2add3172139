// SPDX-License-Identifier: MIT
/// Where it is said which kernel a snapshot is of.
#pragma once

#include <optional>

#include "pageblock/io/snapshot/kernel_release.hpp"
#include "pageblock/io/text/input_folder.hpp"

namespace example {

/// Looks in @p folder for "version", a copy of /proc/version, and there and in the folder around it
/// for the meta.json of a recording. Throws ParseError if what is found names no version.
[[nodiscard]] std::optional<pageblock::KernelRelease> find_release(
    const pageblock::InputFolder& folder);

/// Returns the release of the kernel that runs.
[[nodiscard]] pageblock::KernelRelease live_release();

}  // namespace example
