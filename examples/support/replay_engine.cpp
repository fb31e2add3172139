#include "support/replay_engine.hpp"

#include <charconv>
#include <system_error>

#include "support/replay_claims.hpp"

namespace example {

using namespace pageblock;

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
  if (request.source == recorded::Source::captured) {
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
    got = request.pfn ? allocator::request(zone, operation_->cpu, request.order, type,
                                           request.source, request.alloc_flags)
                      : allocator::request_from_pcp(zone, operation_->cpu, request.order, type,
                                                    request.alloc_flags);
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
  if (behind == 0 && !request.steals.empty()) {
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
  pcp.add_to_count(static_cast<std::uint32_t>(request.order.nr_pages()));
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
    pcp.add_to_count(0U - static_cast<std::uint32_t>(order.nr_pages()));
    take("pages that nobody saw leave");
  }
}

void ReplayEngine::on(const recorded::SetIsolate& set) {
  ReplayZone& zone = machine_.zone_of(set.pfn);
  const IsolateRequest request{set.range, undo_type_, set.flags};
  auto refusal = explain_isolate(zone, set.pfn, request);
  result_.isolated.count(refusal.has_value() == (set.ret != 0));
  if (set.ret != 0) return;
  // What stood in the way is movable after all.
  while (refusal && refusal->reason == Reason::not_lru) {
    zone.memmap().set_bits(refusal->pfn, zone.memmap().bits(refusal->pfn).with(PageBits::lru));
    take("pages that can be migrated");
    refusal = explain_isolate(zone, set.pfn, request);
  }
  static_cast<void>(set_migratetype_isolate(zone, set.pfn, request));
  if (is_attempting_) ++result_.attempts.back().blocks;
}

// Predicts the whole range on a copy: what happens in between is not known there.
void ReplayEngine::on(const recorded::IsolateRange& range) {
  undo_type_ = type_of(range.migratetype);
  if (!is_attempting_) begin_attempt("range", range.range);
  Attempt& attempt = result_.attempts.back();
  attempt.isolate_ret = range.ret;
  attempt.undo_type = undo_type_;
  attempt.reports = (range.flags & isolate_flags::report_failure) != 0;
  ReplayZone copy = machine_.zone_of(range.range.start);
  attempt.predicted = start_isolate_page_range(copy, range.range.start, range.range.end, undo_type_,
                                               range.flags) == ok;
  for (const trace::SetMigratetypeIsolate& set : copy.tracer().set) {
    if (set.ret == ok) {
      ++attempt.predicted_blocks;
    } else if (const auto refusal =
                   explain_isolate(copy, set.pfn, {range.range, undo_type_, range.flags})) {
      attempt.predicted_page = refusal->pfn;
    }
  }
  for (Pfn pfn = range.range.start.align_down(ReplayZone::pageblock_order); pfn < range.range.end;
       pfn += ReplayZone::pageblock_nr_pages) {
    attempt.predicted_types.push_back(get_pageblock_migratetype(copy, pfn));
  }
}

void ReplayEngine::on(const recorded::TestIsolated& test) {
  ReplayZone& zone = machine_.zone_of(test.range.start);
  const bool offlines = offlining_ && offlining_->contains(test.range.start);
  const bool passes = test_pages_isolated(zone, test.range.start, test.range.end,
                                          offlines ? isolate_flags::memory_offline : 0U) == ok;
  result_.tested.count(passes == test.success && zone.tracer().tested->fin_pfn == test.fin_pfn);
  if (test.success && contig_ && settings_.history != nullptr) {
    take_contig(zone, {test.range.start, test.fin_pfn});
  }
}

// Where no probe shows the split, the chunk that reaches across the border is split now.
void ReplayEngine::on(const recorded::IsolateSingle& single) {
  if (settings_.history == nullptr || machine_.find(single.border) == nullptr) return;
  ReplayZone& zone = machine_.zone_of(single.border);
  if (!zone.is_valid(single.border)) return;
  const auto chunk = zone.memmap().free_chunk_of(single.border);
  if (chunk && *chunk < single.border) split_free_page_at(zone, *chunk, single.border);
}

// Takes the free chunks of a contiguous range, which no probe shows.
void ReplayEngine::take_contig(ReplayZone& zone, PfnRange range) {
  for (Pfn pfn = range.start; pfn < std::min(range.end, zone.end_pfn());) {
    const PageBits bits = zone.memmap().bits(pfn);
    if (!bits.has(PageBits::buddy)) {
      ++pfn;
      continue;
    }
    allocator::isolate_free_page(zone, pfn);
    for (const Pfn end = pfn + bits.order().nr_pages(); pfn < end; ++pfn) {
      mark_in_use(zone, pfn, Order{0}, false);
    }
    take("free chunks for compaction and contiguous ranges");
  }
}

// Changes whether the pages that a driver has are held by it: while memory goes offline they are
// not, so that they are no obstacle.
void ReplayEngine::hold_offline(PfnRange range, bool held) {
  machine_.zone_of(range.start).memmap().transform(range.start, range.end, [held](PageBits bits) {
    if (!bits.has(PageBits::offline)) return bits;
    return held ? bits.with(PageBits::in_use) : bits.without(PageBits::in_use);
  });
}

void ReplayEngine::on(const recorded::OfflineBegin& begin) {
  if (!is_attempting_) begin_attempt("offline", begin.range);
  result_.attempts.back().range = begin.range;
  if (!machine_.is_whole(begin.range)) return;
  offlining_ = begin.range;
  hold_offline(begin.range, false);
}
void ReplayEngine::on(const recorded::OfflineEnd& end) {
  if (offlining_ && end.ret != 0) hold_offline(*offlining_, true);
  offlining_.reset();
  if (is_attempting_ && !has_mark_) end_attempt(end.ret);
}

void ReplayEngine::on(const recorded::ContigBegin& begin) {
  contig_ = begin.range;
  if (!is_attempting_) begin_attempt("contiguous", begin.range);
}
void ReplayEngine::on(const recorded::ContigEnd& end) {
  if (contig_ && end.ret == 0 &&
      end.caller.starts_with("virtio_mem")) {  // a driver gives them to the host
    machine_.zone_of(contig_->start).memmap().transform(contig_->start, contig_->end, [](PageBits) {
      return PageBits{PageBits::offline | PageBits::in_use};
    });
  }
  contig_.reset();
  if (is_attempting_ && !has_mark_) end_attempt(end.ret);
}

// "offline memory2", and behind the attempt "offline memory2 rc -16".
void ReplayEngine::on(const recorded::Mark& mark) {
  constexpr std::string_view offline = "offline memory";
  if (!mark.text.starts_with(offline)) return;
  std::string_view rest = mark.text.substr(offline.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (parsed.ec != std::errc{}) return;
  rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  constexpr std::string_view result = " rc ";
  if (rest.empty()) {
    const Pfn start{number * settings_.memory_block_pages};
    begin_attempt(std::string{mark.text}, {start, start + settings_.memory_block_pages});
    has_mark_ = true;
  } else if (rest.starts_with(result) && is_attempting_) {
    rest.remove_prefix(result.size());
    std::int64_t ret = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), ret);
    end_attempt(ret);
  }
}

