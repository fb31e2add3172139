// SPDX-License-Identifier: MIT
/// The kernel's functions as the lines of a trace name them: one step of a longer call each.
///
/// Layer:  io.
/// Kernel: rmqueue() and free_one_page() (mm/page_alloc.c), and what they call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/isolation/isolate_block.hpp"
#include "pageblock/isolation/isolate_mode.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/free_list.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/refill.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::kernel_step {

/// Serves a request. Kernel: rmqueue(), rmqueue_buddy(), __alloc_pages_bulk().
template <ZoneConfig Config>
std::optional<Pfn> request(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                           recorded::Source source, unsigned flags) {
  using recorded::Source;
  if (source == Source::buddy) return detail::alloc_from_buddy(zone, order, type, flags);
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
template <ZoneConfig Config>
std::optional<Pfn> request_from_pcp(Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                                    unsigned flags) {
  return detail::alloc_from_pcp(zone, cpu, order, type, Temperature::hot, flags);
}

/// Returns whether the page will be on an LRU list soon, judged by the request. Memory of programs and the
/// page cache come as folios, which are compound even if they are a single page; before v6.6 slabs and
/// others that take single pages did not ask for that. (Else only programs' are told apart.)
template <ZoneConfig Config>
[[nodiscard]] bool looks_movable(const recorded::Allocation& request) {
  constexpr bool only_folios_are_compound =
      Config::semantics.major == 6 && Config::semantics.minor < 6;
  if (Config::semantics.type_of(request.migratetype) == MigrateType::movable) return true;
  const auto has = [&](std::string_view flag) {
    return request.gfp_flags.find(flag) != std::string_view::npos;
  };
  return has("__GFP_COMP") &&
         ((only_folios_are_compound && request.order == Order{0}) || has("GFP_HIGHUSER"));
}

/// Whether isolation may take a slab for a movable page. In some kernels the slab's link, once it has left a
/// list, stands where the mark of a movable page would, and looks like it. (Seen in v6.12; since v6.17 the
/// mark is elsewhere.)
template <ZoneConfig Config>
inline constexpr bool slabs_may_look_movable =
    Config::semantics.major == 6 && Config::semantics.minor >= 12 && Config::semantics.minor < 17;

/// Returns whether a request looks like one for a slab.
[[nodiscard]] inline bool looks_like_slab(const recorded::Allocation& request) {
  const auto has = [&](std::string_view flag) {
    return request.gfp_flags.find(flag) != std::string_view::npos;
  };
  return has("__GFP_NORETRY") && has("__GFP_COMP") && !has("MOVABLE") && !has("GFP_HIGHUSER");
}

/// Frees a chunk. Kernel: free_unref_page(), __free_pages_ok(), free_one_page().
template <ZoneConfig Config>
void free(Zone<Config>& zone, Cpu cpu, Pfn pfn, Order order, bool past_pcp, ListEnd to) {
  if (to == ListEnd::tail) {
    static_cast<void>(detail::free_to_buddy<ListEnd::tail>(zone, cpu, pfn, order, Place::here()));
  } else if (past_pcp) {
    static_cast<void>(detail::free_to_buddy(zone, cpu, pfn, order, Place::here()));
  } else {
    static_cast<void>(free_pages(zone, cpu, pfn, order));
  }
}

/// Puts a chunk on a CPU's list, and drains nothing. Returns how many pages are to be drained now, and
/// beginning with which list. Kernel: free_unref_page_commit().
template <ZoneConfig Config>
std::pair<std::uint32_t, std::size_t> put_on_pcp(Zone<Config>& zone, Cpu cpu, Pfn pfn,
                                                 Order order) {
  PerCpuPages<Config>& pcp = zone.pcp(cpu);
  PcpList& list = pcp.list_to_free_to(zone.pageblock_flags().get(pfn), order);
  list.reserve(1);
  zone.memmap().set_bits(pfn, PageBits{});
  pcp.count += static_cast<std::uint32_t>(order.nr_pages());
  list.push_head(pfn);
  return {pcp.on_put(order, zone.pcp_pressure()),
          static_cast<std::size_t>(&list - pcp.lists.data())};
}

/// Puts a chunk back as if nobody had taken it. Kernel: __putback_isolated_page().
template <ZoneConfig Config>
void put_back(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type, ListEnd to) {
  zone.memmap().set_bits(pfn, PageBits{});
  detail::free_one_page(zone, pfn, order, type, to);
}

/// Takes a free chunk off the lists without a request; a large one makes its blocks movable.
/// Kernel: __isolate_free_page().
template <ZoneConfig Config>
void isolate_free_page(Zone<Config>& zone, Pfn pfn) {
  const Order order = zone.memmap().bits(pfn).order();
  const MigrateType type = zone.memmap().bits(pfn).list_type();
  zone.free_area().del(zone.memmap(), pfn);
  zone.count_free(-detail::nr_pages_of(order), type);
  mark_in_use(zone, pfn, order, false);
  if (order + 1 < Zone<Config>::pageblock_order) return;
  for (Pfn block = pfn; block < pfn + (order.nr_pages() - 1);
       block += Zone<Config>::pageblock_nr_pages) {
    if (!is_pcp_type(zone.pageblock_flags().get(block))) continue;
    if constexpr (Config::semantics.take_moves_rest) {
      move_freepages_block(zone, block, MigrateType::movable);
    } else {
      zone.pageblock_flags().set(block, MigrateType::movable);
    }
  }
}

/// Returns why a block would not be isolated. Kernel: set_migratetype_isolate().
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain(const Zone<Config>& zone, Pfn pfn,
                                             const IsolateRequest& request) {
  const IrqSaveGuard guard{zone.lock()};
  return pageblock::detail::refuse_isolate(zone, pfn, get_pageblock_migratetype(zone, pfn),
                                           request);
}

}  // namespace pageblock::kernel_step
