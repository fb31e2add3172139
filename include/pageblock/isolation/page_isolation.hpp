// SPDX-License-Identifier: MIT
/// Isolating pageblocks: what is free in them stays free and is never handed out.
///
/// Layer:  isolation.
/// Kernel: mm/page_isolation.c.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/isolation/isolate_mode.hpp"
#include "pageblock/isolation/isolate_single.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pageblock_flags.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// Isolates every block of whole blocks, the first, the last and then those between, so that no free
// chunk reaches across the range's ends; if one is refused, gives the others back.
// Kernel: start_isolate_page_range() of v6.1.
template <ZoneConfig Config>
Status isolate_from_ends(Zone<Config>& zone, const PfnRange& blocks,
                         const IsolateRequest& request) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  if (blocks.empty()) return ok;
  const Pfn last = blocks.end - block_pages;
  const auto unset = [&](Pfn block) {
    const auto page = first_valid_page(zone, block);
    if (page) give_block_back(zone, *page, request.undo_type);
  };
  const bool is_one = blocks.start == last;
  Status ret = isolate_single_pageblock(zone, blocks.start, Side::behind, false, request);
  if (ret != ok) return ret;
  ret = isolate_single_pageblock(zone, blocks.end, Side::before, is_one, request);
  if (ret != ok) {
    unset(blocks.start);
    return ret;
  }
  for (Pfn block = blocks.start + block_pages; block < last; block += block_pages) {
    const auto page = first_valid_page(zone, block);
    if (!page) continue;
    ret = isolate_block(zone, *page, request);
    if (ret == ok) continue;
    for (Pfn undo = blocks.start; undo < block; undo += block_pages) unset(undo);
    unset(last);
    return ret;
  }
  return ok;
}

