// SPDX-License-Identifier: MIT
/// Contiguous ranges: isolate, move what is in use, grab, give back.
///
/// Layer:  clients.
/// Kernel: alloc_contig_range(), free_contig_range() (mm/page_alloc.c, CONFIG_CMA).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/collect_pages.hpp"
#include "pageblock/clients/migrate.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/page_mover.hpp"
#include "pageblock/clients/take_free_range.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/free_run.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Who allocates a contiguous range (acr_flags_t, v6.17).
enum class AcrFlags : std::uint8_t {
  none,  ///< Anybody: blocks of CMA areas are an obstacle.
  cma    ///< A CMA area.
};

namespace detail {

// Their meaning in older words: the type that the blocks get afterwards, if they keep none of their own.
[[nodiscard]] constexpr MigrateType type_of(AcrFlags flags) {
  return flags == AcrFlags::cma ? MigrateType::cma : MigrateType::movable;
}

// Returns whether [start, end) has pages that would have to be migrated. Kernel: what
// isolate_migratepages_range() finds for __alloc_contig_migrate_range().
template <ZoneConfig Config>
[[nodiscard]] bool has_lru_pages(const Zone<Config>& zone, Pfn start, Pfn end) {
  may_switch<Config>(Yield::page_read);
  const Pfn from = std::max(start, zone.start_pfn());
  const Pfn to = std::min(end, zone.end_pfn());
  if (from >= to) return false;
  return zone.memmap().find_if(from, to, [](PageBits bits) {
    return bits.has(PageBits::in_use) && bits.has(PageBits::lru);
  }) != to;
}

// Returns the first page of the free chunk that a range begins in. v3.6 takes the first head that it
// finds below, which need not reach start; then the test refuses (a defect). v6.1 takes start then.
template <ZoneConfig Config>
std::optional<Pfn> outer_start_of(const Zone<Config>& zone, Pfn start) {
  may_switch<Config>(Yield::page_read);
  if constexpr (Config::semantics.contig_start_covers) {
    return zone.memmap().free_chunk_of(start).value_or(start);
  }
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    const Pfn pfn = start.align_down(order);
    if (zone.is_valid(pfn) && zone.memmap().bits(pfn).has(PageBits::buddy)) return pfn;
  }
  return std::nullopt;
}

}  // namespace detail

/// Drops one reference to each of @p nr_pages pages from @p pfn upward, hot, on @p cpu; in v6.12 to one
/// compound page of that size. v7.0 frees single pages as the aligned chunks that they make up.
/// Throws std::bad_alloc.
/// Requires: all these pages are valid and in use; cpu < zone.nr_cpus().
/// Locking:  as free_pages().
template <ZoneConfig Config>
void free_contig_range(Zone<Config>& zone, Cpu cpu, Pfn pfn, std::uint64_t nr_pages,
                       Place caller = Place::here()) {
  const ReportedCall call{"free_contig_range", caller, pfn};
  const Pfn end = pfn + nr_pages;
  bug_on(end < pfn || pfn < zone.start_pfn() || end > zone.end_pfn(), "the range leaves the zone",
         call);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  if constexpr (Config::semantics.contig_compound) {
    // Of no pages at all there is no first one: they may be those behind the zone's last.
    const PageBits first = nr_pages == 0 ? PageBits{} : zone.memmap().bits(pfn);
    if (first.has(PageBits::compound)) {
      bug_on(first.order().nr_pages() != nr_pages, "the range is not the compound page", call);
      free_pages(zone, cpu, pfn, first.order(), Temperature::hot, caller);
      return;
    }
  }
  const auto is_unused = [](PageBits bits) { return !bits.has(PageBits::in_use); };
  bug_on(zone.memmap().find_if(pfn, end, is_unused) != end, "a page of the range is not in use",
         call);
  if constexpr (Config::semantics.frees_runs_as_chunks) {
    return detail::free_run(zone, cpu, {pfn, end}, caller);
  }
  for (; pfn < end; ++pfn) free_pages(zone, cpu, pfn, Order{0}, Temperature::hot, caller);
}

