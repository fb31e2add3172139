/// From per-CPU lists back to the buddy lists.
///
/// Layer:  mm.
/// Kernel: free_pcppages_bulk(), drain_pages(), drain_all_pages() (mm/page_alloc.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

/// Frees @p nr pages from the tails of a CPU's lists, in turn: each visit to a list takes as many
/// pages as lists were tried since the last productive visit; the last list with pages is emptied
/// in one go. A page goes to the list that its private names, which was right when the page was put
/// there and may be no longer (a v3.6 defect).
/// Requires: nr <= pcp.count. Locking: the caller holds the CPU's lock.
/// Kernel: free_pcppages_bulk().
template <ZoneConfig Config>
void free_pcppages_bulk(Zone<Config>& zone, std::uint32_t nr, PerCpuPages& pcp) {
  bug_on(nr > pcp.count, "the CPU has fewer pages than that");
  const std::lock_guard guard{zone.lock()};
  std::size_t index = 0;
  std::uint32_t batch_free = 0;
  for (std::uint32_t to_free = nr; to_free != 0;) {
    PcpList* list = nullptr;
    do {
      ++batch_free;
      index = (index + 1) % nr_pcp_types;
      list = &pcp.list(Config::semantics.migratetypes[index]);
    } while (list->empty());
    if (batch_free == nr_pcp_types) batch_free = to_free;
    do {
      const Pfn pfn = list->pop_tail();
      const auto type = Config::semantics.migratetypes[zone.memmap().bits(pfn).page_private()];
      zone.free_area().free_one_page(zone.memmap(), pfn, Order{0}, type);
      zone.trace(trace::MmPagePcpuDrain{pfn, Order{0}, type});
    } while (--to_free != 0 && --batch_free != 0 && !list->empty());
  }
  pcp.count -= nr;
  zone.mod_nr_free_pages(nr);
}

}  // namespace detail

/// Gives all pages on the lists of @p cpu back to the buddy lists.
/// Locking:  takes the CPU's lock, and inside it zone.lock if there are pages.
/// Kernel:   drain_pages(), for one zone.
template <ZoneConfig Config>
void drain_pages(Zone<Config>& zone, Cpu cpu) {
  PerCpuPages& pcp = zone.pcp(cpu);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  if (pcp.count != 0) detail::free_pcppages_bulk(zone, pcp.count, pcp);
}

/// Drains CPU 0, 1, 2, ... in turn. Which CPU asks makes no difference.
/// Locking:  as drain_pages(); no lock is held in between.
template <ZoneConfig Config>
void drain_all_pages(Zone<Config>& zone) {
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) drain_pages(zone, Cpu{id});
}

}  // namespace pageblock
