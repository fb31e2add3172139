// SPDX-License-Identifier: MIT
/// Isolating one pageblock.
///
/// Layer:  isolation.
/// Kernel: set_migratetype_isolate(), unset_migratetype_isolate() (mm/page_isolation.c).
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
#include "pageblock/base/yield.hpp"
#include "pageblock/isolation/cut_to_block.hpp"
#include "pageblock/isolation/isolate_mode.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// Looks for unmovable pages, in v3.6 after asking the notifiers: why the block of pfn, which has
// this type, must not be isolated, or nothing. Changes nothing. The caller holds zone.lock.
template <ZoneConfig Config>
std::optional<Refusal> refuse_isolate(const Zone<Config>& zone, Pfn pfn, MigrateType block_type,
                                      [[maybe_unused]] const IsolateRequest& request = {}) {
  zone.assert_locked();
  const auto reason_of = [&](Pfn page) {
    const PageBits bits = zone.memmap().bits(page);
    if (bits.has(PageBits::reserved)) return Reason::reserved;
    return Reason::not_lru;
  };
  if (!Config::semantics.isolates_again && block_type == MigrateType::isolate) {
    return Refusal{Stage::mark, pfn, Reason::block_isolated};
  }
  if constexpr (Config::semantics.unmovable_search == UnmovableSearch::every_page) {
    const Pfn block = pfn.align_down(Zone<Config>::pageblock_order);
    const PfnRange range{std::max(pfn, request.range.start),
                         std::min(block + Zone<Config>::pageblock_nr_pages, request.range.end)};
    OptionalPfn page;
    if (!range.empty()) {
      page = find_unmovable_in(zone, range, request.undo_type, request.flags);
    }
    if (!page && Config::semantics.move_rule == MoveRule::block && !has_whole_block(zone, pfn)) {
      return Refusal{Stage::mark, pfn, Reason::block_cut};
    }
    if (!page) return std::nullopt;
    const bool for_cma = block_type == MigrateType::cma;
    return Refusal{Stage::unmovable_check, *page, for_cma ? Reason::cma : reason_of(*page)};
  } else {
    // The notifiers may report pages that look unmovable but could be given back.
    MemoryIsolateNotify arg{pfn, Zone<Config>::pageblock_nr_pages, 0};
    if (notifier_to_errno(zone.isolate_notifiers().call(arg)) != 0) {
      return Refusal{Stage::notifier, pfn, Reason::notifier};
    }
    const auto page = find_unmovable(zone, pfn, block_type, arg.pages_found);
    if (!page) return std::nullopt;
    return Refusal{Stage::unmovable_check, *page, reason_of(*page)};
  }
}

// The first pfn of [pfn, end_pfn) that the zone has a page for. Kernel: __first_valid_page().
template <ZoneConfig Config>
inline OptionalPfn first_valid_page(const Zone<Config>& zone, Pfn pfn, Pfn end_pfn) {
  const PfnRange pages = pages_of(zone);
  const Pfn start = std::max(pfn, pages.start);
  const Pfn end = std::min(end_pfn, pages.end);
  if (start >= end) return {};
  const auto is_page = [](PageBits bits) { return bits.is_page(); };
  if (is_page(zone.memmap().bits(start))) [[likely]]
    return start;
  const Pfn first = zone.memmap().find_if(start, end, is_page);
  if (first == end) return {};
  return first;
}

// The same for a block's size from pfn.
template <ZoneConfig Config>
inline OptionalPfn first_valid_page(const Zone<Config>& zone, Pfn pfn) {
  return first_valid_page(zone, pfn, pfn + Zone<Config>::pageblock_nr_pages);
}

// Whether a page of the range is memory of the zone.
template <ZoneConfig Config>
bool has_memory(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  return first_valid_page(zone, start_pfn, end_pfn).has_value();
}

// The windows of a block's size from start_pfn upward that meet the zone begin in this range: all
// others have no valid page, and there may be very many.
template <ZoneConfig Config>
PfnRange windows_of(const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn) {
  const PfnRange pages = pages_of(zone);
  Pfn first = start_pfn;
  if (first < pages.start) {
    first += (pages.start - first) & ~(Zone<Config>::pageblock_nr_pages - 1);
  }
  return {first, std::min(end_pfn, pages.end)};
}

