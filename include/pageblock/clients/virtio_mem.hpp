// SPDX-License-Identifier: MIT
/// A virtio-mem device: memory that a hypervisor gives to a guest and asks back.
///
/// Layer:  clients.
/// Kernel: virtio_mem_run_wq() (drivers/virtio/virtio_mem.c, v5.8).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/virtio_mem_big_blocks.hpp"
#include "pageblock/clients/virtio_mem_settings.hpp"
#include "pageblock/clients/virtio_mem_sub_blocks.hpp"
#include "pageblock/mm/node.hpp"

namespace pageblock {

/// The driver of one device. The hypervisor sets requested_pages(); run() is a run of the driver's worker, which
/// brings plugged_pages() nearer to it. A value: with a copy of the node, a copy of it goes on from there. The
/// device grants whatever the driver asks it for.
class VirtioMem {
 public:
  using Mode = std::variant<SubBlocks, BigBlocks>;

  /// Chooses how blocks come and go: sub-blocks, the larger of the device's step and a pageblock, unless that is a
  /// memory block or more.
  /// Requires: sizes are powers of two; the region is whole blocks.
  VirtioMem(const VirtioMemSettings& settings, Order pageblock)
      : settings_{settings}, mode_{mode_for(settings, pageblock)} {}

  /// Returns how blocks come and go.
  [[nodiscard]] const Mode& mode() const { return mode_; }
  [[nodiscard]] Mode& mode() { return mode_; }
  /// Returns the pages of what comes and goes alone: the sub-block or the big block.
  [[nodiscard]] std::uint64_t step_pages() const {
    return std::visit([](const auto& blocks) { return blocks.step_pages(); }, mode_);
  }
  /// Returns what the guest has of the device.
  [[nodiscard]] std::uint64_t plugged_pages() const {
    return std::visit([](const auto& blocks) { return blocks.plugged_pages(); }, mode_);
  }
  /// Returns what the hypervisor wants it to have.
  [[nodiscard]] std::uint64_t requested_pages() const { return requested_; }

  /// Says what the guest shall have; the next run brings it.
  /// Requires: whole device blocks, no more than the region.
  void request(std::uint64_t nr_pages) {
    bug_on(nr_pages % settings_.device_block != 0, "the request is not whole device blocks");
    bug_on(nr_pages > settings_.region.nr_pages(), "the request is more than the region");
    requested_ = nr_pages;
  }

  /// Plugs or unplugs as much as is needed and can be. Unplugging never takes more than whole steps.
  /// Returns:  ok; -ENOSPC: it waits until memory is online or an event comes; -EBUSY, -ENOMEM: it tries again behind
  ///           retry_seconds(). @p attempt, if any, lists each range that was tried.
  /// Locking:  as alloc_contig_range(), offline_pages(), online_pages().
  template <ZoneConfig Config, PageMovability Pages = AllMove>
  Status run(Node<Config>& node, Pages&& pages = {},
             Attempt* attempt = nullptr) requires(Config::semantics.offline_leaves ==
                                                  OfflineLeaves::holes) {
    Attempt unused;
    Attempt& record = attempt != nullptr ? *attempt : unused;
    record = {.what = "virtio-mem", .range = settings_.region};
    record.pageblock_order = Zone<Config>::pageblock_order;
    if (auto* const sub_blocks = std::get_if<SubBlocks>(&mode_)) sub_blocks->remove_left_over(node);
    const std::uint64_t plugged = plugged_pages();
    const std::uint64_t step = step_pages();
    const Status ret = std::visit(
        [&](auto& blocks) {
          if (plugged < requested_) return blocks.plug(node, (requested_ - plugged) / step);
          return blocks.unplug(node, (plugged - requested_) / step, pages, record);
        },
        mode_);
    record.status = ret;
    record.stage = stage_of(ret, record);
    const bool waits = ret == -Err::busy || ret == -Err::nomem;
    retry_ = waits ? std::optional{next_retry_} : std::nullopt;
    if (waits) next_retry_ = std::min(2 * next_retry_, last_retry);
    if (ret == ok) next_retry_ = first_retry;
    return ret;
  }

  /// Returns behind how many seconds the worker runs again without being asked: 50, then twice as long each time,
  /// up to 300; nothing if it waits for an event.
  [[nodiscard]] std::optional<std::uint64_t> retry_seconds() const { return retry_; }

 private:
  static constexpr std::uint64_t first_retry = 50;
  static constexpr std::uint64_t last_retry = 300;

  [[nodiscard]] static Mode mode_for(const VirtioMemSettings& settings, Order pageblock) {
    const std::uint64_t sub_block = std::max(pageblock.nr_pages(), settings.device_block);
    if (sub_block < settings.memory_block && !settings.force_bbm) {
      return SubBlocks{settings, sub_block};
    }
    return BigBlocks{settings,
                     std::max({settings.device_block, settings.memory_block, settings.bbm_block})};
  }

  [[nodiscard]] static AttemptStage stage_of(Status ret, const Attempt& attempt) {
    if (ret == ok) return AttemptStage::done;
    const auto& tried = attempt.candidates;
    const auto failed = std::find_if(tried.rbegin(), tried.rend(),
                                     [](const Candidate& place) { return place.status != ok; });
    return failed == tried.rend() ? AttemptStage::place : failed->stage;
  }

  VirtioMemSettings settings_;
  Mode mode_;
  std::uint64_t requested_ = 0;
  std::optional<std::uint64_t> retry_{};
  std::uint64_t next_retry_ = first_retry;
};

}  // namespace pageblock
