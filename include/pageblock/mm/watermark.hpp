// SPDX-License-Identifier: MIT
/// Watermarks: whether a zone has enough free pages for a request.
///
/// Layer:  mm.
/// Kernel: zone_watermark_ok(), zone_watermark_ok_safe(), nr_zone_isolate_freepages()
///         (mm/page_alloc.c); min_wmark_pages() and its like (include/linux/mmzone.h).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// How deep a request may dig, and how it may be met: the kernel's ALLOC_ flags and numbers.
namespace alloc_flags {
// The two lowest bits say which watermark counts.
inline constexpr unsigned wmark_min = 0x00;   ///< ALLOC_WMARK_MIN.
inline constexpr unsigned wmark_low = 0x01;   ///< ALLOC_WMARK_LOW.
inline constexpr unsigned wmark_high = 0x02;  ///< ALLOC_WMARK_HIGH.
inline constexpr unsigned wmark_mask = 0x03;  ///< Which bits name the mark.
// v3.6
inline constexpr unsigned harder = 0x10;  ///< The mark counts three quarters.
inline constexpr unsigned high = 0x20;    ///< The mark counts half.
// v6.1
inline constexpr unsigned no_watermarks = 0x04;  ///< No mark counts.
inline constexpr unsigned oom = 0x08;            ///< A victim of the OOM killer: the mark halves.
inline constexpr unsigned non_block = 0x10;      ///< Cannot wait; with min_reserve, a quarter less.
inline constexpr unsigned min_reserve = 0x20;    ///< Urgent: the mark counts half.
inline constexpr unsigned cma = 0x80;            ///< May use CMA blocks: of movable requests only.
inline constexpr unsigned no_fragment = 0x100;   ///< Another zone rather than another type.
inline constexpr unsigned highatomic = 0x200;    ///< May use the memory of urgent requests.
inline constexpr unsigned kswapd = 0x800;        ///< May wake kswapd.
}  // namespace alloc_flags

/// Returns whether a chunk of @p least or above is free on the lists of @p type.
template <ZoneConfig Config>
[[nodiscard]] bool has_free_chunk(const Zone<Config>& zone, Order least, MigrateType type) {
  return zone.free_area().orders(type) >> least.value() != 0;
}

/// What the counters of a zone say, all that watermark checks ask of it: a Zone, or ZoneCounters
/// where nobody knows the pages.
template <typename Z>
concept CountedZone = ZoneConfig<typename Z::Config> &&
    requires(const Z& zone, Order order, std::size_t classzone_idx, MigrateType type) {
  { zone.present_pages() } -> std::convertible_to<std::uint64_t>;
  { zone.nr_free_pages() } -> std::convertible_to<std::int64_t>;
  { zone.nr_free(order) } -> std::convertible_to<std::uint64_t>;
  { zone.watermarks() } -> std::convertible_to<const Watermarks&>;
  { zone.lowmem_reserve(classzone_idx) } -> std::convertible_to<std::uint64_t>;
  { zone.pressure() } -> std::convertible_to<const ZonePressure&>;
  { has_free_chunk(zone, order, type) } -> std::convertible_to<bool>;
  { zone.nr_free_cma_pages() } -> std::convertible_to<std::int64_t>;
  { zone.nr_free_highatomic() } -> std::convertible_to<std::int64_t>;
};

/// What must stay free in a zone for a request, in pages.
struct WatermarkDemand {
  /// Of the watermark, what this request has to leave.
  std::int64_t mark = 0;
  /// Kept from requests for higher zones.
  std::int64_t reserve = 0;
  /// The request itself, but for one page.
  std::int64_t request = 0;
  /// Free, but not for this request: of CMA blocks, or reserved for urgent requests.
  std::int64_t unusable = 0;
  /// More pages than this must be free, those that it cannot use left out.
  [[nodiscard]] std::int64_t pages() const { return mark + reserve + request; }
};

