// SPDX-License-Identifier: MIT
/// The search for pages that keep a pageblock from being emptied.
///
/// Layer:  isolation.
/// Kernel: has_unmovable_pages(), is_pageblock_removable_nolock() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/isolation/isolate_mode.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// The page at which the scan from pfn has found more than count pages.
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn scan_for_unmovable(const Zone<Config>& zone, Pfn pfn,
                                                 std::uint64_t count) {
  // From the given page, so the scan of a block whose first pages are a hole ends in the next one.
  // Pages in free chunks are not in use.
  const auto is_unmovable = [](PageBits bits) {
    return (bits.raw() & (PageBits::in_use | PageBits::lru)) == PageBits::in_use;
  };
  const Pfn end = std::min(pfn + Zone<Config>::pageblock_nr_pages, zone.end_pfn());
  std::uint64_t found = 0;
  for (Pfn page = pfn; (page = zone.memmap().find_if(page, end, is_unmovable)) < end; ++page) {
    if (++found > count) return page;
  }
  return {};
}

// The zone, with the blocks that its ends cut where these are pages throughout.
template <ZoneConfig Config>
PfnRange pages_of(const Zone<Config>& zone) {
  if constexpr (!Config::semantics.holes_are_reserved) return {zone.start_pfn(), zone.end_pfn()};
  return {zone.start_pfn().align_down(Zone<Config>::pageblock_order),
          zone.end_pfn().align_up(Zone<Config>::pageblock_order)};
}

// The type of a block as the page tells it: those beyond the zone's ends are of another zone, whose
// blocks are movable.
template <ZoneConfig Config>
[[nodiscard]] MigrateType label_of(const Zone<Config>& zone, Pfn pfn) {
  return zone.spans(pfn) ? zone.pageblock_flags().get(pfn) : MigrateType::movable;
}

// The first page of [start, end) that keeps it from being emptied for a caller who will give the
// blocks type @p undo_type.
// Kernel: has_unmovable_pages() of v6.1.
template <ZoneConfig Config>
[[nodiscard]] OptionalPfn find_unmovable_in(const Zone<Config>& zone, const PfnRange& range,
                                            MigrateType undo_type, unsigned flags) {
  if (label_of(zone, range.start) == MigrateType::cma) {
    if (undo_type == MigrateType::cma) return {};
    return range.start;
  }
  // A free chunk at the start is not in the way, and often there is nothing else.
  const PageBits first = zone.memmap().bits(range.start);
  const std::uint64_t nr_free = first.has(PageBits::buddy) ? first.order().nr_pages() : 0;
  if (nr_free >= range.nr_pages()) return {};
  // Nor is the rest of one page that begins before, unless it is in use where none may be.
  constexpr unsigned says_what_it_is = PageBits::buddy | PageBits::in_use | PageBits::lru |
                                       PageBits::reserved | PageBits::hole | PageBits::offline;
  if (!first.has(says_what_it_is) && zone.type() != ZoneType::movable &&
      compound_head(zone, range.start)) {
    return range.start;
  }
  const auto first_of = [&](auto is_unmovable) -> OptionalPfn {
    const Pfn page = zone.memmap().find_if(range.start + nr_free, range.end, is_unmovable);
    if (page == range.end) return {};
    return page;
  };
  if (zone.type() == ZoneType::movable) {  // all else can be moved there, by contract
    return first_of([](PageBits bits) { return bits.has(PageBits::reserved); });
  }
  constexpr unsigned reserved = PageBits::reserved;
  unsigned seen = reserved | PageBits::in_use | PageBits::lru;
  if ((flags & isolate_flags::memory_offline) != 0) seen |= PageBits::offline;
  // A page is in the way if it is reserved, or in use and nothing else of this. With these two bits
  // flipped the number is less than reserved in the first case and equal to it in the second: one
  // comparison, made of many pages at once.
  static_assert(reserved > (PageBits::in_use | PageBits::lru | PageBits::offline));
  return first_of([seen = static_cast<std::uint16_t>(seen)](PageBits bits) {
    return static_cast<std::uint16_t>((bits.raw() & seen) ^ (reserved | PageBits::in_use)) <=
           reserved;
  });
}