// The range rounded to whole pageblocks, as far as they meet the zone.
template <ZoneConfig Config>
PfnRange blocks_around(const Zone<Config>& zone, const PfnRange& range) {
  constexpr Order block_order = Zone<Config>::pageblock_order;
  if (range.end <= range.start) return {};
  const Pfn start = std::max(range.start, zone.start_pfn()).align_down(block_order);
  const Pfn end = std::min(range.end, zone.end_pfn()).align_up(block_order);
  return {start, std::max(start, end)};
}

// Types the block of pfn isolate, counts it, and moves what is free in it. The caller holds zone.lock.
// Kernel: the end of set_migratetype_isolate(); set_pageblock_isolate() of v3.6.
template <ZoneConfig Config>
void mark_isolated(Zone<Config>& zone, Pfn pfn, MigrateType block_type) {
  const bool is_new = block_type != MigrateType::isolate;
  if (is_new) zone.mod_nr_pageblock_isolate(1);
  if constexpr (Config::semantics.isolate_splits == SplitRule::block) {
    return retype_and_cut(zone, pfn, MigrateType::isolate);
  }
  if (is_new) write_block_type(zone, pfn, MigrateType::isolate);
  const std::int64_t moved = move_block(zone, pfn, MigrateType::isolate);
  if (!Config::semantics.counts_isolated) zone.mod_freepage_state(-moved, block_type);
}

// Kernel: set_migratetype_isolate(); in v3.6 with set_pageblock_isolate().
template <ZoneConfig Config>
Status isolate_block(Zone<Config>& zone, Pfn pfn, const IsolateRequest& request) {
  Status ret = ok;
  {
    const IrqSaveGuard guard{zone.lock()};
    const MigrateType block_type = label_of(zone, pfn);
    if (refuse_isolate(zone, pfn, block_type, request)) {
      ret = -Err::busy;
    } else {
      mark_isolated(zone, pfn, block_type);
    }
    zone.trace(trace::SetMigratetypeIsolate{pfn, ret});
  }
  if (ret == ok && Config::semantics.isolate_drains) drain_all_pages(zone);
  return ret;
}

// Whether a free chunk of a block or more begins at pfn and could merge with a buddy outside isolated
// blocks.
template <ZoneConfig Config>
bool is_mergeable(const Zone<Config>& zone, Pfn pfn) {
  const PageBits bits = zone.memmap().bits(pfn);
  if (!bits.has(PageBits::buddy)) return false;
  const Order order = bits.order();
  if (order < Zone<Config>::pageblock_order || order >= Zone<Config>::top_order) return false;
  const Pfn buddy = pfn.buddy(order);
  return zone.memmap().bits(buddy).is_chunk(order) &&
         zone.pageblock_flags().get(buddy) != MigrateType::isolate;
}

// Whether it is reported that a block is isolated and not counted. Later kernels do not stop there as v3.6
// does, and an explorer of interleavings goes on to what comes of it.
template <ZoneConfig Config>
inline constexpr bool reports_miscount =
    Config::semantics.counts_isolated || !is_interleaved<Config>;

}  // namespace detail