namespace detail {

// Marks and reserves above this are all the same: no zone has so many pages, and sums do not overflow.
inline constexpr std::uint64_t most_marked_pages = std::uint64_t{1} << 60;

[[nodiscard]] constexpr std::int64_t marked_pages(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min(count, most_marked_pages));
}

// Returns the pages that are free, but not for a request with these flags: those reserved for
// urgent requests, whether they are free or not (later if they are), and those of CMA blocks.
// Kernel: __zone_watermark_unusable_free() (v5.9).
[[nodiscard]] std::int64_t nr_unusable_free(const CountedZone auto& zone, unsigned flags) {
  using namespace alloc_flags;
  using Config = typename std::remove_cvref_t<decltype(zone)>::Config;
  constexpr const Semantics& semantics = Config::semantics;
  std::int64_t pages = 0;
  if constexpr (semantics.has(MigrateType::highatomic)) {
    if ((flags & (non_block | min_reserve | highatomic | oom)) == 0) {
      pages +=
          semantics.counts_free_highatomic
              ? zone.nr_free_highatomic()
              : marked_pages(read_once<is_shared<Config>>(zone.pressure().nr_reserved_highatomic));
    }
  }
  if constexpr (semantics.counts_cma) {
    if ((flags & cma) == 0) pages += zone.nr_free_cma_pages();
  }
  return pages;
}

// Returns what a watermark and a reserve come to for a request with these flags.
template <CountedZone Counted>
[[nodiscard]] WatermarkDemand demand_of(const Counted& zone, Order order, std::uint64_t mark,
                                        std::size_t classzone_idx, unsigned flags) {
  constexpr bool by_order = Counted::Config::semantics.watermark_rule == WatermarkRule::by_order;
  std::int64_t min = marked_pages(mark);
  const bool is_high = (flags & alloc_flags::high) != 0;  // in v6.1 called min_reserve
  if (is_high) min -= min / 2;
  if ((by_order || is_high) && (flags & alloc_flags::harder) != 0) min -= min / 4;  // non_block
  if (!by_order && (flags & alloc_flags::oom) != 0) min -= min / 2;
  return {.mark = min,
          .reserve = marked_pages(zone.lowmem_reserve(classzone_idx)),
          .request = marked_pages(order.nr_pages()) - 1,
          .unusable = nr_unusable_free(zone, flags)};
}

// Returns whether more than the mark stays free, of free_pages.
// Kernel: __zone_watermark_ok() of v3.6, what it asks of every order in v6.1.
template <CountedZone Counted>
[[nodiscard]] bool exceeds_mark(const Counted& zone, Order order, std::uint64_t mark,
                                std::size_t classzone_idx, unsigned flags,
                                std::int64_t free_pages) {
  bug_on(order > Counted::top_order, "order is above the largest");
  const WatermarkDemand demand = demand_of(zone, order, mark, classzone_idx, flags);
  free_pages -= demand.request + demand.unusable;
  if (free_pages <= demand.mark + demand.reserve) return false;
  if constexpr (Counted::Config::semantics.watermark_rule != WatermarkRule::by_order) return true;
  std::int64_t min = demand.mark;
  for (Order smaller{0}; smaller < order; ++smaller) {
    // Smaller chunks do not help, so each order demands half as much of what is left.
    free_pages -= marked_pages(zone.nr_free(smaller) << smaller.value());
    min >>= 1;
    if (free_pages <= min) return false;
  }
  return true;
}

// Returns whether a chunk of the order or above is on a list where a request with these flags may
// look. Requests for one page are not asked, nor any in v3.6.
// Kernel: the end of __zone_watermark_ok() of v6.1.
template <CountedZone Counted>
[[nodiscard]] bool has_chunk_for(const Counted& zone, Order order, unsigned flags) {
  using namespace alloc_flags;
  constexpr const Semantics& semantics = Counted::Config::semantics;
  if constexpr (semantics.watermark_rule == WatermarkRule::by_order) return true;
  const auto may_look_at = [flags](MigrateType type) {
    if (type == MigrateType::cma) return (flags & cma) != 0;
    if (type == MigrateType::highatomic) return (flags & (highatomic | oom)) != 0;
    return is_pcp_type(type);
  };
  if (order == Order{0}) return true;
  return std::ranges::any_of(semantics.migratetypes, [&](MigrateType type) {
    return may_look_at(type) && has_free_chunk(zone, order, type);
  });
}

