// SPDX-License-Identifier: MIT
/// A DIMM: memory that comes as a whole, and goes as a whole or not at all.
///
/// Layer:  clients.
/// Kernel: acpi_scan_hot_remove() (drivers/acpi/scan.c), acpi_memory_enable_device().
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/memory_block.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/online_policy.hpp"
#include "pageblock/clients/virtio_mem_settings.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What is done with memory that a device brings. Kernel: auto_online_blocks, memory_hotplug.*
struct DimmSettings {
  PfnRange range{};  ///< Whole memory blocks, and free for it in each zone that it may be in.
  std::uint64_t memory_block = 32768;                       ///< Of sysfs, in pages.
  OnlineType online_type = OnlineType::online_movable;      ///< What becomes of blocks.
  OnlinePolicy online_policy = OnlinePolicy::contig_zones;  ///< For OnlineType::online.
  std::uint64_t auto_movable_ratio = 301;                   ///< For the policy auto_movable.
  HotplugOptions hotplug{};                                 ///< Who does it, and who is told.
};

/// A DIMM of memory blocks. A value: with a copy of the node, a copy of it goes on from there.
class Dimm {
 public:
  /// Requires: the range is whole memory blocks.
  explicit Dimm(const DimmSettings& settings) : settings_{settings} {
    const auto& [start, end] = settings.range;
    const std::uint64_t size = settings.memory_block;
    bug_on(settings.range.empty() || start.value() % size != 0 || (end - start) % size != 0,
           "the range is not whole memory blocks");
    for (Pfn pfn = start; pfn < end; pfn += size) {
      blocks_.emplace_back(PfnRange{pfn, pfn + size}, false);
    }
  }

  /// Returns its blocks, to be taken offline one by one, too.
  [[nodiscard]] std::vector<HotplugBlock>& blocks() { return blocks_; }
  [[nodiscard]] const std::vector<HotplugBlock>& blocks() const { return blocks_; }
  /// Returns the pages that are online.
  [[nodiscard]] std::uint64_t online_pages() const {
    const auto nr = std::ranges::count_if(blocks_, &HotplugBlock::is_online);
    return static_cast<std::uint64_t>(nr) * settings_.memory_block;
  }

  /// Adds it: all its blocks that are offline come online, the lowest first, each in the zone that the settings
  /// say; none with OnlineType::offline.
  /// Requires: the node has that zone. Locking: as online_pages().
  template <ZoneConfig Config>
  void plug(Node<Config>& node) {
    if (settings_.online_type == OnlineType::offline) return;
    for (HotplugBlock& block : blocks_) {
      if (block.is_online()) continue;
      Zone<Config>& zone = detail::zone_of_type(node, zone_for(node, block));
      // A notifier may object: then it stays offline.
      static_cast<void>(block.online(zone, settings_.hotplug));
    }
    detail::follow_memory(node);
  }

  /// Takes it away: every block goes offline, and those that do not are tried once more, until the first that
  /// stays. Then those that went come back as new ones do, perhaps in another zone and elsewhere on the lists.
  /// @p attempt, if any, gets a candidate for each block that was tried.
  /// Returns:  ok; -EBUSY: a block stays, whatever it answered.
  /// Locking:  as offline_pages().
  template <ZoneConfig Config, PageMovability Pages = AllMove>
  Status unplug(Node<Config>& node, Pages&& pages = {}, Attempt* attempt = nullptr) {
    Attempt unused;
    Attempt& record = attempt != nullptr ? *attempt : unused;
    record = {.what = "DIMM", .range = settings_.range};
    const auto offline = [&](HotplugBlock& block) {
      Attempt part;
      const Status ret = block.offline(node, pages, settings_.hotplug, &part);
      detail::append_candidates(record, std::move(part));
      if (ret != ok) record.stage = part.stage;
      return ret == ok;
    };
    for (HotplugBlock& block : blocks_) offline(block);
    if (std::ranges::all_of(blocks_, offline)) {
      record.stage = AttemptStage::done;
      record.reason = "";
      return record.status = ok;
    }
    plug(node);
    return record.status = -Err::busy;
  }

 private:
  // The zone for a block, as the blocks are that are online already.
  template <ZoneConfig Config>
  [[nodiscard]] ZoneType zone_for(const Node<Config>& node, const HotplugBlock& block) const {
    MemoryGroup group{.unit_pages = settings_.range.nr_pages()};
    for (const HotplugBlock& other : blocks_) {
      if (!other.is_online()) continue;
      const Zone<Config>* const zone = node.zone_of(other.range().start);
      const bool is_movable = zone != nullptr && zone->type() == ZoneType::movable;
      (is_movable ? group.present_movable_pages : group.present_kernel_pages) +=
          other.range().nr_pages();
    }
    std::uint64_t early = 0;
    for (const Zone<Config>& zone : node.zones()) {
      if (zone.type() != ZoneType::movable) early += zone.present_pages();
    }
    early -= std::min(early, group.present_kernel_pages);
    const AutoMovable policy{
        .ratio = settings_.auto_movable_ratio, .early_kernel_pages = early, .group = &group};
    return zone_for_pfn_range(node, block.range(), settings_.online_type, settings_.online_policy,
                              policy);
  }

  DimmSettings settings_;
  std::vector<HotplugBlock> blocks_;
};

}  // namespace pageblock
