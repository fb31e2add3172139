// SPDX-License-Identifier: MIT
/// The ways of doing things between which kernel versions differ, by name. The release in brackets is the
/// first that does it so.
///
/// Layer:  base.
/// Kernel: none; each names the behaviour of functions that were rewritten.
#pragma once

#include <cstdint>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// An end of a free list.
enum class ListEnd : std::uint8_t { head, tail };

/// How the sizes of per-CPU lists follow what the CPU does.
enum class PcpTuning : std::uint8_t {
  fixed,   ///< They do not.
  scaled,  ///< Drains double while only frees come; limits follow watermarks and reclaim (v5.14).
  tuned    ///< Refills, too; the limit moves between two others (v6.7).
};

/// What can be freed together, in a batch.
enum class BatchFree : std::uint8_t {
  nothing,
  pages,  ///< Single pages, those of isolated blocks first (v4.15).
  folios  ///< Compound pages, too; those without per-CPU lists first (v6.9).
};

/// From when on a free of several pages, after another such, drains all of a CPU's lists.
enum class HighOrderDrain : std::uint8_t {
  after_batch,     ///< Once a batch of pages was lately freed (v6.7).
  after_half_high  ///< Once that and half the lists' lower limit were (v6.16).
};

/// In what turn a per-CPU list is drained.
enum class DrainOrder : std::uint8_t {
  in_turn,      ///< A few pages of each list, more the fewer lists have any.
  list_by_list  ///< The list just freed to until it is empty, then the next.
};

/// To which type's list a page of a per-CPU list is drained.
enum class DrainType : std::uint8_t {
  /// The one that it was marked with: when it was freed its block's, when it refilled a list the
  /// requested one, but its block's if that is cma or isolate.
  mark_of_request,
  /// The same, but what refills a list keeps the type of the free list that it was on; while some
  /// block is isolated its block's now (v3.18).
  mark_of_list,
  block  ///< Its block's now (v6.10).
};

/// Which free chunks may merge.
enum class MergeRule : std::uint8_t {
  /// All buddies.
  any,
  /// From a pageblock upward those of one type, and any that are unmovable, movable or reclaimable
  /// (v5.18).
  ordinary,
  ordinary_relabels  ///< The same, and the blocks of what is merged get the type that is freed (v6.10).
};

/// How a request takes memory of another type.
enum class StealRule : std::uint8_t {
  largest,          ///< The largest chunk, at once; the reserve last.
  claim_or_small,   ///< The largest to claim its block, or the smallest; then it asks again.
  claim_then_steal  ///< The largest whose block can be claimed, else the smallest (v6.12 stable).
};

/// How a pageblock's free chunks are moved to another type's lists.
enum class MoveRule : std::uint8_t {
  chunks,  ///< Types and counters are the caller's; a block that the zone's start cuts from a page on.
  block  ///< With the block's type, and counted; not in a block that the zone cuts (v6.10).
};

/// How much is reserved for urgent requests, at most, and in what pieces.
enum class HighatomicRule : std::uint8_t {
  one_block,  ///< A hundredth of the zone and a block; block by block.
  rounded  ///< A hundredth rounded to blocks, nothing if that is less than one; chunks as a whole (v6.8).
};

/// Where a free chunk is split that reaches out of what is isolated.
enum class SplitRule : std::uint8_t {
  nowhere,
  border,  ///< At the ends of a range, once the blocks there are isolated (v5.19).
  block    ///< At every isolated block's ends (v6.10).
};

/// What a watermark check wants for a request of several pages, besides enough free pages.
enum class WatermarkRule : std::uint8_t {
  by_order,  ///< Enough of them in chunks that are large enough: half the mark for each order.
  any_chunk  ///< One chunk that is large enough, where the request may look (v4.4).
};

/// Of what a zone's watermarks are a share, and how far apart they are.
enum class WatermarkShare : std::uint8_t {
  of_present,  ///< Of its present pages; low and high are a quarter and a half of min above it.
  of_managed  ///< Of its managed pages (v3.9); a thousandth of these apart, if that is more (v4.6).
};

/// What who isolates pageblocks says besides which.
enum class IsolateSays : std::uint8_t {
  nothing,
  flags,  ///< The pages that count, the type that the blocks get afterwards, and isolate_flags.
  mode    ///< The pages that count, and an IsolateMode (v6.17).
};

/// How it is noted that a pageblock is isolated.
enum class IsolateMark : std::uint8_t {
  type,  ///< By its type, which is forgotten.
  bit    ///< Beside its type, which it has again when it is given back (v6.17).
};

/// How unmovable pages of a pageblock are found that is to be isolated.
enum class UnmovableSearch : std::uint8_t {
  notified,   ///< Movable blocks are trusted; notifiers say how many pages they could give back.
  every_page  ///< Every page is looked at (v4.15), and no notifier asked (v5.5).
};

/// In what order the pageblocks of a range are isolated.
enum class IsolateRange : std::uint8_t {
  upward,
  ends_first  ///< The first, the last, those between; the range is rounded to blocks (v5.19).
};

/// Which pages pass the test of an isolated range although they are not free.
enum class TestPasses : std::uint8_t {
  marked_isolate,  ///< Those that look as if they were on a per-CPU list, for an isolated block.
  taken_by_driver  ///< For who takes memory offline: those that a driver holds no more (v5.8).
};

/// Which watermark must hold when a free chunk is taken for nobody in particular.
enum class TakeMark : std::uint8_t {
  low,  ///< The low one, also of isolated chunks.
  min   ///< The lowest one, CMA blocks counted; isolated chunks go in any case.
};

/// To what a range is rounded before it is isolated for a contiguous allocation.
enum class ContigGranule : std::uint8_t { largest_chunk, block };

/// How what was taken of a contiguous range is given back when something stands in the way.
enum class ReleaseOrder : std::uint8_t {
  pages_down,      ///< As single pages, the last one first.
  chunks_by_order  ///< As the chunks that it was, the smallest first (v6.9).
};

/// What becomes of pages that go offline.
enum class OfflineLeaves : std::uint8_t { reserved, holes };

}  // namespace pageblock
