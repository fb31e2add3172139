// SPDX-License-Identifier: MIT
/// Fragmentation on demand: brings a zone to a stated degree, by requests and frees alone.
///
/// Layer:  lab.
/// Kernel: none.
///
/// Nothing is put anywhere: the zone is asked for pages and given them back, as a machine would in this
/// history. All processes use single pages on CPU 0.
///
///     1. Two processes grow in turn: one page for the first, some for the second, one for the first ...
///        Between them, a third grows alone. Then memory is full.
///
///            | 1222 1222 1222 | 3333 3333 3333 | 1222 1222 1222 |
///
///     2. The kernel asks for pages now and then. Reclaim frees a user's page each time, wherever it is.
///        That scatters unmovable pages.
///
///            | 1222 1222 U222 | 3333 3333 3333 | 1222 1U22 1222 |
///
///     3. The third process gives memory back, which leaves large chunks; then the second one, which
///        leaves small ones. How much each gives back decides the index.
///
///            | 1... 1... U... |      .         | 1222 1U22 1222 |
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/block_ledger.hpp"
#include "pageblock/lab/counter_random.hpp"
#include "pageblock/lab/fragment_target.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

template <ZoneConfig Config>
class FragmentHistory {
 public:
  FragmentHistory(Zone<Config>& zone, const FragmentPlan& plan, const RandomKey& key)
      : zone_{zone}, plan_{plan}, random_{key}, ledger_{zone} {}

  void grow() {
    grow_in_turn(plan_.first);
    drain_all_pages(zone_);  // so that the third begins with a whole chunk
    for (std::uint64_t i = 0; i < plan_.alone && take(alone_); ++i) {
    }
    grow_in_turn(~std::uint64_t{0});
    say(fmt::format("two processes grow in turn, to {} and {} pages; one of {} pages grows alone",
                    keeper_.pages.size(), leaver_.pages.size(), alone_.pages.size()));
  }

  void scatter_unmovable() {
    const std::uint64_t before = unmovable_.size();
    std::uint64_t tries = 4 * ledger_.nr_blocks() + 64;
    while (ledger_.nr_with(MigrateType::unmovable) < plan_.with_unmovable && tries-- != 0) {
      if (!reclaim_one()) break;
      const auto page = alloc_pages(zone_, Cpu{0}, Order{0}, MigrateType::unmovable);
      if (!page) continue;
      unmovable_.push_back(page->pfn());
      ledger_.on_alloc(page->pfn(), Order{0}, MigrateType::unmovable);
    }
    if (unmovable_.size() != before) {
      say(fmt::format("reclaim frees pages of all, and the kernel takes {} of them",
                      unmovable_.size() - before));
    }
  }

  void give_back() {
    std::uint64_t from_alone = 0;
    std::uint64_t from_leaver = 0;
    for (std::uint64_t freed = 1; freed != 0;) {
      drain_all_pages(zone_);
      const FreeMemory memory = free_memory(zone_);
      const std::uint64_t large = memory.pages_in_chunks_from(plan_.order);
      const std::uint64_t free = memory.nr_pages();
      if (free >= plan_.free) break;
      freed = 0;
      if (large < plan_.large) {
        from_alone += freed = leave(alone_, std::min(plan_.large - large, plan_.free - free));
      }
      if (freed == 0) from_leaver += freed = leave(leaver_, plan_.free - free);
    }
    say(fmt::format("the process that grew alone gives back {} pages, one of the two {}",
                    from_alone, from_leaver));
  }

  void end(FragmentResult& result) {
    result.steps = std::move(steps_);
    for (const Process* const process : {&keeper_, &leaver_, &alone_}) {
      for (const OptionalPfn& pfn : process->pages) {
        if (pfn) result.held.push_back({{*pfn, Order{0}}, MigrateType::movable});
      }
    }
    for (const Pfn pfn : unmovable_)
      result.held.push_back({{pfn, Order{0}}, MigrateType::unmovable});
  }

 private:
  // Pages in the order in which they came. What was given back or reclaimed is none.
  struct Process {
    std::vector<OptionalPfn> pages{};
    std::size_t nr_left = 0;
  };

  bool take(Process& process) {
    const auto page = alloc_pages(zone_, Cpu{0}, Order{0}, MigrateType::movable);
    if (!page) return false;
    set_page_lru(zone_, page->pfn(), true);
    process.pages.emplace_back(page->pfn());
    return true;
  }

  void grow_in_turn(std::uint64_t nr) {
    const std::uint64_t in_turn = plan_.period.nr_pages();
    for (std::uint64_t i = 0; i < nr; ++i) {
      if (!take(i % in_turn == 0 ? keeper_ : leaver_)) return;
    }
  }

