// SPDX-License-Identifier: MIT
/// The type of a pageblock, and moving what is free in it to another type's lists.
///
/// Layer:  mm.
/// Kernel: get_pageblock_migratetype(), set_pageblock_migratetype(), move_freepages_block()
///         (mm/page_alloc.c).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/mm/pageblock_flags.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns the type of the pageblock that holds @p pfn. It decides where pages freed from now on
/// go, not which list the chunks in the block are on.
/// Requires: @p zone spans @p pfn.
/// Locking:  none; a relaxed read, as in the kernel.
template <ZoneConfig Config>
[[nodiscard]] MigrateType get_pageblock_migratetype(const Zone<Config>& zone, Pfn pfn) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  return zone.pageblock_flags().get(pfn);
}

namespace detail {

// set_pageblock_migratetype() for a caller who has checked what it gives.
template <ZoneConfig Config>
void write_block_type(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  zone.pageblock_flags().set(pfn, PageblockFlags<Config>::written(type, zone.mobility_grouping()));
}

}  // namespace detail

/// Writes the type of the pageblock that holds @p pfn; moves nothing, counts nothing. With mobility
/// grouping off it writes unmovable: in v3.6 whatever @p type is, in v6.1 for types of requests. Where isolation
/// is a mark beside the type (v6.17), an isolated block is so no more then.
/// Requires: @p zone spans @p pfn; the kernel has @p type, and in v6.17 it is not isolate.
/// Locking:  the caller holds zone.lock, or nobody else uses the zone.
template <ZoneConfig Config>
void set_pageblock_migratetype(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  bug_on(has_isolate_bit<Config> && type == MigrateType::isolate,
         "since v6.17 isolate is no type that is written");
  detail::write_block_type(zone, pfn, type);
}

namespace detail {

// The part of pfn's block whose free chunks move: nothing if the zone's end cuts the block; from pfn
// on, and not from the zone's start, if that cuts it.
template <ZoneConfig Config>
[[nodiscard]] PfnRange moved_part_of_block(const Zone<Config>& zone, Pfn pfn) {
  const Pfn block = pfn.align_down(Zone<Config>::pageblock_order);
  const Pfn end = block + Zone<Config>::pageblock_nr_pages;
  if (end > zone.end_pfn()) return {end, end};
  return {block < zone.start_pfn() ? pfn : block, end};
}

// Returns whether a zone has all of the block of pfn.
template <ZoneConfig Config>
[[nodiscard]] bool has_whole_block(const Zone<Config>& zone, Pfn pfn) {
  const Pfn block = pfn.align_down(Zone<Config>::pageblock_order);
  return block >= zone.start_pfn() && block + Zone<Config>::pageblock_nr_pages <= zone.end_pfn();
}

// Moves the free chunks of pfn's block, and nothing else. Returns their pages.
template <ZoneConfig Config>
std::int64_t move_chunks(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const auto [start, end] = moved_part_of_block(zone, pfn);
  if (start == end) return 0;
  return static_cast<std::int64_t>(zone.free_area().move(zone.memmap(), start, end, type));
}

// Moves the free chunks of pfn's block, and counts them. Returns their pages, or -1 if the zone cuts the
// block.
template <ZoneConfig Config>
std::int64_t move_and_count(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  if (!has_whole_block(zone, pfn)) return -1;
  const MigrateType old = zone.pageblock_flags().get(pfn);
  const std::int64_t moved = move_chunks(zone, pfn, type);
  zone.count_free(-moved, old);
  zone.count_free(moved, type);
  return moved;
}

// The same, and types the block.
template <ZoneConfig Config>
std::int64_t move_and_retype(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const std::int64_t moved = move_and_count(zone, pfn, type);
  if (moved >= 0) write_block_type(zone, pfn, type);
  return moved;
}

// move_freepages_block() for a caller who has checked what it gives.
template <ZoneConfig Config>
std::int64_t move_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  if constexpr (Config::semantics.move_rule == MoveRule::block) {
    return move_and_retype(zone, pfn, type);
  }
  return move_chunks(zone, pfn, type);
}

}  // namespace detail

/// Moves the free chunks that begin in the pageblock of @p pfn to the lists of @p type: to their
/// heads in v3.6, to their tails in v6.1. There it changes no type and no counter; v6.12 types the block,
/// too, and counts.
///
/// Returns:  the pages in moved chunks. A block that the zone's end cuts stays as it is: 0 (a defect of v3.6
///           and v6.1); in v6.12 one that the zone's start cuts, too: -1.
///           A chunk that begins in an earlier block is not seen, even if it covers this one
///           (another; v6.12 has none where it calls this).
/// Requires: @p zone spans @p pfn; the kernel has @p type.
/// Locking:  the caller holds zone.lock.
template <ZoneConfig Config>
std::int64_t move_freepages_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  zone.assert_locked();
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  bug_on(!has_type<Config>(type), "no such migratetype");
  return detail::move_block(zone, pfn, type);
}

}  // namespace pageblock
