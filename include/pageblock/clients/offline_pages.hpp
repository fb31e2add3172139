// SPDX-License-Identifier: MIT
/// Taking memory offline.
///
/// Layer:  clients.
/// Kernel: offline_pages() (mm/memory_hotplug.c).
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/collect_pages.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/migrate.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/offline_isolated_pages.hpp"
#include "pageblock/clients/page_mover.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// What of a node follows when memory came or went: watermarks, reserves, limits of per-CPU lists, the spans of
// zones. That of a zone alone is its owner's.
template <Memory M>
inline constexpr bool is_node = std::same_as<M, Node<typename M::Config>>;

template <Memory M>
void follow_memory(M& memory) {
  if constexpr (is_node<M>) init_per_zone_wmark_min(memory);
}
template <Memory M>
void follow_span(Zone<typename M::Config>& zone, const PfnRange& gone) {
  constexpr bool shrinks = M::Config::semantics.offline_leaves == OfflineLeaves::holes;
  if constexpr (is_node<M> && shrinks) shrink_zone_span(zone, gone.start, gone.end);
}

// One attempt, in its stages.
template <Memory M, PageMovability Pages>
class Offlining {
 public:
  using Config = typename M::Config;
  using Mover = PageMover<M, Pages>;

  Offlining(Zone<Config>& zone, Mover& mover, const HotplugOptions& options, Attempt& attempt)
      : zone_{zone}, mover_{mover}, options_{options}, attempt_{attempt} {}

  // Isolates, empties, takes off the lists. Kernel: v6.1.
  Status until_empty() {
    if (isolate(isolate_flags::memory_offline | isolate_flags::report_failure) != ok) return ret_;
    if (going_offline() == ok && empty_by_rounds() == ok) {
      offline_isolated_pages(zone_, range().start, range().end);
      mod_memory(zone_, range(), -1);
      return ok;
    }
    undo();
    cancel();
    return ret_;
  }

  // The same with a time and lives. Kernel: v3.6.
  Status with_five_lives() {
    if (isolate(0) != ok) return ret_;
    if (going_offline() == ok && empty_by_lives() == ok) {
      const std::uint64_t managed = zone_.managed_pages();
      offline_isolated_pages(zone_, range().start, range().end);
      zone_.mod_present_pages(static_cast<std::int64_t>(zone_.managed_pages() - managed));
      undo();
      return ok;
    }
    mover_.drain_lru();
    cancel();
    undo();
    return ret_;
  }

 private:
  [[nodiscard]] Candidate& record() const { return mover_.record(); }
  [[nodiscard]] const PfnRange& range() const { return record().range; }

  Status refuse(AttemptStage stage, Status ret, std::string_view reason) {
    record().stage = stage;
    attempt_.reason = reason;
    return ret_ = ret;
  }

  Status isolate(unsigned flags) {
    constexpr MigrateType type = MigrateType::movable;
    const Status ret = isolate_range(zone_, range().start, range().end, type, flags);
    if (ret == ok) return ok;
    if (const auto why = explain_range(zone_, range().start, range().end, type, flags)) {
      record().blockers.push_back({why->pfn, why->reason});
    }
    return refuse(AttemptStage::isolate, ret, "failure to isolate range");
  }
  void undo() {
    static_cast<void>(give_range_back(zone_, range().start, range().end, MigrateType::movable));
  }

  Status going_offline() {
    const Status ret = notify_memory(options_, MemoryEvent::going_offline, range());
    return ret == ok ? ok : refuse(AttemptStage::notifier, ret, "notifier failure");
  }
  void cancel() {
    static_cast<void>(notify_memory(options_, MemoryEvent::cancel_offline, range()));
  }

  // Moves what there is to move, from where a scan found it, until all is free or a signal comes.
  Status empty_by_rounds() {
    constexpr unsigned flags = isolate_flags::memory_offline;
    std::uint64_t round = 0;
    for (;;) {
      Pfn pfn = range().start;
      for (;; ++round) {
        if (round == options_.rounds) return interrupted();
        unseen_.clear();
        may_switch<Config>(Yield::page_read);
        const OfflineScan scan = scan_movable_pages(mover_, pfn, range().end, unseen_);
        if (scan.found == OfflineScan::Found::nothing) break;
        if (scan.found == OfflineScan::Found::unmovable) {
          record().blockers.push_back({scan.pfn, Reason::not_lru});
          return refuse(AttemptStage::migrate, -Err::busy, "unmovable page");
        }
        pfn = scan.pfn;
        if (migrate(collect_for_offline(mover_, pfn, range().end)) == -Err::intr) {
          return interrupted();
        }
      }
      if (test_range(zone_, range().start, range().end, flags) == ok) return ok;
      ++round;
    }
  }

