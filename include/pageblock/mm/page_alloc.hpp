// SPDX-License-Identifier: MIT
/// Allocating, referencing and freeing pages.
///
/// Layer:  mm.
/// Kernel: buffered_rmqueue(), __free_pages(), free_hot_cold_page() (mm/page_alloc.c) of v3.6,
///         rmqueue(), free_unref_page() of v6.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/refill.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What dropping a reference did.
enum class Freed {
  freed,  ///< It was the last; the pages are on a free list or a per-CPU list.
  held,   ///< References remain.
  bad,    ///< It was the last, but pages failed the check: nothing is free, the chunk is lost.
};

[[nodiscard]] constexpr std::string_view to_string(Freed freed) {
  constexpr std::array<std::string_view, 3> names{"freed", "held", "bad"};
  return names[static_cast<std::size_t>(freed)];
}

/// The outcome of free_pages().
struct FreeResult {
  Freed freed = Freed::freed;
  /// Pages that failed the check: on an LRU list, reserved, referenced or on a free list.
  std::uint64_t nr_bad = 0;
  friend bool operator==(const FreeResult&, const FreeResult&) = default;
};

namespace detail {

// What a page must not be when it is freed.
inline constexpr unsigned bad_page =
    PageBits::lru | PageBits::reserved | PageBits::in_use | PageBits::buddy;

// Counts and reports the pages of a chunk that must not be freed. Kernel: free_pages_check().
template <ZoneConfig Config>
[[gnu::noinline]] std::uint64_t count_bad_pages(Zone<Config>& zone, Pfn pfn, Order order) {
  const auto is_bad = [](PageBits bits) { return bits.has(bad_page); };
  const Pfn end = pfn + order.nr_pages();
  std::uint64_t nr_bad = 0;
  for (Pfn page = pfn; (page = zone.memmap().find_if(page, end, is_bad)) < end; ++page) {
    zone.trace(trace::BadPage{page});
    ++nr_bad;
  }
  return nr_bad;
}

// Reports a chunk that cannot be one. Kernel: VM_BUG_ON, so only with Config::debug_vm, as below.
template <ZoneConfig Config>
void check_chunk(const Zone<Config>& zone, Pfn pfn, Order order) {
  if constexpr (!Config::debug_vm) return;
  bug_on(order > Zone<Config>::top_order, "order is above the largest");
  bug_on(!pfn.is_aligned(order), "pfn is not a multiple of the chunk's size");
  bug_on(!zone.spans(pfn) || !zone.spans(pfn + (order.nr_pages() - 1)),
         "the chunk is not in the zone");
}

// Reports a chunk that nobody can hold, since some page of it is a hole.
template <ZoneConfig Config>
[[gnu::noinline]] void check_no_hole(const Zone<Config>& zone, Pfn pfn, Order order) {
  if constexpr (!Config::debug_vm) return;
  const auto is_hole = [](PageBits bits) { return !bits.is_valid(); };
  const Pfn end = pfn + order.nr_pages();
  bug_on(zone.memmap().find_if(pfn, end, is_hole) != end, "the chunk has a hole");
}

// Reports a chunk that is not in use, by what its first page says.
template <ZoneConfig Config>
void check_in_use(const Zone<Config>& zone, Pfn pfn, Order order, PageBits first) {
  if constexpr (!Config::debug_vm) return;
  if (first.has(PageBits::in_use)) [[likely]]
    return;
  bug_on(!zone.spans(pfn), "the chunk is not in the zone");
  check_no_hole(zone, pfn, order);
  bug_on(true, "nobody holds the page: it is free already, or a tail");
}

// Reports a chunk that was allocated with another order, if that is remembered of its first page.
// Who has taken a reference need not know the order, and may free the first page alone.
template <ZoneConfig Config>
void check_order(PageBits first, Order order) {
  if constexpr (!Config::checks_free_order) return;
  if (!first.is_sized() || first.order() == order) [[likely]]
    return;
  if (first.has(PageBits::shared) && order == Order{0}) return;
  bug_on(true, "the chunk was allocated with another order");
}

// Hands a chunk that is on no list to a caller.
template <ZoneConfig Config>
void prep_new_page(Zone<Config>& zone, Pfn pfn, Order order) {
  Memmap<Config>& map = zone.memmap();
  map.head_slot(map.index(pfn)).set_bits(PageBits::allocation(order));
}

// Takes a chunk from a CPU's list, under its lock. Kernel: __rmqueue_pcplist() of v6.1.
template <ZoneConfig Config>
inline OptionalPfn take_from_pcp(Zone<Config>& zone, PerCpuPages<Config>& pcp, Order order,
                                 MigrateType type, Temperature temperature, unsigned flags) {
  PcpList& list = pcp.list(type, order);
  if (list.empty()) [[unlikely]] {
    if (PerCpuPages<Config>::are_huge(order)) {
      refill_pcp<true>(zone, pcp, order, type, temperature, flags);
    } else {
      refill_pcp<false>(zone, pcp, order, type, temperature, flags);
    }
    if (list.empty()) return {};
  }
  const Pfn pfn = temperature == Temperature::hot ? list.pop_head() : list.pop_tail();
  pcp.count -= static_cast<std::uint32_t>(order.nr_pages());
  prep_new_page(zone, pfn, order);
  return pfn;
}

template <ZoneConfig Config>
inline OptionalPfn alloc_from_pcp(Zone<Config>& zone, Cpu cpu, Order given_order, MigrateType type,
                                  Temperature temperature, unsigned flags) {
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  if constexpr (Config::semantics.pcp_scales) pcp.free_factor >>= 1;
  return take_from_pcp(zone, pcp, order_on_pcp<Config>(given_order), type, temperature, flags);
}

// Kernel: rmqueue_buddy() of v6.1; the end of buffered_rmqueue() of v3.6.
template <ZoneConfig Config>
inline OptionalPfn alloc_from_buddy(Zone<Config>& zone, Order order, MigrateType type,
                                    unsigned flags) {
  const IrqSaveGuard guard{zone.lock()};
  const auto from_highatomic = [&](unsigned flags_that_may) -> OptionalPfn {
    if (!Config::semantics.has(MigrateType::highatomic) || (flags & flags_that_may) == 0) return {};
    return zone.free_area().rmqueue_smallest(zone.memmap(), order, MigrateType::highatomic);
  };
  auto pfn = from_highatomic(alloc_flags::highatomic);
  if (!pfn) pfn = rmqueue(zone, order, type, flags);
  if (!pfn) pfn = from_highatomic(alloc_flags::oom | alloc_flags::non_block);
  if (!pfn) return {};
  zone.mod_nr_free_pages(-static_cast<std::int64_t>(order.nr_pages()));
  zone.trace(trace::MmPageAllocZoneLocked{*pfn, order, type, false});
  prep_new_page(zone, *pfn, order);
  return pfn;
}

// Frees a page of an isolated block, which must not wait on a per-CPU list. Later kernels ask under
// the lock whether the block still is isolated.
template <ZoneConfig Config>
[[gnu::noinline]] void free_isolated_page(Zone<Config>& zone, Pfn pfn, Order order) {
  const std::lock_guard guard{zone.lock()};
  const MigrateType type =
      Config::semantics.drain_rereads_type ? zone.pageblock_flags().get(pfn) : MigrateType::isolate;
  zone.mod_nr_free_pages(nr_counted<Config>(order.nr_pages(), type));
  free_one_page(zone, pfn, order, type);
  zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
}

// Kernel: put_page_testzero() and free_hot_cold_page() of v3.6, free_unref_page() of v6.1.
template <ZoneConfig Config>
[[gnu::always_inline]] inline FreeResult free_to_pcp(Zone<Config>& zone, Cpu cpu, Pfn pfn,
                                                     Order given_order, Temperature temperature,
                                                     unsigned flags_to_clear = 0) {
  const Order order = order_on_pcp<Config>(given_order);
  if (order != Order{0}) check_chunk(zone, pfn, order);
  Memmap<Config>& map = zone.memmap();
  if constexpr (Config::debug_vm) bug_on(!map.contains(pfn), "the chunk is not in the zone");
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const auto index = map.index(pfn);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  auto page = map.find_slot(index);
  if (!page) [[unlikely]] {
    const std::lock_guard zone_guard{zone.lock()};
    page = map.slot(index);
  }
  PageBits bits = page.bits();
  const bool has_odd_page = map.tail_has(index, order, bad_page | PageBits::hole);
  const bool is_as_given = bits == PageBits::allocation(order) && !has_odd_page;
  if (!is_as_given) [[unlikely]] {
    check_in_use(zone, pfn, order, bits);
    check_order<Config>(bits, order);
    if (has_odd_page) check_no_hole(zone, pfn, order);
  }
  const MigrateType type = zone.pageblock_flags().get(pfn);
  PcpList& list = pcp.list_to_free_to(type, order);
  list.reserve(1);  // may throw, so before any change

  PageBits unused;
  if (!is_as_given) [[unlikely]] {
    if (bits.has(PageBits::shared)) {
      if (!page.put_testzero()) return {Freed::held};
      bits = page.bits();  // who shared the page may have marked it before dropping its reference
    }
    unused = bits.released().without(flags_to_clear);
  }
  zone.trace(trace::MmPageFree{pfn, order, cpu});
  if (!is_as_given && (has_odd_page || unused.has(bad_page))) [[unlikely]] {
    page.set_bits(unused);
    return {Freed::bad, count_bad_pages(zone, pfn, order)};
  }
  page.set_bits(unused.with_private(number_of<Config>(type)));
  if (type == MigrateType::isolate) [[unlikely]] {
    free_isolated_page(zone, pfn, order);
    return {};
  }
  if (temperature == Temperature::hot) {
    list.push_head(pfn);
  } else {
    list.push_tail(pfn);
  }
  pcp.count += static_cast<std::uint32_t>(order.nr_pages());
  const std::uint32_t nr = pcp.nr_to_drain(order, zone.pressure().reclaim_active);
  if (nr != 0) {
    free_pcppages_bulk(zone, nr, pcp, static_cast<std::size_t>(&list - pcp.lists.data()));
  }
  return {};
}

// Kernel: put_page_testzero() and __free_pages_ok(); in v6.1 also what an order of the per-CPU lists
// takes when they are in use, and with the tail what brings memory online.
template <ZoneConfig Config>
FreeResult free_to_buddy(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order,
                         ListEnd to = ListEnd::head) {
  check_chunk(zone, pfn, order);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU");
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  auto page = map.slot(map.index(pfn));
  const PageBits first = page.bits();
  const bool has_odd_page = map.tail_has(map.index(pfn), order, bad_page | PageBits::hole);
  const bool is_as_given = first == PageBits::allocation(order) && !has_odd_page;
  if (!is_as_given) [[unlikely]] {
    check_in_use(zone, pfn, order, first);
    check_order<Config>(first, order);
    if (has_odd_page) check_no_hole(zone, pfn, order);
  }

  PageBits unused;
  if (!is_as_given) [[unlikely]] {
    if (first.has(PageBits::shared) && !page.put_testzero()) return {Freed::held};
    unused = first.released();
  }
  page.set_bits(unused);
  zone.trace(trace::MmPageFree{pfn, order, cpu});
  if (!is_as_given && (has_odd_page || unused.has(bad_page))) [[unlikely]] {
    return {Freed::bad, count_bad_pages(zone, pfn, order)};
  }
  const MigrateType type = zone.pageblock_flags().get(pfn);
  zone.mod_nr_free_pages(nr_counted<Config>(order.nr_pages(), type));
  zone.free_area().free_one_page(map, zone.pageblock_flags(), pfn, order, type, to);
  zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
  return {};
}

// Takes a chunk for a request from the lists that its order has; the caller writes MmPageAlloc.
// Kernel: buffered_rmqueue() of v3.6, rmqueue() of v6.1.
template <ZoneConfig Config>
inline OptionalPfn serve(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                         Temperature temperature, unsigned flags) {
  bug_on(order > Zone<Config>::top_order, "order is above the largest");
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable");
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU");
  OptionalPfn pfn;
  const bool from_pcp = PerCpuPages<Config>::has_lists(order);
  if (from_pcp) pfn = alloc_from_pcp(zone, cpu, order, type, temperature, flags);
  // Later kernels ask again, for what the per-CPU lists do not give: the memory of urgent requests.
  if (!from_pcp || (Config::semantics.has(MigrateType::highatomic) && !pfn)) {
    pfn = alloc_from_buddy(zone, order, type, flags);
  }
  if constexpr (Config::semantics.steal_rule == StealRule::claim_or_small) {
    bool& boosted = zone.pressure().boosted;
    if (read_once<is_shared<Config>>(boosted)) write_once<is_shared<Config>>(boosted, false);
  }
  return pfn;
}

template <ZoneConfig Config>
inline std::optional<Page<Config>> alloc(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                                         Temperature temperature, unsigned flags) {
  const auto pfn = serve(zone, cpu, order, type, temperature, flags);
  zone.trace(trace::MmPageAlloc{pfn, order, type, cpu});
  if (!pfn) return {};
  return Page<Config>{zone, *pfn};
}

}  // namespace detail