// start_isolate_page_range(), in the words of v6.1.
template <ZoneConfig Config>
Status isolate_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, MigrateType undo_type,
                     unsigned flags = 0, const ReportedCall& call = {}) {
  if constexpr (Config::semantics.isolate_range == IsolateRange::ends_first) {
    bug_on(!has_type<Config>(undo_type), "no such migratetype", call);
    const PfnRange range{start_pfn, end_pfn};
    return isolate_from_ends(zone, blocks_around(zone, range), {range, undo_type, flags});
  }
  bug_on(flags != 0, "v3.6 knows no flags", call);
  bug_on(!zone.is_block_aligned(start_pfn, end_pfn), "the range is not whole pageblocks", call);
  bug_on(!has_type<Config>(undo_type), "no such migratetype", call);
  const PfnRange blocks = windows_of(zone, start_pfn, end_pfn);
  Pfn pfn = blocks.start;
  const auto roll_back = [&] {
    for (Pfn undo = blocks.start; undo < pfn; undo += Zone<Config>::pageblock_nr_pages) {
      // Through the block's first pfn, even if that is in a hole. Below the zone the kernel reads
      // wildly; the model does nothing there.
      if (zone.spans(undo)) give_block_back(zone, undo, undo_type);
    }
  };
  Status ret = ok;
  try {
    for (; pfn < blocks.end; pfn += Zone<Config>::pageblock_nr_pages) {
      const auto page = first_valid_page(zone, pfn);
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

// undo_isolate_page_range(). Where blocks keep their own type, that counts and not the one given.
template <ZoneConfig Config>
Status give_range_back(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, MigrateType type,
                       const ReportedCall& call = {}) {
  if constexpr (Config::semantics.isolate_range == IsolateRange::ends_first) {
    const PfnRange rounded = blocks_around(zone, {start_pfn, end_pfn});
    start_pfn = rounded.start;
    end_pfn = rounded.end;
  }
  bug_on(!zone.is_block_aligned(start_pfn, end_pfn), "the range is not whole pageblocks", call);
  bug_on(!has_type<Config>(type), "no such migratetype", call);
  const PfnRange blocks = windows_of(zone, start_pfn, end_pfn);
  const auto for_each_isolated = [&](auto visit) {
    for (Pfn pfn = blocks.start; pfn < blocks.end; pfn += Zone<Config>::pageblock_nr_pages) {
      may_switch<Config>(Yield::type_read);
      const auto page = first_valid_page(zone, pfn);
      if (page && label_of(zone, *page) == MigrateType::isolate) visit(*page);
    }
  };
  // The kernel would stop in the middle; the model looks before it begins, if that can be at all.
  // In an unaligned zone two blocks can share an entry of types: unless it keeps type isolate, the
  // second finds it given back. Without the lock a count may be stale.
  const bool stays_isolate =
      PageblockFlags<Config>::written(type, zone.mobility_grouping()) == MigrateType::isolate;
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
  if (reports_miscount<Config> &&
      zone.nr_pageblock_isolate() < static_cast<std::int64_t>(nr_blocks) && exceeds_counter()) {
    const IrqSaveGuard guard{zone.lock()};
    bug_on(exceeds_counter(), "more blocks are isolated than were counted");
  }
  for_each_isolated([&](Pfn pfn) { give_block_back(zone, pfn, type); });
  return ok;
}

}  // namespace detail

/// Isolates every pageblock of [start_pfn, end_pfn) that has memory. If one is refused, those isolated
/// until then are given back with type @p undo_type, whatever type they had. pfns outside the zone
/// count as holes, and a reversed range as an empty one.
///
/// v3.6 goes from low to high. It also gives back blocks that somebody else had isolated, but not one
/// that the start of an unaligned zone cuts (defects). If a notifier throws, the blocks are given back,
/// too.
///
/// v6.1 rounds the range to whole pageblocks, begins with the first and the last of them, splits
/// free chunks that reach across the range's ends, refuses blocks that are isolated already, and
/// drains nothing.
/// Requires: in v3.6 both pfns are multiples of the pageblock size; the kernel has @p undo_type;
///           when blocks are given back, no more of them are isolated than are counted (reported
///           half-way). @p flags of isolate_flags, none in v3.6.
/// Returns:  ok, or -EBUSY.
/// Locking:  takes zone.lock once per block, and in v3.6 the CPUs' locks behind each.
template <ZoneConfig Config>
Status start_isolate_page_range(
    Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, MigrateType undo_type, unsigned flags = 0,
    Place caller = Place::here()) requires GivesBackTypeUntilV6_16<Config> {
  return detail::isolate_range(zone, start_pfn, end_pfn, undo_type, flags,
                               {"start_isolate_page_range", caller, start_pfn});
}
/// The same since v6.17, where each block keeps its own type and gets it back.
template <ZoneConfig Config>
Status start_isolate_page_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn,
                                IsolateMode mode) requires IsolatesForModeSinceV6_17<Config> {
  return detail::isolate_range(zone, start_pfn, end_pfn, detail::type_of(mode),
                               detail::flags_of(mode));
}

/// Gives back every isolated pageblock of [start_pfn, end_pfn), with type @p type. Others are
/// skipped, so ranges may be wider than what was isolated, or repeated. pfns outside the zone count
/// as holes, and a reversed range as an empty one.
/// v6.1 rounds the range to whole pageblocks.
/// Requires: in v3.6 both pfns are multiples of the pageblock size; the kernel has @p type; no more
///           blocks of the range are isolated than are counted.
/// Returns:  ok.
/// Locking:  takes zone.lock once per isolated block, and before that once where fewer blocks are
///           counted than the range has.
template <ZoneConfig Config>
Status undo_isolate_page_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, MigrateType type,
                               Place caller = Place::here()) requires
    GivesBackTypeUntilV6_16<Config> {
  return detail::give_range_back(zone, start_pfn, end_pfn, type,
                                 {"undo_isolate_page_range", caller, start_pfn});
}
/// The same since v6.17: each block has its own type again.
template <ZoneConfig Config>
Status undo_isolate_page_range(Zone<Config>& zone, Pfn start_pfn,
                               Pfn end_pfn) requires IsolatesForModeSinceV6_17<Config> {
  return detail::give_range_back(zone, start_pfn, end_pfn, MigrateType::movable);
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
    may_switch<Config>(Yield::type_read);
    // A look at the types alone tells how many windows are of isolated blocks only.
    if (const Pfn from = std::max(pfn, zone.start_pfn()); zone.spans(from)) {
      const Pfn other = std::min(zone.pageblock_flags().find_other(from, isolate), zone.end_pfn());
      const bool is_cut = Config::semantics.holes_are_reserved && from != pfn;
      if (other > pfn && !is_cut) pfn += (other - pfn) & ~(Zone<Config>::pageblock_nr_pages - 1);
    }
    if (pfn >= windows.end) break;
    // Behind an unaligned start, the last window reaches beyond the end.
    const auto page = first_valid_page(zone, pfn);
    if (!page || label_of(zone, *page) == isolate) continue;
    return {Config::semantics.test_names_block ? pfn : *page, false};
  }
  return {end_pfn, has_memory(zone, start_pfn, end_pfn)};
}

// How far the second pass gets with the next page: 0 if that is in the way. v3.6 lets a page pass that
// looks as if it were on a per-CPU list with the mark of an isolated block; v6.1, while memory goes
// offline, one that a driver has taken and holds no more.
template <ZoneConfig Config>
struct PagesToPass {
  unsigned flags;

