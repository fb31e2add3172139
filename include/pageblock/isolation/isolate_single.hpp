// SPDX-License-Identifier: MIT
/// Isolating the pageblock at a border of a range, where a free chunk may reach across it.
///
/// Layer:  isolation.
/// Kernel: isolate_single_pageblock() (mm/page_isolation.c), split_free_page() (mm/page_alloc.c) of
///         v6.1.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// split_free_page_at(). Locking: the caller holds zone.lock.
template <ZoneConfig Config>
void split_chunk_at(Zone<Config>& zone, Pfn pfn, Pfn border) {
  Memmap<Config>& map = zone.memmap();
  bug_on(!zone.is_valid(pfn) || !map.bits(pfn).has(PageBits::buddy),
         "pfn is not the head of a free chunk");
  const Order order = map.bits(pfn).order();
  const Pfn end = pfn + order.nr_pages();
  bug_on(border <= pfn || border >= end, "the border is not inside the chunk");
  const MigrateType type = zone.pageblock_flags().get(pfn);
  zone.count_free(-detail::nr_pages_of(order), type);
  zone.free_area().del(map, pfn);
  for (Pfn piece = pfn; piece < end;) {
    const std::uint64_t rest = piece < border ? border - piece : end - piece;
    const auto largest = static_cast<unsigned>(std::bit_width(rest)) - 1;
    const Order piece_order = piece.max_aligned_order(std::min(Order{largest}, order));
    const MigrateType to = zone.pageblock_flags().get(piece);
    detail::free_one_page(zone, piece, piece_order, to);
    piece += piece_order.nr_pages();
  }
}

}  // namespace detail

/// Splits the free chunk at @p pfn at @p border, so that no free chunk reaches across it: frees its
/// pieces anew, each to the list of its own block, where they merge as far as types allow.
///
///     chunk of order 3 at 8, border 11:   |  8 9 | 10 | 11 | 12 13 14 15 |
///
/// Requires: pfn is the head of a free chunk, and border lies inside it.
/// Locking:  takes zone.lock.
/// Kernel:   split_free_page() of v6.1; later ones have none.
template <ZoneConfig Config>
void split_free_page_at(Zone<Config>& zone, Pfn pfn,
                        Pfn border) requires(Config::semantics.isolate_splits != SplitRule::block) {
  const IrqSaveGuard guard{zone.lock()};
  detail::split_chunk_at(zone, pfn, border);
}

namespace detail {

// Which side of a border is isolated.
enum class Side { before, behind };

// Tries to move a compound page that reaches across a border out of the way, as all of it has to go, with
// its block isolated meanwhile. The model migrates nothing, so the page stays; but what is free in the
// block has been moved, and moved back.
template <ZoneConfig Config>
void try_to_migrate(Zone<Config>& zone, Pfn head, unsigned flags) {
  const MigrateType type = get_pageblock_migratetype(zone, head);
  if (type == MigrateType::isolate) return;
  const PfnRange all{head, head + zone.memmap().bits(head).order().nr_pages()};
  if (isolate_block(zone, head, {all, type, flags}) != ok) return;
  give_block_back(zone, head, type);
}

// Isolates the block on one side of border, unless that has been done, and splits a free chunk that
// reaches across, if no kernel's rule has cut it there. A compound page is a refusal.
// Kernel: isolate_single_pageblock().
template <ZoneConfig Config>
Status isolate_single_pageblock(Zone<Config>& zone, Pfn border, Side side, bool is_isolated,
                                const IsolateRequest& request) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  constexpr bool splits_at_border = Config::semantics.isolate_splits == SplitRule::border;
  const Pfn block = side == Side::before ? border - block_pages : border;
  const auto page = first_valid_page(zone, block);
  if (!page) return ok;
  if (!is_isolated) {
    const Status ret = isolate_block(
        zone, *page, {{block, block + block_pages}, request.undo_type, request.flags});
    if (ret != ok) return ret;
  }
  // What holds the border and begins before it: smaller chunks would begin there.
  const Order least = border.max_aligned_order(Zone<Config>::top_order) + 1;
  if (least > Zone<Config>::top_order) return ok;
  OptionalPfn compound;
  {
    // Under one lock: the chunk may begin in a block that is not isolated, where anybody can take it.
    // The kernel lets go in between, and looks again if it has gone (BorderWalk::looks_again).
    constexpr BorderWalk walk = Config::semantics.races.border;
    for (;;) {
      bool is_seen = false;
      if constexpr (walk != BorderWalk::locked) {
        may_switch<Config>(Yield::page_read);
        is_seen = zone.memmap().free_chunk_of(border, least).has_value();
      }
      const IrqSaveGuard guard{zone.lock()};
      const auto crossing = zone.memmap().free_chunk_of(border, least);
      if (walk != BorderWalk::locked && crossing.has_value() != is_seen) continue;
      if (crossing) {
        // Later kernels have cut it, but where two ranges lie side by side: there it stays.
        if (splits_at_border) split_chunk_at(zone, *crossing, border);
        return ok;
      }
      compound = compound_head(zone, border);
      if (walk != BorderWalk::waits || !compound || *compound == border) break;
      may_switch<Config>(Yield::wait);
    }
  }
  if (!compound || *compound == border) return ok;
  if (splits_at_border && zone.memmap().bits(*compound).has(PageBits::lru)) {
    try_to_migrate(zone, *compound, request.flags);
  }
  if (!is_isolated) give_block_back(zone, *page, request.undo_type);
  return -Err::busy;
}

}  // namespace detail
}  // namespace pageblock
