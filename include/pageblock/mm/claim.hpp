// SPDX-License-Identifier: MIT
/// What it takes to claim a pageblock of another type for a request.
///
/// Layer:  mm.
/// Kernel: boost_watermark(), can_steal_fallback(), the end of steal_suitable_fallback()
///         (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Returns whether a request may claim the block of a free chunk of the order found.
template <ZoneConfig Config>
[[nodiscard]] bool may_claim(const Zone<Config>& zone, Order found, MigrateType start_type) {
  return found.value() >= Zone<Config>::pageblock_order.value() / 2 ||
         start_type != MigrateType::movable || !zone.mobility_grouping();
}

// Returns the smallest order of another type's chunks that a request with these flags may take.
template <ZoneConfig Config>
[[nodiscard]] Order least_order(Order order, unsigned flags) {
  const bool whole_blocks = (flags & alloc_flags::no_fragment) != 0;
  return whole_blocks ? std::max(order, Zone<Config>::pageblock_order) : order;
}

// The first type to fall back to that has a chunk of an order, with the head of its list.
struct FallbackChunk {
  OptionalPfn pfn;
  MigrateType type{};
};

// Kernel: find_suitable_fallback().
template <ZoneConfig Config>
[[nodiscard]] FallbackChunk find_fallback(const Zone<Config>& zone, Order order,
                                          MigrateType start_type) {
  for (const MigrateType type : Config::semantics.fallbacks_of(start_type)) {
    if (zone.free_area().nr_free(order, type) == 0) continue;
    return {zone.free_area().head(zone.memmap(), order, type), type};
  }
  return {};
}

// Raises the watermarks until kswapd has made up for memory that is stolen. Returns whether it did.
// Kernel: boost_watermark().
template <ZoneConfig Config>
bool boost_watermark(Zone<Config>& zone) {
  constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
  if (zone.managed_pages() < 4 * block) return false;
  const std::uint64_t high = std::min(zone.watermarks().high, most_marked_pages);
  const std::uint64_t most = high + high / 2;  // vm.watermark_boost_factor 15000
  if (most == 0) return false;
  std::uint64_t& boost = zone.pressure().watermark_boost;
  write_once<is_shared<Config>>(boost, std::min(boost + block, std::max(most, block)));
  return true;
}

// Returns the pages of [start, end), in one block, that are in use and could be migrated.
template <ZoneConfig Config>
std::uint64_t nr_movable_pages(const Zone<Config>& zone, Pfn start, Pfn end) {
  const auto is_movable = [](PageBits bits) { return bits.has(PageBits::lru); };
  std::uint64_t nr = 0;
  for (Pfn pfn = zone.memmap().find_if(start, end, is_movable); pfn < end;
       pfn = zone.memmap().find_if(pfn + 1, end, is_movable)) {
    ++nr;
  }
  return nr;
}

// Raises the watermarks, and has the next request wake kswapd if this one may.
template <ZoneConfig Config>
void boost_for_claim(Zone<Config>& zone, unsigned flags) {
  if (boost_watermark(zone) && (flags & alloc_flags::kswapd) != 0) {
    write_once<is_shared<Config>>(zone.pressure().boosted, true);
  }
}

// Returns whether a block that was of old_type is worth having for requests of start_type: if half of it is
// free or in use by pages like theirs.
template <ZoneConfig Config>
[[nodiscard]] bool deserves_block(const Zone<Config>& zone, std::uint64_t free,
                                  std::uint64_t movable, MigrateType old_type,
                                  MigrateType start_type) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  std::uint64_t alike = 0;
  if (start_type == MigrateType::movable) {
    alike = movable;
  } else if (old_type == MigrateType::movable) {
    alike = block_pages - std::min(block_pages, free + movable);
  }
  return free + alike >= block_pages / 2 || !zone.mobility_grouping();
}

}  // namespace pageblock::detail