  [[nodiscard]] std::uint64_t operator()(PageBits bits) const {
    if (is_one(bits)) return 1;
    return bits.has(PageBits::buddy) ? bits.order().nr_pages() : 0;
  }
  // Without branches: it is asked of many pages at once.
  [[nodiscard]] bool is_one(PageBits bits) const {
    constexpr unsigned marked_isolate = number_of<Config>(MigrateType::isolate);
    const unsigned is_single = bits.is_chunk(Order{0}) ? 1 : 0;
    // Not a reserved page in a hole (v6.1).
    const unsigned is_hole =
        static_cast<unsigned>(bits.raw() & (PageBits::hole | PageBits::reserved)) == PageBits::hole
            ? 1
            : 0;
    const unsigned is_unused = bits.has(PageBits::buddy | PageBits::in_use) ? 0 : 1;
    unsigned may_pass = 0;
    if constexpr (Config::semantics.test_passes == TestPasses::marked_isolate) {
      may_pass = bits.unused_private() == marked_isolate ? 1 : 0;
    } else if ((flags & isolate_flags::memory_offline) != 0) {
      may_pass = bits.has(PageBits::offline) ? 1 : 0;
    }
    return (is_single | is_hole | (is_unused & may_pass)) != 0;
  }
};

// The second pass, under zone.lock: every page must be free, on whichever list.
// Kernel: __test_page_isolated_in_pageblock().
template <ZoneConfig Config>
TestResult test_pages(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, unsigned flags) {
  zone.assert_locked();
  const PfnRange pages = pages_of(zone);
  const Pfn end = std::min(end_pfn, pages.end);
  const Pfn fin =
      zone.memmap().walk(std::max(start_pfn, pages.start), end, PagesToPass<Config>{flags});
  if (fin < end) return {fin, false};
  return {std::max(fin, end_pfn), true};  // beyond the end if the last chunk is
}

// The same without the lock, where others may change a page between two looks at it: then an order may
// be that of before or after, or no order at all but a type that is there while the page waits on a
// per-CPU list. Kernel: until v2.6.26.
template <ZoneConfig Config>
TestResult test_pages_unlocked(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  constexpr bool order_first = Config::semantics.races.scan == ScanRule::order_then_mark;
  const Pfn end = std::min(end_pfn, pages_of(zone).end);
  const auto look_at = [&](Pfn pfn) {
    may_switch<Config>(Yield::page_read);
    return zone.memmap().bits(pfn);
  };
  Pfn pfn = std::max(start_pfn, pages_of(zone).start);
  while (pfn < end) {
    const PageBits first = look_at(pfn);
    if (!first.is_valid()) {
      ++pfn;
      continue;
    }
    const PageBits second = order_first || first.has(PageBits::buddy) ? look_at(pfn) : first;
    const PageBits with_order = order_first ? first : second;
    if ((order_first ? second : first).has(PageBits::buddy)) {
      pfn += std::uint64_t{1} << with_order.page_private();
    } else if (look_at(pfn).has(PageBits::in_use) ||
               look_at(pfn).page_private() != number_of<Config>(MigrateType::isolate)) {
      return {pfn, false};
    } else {
      ++pfn;
    }
  }
  return {std::max(pfn, end_pfn), true};
}

// test_pages_isolated(), in the words of v6.1.
template <ZoneConfig Config>
Status test_range(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn, unsigned flags = 0) {
  bug_on(Config::semantics.isolate_says == IsolateSays::nothing && flags != 0,
         "v3.6 knows no flags");
  auto result = test_blocks(zone, start_pfn, end_pfn);
  if constexpr (Config::semantics.races.scan != ScanRule::locked) {
    if (result.all_isolated) result = test_pages_unlocked(zone, start_pfn, end_pfn);
  } else if (result.all_isolated) {
    const IrqSaveGuard guard{zone.lock()};
    result = test_pages(zone, start_pfn, end_pfn, flags);
  }
  const Status ret = result.all_isolated ? ok : -Err::busy;
  zone.trace(trace::TestPagesIsolated{start_pfn, end_pfn, result.fin_pfn, ret});
  return ret;
}

}  // namespace detail

/// Tests whether every block of [start_pfn, end_pfn) is isolated and every page in it free. A free
/// chunk counts on whichever list it is; one that begins before the range does not. A used tail
/// page with a stale mark passes (a v3.6 defect).
/// Requires: @p flags of isolate_flags, none in v3.6.
/// Returns:  ok; or -EBUSY, also if the range has no memory.
/// Locking:  takes zone.lock for the pages; the blocks' types are read before, without it.
template <ZoneConfig Config>
Status test_pages_isolated(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn,
                           unsigned flags = 0) requires GivesBackTypeUntilV6_16<Config> {
  return detail::test_range(zone, start_pfn, end_pfn, flags);
}
/// The same since v6.17, for the @p mode in which the blocks were isolated.
template <ZoneConfig Config>
Status test_pages_isolated(Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn,
                           IsolateMode mode) requires IsolatesForModeSinceV6_17<Config> {
  return detail::test_range(zone, start_pfn, end_pfn, detail::flags_of(mode));
}

}  // namespace pageblock
