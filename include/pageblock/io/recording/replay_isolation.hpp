// SPDX-License-Identifier: MIT
/// What a replay does where pageblocks are isolated, and memory comes and goes.
///
/// Layer:  io.
/// Kernel: mm/page_isolation.c, offline_pages(), online_pages(), alloc_contig_range().
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/clients/offline_forecast.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/isolate_single.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Isolates what the kernel isolated, and predicts whether it could. Attempts to take memory offline,
/// or to get a contiguous range, are found and named.
template <ReplayableConfig Config>
class ReplayIsolation {
 public:
  explicit ReplayIsolation(ReplayContext<Config>& replay) : replay_{replay} {}

  void apply(const recorded::SetIsolate& set);
  void apply(const recorded::IsolateRange& range);
  void apply(const recorded::TestIsolated& test);
  void apply(const recorded::IsolateSingle& single);
  void apply(const recorded::OfflineBegin& begin);
  void apply(const recorded::OfflineIsolated& offline);
  void apply(const recorded::OfflineEnd& end);
  void apply(const recorded::OnlineBegin& online);
  void apply(const recorded::ContigBegin& begin);
  void apply(const recorded::ContigEnd& end);
  void apply(const recorded::Mark& mark);

 private:
  using Replay = ReplayContext<Config>;
  using Part = typename ReplayMachine<Config>::Part;

  void look_behind_slabs(Zone<Config>& copy, Pfn block, const IsolateRequest& request,
                         IsolationAttempt& attempt);
  void take_contig(Zone<Config>& zone, PfnRange range);

  // Attempts to take memory offline, or to get a contiguous range.
  void hold_offline(PfnRange range, bool held);
  void begin_attempt(std::string what, PfnRange range);
  void end_attempt(std::int64_t ret);
  [[nodiscard]] std::vector<MigrateType> types_in(PfnRange range);

  ReplayContext<Config>& replay_;
  bool is_attempting_ = false;  // the last attempt of the result
  MigrateType undo_type_ = MigrateType::movable;
  std::vector<MigrateType> given_back_;  // what the blocks of the last range will be again
  std::optional<PfnRange> offlining_;
  std::optional<PfnRange> contig_;
  bool has_mark_ = false;  // which also says when it ends
};

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::SetIsolate& set) {
  Zone<Config>& zone = replay_.machine.zone_of(set.pfn);
  const IsolateRequest request{set.range, undo_type_, set.flags};
  auto refusal = kernel_step::explain(zone, set.pfn, request);
  replay_.result.isolated.count(refusal.has_value() == (set.ret != 0));
  if (set.ret != 0) return;
  // What stood in the way is movable after all.
  while (refusal && refusal->reason == Reason::not_lru) {
    zone.memmap().set_bits(refusal->pfn, zone.memmap().bits(refusal->pfn).with(PageBits::lru));
    replay_.take("pages that can be migrated");
    refusal = kernel_step::explain(zone, set.pfn, request);
  }
  static_cast<void>(detail::isolate_block(zone, set.pfn, request));
  if (is_attempting_) ++replay_.result.attempts.back().blocks;
}

// Predicts the whole range on a copy: what happens in between is not known there.
template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::IsolateRange& range) {
  undo_type_ = Replay::type_of(range.migratetype);
  if (!is_attempting_) begin_attempt("range", range.range);
  IsolationAttempt& attempt = replay_.result.attempts.back();
  attempt.isolate_ret = range.ret;
  attempt.undo_type = undo_type_;
  attempt.reports = (range.flags & isolate_flags::report_failure) != 0;
  given_back_ = types_in(range.range);
  if constexpr (!has_isolate_bit<Config>) std::ranges::fill(given_back_, undo_type_);
  const IsolateRequest request{range.range, undo_type_, range.flags};
  Zone<Config> copy = replay_.machine.zone_of(range.range.start);
  attempt.predicted = detail::isolate_range(copy, range.range.start, range.range.end, undo_type_,
                                            range.flags) == ok;
  for (const trace::SetMigratetypeIsolate& set : copy.tracer().set) {
    if (set.ret == ok) {
      ++attempt.predicted_blocks;
    } else if (const auto refusal = kernel_step::explain(copy, set.pfn, request)) {
      attempt.predicted_page = refusal->pfn;
      look_behind_slabs(copy, set.pfn, request, attempt);
    }
  }
  for (Pfn pfn = range.range.start.align_down(Zone<Config>::pageblock_order); pfn < range.range.end;
       pfn += Zone<Config>::pageblock_nr_pages) {
    attempt.predicted_types.push_back(get_pageblock_migratetype(copy, pfn));
  }
}

