// SPDX-License-Identifier: MIT
/// A trace of LLFree's, made again in a zone.
#pragma once

#include <cstdint>
#include <string_view>

#include "pageblock/io/trace/llfree_trace.hpp"
#include "pageblock/lab/huge_frames.hpp"

namespace example {

/// The most cores that a machine may have.
inline constexpr std::uint32_t most_cores = 256;

/// What came of it.
struct Replayed {
  std::uint64_t nr_events = 0;
  std::uint32_t cores = 0;
  std::uint64_t nr_pages = 0;
  std::uint64_t nr_refused = 0;
  std::uint64_t nr_unknown = 0;     ///< Frees of what was in use before the trace began.
  std::uint64_t nr_lost_frees = 0;  ///< Pages that were allocated twice, without a free between.
  std::uint64_t nr_free = 0;
  pageblock::HugeFrames frames{};
};

/// Replays @p trace by the rules of @p kernel: "v3.6", "v6.1", "v6.12", "v6.18" or "v7.2". What CPUs keep for themselves is
/// given back at the end. Requires: most_cores at most.
[[nodiscard]] Replayed replay_trace(const pageblock::LlfreeTrace& trace, std::string_view kernel);

}  // namespace example
