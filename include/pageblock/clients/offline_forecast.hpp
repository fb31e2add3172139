// SPDX-License-Identifier: MIT
/// What an attempt to take memory offline would end in, without making it.
///
/// Layer:  clients.
/// Kernel: offline_pages() (mm/memory_hotplug.c) of v6.1.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The answer to an attempt.
struct OfflineForecast {
  Status status;  ///< What offline_pages() would return.
  /// Why not, unless the status is ok.
  std::optional<Refusal> refusal{};
  /// Pages that have to be migrated first. Whether somebody has pinned them is not in a zone.
  std::uint64_t nr_to_migrate = 0;

  friend bool operator==(const OfflineForecast&, const OfflineForecast&) = default;
};

namespace detail {

// What is on the CPUs' lists and meets the range, lowest first.
template <ZoneConfig Config>
std::vector<PfnRange> on_pcp_lists(const Zone<Config>& zone, const PfnRange& range) {
  using Pcp = PerCpuPages<Config>;
  std::vector<PfnRange> chunks;
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const IrqSaveGuard guard{zone.pcp_lock(Cpu{id})};
    const Pcp& pcp = zone.pcp(Cpu{id});
    for (std::size_t index = 0; index < Pcp::nr_lists; ++index) {
      const std::uint64_t nr_pages = Pcp::order_of_list(index).nr_pages();
      for (std::size_t i = 0; i < pcp.lists[index].size(); ++i) {
        const Pfn pfn = pcp.lists[index][i];
        if (pfn < range.end && range.start < pfn + nr_pages) {
          chunks.push_back({pfn, pfn + nr_pages});
        }
      }
    }
  }
  std::ranges::sort(chunks, {}, &PfnRange::start);
  return chunks;
}

// What is left to do in a range whose blocks can be isolated. The kernel looks again and again
// until nothing is left or it is interrupted.
template <ZoneConfig Config>
OfflineForecast forecast_emptying(const Zone<Config>& zone, const PfnRange& range) {
  const std::vector<PfnRange> drained = on_pcp_lists(zone, range);
  auto chunk = drained.begin();
  OfflineForecast forecast;
  const IrqSaveGuard guard{zone.lock()};
  bool behind_movable = false;  // the tails of an allocation go with its head
  Pfn pfn = zone.memmap().free_chunk_of(range.start).value_or(range.start);
  while (pfn < range.end) {
    const PageBits bits = zone.memmap().bits(pfn);
    while (chunk != drained.end() && chunk->end <= pfn) ++chunk;
    if (bits.has(PageBits::buddy)) {
      behind_movable = false;
      pfn += bits.order().nr_pages();
    } else if (chunk != drained.end() && chunk->contains(pfn)) {
      behind_movable = false;
      pfn = chunk->end;
    } else {
      // In a movable zone all that is in use can move, but for what a driver holds.
      const bool can_move = bits.has(PageBits::lru) ||
                            (zone.type() == ZoneType::movable && !bits.has(PageBits::offline));
      const bool is_head = bits.has(PageBits::in_use) && can_move;
      const bool passes = bits.has(PageBits::offline) && !bits.has(PageBits::in_use);
      behind_movable = is_head || (behind_movable && !passes && !bits.has(PageBits::in_use));
      if (behind_movable) {
        ++forecast.nr_to_migrate;
      } else if (!passes) {
        // What a driver holds ends the attempt when it is looked at; else the test says no for ever.
        const bool is_held = bits.has(PageBits::offline) && bits.has(PageBits::in_use);
        if (is_held || forecast.status == ok) {
          forecast.status = is_held ? -Err::busy : -Err::intr;
          forecast.refusal = Refusal{Stage::test, pfn, reason_of(zone, pfn)};
        }
        if (is_held) return forecast;
      }
      ++pfn;
    }
  }
  return forecast;
}

// Whether somebody else isolates the block that holds pfn, so that free chunks may merge across the
// border to it.
template <ZoneConfig Config>
bool is_isolated_already(const Zone<Config>& zone, Pfn pfn) {
  return zone.spans(pfn) && zone.pageblock_flags().get(pfn) == MigrateType::isolate;
}

