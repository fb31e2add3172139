// SPDX-License-Identifier: MIT
/// References to pages, and whether they are on an LRU list.
///
/// Layer:  mm.
/// Kernel: get_page(), put_page() (mm/swap.c), SetPageLRU().
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Takes a reference to a page.
/// Requires: the page is valid and in use.
/// Locking:  takes zone.lock.
/// Kernel:   get_page().
template <ZoneConfig Config>
void get_page(Zone<Config>& zone, Pfn pfn, Place caller = Place::here()) {
  const ReportedCall call{"get_page", caller, pfn};
  const IrqSaveGuard guard{zone.lock()};
  bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
  bug_on(zone.memmap().count(pfn) == 0, "nobody holds the page", call);
  bug_on(zone.memmap().count(pfn) == ~std::uint32_t{0}, "the page has too many references", call);
  zone.memmap().slot(zone.memmap().index(pfn)).get();
}

/// Puts a page on the LRU lists or takes it off: pages there are movable, and must be taken off
/// before they are freed. Of a compound page all pages are seen there.
/// Requires: the page is valid and in no free chunk. (That it is on a per-CPU list is not noticed.)
/// Locking:  takes zone.lock.
/// Kernel:   SetPageLRU(), ClearPageLRU().
template <ZoneConfig Config>
void set_page_lru(Zone<Config>& zone, Pfn pfn, bool lru, Place caller = Place::here()) {
  const ReportedCall call{"set_page_lru", caller, pfn};
  const IrqSaveGuard guard{zone.lock()};
  bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
  const PageBits bits = zone.memmap().bits(pfn);
  bug_on(zone.memmap().free_chunk_of(pfn).has_value(), "the page is free", call);
  const Order order = bits.has(PageBits::compound) ? bits.order() : Order{0};
  zone.memmap().transform(pfn, pfn + order.nr_pages(), [lru](PageBits page) {
    return lru ? page.with(PageBits::lru) : page.without(PageBits::lru);
  });
}

namespace detail {

// Kernel: __put_compound_page(). Only the last holder takes it off the LRU.
template <ZoneConfig Config>
[[gnu::noinline]] FreeResult put_compound_page(Zone<Config>& zone, Cpu cpu, Pfn pfn, Place caller) {
  const PageBits bits = zone.memmap().bits(pfn);
  if (bits.has(PageBits::lru) && zone.memmap().count(pfn) == 1) set_page_lru(zone, pfn, false);
  return free_pages(zone, cpu, pfn, bits.order(), Temperature::hot, caller);
}

}  // namespace detail

/// Drops a reference to a single page, or to a compound page by its first; the last one takes it off
/// the LRU and frees it, hot.
/// Requires: the page is valid and in use; cpu < zone.nr_cpus(). Throws std::bad_alloc.
/// Locking:  as free_pages() of order 0.
/// Kernel:   put_page().
template <ZoneConfig Config>
FreeResult put_page(Zone<Config>& zone, Cpu cpu, Pfn pfn, Place caller = Place::here()) {
  if constexpr (detail::has_compound_pages<Config>) {
    if (zone.is_valid(pfn) && zone.memmap().bits(pfn).has(PageBits::compound)) [[unlikely]]
      return detail::put_compound_page(zone, cpu, pfn, caller);
  }
  return detail::free_to_pcp(zone, cpu, pfn, Order{0}, Temperature::hot, caller, PageBits::lru);
}

}  // namespace pageblock
