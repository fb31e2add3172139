// SPDX-License-Identifier: MIT
/// How a node's watermarks, reserves and per-CPU limits follow from its memory.
///
/// Layer:  mm.
/// Kernel: calculate_min_free_kbytes(), setup_per_zone_wmarks(), setup_per_zone_lowmem_reserve(),
///         init_per_zone_wmark_min() (mm/page_alloc.c), set_recommended_min_free_kbytes()
///         (mm/khugepaged.c).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "pageblock/base/contract.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// A kernel page in kB, as on x86-64.
inline constexpr std::uint64_t kbytes_per_page = 4;

/// vm.lowmem_reserve_ratio: for each zone, by number, what part of the memory above it a request
/// for that memory must leave free here; 0: none.
inline constexpr std::array<std::uint64_t, max_nr_zones> lowmem_reserve_ratio{256, 256, 32, 0};

namespace detail {

// The pages of a zone that its watermarks and reserves follow from.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t counted_pages(const Zone<Config>& zone) {
  return Config::semantics.watermark_share == WatermarkShare::of_present ? zone.present_pages()
                                                                         : zone.managed_pages();
}

// The three watermarks of a zone of so many pages, with vm.watermark_scale_factor 10. Its share of what is to
// stay free decides how far they are apart, also where min is another number.
[[nodiscard]] constexpr Watermarks watermarks_from(WatermarkShare rule, std::uint64_t min,
                                                   std::uint64_t share, std::uint64_t pages) {
  if (rule == WatermarkShare::of_present) return {min, min + share / 4, min + share / 2};
  const std::uint64_t step = std::max(share / 4, pages / 1000);
  return {min, min + step, min + 2 * step};
}

}  // namespace detail

/// Returns the pages that requests for Normal can have above the high watermarks as they are now.
/// Kernel: nr_free_buffer_pages().
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t nr_free_buffer_pages(const Node<Config>& node) {
  std::uint64_t pages = 0;
  for (const Zone<Config>& zone : node.zonelist(ZoneType::normal)) {
    const std::uint64_t counted = detail::counted_pages(zone);
    pages += counted - std::min(counted, high_wmark_pages(zone));
  }
  return pages;
}

/// Returns the vm.min_free_kbytes of a node, in kB: 128 to 262144, in v3.6 to 65536. It grows with the square
/// root of the memory, and depends on the watermarks that are in force.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t calculate_min_free_kbytes(const Node<Config>& node) {
  const std::uint64_t kbytes = nr_free_buffer_pages(node) * kbytes_per_page;
  // Exact: below 2^45 no rounding makes a root reach the next integer.
  const double root = std::sqrt(static_cast<double>(kbytes * 16));
  constexpr bool is_small = Config::semantics.watermark_share == WatermarkShare::of_present;
  constexpr std::uint64_t most = is_small ? 65536 : 262144;
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(root), 128, most);
}

/// Returns what a kernel with transparent huge pages raises vm.min_free_kbytes to, in kB, if that is
/// more: some pageblocks of each type in every zone up to Normal, a twentieth of the memory at most.
/// Kernel: set_recommended_min_free_kbytes().
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t recommended_min_free_kbytes(const Node<Config>& node) {
  constexpr std::uint64_t blocks_per_zone = 2 + nr_pcp_types * nr_pcp_types;
  std::uint64_t pages = 0;
  for (const Zone<Config>& zone : node.zonelist(ZoneType::normal)) {
    if (zone.present_pages() != 0) pages += blocks_per_zone * Zone<Config>::pageblock_nr_pages;
  }
  return std::min(pages, nr_free_buffer_pages(node) / 20) * kbytes_per_page;
}

/// Shares @p min_free_kbytes among the zones by size, and sets what follows from it: watermarks and, since
/// v6.1, batch and high of the per-CPU lists. What steals have added to the watermarks is forgotten. In v6.12
/// the movable zone has a small min of its own, and only the others share.
/// Requires: min_free_kbytes < 2^31.
/// Locking:  each CPU's lock in turn; watermarks are set before threads share the zones.
/// Kernel:   setup_per_zone_wmarks(), with vm.watermark_scale_factor 10 (v4.6).
template <ZoneConfig Config>
void setup_per_zone_wmarks(Node<Config>& node, std::uint64_t min_free_kbytes) {
  bug_on(min_free_kbytes > std::numeric_limits<std::int32_t>::max(),
         "vm.min_free_kbytes is below 2^31");
  constexpr const Semantics& semantics = Config::semantics;
  const auto is_capped = [](const Zone<Config>& zone) {
    return semantics.movable_min_capped && zone.type() == ZoneType::movable;
  };
  std::uint64_t all = 0;
  for (const Zone<Config>& zone : node.zones()) {
    if (!is_capped(zone)) all += detail::counted_pages(zone);
  }
  for (Zone<Config>& zone : node.zones()) {
    const std::uint64_t counted = detail::counted_pages(zone);
    const std::uint64_t pages = min_free_kbytes / kbytes_per_page * counted;
    const std::uint64_t share = pages / std::max<std::uint64_t>(all, 1);
    const std::uint64_t min =
        is_capped(zone) ? std::clamp<std::uint64_t>(counted / 1024, 32, 128) : share;
    const Watermarks marks =
        detail::watermarks_from(semantics.watermark_share, min, share, counted);
    zone.set_watermarks(marks);
    zone.pressure().watermark_boost = 0;
    if constexpr (semantics.pcp_tuning != PcpTuning::fixed) {
      zone.set_pageset(zone_pageset(counted, marks.low, zone.nr_cpus(), semantics.pcp_tuning));
    }
  }
}

/// Sets what requests for higher zones must leave free in each zone: the memory above, up to the
/// zone that they are for, divided by the zone's lowmem_reserve_ratio.
template <ZoneConfig Config>
void setup_per_zone_lowmem_reserve(Node<Config>& node) {
  for (Zone<Config>& zone : node.zones()) {
    const auto number = static_cast<std::size_t>(zone.type());
    const std::uint64_t ratio = detail::counted_pages(zone) == 0 ? 0 : lowmem_reserve_ratio[number];
    std::uint64_t above = 0;
    for (std::size_t higher = number + 1; higher < max_nr_zones; ++higher) {
      const Zone<Config>* const found = node.find(static_cast<ZoneType>(higher));
      if (found != nullptr) above += detail::counted_pages(*found);
      zone.set_lowmem_reserve(higher, ratio == 0 ? 0 : above / ratio);
    }
  }
}

namespace detail {

// What follows at once when the number of managed pages of a zone changes. Kernel: adjust_managed_page_count().
template <ZoneConfig Config>
void follow_managed(Node<Config>& node) {
  if constexpr (Config::semantics.reserve_follows_managed) setup_per_zone_lowmem_reserve(node);
}

}  // namespace detail

/// Sets all that depends on how much memory the zones have, as a kernel does at boot and whenever
/// memory came online or went. (With transparent huge pages it then calls setup_per_zone_wmarks()
/// with recommended_min_free_kbytes(), if that is more.)
/// Locking: as setup_per_zone_wmarks().
template <ZoneConfig Config>
void init_per_zone_wmark_min(Node<Config>& node) {
  setup_per_zone_wmarks(node, calculate_min_free_kbytes(node));
  setup_per_zone_lowmem_reserve(node);
}

}  // namespace pageblock
