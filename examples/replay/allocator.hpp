/// The kernel's functions as the lines of a trace name them: one step of a longer call each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/pageblock.hpp"

#include "replay/machine.hpp"
#include "replay/repair.hpp"

namespace example::allocator {

using pageblock::Cpu;
using pageblock::ListEnd;
using pageblock::MigrateType;
using pageblock::Order;
using pageblock::PageBits;
using pageblock::Pfn;
using pageblock::PfnRange;

/// Serves a request. Kernel: rmqueue(), rmqueue_buddy(), __alloc_pages_bulk().
inline std::optional<Pfn> request(ReplayZone& zone, Cpu cpu, Order order, MigrateType type,
                                  pageblock::recorded::Source source, unsigned flags) {
  using pageblock::recorded::Source;
  if (source == Source::buddy) return pageblock::detail::alloc_from_buddy(zone, order, type, flags);
  std::optional<Pfn> pfn;
  if (source == Source::bulk) {
    alloc_pages_bulk(
        zone, cpu, type, 1, [&](Pfn got) { pfn = got; }, flags);
  } else if (const auto page = alloc_pages(zone, cpu, order, type, flags)) {
    pfn = page->pfn();
  }
  return pfn;
}

/// Only asks the per-CPU list. Kernel: rmqueue_pcplist().
inline std::optional<Pfn> request_from_pcp(ReplayZone& zone, Cpu cpu, Order order, MigrateType type,
                                           unsigned flags) {
  return pageblock::detail::alloc_from_pcp(zone, cpu, order, type, pageblock::Temperature::hot,
                                           flags);
}

/// Returns whether the page will be on an LRU list soon, judged by the request. Memory of programs and the
/// page cache come as folios, which are compound even if they are a single page; slabs and others
/// that take single pages do not ask for that. (Of larger chunks, only programs' are told apart.)
[[nodiscard]] inline bool looks_movable(const pageblock::recorded::Allocation& request) {
  if (ReplayConfig::semantics.type_of(request.migratetype) == MigrateType::movable) return true;
  const auto has = [&](std::string_view flag) {
    return request.gfp_flags.find(flag) != std::string_view::npos;
  };
  return has("__GFP_COMP") && (request.order == Order{0} || has("GFP_HIGHUSER"));
}

/// Frees a chunk. Kernel: free_unref_page(), __free_pages_ok(), free_one_page().
inline void free(ReplayZone& zone, Cpu cpu, Pfn pfn, Order order, bool past_pcp, ListEnd to) {
  if (past_pcp || to == ListEnd::tail) {
    static_cast<void>(pageblock::detail::free_to_buddy(zone, cpu, pfn, order, to));
  } else {
    static_cast<void>(free_pages(zone, cpu, pfn, order));
  }
}

/// Puts a chunk back as if nobody had taken it. Kernel: __putback_isolated_page().
inline void put_back(ReplayZone& zone, Pfn pfn, Order order, MigrateType type, ListEnd to) {
  zone.memmap().set_bits(pfn, PageBits{});
  zone.mod_nr_free_pages(pageblock::detail::nr_counted<ReplayConfig>(order.nr_pages(), type));
  pageblock::detail::free_one_page(zone, pfn, order, type, to);
}

/// Takes a free chunk off the lists without a request; a large one makes its blocks movable.
/// Kernel: __isolate_free_page().
inline void isolate_free_page(ReplayZone& zone, Pfn pfn) {
  const Order order = zone.memmap().bits(pfn).order();
  const MigrateType type = zone.memmap().bits(pfn).list_type();
  zone.free_area().del(zone.memmap(), pfn);
  zone.mod_nr_free_pages(-pageblock::detail::nr_counted<ReplayConfig>(order.nr_pages(), type));
  mark_in_use(zone, pfn, order, false);
  if (order + 1 < ReplayZone::pageblock_order) return;
  for (Pfn block = pfn; block < pfn + order.nr_pages(); block += ReplayZone::pageblock_nr_pages) {
    if (pageblock::is_pcp_type(zone.pageblock_flags().get(block))) {
      zone.pageblock_flags().set(block, MigrateType::movable);
    }
  }
}

}  // namespace example::allocator
