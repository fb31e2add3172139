// SPDX-License-Identifier: MIT
/// What a replay does where chunks are requested and freed.
///
/// Layer:  io.
/// Kernel: rmqueue(), free_unref_page() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/recorded_claims.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Serves requests, and compares each page with the kernel's.
template <ReplayableConfig Config>
class ReplayRequests {
 public:
  explicit ReplayRequests(ReplayContext<Config>& replay) : replay_{replay} {}

  void apply(const recorded::Allocation& request);
  void apply(const recorded::Free& free);

 private:
  using Replay = ReplayContext<Config>;
  using Part = typename ReplayMachine<Config>::Part;

  void free_gigantic(Zone<Config>& zone, const recorded::Free& free);
  [[nodiscard]] bool finds_lock_busy(const Zone<Config>& zone, const recorded::Free& free);
  void expect_drain(Part& part, const recorded::Free& free);
  void skip_unseen(Zone<Config>& zone, MigrateType type, Order order);
  [[nodiscard]] bool lacks_refill(const Zone<Config>& zone,
                                  const recorded::Allocation& request) const;
  [[nodiscard]] std::optional<Pfn> serve(Zone<Config>& zone, const recorded::Allocation& request);
  bool turn_lists(Zone<Config>& zone, const recorded::Allocation& request);
  void give_back(Zone<Config>& zone, const recorded::Allocation& request, Pfn pfn);
  void note_miss(const Zone<Config>& zone, const recorded::Allocation& request,
                 std::optional<Pfn> predicted);

  ReplayContext<Config>& replay_;
};

template <ReplayableConfig Config>
std::optional<Pfn> ReplayRequests<Config>::serve(Zone<Config>& zone,
                                                 const recorded::Allocation& request) {
  const MigrateType type = Replay::type_of(request.migratetype);
  if (!request.pfn && !replay_.settings.shows_attempts) {
    return kernel_step::request_from_pcp(zone, replay_.operation->cpu, request.order, type,
                                         request.alloc_flags);
  }
  if (!replay_.settings.shows_attempts && lacks_refill(zone, request)) return std::nullopt;
  return kernel_step::request(zone, replay_.operation->cpu, request.order, type, request.source,
                              request.alloc_flags);
}

template <ReplayableConfig Config>
void ReplayRequests<Config>::apply(const recorded::Allocation& request) {
  if (!request.pfn && !request.zone) throw ParseError{"no line says what the request was given"};
  Part& part =
      request.zone ? replay_.machine.part_at(*request.zone) : replay_.machine.part_of(*request.pfn);
  Zone<Config>& zone = part.zone;
  const MigrateType type = Replay::type_of(request.migratetype);
  if (!is_pcp_type(type)) throw ParseError{fmt::format("no request has type {}", type)};
  if (request.pfn) {
    Replay::demand_chunk(zone, *request.pfn, request.order);
  } else if (!PerCpuPages<Config>::has_lists(request.order)) {
    throw ParseError{fmt::format("order {} has no per-CPU lists", request.order)};
  }
  const bool is_captured = request.source == recorded::Source::captured ||
                           (replay_.compacted && lacks_refill(zone, request));
  if (request.pfn) replay_.zones.compare(*replay_.operation, request, is_captured, zone);
  if (is_captured) {
    replay_.take("chunks handed to compacting tasks");
    take_observed(zone, *request.pfn, request.order);
    return mark_in_use(zone, *request.pfn, request.order,
                       kernel_step::looks_movable<Config>(request));
  }
  skip_unseen(zone, type, request.order);
  replay_.follow(zone, request.zone_flags);
  const bool was_turned = turn_lists(zone, request);
  Replay::watch(zone);
  std::optional<Pfn> got;
  {
    const ClaimsAsRecorded claims{zone, type, request.steals};
    got = serve(zone, request);
    for (const bool agrees : claims.agree()) {
      replay_.result.claims.count(agrees);
      if (!agrees) replay_.take("claims of stolen blocks");
    }
  }
  if (request.source == recorded::Source::buddy && PerCpuPages<Config>::has_lists(request.order)) {
    replay_.take("busy per-CPU locks");
  }
  if (!request.pfn) {  // this zone had none
    if (replay_.settings.shows_attempts) replay_.result.allocations.count(!got);
    if (got) give_back(zone, request, *got);
    return;
  }
  replay_.take("zones of requests");
  replay_.result.allocations.count(got == request.pfn && !was_turned);
  Replay::compare(request.refill, zone.tracer().refilled, replay_.result.refills);
  if (got != request.pfn) {
    note_miss(zone, request, got);
    if (got) give_back(zone, request, *got);
    take_observed(zone, *request.pfn, request.order);
  }
  mark_in_use(zone, *request.pfn, request.order, kernel_step::looks_movable<Config>(request));
  if (kernel_step::slabs_may_look_movable<Config> && kernel_step::looks_like_slab(request)) {
    replay_.slabs.insert(*request.pfn);
  }
}

