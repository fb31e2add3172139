// SPDX-License-Identifier: MIT
/// Allocating pages.
///
/// Layer:  mm.
/// Kernel: buffered_rmqueue() (mm/page_alloc.c) of v3.6, rmqueue() of v6.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/refill.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

namespace detail {

// Hands a chunk that is on no list to a caller.
template <ZoneConfig Config>
void prep_new_page(Zone<Config>& zone, Pfn pfn, Order order) {
  Memmap<Config>& map = zone.memmap();
  in_tier_of<Config>(
      order, [&](auto tier) { map.set_bits(tier, map.index(pfn), PageBits::allocation(order)); });
}

// Counts a chunk that a request with these flags has taken off a list.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void count_taken(Zone<Config>& zone, Pfn pfn, Order order,
                                               unsigned flags) {
  if constexpr (Config::semantics.counts_each_taken) return;
  zone.mod_nr_free_pages(-nr_pages_of(order));
  if ((flags & alloc_flags::cma) != 0 && is_from_cma(zone, pfn)) [[unlikely]] {
    zone.mod_nr_free_cma(-nr_pages_of(order));
  }
}

// Takes a chunk off the buddy lists to hand it out without a way through a list, where the list is
// empty and a refill would bring only this one.
template <ZoneConfig Config>
inline OptionalPfn take_for_pcp(Zone<Config>& zone, Order order, MigrateType type, unsigned flags) {
  const std::lock_guard guard{zone.lock()};
  const auto pfn = rmqueue(zone, order, type, flags);
  if (!pfn) return {};
  if constexpr (!Config::semantics.zone_locked_names_list) {
    zone.trace(trace::MmPageAllocZoneLocked{*pfn, order, type, true});
  }
  count_taken(zone, *pfn, order, flags);
  prep_new_page(zone, *pfn, order);
  return pfn;
}

template <ZoneConfig Config>
OptionalPfn take_from_pcp(Zone<Config>& zone, PerCpuPages<Config>& pcp, Order order,
                          MigrateType type, Temperature temperature, unsigned flags);

// Takes a chunk for a request whose list is empty, under the CPU's lock.
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn refill_and_take(Zone<Config>& zone, PerCpuPages<Config>& pcp,
                                              Order given_order, MigrateType type,
                                              Temperature temperature, unsigned flags) {
  const Order order = order_on_pcp<Config>(given_order);
  const std::uint32_t nr = pcp.nr_to_refill(order, zone.pcp_pressure());
  if (Config::semantics.urgent_from_buddy && (flags & alloc_flags::highatomic) != 0) return {};
  if (nr == 1) return take_for_pcp(zone, order, type, flags);
  if (PerCpuPages<Config>::are_huge(order)) {
    refill_pcp<true>(zone, pcp, nr, order, type, temperature, flags);
  } else {
    refill_pcp<false>(zone, pcp, nr, order, type, temperature, flags);
  }
  if (pcp.list(type, order).empty()) return {};
  return take_from_pcp(zone, pcp, order, type, temperature, flags);
}

// Takes a chunk from a CPU's list, under its lock. Kernel: __rmqueue_pcplist() of v6.1.
template <ZoneConfig Config>
[[gnu::always_inline]] inline OptionalPfn take_from_pcp(Zone<Config>& zone,
                                                        PerCpuPages<Config>& pcp, Order order,
                                                        MigrateType type, Temperature temperature,
                                                        unsigned flags) {
  PcpList& list = pcp.list(type, order);
  if (list.empty()) [[unlikely]]
    return refill_and_take(zone, pcp, order, type, temperature, flags);
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
  pcp.on_take();
  return take_from_pcp(zone, pcp, order_on_pcp<Config>(given_order), type, temperature, flags);
}

