// SPDX-License-Identifier: MIT
/// The type of its block that decides where a chunk is freed to.
///
/// Layer:  mm.
/// Kernel: get_pfnblock_migratetype() in free_unref_page() and __free_pages_ok() (mm/page_alloc.c).
#pragma once

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

/// The type of a block as a free knows it. The kernel reads it before it takes a lock. Where nobody can
/// come between, and where threads share a zone and a page must not slip past a drain, it is read when it
/// is asked for: then this is empty.
template <ZoneConfig Config>
struct TypeToFree {
  TypeToFree(const Zone<Config>&, Pfn) {}

  [[nodiscard]] MigrateType get(const Zone<Config>& zone, Pfn pfn) const {
    return zone.pageblock_flags().get(pfn);
  }
  /// free_chunk(): puts the chunk on the buddy lists.
  [[gnu::always_inline]] MigrateType free(Zone<Config>& zone, Pfn pfn, Order order,
                                          ListEnd to) const {
    return free_chunk(zone, pfn, order, to);
  }
};

/// The same in an explorer of interleavings, as in the kernel.
template <ZoneConfig Config>
requires is_interleaved<Config>
struct TypeToFree<Config> {
  TypeToFree(const Zone<Config>& zone, Pfn pfn) {
    may_switch<Config>(Yield::type_read);
    if (zone.spans(pfn)) type = zone.pageblock_flags().get(pfn);
    may_switch<Config>(Yield::type_used);
  }

  [[nodiscard]] MigrateType get(const Zone<Config>&, Pfn) const { return type; }
  /// By the type that was read before, unless the kernel asks again (v3.18: while a block is isolated).
  MigrateType free(Zone<Config>& zone, Pfn pfn, Order order, ListEnd to) const {
    constexpr DrainType rule = Config::semantics.drain_type;
    if (rule == DrainType::block ||
        (rule == DrainType::mark_of_list && zone.nr_pageblock_isolate() != 0)) {
      return free_chunk(zone, pfn, order, to);
    }
    free_one_page(zone, pfn, order, type, to);
    return type;
  }

  MigrateType type = MigrateType::movable;
};

}  // namespace pageblock::detail
