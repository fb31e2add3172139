// SPDX-License-Identifier: MIT
/// What a snapshot's pages mean to the kernel that is asked to take them offline.
///
/// Layer:  io.
/// Kernel: has_unmovable_pages(), offline_pages(). The kinds of kpageflags.hpp are v3.6's, in which
///         more pages are an obstacle than later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/sort_stably.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kernel_version.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/sparse_array.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {
namespace detail {

// Hugetlb pages can be migrated (v3.12), if they lie in the memory block as a whole. One that
// reaches across its border is larger than the block: there is no other of its size to move to.
inline void free_hugetlb(Snapshot& snapshot, const MemoryBlock& block,
                         const PageWords& kpageflags) {
  const auto is_hugetlb = [&](std::uint64_t pfn) {
    return pfn < snapshot.kinds.size() && (snapshot.kinds[pfn] == PageKind::hugetlb ||
                                           snapshot.kinds[pfn] == PageKind::huge_movable);
  };
  const auto is_head = [&](std::uint64_t pfn) {
    return (kpageflags[pfn] & kpf::compound_head) != 0;
  };
  std::uint64_t start = block.range.start.value();
  std::uint64_t end = std::min(block.range.end.value(), snapshot.kinds.size());
  while (start < end && is_hugetlb(start) && !is_head(start)) ++start;
  if (is_hugetlb(end) && !is_head(end)) {
    while (end > start && is_hugetlb(end - 1) && !is_head(end - 1)) --end;
    if (end > start && is_hugetlb(end - 1)) --end;  // the head
  }
  snapshot.kinds.for_each_run(start, end,
                              [&](std::uint64_t first, std::uint64_t behind, PageKind kind) {
                                if (kind == PageKind::hugetlb)
                                  snapshot.kinds.fill(first, behind, PageKind::huge_movable);
                              });
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
    const auto own = parts_within(zone.pages, block.range);
    if (own.size() != 1 || own.front() != block.range) continue;
    const PageCounts counts = snapshot.count(block.range);
    if (counts[Movability::unmovable] != 0 || counts[Movability::unknown] == 0) continue;
    candidates.push_back({block.range, counts[Movability::unknown]});
  }
  detail::sort_stably(candidates, &Candidate::nr_unknown);
  for (const Candidate& candidate : candidates) {
    if (zone.nr_per_cpu + candidate.nr_unknown > zone.info.per_cpu_count()) return;
    snapshot.kinds.for_each_run(candidate.range.start.value(), candidate.range.end.value(),
                                [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                  if (kind == PageKind::unknown)
                                    snapshot.kinds.fill(start, end, PageKind::per_cpu);
                                });
    zone.nr_per_cpu += candidate.nr_unknown;
  }
}

// A memory block that was hot-added with its own memory map (memmap_on_memory, since v5.14): exactly
// the pages that its map takes, at its start, have the mark OWNER_PRIVATE. Until v6.10 they are
// RESERVED as well; boot's reserved memory has no such mark. With memmap_on_memory=force they are
// rounded up to whole pageblocks.
inline void find_own_memmap(Snapshot& snapshot, const MemoryBlock& block,
                            const PageWords& kpageflags) {
  constexpr std::uint64_t descriptor_size = 64;
  const std::uint64_t nr_pageblock_pages = std::uint64_t{1} << snapshot.pageblock_order;
  const auto is_map = [&](std::uint64_t pfn) {
    const PageKind kind = snapshot.kinds[pfn];
    return (kpageflags[pfn] & kpf::owner_private) != 0 &&
           (kind == PageKind::reserved || kind == PageKind::kernel);
  };
  const std::uint64_t start = block.range.start.value();
  const std::uint64_t end = std::min(block.range.end.value(), snapshot.kinds.size());
  std::uint64_t pfn = start;
  while (pfn < end && is_map(pfn)) ++pfn;
  const std::uint64_t nr_map_pages = block.range.nr_pages() * descriptor_size / snapshot.page_size;
  const std::uint64_t rounded =
      (nr_map_pages + nr_pageblock_pages - 1) / nr_pageblock_pages * nr_pageblock_pages;
  if (nr_map_pages == 0 || (pfn - start != nr_map_pages && pfn - start != rounded)) return;
  snapshot.kinds.fill(start, pfn, PageKind::own_memmap);
}

// A driver that has PageOffline pages holds a reference to each. virtio-mem lets go of it when
// memory is to go offline; a balloon does not.
inline PageKind offline_kind(const Snapshot& snapshot, std::uint64_t pfn) {
  if (!snapshot.virtio_mem) return PageKind::passed_over;
  const bool is_virtio_mem = std::ranges::any_of(
      *snapshot.virtio_mem, [pfn](const PfnRange& range) { return range.contains(Pfn{pfn}); });
  return is_virtio_mem ? PageKind::passed_over : PageKind::balloon;
}

}  // namespace detail

/// Says again what the pages of @p snapshot are, for the kernel that is @p asked:
///
///     poisoned                   passed over while memory goes offline (v3.8)
///     hugetlb                    movable, unless larger than a memory block (v3.12)
///     unknown                    per-CPU list, where zoneinfo counts enough and no other page of
///                                the memory block is an obstacle (v4.15 looks at all pages)
///     offline                    passed over (v5.8) if virtio-mem's: outside the memory that it has
///                                brought, a balloon's
///     off its LRU                movable (v5.13): the caches of the LRU lists are emptied before
///     first pages of a block     its own memory map (v5.14)
inline void apply_kernel_rules(Snapshot& snapshot, const PageWords& kpageflags,
                               KernelVersion asked) {
  const auto look = [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
    if (kind == PageKind::poisoned && asked >= KernelVersion{3, 8}) {
      snapshot.kinds.fill(start, end, PageKind::passed_over);
    } else if (kind == PageKind::off_lru && asked >= KernelVersion{5, 13}) {
      snapshot.kinds.fill(start, end, PageKind::page_cache);
    } else if (kind == PageKind::offline && asked >= KernelVersion{5, 8}) {
      for (std::uint64_t pfn = start; pfn < end; ++pfn) {
        snapshot.kinds.set(pfn, detail::offline_kind(snapshot, pfn));
      }
    }
  };
  snapshot.kinds.for_each_run(0, snapshot.kinds.size(), look);
  for (const MemoryBlock& block : snapshot.memory.blocks) {
    if (asked >= KernelVersion{3, 12}) detail::free_hugetlb(snapshot, block, kpageflags);
    if (asked >= KernelVersion{5, 14}) {
      detail::find_own_memmap(snapshot, block, kpageflags);
    }
  }
  for (SnapshotZone& zone : snapshot.zones) {
    if (asked >= KernelVersion{4, 15}) detail::believe_per_cpu_lists(snapshot, zone);
    zone.counts = snapshot.count(zone.pages);
  }
}

}  // namespace pageblock
