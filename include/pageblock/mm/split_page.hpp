// SPDX-License-Identifier: MIT
/// Making single pages of chunks.
///
/// Layer:  mm.
/// Kernel: split_page(), split_free_page() (mm/page_alloc.c) of v3.6; in v6.1 the latter is
///         __isolate_free_page() and split_map_pages() (mm/compaction.c).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Makes 2^order single pages, each with count 1, of an allocated chunk.
/// Requires: the chunk is aligned and in the zone; its first page is in use, the others are not; it
///           was allocated with @p order (Config::checks_free_order), and is no compound page.
/// Locking:  takes zone.lock (the kernel needs none, since the pages are the caller's).
/// Kernel:   split_page().
template <ZoneConfig Config>
void split_page(Zone<Config>& zone, Pfn pfn, Order order, Place caller = Place::here()) {
  const ReportedCall call{"split_page", caller, pfn, order};
  detail::check_chunk(zone, pfn, order, [&] { return call; });
  const IrqSaveGuard guard{zone.lock()};
  detail::check_no_hole(zone, pfn, order, call);
  Memmap<Config>& map = zone.memmap();
  const Pfn end = pfn + order.nr_pages();
  bug_on(!map.bits(pfn).has(PageBits::in_use), "the chunk is not allocated", call);
  bug_on(map.bits(pfn).has(PageBits::compound), "a compound page is one page", call);
  detail::check_order<Config>(map.bits(pfn), order, call);
  const auto is_taken = [](PageBits bits) { return bits.has(PageBits::in_use | PageBits::buddy); };
  bug_on(map.find_if(pfn + 1, end, is_taken) != end, "the chunk is smaller than that", call);
  map.transform(pfn, end, [](PageBits bits) { return bits.meaning().with(PageBits::in_use); });
}

namespace detail {

// isolate_free_page(), for whoever is reported.
template <ZoneConfig Config>
std::uint64_t take_free_page(Zone<Config>& zone, Pfn pfn, const ReportedCall& call) {
  zone.assert_locked();
  Memmap<Config>& map = zone.memmap();
  bug_on(!zone.is_valid(pfn) || !map.bits(pfn).has(PageBits::buddy),
         "pfn is not the head of a free chunk", call);
  const Order order = map.bits(pfn).order();
  constexpr bool keeps_low = Config::semantics.take_mark == TakeMark::low;
  const MigrateType type = zone.pageblock_flags().get(pfn);
  if (keeps_low || type != MigrateType::isolate) {
    const std::uint64_t mark = keeps_low ? zone.watermarks().low : zone.watermarks().min;
    const std::uint64_t least = std::min(mark, most_marked_pages / 2) + order.nr_pages();
    const unsigned flags = keeps_low ? 0 : alloc_flags::cma;
    if (!zone_watermark_ok(zone, Order{0}, least, 0, flags)) return 0;
  }
  zone.free_area().del(map, pfn);
  zone.count_free(-nr_pages_of(order), type);
  if (order + 1 >= Zone<Config>::pageblock_order) {
    const Pfn end = pfn + order.nr_pages();
    for (Pfn block = pfn; block < end - 1; block += Zone<Config>::pageblock_nr_pages) {
      const MigrateType old = zone.pageblock_flags().get(block);
      if (!is_pcp_type(old) && old != MigrateType::reserve) continue;
      if constexpr (Config::semantics.take_moves_rest) {
        move_freepages_block(zone, block, MigrateType::movable);
      } else {
        set_pageblock_migratetype(zone, block, MigrateType::movable);
      }
    }
  }
  return order.nr_pages();
}

}  // namespace detail

/// Takes the free chunk at @p pfn off its list, without giving it to anybody, unless that would leave the
/// zone below its low watermark plus the chunk (v6.1: its min watermark; what is isolated may go in
/// any case). A chunk of half a block or more turns the blocks it touches movable, except isolated
/// and CMA ones and those of urgent requests; in v6.12 what else is free there moves to the movable lists.
/// Its pages have count 0 and are on no list.
/// Requires: @p pfn is the head of a free chunk.
/// Returns:  the number of pages, 0 if the watermark forbids it.
/// Locking:  the caller holds zone.lock.
/// Kernel:   the first half of split_free_page() of v3.6; __isolate_free_page() of v6.1.
template <ZoneConfig Config>
std::uint64_t isolate_free_page(Zone<Config>& zone, Pfn pfn, Place caller = Place::here()) {
  return detail::take_free_page(zone, pfn, {"isolate_free_page", caller, pfn});
}

/// Frees the chunk of @p order at @p pfn, which isolate_free_page() took, to the tail of the list of
/// @p type, in one piece whatever the types of its other blocks.
/// Requires: the chunk is aligned and in the zone, nobody holds it; the kernel has @p type.
/// Locking:  the caller holds zone.lock.
/// Kernel:   __putback_isolated_page() (v5.7).
template <ZoneConfig Config>
void putback_isolated_page(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type,
                           Place caller = Place::here()) {
  const ReportedCall call{"putback_isolated_page", caller, pfn, order};
  zone.assert_locked();
  detail::check_chunk(zone, pfn, order, [&] { return call; });
  bug_on(!has_type<Config>(type), "no such migratetype", call);
  constexpr unsigned taken = PageBits::in_use | PageBits::buddy | PageBits::hole;
  Memmap<Config>& map = zone.memmap();
  bug_on(map.bits(pfn).has(taken) || map.tail_has(map.index(pfn), order, taken),
         "somebody holds the chunk, or it is free already", call);
  detail::free_one_page(zone, pfn, order, type, ListEnd::tail);
}

/// Makes single pages of count 1 of the free chunk at @p pfn, as isolate_free_page() takes it.
/// Requires, returns: as isolate_free_page().
/// Locking:  takes zone.lock (in the kernel the caller disables interrupts and takes it).
/// Kernel:   split_free_page() of v3.6; __isolate_free_page() and split_map_pages() of v6.1.
template <ZoneConfig Config>
std::uint64_t split_free_page(Zone<Config>& zone, Pfn pfn, Place caller = Place::here()) {
  const IrqSaveGuard guard{zone.lock()};
  const std::uint64_t pages = detail::take_free_page(zone, pfn, {"split_free_page", caller, pfn});
  zone.memmap().transform(pfn, pfn + pages,
                          [](PageBits bits) { return bits.with(PageBits::in_use); });
  return pages;
}

}  // namespace pageblock
