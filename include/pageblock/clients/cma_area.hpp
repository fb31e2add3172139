// SPDX-License-Identifier: MIT
/// A CMA area: memory that is lent to movable requests, and taken back for contiguous ones.
///
/// Layer:  clients.
/// Kernel: struct cma, cma_alloc(), cma_release() (mm/cma.c); before v3.16
///         dma_alloc_from_contiguous(), dma_release_from_contiguous().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/base/cma_rules.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/cma_bitmap.hpp"
#include "pageblock/clients/cma_places.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/page_mover.hpp"

namespace pageblock {

/// What an area counts, in pages and in requests.
/// Kernel: /sys/kernel/mm/cma/, cma_alloc_success and cma_alloc_fail in /proc/vmstat.
struct CmaStatistics {
  std::uint64_t pages_succeeded = 0;  ///< Pages that were handed out.
  std::uint64_t pages_failed = 0;     ///< Pages that were asked for in vain.
  std::uint64_t pages_released = 0;   ///< Pages that came back.
  std::uint64_t alloc_success = 0;    ///< Requests that were served.
  std::uint64_t alloc_fail = 0;       ///< Requests that failed.
  friend bool operator==(const CmaStatistics&, const CmaStatistics&) = default;
};

/// A range of an area, and which of it somebody has: a bit for 2^order_per_bit pages.
struct CmaRange {
  PfnRange pages;    ///< Its pages.
  CmaBitmap bitmap;  ///< Which of them are handed out.
  friend bool operator==(const CmaRange&, const CmaRange&) = default;
};

/// An area, as a value. It knows who has which part; the pages themselves are the zone's.
/// One thread uses it at a time. (The kernel has locks for that; what they order is one after the other
/// here.)
class CmaArea {
 public:
  /// Requires: ranges are not empty, do not overlap, and are multiples of 2^order_per_bit pages.
  CmaArea(std::string name, std::vector<PfnRange> ranges, Order order_per_bit,
          const CmaRules& rules, Place caller = Place::here())
      : name_{std::move(name)}, order_per_bit_{order_per_bit}, rules_{rules} {
    const ReportedCall call{"CmaArea", caller, {}, order_per_bit};
    bug_on(ranges.empty() || ranges.size() > rules.most_ranges,
           "an area has a range, and not more than the kernel allows", call);
    std::ranges::sort(ranges, {}, &PfnRange::start);
    for (const PfnRange& range : ranges) {
      bug_on(range.empty(), "a range of an area is empty", call);
      bug_on(!range.start.is_aligned(order_per_bit) || !range.end.is_aligned(order_per_bit),
             "a range of an area is no multiple of a bit's pages", call);
      bug_on(!ranges_.empty() && range.start < ranges_.back().pages.end,
             "ranges of an area overlap", call);
      ranges_.push_back({range, CmaBitmap{range.nr_pages() >> order_per_bit.value()}});
    }
  }

  /// Returns the area's name.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Returns the pages that a bit stands for, as an order.
  [[nodiscard]] Order order_per_bit() const { return order_per_bit_; }
  /// Returns the rules of its kernel.
  [[nodiscard]] const CmaRules& rules() const { return rules_; }
  /// Returns its ranges, in order.
  [[nodiscard]] const std::vector<CmaRange>& ranges() const { return ranges_; }
  /// Returns what was counted.
  [[nodiscard]] const CmaStatistics& statistics() const { return statistics_; }

  /// Returns from the first to the last page, with what is between ranges.
  [[nodiscard]] PfnRange span() const {
    if (ranges_.empty()) return {};
    return {ranges_.front().pages.start, ranges_.back().pages.end};
  }

