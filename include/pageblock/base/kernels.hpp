// SPDX-License-Identifier: MIT
/// Kernel versions as values of Semantics.
///
/// Layer:  base.
/// Kernel: v3.6, v6.1, v6.12, v6.18 and v7.2. Further versions are further values, with the members they need.
#pragma once

#include "pageblock/base/cma_rules.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/migration_rules.hpp"
#include "pageblock/base/reclaim_rules.hpp"
#include "pageblock/base/rules.hpp"
#include "pageblock/base/semantics.hpp"

namespace pageblock {

/// The modelled kernels.
namespace kernel {

/// Linux v3.6 (2012): the first kernel with mm/page_isolation.c, and the count of isolated
/// pageblocks in kswapd's watermark check. Its known flaws are part of it.
inline constexpr Semantics v3_6{
    .major = 3,
    .minor = 6,
    .migratetypes = {{MigrateType::unmovable, MigrateType::reclaimable, MigrateType::movable,
                      MigrateType::reserve, MigrateType::cma, MigrateType::isolate},
                     6},
    .zone_relative_blocks = true,
    .holes_are_reserved = false,
    .special_types_ungrouped = false,
    .fallbacks = {{{{MigrateType::reclaimable, MigrateType::movable}, 2},
                   {{MigrateType::unmovable, MigrateType::movable}, 2},
                   {{MigrateType::cma, MigrateType::reclaimable, MigrateType::unmovable}, 3}}},
    .pcp_order = 0,
    .pcp_huge_pages = false,
    .pcp_tuning = PcpTuning::fixed,
    .pcp_needs_cma_flag = false,
    .pcp_checks_first_page = true,
    .frees_behind_shared = false,
    .high_order_drain = HighOrderDrain::after_batch,
    .drains_in_batches = false,
    .freezes_slab = false,
    .batch_free = BatchFree::nothing,
    .drain_order = DrainOrder::in_turn,
    .drain_type = DrainType::mark_of_request,
    .zone_locked_names_list = false,
    .drains_remotely = false,
    .frees_by_block = false,
    .merge_rule = MergeRule::any,
    .steal_rule = StealRule::largest,
    .move_rule = MoveRule::chunks,
    .highatomic_rule = HighatomicRule::one_block,
    .urgent_from_buddy = false,
    .urgent_at_once = false,
    .take_moves_rest = false,
    .move_to = ListEnd::head,
    .counts_isolated = true,
    .counts_cma = false,
    .counts_each_taken = false,
    .counts_free_blocks = false,
    .counts_free_highatomic = false,
    .high_ignores_boost = false,
    .kswapd_bit_needs_flag = false,
    .movable_min_capped = false,
    .reserve_follows_managed = false,
    .watermark_rule = WatermarkRule::by_order,
    .watermark_share = WatermarkShare::of_present,
    .isolate_says = IsolateSays::nothing,
    .isolate_mark = IsolateMark::type,
    .unmovable_search = UnmovableSearch::notified,
    .isolates_again = true,
    .isolate_drains = true,
    .isolate_splits = SplitRule::nowhere,
    .isolate_range = IsolateRange::upward,
    .undo_merges = false,
    .test_passes = TestPasses::marked_isolate,
    .test_names_block = false,
    .take_mark = TakeMark::low,
    .compound_pages = false,
    .contig_granule = ContigGranule::largest_chunk,
    .contig_refuses_lru = true,
    .contig_start_covers = false,
    .contig_release = ReleaseOrder::pages_down,
    .frees_runs_as_chunks = false,
    .contig_passes_unmovable = false,
    .contig_compound = false,
    .offline_leaves = OfflineLeaves::reserved,
    .removes_again = false,
    .migration = migration_v3_6,
    .cma = cma_v3_6,
    .reclaim = reclaim_v3_6,
};

/// Linux v6.1 (2022, long-term), with its stable updates until 6.1.192, built with CMA.
inline constexpr Semantics v6_1{
    .major = 6,
    .minor = 1,
    .migratetypes = {{MigrateType::unmovable, MigrateType::movable, MigrateType::reclaimable,
                      MigrateType::highatomic, MigrateType::cma, MigrateType::isolate},
                     6},
    .zone_relative_blocks = false,
    .holes_are_reserved = true,
    .special_types_ungrouped = true,
    .fallbacks = {{{{MigrateType::reclaimable, MigrateType::movable}, 2},
                   {{MigrateType::unmovable, MigrateType::movable}, 2},
                   {{MigrateType::reclaimable, MigrateType::unmovable}, 2}}},
    .pcp_order = 3,
    .pcp_huge_pages = true,
    .pcp_tuning = PcpTuning::scaled,
    .pcp_needs_cma_flag = true,
    .pcp_checks_first_page = false,
    .frees_behind_shared = true,
    .high_order_drain = HighOrderDrain::after_batch,
    .drains_in_batches = false,
    .freezes_slab = false,
    .batch_free = BatchFree::pages,
    .drain_order = DrainOrder::list_by_list,
    .drain_type = DrainType::mark_of_list,
    .zone_locked_names_list = true,
    .drains_remotely = true,
    .frees_by_block = false,
    .merge_rule = MergeRule::ordinary,
    .steal_rule = StealRule::claim_or_small,
    .move_rule = MoveRule::chunks,
    .highatomic_rule = HighatomicRule::one_block,
    .urgent_from_buddy = false,
    .urgent_at_once = false,
    .take_moves_rest = false,
    .move_to = ListEnd::tail,
    .counts_isolated = false,
    .counts_cma = true,
    .counts_each_taken = false,
    .counts_free_blocks = false,
    .counts_free_highatomic = false,
    .high_ignores_boost = false,
    .kswapd_bit_needs_flag = false,
    .movable_min_capped = false,
    .reserve_follows_managed = false,
    .watermark_rule = WatermarkRule::any_chunk,
    .watermark_share = WatermarkShare::of_managed,
    .isolate_says = IsolateSays::flags,
    .isolate_mark = IsolateMark::type,
    .unmovable_search = UnmovableSearch::every_page,
    .isolates_again = false,
    .isolate_drains = false,
    .isolate_splits = SplitRule::border,
    .isolate_range = IsolateRange::ends_first,
    .undo_merges = true,
    .test_passes = TestPasses::taken_by_driver,
    .test_names_block = true,
    .take_mark = TakeMark::min,
    .compound_pages = true,
    .contig_granule = ContigGranule::block,
    .contig_refuses_lru = false,
    .contig_start_covers = true,
    .contig_release = ReleaseOrder::pages_down,
    .frees_runs_as_chunks = false,
    .contig_passes_unmovable = false,
    .contig_compound = false,
    .offline_leaves = OfflineLeaves::holes,
    .removes_again = false,
    .migration = migration_v6_1,
    .cma = cma_v6_1,
    .reclaim = reclaim_v4_7,
};

/// Linux v6.12 (2024, long-term), with its stable updates until 6.12.117, built with CMA: what differs
/// from v6.1.
inline constexpr Semantics v6_12 = [] {
  Semantics kernel = v6_1;
  kernel.minor = 12;
  kernel.pcp_tuning = PcpTuning::tuned;
  kernel.pcp_needs_cma_flag = false;
  kernel.pcp_checks_first_page = true;
  kernel.batch_free = BatchFree::folios;
  kernel.drain_type = DrainType::block;
  kernel.frees_by_block = true;
  kernel.merge_rule = MergeRule::ordinary_relabels;
  kernel.steal_rule = StealRule::claim_then_steal;
  kernel.move_rule = MoveRule::block;
  kernel.highatomic_rule = HighatomicRule::rounded;
  kernel.take_moves_rest = true;
  kernel.counts_each_taken = true;
  kernel.counts_free_highatomic = true;
  kernel.high_ignores_boost = true;
  kernel.kswapd_bit_needs_flag = true;
  kernel.movable_min_capped = true;
  kernel.isolate_splits = SplitRule::block;
  kernel.contig_release = ReleaseOrder::chunks_by_order;
  kernel.contig_compound = true;
  kernel.removes_again = true;
  kernel.migration = migration_v6_12;
  return kernel;
}();

/// Linux v6.18 (2025, long-term), as in 6.18.35, built with CMA: what differs from v6.12.
inline constexpr Semantics v6_18 = [] {
  Semantics kernel = v6_12;
  kernel.minor = 18;
  kernel.high_order_drain = HighOrderDrain::after_half_high;
  kernel.freezes_slab = true;
  kernel.reserve_follows_managed = true;
  kernel.counts_free_blocks = true;
  kernel.isolate_says = IsolateSays::mode;
  kernel.isolate_mark = IsolateMark::bit;
  kernel.cma = cma_v7_2;
  return kernel;
}();

/// Linux v7.2 (2026), as in 7.2.13, built with CMA as Debian builds it: what differs from v6.18.
inline constexpr Semantics v7_2 = [] {
  Semantics kernel = v6_18;
  kernel.major = 7;
  kernel.minor = 2;
  kernel.drains_in_batches = true;
  kernel.urgent_from_buddy = true;
  kernel.frees_runs_as_chunks = true;
  kernel.contig_passes_unmovable = true;
  return kernel;
}();

/// Returns @p semantics as built without CMA (since v4.4), as Debian builds it: isolate gets cma's
/// number.
[[nodiscard]] constexpr Semantics without_cma(Semantics semantics) {
  semantics.migratetypes[semantics.number_of(MigrateType::cma)] = MigrateType::isolate;
  semantics.counts_cma = false;
  semantics.pcp_needs_cma_flag = false;
  --semantics.migratetypes.count;
  return semantics;
}

}  // namespace kernel
}  // namespace pageblock
