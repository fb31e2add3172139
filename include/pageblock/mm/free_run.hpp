// SPDX-License-Identifier: MIT
/// Freeing single pages that lie side by side as the chunks that they make up.
///
/// Layer:  mm.
/// Kernel: free_prepared_contig_range(), free_pages_bulk() (mm/page_alloc.c), v7.0.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/free_checks.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {
namespace detail {

// The pages whose descriptors lie side by side (SECTION_SIZE_BITS of x86-64): a run ends with them.
inline constexpr Order section_order{15};

// Drops a reference to each page of a range, from the lowest up, until one is held still or fails the check.
// Returns which pages are nobody's then: those before it.
template <ZoneConfig Config>
PfnRange drop_references(Zone<Config>& zone, Cpu cpu, const PfnRange& range, Place caller) {
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
    const ReportedCall call{"free_contig_range", caller, pfn};
    PageBits bits = map.bits(pfn);
    check_free(zone, pfn, Order{0}, bits, false, call);
    if (drop_reference(map, pfn, bits, Order{0}).freed == Freed::held) return {range.start, pfn};
    zone.trace(trace::MmPageFree{pfn, Order{0}, cpu});
    map.set_bits(pfn, bits.released());
    if (bits.released().has(bad_page)) {
      count_bad_pages(zone, pfn, Order{0}, call);
      return {range.start, pfn};
    }
  }
  return range;
}

// Frees a chunk of pages that are nobody's, as one: to the CPU's list of its order, or the buddy lists.
template <ZoneConfig Config>
void free_prepared(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order) {
  if (!PerCpuPages<Config>::has_lists(order)) {
    const IrqSaveGuard guard{zone.lock()};
    const MigrateType type = free_chunk(zone, pfn, order);
    zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
    return;
  }
  const TypeToFree<Config> known{zone, pfn};
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  const MigrateType type = known.get(zone, pfn);
  if (type == MigrateType::isolate) return free_isolated_page(zone, pfn, order);
  PcpList& list = pcp.list_to_free_to(type, order);
  list.reserve(1);
  add_to_pcp(zone, pcp, list, pfn, order, type, Temperature::hot);
}

// Drops a reference to each page of a range, and frees what nobody holds then, each run as the largest aligned
// chunks from its start on.
//
//     single pages 2051 to 2063 ->  2051 | 2052 2053 2054 2055 | 2056 ... 2063   orders 0, 2 and 3
//
// Throws std::bad_alloc: the pages that were not freed until then are nobody's.
template <ZoneConfig Config>
void free_run(Zone<Config>& zone, Cpu cpu, const PfnRange& range, Place caller) {
  for (Pfn next = range.start; next < range.end;) {
    const PfnRange rest{next, std::min(range.end, (next + 1).align_up(section_order))};
    const PfnRange run = drop_references(zone, cpu, rest, caller);
    for (Pfn pfn = run.start; pfn < run.end;) {
      const auto largest = static_cast<unsigned>(std::bit_width(run.end - pfn)) - 1;
      const Order order =
          pfn.max_aligned_order(std::min(Order{largest}, Order{Zone<Config>::top_order}));
      free_prepared(zone, cpu, pfn, order);
      pfn += order.nr_pages();
    }
    next = run.end == rest.end ? rest.end : run.end + 1;
  }
}

}  // namespace detail

/// Drops a reference to each of these single pages, in this order, and frees them: those that lie side by side as
/// the chunks that they make up. A page that others hold, or that fails the check, stays, and ends a run.
/// Requires: the pages are in the zone and in use; cpu < zone.nr_cpus().
/// Locking:  takes zone.lock, and for chunks that have per-CPU lists the CPU's lock, several times.
/// Throws std::bad_alloc; what was not freed until then is lost.
/// Kernel:   free_pages_bulk() (v7.0), by which vfree() frees.
template <ZoneConfig Config>
void free_pages_bulk(
    Zone<Config>& zone, Cpu cpu, std::span<const Pfn> pages,
    Place caller = Place::here()) requires(Config::semantics.frees_runs_as_chunks) {
  const ReportedCall call{"free_pages_bulk", caller};
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  for (const Pfn pfn : pages) bug_on(!zone.is_valid(pfn), "the zone has no such page", call);
  for (std::size_t i = 0; i < pages.size();) {
    const Pfn start = pages[i];
    Pfn end = start;
    while (i < pages.size() && pages[i] == end) {
      ++i;
      ++end;
    }
    detail::free_run(zone, cpu, {start, end}, caller);
  }
}

}  // namespace pageblock
