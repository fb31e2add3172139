// SPDX-License-Identifier: MIT
/// Putting chunks on the buddy lists.
///
/// Layer:  mm.
/// Kernel: __free_one_page(), split_large_buddy() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Puts a chunk on the buddy lists, and counts it.
// Locking: the caller holds zone.lock. Kernel: __free_one_page().
template <ZoneConfig Config>
[[gnu::noinline]] void free_one_page(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type,
                                     ListEnd to = ListEnd::head) {
  zone.count_free(nr_pages_of(order), type);
  zone.free_area().free_one_page(zone.memmap(), zone.pageblock_flags(), pfn, order, type, to);
}

// Puts a chunk on the buddy lists block by block, from low to high, each on that of its own type. They
// merge again as far as types allow.
// Locking: the caller holds zone.lock. Kernel: split_large_buddy() (v6.10).
template <ZoneConfig Config>
[[gnu::noinline]] void free_by_block(Zone<Config>& zone, Pfn pfn, Order order, ListEnd to) {
  for (Pfn block = pfn; block < pfn + order.nr_pages(); block += Zone<Config>::pageblock_nr_pages) {
    const MigrateType type = zone.pageblock_flags().get(block);
    free_one_page(zone, block, Zone<Config>::pageblock_order, type, to);
  }
}

// Puts a chunk on the buddy lists, to the type of its block; one of more than a block to that of its first
// block, or in later kernels block by block. Returns the type of its first block.
// Locking: the caller holds zone.lock.
template <ZoneConfig Config>
[[gnu::always_inline]] inline MigrateType free_chunk(Zone<Config>& zone, Pfn pfn, Order order,
                                                     ListEnd to = ListEnd::head) {
  const MigrateType type = zone.pageblock_flags().get(pfn);
  if (Config::semantics.frees_by_block && order > Zone<Config>::pageblock_order) {
    free_by_block(zone, pfn, order, to);
    return type;
  }
  zone.count_free(nr_pages_of(order), type);
  zone.free_area().free_one_page(zone.memmap(), zone.pageblock_flags(), pfn, order, type, to);
  return type;
}

}  // namespace pageblock::detail
