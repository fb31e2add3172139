// SPDX-License-Identifier: MIT
/// Freeing pages.
///
/// Layer:  mm.
/// Kernel: __free_pages(), free_hot_cold_page() (mm/page_alloc.c) of v3.6, free_unref_page() of v6.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_checks.hpp"
#include "pageblock/mm/free_chunk.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_records.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/refill.hpp"
#include "pageblock/mm/type_to_free.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What dropping a reference did.
enum class Freed {
  freed,  ///< It was the last; the pages are on a free list or a per-CPU list.
  held,   ///< References remain.
  bad,    ///< It was the last, but pages failed the check: nothing is free, the chunk is lost.
};

/// Returns the name of what became of freed pages.
[[nodiscard]] constexpr std::string_view to_string(Freed freed) {
  constexpr std::array<std::string_view, 3> names{"freed", "held", "bad"};
  return names[static_cast<std::size_t>(freed)];
}

/// The outcome of free_pages().
struct FreeResult {
  Freed freed = Freed::freed;  ///< What became of the page.
  /// Pages that failed the check: on an LRU list, reserved, referenced or on a free list.
  std::uint64_t nr_bad = 0;
  friend bool operator==(const FreeResult&, const FreeResult&) = default;
};

namespace detail {

// Frees a page of an isolated block, which must not wait on a per-CPU list. Later kernels ask under
// the lock whether the block still is isolated.
template <ZoneConfig Config>
[[gnu::noinline]] void free_isolated_page(Zone<Config>& zone, Pfn pfn, Order order) {
  const std::lock_guard guard{zone.lock()};
  MigrateType type = MigrateType::isolate;
  if constexpr (Config::semantics.drain_type != DrainType::mark_of_request) {
    type = free_chunk(zone, pfn, order);
  } else {
    free_one_page(zone, pfn, order, type);
  }
  zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
}

// What dropping a reference did.
struct Dropped : FreeResult {
  // References remain to the first page, and nobody holds those behind it.
  bool leaves_tails = false;
};

// Drops a reference to the first page of what was allocated with this order, which others may share.
// Returns what that did; unless references remain, bits are the page's then.
template <ZoneConfig Config>
Dropped drop_reference(Memmap<Config>& map, Pfn pfn, PageBits& bits, Order order) {
  if (!bits.has(PageBits::shared)) return {};
  const bool leaves_tails =
      Config::semantics.frees_behind_shared && order != Order{0} && !bits.has(PageBits::compound);
  if (leaves_tails) {  // a single page remains
    map.set_bits(pfn,
                 bits.released().with(PageBits::allocation(Order{0}).raw()).with(PageBits::shared));
  }
  if (!map.slot(map.index(pfn)).put_testzero()) return {{Freed::held}, leaves_tails};
  bits = map.bits(pfn);  // who shared the page may have marked it before dropping its reference
  return {};
}

// Forgets that the zone was below its high watermark, if a drain has changed that.
template <ZoneConfig Config>
[[gnu::always_inline]] inline void notice_enough_free(Zone<Config>& zone) {
  if constexpr (Config::semantics.pcp_tuning != PcpTuning::tuned) return;
  bool& below_high = zone.pressure().below_high;
  if (!read_once<is_shared<Config>>(below_high)) [[likely]]
    return;
  constexpr auto classzone_idx = static_cast<std::size_t>(ZoneType::movable);
  if (zone_watermark_ok(zone, Order{0}, high_wmark_pages(zone), classzone_idx, 0)) {
    write_once<is_shared<Config>>(below_high, false);
  }
}

// Puts a page that is nobody's on a CPU's list, or drains it if it is the only one and one too many.
// Kernel: free_unref_page_commit().
template <ZoneConfig Config>
[[gnu::always_inline]] inline void add_to_pcp(Zone<Config>& zone, PerCpuPages<Config>& pcp,
                                              PcpList& list, Pfn pfn, Order order, MigrateType type,
                                              Temperature temperature) {
  pcp.count += static_cast<std::uint32_t>(order.nr_pages());
  const std::uint32_t nr = pcp.on_put(order, zone.pcp_pressure());
  if (nr != 0 && pcp.count == order.nr_pages()) {  // it need not be on the list first
    pcp.count = 0;
    {
      const std::lock_guard zone_guard{zone.lock()};
      free_from_pcp(zone, pcp, pfn, order, number_of<Config>(type));
    }
    return notice_enough_free(zone);
  }
  if (temperature == Temperature::hot) {
    list.push_head(pfn);
  } else {
    list.push_tail(pfn);
  }
  if (nr != 0) {
    drain_excess(zone, nr, pcp, static_cast<std::size_t>(&list - pcp.lists.data()));
    notice_enough_free(zone);
  }
}

// Drops a reference to a chunk of an order that has per-CPU lists, under the CPU's lock.
// Kernel: put_page_testzero() and free_hot_cold_page() of v3.6, free_unref_page() of v6.1.
template <ZoneConfig Config>
[[gnu::noinline]] Dropped put_on_pcp(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order given_order,
                                     Temperature temperature, unsigned flags_to_clear, Place caller,
                                     TypeToFree<Config> known) {
  const Order order = order_on_pcp<Config>(given_order);
  Memmap<Config>& map = zone.memmap();
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  const auto index = map.index(pfn);
  const bool is_small = order < Zone<Config>::pageblock_order;
  if (is_small && !map.is_recorded(index)) [[unlikely]] {
    const std::lock_guard zone_guard{zone.lock()};
    map.make_records(pfn);
  }
  PageBits bits = is_small ? map.bits_of(in_pages, index) : map.bits_of(index);
  const auto set_bits = [&](PageBits to) {
    in_tier_of<Config>(order, [&](auto tier) { map.set_bits(tier, index, to); });
  };
  const bool has_odd_page = map.tail_has(index, order, bad_page | PageBits::hole);
  const bool is_as_given = bits == PageBits::allocation(order) && !has_odd_page;
  const auto call = [&] {
    return ReportedCall{flags_to_clear == 0 ? "free_pages" : "put_page", caller, pfn, order};
  };
  if (!is_as_given) [[unlikely]]
    check_free(zone, pfn, order, bits, has_odd_page, call());
  const MigrateType type = known.get(zone, pfn);
  PcpList& list = pcp.list_to_free_to(type, order);
  list.reserve(1);  // may throw, so before any change

  PageBits unused;
  if (!is_as_given) [[unlikely]] {
    const Dropped dropped = drop_reference(map, pfn, bits, order);
    if (dropped.freed == Freed::held) return dropped;
    if constexpr (!Config::debug_vm && !Config::semantics.pcp_checks_first_page) {
      flags_to_clear |= PageBits::lru | PageBits::reserved;
    }
    unused = bits.released().without(flags_to_clear);
  }
  zone.trace(trace::MmPageFree{pfn, order, cpu});
  if (!is_as_given && (has_odd_page || unused.has(bad_page))) [[unlikely]] {
    set_bits(unused);
    return {{Freed::bad, count_bad_pages(zone, pfn, order, call())}};
  }
  set_bits(unused.with_private(pcp_mark<Config>(type)));
  if (Config::semantics.races.isolated_pass_pcp && type == MigrateType::isolate) [[unlikely]] {
    free_isolated_page(zone, pfn, order);
    return {};
  }
  add_to_pcp(zone, pcp, list, pfn, order, type, temperature);
  return {};
}

template <ZoneConfig Config>
[[gnu::noinline]] Dropped free_to_pcp(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order given_order,
                                      Temperature temperature, Place caller,
                                      unsigned flags_to_clear = 0) {
  const Order order = order_on_pcp<Config>(given_order);
  const auto call = [&] {
    return ReportedCall{flags_to_clear == 0 ? "free_pages" : "put_page", caller, pfn, order};
  };
  if (order != Order{0}) check_chunk(zone, pfn, order, call);
  if constexpr (Config::debug_vm) {
    bug_on(!zone.memmap().contains(pfn), "the chunk is not in the zone", call);
  }
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  const TypeToFree<Config> known{zone, pfn};
  const IrqSaveGuard guard{zone.pcp_lock(cpu)};
  return put_on_pcp(zone, cpu, pfn, order, temperature, flags_to_clear, caller, known);
}

// Kernel: put_page_testzero() and __free_pages_ok(); in v6.1 also what an order of the per-CPU lists
// takes when they are in use, and with the tail what brings memory online.
template <ListEnd to = ListEnd::head, ZoneConfig Config>
Dropped free_to_buddy(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order, Place caller) {
  const auto call = [&] { return ReportedCall{"free_pages", caller, pfn, order}; };
  check_chunk(zone, pfn, order, call, largest_order<Config>);
  bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
  const TypeToFree<Config> known{zone, pfn};
  const IrqSaveGuard guard{zone.lock()};
  Memmap<Config>& map = zone.memmap();
  const auto index = map.index(pfn);
  PageBits first = map.bits_of(index);
  const bool has_odd_page = map.tail_has(index, order, bad_page | PageBits::hole);
  const bool is_as_given = first == PageBits::allocation(order) && !has_odd_page;
  if (!is_as_given) [[unlikely]]
    check_free(zone, pfn, order, first, has_odd_page, call());

  PageBits unused;
  if (!is_as_given) [[unlikely]] {
    const Dropped dropped = drop_reference(map, pfn, first, order);
    if (dropped.freed == Freed::held) return dropped;
    unused = first.released();
  }
  map.set_bits(pfn, unused);
  zone.trace(trace::MmPageFree{pfn, order, cpu});
  if (!is_as_given && (has_odd_page || unused.has(bad_page))) [[unlikely]] {
    return {{Freed::bad, count_bad_pages(zone, pfn, order, call())}};
  }
  const MigrateType type = known.free(zone, pfn, order, to);
  zone.trace(trace::MmPageFreeZoneLocked{pfn, order, type});
  return {};
}

// Frees what is behind the first page of a chunk, largest part first, as chunks of their own: 8, 4, 2
// and 1 of the chunk of order 4 at 0. Kernel: the end of __free_pages() (v5.10).
template <ZoneConfig Config>
[[gnu::noinline]] FreeResult free_tails(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order,
                                        Place caller) {
  {
    const IrqSaveGuard guard{zone.lock()};
    Memmap<Config>& map = zone.memmap();
    for (Order part{0}; part < order; ++part) {
      const Pfn head = pfn + part.nr_pages();
      map.set_bits(head, map.bits(head).with(PageBits::in_use));
    }
  }
  FreeResult result{Freed::held};
  while (order != Order{0}) {
    --order;
    const Pfn part = pfn + order.nr_pages();
    result.nr_bad += PerCpuPages<Config>::has_lists(order)
                         ? free_to_pcp(zone, cpu, part, order, Temperature::hot, caller).nr_bad
                         : free_to_buddy(zone, cpu, part, order, caller).nr_bad;
  }
  return result;
}

// The fast paths: alloc_pages() and free_pages() of single hot pages are short where nothing is
// unusual. Each names its conditions, and hands everything else, unchanged, to the functions above: from
// the start, or what is done under the CPU's lock, with that held. Who watches the events is told of
// each step, by those; so the tests, which watch or do not, have both.
template <ZoneConfig Config>
inline constexpr bool has_fast_path = !is_watched<Config> && !is_interleaved<Config>;

// Puts a page that is as alloc_pages() gave it on the CPU's list of @p type, if there is room.
template <ZoneConfig Config>
[[gnu::always_inline]] inline bool put_hot_page(Memmap<Config>& map, PerCpuPages<Config>& pcp,
                                                Pfn pfn, MigrateType type) {
  const auto index = map.index(pfn);
  PcpList& list = pcp.list(type);
  if (map.bits_of(in_pages, index) != PageBits::allocation(Order{0}) || !list.has_room()) {
    return false;
  }
  map.set_bits(in_pages, index, PageBits{}.with_private(pcp_mark<Config>(type)));
  list.push_head(pfn);
  pcp.put_one();
  return true;
}

template <ZoneConfig Config>
[[gnu::always_inline]] inline FreeResult free_hot_page(Zone<Config>& zone, Cpu cpu, Pfn pfn,
                                                       Place caller) {
  Memmap<Config>& map = zone.memmap();
  if (!has_fast_path<Config> || !map.contains(pfn) || !zone.may_use(cpu)) [[unlikely]] {
    return free_to_pcp(zone, cpu, pfn, Order{0}, Temperature::hot, caller);
  }
  const auto index = map.index(pfn);
  PerCpuPages<Config>& pcp = zone.pcp_of(cpu);
  const IrqSaveGuard guard{zone.pcp_lock_of(cpu)};
  // The page first: the map reaches beyond the zone, whose blocks alone have types.
  if (pcp.may_put_one(zone.pcp_pressure()) && map.is_recorded(index) &&
      map.bits_of(in_pages, index).has(PageBits::in_use)) {
    const MigrateType type = zone.pageblock_flags().get(pfn);
    if (type == MigrateType::movable) [[likely]] {
      if (put_hot_page(map, pcp, pfn, MigrateType::movable)) return {};
    } else if (is_pcp_type(type)) {
      if (put_hot_page(map, pcp, pfn, type)) return {};
    }
  }
  return put_on_pcp(zone, cpu, pfn, Order{0}, Temperature::hot, 0, caller,
                    TypeToFree<Config>{zone, pfn});
}

}  // namespace detail