// Finds what may be in the way instead of slabs.
template <ReplayableConfig Config>
void ReplayIsolation<Config>::look_behind_slabs(Zone<Config>& copy, Pfn block,
                                                const IsolateRequest& request,
                                                IsolationAttempt& attempt) {
  auto refusal = kernel_step::explain(copy, block, request);
  while (refusal && refusal->reason == Reason::not_lru && replay_.slabs.contains(refusal->pfn)) {
    copy.memmap().set_bits(refusal->pfn, copy.memmap().bits(refusal->pfn).with(PageBits::lru));
    refusal = kernel_step::explain(copy, block, request);
    if (refusal) attempt.other_pages.push_back(refusal->pfn);
  }
  attempt.may_pass = !refusal;
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::TestIsolated& test) {
  Zone<Config>& zone = replay_.machine.zone_of(test.range.start);
  const bool offlines = offlining_ && offlining_->contains(test.range.start);
  const bool passes = detail::test_range(zone, test.range.start, test.range.end,
                                         offlines ? isolate_flags::memory_offline : 0U) == ok;
  replay_.result.tested.count(passes == test.success &&
                              zone.tracer().tested->fin_pfn == test.fin_pfn);
  if (test.success && contig_ && replay_.settings.history != nullptr) {
    take_contig(zone, {test.range.start, test.fin_pfn});
  }
}

// Where no probe shows the split, the chunk that reaches across the border is split now.
template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::IsolateSingle& single) {
  if (replay_.settings.history == nullptr || replay_.machine.find(single.border) == nullptr) return;
  Zone<Config>& zone = replay_.machine.zone_of(single.border);
  if (!zone.is_valid(single.border)) return;
  const auto chunk = zone.memmap().free_chunk_of(single.border);
  if constexpr (Config::semantics.isolate_splits == SplitRule::border) {
    if (chunk && *chunk < single.border) split_free_page_at(zone, *chunk, single.border);
  }
}

// Takes the free chunks of a contiguous range, which no probe shows.
template <ReplayableConfig Config>
void ReplayIsolation<Config>::take_contig(Zone<Config>& zone, PfnRange range) {
  for (Pfn pfn = range.start; pfn < std::min(range.end, zone.end_pfn());) {
    const PageBits bits = zone.memmap().bits(pfn);
    if (!bits.has(PageBits::buddy)) {
      ++pfn;
      continue;
    }
    kernel_step::isolate_free_page(zone, pfn);
    for (const Pfn end = pfn + bits.order().nr_pages(); pfn < end; ++pfn) {
      mark_in_use(zone, pfn, Order{0}, false);
    }
    replay_.take("free chunks for compaction and contiguous ranges");
  }
}

// Changes whether the pages that a driver has are held by it: while memory goes offline they are
// not, so that they are no obstacle.
template <ReplayableConfig Config>
void ReplayIsolation<Config>::hold_offline(PfnRange range, bool held) {
  replay_.machine.zone_of(range.start)
      .memmap()
      .transform(range.start, range.end, [held](PageBits bits) {
        if (!bits.has(PageBits::offline)) return bits;
        return held ? bits.with(PageBits::in_use) : bits.released();
      });
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::OfflineBegin& begin) {
  if (!is_attempting_) begin_attempt("offline", begin.range);
  IsolationAttempt& attempt = replay_.result.attempts.back();
  attempt.range = begin.range;
  attempt.forecast = (-Err::inval).to_errno();
  if (!replay_.machine.is_whole(begin.range)) return;
  offlining_ = begin.range;
  replay_.emptying = {begin.range, true};
  hold_offline(begin.range, false);
  const Zone<Config>& zone = replay_.machine.zone_of(begin.range.start);
  attempt.forecast = forecast_offline(zone, begin.range).status.to_errno();
}
template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::OfflineEnd& end) {
  if (offlining_ && end.ret != 0) hold_offline(*offlining_, true);
  offlining_.reset();
  replay_.emptying.reset();
  if (end.ret == 0) replay_.zones.follow_memory();
  if (!is_attempting_) return;
  end_attempt(end.ret);
  is_attempting_ = has_mark_;  // it says so too, which also ends attempts that did not come here
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::ContigBegin& begin) {
  contig_ = begin.range;
  replay_.emptying = {begin.range, false};
  if (!is_attempting_) begin_attempt("contiguous", begin.range);
}
template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::ContigEnd& end) {
  if (contig_ && end.ret == 0 &&
      (end.caller.starts_with("virtio_mem") || end.caller.starts_with("alloc_contig_range"))) {
    // A driver gives them to the host; in v7.2 through a function that only drivers use.
    Zone<Config>& zone = replay_.machine.zone_of(contig_->start);
    zone.memmap().transform(contig_->start, contig_->end, [](PageBits) {
      return PageBits{PageBits::offline | PageBits::in_use};
    });
    zone.mod_managed_pages(-static_cast<std::int64_t>(contig_->nr_pages()));
  }
  contig_.reset();
  replay_.emptying.reset();
  if (is_attempting_ && !has_mark_) end_attempt(end.ret);
}

