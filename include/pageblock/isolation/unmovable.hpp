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
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// The page at which the scan from pfn has found more than count pages.
template <ZoneConfig Config>
[[gnu::noinline]] std::optional<Pfn> scan_for_unmovable(const Zone<Config>& zone, Pfn pfn,
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
  return std::nullopt;
}

// The page at which the search from pfn, in a block of @p type, has found more than count pages.
template <ZoneConfig Config>
inline std::optional<Pfn> find_unmovable(const Zone<Config>& zone, Pfn pfn, MigrateType type,
                                         std::uint64_t count) {
  // v3.6 trusts these blindly.
  if (zone.type() == ZoneType::movable) return std::nullopt;
  if (type == MigrateType::movable || type == MigrateType::cma) return std::nullopt;
  return scan_for_unmovable(zone, pfn, count);
}

}  // namespace detail

/// Returns whether the pageblock of @p pfn holds more than @p count pages that are in use and on no
/// LRU list; that many are forgiven. Blocks of type movable or cma, and all blocks of a movable
/// zone, pass unseen (a v3.6 defect). The search covers a block's size from @p pfn itself, not from
/// the block's first page (another). Of an allocation of higher order only the first page counts.
/// Requires: @p zone spans @p pfn.
/// Locking:  none of its own; the answer holds as long as the caller holds zone.lock.
template <ZoneConfig Config>
[[nodiscard]] bool has_unmovable_pages(const Zone<Config>& zone, Pfn pfn, std::uint64_t count) {
  return detail::find_unmovable(zone, pfn, get_pageblock_migratetype(zone, pfn), count).has_value();
}

/// Returns whether nothing in the block seems to stand in the way of its removal; a snapshot. False
/// outside the zone.
/// Locking:  none.
template <ZoneConfig Config>
[[nodiscard]] bool is_pageblock_removable_nolock(const Zone<Config>& zone, Pfn pfn) {
  return zone.spans(pfn) && !has_unmovable_pages(zone, pfn, 0);
}

}  // namespace pageblock