/// Isolates the pageblock of @p pfn: its type becomes isolate, and its free chunks move to the
/// isolate lists.
///
/// v3.6 drains the per-CPU lists then. Its defects: isolating an isolated block succeeds and counts
/// once; pages of the block that were on per-CPU lists are drained after the move, to the lists that
/// their private names, where they can be allocated; what move_freepages_block() does not see stays
/// allocatable; has_unmovable_pages() looks away. With mobility grouping off the type written is
/// unmovable, so the block never looks isolated and each call counts again.
///
/// v6.1 refuses an isolated block, and takes the free pages out of NR_FREE_PAGES; who needs the
/// per-CPU lists drained does so (zone_pcp_disable()). v6.12 refuses a block that the zone cuts, too, and
/// cuts a chunk that reaches beyond the block. v6.17 keeps the block's own type beside its being isolated.
/// Requires: @p zone spans @p pfn.
/// Returns:  ok; or -EBUSY if the block has unmovable pages, a notifier refuses (v3.6), or it is
///           isolated already (v6.1) or cut (v6.12), and then nothing has changed.
/// Locking:  takes zone.lock; in v3.6 on success then each CPU's lock in turn. What a notifier
///           throws passes through, with nothing changed.
template <ZoneConfig Config>
Status set_migratetype_isolate(Zone<Config>& zone, Pfn pfn, Place caller = Place::here()) requires(
    !IsolatesForFlagsUntilV6_16<Config>) {
  bug_on(!zone.spans(pfn), "pfn is not in the zone",
         ReportedCall{"set_migratetype_isolate", caller, pfn});
  return detail::isolate_block(zone, pfn, {});
}
/// The same with what v6.1 asks.
template <ZoneConfig Config>
Status set_migratetype_isolate(Zone<Config>& zone, Pfn pfn, const IsolateRequest& request = {},
                               Place caller = Place::here()) requires
    IsolatesForFlagsUntilV6_16<Config> {
  bug_on(!zone.spans(pfn), "pfn is not in the zone",
         ReportedCall{"set_migratetype_isolate", caller, pfn});
  return detail::isolate_block(zone, pfn, request);
}
/// The same with what v6.17 asks: only pages of [@p start_pfn, @p end_pfn) count.
template <ZoneConfig Config>
Status set_migratetype_isolate(Zone<Config>& zone, Pfn pfn, IsolateMode mode, Pfn start_pfn,
                               Pfn end_pfn, Place caller = Place::here()) requires
    IsolatesForModeSinceV6_17<Config> {
  bug_on(!zone.spans(pfn), "pfn is not in the zone",
         ReportedCall{"set_migratetype_isolate", caller, pfn});
  return detail::isolate_block(
      zone, pfn, {{start_pfn, end_pfn}, detail::type_of(mode), detail::flags_of(mode)});
}

namespace detail {

// unset_migratetype_isolate(). Where blocks keep their own type, that counts and not the one given.
template <ZoneConfig Config>
void give_block_back(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const IrqSaveGuard guard{zone.lock()};
  if (get_pageblock_migratetype(zone, pfn) != MigrateType::isolate) return;
  if constexpr (has_isolate_bit<Config>) {
    type = zone.pageblock_flags().own_type(zone.pageblock_flags().index(pfn));
  }
  bug_on(reports_miscount<Config> && zone.nr_pageblock_isolate() <= 0,
         "more blocks are isolated than were counted");
  const bool merges = Config::semantics.undo_merges && is_mergeable(zone, pfn);
  // Kernel: with the counter, restore_pageblock_isolate() of v3.6.
  if (merges) {
    const Order order = zone.memmap().bits(pfn).order();
    isolate_free_page(zone, pfn);  // makes its other blocks movable
    write_isolation(zone, pfn, type);
    putback_isolated_page(zone, pfn, order, type);
  } else if constexpr (Config::semantics.isolate_splits == SplitRule::block) {
    if (has_whole_block(zone, pfn)) retype_and_cut(zone, pfn, type);
  } else {
    const std::int64_t moved = move_block(zone, pfn, type);
    if (!Config::semantics.counts_isolated) zone.mod_freepage_state(moved, type);
    write_block_type(zone, pfn, type);
  }
  zone.mod_nr_pageblock_isolate(-1);
  zone.trace(trace::UnsetMigratetypeIsolate{pfn, type});
}

}  // namespace detail

/// Gives the pageblock of @p pfn back, with type @p type: its former type is not remembered. A
/// block that is not isolated is left alone. v3.6 merges nothing that could not merge before; v6.1
/// lets a chunk of a block or more merge with a buddy that is not isolated. v6.12 cuts a chunk that reaches
/// beyond the block.
/// Requires: @p zone spans @p pfn; the kernel has @p type; some block is counted as isolated.
/// Locking:  takes zone.lock.
template <ZoneConfig Config>
void unset_migratetype_isolate(Zone<Config>& zone, Pfn pfn, MigrateType type,
                               Place caller = Place::here()) requires
    GivesBackTypeUntilV6_16<Config> {
  bug_on(!has_type<Config>(type), "no such migratetype",
         ReportedCall{"unset_migratetype_isolate", caller, pfn});
  detail::give_block_back(zone, pfn, type);
}
/// The same since v6.17: the block has its own type again.
template <ZoneConfig Config>
void unset_migratetype_isolate(Zone<Config>& zone,
                               Pfn pfn) requires IsolatesForModeSinceV6_17<Config> {
  detail::give_block_back(zone, pfn, MigrateType::movable);
}

}  // namespace pageblock