// What an attempt ends in once all that can be migrated is: made on a copy, as what merges with what
// depends on all that lies in between.
template <ZoneConfig Config>
OfflineForecast forecast_by_trying(const Zone<Config>& zone, const PfnRange& range,
                                   OfflineForecast forecast) {
  const auto copy = std::make_unique<Zone<Config>>(zone);
  for (unsigned id = 0; id < copy->nr_cpus(); ++id) drain_pages(*copy, Cpu{id});
  constexpr unsigned flags = isolate_flags::memory_offline;
  forecast.status = isolate_range(*copy, range.start, range.end, MigrateType::movable, flags);
  if (forecast.status != ok) return forecast;
  Memmap<Config>& map = copy->memmap();
  {
    const IrqSaveGuard guard{copy->lock()};
    for (Pfn pfn = map.free_chunk_of(range.start).value_or(range.start); pfn < range.end;) {
      const PageBits bits = map.bits(pfn);
      if (bits.has(PageBits::buddy)) {
        pfn += bits.order().nr_pages();
        continue;
      }
      if (!bits.has(PageBits::offline)) {
        map.set_bits(pfn, PageBits{});
        free_one_page(*copy, pfn, Order{0}, MigrateType::isolate);
      }
      ++pfn;
    }
  }
  const auto pages = [&] {
    const IrqSaveGuard guard{copy->lock()};
    return test_pages(*copy, range.start, range.end, flags);
  }();
  if (pages.all_isolated) return forecast;
  forecast.status = -Err::intr;
  forecast.refusal = Refusal{Stage::test, pages.fin_pfn, reason_of(*copy, pages.fin_pfn)};
  return forecast;
}

}  // namespace detail

/// Says what an attempt to take [range.start, range.end) offline would end in now: v6.1 demands
/// whole pageblocks without holes in one zone; isolates the first, the last and the others for
/// offlining, and is refused by the first page that cannot move; drains the per-CPU lists; migrates
/// what is on LRU lists. Pages that a driver has taken and holds no more are no obstacle; those that
/// it holds are, in every zone (a balloon's that can be migrated the model does not know).
/// Requires: @p zone is that of the range's pages; to it, those of other zones are holes.
/// Returns:  ok; -EINVAL; -EBUSY; or -EINTR where the kernel would try until it is interrupted, since a
///           page in the way is neither free nor movable.
/// Locking:  takes zone.lock once per block and then for the pages, and the CPUs' locks. Throws
///           std::bad_alloc.
/// Kernel:   The end must be that of a section; the model knows none. That the last holder of
///           PageOffline pages lets go of them (MEM_GOING_OFFLINE) is the caller's to model. What
///           is accepted, offline_pages() takes offline if what is to migrate can.
template <ZoneConfig Config>
[[nodiscard]] OfflineForecast forecast_offline(
    const Zone<Config>& zone,
    const PfnRange& range) requires(Config::semantics.offline_leaves == OfflineLeaves::holes) {
  const auto invalid = [](Pfn pfn, Reason reason) {
    return OfflineForecast{-Err::inval, Refusal{Stage::range, pfn, reason}};
  };
  if (range.empty() || !zone.is_block_aligned(range.start, range.end)) {
    return invalid(range.start, Reason::unaligned);
  }
  if (!zone.spans(range.start)) return invalid(range.start, Reason::no_memory);
  const Pfn end = std::min(range.end, zone.end_pfn());
  const Pfn hole =
      zone.memmap().find_if(range.start, end, [](PageBits bits) { return !bits.is_valid(); });
  if (hole < range.end) return invalid(hole, Reason::no_memory);
  const unsigned flags = isolate_flags::memory_offline | isolate_flags::report_failure;
  if (const auto refusal =
          detail::explain_range(zone, range.start, range.end, MigrateType::movable, flags)) {
    return {-Err::busy, refusal};
  }
  const OfflineForecast forecast = detail::forecast_emptying(zone, range);
  const bool has_isolated_neighbour = detail::is_isolated_already(zone, range.start - 1) ||
                                      detail::is_isolated_already(zone, range.end);
  if (forecast.status != ok || !has_isolated_neighbour) return forecast;
  return detail::forecast_by_trying(zone, range, forecast);
}

}  // namespace pageblock
