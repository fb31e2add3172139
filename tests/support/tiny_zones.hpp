// SPDX-License-Identifier: MIT
/// Tiny zones of one type, and requests and frees of CPU 0 in few words.
#pragma once

#include <cstdint>
#include <optional>

#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/zones.hpp"

namespace pageblock::test {

/// Returns a zone of @p nr_pages free pages in blocks of @p type, with two CPUs.
[[nodiscard]] inline TinyZone free_zone(std::uint64_t nr_pages,
                                        MigrateType type = MigrateType::movable) {
  return TinyZone{
      {.spanned_pages = nr_pages, .block_types = {{{Pfn{0}, Pfn{nr_pages}}, type}}, .nr_cpus = 2}};
}

/// The same with all pages in use, each with count 1.
[[nodiscard]] inline TinyZone used_zone(std::uint64_t nr_pages,
                                        MigrateType type = MigrateType::movable) {
  ZoneLayout layout = pages_in_use(nr_pages);
  layout.block_types = {{{Pfn{0}, Pfn{nr_pages}}, type}};
  layout.nr_cpus = 2;
  return TinyZone{layout};
}

inline std::optional<Pfn> request(TinyZone& zone, unsigned order,
                                  MigrateType type = MigrateType::movable,
                                  Temperature temperature = Temperature::hot) {
  const auto page = alloc_pages(zone, cpu0, Order{order}, type, temperature);
  return page ? std::optional{page->pfn()} : std::nullopt;
}

inline FreeResult give_back(TinyZone& zone, std::uint64_t pfn, unsigned order = 0,
                            Temperature temperature = Temperature::hot) {
  return free_pages(zone, cpu0, Pfn{pfn}, Order{order}, temperature);
}

inline constexpr FreeResult freed{Freed::freed, 0};
inline constexpr FreeResult held{Freed::held, 0};

}  // namespace pageblock::test
