// SPDX-License-Identifier: MIT
/// From per-CPU lists back to the buddy lists.
///
/// Layer:  mm.
/// Kernel: free_pcppages_bulk(), drain_pages(), drain_all_pages() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// Frees a chunk that has left a per-CPU list: to the list that its private, this number, names, or to
// that of its block.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void free_from_pcp(Zone<Config>& zone, const PerCpuPages<Config>& pcp,
                                                 Pfn pfn, Order order, unsigned number) {
  constexpr DrainType rule = Config::semantics.drain_type;
  const bool asks_block = rule == DrainType::block ||
                          (rule == DrainType::mark_of_list && zone.nr_pageblock_isolate() != 0);
  const MigrateType type =
      asks_block ? zone.pageblock_flags().get(pfn) : Config::semantics.migratetypes[number];
  zone.free_area().free_one_page(zone.memmap(), zone.pageblock_flags(), pfn, order, type);
  constexpr bool by_block = Config::semantics.races.drain_counts_by_block;
  zone.count_free(nr_pages_of(order), by_block ? zone.pageblock_flags().get(pfn) : type);
  zone.trace(trace::MmPagePcpuDrain{pfn, order, type, zone.cpu_of(pcp)});
}

// Frees chunks from the tail of a per-CPU list, @p most or fewer: as many at once as make up a larger
// chunk of one block, as when a program frees what it got. Returns how many.
//
//     tail of a list of pages -> 8 9 10 11 | 7 6 | 2 | 5   two chunks and two pages: an even pfn can
//                                                          only begin a chunk, an odd one only end it
//
// Locking: the caller holds the CPU's lock and zone.lock.
template <ZoneConfig Config>
inline std::size_t free_pcp_tail(Zone<Config>& zone, const PerCpuPages<Config>& pcp, PcpList& list,
                                 std::size_t most, Order order_of_list) {
  Memmap<Config>& map = zone.memmap();
  constexpr std::size_t ahead = 8;  // the records of pages that follow soon are fetched
  if (most > ahead) map.prefetch(map.index(list.from_tail(ahead)));

  const Pfn first = list.from_tail(0);
  constexpr bool are_marked = Config::semantics.drain_type != DrainType::block;
  const unsigned number = are_marked ? map.bits(first).unused_private() : 0;
  if (PerCpuPages<Config>::are_huge(order_of_list)) {  // each is a block, with nothing to look for
    list.pop_tail(1);
    free_from_pcp(zone, pcp, first, Zone<Config>::pageblock_order, number);
    return 1;
  }
  const std::uint64_t each = order_of_list.nr_pages();
  const std::uint64_t is_odd = first.is_aligned(order_of_list + 1) ? 0 : 1;
  const auto pages_of = [&](std::size_t nr) {
    const Pfn head = first - is_odd * (nr - 1) * each;
    return PfnRange{head, head + nr * each};
  };
  std::size_t nr = 1;
  if (!is_watched<Config> && most > 1) {
    const std::uint64_t step = (1 - 2 * is_odd) * each;  // modulo 2^64
    const Order limit = (first + is_odd * each).max_aligned_order(Zone<Config>::pageblock_order);
    const auto end = std::min<std::size_t>(most, limit.nr_pages() / each);
    while (nr < end && list.from_tail(nr) == first + nr * step) ++nr;
    nr = std::bit_floor(nr);
    while (are_marked && nr > 1 && !map.have_private(pages_of(nr), number, each)) nr /= 2;
  }
  list.pop_tail(nr);

  const auto [head, end] = pages_of(nr);
  // Freed one by one, a chunk's first page becomes a head, and loses its private when it merges with
  // its buddy later, but keeps it if it merges at once: odd ones if the order ascends, else the
  // lowest.
  if (are_marked && nr > 1) map.fill({head + is_odd * each, end}, PageBits{}, (2 - is_odd) * each);
  free_from_pcp(zone, pcp, head, order_of_list + static_cast<unsigned>(std::countr_zero(nr)),
                number);
  return nr;
}

/// Frees @p nr pages, or a few more of the last chunk, from the tails of a CPU's lists.
/// In turn (v3.6): each visit to a list takes as many pages as lists were tried since the last
/// productive visit; the last list with pages is emptied in one go. A page goes to the list that
/// its private names, which was right when the page was put there and may be no longer (a defect).
/// List by list (v6.1): list @p first until it is empty, then those behind it. v6.12 asks the block of
/// each page where it goes.
/// Requires: nr <= pcp.count. Locking: the caller holds the CPU's lock.
/// Kernel: free_pcppages_bulk().
template <ZoneConfig Config>
[[gnu::noinline]] void free_pcppages_bulk(Zone<Config>& zone, std::uint32_t nr,
                                          PerCpuPages<Config>& pcp, std::size_t first = 0) {
  constexpr bool in_turn = Config::semantics.drain_order == DrainOrder::in_turn;
  bug_on(nr > pcp.count, "the CPU has fewer pages than that");
  const std::lock_guard guard{zone.lock()};
  std::size_t index = in_turn ? 0 : (first == 0 ? pcp.nr_lists : first) - 1;
  std::size_t batch_free = 0;
  std::uint32_t freed = 0;
  for (std::size_t to_free = nr; to_free != 0;) {
    PcpList* list = nullptr;
    do {
      ++batch_free;
      if (++index == pcp.nr_lists) index = 0;
      list = &pcp.lists[index];
    } while (list->empty());
    const Order order = pcp.order_of_list(index);
    if (!in_turn || batch_free == pcp.nr_lists) batch_free = to_free;
    const std::size_t chunks =
        (std::min(to_free, batch_free) + order.nr_pages() - 1) >> order.value();
    const std::size_t nr_of_list = std::min(chunks, list->size());
    for (std::size_t left = nr_of_list; left != 0;) {
      left -= free_pcp_tail(zone, pcp, *list, left, order);
    }
    const std::size_t freed_now = nr_of_list << order.value();
    to_free -= std::min(to_free, freed_now);
    batch_free -= std::min(batch_free, freed_now);
    freed += static_cast<std::uint32_t>(freed_now);
  }
  pcp.count -= freed;
}

