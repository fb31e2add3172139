// SPDX-License-Identifier: MIT
/// How fragmented free memory is, as the kernel puts it in numbers.
///
/// Layer:  mm.
/// Kernel: fill_contig_page_info(), unusable_free_index(), fragmentation_index() (mm/vmstat.c), which
///         /sys/kernel/debug/extfrag shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// What the free chunks of a zone come to for requests of one order.
struct ContigPageInfo {
  std::uint64_t free_pages = 0;         ///< Free pages.
  std::uint64_t free_blocks_total = 0;  ///< Free chunks of any order.
  /// Chunks of the order that the larger ones could be split into.
  std::uint64_t free_blocks_suitable = 0;
};

/// @p nr_free has the number of free chunks by order.
[[nodiscard]] constexpr ContigPageInfo contig_page_info(std::span<const std::uint64_t> nr_free,
                                                        Order suitable) {
  ContigPageInfo info;
  for (std::size_t order = 0; order < nr_free.size(); ++order) {
    info.free_blocks_total += nr_free[order];
    info.free_pages += nr_free[order] << order;
    if (order >= suitable.value()) {
      info.free_blocks_suitable += nr_free[order] << (order - suitable.value());
    }
  }
  return info;
}

/// Returns the share of the free memory that is in chunks too small for @p order, in thousandths
/// without the fraction: 0 all can be used, 1000 none (also if nothing is free).
[[nodiscard]] constexpr std::uint64_t unusable_free_index(Order order, const ContigPageInfo& info) {
  if (info.free_pages == 0) return 1000;
  const std::uint64_t unusable = info.free_pages - (info.free_blocks_suitable << order.value());
  return unusable * 1000 / info.free_pages;
}

/// Returns why a request of @p order fails, in thousandths: towards 0 there is too little memory,
/// towards 1000 it is fragmented; -1000 if it does not fail.
[[nodiscard]] constexpr std::int64_t fragmentation_index(Order order, const ContigPageInfo& info) {
  if (info.free_blocks_total == 0) return 0;
  if (info.free_blocks_suitable != 0) return -1000;
  const std::uint64_t chunks = info.free_pages * 1000 / order.nr_pages();
  return 1000 - static_cast<std::int64_t>((1000 + chunks) / info.free_blocks_total);
}

}  // namespace pageblock
