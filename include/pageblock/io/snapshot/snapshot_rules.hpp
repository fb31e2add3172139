// SPDX-License-Identifier: MIT
/// What a snapshot's pages mean to a kernel that looks at every page, as v6.1 does.
///
/// Layer:  io.
/// Kernel: has_unmovable_pages(), offline_pages() of v6.1. A snapshot is read for v3.6, in which
///         more pages are an obstacle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"

namespace pageblock {
namespace detail {

// Hugetlb pages can be migrated (v3.12), if they lie in the memory block as a whole. One that
// reaches across its border is larger than the block: there is no other of its size to move to.
inline void free_hugetlb(Snapshot& snapshot, const MemoryBlock& block,
                         const PageWords& kpageflags) {
  const auto is_hugetlb = [&](Pfn pfn) {
    return pfn.value() < snapshot.kinds.size() && (snapshot.kind(pfn) == PageKind::hugetlb ||
                                                   snapshot.kind(pfn) == PageKind::huge_movable);
  };
  const auto is_head = [&](Pfn pfn) { return (kpageflags[pfn.value()] & kpf::compound_head) != 0; };
  Pfn start = block.range.start;
  Pfn end = std::min(block.range.end, Pfn{snapshot.kinds.size()});
  while (start < end && is_hugetlb(start) && !is_head(start)) ++start;
  if (is_hugetlb(end) && !is_head(end)) {
    while (end > start && is_hugetlb(end - 1) && !is_head(end - 1)) end = end - 1;
    if (end > start && is_hugetlb(end - 1)) end = end - 1;  // the head
  }
  for (Pfn pfn = start; pfn < end; ++pfn) {
    if (is_hugetlb(pfn)) snapshot.kinds[pfn.value()] = PageKind::huge_movable;
  }
}

// A page without flags is a kernel page or free on a per-CPU list. Where a memory block of a zone
// has no other page that cannot move, and not more of these than are on the zone's lists, they are
// taken for free: kernel pages are rarely alone. Blocks with few of them come first.
inline void believe_per_cpu_lists(Snapshot& snapshot, SnapshotZone& zone) {
  struct Candidate {
    PfnRange range;
    std::uint64_t nr_unknown;
  };
  std::vector<Candidate> candidates;
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    const PfnRange whole = zone.info.range();
    if (block.range.start < whole.start || whole.end < block.range.end) continue;
    const PageCounts counts = snapshot.count(block.range);
    if (counts[Movability::unmovable] != 0 || counts[Movability::unknown] == 0) continue;
    candidates.push_back({block.range, counts[Movability::unknown]});
  }
  detail::sort_stably(candidates, &Candidate::nr_unknown);
  for (const Candidate& candidate : candidates) {
    if (zone.nr_per_cpu + candidate.nr_unknown > zone.info.per_cpu_count()) return;
    for (Pfn pfn = candidate.range.start; pfn < candidate.range.end; ++pfn) {
      PageKind& kind = snapshot.kinds[pfn.value()];
      if (kind == PageKind::unknown) kind = PageKind::per_cpu;
    }
    zone.nr_per_cpu += candidate.nr_unknown;
  }
}

}  // namespace detail

/// Says again what the pages of @p snapshot are, for v6.1:
///
///     hugetlb                    movable, unless larger than a memory block
///     poisoned, offline          passed over while memory goes offline (v3.8, v5.8)
///     off its LRU                movable: the caches of the LRU lists are drained before
///     unknown                    per-CPU list, where zoneinfo counts enough and no other page of
///                                the memory block is an obstacle
inline void apply_v6_1_rules(Snapshot& snapshot, const PageWords& kpageflags) {
  for (PageKind& kind : snapshot.kinds) {
    if (kind == PageKind::off_lru) kind = PageKind::page_cache;
    if (kind == PageKind::poisoned || kind == PageKind::offline) kind = PageKind::passed_over;
  }
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    detail::free_hugetlb(snapshot, block, kpageflags);
  }
  for (SnapshotZone& zone : snapshot.zones) {
    detail::believe_per_cpu_lists(snapshot, zone);
    zone.counts = snapshot.count(zone.info.range());
  }
}

}  // namespace pageblock