// Frees what is too much after a free to list @p first: at once, or in later kernels batch by batch, each of
// which may bring a little more than asked for. What it was meant to bring counts.
// Requires, locking: as free_pcppages_bulk(). Kernel: the end of free_unref_page_commit().
template <ZoneConfig Config>
void drain_excess(Zone<Config>& zone, std::uint32_t nr, PerCpuPages<Config>& pcp,
                  std::size_t first) {
  if constexpr (!Config::semantics.drains_in_batches) {
    return free_pcppages_bulk(zone, nr, pcp, first);
  }
  for (std::uint32_t left = nr; left != 0 && pcp.count != 0;) {
    const std::uint32_t step = std::min(left, pcp.batch);
    free_pcppages_bulk(zone, std::min(step, pcp.count), pcp, first);
    left -= step;
  }
}

// Returns whether a CPU's lists have no pages, by a look without its lock.
template <ZoneConfig Config>
[[nodiscard]] bool looks_empty(const Zone<Config>& zone, Cpu cpu) {
  may_switch<Config>(Yield::count_read);
  return zone.pcp(cpu).count == 0;
}

}  // namespace detail

/// Gives all pages on the lists of @p cpu back to the buddy lists.
/// Requires: cpu < zone.nr_cpus().
/// Locking:  takes the CPU's lock, and inside it zone.lock if there are pages.
/// Kernel:   drain_pages(), for one zone.
template <ZoneConfig Config>
[[gnu::noinline]] void drain_pages(Zone<Config>& zone, Cpu cpu) {
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  if (pcp.count != 0) detail::free_pcppages_bulk(zone, pcp.count, pcp);
}

/// Lets the limit of @p cpu's lists decay, as once a second where that CPU is not idle, and gives back
/// what is too much then, batch by batch.
/// Requires: cpu < zone.nr_cpus(). Returns: whether there is more to come, or pages were given back.
/// Locking:  takes the CPU's lock, and inside it zone.lock for each batch.
/// Kernel:   decay_pcp_high() (v6.7).
template <ZoneConfig Config>
bool decay_pcp_high(Zone<Config>& zone,
                    Cpu cpu) requires(Config::semantics.pcp_tuning == PcpTuning::tuned) {
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  const std::uint32_t excess = pcp.decay();
  for (std::uint32_t left = excess; left != 0; left -= std::min(left, pcp.batch)) {
    const std::uint32_t nr = std::min({left, pcp.batch, pcp.count});
    if (nr != 0) detail::free_pcppages_bulk(zone, nr, pcp);
  }
  return excess != 0 || pcp.high > pcp.high_min;
}

/// Lets nothing stay on per-CPU lists until zone_pcp_enable(), and drains them all. Until then others who
/// disable them or change their limits wait (Zone::disable_pcp(), Zone::set_pageset()).
/// Locking:  takes all locks of the zone, then each CPU's, and inside it zone.lock if there are pages.
/// Kernel:   zone_pcp_disable() (v5.11).
template <ZoneConfig Config>
void zone_pcp_disable(Zone<Config>& zone) {
  constexpr RaceRules rules = Config::semantics.races;
  const auto drain_all = [&zone] {
    for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
      if (!rules.disable_drains_all && detail::looks_empty(zone, Cpu{id})) continue;
      drain_pages(zone, Cpu{id});
    }
  };
  if constexpr (!rules.disable_then_drain) drain_all();
  zone.disable_pcp();
  if constexpr (rules.disable_then_drain) drain_all();
}

/// Gives every CPU's lists the zone's batch and high again.
/// Requires: zone_pcp_disable() was called.
/// Locking:  takes all locks of the zone.
/// Kernel:   zone_pcp_enable() (v5.11).
template <ZoneConfig Config>
void zone_pcp_enable(Zone<Config>& zone) {
  zone.enable_pcp();
}

/// Drains the CPUs that have pages: 0, 1, 2, ... in turn. Which CPU asks makes no difference.
/// A page whose free began before is not left behind: where threads share the zone, a CPU that is
/// just putting one on an empty list is waited for. (The kernel looks at the count without a lock
/// and may miss that page; so does a zone in an explorer of interleavings.)
/// Locking:  as drain_pages(); no lock is held in between.
template <ZoneConfig Config>
inline void drain_all_pages(Zone<Config>& zone) {
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const Cpu cpu{id};
    zone.check_caller();  // must not drain, even if there is nothing to drain
    if constexpr (detail::is_interleaved<Config> && Config::semantics.races.drain_skips_empty) {
      if (detail::looks_empty(zone, cpu)) continue;
    }
    if (is_shared<Config> || zone.pcp(cpu).count != 0) drain_pages(zone, cpu);
  }
}

}  // namespace pageblock
