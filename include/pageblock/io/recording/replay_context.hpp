// SPDX-License-Identifier: MIT
/// What all parts of a replay share: the zones, the operation that is applied, and what is found.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/captured_chunks.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/page_history.hpp"
#include "pageblock/io/recording/recording.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/recording/zone_forecast.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What a replay knows of a recording beside its operations.
struct ReplaySettings {
  /// What "memory1" in a mark of the trace is.
  std::uint64_t memory_block_pages = 0x8000;
  /// Where probes do not show all (null: they do), what the whole trace says of each page. The
  /// limits of the per-CPU lists are learned from the drains then.
  const PageHistory* history = nullptr;
  /// Whether probes show when kswapd begins and ends to reclaim.
  bool shows_reclaim = true;
  /// Whether probes show each attempt to take a page, and how compaction turns free lists (v6.12).
  bool shows_attempts = false;
  /// What compacting tasks are handed as it is freed.
  CapturedChunks captured{};
  /// Where a zone's free lists are, which the trace names by their addresses.
  std::optional<FreeAreaPlace> free_area{};
};

/// What all parts of the engine share while they follow one recording.
template <ReplayableConfig Config>
struct ReplayContext {
  ReplayContext(ReplayMachine<Config>& recorded_machine, ReplayResult& found, ReplaySettings known)
      : machine{recorded_machine},
        result{found},
        settings{known},
        zones{machine, result, {settings.history == nullptr, settings.shows_reclaim}} {}

  [[nodiscard]] static MigrateType type_of(unsigned number) {
    const auto type = Config::semantics.type_of(number);
    if (!type) throw ParseError{fmt::format("there is no migratetype {}", number)};
    return *type;
  }
  void take(std::string_view what, std::uint64_t times = 1) {
    const auto found = result.taken.find(what);
    (found != result.taken.end() ? found->second : result.taken[std::string{what}]) += times;
  }
  static void watch(Zone<Config>& zone) { zone.tracer().clear(); }

  /// Notes what the kernel had noted of a zone's memory.
  void follow(Zone<Config>& zone, const std::optional<recorded::ZoneFlags>& flags) {
    if (!flags) return;
    ZonePressure& pressure = zone.pressure();
    if (pressure.reclaim_active != flags->reclaim_active) {
      take("beginnings and ends of reclaim");
      pressure.reclaim_active = flags->reclaim_active;
    }
    if (pressure.below_high != flags->below_high) {
      take("when free pages fell below the high watermark, or rose above it");
      pressure.below_high = flags->below_high;
    }
  }

  static void compare(const std::vector<Pfn>& observed, const std::vector<Pfn>& predicted,
                      ReplayScore& score) {
    for (std::size_t i = 0; i < std::max(observed.size(), predicted.size()); ++i) {
      score.count(i < observed.size() && i < predicted.size() && observed[i] == predicted[i]);
    }
  }
  void compare_drained(Zone<Config>& zone, const std::vector<Pfn>& observed) {
    compare(observed, zone.tracer().drained, result.drained);
  }

  static void demand_chunk(const Zone<Config>& zone, Pfn pfn, Order order) {
    if (order > Zone<Config>::top_order || !pfn.is_aligned(order) || !zone.spans(pfn) ||
        !zone.spans(pfn + (order.nr_pages() - 1))) {
      throw ParseError{fmt::format("there can be no chunk of order {} at {:#x}", order, pfn)};
    }
  }

  // The pages that are about to be freed must be on no list, and on no LRU.
  void forget_use(Zone<Config>& zone, Pfn pfn, Order order) {
    slabs.erase(pfn);
    if (!zone.memmap().bits(pfn).has(PageBits::in_use) &&
        (is_listed_free(zone, pfn) || take_from_pcp(zone, pfn))) {
      take("pages that nobody saw leave");
      take_observed(zone, pfn, order);
    }
    if (zone.memmap().bits(pfn).has(PageBits::offline)) {  // a driver gives it back
      zone.mod_managed_pages(static_cast<std::int64_t>(order.nr_pages()));
    }
    mark_in_use(zone, pfn, order, false);
  }

  ReplayMachine<Config>& machine;
  ReplayResult& result;
  const recorded::Operation* operation = nullptr;
  ReplaySettings settings;
  ZoneForecaster<Config> zones;
  bool compacted = false;
  std::unordered_set<Pfn> slabs{};  ///< first pages
  /// What a free has still to drain, and beginning with which list.
  struct Excess {
    std::uint32_t left;
    std::size_t first;
  };
  std::unordered_map<std::size_t, Excess> excesses{};
  /// Returns how much the next step of a free's drain brings, and from which list on.
  [[nodiscard]] std::pair<std::uint32_t, std::size_t> next_step(const recorded::DrainStep& step,
                                                                const PerCpuPages<Config>& pcp) {
    const auto found = excesses.find(step.of_free);
    if (found == excesses.end()) return {0, 0};
    auto& [left, first] = found->second;
    const std::uint32_t nr = Config::semantics.drains_in_batches ? std::min(left, pcp.batch) : left;
    left -= nr;
    const std::pair now{std::min(nr, pcp.count), first};
    if (left == 0) excesses.erase(found);
    return now;
  }
  /// Memory that is to become empty.
  struct Emptying {
    PfnRange range;
    bool is_offline;
    Pfn next = range.start;  ///< where a contiguous range is looked at next
  };
  std::optional<Emptying> emptying{};
};

}  // namespace pageblock
