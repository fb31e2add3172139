// SPDX-License-Identifier: MIT
/// Memory that a driver takes from a block that stays online, and gives back.
///
/// Layer:  clients.
/// Kernel: virtio_mem_fake_offline(), virtio_mem_fake_online() (drivers/virtio/virtio_mem.c, v5.8).
#pragma once

#include <cstdint>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/offline_isolated_pages.hpp"
#include "pageblock/clients/offline_pages.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/move_block.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// The pages of a driver: in use, by nobody that could free them.
inline constexpr PageBits driver_page{PageBits::offline | PageBits::in_use};

// Adds pages to a zone that it does not get: the driver keeps them.
template <ZoneConfig Config>
void add_driver_pages(Zone<Config>& zone, const PfnRange& range) {
  const IrqSaveGuard guard{zone.lock()};
  grow_zone_span(zone, range);
  zone.memmap().transform(range.start, range.end, [](PageBits) { return driver_page; });
  for (Pfn pfn = range.start; pfn < range.end; pfn += Zone<Config>::pageblock_nr_pages) {
    set_pageblock_migratetype(zone, pfn, MigrateType::movable);
  }
  zone.mod_present_pages(static_cast<std::int64_t>(range.nr_pages()));
}

// Drops the driver's reference to its pages while their block goes offline, and takes it again if that fails.
// Going offline takes all pages of the block out of managed_pages, so they are put in first.
template <ZoneConfig Config>
class DriverPagesNotifier {
 public:
  explicit DriverPagesNotifier(Zone<Config>& zone) : zone_{zone} {}

  static int call(void* self, MemoryNotify& arg) {
    auto& notifier = *static_cast<DriverPagesNotifier*>(self);
    if (arg.event == MemoryEvent::going_offline) notifier.change(arg, driver_page, false);
    if (arg.event == MemoryEvent::cancel_offline) {
      notifier.change(arg, PageBits{PageBits::offline}, true);
    }
    return notify::okay;
  }

 private:
  void change(const MemoryNotify& arg, PageBits from, bool holds) {
    const IrqSaveGuard guard{zone_.lock()};
    const Pfn end = arg.start_pfn + arg.nr_pages;
    const PageBits to = holds ? driver_page : PageBits{PageBits::offline};
    std::int64_t nr_pages = 0;
    for (Pfn pfn = arg.start_pfn; pfn < end;) {
      pfn = zone_.memmap().find_if(pfn, end, [from](PageBits bits) { return bits == from; });
      const Pfn behind =
          zone_.memmap().find_if(pfn, end, [from](PageBits bits) { return bits != from; });
      zone_.memmap().transform(pfn, behind, [to](PageBits) { return to; });
      nr_pages += static_cast<std::int64_t>(behind - pfn);
      pfn = behind;
    }
    zone_.mod_managed_pages(holds ? -nr_pages : nr_pages);
  }

  Zone<Config>& zone_;
};

}  // namespace detail

/// Takes the pages of @p run, which lie in one zone of @p node, from the system: what is in use there moves away
/// as far as @p pages lets it. In ZONE_MOVABLE it is tried five times, elsewhere once; each try is a candidate more
/// of @p attempt. The pages are the driver's then: present, not managed.
/// Requires: the run is whole pageblocks; cpu < nr_cpus.
/// Returns:  ok; -ENOMEM at once if there is no memory for copies; else -EBUSY.
/// Locking:  as alloc_contig_range().
/// Kernel:   virtio_mem_fake_offline(); v6.12 looks before each try whether the device wants something else by now,
///           which the model does not ask.
template <ZoneConfig Config, PageMovability Pages = AllMove>
[[nodiscard]] Status fake_offline(Node<Config>& node, Cpu cpu, const PfnRange& run, Pages&& pages,
                                  Attempt& attempt) {
  Zone<Config>* const zone = node.zone_of(run.start);
  bug_on(zone == nullptr, "no zone has the pages");
  const int nr_tries = zone->type() == ZoneType::movable ? 5 : 1;
  for (int i = 0; i < nr_tries; ++i) {
    const Status ret =
        detail::try_contig_range(node, cpu, run, MigrateType::movable, pages, &attempt, false,
                                 {"fake_offline", Place::here(), run.start});
    if (ret == -Err::nomem) return ret;
    if (ret != ok) continue;
    {
      const IrqSaveGuard guard{zone->lock()};
      zone->memmap().transform(run.start, run.end, [](PageBits) { return detail::driver_page; });
      zone->mod_managed_pages(-static_cast<std::int64_t>(run.nr_pages()));
    }
    detail::follow_managed(node);
    return ok;
  }
  return -Err::busy;
}

/// Gives pages that are the driver's to the system: piece by piece, the largest that divide start and size of the
/// run. A piece that nobody has ever had goes to the tail of a list as one chunk; of one that fake_offline() took,
/// the pages are freed one by one, hot. @p is_fresh is asked about the first page of each piece.
/// Requires: the pages are the driver's, in one zone; cpu < nr_cpus.
/// Locking:  takes zone.lock, as free_contig_range().
template <ZoneConfig Config, typename IsFresh>
void fake_online(Node<Config>& node, Cpu cpu, const PfnRange& run, IsFresh is_fresh) {
  Zone<Config>* const zone = node.zone_of(run.start);
  bug_on(zone == nullptr, "no zone has the pages");
  Order order = Zone<Config>::top_order;
  while (!run.start.is_aligned(order) || !run.end.is_aligned(order)) --order;
  for (Pfn pfn = run.start; pfn < run.end; pfn += order.nr_pages()) {
    const bool fresh = is_fresh(pfn);
    {
      const IrqSaveGuard guard{zone->lock()};
      const PageBits bits{fresh ? std::uint16_t{0} : PageBits::in_use};
      zone->memmap().transform(pfn, pfn + order.nr_pages(), [bits](PageBits) { return bits; });
      zone->mod_managed_pages(static_cast<std::int64_t>(order.nr_pages()));
      if (fresh) detail::free_chunk(*zone, pfn, order, ListEnd::tail);
    }
    detail::follow_managed(node);
    if (!fresh) free_contig_range(*zone, cpu, pfn, order.nr_pages());
  }
}

/// Takes a block offline in which a driver holds pages: it lets go of them once the block is isolated. Pages that
/// others have move away as far as @p pages lets them.
/// Returns, locking: as offline_pages().
template <ZoneConfig Config, PageMovability Pages = AllMove>
[[nodiscard]] Status offline_with_driver_pages(Node<Config>& node, const PfnRange& block,
                                               Pages&& pages, HotplugOptions options,
                                               Attempt* attempt = nullptr) {
  Zone<Config>* const zone = node.zone_of(block.start);
  bug_on(zone == nullptr, "no zone has the block");
  detail::DriverPagesNotifier<Config> driver{*zone};
  MemoryNotifierChain chain;
  if (options.notifiers != nullptr) chain = *options.notifiers;
  chain.add({&detail::DriverPagesNotifier<Config>::call, &driver});
  options.notifiers = &chain;
  return offline_pages(node, block.start, block.nr_pages(), pages, options, attempt);
}

}  // namespace pageblock
