// SPDX-License-Identifier: MIT
/// How fragmented memory is: of the free lists at once, of all pages in one pass.
///
/// Layer:  lab.
/// Kernel: /sys/kernel/debug/extfrag shows the two indices (mm/fragmentation_index.hpp); of the rest
///         there is no counterpart.
///
/// Shares are in thousandths without the fraction, so that they are the same on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/page_scan.hpp"
#include "pageblock/mm/fragmentation_index.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns @p part of @p whole in thousandths without the fraction; 0 of nothing.
[[nodiscard]] constexpr std::uint64_t thousandths(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : part * 1000 / whole;
}

/// The free lists of a zone, or of several together. Counts of a file do as well (/proc/buddyinfo).
struct FreeMemory {
  /// The largest number of orders that a config can have.
  static constexpr std::size_t max_orders = 20;
  /// Free chunks by order.
  std::array<std::uint64_t, max_orders> nr_free{};

  /// Returns the free pages.
  [[nodiscard]] constexpr std::uint64_t nr_pages() const { return pages_in_chunks_from(Order{0}); }
  /// Returns the free pages in chunks of @p order and larger ones.
  [[nodiscard]] constexpr std::uint64_t pages_in_chunks_from(Order order) const {
    std::uint64_t pages = 0;
    for (std::size_t i = order.value(); i < max_orders; ++i) pages += nr_free[i] << i;
    return pages;
  }
  /// Returns what the two indices of the kernel are computed of.
  [[nodiscard]] constexpr ContigPageInfo info(Order order) const {
    return contig_page_info(std::span{nr_free}, order);
  }
  /// Returns the kernel's unusable free index, 0 to 1000: 1000 if nothing is free.
  [[nodiscard]] constexpr std::uint64_t unusable(Order order) const {
    return unusable_free_index(order, info(order));
  }
  /// Returns the kernel's external fragmentation index: -1000 if a request does not fail, else 0 (too
  /// little memory) to 1000 (fragmented).
  [[nodiscard]] constexpr std::int64_t fragmentation(Order order) const {
    return fragmentation_index(order, info(order));
  }
  constexpr FreeMemory& operator+=(const FreeMemory& other) {
    for (std::size_t i = 0; i < max_orders; ++i) nr_free[i] += other.nr_free[i];
    return *this;
  }
  friend bool operator==(const FreeMemory&, const FreeMemory&) = default;
};

/// Returns what the free lists of @p zone have; pages on per-CPU lists are on none.
/// Cost: the number of orders. Locking: none.
template <ZoneConfig Config>
[[nodiscard]] FreeMemory free_memory(const Zone<Config>& zone) {
  FreeMemory memory;
  for (unsigned order = 0; order < Config::max_order; ++order) {
    memory.nr_free[order] = zone.nr_free(Order{order});
  }
  return memory;
}
/// The same of all zones of a node together.
template <ZoneConfig Config>
[[nodiscard]] FreeMemory free_memory(const Node<Config>& node) {
  FreeMemory memory;
  for (const Zone<Config>& zone : node.zones()) memory += free_memory(zone);
  return memory;
}

/// What measure() finds. In use and movable are pages on LRU lists; all others in use are unmovable.
struct Metrics {
  FreeMemory free;  ///< The free lists.

  /// Pages by what they are.
  struct Pages {
    std::uint64_t present = 0;    ///< All.
    std::uint64_t free = 0;       ///< On free lists.
    std::uint64_t listed = 0;     ///< On per-CPU lists.
    std::uint64_t movable = 0;    ///< In use.
    std::uint64_t unmovable = 0;  ///< In use, or reserved.
    friend bool operator==(const Pages&, const Pages&) = default;
  } pages;

  /// Pageblocks by what is in them. Those without memory do not count.
  struct Blocks {
    std::uint64_t total = 0;           ///< All.
    std::uint64_t free = 0;            ///< All memory is free.
    std::uint64_t with_unmovable = 0;  ///< At least one page is unmovable.
    std::uint64_t mixed = 0;           ///< Some pages are movable, some unmovable.
    /// Returns those that could be emptied by moving what is in them.
    [[nodiscard]] std::uint64_t emptiable() const { return total - with_unmovable; }
    friend bool operator==(const Blocks&, const Blocks&) = default;
  } blocks;

  std::uint64_t pages_in_free_blocks = 0;  ///< Free pages of blocks that are free as a whole.
  /// How many runs of free pages side by side have 2^i to 2^(i+1) - 1 pages, whatever their chunks.
  std::array<std::uint64_t, 33> free_runs{};
  std::uint64_t longest_free_run = 0;  ///< In pages.
  /// The longest range that could be emptied: memory without a page that is unmovable.
  PfnRange emptiable{};

  /// Returns how far unmovable pages are scattered: the share of the pageblocks that have some.
  [[nodiscard]] std::uint64_t unmovable_scatter() const {
    return thousandths(blocks.with_unmovable, blocks.total);
  }
  /// Returns the share of the free pages that is in blocks which are free as a whole.
  [[nodiscard]] std::uint64_t share_in_free_blocks() const {
    return thousandths(pages_in_free_blocks, pages.free);
  }
  /// Adds those of another zone; the longer range and the longer run stay.
  Metrics& operator+=(const Metrics& other);
  friend bool operator==(const Metrics&, const Metrics&) = default;
};

