// SPDX-License-Identifier: MIT
/// The step at which memory that is empty goes offline.
///
/// Layer:  clients.
/// Kernel: __offline_isolated_pages() (mm/page_alloc.c, CONFIG_MEMORY_HOTREMOVE).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Takes the free chunks of [start_pfn, end_pfn) off their lists for good. In v3.6 their pages become
/// reserved, with count 0; in v6.1 they are holes, and so are pages that a driver has taken
/// (PageBits::offline), which need not be free. A chunk that reaches beyond the end leaves its list as a
/// whole: in v3.6 all of it goes, in v6.1 what is beyond stays memory that is on no list.
/// pfns without memory are skipped.
/// Requires: every other valid page in the range belongs to a free chunk that begins in it.
/// Returns:  the pfn behind the last page that left the lists, or the range's end.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
Pfn offline_isolated_pages(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  constexpr bool leaves_holes = Config::semantics.offline_leaves == OfflineLeaves::holes;
  const auto for_each_chunk = [&](auto visit) {
    const Pfn end = std::min(end_pfn, zone.end_pfn());
    for (Pfn pfn = std::max(start_pfn, zone.start_pfn()); pfn < end;) {
      const PageBits bits = map.bits(pfn);
      const bool is_skipped = !bits.is_valid() || (leaves_holes && bits.has(PageBits::offline));
      pfn += is_skipped ? 1 : visit(pfn, bits);
    }
  };
  Pfn behind = end_pfn;
  for_each_chunk([](Pfn, PageBits bits) {
    bug_on(!bits.has(PageBits::buddy), "a page of the range is not free");
    return bits.order().nr_pages();
  });
  for_each_chunk([&](Pfn pfn, PageBits bits) {
    const std::uint64_t pages = bits.order().nr_pages();
    zone.free_area().del(map, pfn);
    if (Config::semantics.counts_isolated) {
      zone.mod_nr_free_pages(-static_cast<std::int64_t>(pages));
    }
    if constexpr (!leaves_holes) {
      map.transform(pfn, pfn + pages, [](PageBits page) { return page.with(PageBits::reserved); });
      zone.mod_managed_pages(-static_cast<std::int64_t>(pages));
    }
    behind = std::max(behind, pfn + pages);
    return pages;
  });
  if constexpr (leaves_holes) {
    const Pfn end = std::min(end_pfn, zone.end_pfn());
    map.transform(std::max(start_pfn, zone.start_pfn()), end,
                  [](PageBits) { return PageBits{PageBits::hole}; });
  }
  return behind;
}

namespace detail {

// Counts isolated blocks and pages that come or go with a range.
template <ZoneConfig Config>
void mod_memory(Zone<Config>& zone, const PfnRange& range, int sign) {
  const std::int64_t change = sign * static_cast<std::int64_t>(range.nr_pages());
  const IrqSaveGuard guard{zone.lock()};
  // Without a look at the blocks: if somebody has given one back meanwhile, it is counted twice.
  zone.mod_nr_pageblock_isolate(change >> Config::pageblock_order);
  zone.mod_present_pages(change);
  zone.mod_managed_pages(change);
}

// What both directions ask of a range: whole blocks of the zone. Sections are not modelled.
template <ZoneConfig Config>
[[nodiscard]] bool is_hotplug_range(const Zone<Config>& zone, Pfn start_pfn,
                                    std::uint64_t nr_pages) {
  const Pfn end = start_pfn + nr_pages;
  return nr_pages != 0 && start_pfn < end && Zone<Config>::is_block_aligned(start_pfn, end) &&
         zone.room().start <= start_pfn && end <= zone.room().end;
}

// The span grows to memory that comes. Kernel: resize_zone_range().
template <ZoneConfig Config>
void grow_zone_span(Zone<Config>& zone, const PfnRange& range) {
  if (zone.spanned_pages() == 0) return zone.set_span(range);
  zone.set_span({std::min(zone.start_pfn(), range.start), std::max(zone.end_pfn(), range.end)});
}

}  // namespace detail

/// Takes memory that has gone, [start_pfn, end_pfn), out of a zone's span if it was at one of its ends: the
/// span then begins or ends with the next pageblock whose first page, or last page, is memory. Without any it
/// is empty. Behind an end a zone has no pages, so it is no longer asked there, as by alloc_contig_pages().
/// Requires: there is no memory in the range, and no thread shares the zone.
/// Kernel:   shrink_zone_span() (v5.5), in steps of 2 MiB.
template <ZoneConfig Config>
void shrink_zone_span(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  constexpr std::uint64_t step = Zone<Config>::pageblock_nr_pages;
  Pfn start = zone.start_pfn();
  Pfn end = zone.end_pfn();
  if (start_pfn == start) {
    for (start = end_pfn; start < end && !zone.is_valid(start); start += step) continue;
    zone.set_span(start < end ? PfnRange{start, end} : PfnRange{});
  } else if (end_pfn == end) {
    for (end = start_pfn; start < end && !zone.is_valid(end - 1);) {
      end = end - start <= step ? start : end - step;
    }
    zone.set_span(start < end ? PfnRange{start, end} : PfnRange{});
  }
}

}  // namespace pageblock
