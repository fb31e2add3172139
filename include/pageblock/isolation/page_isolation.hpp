/// Isolating pageblocks: what is free in them stays free and is never handed out.
///
/// Layer:  isolation.
/// Kernel: mm/page_isolation.c of v3.6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/notifier.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// Asks the notifiers and looks for unmovable pages: why the block of pfn, which has this type, must
// not be isolated, or nothing. Changes nothing. The caller holds zone.lock.
template <ZoneConfig Config>
std::optional<Refusal> refuse_isolate(const Zone<Config>& zone, Pfn pfn, MigrateType block_type) {
  zone.assert_locked();
  // The notifiers may report pages that look unmovable but could be given back.
  MemoryIsolateNotify arg{pfn, Zone<Config>::pageblock_nr_pages, 0};
  if (notifier_to_errno(zone.isolate_notifiers().call(arg)) != 0) {
    return Refusal{Stage::notifier, pfn, Reason::notifier};
  }
  const auto page = find_unmovable(zone, pfn, block_type, arg.pages_found);
  if (!page) return std::nullopt;
  const bool reserved = zone.memmap().bits(*page).has(PageBits::reserved);
  return Refusal{Stage::unmovable_check, *page, reserved ? Reason::reserved : Reason::not_lru};
}

// Kernel: __first_valid_page().
template <ZoneConfig Config>
inline std::optional<Pfn> first_valid_page(const Zone<Config>& zone, Pfn pfn, Pfn end_pfn) {
  const Pfn start = std::max(pfn, zone.start_pfn());
  const Pfn end = std::min(end_pfn, zone.end_pfn());
  if (start >= end) return std::nullopt;
  const auto is_valid = [](PageBits bits) { return bits.is_valid(); };
  if (is_valid(zone.memmap().bits(start))) [[likely]]
    return start;
  const Pfn first = zone.memmap().find_if(start, end, is_valid);
  if (first == end) return std::nullopt;
  return first;
}

// The windows of a block's size from start_pfn upward that meet the zone begin in this range: all
// others have no valid page, and there may be very many.
template <ZoneConfig Config>
PfnRange windows_of(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  Pfn first = start_pfn;
  if (first < zone.start_pfn()) {
    first += (zone.start_pfn() - first) & ~(Zone<Config>::pageblock_nr_pages - 1);
  }
  return {first, std::min(end_pfn, zone.end_pfn())};
}

}  // namespace detail

/// Isolates the pageblock of @p pfn: its type becomes isolate, its free chunks move to the isolate
/// lists, and the per-CPU lists are drained. Defects of v3.6: isolating an isolated block succeeds
/// and counts once; pages of the block that were on per-CPU lists are drained after the move, to
/// the lists that their private names, where they can be allocated; what move_freepages_block()
/// does not see stays allocatable; has_unmovable_pages() looks away. With mobility grouping off the
/// type written is unmovable, so the block never looks isolated and each call counts again.
/// Requires: @p zone spans @p pfn.
/// Returns:  ok; or -EBUSY if a notifier refuses or the block has unmovable pages, and then nothing
///           has changed.
/// Locking:  takes zone.lock; on success then each CPU's lock in turn.
template <ZoneConfig Config>
Status set_migratetype_isolate(Zone<Config>& zone, Pfn pfn) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone");
  Status ret = ok;
  {
    const IrqSaveGuard guard{zone.lock()};
    const MigrateType block_type = get_pageblock_migratetype(zone, pfn);
    if (detail::refuse_isolate(zone, pfn, block_type)) {
      ret = -Err::busy;
    } else {  // Kernel: set_pageblock_isolate() and move_freepages_block()
      if (block_type != MigrateType::isolate) {
        set_pageblock_migratetype(zone, pfn, MigrateType::isolate);
        zone.mod_nr_pageblock_isolate(1);
      }
      move_freepages_block(zone, pfn, MigrateType::isolate);
    }
    zone.trace(trace::SetMigratetypeIsolate{pfn, ret});
  }
  if (ret == ok) drain_all_pages(zone);
  return ret;
}