namespace detail {

// Frees what can be had again from disk, before the others are migrated: page cache that nobody holds
// besides. Those that are kept come first then, the lowest first.
// Kernel: reclaim_clean_pages_from_list() (v3.8).
template <typename Mover>
void drop_clean_pages(Mover& mover, MigrationList& list) {
  if constexpr (Mover::rules.contig_clean_pages == CleanPages::moved) return;
  MigrationList clean;
  std::erase_if(list, [&](const MigrationUnit& unit) {
    const bool is_clean = mover.pages().kind(unit.pfn) == InUseKind::file_clean;
    if (is_clean) clean.push_back(unit);
    return is_clean;
  });
  if (clean.empty()) return;
  MigrationList dropped;
  MigrationList kept;
  for (const MigrationUnit& unit : clean) {  // from the highest down
    const bool is_held = mover.pages().hindrance(unit.pfn, MoveStep::lock) != Hindrance::none ||
                         mover.pages().hindrance(unit.pfn, MoveStep::move) != Hindrance::none;
    (is_held ? kept : dropped).push_back(unit);
  }
  if constexpr (Mover::rules.contig_clean_pages == CleanPages::dropped_ascending) {
    std::ranges::reverse(dropped);
  }
  for (const MigrationUnit& unit : dropped) mover.drop(unit);
  std::ranges::reverse(kept);
  list.insert(list.begin(), kept.begin(), kept.end());
}

// Moves the pages of a range, some 32 at a time. Five calls without success for one of these end it:
// what lies behind is not even looked at. Kernel: __alloc_contig_migrate_range().
template <typename Mover>
Status migrate_range(Mover& mover, const PfnRange& range, std::vector<Blocker>& left_out) {
  constexpr unsigned nr_calls = 5;
  MigrationList list;
  unsigned calls = 0;
  Status ret = ok;
  for (Pfn next = range.start; next < range.end || !list.empty();) {
    if (list.empty()) {
      calls = 0;
      list = collect_for_contig(mover, next, range.end, left_out);
    }
    if (++calls > nr_calls) break;
    drop_clean_pages(mover, list);
    ret = migrate_list(mover, list);
    // v3.6 calls again even without memory for copies.
    if (ret == -Err::intr || (ret == -Err::nomem && !Mover::Config::semantics.contig_refuses_lru))
      break;
  }
  for (const MigrationUnit& unit : list) {
    const bool no_copy = ret == -Err::nomem && unit.hindrance == Hindrance::none;
    mover.record().blockers.push_back(
        {unit.pfn, no_copy ? Reason::no_copy : reason_for(unit.hindrance), unit.tries});
  }
  return list.empty() ? ok : ret;
}

// One attempt at a range, in its stages.
template <Memory M, PageMovability Pages>
class ContigRange {
 public:
  using Config = typename M::Config;
  using Mover = PageMover<M, Pages>;

  ContigRange(M& memory, Zone<Config>& zone, Cpu cpu, Pages& pages, MigrateType type,
              Candidate& record, bool explains, bool as_compound)
      : zone_{zone},
        cpu_{cpu},
        type_{type},
        record_{record},
        explains_{explains},
        as_compound_{as_compound},
        mover_{memory, zone, cpu, pages, MigrationPurpose::contig, record} {}

  Status alloc() {
    // Kernel: pfn_max_align_down(), pfn_max_align_up().
    constexpr Order granule = Config::semantics.contig_granule == ContigGranule::largest_chunk
                                  ? std::max(Zone<Config>::top_order, Zone<Config>::pageblock_order)
                                  : Zone<Config>::pageblock_order;
    const PfnRange blocks{range().start.align_down(granule), range().end.align_up(granule)};
    Status ret = ok;
    try {
      ret = isolate(blocks);
      if (ret != ok && !Config::semantics.races.failed_start_undoes) return ret;
      if (ret == ok) ret = empty_and_take();
    } catch (...) {  // of a notifier, or std::bad_alloc
      static_cast<void>(give_range_back(zone_, blocks.start, blocks.end, type_));
      throw;
    }
    const Status undone = give_range_back(zone_, blocks.start, blocks.end, type_);
    return ret == ok ? undone : ret;
  }

 private:
  [[nodiscard]] const PfnRange& range() const { return record_.range; }

