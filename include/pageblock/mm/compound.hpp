// SPDX-License-Identifier: MIT
/// Allocations of several pages that are one page to their users.
///
/// Layer:  mm.
/// Kernel: prep_compound_page(), compound_head(), compound_order() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Makes an allocated chunk a compound page, as __GFP_COMP asks: references to it count as one, the last
/// free gives all of it back, and it is on an LRU list as a whole. Order 0 stays as it is.
/// Requires: as split_page(); nobody else has a reference.
/// Locking:  takes zone.lock (the kernel needs none, since the pages are the caller's).
template <ZoneConfig Config>
void prep_compound_page(Zone<Config>& zone, Pfn pfn, Order order,
                        Place caller = Place::here()) requires(detail::has_compound_pages<Config>) {
  const ReportedCall call{"prep_compound_page", caller, pfn, order};
  detail::check_chunk(zone, pfn, order, [&] { return call; });
  if (order == Order{0}) return;
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  const PageBits bits = map.bits(pfn);
  detail::check_order<Config>(bits, order, call);
  bug_on(!bits.has(PageBits::in_use), "the chunk is not allocated", call);
  bug_on(map.count(pfn) != 1, "the chunk has several holders", call);
  bug_on(map.tail_has(map.index(pfn), order, PageBits::in_use | PageBits::buddy | PageBits::hole),
         "the chunk is smaller than that", call);
  map.set_bits(pfn, PageBits::allocation(order).with(bits.meaning().raw() | PageBits::compound));
}

/// Returns the head of the compound page that @p pfn is of, if there is one.
/// Locking: the caller sees to it that it stays.
/// Kernel:  compound_head().
template <ZoneConfig Config>
[[nodiscard]] OptionalPfn compound_head(const Zone<Config>& zone, Pfn pfn) {
  // The pages behind a head are neither in use by themselves nor free.
  const PageBits own = zone.memmap().bits(pfn);
  if (own.has(PageBits::in_use | PageBits::buddy) && !own.has(PageBits::compound)) return {};
  const Pfn base = zone.memmap().base();
  Pfn head = pfn;
  // Above the largest chunk there is less and less to look at, and nothing once it is the first page.
  for (Order order{0}; order <= detail::largest_order<Config>; ++order) {
    if (order > Zone<Config>::top_order && head == base) break;
    head = pfn.align_down(order);
    if (head < base) break;
    const PageBits bits = zone.memmap().bits(head);
    if (bits.has(PageBits::compound) && bits.order() >= order) return head;
  }
  return {};
}

}  // namespace pageblock
