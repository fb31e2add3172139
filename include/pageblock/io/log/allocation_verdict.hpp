// SPDX-License-Identifier: MIT
/// Why a request got no memory, by what the kernel reported of its zones.
///
/// Layer:  io.
/// Kernel: get_page_from_freelist() (mm/page_alloc.c), asked again with the numbers of the report.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/format.hpp"
#include "pageblock/base/kernels.hpp"
#include "pageblock/io/log/failed_request.hpp"
#include "pageblock/io/log/mem_info.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/node_forecast.hpp"
#include "pageblock/mm/zone_counters.hpp"

namespace pageblock {

/// What kept a request from memory.
enum class FailureCause : std::uint8_t {
  none,           ///< A zone would serve it, by these numbers: they are a little younger.
  fragmentation,  ///< Enough is free, but in chunks that are too small, or of types it may not take.
  reserves,       ///< Enough is free, but kept: for requests for higher zones, CMA or urgent ones.
  shortage        ///< Too little is free.
};

/// Returns the name of a cause.
[[nodiscard]] constexpr std::string_view to_string(FailureCause cause) {
  constexpr std::array<std::string_view, 4> names{"none", "fragmentation", "reserves", "shortage"};
  return names[static_cast<std::size_t>(cause)];
}

/// What a zone answers to the request.
struct ZoneVerdict {
  NodeZone zone;          ///< Which zone of which node.
  ZoneForecast forecast;  ///< What the allocator's checks say of it.
  /// The kernel has such a zone, but the machine has no memory for it.
  bool is_absent = false;

  /// Returns whether the zone could serve the request, and if not, why.
  [[nodiscard]] ZoneAnswer answer() const { return forecast.answer; }
  /// Enough would be free if nothing were kept from requests for higher zones, or if the request
  /// could use CMA blocks and those of urgent requests.
  [[nodiscard]] bool is_kept_by_reserve() const {
    return is_kept() && exceeds(0, forecast.demand.unusable);
  }
  /// Enough would be free if the request could use CMA blocks and those of urgent requests.
  [[nodiscard]] bool is_kept_by_type() const {
    return is_kept() && exceeds(forecast.demand.reserve, 0);
  }