  Status refuse(AttemptStage stage, Status ret = -Err::busy) {
    record_.stage = stage;
    return ret;
  }
  void note(const std::optional<Refusal>& why) {
    if (why) record_.blockers.push_back({why->pfn, why->reason});
  }

  Status isolate(const PfnRange& blocks) {
    const Status ret = isolate_range(zone_, blocks.start, blocks.end, type_);
    if (ret == ok) return ok;
    // Not unasked: it calls the notifiers again.
    if (explains_) note(explain_range(zone_, blocks.start, blocks.end, type_));
    return refuse(AttemptStage::isolate, ret);
  }

  // What others have freed since the blocks were isolated. Kernel: lru_add_drain_all(),
  // drain_all_pages().
  void drain() {
    mover_.drain_lru();
    drain_all_pages(zone_);
  }

  // Later kernels leave what did not move to the test.
  Status migrate() {
    if constexpr (may_migrate<Pages>) return migrate_range(mover_, range(), left_out_);
    const bool may_go_on = !Config::semantics.contig_refuses_lru;
    return may_go_on || !has_lru_pages(zone_, range().start, range().end) ? ok : -Err::busy;
  }

  Status empty_and_take() {
    if constexpr (Mover::rules.contig_drains_first) drain();
    const Status migrated = migrate();
    if (migrated != ok && !(migrated == -Err::busy && !Config::semantics.contig_refuses_lru)) {
      mover_.drain_lru();
      return refuse(AttemptStage::migrate, migrated);
    }
    if constexpr (!Mover::rules.contig_drains_first) drain();

    const auto outer_start = outer_start_of(zone_, range().start);
    const auto is_free = [&] {
      return outer_start && test_range(zone_, *outer_start, range().end) == ok;
    };
    if (!is_free()) {
      note_test(outer_start.value_or(range().start));
      return refuse(migrated == ok ? AttemptStage::test : AttemptStage::migrate);
    }
    // Kernel: __reclaim_pages() to make up for what is taken; not modelled.
    const auto outer_end = isolate_freepages_range(zone_, cpu_, *outer_start, range().end);
    if (!outer_end) return refuse(AttemptStage::grab);
    if (as_compound_) return make_compound({*outer_start, *outer_end});
    hold_pages(zone_, {*outer_start, *outer_end});
    free_contig_range(zone_, cpu_, *outer_start, range().start - *outer_start);
    free_contig_range(zone_, cpu_, range().end, *outer_end - range().end);
    return ok;
  }

  // Makes one page of what was taken, if that is the range, and as large as a page can be: else all of it is
  // lost (a defect).
  Status make_compound(const PfnRange& taken) {
    const std::uint64_t pages = range().nr_pages();
    if (taken != range() || !std::has_single_bit(pages)) {
      return refuse(AttemptStage::grab, -Err::inval);
    }
    const Order order{static_cast<unsigned>(std::countr_zero(pages))};
    const IrqSaveGuard guard{zone_.lock()};
    const unsigned compound = order == Order{0} ? 0 : PageBits::compound;
    zone_.memmap().set_bits(range().start, PageBits::allocation(order).with(compound));
    return ok;
  }

  // Why the test refused: what was never collected, or the page it stopped at.
  void note_test(Pfn start) {
    if (!record_.blockers.empty()) return;
    record_.blockers = left_out_;
    if (!left_out_.empty()) return;
    if (explains_) note(explain_failed_test(zone_, start, range().end));
  }

  Zone<Config>& zone_;
  Cpu cpu_;
  MigrateType type_;
  Candidate& record_;
  bool explains_;
  bool as_compound_;
  Mover mover_;
  std::vector<Blocker> left_out_;
};

// alloc_contig_range(), for whoever is reported.
template <Memory M, PageMovability Pages>
Status try_contig_range(M& memory, Cpu cpu, const PfnRange& range, MigrateType type, Pages& pages,
                        Attempt* attempt, bool as_compound, const ReportedCall& call) {
  using Config = typename M::Config;
  bug_on(range.empty(), "the range is empty", call);
  Zone<Config>* const zone = zone_with(memory, range.start);
  bug_on(zone == nullptr || !zone->spans(range.end - 1), "the range leaves the zone", call);
  bug_on(cpu.id() >= zone->nr_cpus(), "the zone has no such CPU", call);

  Candidate candidate{.range = range};
  ContigRange<M, Pages> contig{memory,     *zone, cpu, pages, type, candidate, attempt != nullptr,
                               as_compound};
  candidate.status = contig.alloc();
  const Status ret = candidate.status;
  if (attempt != nullptr) {
    if (attempt->what.empty()) {
      attempt->what = "contiguous range";
      attempt->range = candidate.range;
    }
    attempt->pageblock_order = Zone<Config>::pageblock_order;
    attempt->status = ret;
    attempt->stage = candidate.stage;
    attempt->candidates.push_back(std::move(candidate));
  }
  return ret;
}

}  // namespace detail