// Takes a chunk off the buddy lists to hand it out.
template <ZoneConfig Config>
inline OptionalPfn take_from_buddy(Zone<Config>& zone, Order order, MigrateType type,
                                   unsigned flags) {
  const IrqSaveGuard guard{zone.lock()};
  const auto from_highatomic = [&](unsigned flags_that_may) -> OptionalPfn {
    if (!Config::semantics.has(MigrateType::highatomic) || (flags & flags_that_may) == 0) return {};
    return take_smallest(zone, order, MigrateType::highatomic);
  };
  auto pfn = from_highatomic(alloc_flags::highatomic);
  if (!pfn) pfn = rmqueue(zone, order, type, flags);
  if (!pfn) pfn = from_highatomic(alloc_flags::oom | alloc_flags::non_block);
  if (!pfn) return {};
  count_taken(zone, *pfn, order, flags);
  if constexpr (!Config::semantics.zone_locked_names_list) {
    zone.trace(trace::MmPageAllocZoneLocked{*pfn, order, type, false});
  }
  prep_new_page(zone, *pfn, order);
  return pfn;
}

// Returns whether who got memory reserves more of it for the next urgent request. Of those that are urgent from
// the first try on, only one that is down to the lowest watermark.
template <ZoneConfig Config>
[[nodiscard]] constexpr bool reserves_more(unsigned flags) {
  if ((flags & alloc_flags::highatomic) == 0) return false;
  return !Config::semantics.urgent_at_once ||
         (flags & alloc_flags::wmark_mask) == alloc_flags::wmark_min;
}

// Kernel: rmqueue_buddy() of v6.1; the end of buffered_rmqueue() of v3.6.
template <ZoneConfig Config>
inline OptionalPfn alloc_from_buddy(Zone<Config>& zone, Order order, MigrateType type,
                                    unsigned flags) {
  const auto pfn = take_from_buddy(zone, order, type, flags);
  if constexpr (Config::semantics.urgent_from_buddy) {
    if (pfn && reserves_more<Config>(flags)) reserve_highatomic_pageblock(zone, *pfn, order);
  }
  return pfn;
}

// Forgets that a steal raised the watermarks: who asks for memory wakes kswapd then, in later kernels
// if it says that it may.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void wake_kswapd(Zone<Config>& zone, unsigned flags) {
  if constexpr (Config::semantics.steal_rule == StealRule::largest) return;
  if (Config::semantics.kswapd_bit_needs_flag && (flags & alloc_flags::kswapd) == 0) return;
  bool& boosted = zone.pressure().boosted;
  if (read_once<is_shared<Config>>(boosted)) write_once<is_shared<Config>>(boosted, false);
}

// Reports a request that no zone can serve. It is asked where the call is made, and what the compiler
// knows there costs nothing.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void check_request(const Zone<Config>& zone, Cpu cpu, Order order,
                                                 MigrateType type, const auto& call) {
  bug_on(order > Zone<Config>::top_order, "order is above the largest", call);
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable", call);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
}

// Returns whether a request asks the per-CPU lists first.
template <ZoneConfig Config>
[[nodiscard]] constexpr bool uses_pcp(Order order, MigrateType type, unsigned flags) {
  const bool may_find_cma = Config::semantics.pcp_needs_cma_flag && type == MigrateType::movable;
  return PerCpuPages<Config>::has_lists(order) &&
         (!may_find_cma || (flags & alloc_flags::cma) != 0);
}

// The flags of a request that says nothing special: movable ones may use CMA blocks.
[[nodiscard]] constexpr unsigned usual_flags(MigrateType type) {
  return type == MigrateType::movable ? alloc_flags::cma : 0;
}

// Takes a chunk for a request from the lists that its order has; the caller writes MmPageAlloc.
// Kernel: buffered_rmqueue() of v3.6, rmqueue() of v6.1.
template <ZoneConfig Config>
inline OptionalPfn serve(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                         Temperature temperature, unsigned flags) {
  OptionalPfn pfn;
  const bool from_pcp = uses_pcp<Config>(order, type, flags);
  if (from_pcp) pfn = alloc_from_pcp(zone, cpu, order, type, temperature, flags);
  // Later kernels ask again, for what the per-CPU lists do not give: the memory of urgent requests.
  if (!from_pcp || (Config::semantics.has(MigrateType::highatomic) && !pfn)) {
    pfn = alloc_from_buddy(zone, order, type, flags);
  }
  wake_kswapd(zone, flags);
  return pfn;
}

// The slow path of alloc_pages().
template <ZoneConfig Config>
[[gnu::noinline]] OptionalPfn alloc(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                                    Temperature temperature, unsigned flags) {
  const auto pfn = serve(zone, cpu, order, type, temperature, flags);
  zone.trace(trace::MmPageAlloc{pfn, order, type, cpu});
  return pfn;
}

