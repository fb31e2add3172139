// SPDX-License-Identifier: MIT
/// What who isolates pageblocks says of himself: flags and a type until v6.16, one mode since.
///
/// Layer:  isolation.
/// Kernel: MEMORY_OFFLINE, REPORT_FAILURE; enum pb_isolate_mode (v6.17) (include/linux/page-isolation.h).
#pragma once

#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"

namespace pageblock {

/// Who isolates; the kernel's numbers (v6.1).
namespace isolate_flags {
inline constexpr unsigned memory_offline = 0x1;  ///< Pages that a driver has taken are no obstacle.
inline constexpr unsigned report_failure =
    0x2;  ///< The kernel prints the page in the way; here explain_*() does.
}  // namespace isolate_flags

/// Who isolates; the kernel's numbers (v6.17).
enum class IsolateMode : std::uint8_t {
  mem_offline,  ///< Memory goes offline: pages that a driver has taken are no obstacle.
  cma_alloc,    ///< A CMA area: blocks of CMA areas are no obstacle.
  other         ///< Anybody else.
};

/// Kernels that isolate for a mode, and give each block back with its own type: v6.17 and later.
template <typename Config>
concept IsolatesForModeSinceV6_17 = Config::semantics.isolate_says == IsolateSays::mode;

/// Kernels that are told the type which blocks get when they are given back: until v6.16.
template <typename Config>
concept GivesBackTypeUntilV6_16 = !IsolatesForModeSinceV6_17<Config>;

/// Kernels that are also told isolate_flags, and which pages count: v6.1 to v6.16.
template <typename Config>
concept IsolatesForFlagsUntilV6_16 = Config::semantics.isolate_says == IsolateSays::flags;

/// What v6.1 asks of whoever isolates a block.
struct IsolateRequest {
  /// Only pages of this range count in the search for unmovable ones.
  PfnRange range{Pfn{0}, Pfn{~std::uint64_t{0}}};
  /// The type that the block is to get afterwards: CMA blocks are isolated for CMA only.
  MigrateType undo_type = MigrateType::movable;
  /// Of isolate_flags.
  unsigned flags = 0;
};

namespace detail {

// A mode in the older words: in these, it is the type to give back that says who may have CMA blocks.
[[nodiscard]] constexpr MigrateType type_of(IsolateMode mode) {
  return mode == IsolateMode::cma_alloc ? MigrateType::cma : MigrateType::movable;
}
[[nodiscard]] constexpr unsigned flags_of(IsolateMode mode) {
  constexpr unsigned offline = isolate_flags::memory_offline | isolate_flags::report_failure;
  return mode == IsolateMode::mem_offline ? offline : 0;
}

}  // namespace detail
}  // namespace pageblock
