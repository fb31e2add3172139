// SPDX-License-Identifier: MIT
/// Bringing memory online.
///
/// Layer:  clients.
/// Kernel: online_pages() (mm/memory_hotplug.c).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/offline_isolated_pages.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/clients/page_mover.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// Where there was no memory: the pages are freed in the largest chunks to the tails of the isolate lists,
// where nobody gets them, and then given back as movable.
template <ZoneConfig Config>
void online_in_chunks(Zone<Config>& zone, const PfnRange& range) {
  {
    const IrqSaveGuard guard{zone.lock()};
    zone.memmap().transform(range.start, range.end, [](PageBits) { return PageBits{}; });
    for (Pfn pfn = range.start; pfn < range.end; pfn += Zone<Config>::pageblock_nr_pages) {
      // Movable, and isolated: in later kernels that is a mark beside the type.
      set_pageblock_migratetype(zone, pfn, MigrateType::movable);
      zone.pageblock_flags().set(pfn, MigrateType::isolate);
    }
    for (Pfn pfn = range.start; pfn < range.end;) {
      Order order = pfn.max_aligned_order(Zone<Config>::top_order);
      while (range.end - pfn < order.nr_pages()) --order;
      free_chunk(zone, pfn, order, ListEnd::tail);
      pfn += order.nr_pages();
    }
  }
  mod_memory(zone, range, 1);
  static_cast<void>(give_range_back(zone, range.start, range.end, MigrateType::movable));
}

// Reserved pages are freed one by one, the lowest first: from the first on, anybody may get them.
template <ZoneConfig Config>
void online_page_by_page(Zone<Config>& zone, Cpu cpu, const PfnRange& range) {
  std::int64_t nr_pages = 0;
  for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
    if (!zone.is_valid(pfn)) continue;
    {
      const IrqSaveGuard guard{zone.lock()};
      zone.memmap().set_bits(pfn, PageBits{PageBits::in_use});
      zone.mod_managed_pages(1);
    }
    free_pages(zone, cpu, pfn, Order{0});
    ++nr_pages;
  }
  zone.mod_present_pages(nr_pages);
}

// Whether all of a range is offline.
template <ZoneConfig Config>
[[nodiscard]] bool is_offline(const Zone<Config>& zone, const PfnRange& range) {
  const auto is_online = [](PageBits bits) {
    constexpr bool leaves_holes = Config::semantics.offline_leaves == OfflineLeaves::holes;
    return bits.is_valid() && (leaves_holes || !bits.has(PageBits::reserved));
  };
  return zone.memmap().find_if(range.start, range.end, is_online) == range.end;
}

}  // namespace detail

/// Brings the pageblocks of [start_pfn, start_pfn + nr_pages), which are offline, online in @p zone. In v6.1
/// their pages are freed in the largest chunks to the tails of the isolate lists, where nobody gets them, and
/// then given back as movable. In v3.6 they are freed one by one, from the lowest up, and can be allocated from
/// the first on. Watermarks and the limits of per-CPU lists are the caller's.
/// Requires: options.cpu is one of the zone's.
/// Returns:  ok; -EINVAL if the range is empty, not whole blocks of the zone, or has memory already; what a
///           notifier says.
/// Locking:  takes zone.lock, several times; in v3.6 as free_pages().
template <ZoneConfig Config>
[[nodiscard]] Status online_pages(Zone<Config>& zone, Pfn start_pfn, std::uint64_t nr_pages,
                                  const HotplugOptions& options = {},
                                  Place caller = Place::here()) {
  const PfnRange range{start_pfn, start_pfn + nr_pages};
  if (!detail::is_hotplug_range(zone, start_pfn, nr_pages)) return -Err::inval;
  if (!detail::is_offline(zone, range)) return -Err::inval;
  bug_on(options.cpu.id() >= zone.nr_cpus(), "the zone has no such CPU",
         ReportedCall{"online_pages", caller, start_pfn});

  const Status ret = detail::notify_memory(options, MemoryEvent::going_online, range);
  if (ret != ok) {
    static_cast<void>(detail::notify_memory(options, MemoryEvent::cancel_online, range));
    return ret;
  }
  if constexpr (Config::semantics.offline_leaves == OfflineLeaves::holes) {
    detail::grow_zone_span(zone, range);
    detail::online_in_chunks(zone, range);
  } else {
    detail::online_page_by_page(zone, options.cpu, range);
  }
  static_cast<void>(detail::notify_memory(options, MemoryEvent::online, range));
  return ok;
}

/// The same in the zone of a node that @p type names; then the node's watermarks, reserves and limits of
/// per-CPU lists follow.
/// Requires: the node has such a zone.
template <ZoneConfig Config>
[[nodiscard]] Status online_pages(Node<Config>& node, ZoneType type, Pfn start_pfn,
                                  std::uint64_t nr_pages, const HotplugOptions& options = {},
                                  Place caller = Place::here()) {
  Zone<Config>* const zone = node.find(type);
  bug_on(zone == nullptr, "the node has no such zone",
         ReportedCall{"online_pages", caller, start_pfn});
  const Status ret = online_pages(*zone, start_pfn, nr_pages, options, caller);
  if (ret != ok) return ret;
  if constexpr (Config::semantics.pcp_tuning == PcpTuning::fixed) {
    zone->set_pageset(fixed_pageset(zone->present_pages()));
  }
  detail::follow_memory(node);
  return ok;
}

}  // namespace pageblock
