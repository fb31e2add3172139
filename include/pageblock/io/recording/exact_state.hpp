// SPDX-License-Identifier: MIT
/// The exact state of a machine's page allocator, read from outside while the machine stood still.
///
/// Layer:  io.
/// Kernel: struct zone, free_area, per_cpu_pages and mem_section of v6.1 and later.
///
/// Plain values: nothing here knows how a zone of the library is built. Migratetypes are the
/// kernel's numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What a CPU's trace buffer had seen.
struct ExactTraceBuffer {
  Cpu cpu;
  std::uint64_t entries = 0;
  std::uint64_t overrun = 0;
  std::uint64_t commit_overrun = 0;
  std::uint64_t dropped = 0;
  std::uint64_t read = 0;
};

/// A free list, its head first. Allocation takes from the head.
struct ExactFreeList {
  Order order;
  unsigned migratetype = 0;
  std::vector<Pfn> pfns;
};

/// A chunk on a per-CPU list, with the type that it remembers and returns to; of kernels that remember none,
/// that of its block.
struct ExactPcpPage {
  Pfn pfn;
  unsigned migratetype = 0;
  friend bool operator==(const ExactPcpPage&, const ExactPcpPage&) = default;
};

/// One list of a per-CPU set, its head first. Lists of order 0 to 3 have the index
/// 3 * order + type; those of huge pages are 12 and 13 and are no type's but "movable" and "other".
struct ExactPcpList {
  unsigned index = 0;
  Order order;
  std::string type;  ///< as the file names it: a number, "movable" or "other"
  std::vector<ExactPcpPage> pages;
};

/// The per-CPU lists of one CPU in one zone.
struct ExactPcp {
  Cpu cpu;
  std::size_t line = 0;
  std::uint64_t address = 0;
  std::uint64_t count = 0;  ///< in pages
  std::uint64_t high = 0;
  std::uint64_t batch = 0;
  std::uint64_t free_factor = 0;  ///< until v6.6
  // Of lists that tune themselves (v6.7).
  std::uint64_t high_min = 0;
  std::uint64_t high_max = 0;
  std::uint64_t flags = 0;
  std::uint64_t alloc_factor = 0;
  std::uint64_t free_count = 0;
  std::uint64_t expire = 0;
  std::vector<ExactPcpList> lists;  ///< those that are not empty

  static constexpr std::uint64_t flag_prev_free_high_order = 1;
  static constexpr std::uint64_t flag_free_high_batch = 2;
};

/// All that a recording says of a zone at one moment.
struct ExactZone {
  ZoneType type = ZoneType::normal;
  std::string name;
  std::size_t line = 0;
  std::uint64_t address = 0;  ///< what "zone=" of a probe says
  Pfn start_pfn;
  std::uint64_t spanned = 0;
  std::uint64_t present = 0;
  std::uint64_t managed = 0;
  std::uint64_t nr_free_pages = 0;
  std::uint64_t nr_isolate_pageblock = 0;
  std::uint64_t nr_reserved_highatomic = 0;
  std::uint64_t watermark_boost = 0;
  std::uint64_t wmark_min = 0;
  std::uint64_t wmark_low = 0;
  std::uint64_t wmark_high = 0;
  std::uint64_t flags = 0;
  std::vector<std::uint64_t> lowmem_reserve;  ///< one for each zone that a request may be for
  std::uint64_t pageset_high = 0;             ///< of lists that tune themselves the lower limit
  std::uint64_t pageset_high_max = 0;
  std::uint64_t pageset_batch = 0;
  bool tunes_lists = false;  ///< the record has what kernels since v6.7 have
  std::uint64_t nr_free_highatomic = 0;
  // Pages on the lists that reclaim looks at.
  std::uint64_t lru_inactive_anon = 0;
  std::uint64_t lru_active_anon = 0;
  std::uint64_t lru_inactive_file = 0;
  std::uint64_t lru_active_file = 0;
  std::uint64_t unevictable = 0;

  std::vector<std::uint64_t> nr_free;     ///< for each order, chunks of all types
  std::vector<ExactFreeList> free_lists;  ///< those that are not empty
  std::uint64_t listed_free = 0;          ///< pages on these lists, isolated ones too
  std::vector<ExactPcp> pcps;

  static constexpr std::uint64_t flag_boosted_watermark = 1;
  static constexpr std::uint64_t flag_reclaim_active = 2;
  static constexpr std::uint64_t flag_below_high = 4;

  [[nodiscard]] Watermarks watermarks() const { return {wmark_min, wmark_low, wmark_high}; }
  [[nodiscard]] PfnRange range() const { return {start_pfn, start_pfn + spanned}; }

  /// Returns the list of an order and a migratetype, or null if it is empty.
  [[nodiscard]] const ExactFreeList* free_list(Order order, unsigned migratetype) const {
    for (const ExactFreeList& list : free_lists) {
      if (list.order == order && list.migratetype == migratetype) return &list;
    }
    return nullptr;
  }
};

/// A section of the memory map. Blocks are in the order of their pfns.
struct ExactSection {
  std::uint64_t number = 0;
  Pfn start_pfn;
  std::uint64_t flags = 0;
  bool is_online = false;
  std::uint64_t subsections = 0;           ///< a bit for each that has memory
  std::vector<std::uint8_t> migratetypes;  ///< of its pageblocks
  /// The types that isolated ones have besides (v6.17), and others alike; empty where there are none.
  std::vector<std::uint8_t> own_types;
  std::vector<bool> skip;  ///< compaction leaves the pageblock out
};

/// All that a recording says of a machine at one moment.
struct ExactState {
  std::string label;  ///< "T0" or "T1"
  Pfn max_pfn;
  unsigned nr_cpus = 0;
  std::vector<ExactTraceBuffer> trace_buffers;
  std::vector<ExactZone> zones;  ///< those with memory
  std::vector<ExactSection> sections;

  /// Returns the zone that a probe names by its address, or null.
  [[nodiscard]] const ExactZone* zone_at(std::uint64_t address) const {
    for (const ExactZone& zone : zones) {
      if (zone.address == address) return &zone;
    }
    return nullptr;
  }
};

}  // namespace pageblock