/// Gives the pageblock of @p pfn back, with type @p type: its former type is not remembered. A
/// block that is not isolated is left alone. Nothing is merged that could not merge before.
/// Requires: @p zone spans @p pfn.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
void unset_migratetype_isolate(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  bug_on(!has_type<Config>(type), "no such migratetype");
  const IrqSaveGuard guard{zone.lock()};
  if (get_pageblock_migratetype(zone, pfn) != MigrateType::isolate) return;
  bug_on(zone.nr_pageblock_isolate() <= 0, "more blocks are isolated than were counted");
  move_freepages_block(zone, pfn, type);
  // Kernel: with the counter, restore_pageblock_isolate().
  set_pageblock_migratetype(zone, pfn, type);
  zone.mod_nr_pageblock_isolate(-1);
  zone.trace(trace::UnsetMigratetypeIsolate{pfn, type});
}

/// Isolates every pageblock of [start_pfn, end_pfn) that has memory, from low to high. If one is
/// refused, the blocks below it are given back with type @p undo_type, whatever type they had, and
/// also those that somebody else had isolated (a v3.6 defect); so they are if a notifier throws. A
/// block that the start of an unaligned zone cuts is not given back. pfns outside the zone count as
/// holes, and a reversed range as an empty one.
/// Requires: both pfns are multiples of the pageblock size; when blocks are given back, no more of
///           them are isolated than are counted (reported half-way).
/// Returns:  ok, or -EBUSY.
/// Locking:  takes zone.lock once per block, and the CPUs' locks behind each.
template <ZoneConfig Config>
Status start_isolate_page_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn,
                                MigrateType undo_type) {
  bug_on(!zone.is_block_aligned(start_pfn, end_pfn), "the range is not whole pageblocks");
  bug_on(!has_type<Config>(undo_type), "no such migratetype");
  const PfnRange blocks = detail::windows_of(zone, start_pfn, end_pfn);
  Pfn pfn = blocks.start;
  const auto roll_back = [&] {
    for (Pfn undo = blocks.start; undo < pfn; undo += Zone<Config>::pageblock_nr_pages) {
      // Through the block's first pfn, even if that is in a hole. Below the zone the kernel reads
      // wildly; the model does nothing there.
      if (zone.spans(undo)) unset_migratetype_isolate(zone, undo, undo_type);
    }
  };
  Status ret = ok;
  try {
    for (; pfn < blocks.end; pfn += Zone<Config>::pageblock_nr_pages) {
      const auto page = detail::first_valid_page(zone, pfn, pfn + Zone<Config>::pageblock_nr_pages);
      if (!page) continue;
      ret = set_migratetype_isolate(zone, *page);
      if (ret != ok) break;
    }
  } catch (...) {  // of a notifier
    roll_back();
    throw;
  }
  if (ret != ok) roll_back();
  return ret;
}

/// Gives back every isolated pageblock of [start_pfn, end_pfn), with type @p type. Others are
/// skipped, so ranges may be wider than what was isolated, or repeated. pfns outside the zone count
/// as holes, and a reversed range as an empty one.
/// Requires: both pfns are multiples of the pageblock size; no more blocks of the range are
///           isolated than are counted.
/// Returns:  ok.
/// Locking:  takes zone.lock once per isolated block.
template <ZoneConfig Config>
Status undo_isolate_page_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, MigrateType type) {
  bug_on(!zone.is_block_aligned(start_pfn, end_pfn), "the range is not whole pageblocks");
  bug_on(!has_type<Config>(type), "no such migratetype");
  const PfnRange blocks = detail::windows_of(zone, start_pfn, end_pfn);
  const auto for_each_isolated = [&](auto visit) {
    for (Pfn pfn = blocks.start; pfn < blocks.end; pfn += Zone<Config>::pageblock_nr_pages) {
      const auto page = detail::first_valid_page(zone, pfn, pfn + Zone<Config>::pageblock_nr_pages);
      if (page && get_pageblock_migratetype(zone, *page) == MigrateType::isolate) visit(*page);
    }
  };
  // The kernel would stop in the middle; the model looks before it begins, if that can be at all.
  // In an unaligned zone two blocks can share an entry of types: unless it keeps type isolate, the
  // second finds it given back. Without the lock a count may be stale.
  const bool stays_isolate = type == MigrateType::isolate && zone.mobility_grouping();
  const std::uint64_t nr_blocks =
      (blocks.nr_pages() + Zone<Config>::pageblock_nr_pages - 1) >> Config::pageblock_order;
  const auto exceeds_counter = [&] {
    std::int64_t isolated = 0;
    std::optional<std::size_t> last;
    for_each_isolated([&](Pfn pfn) {
      const std::size_t entry = zone.pageblock_flags().index(pfn);
      if (entry != last || stays_isolate) ++isolated;
      last = entry;
    });
    return isolated > zone.nr_pageblock_isolate();
  };
  if (zone.nr_pageblock_isolate() < static_cast<std::int64_t>(nr_blocks) && exceeds_counter()) {
    const IrqSaveGuard guard{zone.lock()};
    bug_on(exceeds_counter(), "more blocks are isolated than were counted");
  }
  for_each_isolated([&](Pfn pfn) { unset_migratetype_isolate(zone, pfn, type); });
  return ok;
}

