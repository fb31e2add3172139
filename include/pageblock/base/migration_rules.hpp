// SPDX-License-Identifier: MIT
/// How kernel versions differ where pages in use leave a range.
///
/// Layer:  base.
/// Kernel: mm/migrate.c, mm/compaction.c, mm/memory_hotplug.c, alloc_contig_range().
#pragma once

#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// What becomes of page cache that is on disk as well, in a range that is to be contiguous.
enum class CleanPages : std::uint8_t {
  moved,              ///< It is moved as any other page.
  dropped_ascending,  ///< It is freed without a copy, the lowest page first (v3.8).
  dropped_descending  ///< The highest first.
};

/// When an attempt to take memory offline ends.
enum class OfflineLoop : std::uint8_t {
  five_lives,  ///< When the time is over, at the fifth error, or at the first test that fails.
  until_empty  ///< When all is free, or a signal comes (v5.0).
};

/// A member for each point on which modelled kernels differ in migration.
struct MigrationRules {
  /// Whether the copies of up to 512 pages are allocated before the first page moves (v6.3), and what
  /// fails then is tried one page at a time; else each page gets its copy when its turn comes, in ten
  /// passes.
  bool copies_first;

  /// Whether pages that have moved, and copies nobody needs, wait in a CPU's list of pages that are to be
  /// put on an LRU list (14 of them), before they are freed.
  bool frees_late;

  /// Whether offlining moves the highest page first (v6.12).
  bool offline_descends;
  OfflineLoop offline_loop;  ///< How often offlining tries again.

  /// Of contiguous ranges: whether per-CPU lists are drained before pages move, else behind.
  bool contig_drains_first;

  /// Whether a pageblock that does not begin and end with pages of the zone is passed over.
  bool contig_looks_by_block;

  /// Of contiguous ranges: whether pinned memory of programs is left out from the start; and whether
  /// locked memory (mlock) and pages that KSM shares can move.
  bool contig_skips_pinned;
  bool contig_moves_mlocked;  ///< Whether contiguous requests move pages that are locked in memory.
  bool contig_moves_ksm;      ///< Whether they move pages that KSM shares.
  CleanPages contig_clean_pages;  ///< What becomes of clean pages of files.
};

namespace kernel {

/// Of Linux v3.6.
inline constexpr MigrationRules migration_v3_6{
    .copies_first = false,
    .frees_late = true,
    .offline_descends = false,
    .offline_loop = OfflineLoop::five_lives,
    .contig_drains_first = false,
    .contig_looks_by_block = false,
    .contig_skips_pinned = false,
    .contig_moves_mlocked = false,
    .contig_moves_ksm = false,
    .contig_clean_pages = CleanPages::moved,
};

/// Of Linux v6.1.
inline constexpr MigrationRules migration_v6_1{
    .copies_first = false,
    .frees_late = false,
    .offline_descends = false,
    .offline_loop = OfflineLoop::until_empty,
    .contig_drains_first = true,
    .contig_looks_by_block = true,
    .contig_skips_pinned = true,
    .contig_moves_mlocked = true,
    .contig_moves_ksm = true,
    .contig_clean_pages = CleanPages::dropped_ascending,
};

/// Returns what v6.12 does.
inline constexpr MigrationRules migration_v6_12 = [] {
  MigrationRules rules = migration_v6_1;
  rules.copies_first = true;
  rules.offline_descends = true;
  rules.contig_clean_pages = CleanPages::dropped_descending;
  return rules;
}();

}  // namespace kernel
}  // namespace pageblock
