// SPDX-License-Identifier: MIT
/// The kernels and geometries that the program is built for, one translation unit each.
#pragma once

#include <memory>
#include <string_view>

#include "conformance/machine.hpp"

namespace conformance {

/// What the first two lines of a vector say.
struct Geometry {
  unsigned long version;
  std::string_view profile;
  unsigned long max_order;  ///< Exclusive, as the library counts.
  unsigned long pageblock_order;
  unsigned long thp_order;  ///< Of the huge pages that per-CPU lists hold; 0: none.
};

using MakeMachine = std::unique_ptr<Machine> (*)();

/// Returns what makes a machine for a geometry, null if the program is not built for it.
[[nodiscard]] MakeMachine find_machine(const Geometry& geometry);

/// Returns whether the program is built for any geometry of a kernel.
[[nodiscard]] bool knows_kernel(unsigned long version, std::string_view profile);

}  // namespace conformance
