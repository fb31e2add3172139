// SPDX-License-Identifier: MIT
/// A few more words for tests of isolation and of its clients.
#pragma once

#include <cstdint>
#include <string>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/zones.hpp"

namespace pageblock::test {

/// Returns [start, end).
[[nodiscard]] constexpr PfnRange range(std::uint64_t start, std::uint64_t end) {
  return {Pfn{start}, Pfn{end}};
}

/// Returns one letter for each pageblock: Unmovable, rEclaimable, Movable, Reserve, Cma, Isolate.
template <ZoneConfig Config>
[[nodiscard]] std::string types(const Zone<Config>& zone) {
  std::string letters;
  for (std::size_t i = 0; i < zone.pageblock_flags().size(); ++i) {
    letters += "UEMRCI"[index_of(zone.pageblock_flags()[i])];
  }
  return letters;
}

/// Allocates on CPU 0 and returns the first pfn. Throws if there is nothing.
template <ZoneConfig Config>
std::uint64_t alloc(Zone<Config>& zone, unsigned order, MigrateType type = MigrateType::movable) {
  return alloc_pages(zone, cpu0, Order{order}, type).value().pfn().value();
}

/// Returns whether a request on CPU 0 finds nothing.
template <ZoneConfig Config>
[[nodiscard]] bool cannot_alloc(Zone<Config>& zone, unsigned order,
                                MigrateType type = MigrateType::movable) {
  return !alloc_pages(zone, cpu0, Order{order}, type).has_value();
}

/// Frees a chunk on CPU 0, hot.
template <ZoneConfig Config>
void free(Zone<Config>& zone, std::uint64_t pfn, unsigned order = 0) {
  static_cast<void>(free_pages(zone, cpu0, Pfn{pfn}, Order{order}));
}

/// Frees @p nr single pages from @p pfn upward on CPU 0, hot.
template <ZoneConfig Config>
void free_from(Zone<Config>& zone, std::uint64_t pfn, std::uint64_t nr) {
  for (std::uint64_t i = 0; i < nr; ++i) free(zone, pfn + i);
}

}  // namespace pageblock::test
