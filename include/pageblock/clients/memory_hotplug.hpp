/// Taking memory offline.
///
/// Layer:  clients.
/// Kernel: __offline_isolated_pages() (mm/page_alloc.c, CONFIG_MEMORY_HOTREMOVE).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Takes the free chunks of [start_pfn, end_pfn) off their lists for good: their pages become
/// reserved, with count 0. A chunk that reaches beyond the end goes as a whole. pfns without memory
/// are skipped. Throws std::bad_alloc.
/// Requires: every valid page in the range belongs to a free chunk that begins in it.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
void offline_isolated_pages(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  const auto for_each_chunk = [&](auto visit) {
    const Pfn end = std::min(end_pfn, zone.end_pfn());
    for (Pfn pfn = std::max(start_pfn, zone.start_pfn()); pfn < end;) {
      const PageBits bits = map.bits(pfn);
      pfn += bits.is_valid() ? visit(pfn, bits) : 1;
    }
  };
  for_each_chunk([&](Pfn pfn, PageBits bits) {
    bug_on(!bits.has(PageBits::buddy), "a page of the range is not free");
    if (bits.order() < Zone<Config>::pageblock_order) map.make_records(pfn);  // may throw
    return bits.order().nr_pages();
  });
  for_each_chunk([&](Pfn pfn, PageBits bits) {
    const std::uint64_t pages = bits.order().nr_pages();
    zone.free_area().del(map, pfn);
    zone.mod_nr_free_pages(-static_cast<std::int64_t>(pages));
    map.transform(pfn, pfn + pages, [](PageBits page) { return page.with(PageBits::reserved); });
    return pages;
  });
}

}  // namespace pageblock
