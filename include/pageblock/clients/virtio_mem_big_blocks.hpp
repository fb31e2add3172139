// SPDX-License-Identifier: MIT
/// virtio-mem where its step is a memory block or more.
///
/// Layer:  clients.
/// Kernel: virtio_mem_bbm_*() (drivers/virtio/virtio_mem.c, v5.11).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/fake_offline.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/clients/remove_memory.hpp"
#include "pageblock/clients/virtio_mem_settings.hpp"
#include "pageblock/mm/node.hpp"

namespace pageblock {

/// Blocks of a device, of one memory block or several, that come and go as a whole. A value.
class BigBlocks {
 public:
  /// Requires: the region is whole big blocks, and these are whole memory blocks.
  BigBlocks(const VirtioMemSettings& settings, std::uint64_t big_block)
      : settings_{settings}, size_{big_block} {
    bug_on(settings.region.nr_pages() % size_ != 0 || size_ % settings.memory_block != 0,
           "the region is not whole big blocks");
    is_added_.resize(settings.region.nr_pages() / size_);
  }

  /// Returns the pages of what comes and goes alone.
  [[nodiscard]] std::uint64_t step_pages() const { return size_; }
  /// Returns the plugged pages.
  [[nodiscard]] std::uint64_t plugged_pages() const {
    return static_cast<std::uint64_t>(std::ranges::count(is_added_, true)) * size_;
  }
  /// Returns the pages of a block.
  [[nodiscard]] PfnRange range(std::size_t block) const {
    const Pfn start = settings_.region.start + block * size_;
    return {start, start + size_};
  }

  /// Plugs @p nr blocks, the lowest first.
  /// Returns: ok; -ENOSPC: no block is left, or too much of what was added is offline.
  template <ZoneConfig Config>
  Status plug(Node<Config>& node, std::uint64_t nr) {
    for (std::size_t i = 0; i < is_added_.size() && nr != 0; ++i) {
      if (is_added_[i]) continue;
      if (nr_offline(node) + size_ > detail::offline_threshold(size_)) break;
      is_added_[i] = true;
      --nr;
      if (settings_.online_type != OnlineType::offline) online(node, range(i));
    }
    return nr == 0 ? ok : -Err::nospc;
  }

  /// Unplugs @p nr blocks: those that are offline, then those in ZONE_MOVABLE, then all, the highest first. A block is
  /// emptied section by section of 128 MiB; the first that others hold ends it for this block, which is given back.
  /// @p attempt gets a candidate for each try.
  /// Returns: ok, also where what is online may not be unplugged; -EBUSY: others hold the rest; -ENOMEM.
  template <ZoneConfig Config, PageMovability Pages>
  Status unplug(Node<Config>& node, std::uint64_t nr, Pages&& pages, Attempt& attempt) {
    enum { offline_ones, movable_ones, all };
    for (int round = offline_ones; round <= all; ++round) {
      if (round == movable_ones && !settings_.unplug_online) return ok;
      for (std::size_t i = is_added_.size(); i-- != 0 && nr != 0;) {
        if (!is_added_[i]) continue;
        if (round == offline_ones && !is_all(node, i, [](auto* zone) { return zone == nullptr; }))
          continue;
        const auto is_movable = [](auto* zone) {
          return zone != nullptr && zone->type() == ZoneType::movable;
        };
        if (round == movable_ones && !is_all(node, i, is_movable)) continue;
        const Status ret = remove(node, range(i), pages, attempt);
        if (ret == -Err::nomem) return ret;
        if (ret != ok) continue;
        is_added_[i] = false;
        --nr;
      }
    }
    return nr == 0 ? ok : -Err::busy;
  }

  friend bool operator==(const BigBlocks& a, const BigBlocks& b) {
    return a.is_added_ == b.is_added_;
  }

 private:
  // Whether something is so of the zone of each memory block.
  template <ZoneConfig Config, typename Test>
  [[nodiscard]] bool is_all(const Node<Config>& node, std::size_t block, Test test) const {
    const PfnRange pages = range(block);
    for (Pfn pfn = pages.start; pfn < pages.end; pfn += settings_.memory_block) {
      if (!test(node.zone_of(pfn))) return false;
    }
    return true;
  }
  template <ZoneConfig Config>
  [[nodiscard]] std::uint64_t nr_offline(const Node<Config>& node) const {
    std::uint64_t nr_pages = 0;
    for (std::size_t i = 0; i < is_added_.size(); ++i) {
      for (Pfn pfn = range(i).start; is_added_[i] && pfn < range(i).end;
           pfn += settings_.memory_block) {
        if (node.zone_of(pfn) == nullptr) nr_pages += settings_.memory_block;
      }
    }
    return nr_pages;
  }

  template <ZoneConfig Config>
  void online(Node<Config>& node, const PfnRange& pages) {
    for (Pfn pfn = pages.start; pfn < pages.end; pfn += settings_.memory_block) {
      const PfnRange block{pfn, pfn + settings_.memory_block};
      const ZoneType type = detail::zone_for_block(node, settings_, block, size_);
      static_cast<void>(detail::zone_of_type(node, type));
      // A notifier may object: then it stays offline.
      static_cast<void>(online_pages(node, type, block.start, block.nr_pages(), settings_.hotplug));
    }
  }

  template <ZoneConfig Config, typename Pages>
  Status remove(Node<Config>& node, const PfnRange& block, Pages& pages, Attempt& attempt) {
    if (!settings_.bbm_safe_unplug) {
      return offline_and_remove_memory(node, block, settings_.memory_block, pages,
                                       settings_.hotplug, attempt);
    }
    constexpr std::uint64_t most = 32768;
    const std::uint64_t section = std::min(most, settings_.memory_block);
    std::vector<PfnRange> taken;
    Status ret = ok;
    for (Pfn pfn = block.start; pfn < block.end && ret == ok; pfn += section) {
      if (node.zone_of(pfn) == nullptr) continue;
      ret = fake_offline(node, settings_.hotplug.cpu, {pfn, pfn + section}, pages, attempt);
      if (ret == ok) taken.emplace_back(PfnRange{pfn, pfn + section});
    }
    if (ret == ok) {
      AllMove nobody;  // all pages are the driver's
      Attempt unused;
      ret = offline_and_remove_memory(node, block, settings_.memory_block, nobody,
                                      settings_.hotplug, unused);
    }
    if (ret == ok) return ok;
    for (const PfnRange& part : taken) {
      fake_online(node, settings_.hotplug.cpu, part, [](Pfn) { return false; });
    }
    return ret;
  }

  VirtioMemSettings settings_;
  std::uint64_t size_;
  std::vector<bool> is_added_;
};

}  // namespace pageblock