/// Allocates 2^order pages for a request of @p type on @p cpu: what the kernel does once watermarks
/// have let a request through. Orders that per-CPU lists hold (0 in v3.6) come from the CPU's list,
/// refilled in bulk when it is empty. The first page has count 1, the others 0 (no compound pages).
/// Where a list must grow, std::bad_alloc may be thrown; pages that a refill had obtained until then
/// stay on the CPU's list.
/// Requires: order < max_order; @p type is unmovable, reclaimable or movable; cpu < zone.nr_cpus().
/// Returns:  the first page, or nothing.
/// Locking:  the CPU's lock for its list, and zone.lock inside it to refill; others zone.lock.
/// Kernel:   buffered_rmqueue() of v3.6, rmqueue() of v6.1 (which has no @p temperature: hot).
template <ZoneConfig Config>
[[nodiscard]] inline std::optional<Page<Config>> alloc_pages(
    Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
    Temperature temperature = Temperature::hot) {
  return detail::alloc(zone, cpu, order, type, temperature, 0);
}

/// The same with @p flags of alloc_flags: how the request may be met.
template <ZoneConfig Config>
[[nodiscard]] inline std::optional<Page<Config>> alloc_pages(
    Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
    unsigned flags) requires(Config::semantics.steal_rule == StealRule::claim_or_small) {
  return detail::alloc(zone, cpu, order, type, Temperature::hot, flags);
}