// What a search demands of its range.
template <ZoneConfig Config>
void check_search(const Zone<Config>& zone, const PfnRange& range) {
  bug_on(range.empty() || !pages_of(zone).contains(range.start),
         "the range is empty or begins outside the zone");
  bug_on(range.start.align_down(Zone<Config>::pageblock_order) !=
             (range.end - 1).align_down(Zone<Config>::pageblock_order),
         "the range is not in one pageblock");
}

// The page at which the search from pfn, in a block of @p type, has found more than count pages.
template <ZoneConfig Config>
inline OptionalPfn find_unmovable(const Zone<Config>& zone, Pfn pfn, MigrateType type,
                                  std::uint64_t count) {
  // v3.6 trusts these blindly.
  if (zone.type() == ZoneType::movable) return {};
  if (type == MigrateType::movable || type == MigrateType::cma) return {};
  return scan_for_unmovable(zone, pfn, count);
}

}  // namespace detail

/// Returns the first page of @p range that cannot be moved away, for a caller who will give the
/// block type @p undo_type; nothing if there is none. Reserved pages cannot, nor others that are in
/// use and on no LRU list (unless the zone is ZONE_MOVABLE), nor any of a CMA block for others than
/// CMA. Pinned pages are not seen: they fail later, when they are migrated.
/// What is beyond the zone's ends in blocks that they cut is reserved.
/// Requires: the range is not empty, and in one pageblock of the zone; @p flags of isolate_flags.
/// Locking:  none of its own; the answer holds as long as the caller holds zone.lock.
/// Kernel:   has_unmovable_pages() of v6.1.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Pfn> has_unmovable_pages(
    const Zone<Config>& zone, const PfnRange& range, MigrateType undo_type,
    unsigned flags = 0) requires IsolatesForFlagsUntilV6_16<Config> {
  detail::check_search(zone, range);
  return detail::find_unmovable_in(zone, range, undo_type, flags);
}
/// The same for who isolates in a mode (v6.17).
template <ZoneConfig Config>
[[nodiscard]] std::optional<Pfn> has_unmovable_pages(
    const Zone<Config>& zone, const PfnRange& range,
    IsolateMode mode) requires IsolatesForModeSinceV6_17<Config> {
  detail::check_search(zone, range);
  return detail::find_unmovable_in(zone, range, detail::type_of(mode), detail::flags_of(mode));
}

/// Returns whether the pageblock of @p pfn holds more than @p count pages that are in use and on no
/// LRU list; that many are forgiven. Blocks of type movable or cma, and all blocks of a movable
/// zone, pass unseen (a v3.6 defect). The search covers a block's size from @p pfn itself, not from
/// the block's first page (another). Of an allocation of higher order only the first page counts.
/// Requires: @p zone spans @p pfn.
/// Locking:  none of its own; the answer holds as long as the caller holds zone.lock.
/// Kernel:   v3.6.
template <ZoneConfig Config>
[[nodiscard]] bool has_unmovable_pages(
    const Zone<Config>& zone, Pfn pfn,
    std::uint64_t count) requires(Config::semantics.unmovable_search == UnmovableSearch::notified) {
  return detail::find_unmovable(zone, pfn, get_pageblock_migratetype(zone, pfn), count) ? true
                                                                                        : false;
}

/// Returns whether nothing in the block seems to stand in the way of its removal; a snapshot. False
/// outside the zone.
/// Locking:  none.
/// Kernel:   v3.6.
template <ZoneConfig Config>
[[nodiscard]] bool is_pageblock_removable_nolock(const Zone<Config>& zone, Pfn pfn) requires(
    Config::semantics.unmovable_search == UnmovableSearch::notified) {
  return zone.spans(pfn) && !has_unmovable_pages(zone, pfn, 0);
}

}  // namespace pageblock
