// SPDX-License-Identifier: MIT
/// Predicts which zone serves a request.
///
/// Layer:  io.
/// Kernel: get_page_from_freelist(), as far as nobody has to make memory free.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/free_page_drift.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Why a zone is not predicted.
namespace open_zone {
inline constexpr std::string_view no_gfp_flags =
    "pages of the bulk allocator, which asks once for many";
inline constexpr std::string_view captured = "chunks handed to compacting tasks";
inline constexpr std::string_view by_hand = "watermarks that do not follow from the memory";
inline constexpr std::string_view drift = "free pages that a CPU has not yet told the zone";
inline constexpr std::string_view boost = "what kswapd has left of the watermarks' boost";
inline constexpr std::string_view dirty = "limits of dirty pages";
inline constexpr std::string_view below = "zones below all watermarks: reserves, reclaim";
}  // namespace open_zone

namespace detail {
constexpr std::size_t number_of_zone(ZoneType type) { return static_cast<std::size_t>(type); }
}  // namespace detail

/// Asks a machine's zones as the kernel does, from the highest that a request may use downward, and
/// follows what decides: free pages, watermarks, what steals add to them, and reserves. A zone is
/// predicted if all that the trace leaves open leads to it, else the reason is counted.
template <ReplayableConfig Config>
class ZoneForecaster {
 public:
  /// What the trace shows, so that it need not be inferred.
  struct Shown {
    bool limits = true;   ///< of per-CPU lists, when they are set
    bool reclaim = true;  ///< when kswapd begins and ends to reclaim
  };

  ZoneForecaster(ReplayMachine<Config>& machine, ReplayResult& result, Shown shown);

  /// Says that memory came or went before now: watermarks and reserves follow it.
  void follow_memory();

  /// Says that the limits of per-CPU lists are set: they show whether the watermarks are known.
  void check_limits();

  /// kswapd takes back what steals had added to the watermarks when it began.
  void follow(const recorded::Reclaim& reclaim);

  /// Counts what an operation has changed of a zone's free pages: FreePageDrift::count().
  void count_free(std::size_t zone, Cpu cpu, std::int64_t change, std::int64_t step) {
    drifts_[zone].count(cpu, change, step);
  }

  /// Compares the zone that would serve a request next with the one that did.
  void compare(const recorded::Operation& operation, const recorded::Allocation& request,
               bool is_captured, const Zone<Config>& observed);

 private:
  struct Request {
    Cpu cpu{};
    Order order{};
    Gfp gfp{};
  };
  /// The zones that may serve it.
  struct Possible {
    unsigned zones = 0;       // a bit for each type
    bool any = false;         // no zone is sure to, so others may
    std::string_view reason;  // of the first doubt
    void doubt(std::string_view why) {
      if (reason.empty()) reason = why;
    }
  };
  using Boosts = std::array<std::uint64_t, max_nr_zones>;

