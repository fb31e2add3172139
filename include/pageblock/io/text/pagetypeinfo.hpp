// SPDX-License-Identifier: MIT
/// The text of /proc/pagetypeinfo.
///
/// Layer:  io.
/// Kernel: pagetypeinfo_show() (mm/vmstat.c); without the table of mixed blocks, which needs
///         page_owner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns what /proc/pagetypeinfo says of a node with these zones, a range of Zone: the free
/// chunks of each order by the type of their list, then the pageblocks by type. Zones without
/// memory are left out.
/// Locking:  the caller sees to it that nothing changes meanwhile.
[[nodiscard]] std::string pagetypeinfo(const std::ranges::input_range auto& zones,
                                       unsigned node = 0) {
  using AZone = std::ranges::range_value_t<decltype(zones)>;
  using Config = typename AZone::Config;
  std::string text = fmt::format("Page block order: {}\nPages per block:  {}\n\n",
                                 AZone::pageblock_order, AZone::pageblock_nr_pages);

  text += fmt::format("{:<43} ", "Free pages count per migrate type at order");
  for (Order order{0}; order <= AZone::top_order; ++order) {
    text += fmt::format("{:>6} ", order.value());
  }
  text += '\n';
  for (const auto& zone : zones) {
    if (zone.present_pages() == 0) continue;
    for (const MigrateType type : Config::semantics.migratetypes) {
      text += fmt::format("Node {:>4}, zone {:>8}, type {:>12} ", node, zone.name(), type);
      for (Order order{0}; order <= AZone::top_order; ++order) {
        text += fmt::format("{:>6} ", zone.free_area().nr_free(order, type));
      }
      text += '\n';
    }
  }

  text += fmt::format("\n{:<23}", "Number of blocks type ");
  for (const MigrateType type : Config::semantics.migratetypes) {
    text += fmt::format("{:>12} ", type);
  }
  text += '\n';
  for (const auto& zone : zones) {
    if (zone.present_pages() == 0) continue;
    std::array<std::uint64_t, nr_migratetypes> blocks{};
    for (std::size_t block = 0; block < zone.pageblock_flags().size(); ++block) {
      ++blocks[index_of(zone.pageblock_flags()[block])];
    }
    text += fmt::format("Node {}, zone {:>8} ", node, zone.name());
    for (const MigrateType type : Config::semantics.migratetypes) {
      text += fmt::format("{:>12} ", blocks[index_of(type)]);
    }
    text += '\n';
  }
  return text;
}

/// The same for a node with one zone.
template <ZoneConfig Config>
[[nodiscard]] std::string pagetypeinfo(const Zone<Config>& zone, unsigned node = 0) {
  return pagetypeinfo(std::span{&zone, 1}, node);
}

}  // namespace pageblock