void ReplayEngine::begin_attempt(std::string what, PfnRange range) {
  result_.attempts.push_back({.line = operation_->line, .what = std::move(what), .range = range});
  result_.attempts.back().predicted = machine_.is_whole(range);
  is_attempting_ = true;
  has_mark_ = false;
}

void ReplayEngine::end_attempt(std::int64_t ret) {
  Attempt& attempt = result_.attempts.back();
  attempt.ret = ret;
  // What is offline stays isolated; all else is given back.
  if (ret != 0 || attempt.what == "contiguous") {
    std::ranges::replace(attempt.predicted_types, MigrateType::isolate, attempt.undo_type);
  }
  if (attempt.isolate_ret) attempt.types = types_in(attempt.range);
  is_attempting_ = false;
}

std::vector<MigrateType> ReplayEngine::types_in(PfnRange range) {
  std::vector<MigrateType> types;
  for (Pfn pfn = range.start.align_down(ReplayZone::pageblock_order); pfn < range.end;
       pfn += ReplayZone::pageblock_nr_pages) {
    types.push_back(machine_.zone_of(pfn).pageblock_flags().get(pfn));
  }
  return types;
}

void ReplayEngine::on(const recorded::OfflineIsolated& offline) {
  if (!machine_.is_whole(offline.range)) throw ParseError{"the range is not in one zone"};
  ReplayZone& zone = machine_.zone_of(offline.range.start);
  Memmap<ReplayConfig>& map = zone.memmap();
  for (Pfn pfn = offline.range.start; pfn < offline.range.end;) {
    const PageBits bits = map.bits(pfn);
    // The kernel has seen that all is free, or a driver's.
    if (!bits.has(PageBits::buddy)) map.set_bits(pfn, PageBits{PageBits::offline});
    pfn += bits.has(PageBits::buddy) ? bits.order().nr_pages() : 1;
  }
  offline_isolated_pages(zone, offline.range.start, offline.range.end);
  detail::mod_memory(zone, offline.range.nr_pages(), -1);
}

void ReplayEngine::on(const recorded::OnlineBegin& online) {
  Part& part = online.zone ? machine_.part_at(*online.zone) : machine_.part_for(online.range);
  ReplayZone& zone = part.zone;
  if (!zone.spans(online.range.start) || !zone.spans(online.range.end - 1)) {
    throw ParseError{fmt::format("zone {} does not reach over {:#x}", zone.name(), online.range)};
  }
  machine_.assign(online.range, part);
  // What is not freed in the following is what a driver keeps.
  zone.memmap().transform(online.range.start, online.range.end,
                          [](PageBits) { return PageBits{PageBits::offline | PageBits::in_use}; });
  for (Pfn pfn = online.range.start; pfn < online.range.end;
       pfn += ReplayZone::pageblock_nr_pages) {
    zone.pageblock_flags().set(pfn, MigrateType::isolate);
  }
  detail::mod_memory(zone, online.range.nr_pages(), 1);
}

}  // namespace example