  Status interrupted() {
    note_blockers(isolate_flags::memory_offline);
    return refuse(stubborn_.empty() ? AttemptStage::test : AttemptStage::migrate, -Err::intr,
                  "signal backoff");
  }

  Status empty_by_lives() {
    unsigned lives = 5;
    std::uint64_t idle_rounds = 0;
    for (bool is_first = true;; is_first = false) {
      if (idle_rounds == options_.rounds) return give_up(-Err::again);
      if (!is_first) drain();
      unseen_.clear();
      const OfflineScan scan = scan_movable_pages(mover_, range().start, range().end, unseen_);
      if (scan.found == OfflineScan::Found::nothing) {
        drain();
        if (test_range(zone_, range().start, range().end) == ok) return ok;
        note_blockers(0);
        return refuse(AttemptStage::test, -Err::busy, "");
      }
      record().blockers.clear();
      auto list = collect_until_kernel_page(mover_, scan.pfn, range().end, record().blockers);
      const std::uint64_t moved = record().nr_migrated;
      const Status ret = list ? migrate(std::move(*list)) : -Err::busy;
      if (record().nr_migrated == moved) ++idle_rounds;
      if (ret == -Err::intr) return give_up(ret);
      // Pages that did not move cost no life, only time.
      const bool is_error = !list || ret == -Err::nomem;
      if (is_error && --lives == 0) return give_up(ret);
    }
  }

  Status give_up(Status ret) {
    note_blockers(0);
    return refuse(AttemptStage::migrate, ret, "");
  }

  void drain() {
    mover_.drain_lru();
    drain_all_pages(zone_);
  }

  Status migrate(MigrationList list) {
    const Status ret = migrate_list(mover_, list);
    std::map<Pfn, Blocker> stubborn;
    for (const MigrationUnit& unit : list) {
      const bool no_copy = ret == -Err::nomem && unit.hindrance == Hindrance::none;
      const Reason reason = no_copy ? Reason::no_copy : reason_for(unit.hindrance);
      const auto before = stubborn_.find(unit.pfn);
      const std::uint32_t tries = before == stubborn_.end() ? 0 : before->second.tries;
      stubborn.emplace(unit.pfn, Blocker{unit.pfn, reason, tries + unit.tries});
    }
    stubborn_ = std::move(stubborn);
    return ret;
  }

  // What did not move; else what was not seen; else what the test stops at.
  void note_blockers(unsigned flags) {
    std::vector<Blocker>& blockers = record().blockers;
    if (!blockers.empty()) return;
    for (const auto& [pfn, blocker] : stubborn_) blockers.push_back(blocker);
    if (blockers.empty()) blockers = unseen_;
    if (!blockers.empty()) return;
    if (const auto why = explain_failed_test(zone_, range().start, range().end, flags)) {
      blockers.push_back({why->pfn, why->reason});
    }
  }

  Zone<Config>& zone_;
  Mover& mover_;
  const HotplugOptions& options_;
  Attempt& attempt_;
  Status ret_{};
  std::map<Pfn, Blocker> stubborn_{};  // of the last call of migration
  std::vector<Blocker> unseen_{};      // by the last scan
};

// Whether a range cannot go offline as a whole; the reason is the kernel's word for it, if it has one.
template <ZoneConfig Config>
[[nodiscard]] bool is_wrong_range(Zone<Config>* zone, const PfnRange& range,
                                  std::string_view& reason) {
  const auto is_hole = [](PageBits bits) { return !bits.is_valid(); };
  if (range.empty() || !Zone<Config>::is_block_aligned(range.start, range.end)) return true;
  reason = "multizone range";
  if (zone == nullptr || !zone->spans(range.end - 1)) return true;
  if (!is_hotplug_range(*zone, range.start, range.nr_pages())) return true;
  reason = "memory holes";
  if (Config::semantics.offline_leaves == OfflineLeaves::holes &&
      zone->memmap().find_if(range.start, range.end, is_hole) != range.end) {
    return true;
  }
  reason = "";
  return false;
}

}  // namespace detail

