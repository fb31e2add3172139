// SPDX-License-Identifier: MIT
/// The text of /proc/buddyinfo.
///
/// Layer:  io.
/// Kernel: frag_show() (mm/vmstat.c).
#pragma once

#include <ranges>
#include <span>
#include <string>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns what /proc/buddyinfo says of a node with these zones, a range of Zone: for each zone
/// with memory one line with the number of free chunks of each order, isolated ones included. Ends
/// in a newline.
/// Locking:  the caller sees to it that nothing changes meanwhile.
[[nodiscard]] std::string buddyinfo(const std::ranges::input_range auto& zones, unsigned node = 0) {
  std::string text;
  for (const auto& zone : zones) {
    if (zone.present_pages() == 0) continue;
    text += fmt::format("Node {}, zone {:>8} ", node, zone.name());
    for (Order order{0}; order <= zone.top_order; ++order) {
      text += fmt::format("{:>6} ", zone.nr_free(order));
    }
    text += '\n';
  }
  return text;
}

/// The same for a node with one zone.
template <ZoneConfig Config>
[[nodiscard]] std::string buddyinfo(const Zone<Config>& zone, unsigned node = 0) {
  return buddyinfo(std::span{&zone, 1}, node);
}

}  // namespace pageblock
