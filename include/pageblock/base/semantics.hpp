// SPDX-License-Identifier: MIT
/// What differs between kernel versions: a member for each point.
///
/// Layer:  base.
/// Kernel: none; base/kernels.hpp has the values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/cma_rules.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/migration_rules.hpp"
#include "pageblock/base/race_rules.hpp"
#include "pageblock/base/reclaim_rules.hpp"
#include "pageblock/base/rules.hpp"

namespace pageblock {

/// One kernel version's behaviour: a member for each point on which modelled kernels differ. It is
/// a structural type; Config::semantics picks a value at compile time.
struct Semantics {
  /// Some migratetypes in an order that matters.
  template <std::size_t most>
  struct Types {
    std::array<MigrateType, most> types{};  ///< The first count of them are meant.
    std::size_t count = 0;                  ///< How many there are.

    /// Returns the first.
    [[nodiscard]] constexpr const MigrateType* begin() const { return types.data(); }
    /// Returns what is behind the last.
    [[nodiscard]] constexpr const MigrateType* end() const { return types.data() + count; }
    /// Returns how many there are.
    [[nodiscard]] constexpr std::size_t size() const { return count; }
    [[nodiscard]] constexpr const MigrateType& operator[](std::size_t i) const { return types[i]; }
    [[nodiscard]] constexpr MigrateType& operator[](std::size_t i) { return types[i]; }
  };
  /// A row of the fallback table: the other types to take free pages from, in this order.
  using FallbackRow = Types<3>;

  /// The version as the kernel writes it.
  int major;
  int minor;  ///< The version's second number.

  /// The migratetypes in the order of the kernel's numbers, which is also the order of its tables.
  /// v4.4 swaps movable and reclaimable, and has highatomic for reserve.
  Types<6> migratetypes;

  /// Whether pageblocks are counted from the zone's start instead of pfn 0; with sections (all
  /// x86-64 kernels that v6.1 is built as) they never are.
  bool zone_relative_blocks;

  /// Whether the pages of a pageblock that are no memory of the zone, in a hole or beyond its ends, are
  /// reserved pages if the block has memory: sections, which are larger, have a page for each pfn.
  bool holes_are_reserved;

  /// Whether pageblocks can be isolated, reserved or for CMA where mobility grouping is off; in v3.6
  /// unmovable is written for every type then.
  bool special_types_ungrouped;

  /// For each type that requests have (in the order of pcp_types): where they fall back to.
  std::array<FallbackRow, nr_pcp_types> fallbacks;

  /// The largest order that per-CPU lists hold (v5.14: 3), and whether they hold chunks of the huge
  /// page order, a pageblock, too.
  unsigned pcp_order;
  bool pcp_huge_pages;  ///< Whether per-CPU lists hold huge pages.

  PcpTuning pcp_tuning;  ///< How long the per-CPU lists may become.

  /// Whether movable requests that may not use CMA blocks pass the per-CPU lists by, where pages of
  /// these may be (v5.8 to v6.6).
  bool pcp_needs_cma_flag;

  /// Whether a free to a per-CPU list asks if the first page may be freed even without
  /// CONFIG_DEBUG_VM; from v6.6 it does where pages are cleared, as Debian's are. (The others are always
  /// asked.)
  bool pcp_checks_first_page;

  /// Whether who drops a reference to a chunk that others share frees the pages behind the first
  /// (v5.10); else they are lost, since the last holder frees one page.
  bool frees_behind_shared;

  /// When chunks of order 1 to 3 drain all, where lists are tuned.
  HighOrderDrain high_order_drain;

  /// Whether a free drains batch by batch, each rounded up to chunks (v6.19).
  bool drains_in_batches;

  /// Whether slab's single pages are in use without a count (v6.14), which a search for unmovable pages does
  /// not see.
  bool freezes_slab;

  BatchFree batch_free;  ///< How pages that are freed together are freed.

  DrainOrder drain_order;  ///< In what turn per-CPU lists are drained.
  DrainType drain_type;    ///< To which list a drained page goes.

  /// Whether mm_page_alloc_zone_locked names the list that a chunk was on instead of the type that was
  /// asked for (v5.19).
  bool zone_locked_names_list;

  /// Whether the lists of another CPU are drained where it is asked for (v6.0), and not by an
  /// interrupt to that CPU. Traces show it.
  bool drains_remotely;

  /// Whether a chunk of more than a pageblock is freed block by block, each to its own type (v6.10).
  bool frees_by_block;

  MergeRule merge_rule;            ///< Which free chunks may merge.
  StealRule steal_rule;            ///< How a request takes memory of another type.
  MoveRule move_rule;              ///< How the free chunks of a block change their list.
  HighatomicRule highatomic_rule;  ///< How the HighAtomic reserve grows and shrinks.

  /// Whether urgent requests of several pages fill no per-CPU list, and reserve memory only when the
  /// buddy lists serve them, below all checks of watermarks (v7.0).
  bool urgent_from_buddy;

  /// Whether such requests are urgent from their first try on (v7.3), and reserve memory only when they
  /// are down to the lowest watermark.
  bool urgent_at_once;

  /// Whether taking a free chunk of half a block or more for nobody in particular moves what else is free
  /// in a block that turns movable (v6.10).
  bool take_moves_rest;

