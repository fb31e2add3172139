// SPDX-License-Identifier: MIT
/// virtio-mem where its step is smaller than a memory block.
///
/// Layer:  clients.
/// Kernel: virtio_mem_sbm_*() (drivers/virtio/virtio_mem.c, v5.8).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/fake_offline.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/online_pages.hpp"
#include "pageblock/clients/online_policy.hpp"
#include "pageblock/clients/virtio_mem_settings.hpp"
#include "pageblock/mm/node.hpp"

namespace pageblock {

/// What a memory block of a device is. The number of a partial state, in which not all sub-blocks are plugged, is
/// one above that of the full one.
enum class SubBlockState : std::uint8_t {
  unused,           ///< Not there.
  plugged,          ///< The device gave memory, but it could not be added; the model's always can.
  offline,          ///< Added.
  offline_partial,  ///< The same, in part.
  kernel,           ///< Online in a zone that the kernel may use.
  kernel_partial,   ///< The same, in part.
  movable,          ///< Online in ZONE_MOVABLE.
  movable_partial,  ///< The same, in part.
};

/// The memory blocks of a device, each of some sub-blocks that come and go alone. A value.
///
///     memory block | sub-block | sub-block | ... |   plugged from the bottom up, unplugged from the top down
///
class SubBlocks {
 public:
  /// Requires: the region is whole memory blocks.
  SubBlocks(const VirtioMemSettings& settings, std::uint64_t sub_block)
      : settings_{settings}, size_{sub_block}, per_block_{settings.memory_block / sub_block} {
    const std::uint64_t block = settings.memory_block;
    bug_on(settings.region.start.value() % block != 0 || settings.region.nr_pages() % block != 0,
           "the region is not whole memory blocks");
    blocks_.resize(settings.region.nr_pages() / block,
                   {SubBlockState::unused, std::vector<Sub>(per_block_, Sub::fresh)});
  }

  /// Returns the pages of what comes and goes alone.
  [[nodiscard]] std::uint64_t step_pages() const { return size_; }
  /// Returns the plugged pages.
  [[nodiscard]] std::uint64_t plugged_pages() const { return nr_plugged_ * size_; }
  /// Returns how many memory blocks the region has.
  [[nodiscard]] std::size_t nr_blocks() const { return blocks_.size(); }
  /// Returns the state of a memory block.
  [[nodiscard]] SubBlockState state(std::size_t block) const { return blocks_.at(block).state; }
  /// Returns the pages of a memory block.
  [[nodiscard]] PfnRange range(std::size_t block) const { return run(block, 0, per_block_); }

  /// Plugs @p nr sub-blocks: first in blocks that lack some, then in new ones.
  /// Returns: ok; -ENOSPC: no block is left, or too much of what was added is offline.
  template <ZoneConfig Config>
  Status plug(Node<Config>& node, std::uint64_t nr) {
    using enum SubBlockState;
    for (const SubBlockState state : {kernel_partial, movable_partial, offline_partial}) {
      for (std::size_t i = 0; i < blocks_.size() && nr != 0; ++i) {
        if (blocks_[i].state == state) fill(node, i, nr);
      }
    }
    for (std::size_t i = 0; i < blocks_.size() && nr != 0; ++i) {
      if (blocks_[i].state != unused) continue;
      if (nr_offline() + settings_.memory_block > detail::offline_threshold(settings_.memory_block))
        break;
      const std::uint64_t count = std::min(nr, per_block_);
      set(i, 0, count, Sub::plugged);
      nr -= count;
      blocks_[i].state = offline;
      update(i);
      if (settings_.online_type != OnlineType::offline) {
        // A notifier may object: then it stays offline.
        static_cast<void>(online_block(
            node, i, detail::zone_for_block(node, settings_, range(i), settings_.memory_block)));
      }
    }
    return nr == 0 ? ok : -Err::nospc;
  }

  /// Unplugs @p nr sub-blocks: of blocks that are offline, then of those that lack some, then of all; those of
  /// ZONE_MOVABLE first, from the highest down. @p attempt gets a candidate for each try.
  /// Returns: ok, also where what is online may not be unplugged; -EBUSY: others hold the rest; -ENOMEM.
  template <ZoneConfig Config, PageMovability Pages>
  Status unplug(Node<Config>& node, std::uint64_t nr, Pages&& pages, Attempt& attempt) {
    using enum SubBlockState;
    constexpr std::array order{offline_partial, offline, movable_partial,
                               kernel_partial,  movable, kernel};
    for (const SubBlockState state : order) {
      if (state == movable_partial && !settings_.unplug_online) return ok;
      for (std::size_t i = blocks_.size(); i-- != 0 && nr != 0;) {
        if (blocks_[i].state != state) continue;
        if (is_offline(i)) {
          unplug_offline(i, nr);
          continue;
        }
        const Status ret = unplug_online(node, i, nr, pages, attempt);
        if (ret != ok) return ret;
      }
    }
    return nr == 0 ? ok : -Err::busy;
  }

