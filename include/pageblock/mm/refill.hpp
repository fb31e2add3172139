// SPDX-License-Identifier: MIT
/// From the buddy lists to per-CPU lists.
///
/// Layer:  mm.
/// Kernel: rmqueue_bulk() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include <gsl/util>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// Returns the order of a chunk that goes through the per-CPU lists. Where they hold single pages
// only, that is known to the compiler.
template <ZoneConfig Config>
[[nodiscard]] constexpr Order order_on_pcp(Order order) {
  const bool single_only = PerCpuPages<Config>::nr_lists == nr_pcp_types;
  return single_only ? Order{0} : order;
}

// Marks chunks of one block, or of a block or more each, that come to a per-CPU list for requests of
// @p type: with that. In v3.6 pages of CMA and isolated blocks keep their block's type, but those of
// RESERVE blocks do not, so they will not return to the reserve (a defect).
template <ZoneConfig Config>
[[gnu::always_inline]] inline void mark_for_pcp(Zone<Config>& zone, const PfnRange& pages,
                                                Order order, MigrateType type) {
  const auto with_type = [](MigrateType of) {
    return PageBits{}.with_private(number_of<Config>(of));
  };
  const PageBits usual = with_type(type);
  const auto mark_at = [&](Pfn pfn) {
    if constexpr (Config::semantics.drain_type != DrainType::mark_of_request) return usual;
    const MigrateType block_type = zone.pageblock_flags().get(pfn);
    const bool keeps_type = block_type == MigrateType::cma || block_type == MigrateType::isolate;
    return keeps_type ? with_type(block_type) : usual;
  };
  Memmap<Config>& map = zone.memmap();
  if (order >= Zone<Config>::pageblock_order || pages.nr_pages() == order.nr_pages()) {
    for (Pfn head = pages.start; head != pages.end; head += order.nr_pages()) {
      in_tier_of<Config>(order,
                         [&](auto tier) { map.set_bits(tier, map.index(head), mark_at(head)); });
    }
    return;
  }
  // In an unaligned zone of v3.6 the pages of a block may have two types.
  for (PfnRange same{pages.start, pages.start}; same.end != pages.end;) {
    same = {same.end, std::min(pages.end, zone.pageblock_flags().end_of_block(same.end))};
    map.fill(same, mark_at(same.start), order.nr_pages());
  }
}

// Returns whether a chunk that has just left a free list was on that of CMA blocks, whose number it
// has kept.
template <ZoneConfig Config>
[[nodiscard]] bool is_from_cma(const Zone<Config>& zone, Pfn pfn) {
  constexpr unsigned cma = number_of<Config>(MigrateType::cma);
  return Config::semantics.counts_cma && zone.memmap().bits(pfn).unused_private() == cma;
}

// Fills an empty per-CPU list of a type with nr chunks, under the CPU's lock. For huge pages it is a function of its
// own, since they come two at a time, and knowing their order saves a quarter of the instructions.
// Kernel: rmqueue_bulk().
template <bool huge_pages, ZoneConfig Config>
[[gnu::noinline]] void refill_pcp(Zone<Config>& zone, PerCpuPages<Config>& pcp, std::uint32_t nr,
                                  Order given_order, MigrateType type, Temperature temperature,
                                  unsigned flags) {
  const Order order =
      huge_pages ? Zone<Config>::pageblock_order : order_on_pcp<Config>(given_order);
  PcpList& list = pcp.list(type, order);
  const std::lock_guard guard{zone.lock()};
  // They come from a larger chunk at once, if that is what asking one by one would give.
  const bool one_by_one = is_watched<Config> || has_free_cma_for(zone, flags);
  // The kernel counts what has left the lists of CMA at once, and all of it at the end: meanwhile it
  // compares the two. Later ones count all at once, and so does rmqueue(); what comes in bulk none is
  // compared with.
  std::int64_t nr_taken = 0;
  const auto count = gsl::finally([&] { zone.mod_nr_free_pages(-nr_taken); });
  Served served = Served::own;
  for (std::uint32_t left = nr; left != 0;) {
    // Room for what one chunk can bring. May throw, so before a page is taken.
    list.reserve(std::min<std::uint64_t>(left, Zone<Config>::max_order_nr_pages >> order.value()));
    PfnRange got{};
    if (!one_by_one && served == Served::own) {
      got = zone.free_area().rmqueue_smallest_bulk(zone.memmap(), left, order, type);
    }
    const bool is_bulk = !got.empty();
    if (!is_bulk) {
      const auto pfn = rmqueue(zone, order, type, flags, served);
      if (!pfn) return;
      got = {*pfn, *pfn + order.nr_pages()};
    }
    // Of one chunk, later kernels have marked the first page when it left its list, which may be CMA's.
    constexpr DrainType rule = Config::semantics.drain_type;
    if (rule == DrainType::mark_of_request || (rule == DrainType::mark_of_list && is_bulk)) {
      mark_for_pcp(zone, got, order, type);
    }
    if (temperature == Temperature::hot) {
      list.push_tail(got, order);
    } else {
      list.push_head(got, order);
    }
    if constexpr (is_watched<Config> && !Config::semantics.zone_locked_names_list) {
      zone.trace(trace::MmPageAllocZoneLocked{got.start, order, type, true});
    }
    const auto pages = static_cast<std::uint32_t>(got.nr_pages());
    pcp.count += pages;
    if constexpr (!Config::semantics.counts_each_taken) {
      if (one_by_one && is_from_cma(zone, got.start)) zone.mod_nr_free_cma(-std::int64_t{pages});
      nr_taken += pages;
    } else if (is_bulk) {
      nr_taken += pages;
    }
    left -= pages >> order.value();
  }
}

}  // namespace pageblock::detail
