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
};

}  // namespace rules
}  // namespace pageblock::test
