// SPDX-License-Identifier: MIT
/// What a caller who has no CMA area says of himself, in the words of each kernel.
#pragma once

#include "pageblock/base/migratetype.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/isolate_mode.hpp"

namespace example {

/// Returns what start_isolate_page_range() is told: the type that blocks get afterwards; a mode since v6.17.
template <pageblock::GivesBackTypeUntilV6_16 Config>
[[nodiscard]] constexpr pageblock::MigrateType isolate_argument() {
  return pageblock::MigrateType::movable;
}
template <pageblock::IsolatesForModeSinceV6_17 Config>
[[nodiscard]] constexpr pageblock::IsolateMode isolate_argument() {
  return pageblock::IsolateMode::other;
}

/// Returns what alloc_contig_range() is told: the type that blocks get afterwards; flags since v6.17.
template <pageblock::GivesBackTypeUntilV6_16 Config>
[[nodiscard]] constexpr pageblock::MigrateType contig_argument() {
  return pageblock::MigrateType::movable;
}
template <pageblock::IsolatesForModeSinceV6_17 Config>
[[nodiscard]] constexpr pageblock::AcrFlags contig_argument() {
  return pageblock::AcrFlags::none;
}

}  // namespace example