// Whether the request's list is empty, and the kernel did not fill it.
template <ReplayableConfig Config>
bool ReplayRequests<Config>::lacks_refill(const Zone<Config>& zone,
                                          const recorded::Allocation& request) const {
  return replay_.settings.history == nullptr && request.pfn && request.refill.empty() &&
         request.source == recorded::Source::any && PerCpuPages<Config>::has_lists(request.order) &&
         zone.pcp(replay_.operation->cpu)
             .list(Replay::type_of(request.migratetype), request.order)
             .empty();
}

// Compaction turns the free lists that it searches, so that it finds others next time. No event shows
// that, but the first chunk taken from such a list does: it is mispredicted, and the list is turned.
template <ReplayableConfig Config>
bool ReplayRequests<Config>::turn_lists(Zone<Config>& zone, const recorded::Allocation& request) {
  const bool is_from_buddy = !request.refill.empty() || request.source == recorded::Source::buddy ||
                             !PerCpuPages<Config>::has_lists(request.order);
  if (!replay_.compacted || !request.pfn || !is_from_buddy) return false;
  const Memmap<Config>& map = zone.memmap();
  bool was_turned = false;
  const auto turn = [&](Pfn pfn, Order order, MigrateType type) {
    const auto chunk = map.free_chunk_of(pfn);
    if (!chunk || map.bits(*chunk) != PageBits::chunk(order, type)) return;
    if (const auto head = turn_to_head(zone, pfn)) {
      replay_.take("free lists that compaction turned");
      note_miss(zone, request, *head);
      was_turned = true;
    }
  };
  const std::vector<Pfn>& pages =
      request.refill.empty() ? std::vector{*request.pfn} : request.refill;
  const MigrateType type = Replay::type_of(request.migratetype);
  std::uint64_t behind = 0;  // the pages that smaller chunks give
  for (Order order = request.order; order <= Zone<Config>::top_order; ++order) {
    const std::uint64_t nr = zone.free_area().nr_free(order, type);
    if (nr == 0) continue;
    if (behind >= pages.size()) break;
    turn(pages[behind], order, type);
    behind += nr << (order.value() - request.order.value());
  }
  if (!request.steals.empty()) {
    const auto chunk = map.free_chunk_of(request.steals.front().pfn);
    if (chunk) turn(*chunk, map.bits(*chunk).order(), map.bits(*chunk).list_type());
  }
  return was_turned;
}

