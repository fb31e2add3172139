// SPDX-License-Identifier: MIT
/// Rules that make a difference only where CPUs come between each other's steps.
///
/// Layer:  base.
/// Kernel: single functions of v2.6.24 to v7.2, not whole kernels: whoever looks for a race gives them to
///         the version that has the rest.
#pragma once

#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// How test_pages_isolated() looks at pages.
enum class ScanRule : std::uint8_t {
  locked,           ///< Under zone->lock (v2.6.27).
  mark_then_order,  ///< Without it, first whether a chunk is free, then its order.
  order_then_mark   ///< Without it, as a compiler or a CPU may turn the two loads round.
};

/// How isolating the block at the end of a range deals with a free chunk that reaches across.
enum class BorderWalk : std::uint8_t {
  locked,  ///< Looks and splits under one lock.
  looks_again,  ///< Looks without a lock, splits under it, and looks again if the chunk has gone (v5.19).
  waits  ///< The same, and looks at a page in use that reaches across until it has gone (v5.19-rc).
};

/// The rules. The defaults are those of v3.6 and v6.1 where these agree.
struct RaceRules {
  ScanRule scan = ScanRule::locked;

  /// Whether a page that is freed into an isolated block passes the per-CPU lists by (v2.6.32).
  bool isolated_pass_pcp = true;

  /// Whether a page that leaves a per-CPU list is counted by its block's type, and not by that of the list
  /// that it goes to (v3.7 to v3.17).
  bool drain_counts_by_block = false;

  /// Whether drain_all_pages() leaves CPUs alone whose count it reads, without a lock, as 0.
  bool drain_skips_empty = true;

  /// Whether zone_pcp_disable() changes the limits before it drains, and drains every CPU whatever its
  /// count; the kernel does both, for a reason each.
  bool disable_then_drain = true;
  bool disable_drains_all = true;

  /// Whether alloc_contig_range() gives the whole range back when isolating it failed, though that has
  /// given back all it did (v3.5 to v4.16, and from v5.19 on).
  bool failed_start_undoes = true;

  /// Whether giving back a reserved block counts only if it still is one (v4.10).
  bool unreserve_asks_type = true;

  BorderWalk border = BorderWalk::locked;

  friend bool operator==(const RaceRules&, const RaceRules&) = default;
};

}  // namespace pageblock
