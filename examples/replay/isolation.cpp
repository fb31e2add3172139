// What a replay does where pageblocks are isolated, and memory comes and goes.
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "replay/engine.hpp"

namespace example {

using namespace pageblock;

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
  Attempt& attempt = result_.attempts.back();
  attempt.range = begin.range;
  attempt.forecast = (-Err::inval).to_errno();
  if (!machine_.is_whole(begin.range)) return;
  offlining_ = begin.range;
  hold_offline(begin.range, false);
  const ReplayZone& zone = machine_.zone_of(begin.range.start);
  attempt.forecast = forecast_offline(zone, begin.range).status.to_errno();
}
void ReplayEngine::on(const recorded::OfflineEnd& end) {
  if (offlining_ && end.ret != 0) hold_offline(*offlining_, true);
  offlining_.reset();
  if (end.ret == 0) zones_.follow_memory();
  if (!is_attempting_) return;
  end_attempt(end.ret);
  is_attempting_ = has_mark_;  // it says so too, which also ends attempts that did not come here
}

void ReplayEngine::on(const recorded::ContigBegin& begin) {
  contig_ = begin.range;
  if (!is_attempting_) begin_attempt("contiguous", begin.range);
}
void ReplayEngine::on(const recorded::ContigEnd& end) {
  if (contig_ && end.ret == 0 &&
      end.caller.starts_with("virtio_mem")) {  // a driver gives them to the host
    ReplayZone& zone = machine_.zone_of(contig_->start);
    zone.memmap().transform(contig_->start, contig_->end, [](PageBits) {
      return PageBits{PageBits::offline | PageBits::in_use};
    });
    zone.mod_managed_pages(-static_cast<std::int64_t>(contig_->nr_pages()));
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
  if (attempt.isolate_ret && attempt.types.empty()) attempt.types = types_in(attempt.range);
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
  std::int64_t held = 0;  // by a driver, and not among those that the zone manages
  for (Pfn pfn = offline.range.start; pfn < offline.range.end;) {
    const PageBits bits = map.bits(pfn);
    if (bits.has(PageBits::offline)) ++held;
    // The kernel has seen that all is free, or a driver's.
    if (!bits.has(PageBits::buddy)) map.set_bits(pfn, PageBits{PageBits::offline});
    pfn += bits.has(PageBits::buddy) ? bits.order().nr_pages() : 1;
  }
  offline_isolated_pages(zone, offline.range.start, offline.range.end);
  detail::mod_memory(zone, offline.range, -1);
  zone.mod_managed_pages(held);
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
  detail::mod_memory(zone, online.range, 1);
  zone.mod_managed_pages(-static_cast<std::int64_t>(online.range.nr_pages()));
}

}  // namespace example
