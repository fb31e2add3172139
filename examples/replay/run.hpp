/// Replays a recording, or a plain trace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "pageblock/io/text/parse_error.hpp"

#include "replay/result.hpp"

namespace example {

/// All that a replay has to say.
struct ReplayReport {
  std::string source;     ///< the folder or the file
  std::string machine{};  ///< what was recorded, in a line
  ReplayResult result{};
  std::optional<std::size_t> until{};  ///< the last line that was replayed, if not all were
  /// Whether pages that come to per-CPU lists and leave them are judged; not where no probe shows what
  /// changes their limits and goes past them, and the trace tells when they are drained.
  bool judges_lists = true;
  double reading = 0;  ///< seconds
  double replaying = 0;

  /// Returns whether all that is predicted came true.
  [[nodiscard]] bool agrees() const;
  [[nodiscard]] std::uint64_t operations_per_second() const;
};

/// Replays the recording in @p folder: from T0 to T1, or up to line @p until of the trace.
/// Throws ParseError.
[[nodiscard]] ReplayReport replay_recording(const std::filesystem::path& folder,
                                            std::optional<std::size_t> until);

/// Replays the requests and frees of a trace in a zone of @p nr_pages free pages. Throws ParseError.
[[nodiscard]] ReplayReport replay_trace(const pageblock::InputFile& trace, std::uint64_t nr_pages,
                                        std::optional<std::size_t> until);

}  // namespace example
