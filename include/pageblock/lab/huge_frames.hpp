// SPDX-License-Identifier: MIT
/// How free pages are spread over huge frames: a map of digits, and how far from compact that is.
///
/// Layer:  lab.
/// Kernel: none. LLFree's evaluation counts so (Wrenger and others, USENIX ATC 2023).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/lab/page_scan.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// The free pages of each huge frame of a zone, from its lowest.
struct HugeFrames {
  std::uint32_t frame_pages = 512;     ///< Pages of a huge frame.
  std::vector<std::uint32_t> nr_free;  ///< On free lists; of a frame that is memory in part, too.
  /// Which frames are that, ascending. They can never be free as a whole, so the score is without them.
  std::vector<std::size_t> in_part{};

  /// Returns the frames that are free as a whole.
  [[nodiscard]] std::uint64_t nr_free_frames() const {
    return static_cast<std::uint64_t>(std::ranges::count(nr_free, frame_pages));
  }

  /// Returns a digit for each frame: 0 nothing is free, 9 all is, 1 to 8 the eighths of it that are.
  [[nodiscard]] std::string digits() const {
    std::string text;
    text.reserve(nr_free.size());
    for (const std::uint32_t free : nr_free) {
      const std::uint32_t eighths = free == 0 ? 0 : 1 + (free * 8 - 1) / frame_pages;
      text += static_cast<char>('0' + (free == frame_pages ? 9 : eighths));
    }
    return text;
  }

  /// Returns how many pages must move at least until as many frames are free as can be: from the emptiest
  /// frames into the fullest.
  [[nodiscard]] std::uint64_t moves_to_compact() const {
    std::vector<std::uint32_t> sorted;
    sorted.reserve(nr_free.size());
    auto left_out = in_part.begin();
    for (std::size_t i = 0; i < nr_free.size(); ++i) {
      if (left_out != in_part.end() && *left_out == i) {
        ++left_out;
      } else {
        sorted.push_back(nr_free[i]);
      }
    }
    std::ranges::sort(sorted);
    // In the frames from `full` to `empty`, where room is left.
    std::uint64_t room = std::accumulate(sorted.begin(), sorted.end(), std::uint64_t{0});
    std::uint64_t moves = 0;
    std::size_t full = 0;
    for (std::size_t empty = sorted.size(); empty-- > full;) {
      std::uint32_t used = frame_pages - sorted[empty];
      room -= sorted[empty];
      if (used > room) break;  // nothing would become free by it
      moves += used;
      room -= used;
      while (used != 0) {
        const std::uint32_t nr = std::min(used, sorted[full]);
        used -= nr;
        sorted[full] -= nr;
        if (sorted[full] == 0) ++full;
      }
    }
    return moves;
  }
};

/// Counts the free pages of each huge frame of 2^order pages.
/// Requires: @p order is at most 28. Cost: one pass over the pages. Locking: none; nothing may change.
template <ZoneConfig Config>
[[nodiscard]] HugeFrames huge_frames(const Zone<Config>& zone, Order order = Order{9}) {
  HugeFrames frames{static_cast<std::uint32_t>(order.nr_pages()), {}, {}};
  Pfn pfn = zone.start_pfn().align_down(order);
  PageScan<Config> scan{zone, pfn};
  while (pfn < zone.end_pfn()) {
    const Pfn end = pfn + order.nr_pages();
    std::uint32_t free = 0;
    bool has_hole = false;
    while (pfn < end) {
      const LookRun run = scan.next(end);
      if (run.look == PageLook::free) free += static_cast<std::uint32_t>(run.nr_pages);
      has_hole = has_hole || run.look == PageLook::hole;
      pfn = pfn + run.nr_pages;
    }
    if (has_hole) frames.in_part.push_back(frames.nr_free.size());
    frames.nr_free.push_back(free);
  }
  return frames;
}

}  // namespace pageblock
