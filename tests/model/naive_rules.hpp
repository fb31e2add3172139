// SPDX-License-Identifier: MIT
/// The rules of a kernel version, as the naive model asks for them.
///
/// They are written down a second time, from the notes on each kernel: the library's Semantics are what
/// the model judges. A kernel that comes later is one more value. Where it rewrote an algorithm the
/// model has one more function, and the member that chooses it says what it does.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "pageblock/base/migratetype.hpp"

namespace pageblock::test {

struct Rules {
  /// In the order of the kernel's numbers.
  std::vector<MigrateType> types;
  /// Where a request of each type, by its number, goes when its own lists are empty.
  std::array<std::vector<MigrateType>, 3> fallbacks;
  /// Blocks are counted from the zone's start instead of pfn 0.
  bool blocks_from_start;
  /// With grouping off only labels that requests have are written as unmovable.
  bool keeps_special_labels;
  /// Who isolates a block says which pages count, what type comes after, and why; no notifier is asked.
  bool isolates_by_scan;
  /// NR_FREE_PAGES counts free pages of isolated blocks.
  bool counts_isolated;
  /// Chunks of all types merge, below a block and above.
  bool merges_all;
  /// The tail rule wants memory where the last buddy would be, instead of where the merged pair begins.
  bool tail_wants_buddy;
  /// Boot frees to the tails of lists.
  bool boots_to_tail;
  /// Per-CPU lists hold chunks of this order and below, and huge pages.
  unsigned pcp_order;
  bool pcp_has_huge;
  /// A movable request that may not use CMA passes the per-CPU lists by.
  bool lists_hide_cma = false;
  /// The limits of the per-CPU lists follow what is asked for, instead of the size of drains alone.
  bool lists_tune = false;
  /// A free chunk is on the list of its blocks' type, and whatever changes a list counts. So a chunk
  /// above a block is freed block by block, what merges with another type takes on that type, a page is
  /// drained to the type of its block, a move writes the label, and fails in a block that the zone
  /// cuts; isolating a block cuts a chunk that is larger.
  bool lists_are_strict = false;
  /// A request that finds nothing claims a block, or else takes a single chunk and leaves the rest where
  /// it was; instead of moving what it found to its own lists.
  bool claims_or_steals = false;
  /// The reserve for urgent requests is limited to whole blocks, and none in a zone of less than 100.
  bool rounds_highatomic = false;
  /// Watermarks leave out what is free in that reserve, instead of all of it.
  bool spares_free_highatomic = false;
  /// Which requests of order 0 need not reach a boosted min watermark: the urgent ones, not the atomic.
  bool urgent_ignore_boost = false;
  /// Only a request that may wake kswapd takes the zone's mark for it.
  bool kswapd_needs_flag = false;
  /// A contiguous range is not migrated across a border by the isolation already.
  bool borders_only_look = false;
  /// If a range cannot be had, what was taken of it goes back chunk by chunk, the small ones first;
  /// instead of page by page from its end.
  bool gives_back_chunks = false;
  /// That a block is isolated is noted beside its type, which comes back by itself. Whoever isolates
  /// one part of a larger chunk cuts it, whichever page names the block.
  bool isolation_is_a_bit = false;
  /// A free of several pages drains all only after a batch and half the lower limit have been freed.
  bool waits_half_high = false;
  /// A free drains batch by batch.
  bool drains_in_batches = false;
  /// An urgent request of several pages does not fill a CPU's list, and reserves its block only if the
  /// buddy lists have served it.
  bool buddy_reserves = false;
  /// A run of single pages is freed as the chunks that it makes up.
  bool frees_runs_as_chunks = false;
};

namespace rules {

using enum MigrateType;

inline const Rules v3_6{
    .types = {unmovable, reclaimable, movable, reserve, cma, isolate},
    .fallbacks = {{{reclaimable, movable}, {unmovable, movable}, {cma, reclaimable, unmovable}}},
    .blocks_from_start = true,
    .keeps_special_labels = false,
    .isolates_by_scan = false,
    .counts_isolated = true,
    .merges_all = true,
    .tail_wants_buddy = true,
    .boots_to_tail = false,
    .pcp_order = 0,
    .pcp_has_huge = false,
};

inline const Rules v6_1{
    .types = {unmovable, movable, reclaimable, highatomic, cma, isolate},
    .fallbacks = {{{reclaimable, movable}, {reclaimable, unmovable}, {unmovable, movable}}},
    .blocks_from_start = false,
    .keeps_special_labels = true,
    .isolates_by_scan = true,
    .counts_isolated = false,
    .merges_all = false,
    .tail_wants_buddy = false,
    .boots_to_tail = true,
    .pcp_order = 3,
    .pcp_has_huge = true,
    .lists_hide_cma = true,
};

inline const Rules v6_12{
    .types = v6_1.types,
    .fallbacks = v6_1.fallbacks,
    .blocks_from_start = false,
    .keeps_special_labels = true,
    .isolates_by_scan = true,
    .counts_isolated = false,
    .merges_all = false,
    .tail_wants_buddy = false,
    .boots_to_tail = true,
    .pcp_order = 3,
    .pcp_has_huge = true,
    .lists_hide_cma = false,
    .lists_tune = true,
    .lists_are_strict = true,
    .claims_or_steals = true,
    .rounds_highatomic = true,
    .spares_free_highatomic = true,
    .urgent_ignore_boost = true,
    .kswapd_needs_flag = true,
    .borders_only_look = true,
    .gives_back_chunks = true,
};

inline const Rules v6_18 = [] {
  Rules later = v6_12;
  later.isolation_is_a_bit = true;
  later.waits_half_high = true;
  return later;
}();

inline const Rules v7_2 = [] {
  Rules later = v6_18;
  later.drains_in_batches = true;
  later.buddy_reserves = true;
  later.frees_runs_as_chunks = true;
  return later;
}();

}  // namespace rules
}  // namespace pageblock::test
