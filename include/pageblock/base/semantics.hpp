/// Kernel versions as values: what differs between them.
///
/// Layer:  base.
/// Kernel: v3.6. Later versions are further values of Semantics, with the members they need.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "pageblock/base/migratetype.hpp"

namespace pageblock {

/// One kernel version's behaviour: a member for each point on which modelled kernels differ. It is
/// a structural type; Config::semantics picks a value at compile time.
struct Semantics {
  /// A row of the fallback table: the other types to take free pages from, in this order.
  struct FallbackRow {
    std::array<MigrateType, 3> types{};
    std::size_t size = 0;

    [[nodiscard]] constexpr const MigrateType* begin() const { return types.data(); }
    [[nodiscard]] constexpr const MigrateType* end() const { return types.data() + size; }
  };

  /// The version as the kernel writes it.
  int major;
  int minor;

  /// The migratetypes in the order of the kernel's numbers, which is also the order of its tables.
  /// v4.4 swaps movable and reclaimable.
  std::array<MigrateType, nr_migratetypes> migratetypes;

  /// For each type that requests have (in the order of pcp_types): where they fall back to.
  std::array<FallbackRow, nr_pcp_types> fallbacks;

  /// Returns the kernel's number for @p type.
  [[nodiscard]] constexpr unsigned number_of(MigrateType type) const {
    for (unsigned number = 0; number < migratetypes.size(); ++number) {
      if (migratetypes[number] == type) return number;
    }
    return nr_migratetypes;
  }

  /// Returns the type with the kernel's number @p number, or nothing if there is none.
  [[nodiscard]] constexpr std::optional<MigrateType> type_of(std::size_t number) const {
    if (number >= migratetypes.size()) return std::nullopt;
    return migratetypes[number];
  }

  /// Returns the row for requests of @p type, one of pcp_types.
  [[nodiscard]] constexpr const FallbackRow& fallbacks_of(MigrateType type) const {
    return fallbacks[index_of(type)];
  }
};

/// The modelled kernels.
namespace kernel {

/// Linux v3.6 (2012): the first kernel with mm/page_isolation.c, and the count of isolated
/// pageblocks in kswapd's watermark check. Its known flaws are part of it.
inline constexpr Semantics v3_6{
    .major = 3,
    .minor = 6,
    .migratetypes = {MigrateType::unmovable, MigrateType::reclaimable, MigrateType::movable,
                     MigrateType::reserve, MigrateType::cma, MigrateType::isolate},
    .fallbacks = {{{{MigrateType::reclaimable, MigrateType::movable}, 2},
                   {{MigrateType::unmovable, MigrateType::movable}, 2},
                   {{MigrateType::cma, MigrateType::reclaimable, MigrateType::unmovable}, 3}}},
};

}  // namespace kernel
}  // namespace pageblock
