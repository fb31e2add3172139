// SPDX-License-Identifier: MIT
/// The block map of a zone, of a node, or of two zones side by side.
///
/// Layer:  io.
/// Kernel: none.
///
///     fmt::print("{}", block_map(zone));
///     fmt::print("{}", side_by_side(before, after, {"before", "after"}));
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/picture/block_fold.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/block_map.hpp"
#include "pageblock/io/picture/block_map_text.hpp"
#include "pageblock/io/picture/page_scan.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns a picture of @p zone: a row for every limits.per_line pageblocks, labelled with its first
/// pfn. In a zone of more than limits.lines such rows, similar ones are shared out (block_fold.hpp).
/// Locking:  none; the zone must not change meanwhile.
template <ZoneConfig Config>
[[nodiscard]] BlockMap block_map(const Zone<Config>& zone, const MapLimits& limits = {}) {
  BlockMap map;
  BlockScan<Config> scan{zone, first_block(zone)};
  for (Pfn block = first_block(zone); block < zone.room().end;) {
    const Pfn first = block;
    BlockMap::Blocks row;
    for (; row.size() < limits.per_line && block < zone.room().end;
         block = block + Zone<Config>::pageblock_nr_pages) {
      row.push_back(scan.next().look);
    }
    map.add_row(fmt::format("{:#x}", first), std::move(row));
  }
  return fitted(map, limits);
}

/// Returns a picture of all zones of @p node, the lowest first.
template <ZoneConfig Config>
[[nodiscard]] BlockMap block_map(const Node<Config>& node, const MapLimits& limits = {}) {
  BlockMap map;
  const auto zones = node.zones();
  for (std::size_t i = zones.size(); i-- != 0;) {
    const BlockMap of_zone = block_map(zones[i], limits);
    for (BlockMap::Row row : of_zone.rows()) {
      row.label = fmt::format("{} {}", zones[i].name(), row.label);
      map.add_row(std::move(row));
    }
  }
  return map;
}

/// The names of two zones in a picture.
struct SideNames {
  std::string left = "left";
  std::string right = "right";
};

/// Returns a picture of two zones side by side: two kernels after the same steps, or one zone before
/// and after. Marked are the blocks that differ in their type or in any page: what it is, or how what
/// is free is cut into chunks. The order of lists is not compared.
/// Locking:  none; the zones must not change meanwhile.
template <ZoneConfig Left, ZoneConfig Right>
[[nodiscard]] BlockMap side_by_side(const Zone<Left>& left, const Zone<Right>& right,
                                    const SideNames& names = {},
                                    const MapLimits& limits = {.lines = 64, .per_line = 32}) {
  static_assert(Left::pageblock_order == Right::pageblock_order,
                "zones with pageblocks of one size can be compared");
  BlockMap map{{names.left, names.right}};
  const Pfn start = std::min(first_block(left), first_block(right));
  const Pfn end = std::max(left.room().end, right.room().end);
  BlockScan<Left> left_scan{left, start};
  BlockScan<Right> right_scan{right, start};
  for (Pfn block = start; block < end;) {
    BlockMap::Row row{fmt::format("{:#x}", block), {{}, {}}};
    for (; row.marked.size() < limits.per_line && block < end;
         block = block + Zone<Left>::pageblock_nr_pages) {
      const auto a = left_scan.next();
      const auto b = right_scan.next();
      row.panels[0].push_back(a.look);
      row.panels[1].push_back(b.look);
      row.marked.push_back(a != b);
    }
    map.add_row(std::move(row));
  }
  return fitted(map, limits);
}

}  // namespace pageblock
