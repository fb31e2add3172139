/// Watermarks: whether a zone has enough free pages for a request.
///
/// Layer:  mm.
/// Kernel: zone_watermark_ok(), zone_watermark_ok_safe(), nr_zone_isolate_freepages()
///         (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// How deep a request may dig, and how it may be met: the kernel's ALLOC_ flags and numbers.
namespace alloc_flags {
// v3.6
inline constexpr unsigned harder = 0x10;  ///< The mark counts three quarters.
inline constexpr unsigned high = 0x20;    ///< The mark counts half.
// v6.1
inline constexpr unsigned no_watermarks = 0x04;  ///< No mark counts.
inline constexpr unsigned oom = 0x08;            ///< A victim of the OOM killer: the mark halves.
inline constexpr unsigned non_block = 0x10;      ///< Cannot wait; with min_reserve, a quarter less.
inline constexpr unsigned min_reserve = 0x20;    ///< Urgent: the mark counts half.
inline constexpr unsigned cma = 0x80;            ///< May use CMA blocks.
inline constexpr unsigned no_fragment = 0x100;   ///< Another zone rather than another type.
inline constexpr unsigned highatomic = 0x200;    ///< May use the memory of urgent requests.
inline constexpr unsigned kswapd = 0x800;        ///< May wake kswapd.
}  // namespace alloc_flags

namespace detail {

// Marks and reserves above this are all the same: no zone has so many pages, and sums do not overflow.
inline constexpr std::uint64_t most_marked_pages = std::uint64_t{1} << 60;

// Kernel: __zone_watermark_ok().
template <ZoneConfig Config>
[[nodiscard]] bool watermark_ok(const Zone<Config>& zone, Order order, std::uint64_t mark,
                                std::size_t classzone_idx, unsigned flags,
                                std::int64_t free_pages) {
  bug_on(order > Zone<Config>::top_order, "order is above the largest");
  const auto pages = [](std::uint64_t count) {
    return static_cast<std::int64_t>(std::min(count, most_marked_pages));
  };
  std::int64_t min = pages(mark);
  free_pages -= pages(order.nr_pages()) - 1;
  if ((flags & alloc_flags::high) != 0) min -= min / 2;
  if ((flags & alloc_flags::harder) != 0) min -= min / 4;
  if (free_pages <= min + pages(zone.lowmem_reserve(classzone_idx))) return false;
  for (Order smaller{0}; smaller < order; ++smaller) {
    // Smaller chunks do not help, so each order demands half as much of what is left.
    free_pages -= pages(zone.nr_free(smaller) << smaller.value());
    min >>= 1;
    if (free_pages <= min) return false;
  }
  return true;
}

}  // namespace detail

/// Returns whether @p zone would keep @p mark pages free after a request of @p order. v3.6 counts
/// isolated free pages as available here.
/// Requires: order < max_order; classzone_idx < max_nr_zones; flags of alloc_flags, other bits
///           are ignored.
/// Locking:  none; counters are read as they are.
template <ZoneConfig Config>
[[nodiscard]] bool zone_watermark_ok(const Zone<Config>& zone, Order order, std::uint64_t mark,
                                     std::size_t classzone_idx, unsigned flags) {
  return detail::watermark_ok(zone, order, mark, classzone_idx, flags, zone.nr_free_pages());
}

/// Returns how many pages zone_watermark_ok_safe() subtracts for isolated blocks. v3.6 counts every
/// isolated block as if all its pages were free, used ones and holes too.
/// Locking:  none.
template <ZoneConfig Config>
[[nodiscard]] std::int64_t nr_zone_isolate_freepages(const Zone<Config>& zone) {
  return zone.nr_pageblock_isolate() * static_cast<std::int64_t>(Zone<Config>::pageblock_nr_pages);
}

/// The same question as kswapd asks it: isolated blocks do not count as free. Chunks of small
/// orders in them are subtracted twice (v3.6).
/// Requires: as zone_watermark_ok().
/// Locking:  none.
template <ZoneConfig Config>
[[nodiscard]] bool zone_watermark_ok_safe(const Zone<Config>& zone, Order order, std::uint64_t mark,
                                          std::size_t classzone_idx, unsigned flags) {
  return detail::watermark_ok(zone, order, mark, classzone_idx, flags,
                              zone.nr_free_pages() - nr_zone_isolate_freepages(zone));
}

}  // namespace pageblock