  /// Returns the pages of all ranges.
  [[nodiscard]] std::uint64_t nr_pages() const {
    std::uint64_t sum = 0;
    for (const CmaRange& range : ranges_) sum += range.pages.nr_pages();
    return sum;
  }
  /// Returns the pages that nobody has asked for; movable requests may be using them.
  [[nodiscard]] std::uint64_t nr_available() const {
    std::uint64_t used = 0;
    for (const CmaRange& range : ranges_) used += range.bitmap.weight() << order_per_bit_.value();
    return nr_pages() - used;
  }

  /// Returns the pages that nobody has, in rows, counted from the start of range number @p range.
  [[nodiscard]] std::vector<CmaRun> available_runs(std::size_t range = 0) const {
    std::vector<CmaRun> runs;
    const CmaBitmap& bitmap = ranges_[range].bitmap;
    for (std::uint64_t bit = bitmap.find_next(0, false); bit < bitmap.size();) {
      const std::uint64_t end = bitmap.find_next(bit, true);
      runs.push_back({bit << order_per_bit_.value(), (end - bit) << order_per_bit_.value()});
      bit = bitmap.find_next(end, false);
    }
    return runs;
  }

  /// Returns the range that has these pages, or null.
  [[nodiscard]] CmaRange* range_of(const PfnRange& pages) {
    const auto found = std::ranges::find_if(ranges_, [&](const CmaRange& range) {
      return range.pages.start <= pages.start && pages.end <= range.pages.end;
    });
    return found == ranges_.end() ? nullptr : &*found;
  }

  /// Gives the area up: it has no pages any more.
  void clear() { ranges_.clear(); }

  // For what follows.

  [[nodiscard]] std::vector<CmaRange>& ranges() { return ranges_; }
  [[nodiscard]] CmaStatistics& statistics() { return statistics_; }
  [[nodiscard]] std::uint64_t bits_for(std::uint64_t pages) const {
    return (pages + order_per_bit_.nr_pages() - 1) >> order_per_bit_.value();
  }

  friend bool operator==(const CmaArea&, const CmaArea&) = default;

