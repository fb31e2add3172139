// SPDX-License-Identifier: MIT
/// What is fixed of a virtio-mem device, and where its memory comes online.
///
/// Layer:  clients.
/// Kernel: drivers/virtio/virtio_mem.c (v5.8); the module's parameters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/online_policy.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// A device, and how the guest uses it. All sizes are in pages of 4 KiB, and powers of two.
struct VirtioMemSettings {
  /// Where its memory is: whole memory blocks (or big blocks), and free for it in each zone that it may be in.
  PfnRange region{};
  std::uint64_t device_block = 512;    ///< The step of the device: 2 MiB.
  std::uint64_t memory_block = 32768;  ///< Of sysfs: 128 MiB.
  /// What is done with a block when it is added: auto_online_blocks.
  OnlineType online_type = OnlineType::online_movable;
  OnlinePolicy online_policy = OnlinePolicy::contig_zones;  ///< For OnlineType::online.
  std::uint64_t auto_movable_ratio = 301;                   ///< For the policy auto_movable.
  bool force_bbm = false;       ///< Big blocks also where sub-blocks would do.
  std::uint64_t bbm_block = 0;  ///< The least size of a big block.
  bool bbm_safe_unplug = true;  ///< Big blocks are emptied before they go offline.
  bool unplug_online = true;    ///< Memory that is online may be unplugged.
  HotplugOptions hotplug{};     ///< Who does it, and who is told.
};

namespace detail {

// Memory that comes with one device, block by block.
template <ZoneConfig Config>
[[nodiscard]] ZoneType zone_for_block(const Node<Config>& node, const VirtioMemSettings& settings,
                                      const PfnRange& block, std::uint64_t unit) {
  MemoryGroup group{.is_dynamic = true, .unit_pages = unit};
  const std::uint64_t size = settings.memory_block;
  for (Pfn pfn = settings.region.start; pfn < settings.region.end; pfn += size) {
    const Zone<Config>* const zone = node.zone_of(pfn);
    if (zone == nullptr) continue;
    (zone->type() == ZoneType::movable ? group.present_movable_pages
                                       : group.present_kernel_pages) += size;
  }
  // What was there at boot is what the device did not bring.
  std::uint64_t early = 0;
  for (const Zone<Config>& zone : node.zones()) {
    if (zone.type() != ZoneType::movable) early += zone.present_pages();
  }
  early -= std::min(early, group.present_kernel_pages);
  const AutoMovable policy{
      .ratio = settings.auto_movable_ratio, .early_kernel_pages = early, .group = &group};
  return zone_for_pfn_range(node, block, settings.online_type, settings.online_policy, policy);
}

// How much may be added before what was added is online.
[[nodiscard]] constexpr std::uint64_t offline_threshold(std::uint64_t block) {
  constexpr std::uint64_t gib = 262144;
  return std::max(gib, 2 * block);
}

// The zone of a type. Requires: there is one.
template <ZoneConfig Config>
[[nodiscard]] Zone<Config>& zone_of_type(Node<Config>& node, ZoneType type) {
  Zone<Config>* const zone = node.find(type);
  bug_on(zone == nullptr, "the node has no zone that memory would come online in");
  return *zone;
}

// Appends what a part of an attempt tried.
inline void append_candidates(Attempt& attempt, Attempt&& part) {
  for (Candidate& candidate : part.candidates) attempt.candidates.push_back(std::move(candidate));
  attempt.pageblock_order = part.pageblock_order;
  if (!part.reason.empty()) attempt.reason = part.reason;
}

}  // namespace detail
}  // namespace pageblock
