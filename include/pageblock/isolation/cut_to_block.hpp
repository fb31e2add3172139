// SPDX-License-Identifier: MIT
/// Giving a pageblock another type with what is free in it, and no more: chunks that reach beyond are cut.
///
/// Layer:  isolation.
/// Kernel: move_freepages_block_isolate() (mm/page_alloc.c, v6.10); pageblock_isolate_and_move_free_pages(),
///         pageblock_unisolate_and_move_free_pages() (v6.17).
#pragma once

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// The free chunk that reaches beyond the block of pfn: it begins before the block, or at pfn. (In v6.12 a page
// behind the block's first does not see one that begins at the block; later kernels look from the block's
// first, whichever page is named.)
template <ZoneConfig Config>
[[nodiscard]] OptionalPfn chunk_beyond_block(const Zone<Config>& zone, Pfn pfn) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  const Pfn block = pfn.align_down(block_order);
  const auto crossing = zone.memmap().free_chunk_of(block, block_order + 1);
  if constexpr (has_isolate_bit<Config>) return crossing;
  if (crossing && *crossing != block) return *crossing;
  const PageBits bits = zone.memmap().bits(pfn);
  if (bits.has(PageBits::buddy) && bits.order() > block_order) return pfn;
  return {};
}

// Marks the block of pfn as isolated, or ends that and gives it a type: where it has kept its own, that as it was
// written.
template <ZoneConfig Config>
void write_isolation(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  if constexpr (has_isolate_bit<Config>) return zone.pageblock_flags().set(pfn, type);
  write_block_type(zone, pfn, type);
}

// Isolates the block of pfn, which the zone has all of, or gives it back with a type. What is free in it moves
// to the tails of that type's lists; a chunk that reaches beyond is freed anew, block by block.
// Locking: the caller holds zone.lock.
template <ZoneConfig Config>
void retype_and_cut(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const auto chunk = chunk_beyond_block(zone, pfn);
  if (!chunk) {
    move_and_count(zone, pfn, type);
    return write_isolation(zone, pfn, type);
  }
  const MigrateType type_of_chunk = zone.pageblock_flags().get(*chunk);
  const Order order = zone.free_area().del(zone.memmap(), *chunk);
  zone.count_free(-nr_pages_of(order), type_of_chunk);
  write_isolation(zone, pfn, type);
  free_by_block(zone, *chunk, order, ListEnd::head);
}

}  // namespace pageblock::detail
