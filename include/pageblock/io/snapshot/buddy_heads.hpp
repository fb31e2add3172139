// SPDX-License-Identifier: MIT
/// Free chunks of which only the first page is marked.
///
/// Layer:  io.
/// Kernel: stable_page_flags() (fs/proc/page.c). Until 4.5 it shows BUDDY for the first page of a
///         free chunk; the others have no flags at all, like many a page of the kernel's own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/sparse_array.hpp"

namespace pageblock {
namespace detail {

/// Returns whether the free pages of @p ranges look as if only heads were marked. Two free pages
/// side by side whose first has an even pfn are one chunk, so both are marked, or the second is not.
[[nodiscard]] inline bool marks_heads_only(const PageWords& flags,
                                           const std::vector<PfnRange>& ranges) {
  std::uint64_t nr_both = 0;
  std::uint64_t nr_first = 0;
  const auto look = [&](std::uint64_t start, std::uint64_t end, std::uint64_t word) {
    if ((word & kpf::buddy) == 0) return;
    const std::uint64_t nr_pairs = end / 2 > (start + 1) / 2 ? end / 2 - (start + 1) / 2 : 0;
    nr_both += nr_pairs;
    if (end % 2 == 1 && end < flags.size() && flags[end] == 0) ++nr_first;
  };
  for (const PfnRange& range : ranges) {
    flags.words().for_each_run(range.start.value(), range.end.value(), look);
  }
  return nr_first > nr_both;
}

/// Returns the pages of the free chunk whose first is @p pfn: the largest power of two up to
/// @p most_pages that the chunk can have, with no flags on any other page, and below @p end.
[[nodiscard]] inline std::uint64_t size_of_marked_chunk(const PageWords& flags, std::uint64_t pfn,
                                                        std::uint64_t end,
                                                        std::uint64_t most_pages) {
  std::uint64_t nr_pages = 1;
  while (nr_pages < most_pages && pfn % (2 * nr_pages) == 0 && pfn + 2 * nr_pages <= end) {
    const std::uint64_t second = pfn + nr_pages;
    const std::uint64_t behind = second + nr_pages;
    if (flags[second] != 0 || flags.words().end_of_run(second, behind) != behind) break;
    nr_pages *= 2;
  }
  return nr_pages;
}

/// Makes free pages of those behind the heads in @p range.
inline void fill_marked_chunks(SparseArray<PageKind>& kinds, const PageWords& flags, PfnRange range,
                               std::uint64_t most_pages) {
  std::uint64_t pfn = range.start.value();
  const std::uint64_t end = range.end.value();
  while (pfn < end) {
    if (kinds[pfn] != PageKind::free) {
      pfn = kinds.end_of_run(pfn, end);
      continue;
    }
    const std::uint64_t nr_pages = size_of_marked_chunk(flags, pfn, end, most_pages);
    kinds.fill(pfn, pfn + nr_pages, PageKind::free);
    pfn += nr_pages;
  }
}

}  // namespace detail
}  // namespace pageblock
