// SPDX-License-Identifier: MIT
/// Replays a whole file, whichever of the geometries it is for.
#pragma once

#include "conformance/input.hpp"
#include "conformance/outcome.hpp"

namespace conformance {

/// Reads `vec` and `geom` and replays the rest with the geometry's replayer. Afterwards the input
/// says whether the file could be read to its end.
[[nodiscard]] Outcome replay_file(Input& input);

}  // namespace conformance
