/// From per-CPU lists back to the buddy lists.
///
/// Layer:  mm.
/// Kernel: free_pcppages_bulk(), drain_pages(), drain_all_pages() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// Frees single pages one after the other, each to the list that its private names. Pages that
// follow each other, as when a program frees what it got, become a chunk at once where they make
// one up.
// Locking: the caller holds zone.lock.
template <ZoneConfig Config>
void free_pages_in_order(Zone<Config>& zone,
                         std::span<const typename Memmap<Config>::Index> pages) {
  Memmap<Config>& map = zone.memmap();
  const auto private_at = [&](std::size_t i) { return map.bits_of(pages[i]).page_private(); };
  unsigned number = 0;
  std::size_t end = 0;  // of the run of pages with this private that i is in
  for (std::size_t i = 0; i < pages.size();) {
    if (i == end) {
      number = private_at(i);
      for (++end; !is_watched<Config> && end < pages.size(); ++end) {
        if (pages[end] != pages[end - 1] + 1 || private_at(end) != number) break;
      }
    }
    const Pfn head = map.pfn(pages[i]);
    const Order most{static_cast<unsigned>(std::bit_width(end - i)) - 1};
    const Order order = head.max_aligned_order(std::min(most, Zone<Config>::pageblock_order));
    const MigrateType type = Config::semantics.migratetypes[number];
    if (order != Order{0}) {
      // Freed one by one, a page with an even pfn becomes a chunk head and loses its private when
      // the odd one behind it merges; the odd page keeps its own.
      for (std::size_t even = i; even < i + order.nr_pages(); even += 2) {
        map.find_slot(pages[even]).set_bits(PageBits{});
      }
    }
    zone.free_area().free_one_page(map, head, order, type);
    if (order == Order{0}) zone.trace(trace::MmPagePcpuDrain{head, order, type});
    i += order.nr_pages();
  }
}

/// Frees @p nr pages from the tails of a CPU's lists, in turn: each visit to a list takes as many
/// pages as lists were tried since the last productive visit; the last list with pages is emptied
/// in one go. A page goes to the list that its private names, which was right when the page was put
/// there and may be no longer (a v3.6 defect).
/// Requires: nr <= pcp.count. Locking: the caller holds the CPU's lock.
/// Kernel: free_pcppages_bulk().
template <ZoneConfig Config>
[[gnu::noinline]] void free_pcppages_bulk(Zone<Config>& zone, std::uint32_t nr,
                                          PerCpuPages<Config>& pcp) {
  bug_on(nr > pcp.count, "the CPU has fewer pages than that");
  const std::lock_guard guard{zone.lock()};
  // A few at a time, so that their records are fetched ahead.
  std::array<typename Memmap<Config>::Index, 32> pages;
  std::size_t index = 0;
  std::size_t batch_free = 0;
  for (std::size_t to_free = nr; to_free != 0;) {
    PcpList* list = nullptr;
    do {
      ++batch_free;
      if (++index == nr_pcp_types) index = 0;
      list = &pcp.list(Config::semantics.migratetypes[index]);
    } while (list->empty());
    if (batch_free == nr_pcp_types) batch_free = to_free;
    const std::size_t nr_of_list = std::min({to_free, batch_free, list->size()});
    for (std::size_t left = nr_of_list; left != 0;) {
      const std::size_t nr_now = std::min(left, pages.size());
      std::size_t i = 0;
      list->pop_tail(nr_now, [&](Pfn pfn) {
        pages[i] = zone.memmap().index(pfn);
        zone.memmap().prefetch(pages[i++]);
      });
      free_pages_in_order(zone, std::span{std::as_const(pages)}.first(nr_now));
      left -= nr_now;
    }
    to_free -= nr_of_list;
    batch_free -= nr_of_list;
  }
  pcp.add_to_count(0 - nr);
  zone.mod_nr_free_pages(nr);
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

/// Drains the CPUs that have pages: 0, 1, 2, ... in turn. Which CPU asks makes no difference.
/// A page whose free began before is not left behind: where threads share the zone, a CPU that is
/// just putting one on an empty list is waited for. (v3.6 looks at the count without a lock and may
/// miss that page.)
/// Locking:  as drain_pages(); no lock is held in between.
template <ZoneConfig Config>
inline void drain_all_pages(Zone<Config>& zone) {
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const Cpu cpu{id};
    static_cast<void>(zone.pcp_lock(cpu));  // for its check: a notifier must not drain its zone
    if (is_shared<Config> || zone.pcp(cpu).count != 0) drain_pages(zone, cpu);
  }
}

}  // namespace pageblock
