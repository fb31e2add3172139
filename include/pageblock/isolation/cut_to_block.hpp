// SPDX-License-Identifier: MIT
/// Giving a pageblock another type with what is free in it, and no more: chunks that reach beyond are cut.
///
/// Layer:  isolation.
/// Kernel: move_freepages_block_isolate() (mm/page_alloc.c, v6.10).
#pragma once

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// The free chunk that reaches beyond the block of pfn: it begins before the block, or at pfn. (A page
// behind the block's first does not see one that begins at the block, as in the kernel.)
template <ZoneConfig Config>
[[nodiscard]] OptionalPfn chunk_beyond_block(const Zone<Config>& zone, Pfn pfn) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  const Pfn block = pfn.align_down(block_order);
  const auto crossing = zone.memmap().free_chunk_of(block, block_order + 1);
  if (crossing && *crossing != block) return *crossing;
  const PageBits bits = zone.memmap().bits(pfn);
  if (bits.has(PageBits::buddy) && bits.order() > block_order) return pfn;
  return {};
}

// Gives the block of pfn, which the zone has all of, another type. What is free in it moves to the tails of
// that type's lists; a chunk that reaches beyond is freed anew, block by block.
// Locking: the caller holds zone.lock.
template <ZoneConfig Config>
void retype_and_cut(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const auto chunk = chunk_beyond_block(zone, pfn);
  if (!chunk) {
    move_and_retype(zone, pfn, type);
    return;
  }
  const MigrateType type_of_chunk = zone.pageblock_flags().get(*chunk);
  const Order order = zone.free_area().del(zone.memmap(), *chunk);
  zone.count_free(-nr_pages_of(order), type_of_chunk);
  set_pageblock_migratetype(zone, pfn, type);
  free_by_block(zone, *chunk, order, ListEnd::head);
}

}  // namespace pageblock::detail
