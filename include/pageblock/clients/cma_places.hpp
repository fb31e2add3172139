// SPDX-License-Identifier: MIT
/// Where a CMA area has room, by the map that the kernel prints when an allocation fails.
///
/// Layer:  clients.
/// Kernel: cma_alloc(), bitmap_find_next_zero_area_off() (mm/cma.c), without the pages themselves.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// Pages in a row that no user of a CMA area has, counted from the area's start.
struct CmaRun {
  std::uint64_t start = 0;  ///< The first page, counted from the area's start.
  std::uint64_t count = 0;  ///< How many pages.
  friend bool operator==(const CmaRun&, const CmaRun&) = default;
};

/// CONFIG_CMA_ALIGNMENT as nearly all kernels have it: no request is aligned to more.
inline constexpr Order default_cma_alignment{8};

/// Returns the alignment of a device's request for @p count pages: the next power of two, but not
/// above @p limit. Kernel: dma_alloc_from_contiguous().
[[nodiscard]] constexpr Order cma_alignment(std::uint64_t count,
                                            Order limit = default_cma_alignment) {
  const auto order = static_cast<unsigned>(count < 2 ? 0 : std::bit_width(count - 1));
  return Order{std::min(order, limit.value())};
}

/// Returns at how many places @p count pages have room, each a multiple of 2^align from the area's
/// start (which is aligned at least so).
[[nodiscard]] inline std::uint64_t nr_cma_places(std::span<const CmaRun> runs, std::uint64_t count,
                                                 Order align) {
  std::uint64_t places = 0;
  for (const CmaRun& run : runs) {
    if (count == 0 || run.count < count) continue;
    const Pfn first = Pfn{run.start}.align_up(align);
    const Pfn last = Pfn{run.start + run.count - count}.align_down(align);
    if (first <= last) places += ((last - first) >> align.value()) + 1;
  }
  return places;
}

/// Returns the least number of pages that must be stuck for all of these places to be busy: one in
/// each of those that do not overlap.
[[nodiscard]] inline std::uint64_t least_stuck_pages(std::span<const CmaRun> runs,
                                                     std::uint64_t count, Order align) {
  std::uint64_t stuck = 0;
  for (const CmaRun& run : runs) {
    if (count == 0 || run.count < count) continue;
    // A page at the end of a place blocks the most places behind it.
    Pfn place = Pfn{run.start}.align_up(align);
    const Pfn last{run.start + run.count - count};
    if (place > last) continue;
    const std::uint64_t step = Pfn{count}.align_up(align).value();
    stuck += (last - place) / step + 1;
  }
  return stuck;
}

/// Returns the longest run, 0 pages if there is none.
[[nodiscard]] inline CmaRun longest_cma_run(std::span<const CmaRun> runs) {
  const auto longest = std::ranges::max_element(runs, {}, &CmaRun::count);
  return longest == runs.end() ? CmaRun{} : *longest;
}

}  // namespace pageblock
