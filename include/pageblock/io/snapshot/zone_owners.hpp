// SPDX-License-Identifier: MIT
/// Which zone a page belongs to where several zones span it.
///
/// Layer:  io.
/// Kernel: page_zone(). A zone's span reaches from its first page to its last; a Movable zone whose
///         memory was hot-added between Normal's, and nodes that alternate, lie in each other's.
///         Which zone an online memory block is in, its valid_zones and its node say.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/zoneinfo.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What belongs to whom.
struct ZoneOwners {
  /// For each zone, sorted and disjoint.
  std::vector<std::vector<PfnRange>> of_zone;
  /// What several zones span while nothing says whose it is.
  std::vector<PfnRange> open;
};

namespace detail {

/// Returns the one zone of @p candidates, by index, that @p block says it is in; size() if none or
/// several.
[[nodiscard]] inline std::size_t zone_of_block(const std::vector<ZoneInfo>& zones,
                                               const std::vector<std::size_t>& candidates,
                                               const MemoryBlock& block) {
  std::size_t found = zones.size();
  for (const std::size_t i : candidates) {
    const ZoneName& name = zones[i].name;
    if (!block.zone.empty() && name.zone != block.zone) continue;
    if (block.node && name.node != *block.node) continue;
    if (found != zones.size()) return zones.size();
    found = i;
  }
  return found;
}

}  // namespace detail

/// Finds the owners. Pages that only one zone spans are its own. Of the others, those outside all
/// online blocks of @p memory are nobody's; without a list (null) all are open.
[[nodiscard]] inline ZoneOwners find_zone_owners(const std::vector<ZoneInfo>& zones,
                                                 const MemoryBlocks* memory) {
  ZoneOwners owners;
  owners.of_zone.resize(zones.size());
  std::vector<Pfn> borders;
  for (const ZoneInfo& zone : zones) {
    borders.push_back(zone.range().start);
    borders.push_back(zone.range().end);
  }
  std::ranges::sort(borders);
  for (std::size_t i = 1; i < borders.size(); ++i) {
    const PfnRange part{borders[i - 1], borders[i]};
    std::vector<std::size_t> spanning;
    for (std::size_t zone = 0; zone < zones.size(); ++zone) {
      const PfnRange span = zones[zone].range();
      if (span.start <= part.start && part.end <= span.end) spanning.push_back(zone);
    }
    if (part.empty() || spanning.empty()) continue;
    if (spanning.size() == 1) {
      owners.of_zone[spanning.front()].push_back(part);
    } else if (memory == nullptr) {
      owners.open.push_back(part);
    } else {
      for (const MemoryBlock& block : memory->blocks) {
        const PfnRange piece{std::max(part.start, block.range.start),
                             std::min(part.end, block.range.end)};
        if (!block.is_online() || piece.end <= piece.start) continue;
        const std::size_t owner = detail::zone_of_block(zones, spanning, block);
        (owner == zones.size() ? owners.open : owners.of_zone[owner]).push_back(piece);
      }
    }
  }
  for (std::vector<PfnRange>& pages : owners.of_zone) pages = detail::merged(std::move(pages));
  owners.open = detail::merged(std::move(owners.open));
  return owners;
}

}  // namespace pageblock