  /// Tries once more to remove blocks of which nothing is plugged, where the kernel does (by v6.12).
  template <ZoneConfig Config>
  void remove_left_over(Node<Config>& node) {
    if constexpr (!Config::semantics.removes_again) return;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (blocks_[i].state != SubBlockState::unused && nr_plugged_in(i) == 0) remove(node, i);
    }
  }

  /// Brings a block online in a zone of @p type: the plugged sub-blocks are handed over, the others are not.
  /// Returns: ok; -EINVAL: it is not offline; what a notifier says.
  template <ZoneConfig Config>
  [[nodiscard]] Status online_block(Node<Config>& node, std::size_t block, ZoneType type) {
    if (!is_offline(block)) return -Err::inval;
    Zone<Config>& zone = detail::zone_of_type(node, type);
    const HotplugOptions& hotplug = settings_.hotplug;
    const Status ret = detail::notify_memory(hotplug, MemoryEvent::going_online, range(block));
    if (ret != ok) {
      static_cast<void>(detail::notify_memory(hotplug, MemoryEvent::cancel_online, range(block)));
      return ret;
    }
    for (std::uint64_t sub = 0; sub < per_block_;) {
      const bool plugged = is_plugged(block, sub);
      std::uint64_t end = sub + 1;
      while (end < per_block_ && is_plugged(block, end) == plugged) ++end;
      const PfnRange part = run(block, sub, end - sub);
      sub = end;
      if (!plugged) {
        detail::add_driver_pages(zone, part);
      } else if (online_pages(node, type, part.start, part.nr_pages(), {.cpu = hotplug.cpu}) !=
                 ok) {
        bug_on(true, "the zone has memory of a block that is offline, or no room for it");
      }
    }
    static_cast<void>(detail::notify_memory(hotplug, MemoryEvent::online, range(block)));
    blocks_[block].state =
        type == ZoneType::movable ? SubBlockState::movable : SubBlockState::kernel;
    update(block);
    return ok;
  }

  /// Takes a block offline, as somebody does who writes to its state; it stays plugged.
  /// Returns: -EINVAL: it is not online; else as offline_pages().
  template <ZoneConfig Config, PageMovability Pages = AllMove>
  [[nodiscard]] Status offline_block(Node<Config>& node, std::size_t block, Pages&& pages = {},
                                     Attempt* attempt = nullptr) {
    if (blocks_.at(block).state < SubBlockState::kernel) return -Err::inval;
    const Status ret =
        offline_with_driver_pages(node, range(block), pages, settings_.hotplug, attempt);
    if (ret != ok) return ret;
    forget_taken(block);
    blocks_[block].state = SubBlockState::offline;
    update(block);
    return ok;
  }

  friend bool operator==(const SubBlocks& a, const SubBlocks& b) { return a.blocks_ == b.blocks_; }

 private:
  // Of a block that is online, a sub-block that is not plugged was either never handed over, or taken back.
  enum class Sub : std::uint8_t { fresh, taken, plugged };
  struct Block {
    SubBlockState state;
    std::vector<Sub> subs;
    friend bool operator==(const Block&, const Block&) = default;
  };

  [[nodiscard]] PfnRange run(std::size_t block, std::uint64_t sub, std::uint64_t nr) const {
    const Pfn start = settings_.region.start + (block * per_block_ + sub) * size_;
    return {start, start + nr * size_};
  }
  [[nodiscard]] bool is_plugged(std::size_t block, std::uint64_t sub) const {
    return blocks_[block].subs[sub] == Sub::plugged;
  }
  [[nodiscard]] bool is_offline(std::size_t block) const {
    const SubBlockState state = blocks_.at(block).state;
    return state == SubBlockState::offline || state == SubBlockState::offline_partial;
  }
  [[nodiscard]] std::uint64_t nr_plugged_in(std::size_t block) const {
    return static_cast<std::uint64_t>(std::ranges::count(blocks_[block].subs, Sub::plugged));
  }
  // Memory that was added and is not online.
  [[nodiscard]] std::uint64_t nr_offline() const {
    std::uint64_t nr_blocks = 0;
    for (std::size_t i = 0; i < blocks_.size(); ++i) nr_blocks += is_offline(i) ? 1U : 0U;
    return nr_blocks * settings_.memory_block;
  }

