// SPDX-License-Identifier: MIT
/// How kernel versions differ where they reclaim memory.
///
/// Layer:  base.
/// Kernel: mm/vmscan.c, __alloc_pages_slowpath().
#pragma once

#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// Who says that reclaim is futile, so that the OOM killer may be asked.
enum class FutileRule : std::uint8_t {
  /// kswapd: it sets a flag, all_unreclaimable, that others only read (until v3.12).
  kswapd_decides,
  /// Whoever asks compares the pages scanned with those on the lists (v3.13 to v4.6).
  reader_decides,
  /// The task: it counts its rounds without a page, 16 at most (v4.7).
  task_counts,
};

/// How a kernel reclaims, as far as it decides who wakes and who gives up.
struct ReclaimRules {
  /// Whether kswapd's watermark check subtracts isolated blocks (v3.6).
  bool charges_isolated;
  FutileRule futile;  ///< When reclaim gives a zone up.
  friend constexpr bool operator==(const ReclaimRules&, const ReclaimRules&) = default;
};

namespace kernel {

/// Of Linux v3.5: isolated pages count as free for everybody.
inline constexpr ReclaimRules reclaim_v3_5{.charges_isolated = false,
                                           .futile = FutileRule::kswapd_decides};

/// Of Linux v3.6.
inline constexpr ReclaimRules reclaim_v3_6{.charges_isolated = true,
                                           .futile = FutileRule::kswapd_decides};

/// From Linux v4.7 on. Isolated pages are not free any more (v3.7).
inline constexpr ReclaimRules reclaim_v4_7{.charges_isolated = true,
                                           .futile = FutileRule::task_counts};

}  // namespace kernel
}  // namespace pageblock
