// SPDX-License-Identifier: MIT
/// Zones that behave as v6.18's and v7.2's.
#pragma once

#include "pageblock/base/kernels.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/recording_tracer.hpp"
#include "support/v6_12_zones.hpp"

namespace pageblock::test {

/// A machine's usual ones, with pageblocks of 512 pages; what happens can be written down.
struct V7_2Config : V6_12Config {
  static constexpr Semantics semantics = kernel::v7_2;
};
using V7_2Zone = Zone<V7_2Config>;

/// The same of v6.18.
struct V6_18Config : V6_12Config {
  static constexpr Semantics semantics = kernel::v6_18;
};
using V6_18Zone = Zone<V6_18Config>;

}  // namespace pageblock::test