  // Kernel: refresh_zone_stat_thresholds().
  void follow_sizes() {
    const auto zones = machine_.node().zones();
    drifts_.resize(zones.size());
    for (std::size_t i = 0; i < zones.size(); ++i) {
      drifts_[i].follow_size(zones[i].managed_pages(), zones[i].nr_cpus());
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> managed_pages();
  bool ask(const Request& request, unsigned flags, Possible& possible);
  [[nodiscard]] Possible ask(const Request& request, bool for_writing);
  void note_miss(std::size_t line, const Request& request, const Possible& possible,
                 const Zone<Config>& observed);

  ReplayMachine<Config>& machine_;
  ReplayResult& result_;
  Shown shown_;
  std::vector<std::uint64_t> managed_;  // that the watermarks are for
  bool has_huge_pages_ = false;
  bool knows_watermarks_ = true;
  std::vector<FreePageDrift> drifts_;  // of each zone
  Boosts boosts_{};                    // when kswapd began
};

template <ReplayableConfig Config>
ZoneForecaster<Config>::ZoneForecaster(ReplayMachine<Config>& machine, ReplayResult& result,
                                       Shown shown)
    : machine_{machine}, result_{result}, shown_{shown}, managed_{managed_pages()} {
  follow_sizes();
  // Which of two rules has given T0's watermarks: they are far apart, unless both give the same.
  const Node<Config>& node = machine_.node();
  const std::uint64_t usual = calculate_min_free_kbytes(node);
  const std::uint64_t with_huge_pages = recommended_min_free_kbytes(node);
  std::uint64_t pages = 0;
  for (const Zone<Config>& zone : node.zones()) pages += zone.watermarks().min;
  has_huge_pages_ =
      with_huge_pages > usual && pages * kbytes_per_page > (usual + with_huge_pages) / 2;
  for (const Zone<Config>& zone : node.zones()) {
    boosts_[detail::number_of_zone(zone.type())] = zone.pressure().watermark_boost;
  }
}

template <ReplayableConfig Config>
std::vector<std::uint64_t> ZoneForecaster<Config>::managed_pages() {
  std::vector<std::uint64_t> pages;
  for (const Zone<Config>& zone : machine_.node().zones()) pages.push_back(zone.managed_pages());
  return pages;
}

template <ReplayableConfig Config>
void ZoneForecaster<Config>::follow_memory() {
  if (managed_ == managed_pages()) return;
  managed_ = managed_pages();
  Node<Config>& node = machine_.node();
  std::vector<Pageset> limits;
  for (const Zone<Config>& zone : node.zones()) limits.push_back(zone.pageset());

  const std::uint64_t kbytes = calculate_min_free_kbytes(node);
  init_per_zone_wmark_min(node);
  if (const std::uint64_t more = recommended_min_free_kbytes(node);
      has_huge_pages_ && more > kbytes) {
    setup_per_zone_wmarks(node, more);
  }
  follow_sizes();
  if (!shown_.limits) return;
  for (std::size_t i = 0; i < limits.size(); ++i) {  // they are set one by one
    node.zones()[i].set_pageset(limits[i]);
  }
}

template <ReplayableConfig Config>
void ZoneForecaster<Config>::check_limits() {
  knows_watermarks_ = std::ranges::all_of(machine_.node().zones(), [](const Zone<Config>& zone) {
    return zone.managed_pages() == 0 ||
           zone.pageset() == zone_pageset(zone.managed_pages(), zone.watermarks().low,
                                          zone.nr_cpus(), Config::semantics.pcp_tuning);
  });
}

template <ReplayableConfig Config>
void ZoneForecaster<Config>::follow(const recorded::Reclaim& reclaim) {
  for (Zone<Config>& zone : machine_.node().zones()) {
    if (detail::number_of_zone(zone.type()) > reclaim.highest_zone) continue;
    std::uint64_t& at_begin = boosts_[detail::number_of_zone(zone.type())];
    std::uint64_t& now = zone.pressure().watermark_boost;
    if (reclaim.active) {
      at_begin = now;
    } else {
      now -= std::min(now, at_begin);
    }
  }
}

// Asks all zones once, and returns whether one is sure to serve.
template <ReplayableConfig Config>
bool ZoneForecaster<Config>::ask(const Request& request, unsigned flags, Possible& possible) {
  const auto zones = machine_.node().zones();
  for (std::size_t i = 0; i < zones.size(); ++i) {
    const Zone<Config>& zone = zones[i];
    if (zone.type() > request.gfp.highest_zone) continue;
    const auto serves = [&](std::int64_t more) {
      return forecast_answer(zone, request.cpu, request.order, request.gfp, flags,
                             zone.nr_free_pages() + more) == ZoneAnswer::served;
    };
    const unsigned bit = 1U << detail::number_of_zone(zone.type());
    const FreePageDrift::Bounds told_later = drifts_[i].sum();
    if (serves(-told_later.most)) {
      possible.zones |= bit;
      return true;
    }
    const auto boosted =
        static_cast<std::int64_t>(shown_.reclaim ? 0 : zone.pressure().watermark_boost);
    if (!serves(boosted - told_later.least)) continue;
    possible.zones |= bit;
    possible.doubt(serves(-told_later.least) ? open_zone::drift : open_zone::boost);
  }
  return false;
}

// Kernel: __alloc_pages(), as far as nobody has to make memory free.
template <ReplayableConfig Config>
typename ZoneForecaster<Config>::Possible ZoneForecaster<Config>::ask(const Request& request,
                                                                      bool for_writing) {
  const Gfp& gfp = request.gfp;
  const unsigned slow = gfp_to_alloc_flags<Config>(gfp, request.order);
  const unsigned fast = (slow & alloc_flags::kswapd) | alloc_flags::wmark_low;
  const unsigned no_fragment = detail::nofragment_flag(machine_.node(), gfp.highest_zone);
  Possible possible;
  bool is_sure = no_fragment != 0 && ask(request, fast | no_fragment, possible);
  is_sure = is_sure || ask(request, fast, possible);
  // Whether there are too many dirty pages for a page that will be written to, no event says. If so,
  // no zone is good enough at first.
  if (is_sure && for_writing) {
    const unsigned at_first = possible.zones;
    is_sure = ask(request, slow, possible);
    if (possible.zones != at_first) possible.doubt(open_zone::dirty);
  } else {
    is_sure = is_sure || ask(request, slow, possible);
  }
  possible.any = !is_sure;
  if (!is_sure) possible.doubt(open_zone::below);
  return possible;
}

template <ReplayableConfig Config>
void ZoneForecaster<Config>::compare(const recorded::Operation& operation,
                                     const recorded::Allocation& request, bool is_captured,
                                     const Zone<Config>& observed) {
  const auto leave_open = [this](std::string_view why) {
    ++result_.open_zones.try_emplace(std::string{why}).first->second;
  };
  if (is_captured) return leave_open(open_zone::captured);
  if (request.gfp_flags.empty()) return leave_open(open_zone::no_gfp_flags);
  if (!knows_watermarks_) return leave_open(open_zone::by_hand);
  const Request of{operation.cpu, request.order, parse_gfp_flags(request.gfp_flags)};
  const bool for_writing = request.gfp_flags.find("__GFP_WRITE") != std::string_view::npos;
  const Possible possible = ask(of, for_writing);
  const unsigned bit = 1U << detail::number_of_zone(observed.type());
  const bool may_be =
      observed.type() <= of.gfp.highest_zone && (possible.any || (possible.zones & bit) != 0);
  if (may_be && !possible.reason.empty()) return leave_open(possible.reason);
  result_.zones.count(may_be);
  if (!may_be) note_miss(operation.line, of, possible, observed);
}

template <ReplayableConfig Config>
void ZoneForecaster<Config>::note_miss(std::size_t line, const Request& request,
                                       const Possible& possible, const Zone<Config>& observed) {
  if (result_.first_zone) return;
  ZoneMisprediction miss{.line = line,
                         .what = fmt::format("a chunk of order {}, {}, on CPU {}", request.order,
                                             request.gfp.migratetype, request.cpu),
                         .observed = std::string{observed.name()}};
  for (const Zone<Config>& zone : machine_.node().zonelist(request.gfp.highest_zone)) {
    if (miss.predicted.empty() &&
        (possible.zones >> detail::number_of_zone(zone.type()) & 1U) != 0) {
      miss.predicted = zone.name();
    }
    const Watermarks marks = zone.watermarks();
    miss.zones.push_back(fmt::format(
        "{}: {} pages free, {} of them for urgent requests; watermarks {} and {}, boost {}; {} to "
        "be left by this request",
        zone.name(), zone.nr_free_pages(), zone.pressure().nr_reserved_highatomic, marks.min,
        marks.low, zone.pressure().watermark_boost,
        zone.lowmem_reserve(detail::number_of_zone(request.gfp.highest_zone))));
  }
  result_.first_zone = std::move(miss);
}

}  // namespace pageblock
