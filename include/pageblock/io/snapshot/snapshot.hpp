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
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/buddyinfo_reader.hpp"
#include "pageblock/io/text/iomem.hpp"
#include "pageblock/io/text/kpageflags.hpp"
#include "pageblock/io/text/memory_blocks.hpp"
#include "pageblock/io/text/pagetypeinfo_reader.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/text/zoneinfo.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// The most mappings of a page that are believed: Linux has no more processes than that. A larger
/// number in /proc/kpagecount is the kernel's remark about something else, or damage.
inline constexpr std::uint64_t most_mappings = std::uint64_t{1} << 22;

/// What a machine reports about its memory.
struct SnapshotFiles {
  InputFile kpageflags;
  InputFile kpagecount;
  InputFile zoneinfo;
  std::optional<InputFile> buddyinfo;
  std::optional<InputFile> pagetypeinfo;
  std::optional<InputFile> memory_blocks;
  std::optional<InputFile> iomem;
};

/// Pages by movability.
class PageCounts {
 public:
  [[nodiscard]] std::uint64_t operator[](Movability what) const {
    return counts_[static_cast<std::size_t>(what)];
  }
  void add(PageKind kind) { ++counts_[static_cast<std::size_t>(movability(kind))]; }

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
  ZoneInfo info;
  ZoneType type = ZoneType::normal;
  PageCounts counts;
  /// Free pages that can only be on a per-CPU list.
  std::uint64_t nr_per_cpu = 0;
  std::optional<BuddyInfoRow> buddyinfo;
  std::optional<BlockTypeCounts> block_types;

  /// Returns the pages on the buddy lists.
  [[nodiscard]] std::uint64_t nr_buddy() const { return counts[Movability::free] - nr_per_cpu; }
};

/// All that the files say, checked against each other.
struct Snapshot {
  /// What each page is, by pfn.
  std::vector<PageKind> kinds;
  std::vector<SnapshotZone> zones;
  MemoryBlocks memory;
  /// Whether there was no list of memory blocks, so that they are assumed to have 128 MiB.
  bool memory_is_assumed = false;
  /// Whether the difference between reserved memory and holes is known.
  bool knows_ram = false;
  std::optional<PageTypeInfo> pagetypeinfo;
  /// Where the files differ in what may have changed between two reads.
  std::vector<std::string> notes;

  [[nodiscard]] PageKind kind(Pfn pfn) const { return kinds[pfn.value()]; }

  /// Counts the pages of a range. What lies behind the last known page is a hole.
  [[nodiscard]] PageCounts count(PfnRange range) const {
    PageCounts counts;
    for (std::uint64_t pfn = range.start.value(); pfn < range.end.value(); ++pfn) {
      counts.add(pfn < kinds.size() ? kinds[pfn] : PageKind::hole);
    }
    return counts;
  }
};

namespace detail {

/// Returns the first pfn behind @p pfn, @p end at most, whose kind differs.
[[nodiscard]] inline Pfn end_of_run(const std::vector<PageKind>& kinds, Pfn pfn, Pfn end) {
  const PageKind kind = kinds[pfn.value()];
  while (pfn < end && kinds[pfn.value()] == kind) ++pfn;
  return pfn;
}

/// Makes holes of the pages of @p zone outside @p memory that look reserved or unknown. Returns
/// the number of the others, which contradict.
inline std::uint64_t mark_holes(std::vector<PageKind>& kinds, const ZoneInfo& zone,
                                const std::vector<PfnRange>& memory) {
  std::uint64_t nr_contradictions = 0;
  std::vector<PfnRange> inside;
  for (const PfnRange& range : memory) {
    const PfnRange part{std::max(range.start, zone.range().start),
                        std::min(range.end, zone.range().end)};
    if (!part.empty()) inside.push_back(part);
  }
  for (const PfnRange& absent : complement(inside, zone.range().start, zone.range().end)) {
    for (Pfn pfn = absent.start; pfn < absent.end; ++pfn) {
      PageKind& kind = kinds[pfn.value()];
      if (kind == PageKind::unknown || kind == PageKind::reserved) {
        kind = PageKind::hole;
      } else if (kind != PageKind::hole) {
        ++nr_contradictions;
      }
    }
  }
  return nr_contradictions;
}

/// Returns blocks of 128 MiB, the usual size on x86-64, wherever a zone has pages.
[[nodiscard]] inline MemoryBlocks assumed_memory_blocks(const std::vector<ZoneInfo>& zones,
                                                        const std::vector<PageKind>& kinds) {
  constexpr std::uint64_t nr_pages = 32768;
  MemoryBlocks memory{nr_pages, {}};
  std::uint64_t next = 0;
  for (const ZoneInfo& zone : zones) {
    for (Pfn pfn = zone.start_pfn; pfn < zone.range().end;) {
      if (kinds[pfn.value()] == PageKind::hole) {
        pfn = end_of_run(kinds, pfn, zone.range().end);
        continue;
      }
      const std::uint64_t id = pfn.value() / nr_pages;
      if (id >= next) {
        memory.blocks.push_back({fmt::format("memory{}", id),
                                 {Pfn{id * nr_pages}, Pfn{(id + 1) * nr_pages}},
                                 "online",
                                 0});
        next = id + 1;
      }
      pfn = std::min(Pfn{(id + 1) * nr_pages}, zone.range().end);
    }
  }
  return memory;
}

}  // namespace detail

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
  const Pfn end = zone.info.range().end;
  for (Pfn pfn = zone.info.start_pfn; pfn < end;) {
    const PageKind kind = snapshot.kind(pfn);
    PfnRange run{pfn, detail::end_of_run(snapshot.kinds, pfn, end)};
    if (kind == PageKind::hole) {
      layout.holes.push_back(run);
    } else if (kind == PageKind::reserved) {
      layout.reserved.push_back(run);
    } else if (movability(kind) == Movability::movable) {
      const std::uint32_t count = references(pfn);
      Pfn next = pfn + 1;
      while (next < run.end && references(next) == count) ++next;
      run.end = next;
      layout.in_use.push_back({run, count, true});
    } else if (kind != PageKind::free) {
      layout.in_use.push_back({run, 1, false});
    }
    pfn = run.end;
  }
  return layout;
}

}  // namespace pageblock