namespace detail {

// Where a test of [start_pfn, end_pfn) stopped, and whether it is a refusal.
struct TestResult {
  Pfn fin_pfn;
  bool all_isolated;
};

// The first pass: every block with memory must have type isolate, and there must be one. Kernel:
// the loop in test_pages_isolated(), without the lock.
template <ZoneConfig Config>
TestResult test_blocks(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  constexpr MigrateType isolate = MigrateType::isolate;
  const PfnRange windows = windows_of(zone, start_pfn, end_pfn);
  for (Pfn pfn = windows.start; pfn < windows.end; pfn += Zone<Config>::pageblock_nr_pages) {
    // A look at the types alone tells how many windows are of isolated blocks only.
    const Pfn other = zone.pageblock_flags().find_other(std::max(pfn, zone.start_pfn()), isolate);
    if (other > pfn) pfn += (other - pfn) & ~(Zone<Config>::pageblock_nr_pages - 1);
    if (pfn >= windows.end) break;
    // Behind an unaligned start, the last window reaches beyond the end.
    const auto page = first_valid_page(zone, pfn, pfn + Zone<Config>::pageblock_nr_pages);
    if (!page) continue;
    if (get_pageblock_migratetype(zone, *page) != isolate) return {*page, false};
  }
  return {end_pfn, first_valid_page(zone, start_pfn, end_pfn).has_value()};
}

// The second pass, under zone.lock: every page must be free, on whichever list, or look as if it
// were on a per-CPU list with the mark of an isolated block. Kernel:
// __test_page_isolated_in_pageblock().
template <ZoneConfig Config>
TestResult test_pages(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  zone.assert_locked();
  constexpr unsigned marked_isolate = number_of<Config>(MigrateType::isolate);
  const auto pages_to_skip = [](PageBits bits) -> std::uint64_t {
    if (bits.has(PageBits::buddy)) return bits.order().nr_pages();
    const bool is_marked = !bits.has(PageBits::in_use) && bits.page_private() == marked_isolate;
    return is_marked || !bits.is_valid() ? 1 : 0;
  };
  const Pfn end = std::min(end_pfn, zone.end_pfn());
  const Pfn fin = zone.memmap().walk(std::max(start_pfn, zone.start_pfn()), end, pages_to_skip);
  if (fin < end) return {fin, false};
  return {std::max(fin, end_pfn), true};  // beyond the end if the last chunk is
}

}  // namespace detail

/// Tests whether every block of [start_pfn, end_pfn) is isolated and every page in it free. A free
/// chunk counts on whichever list it is; one that begins before the range does not. A used tail
/// page with a stale mark passes (a v3.6 defect).
/// Returns:  ok; or -EBUSY, also if the range has no memory.
/// Locking:  takes zone.lock for the pages; the blocks' types are read before, without it.
template <ZoneConfig Config>
Status test_pages_isolated(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  auto result = detail::test_blocks(zone, start_pfn, end_pfn);
  if (result.all_isolated) {
    const IrqSaveGuard guard{zone.lock()};
    result = detail::test_pages(zone, start_pfn, end_pfn);
  }
  const Status ret = result.all_isolated ? ok : -Err::busy;
  zone.trace(trace::TestPagesIsolated{start_pfn, end_pfn, result.fin_pfn, ret});
  return ret;
}

}  // namespace pageblock