inline Metrics& Metrics::operator+=(const Metrics& other) {
  free += other.free;
  pages.present += other.pages.present;
  pages.free += other.pages.free;
  pages.listed += other.pages.listed;
  pages.movable += other.pages.movable;
  pages.unmovable += other.pages.unmovable;
  blocks.total += other.blocks.total;
  blocks.free += other.blocks.free;
  blocks.with_unmovable += other.blocks.with_unmovable;
  blocks.mixed += other.blocks.mixed;
  pages_in_free_blocks += other.pages_in_free_blocks;
  for (std::size_t i = 0; i < free_runs.size(); ++i) free_runs[i] += other.free_runs[i];
  longest_free_run = std::max(longest_free_run, other.longest_free_run);
  if (emptiable.nr_pages() < other.emptiable.nr_pages()) emptiable = other.emptiable;
  return *this;
}

namespace detail {

// Adds up what a scan sees, a pageblock at a time.
class MetricsScan {
 public:
  explicit MetricsScan(Pfn start) : emptiable_from_{start} {}

  void add(const LookRun& run) {
    const Pfn end = run.start + run.nr_pages;
    const bool is_free = run.look == PageLook::free;
    if (is_free) free_run_ += run.nr_pages;
    if (!is_free) end_free_run();
    if (run.look == PageLook::unmovable || run.look == PageLook::hole) {
      emptiable_from_ = end;
    } else if (metrics_.emptiable.nr_pages() < end - emptiable_from_) {
      metrics_.emptiable = {emptiable_from_, end};
    }
    if (run.look == PageLook::hole) return;
    block_.present += run.nr_pages;
    if (is_free) block_.free += run.nr_pages;
    if (run.look == PageLook::listed) block_.listed += run.nr_pages;
    if (run.look == PageLook::movable) block_.movable += run.nr_pages;
    if (run.look == PageLook::unmovable) block_.unmovable += run.nr_pages;
  }

  void end_block() {
    if (block_.present == 0) return;
    Metrics::Blocks& blocks = metrics_.blocks;
    ++blocks.total;
    if (block_.free == block_.present) {
      ++blocks.free;
      metrics_.pages_in_free_blocks += block_.free;
    }
    if (block_.unmovable != 0) {
      ++blocks.with_unmovable;
      if (block_.movable != 0) ++blocks.mixed;
    }
    Metrics::Pages& pages = metrics_.pages;
    pages.present += block_.present;
    pages.free += block_.free;
    pages.listed += block_.listed;
    pages.movable += block_.movable;
    pages.unmovable += block_.unmovable;
    block_ = {};
  }

  [[nodiscard]] Metrics end() {
    end_free_run();
    return metrics_;
  }

 private:
  void end_free_run() {
    if (free_run_ == 0) return;
    ++metrics_.free_runs[63 - static_cast<unsigned>(std::countl_zero(free_run_))];
    metrics_.longest_free_run = std::max(metrics_.longest_free_run, free_run_);
    free_run_ = 0;
  }

  Metrics metrics_;
  Metrics::Pages block_;
  std::uint64_t free_run_ = 0;
  Pfn emptiable_from_;
};

}  // namespace detail

/// Looks at every page of @p zone.
/// Cost:    one pass over the pages. Where a time line asks at each step, see lab/block_ledger.hpp.
/// Locking: none; the zone must not change meanwhile.
template <ZoneConfig Config>
[[nodiscard]] Metrics measure(const Zone<Config>& zone) {
  detail::MetricsScan sum{zone.start_pfn()};
  PageScan<Config> scan{zone, zone.start_pfn()};
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn();) {
    const Pfn end = std::min((pfn + 1).align_up(Zone<Config>::pageblock_order), zone.end_pfn());
    while (pfn < end) {
      const LookRun run = scan.next(end);
      sum.add(run);
      pfn = run.start + run.nr_pages;
    }
    sum.end_block();
  }
  Metrics metrics = sum.end();
  metrics.free = free_memory(zone);
  return metrics;
}
/// The same of all zones of a node together; a range or run is within one zone.
template <ZoneConfig Config>
[[nodiscard]] Metrics measure(const Node<Config>& node) {
  Metrics metrics;
  for (const Zone<Config>& zone : node.zones()) metrics += measure(zone);
  return metrics;
}

/// Returns one line: what is free, how it is scattered, and what could be emptied.
[[nodiscard]] inline std::string to_string(const Metrics& metrics) {
  return fmt::format(
      "{} of {} pages free ({} thousandths of them in free blocks), {} of {} blocks free, {} with "
      "unmovable "
      "pages ({} mixed), longest free run {} pages, emptiable {}",
      metrics.pages.free, metrics.pages.present, metrics.share_in_free_blocks(),
      metrics.blocks.free, metrics.blocks.total, metrics.blocks.with_unmovable,
      metrics.blocks.mixed, metrics.longest_free_run, metrics.emptiable);
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Metrics> : pageblock::detail::ToStringFormatter {};
