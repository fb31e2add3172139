/// The geometries that the program is built for, one translation unit each.
#pragma once

#include "conformance/input.hpp"
#include "conformance/outcome.hpp"

namespace conformance {

using Replay = Outcome (*)(Input&);

/// Returns the replayer for a geometry, null if there is none.
[[nodiscard]] Replay find_replay(unsigned long max_order, unsigned long pageblock_order);

/// Replays a vector of one geometry, from the line after `geom` on.
template <unsigned MaxOrder, unsigned PageblockOrder>
[[nodiscard]] Outcome replay(Input& input);

}  // namespace conformance
