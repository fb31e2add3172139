// SPDX-License-Identifier: MIT
/// The zones of a machine's files as the beginning of a time line, so that they can be looked at page by
/// page.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/picture/block_look.hpp"
#include "pageblock/io/picture/page_scan.hpp"
#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"

namespace pageblock {

/// Returns how a page of a kind looks.
[[nodiscard]] constexpr PageLook look_of(PageKind kind) {
  if (kind == PageKind::per_cpu) return PageLook::listed;
  switch (movability(kind)) {
    case Movability::hole:
      return PageLook::hole;
    case Movability::free:
      return PageLook::free;
    case Movability::movable:
      return PageLook::movable;
    case Movability::unknown:
      return PageLook::unknown;
    case Movability::unmovable:
      break;
  }
  return PageLook::unmovable;
}

namespace detail {

/// Makes a part of a zone. What is free is cut into the largest aligned chunks.
class SnapshotPart {
 public:
  SnapshotPart(const Snapshot& snapshot, const SnapshotZone& zone)
      : snapshot_{snapshot}, order_{snapshot.pageblock_order} {
    const PfnRange span = zone.info.range();
    part_.name = fmt::format("{}", zone.info.name);
    part_.start = span.start.align_down(order_);
    part_.block_pages = order_.nr_pages();
    part_.has_types = false;
    part_.numbers = {static_cast<std::int64_t>(zone.info.free),
                     static_cast<std::int64_t>(zone.info.per_cpu_count()), 0};
    for (Pfn block = part_.start; block < span.end; block += part_.block_pages) add(zone, block);
  }

  [[nodiscard]] TimeLine::Part take() { return std::move(part_); }

 private:
  void add(const SnapshotZone& zone, Pfn block) {
    const PfnRange range{block, block + part_.block_pages};
    SeenBlock seen;
    BlockPages pages;
    Pfn next = block;
    const auto fill = [&](Pfn end, PageLook look) {
      while (next < end) {
        const std::uint64_t nr_pages =
            look == PageLook::free ? next.max_aligned_order(largest_below(end - next)).nr_pages()
                                   : end - next;
        pages.add(look, nr_pages);
        seen.runs.push_back({next, nr_pages, look, look == PageLook::free});
        next += nr_pages;
      }
    };
    for (const PfnRange& own : parts_within(zone.pages, range)) {
      fill(own.start, PageLook::hole);
      snapshot_.kinds.for_each_run(
          own.start.value(), own.end.value(),
          [&](std::uint64_t, std::uint64_t end, PageKind kind) { fill(Pfn{end}, look_of(kind)); });
      fill(own.end, PageLook::hole);  // behind the last page that is known
    }
    fill(range.end, PageLook::hole);
    seen.look = look_of(pages);
    part_.first.push_back(std::move(seen));
  }

  // The order of the largest chunk that fits.
  [[nodiscard]] static Order largest_below(std::uint64_t nr_pages) {
    return Order{static_cast<unsigned>(std::bit_width(nr_pages)) - 1};
  }

  const Snapshot& snapshot_;
  Order order_;
  TimeLine::Part part_;
};

}  // namespace detail

/// Adds the zones of a snapshot to a time line that has no step yet, the lowest first.
inline void watch(TimeLine& line, const Snapshot& snapshot) {
  std::vector<const SnapshotZone*> zones;
  for (const SnapshotZone& zone : snapshot.zones) {
    if (zone.info.spanned != 0) zones.push_back(&zone);
  }
  detail::sort_stably(zones, [](const SnapshotZone* zone) { return zone->info.start_pfn; });
  for (const SnapshotZone* zone : zones)
    line.add_part(detail::SnapshotPart{snapshot, *zone}.take());
}

}  // namespace pageblock
