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
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// Returns the pages that are reserved.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t nr_reserved(const Zone<Config>& zone) {
  return read_once<is_shared<Config>>(zone.pressure().nr_reserved_highatomic);
}

// Counts pages as reserved, or with a minus no longer, as far as they were.
template <ZoneConfig Config>
void mod_nr_reserved(Zone<Config>& zone, std::int64_t change) {
  const auto reserved = static_cast<std::int64_t>(nr_reserved(zone));
  write_once<is_shared<Config>>(
      zone.pressure().nr_reserved_highatomic,
      static_cast<std::uint64_t>(std::max(reserved + change, std::int64_t{0})));
}

// Returns the pages at which a zone has enough reserved: a hundredth and a block, or a hundredth in whole
// blocks, and none if that is less than one.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t enough_reserved(const Zone<Config>& zone) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  const std::uint64_t hundredth = zone.managed_pages() / 100;
  if constexpr (Config::semantics.highatomic_rule == HighatomicRule::one_block) {
    return hundredth + block_pages;
  }
  if (hundredth < block_pages) return 0;
  return (hundredth + block_pages - 1) & ~(block_pages - 1);
}

// Reserves a block as a whole, even if the zone's end cuts it.
template <ZoneConfig Config>
bool reserve_block(Zone<Config>& zone, Pfn pfn) {
  mod_nr_reserved(zone, static_cast<std::int64_t>(Zone<Config>::pageblock_nr_pages));
  set_pageblock_migratetype(zone, pfn, MigrateType::highatomic);
  move_freepages_block(zone, pfn, MigrateType::highatomic);
  return true;
}

// Reserves a chunk's block, unless the zone cuts it, or its blocks: nothing is free in these.
template <ZoneConfig Config>
bool reserve_chunk(Zone<Config>& zone, Pfn pfn, Order order) {
  if (order < Zone<Config>::pageblock_order) {
    if (move_freepages_block(zone, pfn, MigrateType::highatomic) < 0) return false;
    order = Zone<Config>::pageblock_order;
  } else {
    zone.pageblock_flags().relabel(pfn, order, MigrateType::highatomic);
  }
  mod_nr_reserved(zone, nr_pages_of(order));
  return true;
}

// Gives the block of a free chunk that is reserved to requests of a type. Returns whether pages changed
// lists: in a block that the zone's end cuts they do not, though it has been given back.
template <ZoneConfig Config>
bool unreserve_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  // A page that was freed while its block was given back is still on the list.
  const bool is_reserved = get_pageblock_migratetype(zone, pfn) == MigrateType::highatomic;
  if (is_reserved || !Config::semantics.races.unreserve_asks_type) {
    mod_nr_reserved(zone, -static_cast<std::int64_t>(Zone<Config>::pageblock_nr_pages));
  }
  set_pageblock_migratetype(zone, pfn, type);
  return move_freepages_block(zone, pfn, type) != 0;
}

// The same; of a chunk of a block or more, its blocks.
template <ZoneConfig Config>
bool unreserve_chunk(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  if (get_pageblock_migratetype(zone, pfn) == MigrateType::highatomic) {
    mod_nr_reserved(zone, -nr_pages_of(std::max(order, block_order)));
  }
  if (order < block_order) return move_freepages_block(zone, pfn, type) > 0;
  zone.free_area().del(zone.memmap(), pfn);
  zone.count_free(-nr_pages_of(order), MigrateType::highatomic);
  zone.free_area().add_tail(zone.memmap(), pfn, order, type);
  zone.count_free(nr_pages_of(order), type);
  zone.pageblock_flags().relabel(pfn, order, type);
  return true;
}

}  // namespace detail

/// Reserves the pageblock of @p pfn, where an urgent request has just got a chunk of @p order, and what is
/// free in it: the next one will find memory there. Not if the zone has reserved a hundredth of itself and
/// a block (v6.12: a hundredth, in whole blocks), nor a block that is reserved already, isolated or for CMA.
/// v6.12 reserves no block that the zone cuts, and of a chunk that is larger all blocks.
/// Requires: @p zone spans @p pfn.
/// Returns:  whether it did.
/// Locking:  takes zone.lock, unless enough is reserved.
template <ZoneConfig Config>
bool reserve_highatomic_pageblock(Zone<Config>& zone, Pfn pfn,
                                  Order order = Order{
                                      0}) requires(Config::semantics.has(MigrateType::highatomic)) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  const std::uint64_t enough = detail::enough_reserved(zone);
  if (detail::nr_reserved(zone) >= enough) return false;
  const IrqSaveGuard guard{zone.lock()};
  if (detail::nr_reserved(zone) >= enough) return false;
  if (!is_pcp_type(get_pageblock_migratetype(zone, pfn))) return false;
  if constexpr (Config::semantics.highatomic_rule == HighatomicRule::rounded) {
    return detail::reserve_chunk(zone, pfn, order);
  }
  return detail::reserve_block(zone, pfn);
}

/// Gives one reserved pageblock that has free pages to requests of @p type; in v6.12 all blocks of a chunk
/// that is larger. The last one stays reserved, unless @p force is set.
/// Requires: @p type is one of pcp_types.
/// Returns:  whether free pages changed lists. In a block that the zone's end cuts they do not, and
///           the search goes on, though the block has been given back (v6.12 has none that is reserved).
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
bool unreserve_highatomic_pageblock(Zone<Config>& zone, MigrateType type, bool force) requires(
    Config::semantics.has(MigrateType::highatomic)) {
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable");
  if (!force && detail::nr_reserved(zone) <= Zone<Config>::pageblock_nr_pages) return false;
  const auto give_back = [&](Pfn pfn, [[maybe_unused]] Order order) {
    if constexpr (Config::semantics.highatomic_rule == HighatomicRule::rounded) {
      return detail::unreserve_chunk(zone, pfn, order, type);
    }
    return detail::unreserve_block(zone, pfn, type);
  };
  const IrqSaveGuard guard{zone.lock()};
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    if (zone.free_area().nr_free(order, MigrateType::highatomic) == 0) continue;
    if (give_back(zone.free_area().head(zone.memmap(), order, MigrateType::highatomic), order)) {
      return true;
    }
  }
  return false;
}

}  // namespace pageblock
