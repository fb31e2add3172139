// SPDX-License-Identifier: MIT
/// What the bits of a gfp mask mean in the kernel that printed them.
///
/// Layer:  io.
/// Kernel: ___GFP_* (include/linux/gfp.h; since v6.1 include/linux/gfp_types.h).
///
/// The bits were given out anew several times; GFP_KERNEL and GFP_ATOMIC show which numbers count:
///
///               until v4.3   v4.4 to v4.9   v4.10 to v4.17   v4.18 to v5.0   since v5.1
///     KERNEL          0xd0      0x24000c0        0x14000c0        0x6000c0         0xcc0
///     ATOMIC          0x20      0x2080020        0x1080020        0x480020   0xa20 (v6.3: 0x820)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/io/text/kernel_version.hpp"

namespace pageblock {

/// The flags that decide what a request gets, by numbers of this library.
namespace gfp_bit {
inline constexpr unsigned movable = 0x01;         ///< __GFP_MOVABLE.
inline constexpr unsigned reclaimable = 0x02;     ///< __GFP_RECLAIMABLE.
inline constexpr unsigned dma = 0x04;             ///< __GFP_DMA.
inline constexpr unsigned dma32 = 0x08;           ///< __GFP_DMA32.
inline constexpr unsigned highmem = 0x10;         ///< __GFP_HIGHMEM.
inline constexpr unsigned high = 0x20;            ///< __GFP_HIGH.
inline constexpr unsigned direct_reclaim = 0x40;  ///< __GFP_DIRECT_RECLAIM; before v4.4 __GFP_WAIT.
inline constexpr unsigned kswapd_reclaim = 0x80;  ///< __GFP_KSWAPD_RECLAIM.
inline constexpr unsigned nomemalloc = 0x100;     ///< __GFP_NOMEMALLOC.
inline constexpr unsigned memalloc = 0x200;       ///< __GFP_MEMALLOC.
inline constexpr unsigned this_node = 0x400;      ///< __GFP_THISNODE.
inline constexpr unsigned io = 0x800;             ///< __GFP_IO.
inline constexpr unsigned fs = 0x1000;            ///< __GFP_FS.
/// __GFP_RECLAIM: both kinds of reclaim.
inline constexpr unsigned reclaim = direct_reclaim | kswapd_reclaim;
}  // namespace gfp_bit

namespace detail {

// Where a kernel has the flags that moved. Those that never did: DMA, HIGHMEM, DMA32 and MOVABLE are
// bits 0 to 3, HIGH, IO and FS bits 5 to 7.
struct GfpNumbers {
  KernelVersion since;
  std::uint64_t reclaimable;
  std::uint64_t direct_reclaim;
  /// 0: every request may wake kswapd, but those with no_kswapd.
  std::uint64_t kswapd_reclaim;
  std::uint64_t no_kswapd;
  std::uint64_t memalloc;
  std::uint64_t nomemalloc;
  std::uint64_t this_node;
};

inline constexpr std::array<GfpNumbers, 5> gfp_numbers{{
    {{0, 0}, 0x80000, 0x10, 0, 0x400000, 0x2000, 0x10000, 0x40000},
    {{4, 4}, 0x10, 0x400000, 0x2000000, 0, 0x2000, 0x10000, 0x40000},
    {{4, 10}, 0x10, 0x400000, 0x1000000, 0, 0x2000, 0x10000, 0x40000},
    {{4, 18}, 0x10, 0x200000, 0x400000, 0, 0x2000, 0x10000, 0x40000},
    {{5, 1}, 0x10, 0x400, 0x800, 0, 0x20000, 0x80000, 0x200000},
}};

// Returns the numbers of the kernel that is most likely to have printed a mask. Nearly every
// request may wake kswapd, which has a bit of its own since v4.4.
[[nodiscard]] constexpr const GfpNumbers& likely_gfp_numbers(std::uint64_t number) {
  const auto has = [number](std::uint64_t bits) { return (number & bits) == bits; };
  constexpr std::uint64_t wait = 0x10;
  if (has(0x2000000)) return gfp_numbers[1];
  if (has(0x1000000)) return gfp_numbers[2];
  // REPEAT and NOFAIL of old kernels come with WAIT.
  if (has(0xc00) || (has(0x800) && !has(wait))) return gfp_numbers[4];
  if (has(0x600000) || (has(0x400000) && !has(wait))) return gfp_numbers[3];
  return gfp_numbers[0];
}

}  // namespace detail

/// Returns the bits of gfp_bit that a mask has in kernel @p printer; without one, in the kernel that
/// the mask fits best.
[[nodiscard]] constexpr unsigned gfp_bits_of_number(std::uint64_t number,
                                                    std::optional<KernelVersion> printer) {
  using namespace gfp_bit;
  const detail::GfpNumbers* numbers = &detail::likely_gfp_numbers(number);
  if (printer) {
    for (const detail::GfpNumbers& of_kernel : detail::gfp_numbers) {
      if (of_kernel.since <= *printer) numbers = &of_kernel;
    }
  }
  unsigned bits = 0;
  const auto copy = [&](std::uint64_t from, unsigned to) {
    if (from != 0 && (number & from) == from) bits |= to;
  };
  copy(0x01, dma);
  copy(0x02, highmem);
  copy(0x04, dma32);
  copy(0x08, movable);
  copy(0x20, high);
  copy(0x40, io);
  copy(0x80, fs);
  copy(numbers->reclaimable, reclaimable);
  copy(numbers->direct_reclaim, direct_reclaim);
  copy(numbers->kswapd_reclaim, kswapd_reclaim);
  copy(numbers->memalloc, memalloc);
  copy(numbers->nomemalloc, nomemalloc);
  copy(numbers->this_node, this_node);
  if (numbers->no_kswapd != 0 && (number & numbers->no_kswapd) == 0) bits |= kswapd_reclaim;
  return bits;
}

}  // namespace pageblock
