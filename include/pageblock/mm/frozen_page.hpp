// SPDX-License-Identifier: MIT
/// Pages that are in use although nobody counts who holds them, as those of slab since v6.14.
///
/// A search for unmovable pages does not see such a page, since its count is 0; the test of isolated pages stops
/// at it, since it is not free. So its block can be isolated, and never becomes empty. (Of a slab of several pages
/// the search sees that they belong together: to the model it is an allocation as any other.)
///
/// Layer:  mm.
/// Kernel: alloc_frozen_pages(), free_frozen_pages() (mm/page_alloc.c), v6.14, of single pages.
#pragma once

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Kernels in which pages can be in use without a count: v6.14 and later.
template <typename Config>
concept FreezesPagesSinceV6_14 = Config::semantics.freezes_slab;

/// Takes the count of a single page, which stays its owner's.
/// Requires: the page is in use, by one holder, and no compound page.
/// Locking:  takes zone.lock (the kernel needs none, since the page is the caller's).
template <ZoneConfig Config>
void freeze_page(Zone<Config>& zone, Pfn pfn,
                 Place caller = Place::here()) requires FreezesPagesSinceV6_14<Config> {
  const ReportedCall call{"freeze_page", caller, pfn};
  const IrqSaveGuard guard{zone.lock()};
  bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
  const PageBits bits = zone.memmap().bits(pfn);
  bug_on(zone.memmap().count(pfn) != 1 || bits.has(PageBits::compound | PageBits::lru),
         "not a single page of one holder", call);
  detail::check_order<Config>(bits, Order{0}, call);
  zone.memmap().set_bits(pfn, bits.released());
}

/// Allocates a single page without a count.
/// Requires, returns, locking, throws: as alloc_pages() of a zone.
template <ZoneConfig Config>
[[nodiscard]] OptionalPfn alloc_frozen_page(Zone<Config>& zone, Cpu cpu, MigrateType type,
                                            Place caller = Place::here()) requires
    FreezesPagesSinceV6_14<Config> {
  const auto page = alloc_pages(zone, cpu, Order{0}, type, Temperature::hot, caller);
  if (!page) return {};
  freeze_page(zone, page->pfn(), caller);
  return page->pfn();
}

/// Frees a single page without a count.
/// Requires: freeze_page() or alloc_frozen_page() has given it; cpu < zone.nr_cpus(). (That it has been freed
///           since is noticed of the head of a free chunk only.)
/// Returns, locking, throws: as free_pages() of a zone.
template <ZoneConfig Config>
FreeResult free_frozen_page(Zone<Config>& zone, Cpu cpu, Pfn pfn,
                            Place caller = Place::here()) requires FreezesPagesSinceV6_14<Config> {
  const ReportedCall call{"free_frozen_page", caller, pfn};
  {
    const IrqSaveGuard guard{zone.lock()};
    bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
    const PageBits bits = zone.memmap().bits(pfn);
    bug_on(bits.has(PageBits::in_use | PageBits::buddy), "the page is counted, or free", call);
    zone.memmap().set_bits(pfn, bits.with(PageBits::in_use));
  }
  return free_pages(zone, cpu, pfn, Order{0}, Temperature::hot, caller);
}

}  // namespace pageblock
