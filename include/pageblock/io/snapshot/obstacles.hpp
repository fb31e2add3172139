// SPDX-License-Identifier: MIT
/// What stands in the way of the memory blocks that were refused, by kind, and what helps.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <tuple>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/snapshot/offline_judge.hpp"
#include "pageblock/io/snapshot/snapshot.hpp"
#include "pageblock/io/text/kpageflags.hpp"

namespace pageblock {

/// The pages of one kind that cannot move, or of which nobody knows.
struct Obstacle {
  PageKind kind = PageKind::unknown;  ///< What the pages are.
  std::uint64_t nr_pages = 0;         ///< How many of them.
  /// The refused memory blocks that have such pages.
  std::uint64_t nr_blocks = 0;
};

/// Returns the obstacles in the refused blocks, those in most blocks first.
[[nodiscard]] inline std::vector<Obstacle> obstacles_of(const Snapshot& snapshot,
                                                        const Judgement& judgement) {
  std::array<Obstacle, nr_page_kinds> by_kind{};
  for (const BlockJudgement& block : judgement.blocks) {
    if (block.verdict != Verdict::refused) continue;
    std::array<std::uint64_t, nr_page_kinds> pages{};
    snapshot.kinds.for_each_run(block.block.range.start.value(), block.block.range.end.value(),
                                [&](std::uint64_t start, std::uint64_t end, PageKind kind) {
                                  pages[static_cast<std::size_t>(kind)] += end - start;
                                });
    for (std::size_t i = 0; i < nr_page_kinds; ++i) {
      if (pages[i] == 0) continue;
      by_kind[i].nr_pages += pages[i];
      ++by_kind[i].nr_blocks;
    }
  }
  std::vector<Obstacle> obstacles;
  for (std::size_t i = 0; i < nr_page_kinds; ++i) {
    by_kind[i].kind = static_cast<PageKind>(i);
    const Movability can = movability(by_kind[i].kind);
    const bool is_obstacle = can == Movability::unmovable || can == Movability::unknown;
    if (is_obstacle && by_kind[i].nr_pages != 0) obstacles.push_back(by_kind[i]);
  }
  std::ranges::sort(obstacles, std::ranges::greater{}, [](const Obstacle& obstacle) {
    return std::tuple{obstacle.nr_blocks, obstacle.nr_pages,
                      nr_page_kinds - static_cast<std::size_t>(obstacle.kind)};
  });
  return obstacles;
}

/// Returns what can be done about pages of a kind.
[[nodiscard]] constexpr std::string_view advice_for(PageKind kind) {
  switch (kind) {
    case PageKind::slab:
      return "Kernel objects. Caches of files and folders among them go with 'echo 2 > "
             "/proc/sys/vm/drop_caches'; the rest stays.";
    case PageKind::page_table:
      return "They go when the processes end whose memory they describe.";
    case PageKind::reserved:
      return "There since boot, and until the next one.";
    case PageKind::hugetlb:
      return "Make the pool of huge pages smaller (nr_hugepages), or end who uses them.";
    case PageKind::offline:
      return "A balloon or virtio-mem has them: ask it to give them back, or to take the block.";
    case PageKind::balloon:
      return "A balloon has them: ask the host to deflate it. Some balloons' pages can be "
             "migrated; "
             "the files do not tell.";
    case PageKind::poisoned:
      return "Broken memory: nobody can take it away.";
    case PageKind::zero_page:
      return "The huge page of zeros goes when no process uses it any more.";
    case PageKind::off_lru:
      return "Kernel pages, or on their way to an LRU list: 'sync', wait a moment, try again.";
    case PageKind::unknown:
      return "Kernel memory without flags (stacks, drivers), or free on a per-CPU list, which "
             "taking the block offline empties: try it.";
    default:
      return "The kernel or a driver has them. Memory that is to go later is better onlined as "
             "movable ('online_movable'): the kernel keeps out of it.";
  }
}

}  // namespace pageblock
