// SPDX-License-Identifier: MIT
/// Reads what a recording says about itself.
#pragma once

#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Reads meta.json; members that RecordingMeta does not have are left out. Throws ParseError, which
/// names the member.
[[nodiscard]] pageblock::RecordingMeta parse_recording_meta(const pageblock::InputFile& file);

}  // namespace example