/// Takes the pageblocks of [start_pfn, start_pfn + nr_pages) offline: they are isolated, what is in use on
/// LRU lists moves to memory from @p memory as far as @p pages lets it, and what is free leaves the lists. v6.1
/// disables the per-CPU lists meanwhile, and goes on until all is free or a signal comes; the blocks are holes
/// afterwards, of type isolate. v3.6 goes on until its time is over, the fifth error comes, or a test fails; the
/// pages are reserved afterwards, in movable blocks. With a node, its watermarks follow and, since v6.1, the
/// zone's span (shrink_zone_span()). If it fails, all is as before but for what has moved, the types of the blocks (movable) and the order of
/// lists. If the block behind the end is isolated, too, a free chunk may reach there; what it has there is
/// lost: on no list, until it goes offline (a defect of v6.1).
/// @p attempt, if any, says what happened, in the kernel's words.
/// Requires: options.cpu is one of the zone's.
/// Returns:  ok; -EINVAL if the range is empty, not whole blocks, or has holes (v6.1) or pages outside the
///           zone; -EBUSY; what a notifier says; -EINTR behind options.rounds (v3.6: -EAGAIN); in
///           v3.6 -ENOMEM.
/// Locking:  takes the locks of the functions it is made of, one after the other.
/// Kernel:   free huge pages of hugetlbfs are not modelled.
template <Memory M, PageMovability Pages = AllMove>
[[nodiscard]] Status offline_pages(M& memory, Pfn start_pfn, std::uint64_t nr_pages,
                                   Pages&& pages = {}, const HotplugOptions& options = {},
                                   Attempt* attempt = nullptr, Place caller = Place::here()) {
  using Config = typename M::Config;
  using Policy = std::remove_reference_t<Pages>;
  Attempt unused;
  Attempt& record = attempt != nullptr ? *attempt : unused;
  record = {.what = "offline", .range = {start_pfn, start_pfn + nr_pages}};
  record.pageblock_order = Zone<Config>::pageblock_order;
  Zone<Config>* const zone = detail::zone_with(memory, start_pfn);
  if (detail::is_wrong_range(zone, record.range, record.reason)) {
    record.status = -Err::inval;
    record.stage = AttemptStage::arguments;
    return record.status;
  }
  bug_on(options.cpu.id() >= zone->nr_cpus(), "the zone has no such CPU",
         ReportedCall{"offline_pages", caller, start_pfn});

  Candidate candidate{.range = record.range};
  detail::PageMover<M, Policy> mover{memory,   *zone, options.cpu, pages, MigrationPurpose::offline,
                                     candidate};
  detail::Offlining<M, Policy> offlining{*zone, mover, options, record};
  constexpr bool disables_pcp =
      Config::semantics.migration.offline_loop == OfflineLoop::until_empty;
  if constexpr (disables_pcp) {
    zone_pcp_disable(*zone);
    candidate.status = offlining.until_empty();
    zone_pcp_enable(*zone);
  } else {
    candidate.status = offlining.with_five_lives();
  }
  record.status = candidate.status;
  record.stage = candidate.stage;
  if (record.status == ok) {
    detail::follow_memory(memory);
    static_cast<void>(detail::notify_memory(options, MemoryEvent::offline, record.range));
    detail::follow_span<M>(*zone, record.range);
  }
  record.candidates.push_back(std::move(candidate));
  return record.status;
}

/// Returns the line that a kernel with 4 KiB pages logs when an attempt to take memory offline fails: "memory
/// offlining [mem 0x08000000-0x0fffffff] failed due to signal backoff"; v3.6 gives no reason.
[[nodiscard]] inline std::string offline_failure_message(const Attempt& attempt) {
  constexpr std::uint64_t page_size = 4096;
  return fmt::format("memory offlining [mem {:#010x}-{:#010x}] failed{}{}",
                     attempt.range.start.value() * page_size,
                     attempt.range.end.value() * page_size - 1,
                     attempt.reason.empty() ? "" : " due to ", attempt.reason);
}

}  // namespace pageblock
