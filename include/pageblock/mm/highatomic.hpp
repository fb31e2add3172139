// SPDX-License-Identifier: MIT
/// The reserve for urgent requests of several pages: pageblocks that others keep out of.
///
/// Layer:  mm.
/// Kernel: reserve_highatomic_pageblock(), unreserve_highatomic_pageblock() (mm/page_alloc.c), from
///         v4.4.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Reserves the pageblock of @p pfn, which an urgent request has just got, and what is free in it:
/// the next one will find memory there. Not if the zone has reserved a hundredth of itself and a
/// block, nor a block that is reserved already, isolated or for CMA.
/// Requires: @p zone spans @p pfn.
/// Returns:  whether it did.
/// Locking:  takes zone.lock, unless enough is reserved.
template <ZoneConfig Config>
bool reserve_highatomic_pageblock(Zone<Config>& zone, Pfn pfn) requires(
    Config::semantics.has(MigrateType::highatomic)) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  std::uint64_t& reserved = zone.pressure().nr_reserved_highatomic;
  const auto has_enough = [&] {
    const std::uint64_t pages = detail::read_once<is_shared<Config>>(reserved);
    return pages >= zone.managed_pages() / 100 + block_pages;
  };
  if (has_enough()) return false;
  const IrqSaveGuard guard{zone.lock()};
  if (has_enough() || !is_pcp_type(get_pageblock_migratetype(zone, pfn))) return false;
  detail::write_once<is_shared<Config>>(reserved, reserved + block_pages);
  set_pageblock_migratetype(zone, pfn, MigrateType::highatomic);
  move_freepages_block(zone, pfn, MigrateType::highatomic);
  return true;
}

/// Gives one reserved pageblock that has free pages to requests of @p type. The last one stays
/// reserved, unless @p force is set.
/// Requires: @p type is one of pcp_types.
/// Returns:  whether free pages changed lists. In a block that the zone's end cuts they do not, and
///           the search goes on, though the block has been given back.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
bool unreserve_highatomic_pageblock(Zone<Config>& zone, MigrateType type, bool force) requires(
    Config::semantics.has(MigrateType::highatomic)) {
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable");
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  std::uint64_t& reserved = zone.pressure().nr_reserved_highatomic;
  if (!force && detail::read_once<is_shared<Config>>(reserved) <= block_pages) return false;
  const IrqSaveGuard guard{zone.lock()};
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    if (zone.free_area().nr_free(order, MigrateType::highatomic) == 0) continue;
    const Pfn pfn = zone.free_area().head(zone.memmap(), order, MigrateType::highatomic);
    // A page that was freed while its block was given back is still on the list.
    if (get_pageblock_migratetype(zone, pfn) == MigrateType::highatomic) {
      detail::write_once<is_shared<Config>>(reserved, reserved - std::min(block_pages, reserved));
    }
    set_pageblock_migratetype(zone, pfn, type);
    if (move_freepages_block(zone, pfn, type) != 0) return true;
  }
  return false;
}

}  // namespace pageblock