// "offline memory2", and behind the attempt "offline memory2 rc -16".
template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::Mark& mark) {
  constexpr std::string_view offline = "offline memory";
  if (!mark.text.starts_with(offline)) return;
  std::string_view rest = mark.text.substr(offline.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (parsed.ec != std::errc{}) return;
  rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
  constexpr std::string_view result = " rc ";
  if (rest.empty()) {
    const Pfn start{number * replay_.settings.memory_block_pages};
    begin_attempt(std::string{mark.text}, {start, start + replay_.settings.memory_block_pages});
    has_mark_ = true;
  } else if (rest.starts_with(result) && is_attempting_) {
    rest.remove_prefix(result.size());
    std::int64_t ret = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), ret);
    end_attempt(ret);
  }
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::begin_attempt(std::string what, PfnRange range) {
  replay_.result.attempts.push_back(
      {.line = replay_.operation->line, .what = std::move(what), .range = range});
  replay_.result.attempts.back().predicted = replay_.machine.is_whole(range);
  is_attempting_ = true;
  has_mark_ = false;
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::end_attempt(std::int64_t ret) {
  IsolationAttempt& attempt = replay_.result.attempts.back();
  attempt.ret = ret;
  // What is offline stays isolated; all else is given back.
  if (ret != 0 || attempt.what == "contiguous") {
    for (std::size_t i = 0; i < attempt.predicted_types.size(); ++i) {
      MigrateType& type = attempt.predicted_types[i];
      if (type == MigrateType::isolate) type = given_back_[i];
    }
  }
  if (attempt.isolate_ret && attempt.types.empty()) attempt.types = types_in(attempt.range);
  is_attempting_ = false;
}

template <ReplayableConfig Config>
std::vector<MigrateType> ReplayIsolation<Config>::types_in(PfnRange range) {
  std::vector<MigrateType> types;
  for (Pfn pfn = range.start.align_down(Zone<Config>::pageblock_order); pfn < range.end;
       pfn += Zone<Config>::pageblock_nr_pages) {
    types.push_back(replay_.machine.zone_of(pfn).pageblock_flags().get(pfn));
  }
  return types;
}

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::OfflineIsolated& offline) {
  if (!replay_.machine.is_whole(offline.range)) throw ParseError{"the range is not in one zone"};
  Zone<Config>& zone = replay_.machine.zone_of(offline.range.start);
  Memmap<Config>& map = zone.memmap();
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

template <ReplayableConfig Config>
void ReplayIsolation<Config>::apply(const recorded::OnlineBegin& online) {
  Part& part =
      online.zone ? replay_.machine.part_at(*online.zone) : replay_.machine.part_for(online.range);
  Zone<Config>& zone = part.zone;
  if (!zone.spans(online.range.start) || !zone.spans(online.range.end - 1)) {
    throw ParseError{fmt::format("zone {} does not reach over {:#x}", zone.name(), online.range)};
  }
  replay_.machine.assign(online.range, part);
  // What is not freed in the following is what a driver keeps.
  zone.memmap().transform(online.range.start, online.range.end,
                          [](PageBits) { return PageBits{PageBits::offline | PageBits::in_use}; });
  for (Pfn pfn = online.range.start; pfn < online.range.end;
       pfn += Zone<Config>::pageblock_nr_pages) {
    zone.pageblock_flags().set(pfn, MigrateType::movable);  // what it is besides, if anything
    zone.pageblock_flags().set(pfn, MigrateType::isolate);
  }
  detail::mod_memory(zone, online.range, 1);
  zone.mod_managed_pages(-static_cast<std::int64_t>(online.range.nr_pages()));
}

}  // namespace pageblock
