// SPDX-License-Identifier: MIT
/// Freeing many pages together.
///
/// Layer:  mm.
/// Kernel: free_unref_page_list(), free_unref_folios() (mm/page_alloc.c), release_pages() (mm/swap.c).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/free_checks.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Drops the last reference to each of @p pages, and frees them: first those of isolated blocks, to the
/// buddy lists, then the others to the lists of @p cpu, in this order.
/// Requires: the pages are in the zone, none twice, each held by one holder; cpu < zone.nr_cpus().
/// Returns:  how many are free now; those that fail the check are lost.
/// Locking:  the CPU's lock, and zone.lock inside it. Throws std::bad_alloc, and then nothing has
///           changed.
template <ZoneConfig Config>
std::size_t free_unref_page_list(
    Zone<Config>& zone, Cpu cpu, std::span<const Pfn> pages,
    Place caller = Place::here()) requires(Config::semantics.batch_free == BatchFree::pages) {
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  for (const Pfn pfn : pages) {
    const ReportedCall call{"free_unref_page_list", caller, pfn};
    bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
    bug_on(zone.memmap().count(pfn) != 1, "the page is not held by one holder", call);
    detail::check_order<Config>(zone.memmap().bits(pfn), Order{0}, call);
  }
  const IrqSaveGuard pcp_guard{zone.pcp_lock(cpu)};
  std::vector<Pfn> waiting;
  waiting.reserve(pages.size());
  for (const MigrateType type : pcp_types) pcp.list(type).reserve(pages.size());
  std::size_t nr_freed = 0;
  {
    const IrqSaveGuard guard{zone.lock()};
    Memmap<Config>& map = zone.memmap();
    for (const Pfn pfn : pages) {
      const MigrateType type = zone.pageblock_flags().get(pfn);
      PageBits unused = map.bits(pfn).released();
      if (!Config::debug_vm && !Config::semantics.pcp_checks_first_page) {
        unused = unused.without(PageBits::lru | PageBits::reserved);
      }
      zone.trace(trace::MmPageFree{pfn, Order{0}, cpu});
      map.set_bits(pfn, unused.with_private(number_of<Config>(type)));
      if (unused.has(detail::bad_page)) {
        zone.trace(trace::BadPage{pfn});
      } else if (type == MigrateType::isolate) {
        detail::free_one_page(zone, pfn, Order{0}, type);
        zone.trace(trace::MmPageFreeZoneLocked{pfn, Order{0}, type});
        ++nr_freed;
      } else {
        waiting.push_back(pfn);
      }
    }
  }
  for (const Pfn pfn : waiting) {
    const unsigned number = zone.memmap().bits(pfn).unused_private();
    const MigrateType type = Config::semantics.migratetypes[number];
    zone.trace(trace::MmPageFreeBatched{pfn, cpu});
    PcpList& list = pcp.list_to_free_to(type, Order{0});
    detail::add_to_pcp(zone, pcp, list, pfn, Order{0}, type, Temperature::hot);
  }
  return nr_freed + waiting.size();
}

/// The most folios that free_unref_folios() takes (PAGEVEC_SIZE).
inline constexpr std::size_t most_folios_at_once = 31;

/// Drops the last reference to each of @p folios, single pages and compound pages by their first, and frees
/// them: first those of orders that have no per-CPU lists, then the others in this order, to the lists of
/// @p cpu, or to the buddy lists if their block is isolated.
/// Requires: they are in the zone, none twice, each held by one holder; most_folios_at_once or fewer;
///           cpu < zone.nr_cpus().
/// Returns:  how many are free now; those that fail the check are lost.
/// Locking:  the CPU's lock, and zone.lock inside it. Throws std::bad_alloc, and then nothing has
///           changed.
/// Kernel:   free_unref_folios() (v6.9).
template <ZoneConfig Config>
std::size_t free_unref_folios(Zone<Config>& zone, Cpu cpu, std::span<const Pfn> folios,
                              Place caller = Place::here()) requires(Config::semantics.batch_free ==
                                                                     BatchFree::folios) {
  struct Folio {
    Pfn pfn;
    Order order{0};
  };
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  Memmap<Config>& map = zone.memmap();
  bug_on(folios.size() > most_folios_at_once, "more folios than the kernel takes at once",
         ReportedCall{"free_unref_folios", caller});
  const IrqSaveGuard pcp_guard{zone.pcp_lock(cpu)};
  std::vector<Folio> waiting;
  waiting.reserve(folios.size());
  for (const Pfn pfn : folios) {
    const ReportedCall call{"free_unref_folios", caller, pfn};
    bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
    bug_on(map.count(pfn) != 1, "the page is not held by one holder", call);
    if (!map.bits(pfn).has(PageBits::compound)) {
      detail::check_order<Config>(map.bits(pfn), Order{0}, call);
    }
  }
  for (PcpList& list : pcp.lists) list.reserve(folios.size());

  std::size_t nr_freed = 0;
  {
    const IrqSaveGuard guard{zone.lock()};
    for (const Pfn pfn : folios) {
      const PageBits bits = map.bits(pfn);
      const Order order = bits.has(PageBits::compound) ? bits.order() : Order{0};
      const PageBits unused = bits.released();
      zone.trace(trace::MmPageFree{pfn, order, cpu});
      map.set_bits(pfn, unused);
      if (unused.has(detail::bad_page) || map.tail_has(map.index(pfn), order, detail::bad_page)) {
        const ReportedCall call{"free_unref_folios", caller, pfn, order};
        detail::count_bad_pages(zone, pfn, order, call);
        continue;
      }
      ++nr_freed;
      if (PerCpuPages<Config>::has_lists(order)) {
        waiting.push_back({pfn, order});
      } else {
        const MigrateType type = detail::free_chunk(zone, pfn, order);
        zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
      }
    }
  }
  for (const auto& [pfn, order] : waiting) {
    const MigrateType type = zone.pageblock_flags().get(pfn);
    if (type == MigrateType::isolate) {
      detail::free_isolated_page(zone, pfn, order);
      continue;
    }
    zone.trace(trace::MmPageFreeBatched{pfn, cpu});
    detail::add_to_pcp(zone, pcp, pcp.list_to_free_to(type, order), pfn, order, type,
                       Temperature::hot);
  }
  return nr_freed;
}

}  // namespace pageblock