 private:
  [[nodiscard]] bool is_kept() const {
    return answer() == ZoneAnswer::watermark && !forecast.lacks_large;
  }
  [[nodiscard]] bool exceeds(std::int64_t reserve, std::int64_t unusable) const {
    const auto free = static_cast<std::int64_t>(zone.counts.free);
    return free - unusable > forecast.demand.mark + forecast.demand.request + reserve;
  }
};

/// What a request was told, zone by zone in the order in which they are asked.
struct AllocationVerdict {
  std::vector<ZoneVerdict> zones;               ///< In the order in which the request asks them.
  FailureCause cause = FailureCause::shortage;  ///< Why it failed, all zones together.
  /// The largest order that would be served, with all below, and the zone that would do it.
  std::optional<std::pair<Order, std::size_t>> largest_served;
  /// Zones above the highest that the request may use, as HighMem and Movable often are.
  std::vector<NodeZone> not_asked;
  /// Nodes that have memory, but may not be used.
  std::vector<unsigned> forbidden_nodes;
};

/// v3.6 with what v3.7 changed of watermarks: free pages of CMA blocks are left out.
inline constexpr Semantics v3_7_marks = [] {
  Semantics semantics = kernel::v3_6;
  semantics.minor = 7;
  semantics.counts_isolated = false;
  semantics.counts_cma = true;
  return semantics;
}();

/// Returns the rules that are applied to a text of a kernel: those of the nearest that is modelled.
/// They changed with v3.7, v4.4 and on the way to v6.12; without a version, v6.1's are taken.
[[nodiscard]] constexpr const Semantics& rules_for(std::optional<KernelVersion> printer) {
  if (printer && *printer >= KernelVersion{6, 12}) return kernel::v6_12;
  if (!printer || *printer >= KernelVersion{4, 4}) return kernel::v6_1;
  return *printer < KernelVersion{3, 7} ? kernel::v3_6 : v3_7_marks;
}

namespace detail {

template <ZoneConfig Config>
[[nodiscard]] AllocationVerdict judge_allocation(const KernelZones& names,
                                                 std::span<const NodeZone> zones, Order order,
                                                 GfpFlags flags) {
  const std::size_t highest = names.classzone_idx(flags);
  const unsigned preferred_node = zones.empty() ? 0 : zones.front().node;
  const Gfp gfp = flags.gfp();
  const auto list = zonelist(zones, highest, preferred_node);
  AllocationVerdict verdict;
  const auto ask = [&](const NodeZone& zone, Order of) {
    return forecast_zone(ZoneCounters<Config>{zone.counts}, of, gfp, highest);
  };
  for (const NodeZone* zone : list) verdict.zones.push_back({*zone, ask(*zone, order), false});
  for (const NodeZone& zone : zones) {
    if (zone.number > highest && zone.counts.managed != 0) verdict.not_asked.push_back(zone);
  }
  const auto normal = names.number_of("Normal");
  const auto is_normal = [](const ZoneVerdict& of) { return of.zone.name == "Normal"; };
  if (normal && *normal <= highest && !zones.empty() &&
      std::ranges::none_of(verdict.zones, is_normal)) {
    const auto lower = std::ranges::find_if(
        verdict.zones, [&](const ZoneVerdict& of) { return of.zone.number < *normal; });
    verdict.zones.insert(lower, {{zones.front().node, *normal, "Normal", {}}, {}, true});
  }
  const auto any = [&](auto condition) { return std::ranges::any_of(verdict.zones, condition); };
  const auto answers = [](ZoneAnswer answer) {
    return [answer](const ZoneVerdict& zone) { return zone.answer() == answer; };
  };
  verdict.cause =
      any(answers(ZoneAnswer::served))     ? FailureCause::none
      : any(answers(ZoneAnswer::no_chunk)) ? FailureCause::fragmentation
      : any([](const ZoneVerdict& zone) { return zone.forecast.lacks_large; })
          ? FailureCause::fragmentation
      : any([&](const ZoneVerdict& zone) {
          // Lower zones always keep some; after reclaim that is not what is missing.
          return zone.is_kept_by_type() || (!gfp.direct_reclaim && zone.is_kept_by_reserve());
        })
          ? FailureCause::reserves
          : FailureCause::shortage;
  std::size_t nr_orders = 1;
  for (const NodeZone* zone : list) nr_orders = std::max(nr_orders, zone->counts.chunks.size());
  for (Order of{0}; of.value() < nr_orders; ++of) {
    const auto serves = [&](const ZoneVerdict& zone) {
      return !zone.is_absent && ask(zone.zone, of).answer == ZoneAnswer::served;
    };
    const auto server = std::ranges::find_if(verdict.zones, serves);
    if (server == verdict.zones.end()) break;
    verdict.largest_served = {of, static_cast<std::size_t>(server - verdict.zones.begin())};
  }
  return verdict;
}

}  // namespace detail

/// Returns what @p zones of a machine answer to a request for 2^order pages, and why it fails if it
/// does. The nearest node is taken to be the first.
/// Requires: order <= 19.
[[nodiscard]] inline AllocationVerdict judge_allocation(const KernelZones& names,
                                                        std::span<const NodeZone> zones,
                                                        Order order, GfpFlags flags,
                                                        const Semantics& rules) {
  const auto judge = [&]<const Semantics & of>() {
    return detail::judge_allocation<CountersConfig<of>>(names, zones, order, flags);
  };
  if (rules.counts_free_highatomic) return judge.template operator()<kernel::v6_12>();
  if (rules.watermark_rule == WatermarkRule::any_chunk) {
    return judge.template operator()<kernel::v6_1>();
  }
  return rules.counts_cma ? judge.template operator()<v3_7_marks>()
                          : judge.template operator()<kernel::v3_6>();
}

/// The same of a report's zones. The request may use the nodes in @p allowed, all without it.
[[nodiscard]] inline AllocationVerdict judge_allocation(const MemInfo& info, Order order,
                                                        GfpFlags flags, const Semantics& rules,
                                                        const std::optional<NodeList>& allowed) {
  std::vector<NodeZone> zones;
  std::vector<unsigned> forbidden;
  for (const MemInfoZone& zone : info.zones) {
    if (!allowed || allowed->has(zone.node)) {
      zones.push_back(info.counted(zone));
    } else if (std::ranges::find(forbidden, zone.node) == forbidden.end()) {
      forbidden.push_back(zone.node);
    }
  }
  AllocationVerdict verdict = judge_allocation(info.kernel, zones, order, flags, rules);
  verdict.forbidden_nodes = std::move(forbidden);
  return verdict;
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::FailureCause> : pageblock::detail::ToStringFormatter {};