/// Allocates up to @p nr single pages for requests of @p type, and calls visit(pfn) for each. Unlike
/// alloc_pages(), it does not slow down how frees scale.
/// Requires: as alloc_pages(). Returns: how many it were. What alloc_pages() or visit throws passes
///           through; pages that were visited are the caller's.
/// Locking:  the CPU's lock around all, and zone.lock inside it to refill.
/// Kernel:   __alloc_pages_bulk() of v6.1, in one zone.
template <ZoneConfig Config, typename Visitor>
std::uint32_t alloc_pages_bulk(Zone<Config>& zone, Cpu cpu, MigrateType type, std::uint32_t nr,
                               Visitor visit, unsigned flags = 0) {
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable");
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU");
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  for (std::uint32_t taken = 0; taken < nr; ++taken) {
    const auto pfn =
        detail::take_from_pcp(zone, zone.pcp(cpu), Order{0}, type, Temperature::hot, flags);
    if (!pfn) return taken;
    visit(*pfn);
  }
  return nr;
}

/// Drops a reference to the chunk of @p order at @p pfn, and frees it if that was the last. Orders
/// that per-CPU lists hold (0 in v3.6) go to the CPU's list, or directly to the buddy lists if the
/// block is isolated; others go to the buddy lists, to the type of the block that holds the first
/// page. @p temperature counts for the former only. Where a list must grow, std::bad_alloc may be
/// thrown.
/// Requires: the chunk is aligned, in the zone, without holes, and its first page in use; it was
///           allocated with @p order (Config::checks_free_order; the first page of one that somebody
///           else has a reference to may be freed alone, as in the kernel, which loses the others);
///           order < max_order; cpu < zone.nr_cpus(). (That a page behind the first is on a per-CPU list is
///           not noticed, as in v3.6.)
/// Returns:  what happened; if pages fail the check, nothing is freed and the chunk is lost.
/// Kernel:   __free_pages(), free_hot_cold_page() of v3.6; free_unref_page() of v6.1.
/// Locking:  the former take the CPU's lock, and zone.lock inside it to drain, for a page of an
///           isolated block, and for the first record of a block; others take zone.lock.
template <ZoneConfig Config>
inline FreeResult free_pages(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order,
                             Temperature temperature = Temperature::hot) {
  return PerCpuPages<Config>::has_lists(order)
             ? detail::free_to_pcp(zone, cpu, pfn, order, temperature)
             : detail::free_to_buddy(zone, cpu, pfn, order);
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Freed> : pageblock::detail::ToStringFormatter {};
