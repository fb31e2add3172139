// SPDX-License-Identifier: MIT
/// What the zones of one or several nodes would answer to a request, by their counters alone.
///
/// Layer:  mm.
/// Kernel: build_zonelists(), get_page_from_freelist() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone_counters.hpp"

namespace pageblock {

/// A zone of one of several nodes.
struct NodeZone {
  unsigned node = 0;  ///< The node's number.
  /// The kernel's number of the zone's type. It differs between kernels: only some have DMA32,
  /// HighMem or Device.
  std::size_t number = 0;
  std::string name;   ///< The zone's name.
  ZoneCounts counts;  ///< What is counted of it.
};

/// Returns the zones that may serve a request whose highest zone is number @p classzone_idx, in the
/// order in which they are asked: those of @p preferred_node first, then node by node; in each node
/// the highest first. Which nodes are near, nobody knows here: they follow by number.
/// Kernel: build_zonelists() (v4.14; before, some machines had it zone by zone).
[[nodiscard]] inline std::vector<const NodeZone*> zonelist(std::span<const NodeZone> zones,
                                                           std::size_t classzone_idx,
                                                           unsigned preferred_node = 0) {
  std::vector<const NodeZone*> list;
  for (const NodeZone& zone : zones) {
    if (zone.number <= classzone_idx) list.push_back(&zone);
  }
  std::ranges::sort(list, [preferred_node](const NodeZone* a, const NodeZone* b) {
    const bool a_first = a->node == preferred_node;
    const bool b_first = b->node == preferred_node;
    if (a_first != b_first) return a_first;
    return a->node != b->node ? a->node < b->node : a->number > b->number;
  });
  return list;
}

/// What a zone would answer, and why.
struct ZoneForecast {
  ZoneAnswer answer = ZoneAnswer::no_memory;  ///< What it would answer.
  /// What had to stay free.
  WatermarkDemand demand{};
  /// Enough is free in all, but too little of it in chunks that are large enough (before v4.4).
  bool lacks_large = false;
};

/// Returns what @p zone would answer to a request for 2^order pages whose highest zone is number
/// @p classzone_idx, if it were asked down to the lowest watermark: the last try before the kernel
/// gives up. Where the chunks are not known, those of order 0 are taken to be there, larger ones not.
/// Requires: order <= 19; gfp.migratetype is one of pcp_types.
template <ZoneConfig Config>
[[nodiscard]] ZoneForecast forecast_zone(const ZoneCounters<Config>& zone, Order order,
                                         const Gfp& gfp, std::size_t classzone_idx) {
  bug_on(!is_pcp_type(gfp.migratetype), "requests are unmovable, reclaimable or movable");
  const unsigned flags = last_alloc_flags<Config>(gfp, order);
  const std::uint64_t mark = detail::mark_for(zone, order, gfp, flags);
  const std::int64_t free = zone.nr_free_pages();
  ZoneForecast forecast{
      .answer = detail::answer_by_counters(zone, order, gfp, classzone_idx, flags, free),
      .demand = detail::demand_of(zone, order, mark, classzone_idx, flags)};
  const bool is_known = !zone.counts().chunks.empty();
  const bool has_chunk = is_known
                             ? detail::has_listed_memory_for(zone, order, gfp.migratetype, flags)
                             : order == Order{0};
  if (forecast.answer == ZoneAnswer::watermark) {
    forecast.lacks_large = free - forecast.demand.unusable > forecast.demand.pages();
    if (forecast.lacks_large && !has_chunk) forecast.answer = ZoneAnswer::no_chunk;
  } else if (forecast.answer == ZoneAnswer::served && !has_chunk) {
    forecast.answer = ZoneAnswer::no_chunk;
  }
  return forecast;
}

}  // namespace pageblock
