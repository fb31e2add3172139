// SPDX-License-Identifier: MIT
/// Which zone memory comes online in.
///
/// Layer:  clients.
/// Kernel: zone_for_pfn_range(), auto_movable_can_online_movable() (mm/memory_hotplug.c, v5.16).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What is written to a memory block's state, and to auto_online_blocks. Kernel: MMOP_*.
enum class OnlineType : std::uint8_t { offline, online, online_kernel, online_movable };

/// Returns the type that a word of sysfs names, or nothing.
[[nodiscard]] constexpr std::optional<OnlineType> parse_online_type(std::string_view text) {
  constexpr std::array<std::string_view, 4> names{"offline", "online", "online_kernel",
                                                  "online_movable"};
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<OnlineType>(found - names.begin());
}

/// How the kernel decides for "online". Kernel: memory_hotplug.online_policy.
enum class OnlinePolicy : std::uint8_t {
  contig_zones,  ///< The zone that the range lies in, if it is only one; else a kernel zone.
  auto_movable,  ///< Movable as long as kernel zones have enough beside it.
};

/// A device that brings memory bit by bit, or at once. Kernel: struct memory_group.
struct MemoryGroup {
  /// Whether it comes in units that can go alone (virtio-mem), or has all its pages (a DIMM).
  bool is_dynamic = false;
  /// Of a unit, or of the whole device.
  std::uint64_t unit_pages = 0;
  std::uint64_t present_kernel_pages = 0;   ///< Pages in zones for the kernel.
  std::uint64_t present_movable_pages = 0;  ///< Pages in ZONE_MOVABLE.
};

/// What decides for the policy auto-movable.
struct AutoMovable {
  /// Pages of Movable for 100 of the kernel zones; 0: none. memory_hotplug.auto_movable_ratio
  std::uint64_t ratio = 301;
  /// Of the kernel zones, the pages that were there at boot; nothing: all that are there.
  std::optional<std::uint64_t> early_kernel_pages{};
  /// The group that the range belongs to, if any.
  const MemoryGroup* group = nullptr;
  /// All other dynamic groups.
  std::vector<MemoryGroup> others{};
};

namespace detail {

// The kernel zone that a range would come online in: the lowest below Normal that it lies in.
template <ZoneConfig Config>
[[nodiscard]] ZoneType kernel_zone_for(const Node<Config>& node, const PfnRange& range) {
  for (const ZoneType type : {ZoneType::dma, ZoneType::dma32}) {
    const Zone<Config>* const zone = node.find(type);
    const bool meets = zone != nullptr && zone->spanned_pages() != 0 &&
                       range.start < zone->end_pfn() && zone->start_pfn() < range.end;
    if (meets) return type;
  }
  return ZoneType::normal;
}

template <ZoneConfig Config>
[[nodiscard]] bool meets(const Node<Config>& node, ZoneType type, const PfnRange& range) {
  const Zone<Config>* const zone = node.find(type);
  return zone != nullptr && zone->present_pages() != 0 && range.start < zone->end_pfn() &&
         zone->start_pfn() < range.end;
}

// How much of a device's unit is online, in pageblocks of kernel zones and of Movable.
struct OnlineInUnit {
  std::uint64_t kernel = 0;
  std::uint64_t movable = 0;
};
template <ZoneConfig Config>
[[nodiscard]] OnlineInUnit online_in_unit(const Node<Config>& node, Pfn pfn, std::uint64_t unit) {
  constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
  const Pfn start{pfn.value() / unit * unit};
  OnlineInUnit online;
  for (Pfn page = start; page < start + unit; page += block) {
    const Zone<Config>* const zone = node.zone_of(page);
    if (zone == nullptr) continue;
    (zone->type() == ZoneType::movable ? online.movable : online.kernel) += block;
  }
  return online;
}

// The pages of CMA blocks in kernel zones.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t nr_cma_pages(const Zone<Config>& zone) {
  if constexpr (!Config::semantics.has(MigrateType::cma)) return 0;
  std::uint64_t nr_pages = 0;
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); pfn += Zone<Config>::pageblock_nr_pages) {
    if (zone.pageblock_flags().get(pfn) == MigrateType::cma) {
      nr_pages += Zone<Config>::pageblock_nr_pages;
    }
  }
  return nr_pages;
}

}  // namespace detail