 private:
  std::string name_;
  Order order_per_bit_;
  CmaRules rules_;
  std::vector<CmaRange> ranges_;
  CmaStatistics statistics_{};
};

namespace detail {

// Tries the places of a range, from the first up: behind a busy one the search goes on at the next
// multiple of the alignment, so that without one a page in the way is met again and again.
// Kernel: cma_range_alloc() (v6.15), the loop of cma_alloc() before.
template <typename AllocRange, typename TellBusy>
Status alloc_in_range(const CmaArea& area, CmaRange& range, std::uint64_t count, Order align,
                      AllocRange alloc_range, TellBusy tell_busy, OptionalPfn& last) {
  const unsigned shift = area.order_per_bit().value();
  const std::uint64_t mask = align > area.order_per_bit() ? (align.nr_pages() >> shift) - 1 : 0;
  const std::uint64_t offset = (range.pages.start.value() & (align.nr_pages() - 1)) >> shift;
  const std::uint64_t bits = area.bits_for(count);
  const bool counts_first = area.rules().most_ranges > 1;
  Status ret = area.rules().no_place == NoPlace::busy ? -Err::busy : -Err::nomem;
  for (std::uint64_t start = 0;;) {
    if (counts_first && count > area.nr_available()) return ret;
    const auto place = range.bitmap.find_next_zero_area(start, bits, mask, offset);
    if (!place) return area.rules().no_place == NoPlace::no_memory ? -Err::nomem : ret;
    const Pfn pfn = range.pages.start + (*place << shift);
    range.bitmap.set(*place, bits, true);
    last = pfn;
    ret = alloc_range(PfnRange{pfn, pfn + count});
    if (ret == ok) return ok;
    range.bitmap.set(*place, bits, false);
    if (ret != -Err::busy) return ret;
    tell_busy(pfn);
    start = *place + mask + 1;
  }
}

}  // namespace detail

/// Allocates @p count pages in a row from @p area, at a multiple of 2^align pages: the first place that
/// nobody has and that can be emptied. @p pages knows what moves. With @p attempt every place that was
/// tried is recorded, and why it was refused.
/// Requires: the area is activated; its pages are of one zone of @p memory; cpu < nr_cpus.
/// Returns:  the first page; or nothing, and then the status of the attempt: -EBUSY, all places are busy;
///           -ENOMEM, no place is free, or there is no memory for copies. v3.6 says -ENOMEM for both of the
///           former, v7.2 -EBUSY.
/// Locking, throws: as alloc_contig_range(). The tracer of the zone with the area's first page sees the
///           request, each place that is busy, and what came of it.
/// Kernel:   cma_alloc().
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] OptionalPfn cma_alloc(M& memory, Cpu cpu, CmaArea& area, std::uint64_t count,
                                    Order align = Order{0}, Pages&& pages = {},
                                    Attempt* attempt = nullptr, Place caller = Place::here()) {
  const ReportedCall call{"cma_alloc", caller, {}, align};
  bug_on(align > Order{31}, "nothing is aligned so far", call);
  Attempt unwanted;
  Attempt& record = attempt != nullptr ? *attempt : unwanted;
  record = {.what = area.name(), .range = area.span()};
  record.status = -Err::inval;
  record.stage = AttemptStage::arguments;
  if (count == 0 || area.ranges().empty()) return {};
  align = std::min(align, Order{area.rules().most_align});
  auto* const traced = detail::zone_with(memory, area.span().start);
  const auto tell = [&](const auto& event) {
    if (traced != nullptr) traced->trace(event);
  };
  tell(trace::CmaAllocStart{area.name(), count, align, cpu});
  OptionalPfn last;
  Status ret = -Err::nomem;
  const auto alloc_range = [&](const PfnRange& place) {
    return detail::try_contig_range(memory, cpu, place, MigrateType::cma, pages, attempt, false,
                                    {"alloc_contig_range", caller, place.start});
  };
  const auto tell_busy = [&](Pfn pfn) {
    tell(trace::CmaAllocBusyRetry{area.name(), pfn, count, align, cpu});
  };
  for (CmaRange& range : area.ranges()) {
    ret = detail::alloc_in_range(area, range, count, align, alloc_range, tell_busy, last);
    if (ret != -Err::busy) break;
  }
  tell(trace::CmaAllocFinish{area.name(), last, count, align, ret, cpu});
  record.status = ret;
  CmaStatistics& statistics = area.statistics();
  if (ret == ok) {
    record.stage = AttemptStage::done;
    ++statistics.alloc_success;
    statistics.pages_succeeded += count;
    return last;
  }
  const bool was_tried = !record.candidates.empty();
  record.stage = was_tried ? record.candidates.back().stage : AttemptStage::place;
  ++statistics.alloc_fail;
  statistics.pages_failed += count;
  return {};
}

/// Gives @p count pages from @p pfn back, all or a part of what was allocated.
/// Returns:  whether they are the area's; if not, nothing has happened.
/// Requires: they are in use; cpu < nr_cpus. Locking, throws: as free_contig_range(). (v7.2 frees them in
///           large chunks.)
/// Kernel:   cma_release().
template <Memory M>
bool cma_release(M& memory, Cpu cpu, CmaArea& area, Pfn pfn, std::uint64_t count,
                 Place caller = Place::here()) {
  const ReportedCall call{"cma_release", caller, pfn};
  CmaRange* const range = area.range_of({pfn, pfn + count});
  if (range == nullptr || count == 0) return false;
  auto* const zone = detail::zone_with(memory, pfn);
  bug_on(zone == nullptr, "no zone has these pages", call);
  free_contig_range(*zone, cpu, pfn, count, caller);
  const unsigned shift = area.order_per_bit().value();
  range->bitmap.set((pfn - range->pages.start) >> shift, area.bits_for(count), false);
  area.statistics().pages_released += count;
  zone->trace(trace::CmaRelease{area.name(), pfn, count, cpu});
  return true;
}

}  // namespace pageblock
