// SPDX-License-Identifier: MIT
/// The files of a snapshot, from the machine that the program runs on.
#pragma once

#include "pageblock/io/snapshot/snapshot.hpp"

namespace example {

/// Reads /proc and /sys. Throws ParseError, which names the file that needs root.
[[nodiscard]] pageblock::SnapshotFiles read_live();

}  // namespace example
