// SPDX-License-Identifier: MIT
/// Replays the recording in a folder, or a plain trace, by the rules of the kernel that was recorded.
#pragma once

#include <cstdint>
#include <filesystem>

#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/recording/replay.hpp"
#include "pageblock/io/text/input_folder.hpp"
#include "pageblock/io/text/parse_error.hpp"

namespace example {

/// Says in @p line, if there is one, what happens. Throws ParseError.
[[nodiscard]] pageblock::ReplayReport replay_recording(const std::filesystem::path& folder,
                                                       const pageblock::InputReader& read,
                                                       const pageblock::ReplayOptions& options,
                                                       pageblock::TimeLine* line = nullptr);

/// Serves the trace from @p nr_pages free pages. Throws ParseError.
[[nodiscard]] pageblock::ReplayReport replay_trace(const pageblock::InputFile& trace,
                                                   std::uint64_t nr_pages,
                                                   const pageblock::ReplayOptions& options,
                                                   pageblock::TimeLine* line = nullptr);

}  // namespace example
