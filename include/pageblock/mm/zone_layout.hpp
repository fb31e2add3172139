// SPDX-License-Identifier: MIT
/// What a machine says of a zone before its memory is handed to the buddy allocator.
///
/// Layer:  mm.
/// Kernel: memblock, free_area_init_core(), zone->name, zone->wmark[], zone->lowmem_reserve[].
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// What a zone is for. Isolation asks only whether it is ZONE_MOVABLE.
enum class ZoneType { dma, dma32, normal, movable };

/// How many types of zones there are.
inline constexpr std::size_t max_nr_zones = 4;

/// Pageblocks that are not movable from the start: every block that is reached by stepping from the
/// range's start by the block size. A type of isolate is written, not counted as isolated.
struct BlockTypeRange {
  PfnRange range;                           ///< Whole pageblocks.
  MigrateType type = MigrateType::movable;  ///< Their type.
};

/// Pages that are in use when the zone is first seen, as in a snapshot of a running machine.
struct InUseRange {
  PfnRange range;  ///< The pages.
  /// References to each page, at least 1.
  std::uint32_t count = 1;
  /// Whether the pages are on LRU lists, that is, movable.
  bool lru = false;
};

/// The description that a zone is made from. What it does not say is set later: watermarks begin at
/// 0, batch and high of the per-CPU lists follow from the size as in the kernel. Neither the start
/// nor the end need be aligned. Ranges lie in the zone; they may repeat and overlap: a hole wins
/// over reserved memory, reserved memory over pages in use, and a later range of these over an
/// earlier one.
struct ZoneLayout {
  std::string name = "Normal";       ///< As the kernel names it.
  ZoneType type = ZoneType::normal;  ///< Which zone of its node.
  Pfn start_pfn{};                   ///< The first page.
  std::uint64_t spanned_pages = 0;   ///< Pages from the first to the last, holes too.
  /// No memory there.
  std::vector<PfnRange> holes{};
  /// Memory in use from boot, which never enters the buddy lists.
  std::vector<PfnRange> reserved{};
  /// Memory in use that can be freed.
  std::vector<InUseRange> in_use{};
  std::vector<BlockTypeRange> block_types{};  ///< Blocks that are not movable.
  /// False on tiny machines (page_group_by_mobility_disabled): each type written is unmovable, in
  /// v6.1 each that requests have.
  bool mobility_grouping = true;
  /// The largest chunks that population frees; more than the largest order means the largest.
  Order populate_order{31};
  /// CPUs that have page lists, Config::nr_cpus at most.
  unsigned nr_cpus = 1;
};

/// Watermarks of a zone, in pages.
struct Watermarks {
  std::uint64_t min = 0;   ///< Below it only urgent requests are served.
  std::uint64_t low = 0;   ///< Below it kswapd is woken.
  std::uint64_t high = 0;  ///< Up to it kswapd reclaims.
  friend bool operator==(const Watermarks&, const Watermarks&) = default;
};

/// What a zone remembers of memory pressure; v3.6 knows none of it.
/// Kernel: zone->watermark_boost (v5.0), nr_reserved_highatomic (v4.4), zone->flags.
struct ZonePressure {
  /// Pages added to every watermark until kswapd has made up for memory that was stolen.
  std::uint64_t watermark_boost = 0;
  /// A steal raised the boost, and kswapd is still to be woken.
  bool boosted = false;
  /// kswapd reclaims: per-CPU lists are kept short.
  bool reclaim_active = false;
  /// Pages of the blocks that are kept for urgent requests.
  std::uint64_t nr_reserved_highatomic = 0;
  /// A request found the zone below its high watermark (v6.7).
  bool below_high = false;
  friend bool operator==(const ZonePressure&, const ZonePressure&) = default;
};

namespace detail {

/// Returns the union of @p ranges as sorted, disjoint, non-empty ranges that do not touch.
[[nodiscard]] inline std::vector<PfnRange> merged(std::vector<PfnRange> ranges) {
  std::erase_if(ranges, [](const PfnRange& range) { return range.empty(); });
  std::ranges::sort(ranges, {}, &PfnRange::start);
  std::vector<PfnRange> result;
  for (const PfnRange& range : ranges) {
    if (!result.empty() && range.start <= result.back().end) {
      result.back().end = std::max(result.back().end, range.end);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

/// Reports a range that is reversed or that leaves [start, end).
inline void check_range(const PfnRange& range, Pfn start, Pfn end, const char* reason) {
  bug_on(range.end < range.start || range.start < start || range.end > end, reason);
}

/// Returns the parts of [start, end) that no range of @p holes covers; holes are merged().
[[nodiscard]] inline std::vector<PfnRange> complement(const std::vector<PfnRange>& holes, Pfn start,
                                                      Pfn end) {
  std::vector<PfnRange> result;
  for (const PfnRange& hole : holes) {
    if (start < hole.start) result.push_back({start, hole.start});
    start = std::max(start, hole.end);
  }
  if (start < end) result.push_back({start, end});
  return result;
}

}  // namespace detail
}  // namespace pageblock
