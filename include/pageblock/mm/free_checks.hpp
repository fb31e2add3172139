// SPDX-License-Identifier: MIT
/// What a free must not be given.
///
/// Layer:  mm.
/// Kernel: free_pages_check(), bad_page(), and what VM_BUG_ON asks (mm/page_alloc.c).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// What a page must not be when it is freed.
inline constexpr unsigned bad_page =
    PageBits::lru | PageBits::reserved | PageBits::in_use | PageBits::buddy;

// Counts and reports the pages of a chunk that must not be freed.
// Kernel: free_pages_check(), bad_page().
template <ZoneConfig Config>
[[gnu::noinline]] std::uint64_t count_bad_pages(Zone<Config>& zone, Pfn pfn, Order order,
                                                const ReportedCall& call) {
  const auto is_bad = [](PageBits bits) { return bits.has(bad_page); };
  const Pfn end = pfn + order.nr_pages();
  std::uint64_t nr_bad = 0;
  for (Pfn page = pfn; (page = zone.memmap().find_if(page, end, is_bad)) < end; ++page) {
    zone.trace(trace::BadPage{page});
    ++nr_bad;
  }
  warn_on(true, "a page is in use, free, reserved or on an LRU list: the chunk is lost", call);
  return nr_bad;
}

// Reports a chunk that cannot be one. Kernel: VM_BUG_ON, so only with Config::debug_vm, as below.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void check_chunk(const Zone<Config>& zone, Pfn pfn, Order order,
                                               const auto& call,
                                               Order largest = Zone<Config>::top_order) {
  if constexpr (!Config::debug_vm) return;
  bug_on(order > largest, "order is above the largest", call);
  bug_on(!pfn.is_aligned(order), "pfn is not a multiple of the chunk's size", call);
  bug_on(!zone.spans(pfn) || !zone.spans(pfn + (order.nr_pages() - 1)),
         "the chunk is not in the zone", call);
}

// Reports a chunk that nobody can hold, since some page of it is a hole.
template <ZoneConfig Config>
[[gnu::noinline]] void check_no_hole(const Zone<Config>& zone, Pfn pfn, Order order,
                                     const ReportedCall& call) {
  if constexpr (!Config::debug_vm) return;
  const auto is_hole = [](PageBits bits) { return !bits.is_valid(); };
  const Pfn end = pfn + order.nr_pages();
  bug_on(zone.memmap().find_if(pfn, end, is_hole) != end, "the chunk has a hole", call);
}

// Reports a chunk that is not in use, by what its first page says.
template <ZoneConfig Config>
void check_in_use(const Zone<Config>& zone, Pfn pfn, Order order, PageBits first,
                  const ReportedCall& call) {
  if constexpr (!Config::debug_vm) return;
  if (first.has(PageBits::in_use)) [[likely]]
    return;
  bug_on(!zone.spans(pfn), "the chunk is not in the zone", call);
  check_no_hole(zone, pfn, order, call);
  bug_on(true, "nobody holds the page: it is free already, or a tail", call);
}

// Reports a chunk that was allocated with another order, if that is remembered of its first page.
// Who has taken a reference need not know the order, and may free the first page alone, unless it is
// compound.
template <ZoneConfig Config>
void check_order(PageBits first, Order order, const ReportedCall& call) {
  if constexpr (!Config::checks_free_order) return;
  if (!first.is_sized() || first.order() == order) [[likely]]
    return;
  if (first.has(PageBits::shared) && !first.has(PageBits::compound) && order == Order{0}) return;
  bug({Severity::bug, "the chunk was allocated with another order", Place::here(), call,
       first.order()});
}

// Reports what a free must not be given, once it is not an allocation as it was handed out.
template <ZoneConfig Config>
[[gnu::noinline]] void check_free(const Zone<Config>& zone, Pfn pfn, Order order, PageBits first,
                                  bool has_odd_page, const ReportedCall& call) {
  check_in_use(zone, pfn, order, first, call);
  check_order<Config>(first, order, call);
  if (has_odd_page) check_no_hole(zone, pfn, order, call);
}

}  // namespace pageblock::detail
