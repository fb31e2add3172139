// SPDX-License-Identifier: MIT
/// Describes a zone of a snapshot as a zone can be made from.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Returns the free chunks of @p zone by order, of @p nr_orders: runs of free pages cut into the
/// largest aligned ones, which is what the buddy allocator keeps.
[[nodiscard]] inline std::vector<std::uint64_t> free_chunks(const Snapshot& snapshot,
                                                            const SnapshotZone& zone,
                                                            std::size_t nr_orders) {
  std::vector<std::uint64_t> chunks(nr_orders);
  const auto cut = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
    if (kind != PageKind::free) return;
    while (start < end) {
      std::size_t order = 0;
      while (order + 1 < nr_orders && start % (std::uint64_t{2} << order) == 0 &&
             start + (std::uint64_t{2} << order) <= end) {
        ++order;
      }
      ++chunks[order];
      start += std::uint64_t{1} << order;
    }
  };
  for (const PfnRange& range : zone.pages) {
    snapshot.kinds.for_each_run(range.start.value(), range.end.value(), cut);
  }
  return chunks;
}

/// Describes @p zone as it was: what moves is in use on an LRU list, with a reference for each
/// mapping; what does not is in use on none, tails of compound pages included. All pageblocks are
/// movable, since the files do not say otherwise. Pages that are on per-CPU lists are in use with
/// one reference, for the caller to free.
[[nodiscard]] inline ZoneLayout layout_of(const Snapshot& snapshot, const SnapshotZone& zone,
                                          const PageWords& kpagecount) {
  ZoneLayout layout;
  layout.name = zone.info.name.zone;
  layout.type = zone.type;
  layout.start_pfn = zone.info.start_pfn;
  layout.spanned_pages = zone.info.spanned;
  const auto references = [&](Pfn pfn) {
    const std::uint64_t mappings = kpagecount[pfn.value()];
    return mappings > most_mappings ? 1U : std::max(static_cast<std::uint32_t>(mappings), 1U);
  };
  layout.holes = detail::complement(zone.pages, zone.info.start_pfn, zone.info.range().end);
  const auto describe = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
    const PfnRange run{Pfn{start}, Pfn{end}};
    if (kind == PageKind::hole) {
      layout.holes.push_back(run);
    } else if (kind == PageKind::reserved) {
      layout.reserved.push_back(run);
    } else if (movability(kind) == Movability::movable) {
      for (Pfn pfn = run.start; pfn < run.end;) {
        const std::uint32_t count = references(pfn);
        Pfn next = pfn + 1;
        while (next < run.end && references(next) == count) ++next;
        layout.in_use.push_back({{pfn, next}, count, true});
        pfn = next;
      }
    } else if (kind != PageKind::free) {
      layout.in_use.push_back({run, 1, false});
    }
  };
  for (const PfnRange& range : zone.pages) {
    snapshot.kinds.for_each_run(range.start.value(), range.end.value(), describe);
  }
  return layout;
}

}  // namespace pageblock
