// SPDX-License-Identifier: MIT
/// A machine's memory as its files show it: zones, memory blocks and the kind of every page.
///
/// Layer:  io.
/// Kernel: none; it is what user space can know of mem_map and pgdat.
///
/// The files are read one after the other while the machine runs. What cannot be true of any
/// machine is an error; what can have changed in between is a note with both numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/buddyinfo_reader.hpp"
#include "pageblock/io/text/iomem.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/pagetypeinfo_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/sparse_array.hpp"
#include "pageblock/io/text/zoneinfo.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The most mappings of a page that are believed: Linux has no more processes than that. A larger
/// number in /proc/kpagecount is the kernel's remark about something else, or damage.
inline constexpr std::uint64_t most_mappings = std::uint64_t{1} << 22;

/// What a machine reports about its memory.
struct SnapshotFiles {
  PageWords kpageflags;                    ///< /proc/kpageflags.
  PageWords kpagecount;                    ///< /proc/kpagecount.
  InputFile zoneinfo;                      ///< /proc/zoneinfo.
  std::optional<InputFile> buddyinfo;      ///< /proc/buddyinfo, if there.
  std::optional<InputFile> pagetypeinfo;   ///< /proc/pagetypeinfo, if there.
  std::optional<InputFile> memory_blocks;  ///< A list of the memory blocks, if there.
  std::optional<InputFile> iomem;          ///< /proc/iomem, if there.
  /// /proc/version, or what uname prints.
  std::optional<InputFile> version;
  /// The bytes of a page, if they are known and need not be found out.
  std::optional<std::uint64_t> page_size;
};

/// Pages by movability.
class PageCounts {
 public:
  [[nodiscard]] std::uint64_t operator[](Movability what) const {
    return counts_[static_cast<std::size_t>(what)];
  }
  /// Counts @p nr_pages more of @p kind.
  void add(PageKind kind, std::uint64_t nr_pages = 1) {
    counts_[static_cast<std::size_t>(movability(kind))] += nr_pages;
  }

  /// Adds what @p others counts.
  void add(const PageCounts& others) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += others.counts_[i];
  }

  /// Returns how many pages are memory.
  [[nodiscard]] std::uint64_t nr_present() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum - (*this)[Movability::hole];
  }
  friend bool operator==(const PageCounts&, const PageCounts&) = default;

 private:
  std::array<std::uint64_t, nr_movabilities> counts_{};
};

/// One zone of a snapshot.
struct SnapshotZone {
  ZoneInfo info;                     ///< What zoneinfo says of it.
  ZoneType type = ZoneType::normal;  ///< Which zone of its node.
  /// What of its span is its own, sorted and disjoint: spans may overlap.
  std::vector<PfnRange> pages;
  PageCounts counts;  ///< Its pages by kind.
  /// Free pages that can only be on a per-CPU list.
  std::uint64_t nr_per_cpu = 0;
  std::optional<BuddyInfoRow> buddyinfo;       ///< Its row of buddyinfo, if there.
  std::optional<BlockTypeCounts> block_types;  ///< Its pageblocks by type, if there.

  /// Returns the pages on the buddy lists.
  [[nodiscard]] std::uint64_t nr_buddy() const { return counts[Movability::free] - nr_per_cpu; }
};

/// All that the files say, checked against each other.
struct Snapshot {
  /// The bytes of a page, and where that is known from; empty if it is assumed.
  std::uint64_t page_size = 4096;
  std::string page_size_evidence;  ///< What says how large a page is.
  /// Of pageblocks, and where it is known from; empty if it is assumed.
  unsigned pageblock_order = 9;
  std::string pageblock_order_evidence;  ///< What says how large a pageblock is.
  /// What each page is, by pfn.
  SparseArray<PageKind> kinds;
  std::vector<SnapshotZone> zones;  ///< In the order of zoneinfo.
  /// Pages that several zones span while nothing says whose they are.
  std::vector<PfnRange> open;
  MemoryBlocks memory;  ///< The memory blocks.
  /// Whether there was no list of memory blocks, so that they are assumed to have 128 MiB.
  bool memory_is_assumed = false;
  /// Whether the difference between reserved memory and holes is known.
  bool knows_ram = false;
  /// Memory that a virtio-mem device has brought; nothing if iomem does not say.
  std::optional<std::vector<PfnRange>> virtio_mem;
  /// Whether only the first page of a free chunk was marked, as before Linux 4.6.
  bool marks_heads_only = false;
  std::optional<PageTypeInfo> pagetypeinfo;  ///< What pagetypeinfo says, if there.
  /// Where the files differ in what may have changed between two reads.
  std::vector<std::string> notes;

  /// Returns what the page @p pfn is.
  [[nodiscard]] PageKind kind(Pfn pfn) const { return kinds[pfn.value()]; }

  /// Counts the pages of a range. What lies behind the last known page is a hole.
  [[nodiscard]] PageCounts count(PfnRange range) const {
    PageCounts counts;
    const std::uint64_t end = range.end.value();
    kinds.for_each_run(range.start.value(), end,
                       [&](std::uint64_t start, std::uint64_t next, PageKind kind) {
                         counts.add(kind, next - start);
                       });
    const std::uint64_t known = std::max(range.start.value(), kinds.size());
    if (known < end) counts.add(PageKind::hole, end - known);
    return counts;
  }

  [[nodiscard]] PageCounts count(const std::vector<PfnRange>& ranges) const {
    PageCounts counts;
    for (const PfnRange& range : ranges) counts.add(count(range));
    return counts;
  }
};

/// Returns the parts of @p ranges that lie in @p limits, in order.
[[nodiscard]] inline std::vector<PfnRange> parts_within(const std::vector<PfnRange>& ranges,
                                                        PfnRange limits) {
  std::vector<PfnRange> parts;
  for (const PfnRange& range : ranges) {
    const PfnRange part{std::max(range.start, limits.start), std::min(range.end, limits.end)};
    if (!part.empty() && part.start < part.end) parts.push_back(part);
  }
  return parts;
}

}  // namespace pageblock
