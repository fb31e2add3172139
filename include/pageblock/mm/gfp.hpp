// SPDX-License-Identifier: MIT
/// What a caller says about the memory that it wants.
///
/// Layer:  mm.
/// Kernel: gfp_t (include/linux/gfp_types.h), gfp_to_alloc_flags() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// A request's gfp flags, as far as they decide which page it gets. What none of them says is
/// GFP_KERNEL.
struct Gfp {
  /// One of pcp_types: __GFP_MOVABLE, __GFP_RECLAIMABLE, or neither. Kernel: gfp_migratetype().
  MigrateType migratetype = MigrateType::unmovable;
  /// The highest zone that will do; lower ones will, too. Kernel: gfp_zone(), which says Movable
  /// for __GFP_MOVABLE with __GFP_HIGHMEM only.
  ZoneType highest_zone = ZoneType::normal;
  /// __GFP_HIGH: urgent, may use what the lowest watermark keeps.
  bool high = false;
  /// __GFP_ATOMIC (to v6.2): a request for one page need not heed what steals have added to the lowest.
  bool atomic = false;
  /// __GFP_DIRECT_RECLAIM: can wait, and reclaim memory itself.
  bool direct_reclaim = true;
  /// __GFP_KSWAPD_RECLAIM: may wake kswapd.
  bool kswapd_reclaim = true;
  /// __GFP_MEMALLOC: no watermark counts in the last try, since it serves to make memory free.
  bool memalloc = false;
  /// __GFP_NOMEMALLOC: leaves the reserves alone though it cannot wait; more than memalloc.
  bool nomemalloc = false;
  /// __GFP_COMP: wants a compound page.
  bool compound = false;

  friend bool operator==(const Gfp&, const Gfp&) = default;
};

/// GFP_KERNEL: unmovable memory, and the caller can wait.
inline constexpr Gfp gfp_kernel{};
/// GFP_NOWAIT: the caller cannot wait.
inline constexpr Gfp gfp_nowait{.direct_reclaim = false};
/// GFP_ATOMIC: the caller cannot wait and may use reserves.
inline constexpr Gfp gfp_atomic{.high = true, .atomic = true, .direct_reclaim = false};
/// GFP_HIGHUSER_MOVABLE: a user's memory, which can be moved.
inline constexpr Gfp gfp_highuser_movable{.migratetype = MigrateType::movable,
                                          .highest_zone = ZoneType::movable};

/// Returns the alloc_flags of a request for 2^order pages that found too little at the low
/// watermark: now the lowest counts, and the urgent ones dig below it.
/// Kernel: gfp_to_alloc_flags(), gfp_to_alloc_flags_cma(). That v6.1 gives the memory of urgent
///         requests only to those with __GFP_HIGH came with a stable update.
template <ZoneConfig Config>
[[nodiscard]] constexpr unsigned gfp_to_alloc_flags(const Gfp& gfp, Order order) {
  unsigned flags = alloc_flags::wmark_min;
  if (Config::semantics.has(MigrateType::cma) && gfp.migratetype == MigrateType::movable) {
    flags |= alloc_flags::cma;
  }
  if (gfp.kswapd_reclaim) flags |= alloc_flags::kswapd;
  if (gfp.high) flags |= alloc_flags::min_reserve;
  if (gfp.direct_reclaim || gfp.nomemalloc) return flags;
  flags |= alloc_flags::non_block;
  if (gfp.high && order != Order{0}) flags |= alloc_flags::highatomic;
  return flags;
}

namespace detail {

// What a request may do whatever the watermark.
inline constexpr unsigned kept_flags = alloc_flags::cma | alloc_flags::kswapd;

}  // namespace detail

/// Returns those of its last try, if reclaim does not help.
/// Kernel: with __gfp_pfmemalloc_flags().
template <ZoneConfig Config>
[[nodiscard]] constexpr unsigned last_alloc_flags(const Gfp& gfp, Order order) {
  const unsigned flags = gfp_to_alloc_flags<Config>(gfp, order);
  if (!gfp.memalloc || gfp.nomemalloc) return flags;
  return (flags & detail::kept_flags) | alloc_flags::no_watermarks;
}

}  // namespace pageblock