/// Returns whether @p nr_pages more may come to Movable, so that it has no more than ratio percent of the
/// memory that the kernel can use anywhere: what was there at boot. What a dynamic group has in kernel zones
/// pays for Movable memory of its own only.
/// Kernel: auto_movable_can_online_movable(), of a machine with one node.
template <ZoneConfig Config>
[[nodiscard]] bool auto_movable_can_online_movable(const Node<Config>& node, std::uint64_t nr_pages,
                                                   const AutoMovable& policy) {
  std::uint64_t kernel = 0;
  std::uint64_t movable = 0;
  for (const Zone<Config>& zone : node.zones()) {
    if (zone.type() == ZoneType::movable) {
      movable += zone.present_pages();
    } else {
      const std::uint64_t cma = detail::nr_cma_pages(zone);
      kernel += zone.present_pages() - std::min(cma, zone.present_pages());
      movable += cma;
    }
  }
  if (policy.early_kernel_pages) kernel = *policy.early_kernel_pages;
  if (policy.ratio == 0 || kernel == 0) return false;
  // Each other group's Movable memory is paid for by its own kernel memory, and the rest of it by early memory.
  std::uint64_t owed = 0;
  for (const MemoryGroup& other : policy.others) {
    const std::uint64_t needed = other.present_movable_pages * 100 / policy.ratio;
    owed += needed - std::min(needed, other.present_kernel_pages);
    movable -= std::min(movable, other.present_movable_pages);
  }
  if (owed > kernel) return false;
  kernel -= owed;
  if (policy.group != nullptr && policy.group->is_dynamic) {
    kernel += policy.group->present_kernel_pages;
  }
  return movable + nr_pages <= policy.ratio * kernel / 100;
}

/// Returns the zone that @p range comes online in.
/// Requires: @p type is not offline.
/// Kernel:   zone_for_pfn_range(). Without the boot option movable_node.
template <ZoneConfig Config>
[[nodiscard]] ZoneType zone_for_pfn_range(const Node<Config>& node, const PfnRange& range,
                                          OnlineType type,
                                          OnlinePolicy policy = OnlinePolicy::contig_zones,
                                          const AutoMovable& auto_movable = {}) {
  bug_on(type == OnlineType::offline, "memory that stays offline is in no zone");
  const ZoneType kernel = detail::kernel_zone_for(node, range);
  if (type == OnlineType::online_kernel) return kernel;
  if (type == OnlineType::online_movable) return ZoneType::movable;
  if (policy == OnlinePolicy::contig_zones) {
    const bool in_kernel = detail::meets(node, kernel, range);
    const bool in_movable = detail::meets(node, ZoneType::movable, range);
    return in_movable && !in_kernel ? ZoneType::movable : kernel;
  }
  // All that is still to come of a unit, or of a device, is to go where the first part goes.
  const MemoryGroup* const group = auto_movable.group;
  std::uint64_t nr_pages = range.nr_pages();
  if (group != nullptr && !group->is_dynamic) {
    if (group->present_kernel_pages != 0) return kernel;
    nr_pages = group->unit_pages - std::min(group->unit_pages, group->present_movable_pages);
  } else if (group != nullptr && group->unit_pages > nr_pages) {
    const auto [in_kernel, in_movable] =
        detail::online_in_unit(node, range.start, group->unit_pages);
    if (in_kernel != 0) return kernel;
    nr_pages = group->unit_pages - std::min(group->unit_pages, in_movable);
  }
  return auto_movable_can_online_movable(node, nr_pages, auto_movable) ? ZoneType::movable : kernel;
}

}  // namespace pageblock
