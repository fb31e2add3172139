// SPDX-License-Identifier: MIT
/// How kernel versions differ where CMA areas are reserved and searched.
///
/// Layer:  base.
/// Kernel: mm/cma.c; before v3.16 drivers/base/dma-contiguous.c.
#pragma once

#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// What a request gets when no place is left to try.
enum class NoPlace : std::uint8_t {
  no_memory,   ///< -ENOMEM, also when places were busy.
  last_place,  ///< What the last place said: -EBUSY; -ENOMEM if there was none (v3.16).
  busy         ///< -EBUSY, which lets the next range of the area be searched (v6.15).
};

/// Where a new area goes, if nobody says where.
enum class CmaPlace : std::uint8_t {
  top_down,  ///< As high as its limit allows.
  above_4g  ///< As low as possible above 4 GiB, if there is enough memory; else as high as possible (v5.11).
};

/// A member for each point on which modelled kernels differ in CMA areas.
struct CmaRules {
  NoPlace no_place;  ///< What an area answers that finds no place.
  CmaPlace place;    ///< Where it looks first.

  /// Requests are aligned to 2^most_align pages at most, whatever they ask for (CONFIG_CMA_ALIGNMENT).
  unsigned most_align;

  /// The most ranges of an area. Where more than one are allowed, a request for more than is free does not
  /// search.
  unsigned most_ranges;

  /// Whether areas begin and end at the larger of pageblock and largest chunk (until v5.18), else at a
  /// pageblock.
  bool aligned_to_chunks;

  /// Whether an area that lies in two zones is given up, and its pages freed; else they are lost.
  bool frees_what_fails;

  friend constexpr bool operator==(const CmaRules&, const CmaRules&) = default;
};

namespace kernel {

/// Of Linux v3.6.
inline constexpr CmaRules cma_v3_6{
    .no_place = NoPlace::no_memory,
    .place = CmaPlace::top_down,
    .most_align = 8,
    .most_ranges = 1,
    .aligned_to_chunks = true,
    .frees_what_fails = false,
};

/// Of Linux v6.1 and v6.12.
inline constexpr CmaRules cma_v6_1{
    .no_place = NoPlace::last_place,
    .place = CmaPlace::above_4g,
    .most_align = 31,
    .most_ranges = 1,
    .aligned_to_chunks = false,
    .frees_what_fails = true,
};

/// Of Linux v7.2.
inline constexpr CmaRules cma_v7_2{
    .no_place = NoPlace::busy,
    .place = CmaPlace::above_4g,
    .most_align = 31,
    .most_ranges = 8,
    .aligned_to_chunks = false,
    .frees_what_fails = true,
};

}  // namespace kernel
}  // namespace pageblock
