/// From the buddy lists to per-CPU lists.
///
/// Layer:  mm.
/// Kernel: rmqueue_bulk() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

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
// @p type. In v3.6 a page from a RESERVE block is marked with the type asked for, so it will not
// return to the reserve (a defect).
template <ZoneConfig Config>
[[gnu::always_inline]] inline void mark_for_pcp(Zone<Config>& zone, const PfnRange& pages,
                                                Order order, MigrateType type) {
  const auto with_type = [](MigrateType of) {
    return PageBits{}.with_private(number_of<Config>(of));
  };
  const PageBits usual = with_type(type);
  const auto mark_at = [&](Pfn pfn) {
    const MigrateType block_type = zone.pageblock_flags().get(pfn);
    const bool keeps_type =
        block_type == MigrateType::cma || (block_type == MigrateType::isolate &&
                                           Config::semantics.refill_mark == RefillMark::request);
    return keeps_type ? with_type(block_type) : usual;
  };
  Memmap<Config>& map = zone.memmap();
  if (order >= Zone<Config>::pageblock_order || pages.nr_pages() == order.nr_pages()) {
    for (Pfn head = pages.start; head != pages.end; head += order.nr_pages()) {
      map.head_slot(map.index(head), order).set_bits(mark_at(head));
    }
    return;
  }
  // In an unaligned zone of v3.6 the pages of a block may have two types.
  for (PfnRange same{pages.start, pages.start}; same.end != pages.end;) {
    same = {same.end, std::min(pages.end, zone.pageblock_flags().end_of_block(same.end))};
    map.fill(same, mark_at(same.start), order.nr_pages());
  }
}

// Fills an empty per-CPU list of @p type, under the CPU's lock. For huge pages it is a function of its
// own: they come two at a time, and an order that the compiler knows saves a quarter of its work.
// Kernel: rmqueue_bulk().
template <bool huge_pages, ZoneConfig Config>
[[gnu::noinline]] void refill_pcp(Zone<Config>& zone, PerCpuPages<Config>& pcp, Order given_order,
                                  MigrateType type, Temperature temperature, unsigned flags) {
  const Order order =
      huge_pages ? Zone<Config>::pageblock_order : order_on_pcp<Config>(given_order);
  PcpList& list = pcp.list(type, order);
  const std::lock_guard guard{zone.lock()};
  // They come from a larger chunk at once, if that is what asking one by one would give.
  const bool one_by_one = is_watched<Config> || has_free_cma_for(zone, type);
  for (std::uint32_t left = pcp.nr_to_refill(order); left != 0;) {
    // May throw, so before a page is taken. They come from one chunk.
    list.reserve(std::min<std::uint64_t>(left, Zone<Config>::max_order_nr_pages >> order.value()));
    PfnRange got{};
    if (!one_by_one) got = zone.free_area().rmqueue_smallest_bulk(zone.memmap(), left, order, type);
    if (got.empty()) {
      const auto pfn = rmqueue(zone, order, type, flags);
      if (!pfn) return;
      got = {*pfn, *pfn + order.nr_pages()};
    }
    const auto nr = static_cast<std::uint32_t>(got.nr_pages() >> order.value());
    mark_for_pcp(zone, got, order, type);
    if (temperature == Temperature::hot) {
      list.push_tail(got, order);
    } else {
      list.push_head(got, order);
    }
    if constexpr (is_watched<Config>) {
      zone.trace(trace::MmPageAllocZoneLocked{got.start, order, type, true});
    }
    pcp.count += nr << order.value();
    zone.mod_nr_free_pages(-static_cast<std::int64_t>(nr << order.value()));
    left -= nr;
  }
}

}  // namespace pageblock::detail