template <ReplayableConfig Config>
void ReplayRequests<Config>::give_back(Zone<Config>& zone, const recorded::Allocation& request,
                                       Pfn pfn) {
  using Pcp = PerCpuPages<Config>;
  mark_in_use(zone, pfn, request.order, false);
  if (request.source == recorded::Source::buddy || !Pcp::has_lists(request.order)) {
    return kernel_step::put_back(zone, pfn, request.order, zone.pageblock_flags().get(pfn),
                                 ListEnd::head);
  }
  Pcp& pcp = zone.pcp(replay_.operation->cpu);
  PcpList& list = pcp.list(Replay::type_of(request.migratetype), request.order);
  list.reserve(1);
  zone.memmap().set_bits(
      pfn, PageBits{}.with_private(number_of<Config>(zone.pageblock_flags().get(pfn))));
  list.push_head(pfn);
  pcp.count += static_cast<std::uint32_t>(request.order.nr_pages());
}

template <ReplayableConfig Config>
void ReplayRequests<Config>::note_miss(const Zone<Config>& zone,
                                       const recorded::Allocation& request,
                                       std::optional<Pfn> predicted) {
  if (replay_.result.first) return;
  using Pcp = PerCpuPages<Config>;
  const MigrateType type = Replay::type_of(request.migratetype);
  Misprediction miss{.line = replay_.operation->line,
                     .what = fmt::format("a chunk of order {}, {}, in zone {} on CPU {}",
                                         request.order, type, zone.name(), replay_.operation->cpu),
                     .predicted = predicted,
                     .observed = request.pfn};
  const auto text_of = [](const std::string& name, const auto& list, std::size_t size) {
    std::string text = fmt::format("{}:", name);
    std::size_t nr = 0;
    for (const Pfn pfn : list) {
      if (++nr > 8) break;
      text += fmt::format(" {:#x}", pfn);
    }
    return text + (size > 8 ? fmt::format(" ... ({} in all)", size) : size == 0 ? " empty" : "");
  };
  if (Pcp::has_lists(request.order)) {
    const PcpList& list = zone.pcp(replay_.operation->cpu).list(type, request.order);
    std::vector<Pfn> pfns;
    for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i]);
    miss.lists.push_back(text_of(
        fmt::format("CPU {} order {}", replay_.operation->cpu, request.order), pfns, list.size()));
  }
  for (Order order = request.order; order <= Zone<Config>::top_order; ++order) {
    for (const MigrateType of : Config::semantics.migratetypes) {
      const auto list = zone.free_list(order, of);
      if (list.size != 0 || of == type) {
        miss.lists.push_back(text_of(fmt::format("order {} {}", order, of), list, list.size));
      }
    }
  }
  replay_.result.first = std::move(miss);
}

template <ReplayableConfig Config>
void ReplayRequests<Config>::apply(const recorded::Free& free) {
  Zone<Config>& zone = replay_.machine.zone_of(free.pfn);
  if (free.order > Zone<Config>::top_order) return free_gigantic(zone, free);
  Replay::demand_chunk(zone, free.pfn, free.order);
  replay_.forget_use(zone, free.pfn, free.order);
  replay_.follow(zone, free.zone_flags);
  const bool past_pcp = free.past_pcp || finds_lock_busy(zone, free);
  if (past_pcp && PerCpuPages<Config>::has_lists(free.order) &&
      zone.pageblock_flags().get(free.pfn) != MigrateType::isolate) {
    replay_.take("busy per-CPU locks");
  }
  Replay::watch(zone);
  if (free.number != 0) {
    const auto [nr, first] =
        kernel_step::put_on_pcp(zone, replay_.operation->cpu, free.pfn, free.order);
    replay_.result.counters.count((nr != 0) == free.drains);
    if (nr != 0) replay_.excesses[free.number] = {nr, first};
    return;
  }
  if (!past_pcp) expect_drain(replay_.machine.part_of(free.pfn), free);
  kernel_step::free(zone, replay_.operation->cpu, free.pfn, free.order, past_pcp,
                    free.to_tail ? ListEnd::tail : ListEnd::head);
  replay_.compare_drained(zone, free.drained);
}