[[nodiscard]] bool watermark_ok(const CountedZone auto& zone, Order order, std::uint64_t mark,
                                std::size_t classzone_idx, unsigned flags,
                                std::int64_t free_pages) {
  return exceeds_mark(zone, order, mark, classzone_idx, flags, free_pages) &&
         has_chunk_for(zone, order, flags);
}

// A watermark with what steals have added to it.
template <CountedZone Counted>
[[nodiscard]] std::uint64_t boosted(const Counted& zone, std::uint64_t mark) {
  using Config = typename Counted::Config;
  return std::min(mark, most_marked_pages) +
         std::min(read_once<is_shared<Config>>(zone.pressure().watermark_boost), most_marked_pages);
}

}  // namespace detail

/// Returns a watermark of @p zone as requests are held to it, in pages: with what steals have
/// added, which is nothing in v3.6.
/// Locking:  none.
[[nodiscard]] std::uint64_t min_wmark_pages(const CountedZone auto& zone) {
  return detail::boosted(zone, zone.watermarks().min);
}
/// Returns the low watermark with its boost: below it kswapd is woken.
[[nodiscard]] std::uint64_t low_wmark_pages(const CountedZone auto& zone) {
  return detail::boosted(zone, zone.watermarks().low);
}
/// Returns the high watermark with its boost: at it kswapd goes to sleep.
[[nodiscard]] std::uint64_t high_wmark_pages(const CountedZone auto& zone) {
  return detail::boosted(zone, zone.watermarks().high);
}

/// Returns whether @p zone would keep more than @p mark and its lowmem reserve against @p
/// classzone_idx free after a request of @p order. v3.6 counts isolated free pages as available here, and wants
/// half the mark in chunks above each order below. v6.1 counts neither isolated pages nor, unless
/// @p flags allow them, CMA pages and the blocks of urgent requests; it wants one chunk of the order.
/// Requires: order < max_order; classzone_idx < max_nr_zones; flags of alloc_flags, other bits
///           are ignored.
/// Locking:  none; counters are read as they are.
[[nodiscard]] bool zone_watermark_ok(const CountedZone auto& zone, Order order, std::uint64_t mark,
                                     std::size_t classzone_idx, unsigned flags) {
  return detail::watermark_ok(zone, order, mark, classzone_idx, flags, zone.nr_free_pages());
}

/// Returns how many pages zone_watermark_ok_safe() subtracts for isolated blocks. v3.6 counts every
/// isolated block as if all its pages were free, used ones and holes too. Later kernels need not
/// subtract what NR_FREE_PAGES leaves out.
/// Locking:  none.
template <ZoneConfig Config>
[[nodiscard]] std::int64_t nr_zone_isolate_freepages(const Zone<Config>& zone) {
  if constexpr (!Config::semantics.counts_isolated) return 0;
  return zone.nr_pageblock_isolate() * static_cast<std::int64_t>(Zone<Config>::pageblock_nr_pages);
}

/// The same question as kswapd asks it: isolated blocks do not count as free. Chunks of small
/// orders in them are subtracted twice (v3.6). In v6.1, where it reads the per-CPU differences of
/// the counters too, it is the same as zone_watermark_ok(): the counters here are exact.
/// Requires: as zone_watermark_ok(). v6.1 has no flags there, which is 0.
/// Locking:  none.
template <ZoneConfig Config>
[[nodiscard]] bool zone_watermark_ok_safe(const Zone<Config>& zone, Order order, std::uint64_t mark,
                                          std::size_t classzone_idx, unsigned flags) {
  return detail::watermark_ok(zone, order, mark, classzone_idx, flags,
                              zone.nr_free_pages() - nr_zone_isolate_freepages(zone));
}

}  // namespace pageblock
