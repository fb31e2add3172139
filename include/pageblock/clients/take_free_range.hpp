// SPDX-License-Identifier: MIT
/// Taking the free chunks of a range for a contiguous allocation, all of them or none.
///
/// Layer:  clients.
/// Kernel: isolate_freepages_range(), split_map_pages(), release_free_list() (mm/compaction.c).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Makes single pages of count 1 of what was taken.
template <ZoneConfig Config>
void hold_pages(Zone<Config>& zone, const PfnRange& taken) {
  const IrqSaveGuard guard{zone.lock()};
  zone.memmap().transform(taken.start, taken.end,
                          [](PageBits bits) { return bits.with(PageBits::in_use); });
}

// A chunk that was taken, and is nobody's.
struct TakenChunk {
  Order order;
  Pfn pfn;
  friend auto operator<=>(const TakenChunk&, const TakenChunk&) = default;
};

// Gives back what was taken, page by page, the last one first.
template <ZoneConfig Config>
void release_pages_down(Zone<Config>& zone, Cpu cpu, const PfnRange& taken) {
  hold_pages(zone, taken);
  for (Pfn pfn = taken.end; pfn > taken.start;) free_pages(zone, cpu, pfn = pfn - 1, Order{0});
}

// Gives back what was taken, chunk by chunk, the smallest first.
template <ZoneConfig Config>
void release_by_order(Zone<Config>& zone, Cpu cpu, std::vector<TakenChunk> chunks) {
  std::ranges::sort(chunks);
  for (const auto& [order, pfn] : chunks) {
    {
      const IrqSaveGuard guard{zone.lock()};
      zone.memmap().set_bits(pfn, PageBits::allocation(order));
    }
    free_pages(zone, cpu, pfn, order);
  }
}

// Takes the free chunks of [start, end), which have count 0 then and are on no list. Returns the end of the
// last one, or nothing if something stood in the way; then all is given back.
template <ZoneConfig Config>
std::optional<Pfn> isolate_freepages_range(Zone<Config>& zone, Cpu cpu, Pfn start, Pfn end) {
  constexpr bool by_order = Config::semantics.contig_release == ReleaseOrder::chunks_by_order;
  std::vector<TakenChunk> chunks;
  Pfn pfn = start;
  while (pfn < end) {
    const IrqSaveGuard guard{zone.lock()};
    if (!zone.is_valid(pfn) || !zone.memmap().bits(pfn).has(PageBits::buddy)) break;
    const Order order = zone.memmap().bits(pfn).order();
    if constexpr (by_order) chunks.push_back({order, pfn});  // may throw, so before any change
    const std::uint64_t pages = isolate_free_page(zone, pfn);
    if (pages == 0) {
      if constexpr (by_order) chunks.pop_back();
      break;
    }
    pfn += pages;
  }
  if (pfn >= end) return pfn;
  if constexpr (by_order) {
    release_by_order(zone, cpu, std::move(chunks));
  } else {
    release_pages_down(zone, cpu, {start, pfn});
  }
  return std::nullopt;
}

}  // namespace pageblock::detail
