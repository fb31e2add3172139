// SPDX-License-Identifier: MIT
/// The geometries that the program is built for, one translation unit each.
#pragma once

#include <cstdint>

#include "conformance/input.hpp"
#include "conformance/outcome.hpp"

namespace conformance {

/// The largest zone that is replayed: 1 TiB. A larger one might not fit into memory, since with
/// blocks of two pages it takes 16 bytes a page, and more once single pages differ.
inline constexpr std::uint64_t most_pages = std::uint64_t{1} << 28;

using Replay = Outcome (*)(Input&);

/// Returns the replayer for a geometry, null if there is none.
[[nodiscard]] Replay find_replay(unsigned long max_order, unsigned long pageblock_order);

/// Replays a vector of one geometry, from the line after `geom` on.
template <unsigned MaxOrder, unsigned PageblockOrder>
[[nodiscard]] Outcome replay(Input& input);

}  // namespace conformance