  /// Where chunks go at boot, and those of a block when it is isolated, given back or claimed
  /// (v5.10: to the tail).
  ListEnd move_to;

  /// Whether NR_FREE_PAGES counts free pages of isolated blocks (up to and including v3.6), and
  /// whether NR_FREE_CMA_PAGES counts those of CMA blocks by themselves (v3.7).
  bool counts_isolated;
  bool counts_cma;  ///< Whether free pages of CMA blocks are counted by themselves (v3.7).

  /// Whether a chunk that leaves its list for a request is counted at once (v6.10), and not when the
  /// request, or all of a refill, has been served.
  bool counts_each_taken;

  /// Whether free pages in chunks of a pageblock and more are counted by themselves (v6.15).
  bool counts_free_blocks;

  /// Whether watermarks leave out what is free in blocks for urgent requests (v6.12), and not all pages
  /// of these blocks.
  bool counts_free_highatomic;

  /// Whether urgent requests (v6.3) need not heed what steals have added to the lowest watermark; before,
  /// those with __GFP_ATOMIC.
  bool high_ignores_boost;

  /// Whether only a request that may wake kswapd does so after a steal (v6.5).
  bool kswapd_bit_needs_flag;

  /// Whether the movable zone has a small lowest watermark of its own (v6.6), and the others share what it
  /// would have.
  bool movable_min_capped;

  /// Whether what zones keep for requests that could go to higher ones follows each change of managed pages
  /// (v6.13), and not only the watermarks.
  bool reserve_follows_managed;

  WatermarkRule watermark_rule;    ///< What a watermark check wants for a request of several pages.
  WatermarkShare watermark_share;  ///< How watermarks follow from a zone's size.

  IsolateSays isolate_says;          ///< What isolation is told.
  IsolateMark isolate_mark;          ///< How a pageblock is marked as isolated.
  UnmovableSearch unmovable_search;  ///< How pages in the way are looked for.

  /// Whether isolating an isolated pageblock succeeds and counts nothing (to v4.16).
  bool isolates_again;

  /// Whether isolating a pageblock drains all per-CPU lists (to v5.10); later the caller does.
  bool isolate_drains;

  SplitRule isolate_splits;  ///< What isolation does with a chunk across the range's border.

  IsolateRange isolate_range;  ///< In what order the pageblocks of a range are isolated.

  /// Whether a free chunk of a pageblock or more may merge when its block is given back (v3.18).
  bool undo_merges;

  TestPasses test_passes;  ///< What the test of isolated pages lets pass.

  /// Whether the test of a range names a block that is not isolated by its first pfn, and not by its
  /// first page.
  bool test_names_block;

  TakeMark take_mark;  ///< Which watermark a chunk must leave that is taken off the lists.

  /// Whether an allocation of several pages can be one page to its users, a compound page. They are
  /// older than v3.6, where the model has none.
  bool compound_pages;

  ContigGranule contig_granule;  ///< How far a contiguous range is rounded for its isolation.

  /// Whether a page on an LRU list that cannot move refuses a contiguous range at once; later the
  /// test of the range finds it.
  bool contig_refuses_lru;

  /// Whether the free chunk that a contiguous range is said to begin in must reach its start.
  bool contig_start_covers;

  ReleaseOrder contig_release;  ///< In what order what was taken beside the range is given back.

  /// Whether a run of single pages is freed as the aligned chunks that it is made of (v7.0).
  bool frees_runs_as_chunks;

  /// Whether places with pages that do not move are passed over in the search for contiguous pages (v7.0),
  /// and not only those with reserved pages.
  bool contig_passes_unmovable;

  /// Whether a contiguous range can be taken as one compound page, and given back so (v6.12).
  bool contig_compound;

  OfflineLeaves offline_leaves;  ///< What pages are once they are offline.

  /// Whether virtio-mem tries again to remove a block of which nothing is plugged any more, when that failed
  /// (by v6.12); else the block stays for ever.
  bool removes_again;

  /// How pages in use leave a range.
  MigrationRules migration;

  /// How CMA areas are reserved and searched.
  CmaRules cma;

  /// When kswapd wakes, and who gives up.
  ReclaimRules reclaim;

  /// What differs only where CPUs come between each other.
  RaceRules races{};

  /// Returns the kernel's number for @p type; nr_migratetypes if it has no such type.
  [[nodiscard]] constexpr unsigned number_of(MigrateType type) const {
    for (unsigned number = 0; number < migratetypes.size(); ++number) {
      if (migratetypes[number] == type) return number;
    }
    return nr_migratetypes;
  }

  /// Returns the type with the kernel's number @p number, or nothing if there is none.
  [[nodiscard]] constexpr std::optional<MigrateType> type_of(std::size_t number) const {
    if (number >= migratetypes.size()) return std::nullopt;
    return migratetypes[number];
  }

  /// Returns whether the kernel has @p type.
  [[nodiscard]] constexpr bool has(MigrateType type) const {
    return number_of(type) < migratetypes.size();
  }

  /// Returns the row for requests of @p type, one of pcp_types.
  [[nodiscard]] constexpr const FallbackRow& fallbacks_of(MigrateType type) const {
    return fallbacks[index_of(type)];
  }
};

}  // namespace pageblock