// The fast path of alloc_pages(); see free_hot_page().
template <ZoneConfig Config>
[[gnu::always_inline]] inline OptionalPfn alloc_hot_page(Zone<Config>& zone, Cpu cpu,
                                                         MigrateType type, const auto& call) {
  if (!has_fast_path<Config> || !is_pcp_type(type) || !zone.may_use(cpu)) [[unlikely]] {
    check_request(zone, cpu, Order{0}, type, call);
    return alloc(zone, cpu, Order{0}, type, Temperature::hot, usual_flags(type));
  }
  OptionalPfn pfn;
  {
    PerCpuPages<Config>& pcp = zone.pcp_of(cpu);
    const IrqSaveGuard guard{zone.pcp_lock_of(cpu)};
    pcp.on_take();
    pfn = take_from_pcp(zone, pcp, Order{0}, type, Temperature::hot, usual_flags(type));
  }
  if constexpr (Config::semantics.has(MigrateType::highatomic)) {
    if (!pfn) [[unlikely]]
      pfn = alloc_from_buddy(zone, Order{0}, type, usual_flags(type));
  }
  wake_kswapd(zone, usual_flags(type));
  return pfn;
}

template <ZoneConfig Config>
[[nodiscard]] std::optional<Page<Config>> page_at(Zone<Config>& zone, OptionalPfn pfn) {
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
    Temperature temperature = Temperature::hot, Place caller = Place::here()) {
  const auto call = [&] { return ReportedCall{"alloc_pages", caller, {}, order}; };
  if (order == Order{0} && temperature == Temperature::hot) {
    return detail::page_at(zone, detail::alloc_hot_page(zone, cpu, type, call));
  }
  detail::check_request(zone, cpu, order, type, call);
  return detail::page_at(
      zone, detail::alloc(zone, cpu, order, type, temperature, detail::usual_flags(type)));
}

/// The same with @p flags of alloc_flags: how the request may be met. A movable one without
/// alloc_flags::cma passes the per-CPU lists by, where pages of CMA blocks may be.
template <ZoneConfig Config>
[[nodiscard]] inline std::optional<Page<Config>> alloc_pages(
    Zone<Config>& zone, Cpu cpu, Order order, MigrateType type, unsigned flags,
    Place caller = Place::here()) requires(Config::semantics.steal_rule != StealRule::largest) {
  detail::check_request(zone, cpu, order, type, [&] {
    return ReportedCall{"alloc_pages", caller, {}, order};
  });
  return detail::page_at(zone, detail::alloc(zone, cpu, order, type, Temperature::hot, flags));
}

/// Allocates up to @p nr single pages for requests of @p type, and calls visit(pfn) for each. Unlike
/// alloc_pages(), it does not slow down how frees scale.
/// Movable requests may use CMA blocks.
/// Requires: as alloc_pages(). Returns: how many it were. What alloc_pages() or visit throws passes
///           through; pages that were visited are the caller's.
/// Locking:  the CPU's lock around all, and zone.lock inside it to refill.
/// Kernel:   __alloc_pages_bulk() of v6.1, in one zone.
template <ZoneConfig Config, typename Visitor>
std::uint32_t alloc_pages_bulk(Zone<Config>& zone, Cpu cpu, MigrateType type, std::uint32_t nr,
                               Visitor visit, unsigned flags, Place caller = Place::here()) {
  const ReportedCall call{"alloc_pages_bulk", caller};
  bug_on(!is_pcp_type(type), "requests are unmovable, reclaimable or movable", call);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  for (std::uint32_t taken = 0; taken < nr; ++taken) {
    const auto pfn =
        detail::take_from_pcp(zone, zone.pcp(cpu), Order{0}, type, Temperature::hot, flags);
    if (!pfn) return taken;
    visit(*pfn);
  }
  return nr;
}

/// The same with the flags of alloc_pages() without.
template <ZoneConfig Config, typename Visitor>
std::uint32_t alloc_pages_bulk(Zone<Config>& zone, Cpu cpu, MigrateType type, std::uint32_t nr,
                               Visitor visit, Place caller = Place::here()) {
  return alloc_pages_bulk(zone, cpu, type, nr, visit, detail::usual_flags(type), caller);
}

}  // namespace pageblock