/// Drops a reference to the chunk of @p order at @p pfn, and frees it if that was the last. Orders
/// that per-CPU lists hold (0 in v3.6) go to the CPU's list, or directly to the buddy lists if the
/// block is isolated; others go to the buddy lists, to the type of the block that holds the first
/// page. If others still hold the first page, v6.1 frees what is behind it (nobody else would), unless
/// the chunk is a compound page. @p temperature counts for the former only. Where a list must grow, std::bad_alloc may be
/// thrown.
/// Requires: the chunk is aligned, in the zone, without holes, and its first page in use; it was
///           allocated with @p order (Config::checks_free_order; the first page of one that somebody
///           else has a reference to may be freed alone, as in the kernel, which loses the others);
///           order < max_order; cpu < zone.nr_cpus(). (That a page behind the first is on a per-CPU list is
///           not noticed, as in v3.6.)
/// Returns:  what happened; if pages fail the check, nothing is freed and the chunk is lost, of which
///           warn_on() tells. (A handler that throws then leaves it lost.)
/// Kernel:   __free_pages(), free_hot_cold_page() of v3.6; free_unref_page() of v6.1.
/// Locking:  the former take the CPU's lock, and zone.lock inside it to drain, for a page of an
///           isolated block, and for the first record of a block; others take zone.lock.
template <ZoneConfig Config>
inline FreeResult free_pages(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order,
                             Temperature temperature = Temperature::hot,
                             Place caller = Place::here()) {
  if (order == Order{0} && temperature == Temperature::hot) {
    return detail::free_hot_page(zone, cpu, pfn, caller);
  }
  const detail::Dropped dropped =
      PerCpuPages<Config>::has_lists(order)
          ? detail::free_to_pcp(zone, cpu, pfn, order, temperature, caller)
          : detail::free_to_buddy(zone, cpu, pfn, order, caller);
  if constexpr (Config::semantics.frees_behind_shared) {
    if (dropped.leaves_tails) [[unlikely]]
      return detail::free_tails(zone, cpu, pfn, order, caller);
  }
  return dropped;
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::Freed> : pageblock::detail::ToStringFormatter {};