  // Gives back the next pages, in the order in which they came.
  std::uint64_t leave(Process& process, std::uint64_t nr) {
    std::uint64_t freed = 0;
    while (freed < nr && process.nr_left < process.pages.size()) {
      freed += give(process.pages[process.nr_left++]);
    }
    return freed;
  }

  std::uint64_t give(OptionalPfn& pfn) {
    if (!pfn) return 0;
    put_page(zone_, Cpu{0}, *pfn);
    pfn = {};
    return 1;
  }

  // Frees a user's page in a block without unmovable ones, but none where a whole block is to become free.
  bool reclaim_one() {
    const std::size_t nr_alone =
        plan_.order < Zone<Config>::pageblock_order ? alone_.pages.size() : 0;
    const std::size_t nr_kept = keeper_.pages.size();
    const std::size_t nr_leaving = leaver_.pages.size();
    const std::size_t all = nr_kept + nr_leaving + nr_alone;
    // When nearly all blocks are to have some, most tries find one that has.
    for (int tries = 0; tries < 10'000 && all != 0; ++tries) {
      std::size_t i = random_.below(all);
      Process* process = &keeper_;
      if (i >= nr_kept) {
        i -= nr_kept;
        process = &leaver_;
        if (i >= nr_leaving) {
          i -= nr_leaving;
          process = &alone_;
        }
      }
      const OptionalPfn pfn = process->pages[i];
      if (!pfn || ledger_.nr_pages_in_block(*pfn, MigrateType::unmovable) != 0) continue;
      give(process->pages[i]);
      drain_pages(zone_, Cpu{0});
      return true;
    }
    return false;
  }

  void say(std::string step) { steps_.push_back(std::move(step)); }

  Zone<Config>& zone_;
  const FragmentPlan& plan_;
  CounterRandom random_;
  BlockLedger ledger_;
  Process keeper_;
  Process leaver_;
  Process alone_;
  std::vector<Pfn> unmovable_;
  std::vector<std::string> steps_;
};

// Compares with the target what the zone has become.
template <ZoneConfig Config>
void judge(const Zone<Config>& zone, const FragmentTarget& target, FragmentResult& result) {
  const Metrics now = measure(zone);
  const std::uint64_t managed = zone.managed_pages();
  const auto small = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto check = [&](std::string_view what, std::uint32_t wanted, std::uint32_t reached) {
    const std::uint32_t error = difference(wanted, reached);
    result.error = std::max(result.error, error);
    if (error > fragment_tolerance && result.refusal.empty()) {
      result.refusal = fmt::format("{} came to {} instead of {}", what, reached, wanted);
    }
  };
  const std::uint64_t free = std::min(managed, now.free.nr_pages());
  const Order order = target.unusable ? target.unusable->order : Zone<Config>::pageblock_order;
  FragmentTarget& reached = result.reached;
  reached.occupancy = small(thousandths(managed - free, managed));
  reached.unusable = {order, small(now.free.unusable(order))};
  reached.free_blocks = small(thousandths(now.blocks.free, now.blocks.total));
  reached.unmovable_blocks = small(now.unmovable_scatter());
  check("the occupancy", target.occupancy, reached.occupancy);
  if (target.unusable) check("the index", target.unusable->value, reached.unusable->value);
  if (target.free_blocks)
    check("the share of free blocks", *target.free_blocks, *reached.free_blocks);
  if (target.unmovable_blocks) {
    check("the share of blocks with unmovable pages", *target.unmovable_blocks,
          *reached.unmovable_blocks);
  }
}

}  // namespace detail

/// Brings @p zone to @p target. The history follows from the zone, the target and @p key: the same bytes
/// on every machine.
/// Requires: threads do not use the zone meanwhile.
/// Returns:  what was reached. If it is clear from the start that the target cannot be, the zone is
///           unchanged but for its per-CPU lists, which are drained.
/// Cost:     every free page of the zone is allocated once. Throws std::bad_alloc.
template <ZoneConfig Config>
[[nodiscard]] FragmentResult fragment(Zone<Config>& zone, const FragmentTarget& target,
                                      const RandomKey& key = {}) {
  FragmentResult result;
  drain_all_pages(zone);
  const detail::FragmentPlan plan = detail::plan_fragmentation(zone, target, measure(zone));
  result.refusal = plan.refusal;
  if (plan.refusal.empty()) {
    detail::FragmentHistory<Config> history{zone, plan, key};
    history.grow();
    history.scatter_unmovable();
    history.give_back();
    history.end(result);
  }
  detail::judge(zone, target, result);
  return result;
}

/// Gives back all that the result holds.
template <ZoneConfig Config>
void free_held(Zone<Config>& zone, FragmentResult& result) {
  for (const HeldChunk& held : result.held) put_page(zone, Cpu{0}, held.chunk.pfn);
  result.held.clear();
}

}  // namespace pageblock