  void set(std::size_t block, std::uint64_t sub, std::uint64_t nr, Sub to) {
    for (std::uint64_t i = sub; i < sub + nr; ++i) {
      Sub& is = blocks_[block].subs[i];
      if (is == Sub::plugged) --nr_plugged_;
      if (to == Sub::plugged) ++nr_plugged_;
      is = to;
    }
  }
  void forget_taken(std::size_t block) {
    std::ranges::replace(blocks_[block].subs, Sub::taken, Sub::fresh);
  }
  // Full or partial.
  void update(std::size_t block) {
    SubBlockState& state = blocks_[block].state;
    const bool is_partial = nr_plugged_in(block) != per_block_;
    state = static_cast<SubBlockState>((static_cast<unsigned>(state) & ~1U) | (is_partial ? 1 : 0));
  }

  // The first that is not plugged, with those behind it that are not.
  template <ZoneConfig Config>
  void fill(Node<Config>& node, std::size_t block, std::uint64_t& nr) {
    const std::vector<Sub>& subs = blocks_[block].subs;
    for (std::uint64_t sub = 0; sub < per_block_ && nr != 0; ++sub) {
      if (is_plugged(block, sub)) continue;
      std::uint64_t count = 1;
      while (count < nr && sub + count < per_block_ && !is_plugged(block, sub + count)) ++count;
      if (!is_offline(block)) {
        fake_online(node, settings_.hotplug.cpu, run(block, sub, count), [&](Pfn pfn) {
          return subs[(pfn - range(block).start) / size_] == Sub::fresh;
        });
      }
      set(block, sub, count, Sub::plugged);
      nr -= count;
    }
    update(block);
  }

  void unplug_offline(std::size_t block, std::uint64_t& nr) {
    for (std::uint64_t sub = per_block_; sub-- != 0 && nr != 0;) {
      if (!is_plugged(block, sub)) continue;
      set(block, sub, 1, Sub::fresh);
      --nr;
    }
    update(block);
    if (nr_plugged_in(block) == 0) blocks_[block].state = SubBlockState::unused;
  }

  template <ZoneConfig Config, typename Pages>
  Status unplug_run(Node<Config>& node, std::size_t block, std::uint64_t sub, std::uint64_t count,
                    Pages& pages, Attempt& attempt) {
    const Status ret =
        fake_offline(node, settings_.hotplug.cpu, run(block, sub, count), pages, attempt);
    if (ret != ok) return ret;
    set(block, sub, count, Sub::taken);
    update(block);
    return ok;
  }

  // The block as a whole if it may go as a whole, else one after the other from the top down.
  template <ZoneConfig Config, typename Pages>
  Status unplug_online(Node<Config>& node, std::size_t block, std::uint64_t& nr, Pages& pages,
                       Attempt& attempt) {
    if (nr >= per_block_ && nr_plugged_in(block) == per_block_) {
      const Status ret = unplug_run(node, block, 0, per_block_, pages, attempt);
      if (ret == ok) nr -= per_block_;
      if (ret == -Err::nomem) return ret;
    }
    for (std::uint64_t sub = per_block_; sub-- != 0 && nr != 0;) {
      if (!is_plugged(block, sub)) continue;
      const Status ret = unplug_run(node, block, sub, 1, pages, attempt);
      if (ret == ok) --nr;
      if (ret == -Err::nomem) return ret;
    }
    if (nr_plugged_in(block) == 0) remove(node, block);
    return ok;
  }

  // Nothing is plugged: the block goes. If a notifier objects it stays.
  template <ZoneConfig Config>
  void remove(Node<Config>& node, std::size_t block) {
    AllMove nobody;  // all pages are the driver's
    if (offline_with_driver_pages(node, range(block), nobody, settings_.hotplug) != ok) return;
    forget_taken(block);
    blocks_[block].state = SubBlockState::unused;
  }

  VirtioMemSettings settings_;
  std::uint64_t size_;
  std::uint64_t per_block_;
  std::vector<Block> blocks_;
  std::uint64_t nr_plugged_ = 0;
};

}  // namespace pageblock
