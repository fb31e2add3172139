// SPDX-License-Identifier: MIT
/// Migratetypes: where the free pages of a pageblock go.
///
/// Layer:  base.
/// Kernel: enum in include/linux/mmzone.h, names in mm/vmstat.c.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pageblock/base/format.hpp"

namespace pageblock {

/// A migratetype by name. Kernels number them differently (movable is 2 in v3.6 and 1 since v4.4),
/// so numbers live in Semantics and only hashes and io use them.
/// No kernel has all of them: reserve gave way to highatomic in v4.4.
enum class MigrateType : std::uint8_t {
  unmovable,
  reclaimable,
  movable,
  reserve,
  cma,
  isolate,
  highatomic
};

/// How many migratetypes there are.
inline constexpr std::size_t nr_migratetypes = 7;

/// The types that requests have and that per-CPU lists exist for.
inline constexpr std::array pcp_types{MigrateType::unmovable, MigrateType::reclaimable,
                                      MigrateType::movable};
/// How many of them have per-CPU lists.
inline constexpr std::size_t nr_pcp_types = pcp_types.size();

/// Returns whether @p type is one of the enumerators, and not a number cast to one.
[[nodiscard]] constexpr bool is_migratetype(MigrateType type) {
  return static_cast<std::size_t>(type) < nr_migratetypes;
}

/// Returns whether requests may have @p type; it then has per-CPU lists.
[[nodiscard]] constexpr bool is_pcp_type(MigrateType type) { return type <= MigrateType::movable; }

/// Returns the position of @p type in an array with one element for each migratetype. It is no
/// kernel's number.
[[nodiscard]] constexpr std::size_t index_of(MigrateType type) {
  return static_cast<std::size_t>(type);
}

/// Returns the name as /proc/pagetypeinfo prints it; "unknown" for a number that is none.
[[nodiscard]] constexpr std::string_view to_string(MigrateType type) {
  constexpr std::array<std::string_view, nr_migratetypes> names{
      "Unmovable", "Reclaimable", "Movable", "Reserve", "CMA", "Isolate", "HighAtomic"};
  return is_migratetype(type) ? names[index_of(type)] : "unknown";
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::MigrateType> : pageblock::detail::ToStringFormatter {};