/// Allocates exactly the pages of [start_pfn, end_pfn), each with count 1. Pages in use on LRU lists are
/// moved, to memory from @p memory, as far as @p pages lets them; @p attempt, if any, gets a candidate more
/// that says what came of it. The blocks around the range, rounded to the larger of
/// the largest chunk and the pageblock, are isolated meanwhile; whether it succeeds or not, those
/// of them that are isolated at the end get type @p type, also if they had another or somebody else
/// had isolated them (a defect of v3.6, and again of v6.1). v6.1 rounds to pageblocks only, and
/// splits free chunks that reach across that. Throws std::bad_alloc; the blocks are given back, and
/// pages that were already taken stay in use.
/// Requires: start_pfn < end_pfn, both in the zone that has start_pfn; cpu < zone.nr_cpus().
/// Returns:  ok; -EBUSY: a block is unmovable, a page in use, or the low watermark in danger; -ENOMEM: no
///           memory for copies; -EINTR: it would wait for ever for a page (Hindrance::stuck).
/// Locking:  takes the locks of the functions it is made of, one after the other.
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] Status alloc_contig_range(
    M& memory, Cpu cpu, Pfn start_pfn, Pfn end_pfn, MigrateType type, Pages&& pages = {},
    Attempt* attempt = nullptr,
    Place caller = Place::here()) requires GivesBackTypeUntilV6_16<typename M::Config> {
  return detail::try_contig_range(memory, cpu, {start_pfn, end_pfn}, type, pages, attempt, false,
                                  {"alloc_contig_range", caller, start_pfn});
}
/// The same since v6.17, for who @p flags say: each block has its own type again afterwards.
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] Status alloc_contig_range(
    M& memory, Cpu cpu, Pfn start_pfn, Pfn end_pfn, AcrFlags flags, Pages&& pages = {},
    Attempt* attempt = nullptr,
    Place caller = Place::here()) requires IsolatesForModeSinceV6_17<typename M::Config> {
  return detail::try_contig_range(memory, cpu, {start_pfn, end_pfn}, detail::type_of(flags), pages,
                                  attempt, false, {"alloc_contig_range", caller, start_pfn});
}

/// The same, for one compound page. Where the free chunks that cover the range reach beyond it, or its size is
/// no power of two, all that was taken is lost (a defect of v6.12).
/// Returns: as alloc_contig_range(), or -EINVAL.
/// Kernel:  alloc_contig_range() with __GFP_COMP (v6.12).
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] Status alloc_contig_compound(
    M& memory, Cpu cpu, Pfn start_pfn, Pfn end_pfn, MigrateType type, Pages&& pages = {},
    Attempt* attempt = nullptr,
    Place caller = Place::here()) requires GivesBackTypeUntilV6_16<typename M::Config> &&
    (M::Config::semantics.contig_compound) {
  return detail::try_contig_range(memory, cpu, {start_pfn, end_pfn}, type, pages, attempt, true,
                                  {"alloc_contig_compound", caller, start_pfn});
}
/// The same since v6.17, for who @p flags say.
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] Status alloc_contig_compound(
    M& memory, Cpu cpu, Pfn start_pfn, Pfn end_pfn, AcrFlags flags, Pages&& pages = {},
    Attempt* attempt = nullptr,
    Place caller = Place::here()) requires IsolatesForModeSinceV6_17<typename M::Config> {
  return detail::try_contig_range(memory, cpu, {start_pfn, end_pfn}, detail::type_of(flags), pages,
                                  attempt, true, {"alloc_contig_compound", caller, start_pfn});
}

}  // namespace pageblock
