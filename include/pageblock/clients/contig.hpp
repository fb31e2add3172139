// SPDX-License-Identifier: MIT
/// Contiguous ranges: isolate, empty, grab, give back.
///
/// Layer:  clients.
/// Kernel: alloc_contig_range(), free_contig_range() (mm/page_alloc.c, CONFIG_CMA).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// Returns whether [start, end) has pages that would have to be migrated. Kernel: what
// isolate_migratepages_range() finds for __alloc_contig_migrate_range().
template <ZoneConfig Config>
[[nodiscard]] bool has_lru_pages(const Zone<Config>& zone, Pfn start, Pfn end) {
  const Pfn from = std::max(start, zone.start_pfn());
  const Pfn to = std::min(end, zone.end_pfn());
  if (from >= to) return false;
  return zone.memmap().find_if(from, to, [](PageBits bits) {
    return bits.has(PageBits::in_use) && bits.has(PageBits::lru);
  }) != to;
}

// Takes the free chunks of [start, end) as single pages. Returns the end of the last one, or
// nothing if something stood in the way; then all is given back. Kernel: isolate_freepages_range().
template <ZoneConfig Config>
std::optional<Pfn> isolate_freepages_range(Zone<Config>& zone, Cpu cpu, Pfn start, Pfn end) {
  Pfn pfn = start;
  while (pfn < end && zone.is_valid(pfn) && zone.memmap().bits(pfn).has(PageBits::buddy)) {
    const std::uint64_t pages = split_free_page(zone, pfn);
    if (pages == 0) break;
    pfn += pages;
  }
  if (pfn >= end) return pfn;
  while (pfn > start) free_pages(zone, cpu, pfn = pfn - 1, Order{0});  // the last one first
  return std::nullopt;
}

// Returns the first page of the free chunk that a range begins in. v3.6 takes the first head that it
// finds below, which need not reach start; then the test refuses (a defect). v6.1 takes start then.
template <ZoneConfig Config>
std::optional<Pfn> outer_start_of(const Zone<Config>& zone, Pfn start) {
  if constexpr (Config::semantics.contig_start_covers) {
    return zone.memmap().free_chunk_of(start).value_or(start);
  }
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    const Pfn pfn = start.align_down(order);
    if (zone.is_valid(pfn) && zone.memmap().bits(pfn).has(PageBits::buddy)) return pfn;
  }
  return std::nullopt;
}

}  // namespace detail

/// Drops one reference to each of @p nr_pages pages from @p pfn upward, hot, on @p cpu.
/// Throws std::bad_alloc.
/// Requires: all these pages are valid and in use; cpu < zone.nr_cpus().
/// Locking:  as free_pages().
template <ZoneConfig Config>
void free_contig_range(Zone<Config>& zone, Cpu cpu, Pfn pfn, std::uint64_t nr_pages,
                       Place caller = Place::here()) {
  const ReportedCall call{"free_contig_range", caller, pfn};
  const Pfn end = pfn + nr_pages;
  bug_on(end < pfn || pfn < zone.start_pfn() || end > zone.end_pfn(), "the range leaves the zone",
         call);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  const auto is_unused = [](PageBits bits) { return !bits.has(PageBits::in_use); };
  bug_on(zone.memmap().find_if(pfn, end, is_unused) != end, "a page of the range is not in use",
         call);
  for (; pfn < end; ++pfn) free_pages(zone, cpu, pfn, Order{0}, Temperature::hot, caller);
}

/// Allocates exactly the pages of [start_pfn, end_pfn), each with count 1. Nothing is migrated: a
/// page on the LRU in the range is a refusal. The blocks around the range, rounded to the larger of
/// the largest chunk and the pageblock, are isolated meanwhile; whether it succeeds or not, those
/// of them that are isolated at the end get type @p type, also if they had another or somebody else
/// had isolated them (a defect of v3.6, and again of v6.1). v6.1 rounds to pageblocks only, and
/// splits free chunks that reach across that. Throws std::bad_alloc; the blocks are given back, and
/// pages that were already taken stay in use.
/// Requires: start_pfn < end_pfn, both in the zone; cpu < zone.nr_cpus().
/// Returns:  ok; or -EBUSY: a block is unmovable, a page in use, or the low watermark in danger.
/// Locking:  takes the locks of the functions it is made of, one after the other.
template <ZoneConfig Config>
[[nodiscard]] Status alloc_contig_range(Zone<Config>& zone, Cpu cpu, Pfn start_pfn, Pfn end_pfn,
                                        MigrateType type, Place caller = Place::here()) {
  const ReportedCall call{"alloc_contig_range", caller, start_pfn};
  constexpr Order granule = Config::semantics.contig_granule == ContigGranule::largest_chunk
                                ? std::max(Zone<Config>::top_order, Zone<Config>::pageblock_order)
                                : Zone<Config>::pageblock_order;
  bug_on(end_pfn <= start_pfn, "the range is empty", call);
  bug_on(!zone.spans(start_pfn) || !zone.spans(end_pfn - 1), "the range leaves the zone", call);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);

  const auto grab = [&]() -> Status {
    // Kernel: __alloc_contig_migrate_range(), lru_add_drain_all().
    if (Config::semantics.contig_refuses_lru && detail::has_lru_pages(zone, start_pfn, end_pfn)) {
      return -Err::busy;
    }
    drain_all_pages(zone);  // what others have freed since the blocks were isolated

    const auto outer_start = detail::outer_start_of(zone, start_pfn);
    if (!outer_start) return -Err::busy;
    if (test_pages_isolated(zone, *outer_start, end_pfn) != ok) return -Err::busy;
    // Kernel: __reclaim_pages() to make up for what is taken; not modelled.
    const auto outer_end = detail::isolate_freepages_range(zone, cpu, *outer_start, end_pfn);
    if (!outer_end) return -Err::busy;
    free_contig_range(zone, cpu, *outer_start, start_pfn - *outer_start);
    free_contig_range(zone, cpu, end_pfn, *outer_end - end_pfn);
    return ok;
  };

  // Kernel: pfn_max_align_down(), pfn_max_align_up().
  const Pfn aligned_start = start_pfn.align_down(granule);
  const Pfn aligned_end = end_pfn.align_up(granule);
  Status ret = ok;
  try {
    ret = start_isolate_page_range(zone, aligned_start, aligned_end, type);
    if (ret == ok) ret = grab();
  } catch (...) {  // of a notifier, or std::bad_alloc
    static_cast<void>(undo_isolate_page_range(zone, aligned_start, aligned_end, type));
    throw;
  }
  const Status undone = undo_isolate_page_range(zone, aligned_start, aligned_end, type);
  return ret == ok ? undone : ret;
}

}  // namespace pageblock
