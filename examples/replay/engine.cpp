#include "replay/engine.hpp"

#include "replay/claims.hpp"

namespace example {

using namespace pageblock;

std::optional<Pfn> ReplayEngine::serve(ReplayZone& zone, const recorded::Allocation& request) {
  const MigrateType type = type_of(request.migratetype);
  if (!request.pfn) {
    return allocator::request_from_pcp(zone, operation_->cpu, request.order, type,
                                       request.alloc_flags);
  }
  if (lacks_refill(zone, request)) return std::nullopt;
  return allocator::request(zone, operation_->cpu, request.order, type, request.source,
                            request.alloc_flags);
}

void ReplayEngine::on(const recorded::Allocation& request) {
  Part& part = request.pfn ? machine_.part_of(*request.pfn) : machine_.part_at(*request.zone);
  ReplayZone& zone = part.zone;
  const MigrateType type = type_of(request.migratetype);
  if (!is_pcp_type(type)) throw ParseError{fmt::format("no request has type {}", type)};
  if (request.pfn) {
    demand_chunk(zone, *request.pfn, request.order);
  } else if (!PerCpuPages<ReplayConfig>::has_lists(request.order)) {
    throw ParseError{fmt::format("order {} has no per-CPU lists", request.order)};
  }
  const bool is_captured =
      request.source == recorded::Source::captured || (compacted_ && lacks_refill(zone, request));
  if (request.pfn) zones_.compare(*operation_, request, is_captured, zone);
  if (is_captured) {
    take("chunks handed to compacting tasks");
    take_observed(zone, *request.pfn, request.order);
    return mark_in_use(zone, *request.pfn, request.order, allocator::looks_movable(request));
  }
  skip_unseen(zone, type, request.order);
  const bool was_turned = turn_lists(zone, request);
  watch(zone);
  std::optional<Pfn> got;
  {
    const ClaimsAsRecorded claims{zone, type, request.steals};
    got = serve(zone, request);
    for (const bool agrees : claims.agree()) {
      result_.claims.count(agrees);
      if (!agrees) take("claims of stolen blocks");
    }
  }
  if (request.source == recorded::Source::buddy) take("busy per-CPU locks");
  if (!request.pfn) {  // this zone had none
    if (got) give_back(zone, request, *got);
    return;
  }
  take("zones of requests");
  result_.allocations.count(got == request.pfn && !was_turned);
  compare(request.refill, zone.tracer().refilled, result_.refills);
  if (got != request.pfn) {
    note_miss(zone, request, got);
    if (got) give_back(zone, request, *got);
    take_observed(zone, *request.pfn, request.order);
  }
  mark_in_use(zone, *request.pfn, request.order, allocator::looks_movable(request));
}

// Whether the request's list is empty, and the kernel did not fill it.
bool ReplayEngine::lacks_refill(const ReplayZone& zone, const recorded::Allocation& request) const {
  return settings_.history == nullptr && request.pfn && request.refill.empty() &&
         request.source == recorded::Source::any &&
         PerCpuPages<ReplayConfig>::has_lists(request.order) &&
         zone.pcp(operation_->cpu).list(type_of(request.migratetype), request.order).empty();
}

// Compaction turns the free lists that it searches, so that it finds others next time. No event shows
// that, but the first chunk taken from such a list does: it is mispredicted, and the list is turned.
bool ReplayEngine::turn_lists(ReplayZone& zone, const recorded::Allocation& request) {
  const bool is_from_buddy = !request.refill.empty() || request.source == recorded::Source::buddy ||
                             !PerCpuPages<ReplayConfig>::has_lists(request.order);
  if (!compacted_ || !request.pfn || !is_from_buddy) return false;
  const Memmap<ReplayConfig>& map = zone.memmap();
  bool was_turned = false;
  const auto turn = [&](Pfn pfn, Order order, MigrateType type) {
    const auto chunk = map.free_chunk_of(pfn);
    if (!chunk || map.bits(*chunk) != PageBits::chunk(order, type)) return;
    if (const auto head = turn_to_head(zone, pfn)) {
      take("free lists that compaction turned");
      note_miss(zone, request, *head);
      was_turned = true;
    }
  };
  const std::vector<Pfn>& pages =
      request.refill.empty() ? std::vector{*request.pfn} : request.refill;
  const MigrateType type = type_of(request.migratetype);
  std::uint64_t behind = 0;  // the pages that smaller chunks give
  for (Order order = request.order; order <= ReplayZone::top_order; ++order) {
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

void ReplayEngine::give_back(ReplayZone& zone, const recorded::Allocation& request, Pfn pfn) {
  using Pcp = PerCpuPages<ReplayConfig>;
  mark_in_use(zone, pfn, request.order, false);
  if (request.source == recorded::Source::buddy || !Pcp::has_lists(request.order)) {
    return allocator::put_back(zone, pfn, request.order, zone.pageblock_flags().get(pfn),
                               ListEnd::head);
  }
  Pcp& pcp = zone.pcp(operation_->cpu);
  PcpList& list = pcp.list(type_of(request.migratetype), request.order);
  list.reserve(1);
  zone.memmap().set_bits(
      pfn, PageBits{}.with_private(number_of<ReplayConfig>(zone.pageblock_flags().get(pfn))));
  list.push_head(pfn);
  pcp.count += static_cast<std::uint32_t>(request.order.nr_pages());
}

void ReplayEngine::note_miss(const ReplayZone& zone, const recorded::Allocation& request,
                             std::optional<Pfn> predicted) {
  if (result_.first) return;
  using Pcp = PerCpuPages<ReplayConfig>;
  const MigrateType type = type_of(request.migratetype);
  Misprediction miss{.line = operation_->line,
                     .what = fmt::format("a chunk of order {}, {}, in zone {} on CPU {}",
                                         request.order, type, zone.name(), operation_->cpu),
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
    const PcpList& list = zone.pcp(operation_->cpu).list(type, request.order);
    std::vector<Pfn> pfns;
    for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i]);
    miss.lists.push_back(
        text_of(fmt::format("CPU {} order {}", operation_->cpu, request.order), pfns, list.size()));
  }
  for (Order order = request.order; order <= ReplayZone::top_order; ++order) {
    for (const MigrateType of : ReplayConfig::semantics.migratetypes) {
      const auto list = zone.free_list(order, of);
      if (list.size != 0 || of == type) {
        miss.lists.push_back(text_of(fmt::format("order {} {}", order, of), list, list.size));
      }
    }
  }
  result_.first = std::move(miss);
}

void ReplayEngine::on(const recorded::Free& free) {
  ReplayZone& zone = machine_.zone_of(free.pfn);
  demand_chunk(zone, free.pfn, free.order);
  forget_use(zone, free.pfn, free.order);
  if (free.past_pcp && zone.pageblock_flags().get(free.pfn) != MigrateType::isolate) {
    take("busy per-CPU locks");
  }
  watch(zone);
  if (!free.past_pcp) expect_drain(machine_.part_of(free.pfn), free);
  allocator::free(zone, operation_->cpu, free.pfn, free.order, free.past_pcp,
                  free.to_tail ? ListEnd::tail : ListEnd::head);
  compare_drained(zone, free.drained);
}

// A free drains as soon as the lists hold as much as they may. Where the trace shows a drain that
// the limits known do not explain, or none where there should be one, kswapd has begun or ended to
// reclaim unseen; or, where no probe shows the limits either, they have changed.
void ReplayEngine::expect_drain(Part& part, const recorded::Free& free) {
  using Pcp = PerCpuPages<ReplayConfig>;
  if (part.pcp_disabled || !Pcp::has_lists(free.order)) return;
  if (part.zone.pageblock_flags().get(free.pfn) == MigrateType::isolate) return;
  const Pcp& pcp = part.zone.pcp(operation_->cpu);
  if (pcp.free_factor != 0 && free.order != Order{0} && free.order <= Pcp::top_order) return;
  const auto count = static_cast<std::uint32_t>(pcp.count + free.order.nr_pages());
  bool& reclaims = part.zone.pressure().reclaim_active;
  const auto drains = [&](bool while_reclaiming) {
    return count >= (while_reclaiming ? std::min(4 * pcp.batch, pcp.high) : pcp.high);
  };
  const bool drained = !free.drained.empty();
  if (drains(reclaims) == drained) return;
  const bool is_near_high = settings_.history != nullptr && count > pcp.high / 2;
  if (drains(!reclaims) == drained && (reclaims || !is_near_high)) {
    reclaims = !reclaims;
    take("beginnings and ends of reclaim, from the drains");
  } else if (settings_.history != nullptr) {
    part.zone.set_pageset(pcp.batch, std::max(pcp.batch, drained ? count : count + 1));
    take("limits of per-CPU lists, from the drains");
  }
}

// Takes the pages off a list's head that the next request cannot get, since they leave unseen.
void ReplayEngine::skip_unseen(ReplayZone& zone, MigrateType type, Order order) {
  using Pcp = PerCpuPages<ReplayConfig>;
  if (settings_.history == nullptr || !Pcp::has_lists(order)) return;
  Pcp& pcp = zone.pcp(operation_->cpu);
  PcpList& list = pcp.list(type, order);
  while (!list.empty() && settings_.history->leaves_unseen(list[0], operation_->line - 1)) {
    mark_in_use(zone, list.pop_head(), order, false);
    pcp.count -= static_cast<std::uint32_t>(order.nr_pages());
    take("pages that nobody saw leave");
  }
}

}  // namespace example