// A huge page of more than the buddy lists can hold is freed block by block.
template <ReplayableConfig Config>
void ReplayRequests<Config>::free_gigantic(Zone<Config>& zone, const recorded::Free& free) {
  constexpr Order block = Zone<Config>::pageblock_order;
  if (!free.pfn.is_aligned(free.order)) throw ParseError{"the chunk is not aligned"};
  for (std::uint64_t page = 0; page < free.order.nr_pages(); page += block.nr_pages()) {
    const Pfn pfn = free.pfn + page;
    Replay::demand_chunk(zone, pfn, block);
    replay_.forget_use(zone, pfn, block);
    kernel_step::free(zone, replay_.operation->cpu, pfn, block, true, ListEnd::head);
  }
}

// Whether a free that no probe has shown came while its own CPU held the lock of the zone's lists.
template <ReplayableConfig Config>
bool ReplayRequests<Config>::finds_lock_busy(const Zone<Config>& zone, const recorded::Free& free) {
  if (!free.interrupted) return false;
  replay_.take("frees that no probe has shown");
  const auto& [address, pfn] = *free.interrupted;
  if (address) return &replay_.machine.part_at(*address).zone == &zone;
  const Part* const part = pfn ? replay_.machine.find(*pfn) : nullptr;
  return part != nullptr && &part->zone == &zone;
}

// A free drains as soon as the lists hold as much as they may. Where the trace shows a drain that
// the limits known do not explain, or none where there should be one, kswapd has begun or ended to
// reclaim unseen; or, where no probe shows the limits either, they have changed.
template <ReplayableConfig Config>
void ReplayRequests<Config>::expect_drain(Part& part, const recorded::Free& free) {
  using Pcp = PerCpuPages<Config>;
  // Where lists tune themselves, what decides is known.
  if constexpr (Config::semantics.pcp_tuning == PcpTuning::scaled) {
    if (part.pcp_disabled || !Pcp::has_lists(free.order)) return;
    if (part.zone.pageblock_flags().get(free.pfn) == MigrateType::isolate) return;
    const Pcp& pcp = part.zone.pcp(replay_.operation->cpu);
    if (pcp.free_factor != 0 && free.order != Order{0} && free.order <= Pcp::top_order) return;
    const auto count = static_cast<std::uint32_t>(pcp.count + free.order.nr_pages());
    bool& reclaims = part.zone.pressure().reclaim_active;
    const auto drains = [&](bool while_reclaiming) {
      return count >= (while_reclaiming ? std::min(4 * pcp.batch, pcp.high) : pcp.high);
    };
    const bool drained = !free.drained.empty();
    if (drains(reclaims) == drained) return;
    const bool is_near_high = replay_.settings.history != nullptr && count > pcp.high / 2;
    if (drains(!reclaims) == drained && (reclaims || !is_near_high)) {
      reclaims = !reclaims;
      replay_.take("beginnings and ends of reclaim, from the drains");
    } else if (replay_.settings.history != nullptr) {
      part.zone.set_pageset(pcp.batch, std::max(pcp.batch, drained ? count : count + 1));
      replay_.take("limits of per-CPU lists, from the drains");
    }
  }
}

// Takes the pages off a list's head that the next request cannot get, since they leave unseen.
template <ReplayableConfig Config>
void ReplayRequests<Config>::skip_unseen(Zone<Config>& zone, MigrateType type, Order order) {
  using Pcp = PerCpuPages<Config>;
  if (replay_.settings.history == nullptr || !Pcp::has_lists(order)) return;
  Pcp& pcp = zone.pcp(replay_.operation->cpu);
  PcpList& list = pcp.list(type, order);
  while (!list.empty() &&
         replay_.settings.history->leaves_unseen(list[0], replay_.operation->line - 1)) {
    mark_in_use(zone, list.pop_head(), order, false);
    pcp.count -= static_cast<std::uint32_t>(order.nr_pages());
    replay_.take("pages that nobody saw leave");
  }
}

}  // namespace pageblock
