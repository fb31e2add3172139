// SPDX-License-Identifier: MIT
/// Contiguous memory wherever there is some, and gigantic pages made of it.
///
/// Layer:  clients.
/// Kernel: alloc_contig_pages() (mm/page_alloc.c), alloc_gigantic_page() (mm/hugetlb.c) of v6.1.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/cma_area.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {
namespace detail {

// The first page of a place that rules it out at a look: no memory of this zone, or reserved; in later kernels any
// that does not move. (What CMA areas hold is left to the attempt, which it refuses.)
// Kernel: pfn_range_valid_contig(); page_is_unmovable() (v7.0).
template <ZoneConfig Config>
[[nodiscard]] std::optional<Blocker> rule_out(const Zone<Config>& zone, const PfnRange& place) {
  const IrqSaveGuard guard{zone.lock()};
  const auto is_out = [](PageBits bits) { return bits.has(PageBits::hole | PageBits::reserved); };
  const Pfn pfn = zone.memmap().find_if(place.start, place.end, is_out);
  if (pfn == place.end && Config::semantics.contig_passes_unmovable) {
    for (Pfn start = place.start; start < place.end;) {
      const Pfn end = std::min(place.end, (start + 1).align_up(Zone<Config>::pageblock_order));
      const auto page = find_unmovable_in(zone, {start, end}, MigrateType::cma, 0);
      if (page) return Blocker{*page, Reason::not_lru};
      start = end;
    }
  }
  if (pfn == place.end) return std::nullopt;
  const bool is_reserved = zone.memmap().bits(pfn).has(PageBits::reserved);
  return Blocker{pfn, is_reserved ? Reason::reserved : Reason::no_memory};
}

// Tries the places of one zone, the lowest first, each at a multiple of its size.
template <ZoneConfig Config, typename Alloc>
OptionalPfn search_contig_pages(Zone<Config>& zone, std::uint64_t nr_pages, Attempt& attempt,
                                Alloc alloc) {
  const Order size{static_cast<unsigned>(std::countr_zero(nr_pages))};
  for (Pfn pfn = zone.start_pfn().align_up(size);
       pfn >= zone.start_pfn() && pfn + nr_pages <= zone.end_pfn() && pfn + nr_pages > pfn;
       pfn += nr_pages) {
    const PfnRange place{pfn, pfn + nr_pages};
    if (const auto blocker = rule_out(zone, place)) {
      attempt.candidates.push_back({.range = place,
                                    .status = -Err::busy,
                                    .stage = AttemptStage::look,
                                    .blockers = {*blocker}});
      continue;
    }
    if (alloc(place) == ok) return pfn;
  }
  return {};
}

// Tries the zones for highest downward.
template <ZoneConfig Config, typename Alloc>
OptionalPfn search_node(Node<Config>& node, std::uint64_t nr_pages, ZoneType highest,
                        Attempt& attempt, Alloc alloc) {
  for (Zone<Config>& zone : node.zonelist(highest)) {
    if (zone.present_pages() == 0) continue;
    const auto pfn = search_contig_pages(zone, nr_pages, attempt, alloc);
    if (!pfn) continue;
    attempt.status = ok;
    attempt.stage = AttemptStage::done;
    return pfn;
  }
  attempt.status = -Err::nomem;
  attempt.stage = AttemptStage::place;
  return {};
}

template <ZoneConfig Config>
void begin_search(const Node<Config>& node, const char* what, Attempt& attempt) {
  attempt = {.what = what};
  attempt.pageblock_order = Zone<Config>::pageblock_order;
  PfnRange all{};
  for (const Zone<Config>& zone : node.zones()) {
    if (zone.spanned_pages() == 0) continue;
    if (all.empty() || zone.start_pfn() < all.start) all.start = zone.start_pfn();
    if (all.end < zone.end_pfn()) all.end = zone.end_pfn();
  }
  attempt.range = all;
}

}  // namespace detail

/// Allocates @p nr_pages pages in a row, at a multiple of that, from the zones that a request for
/// @p highest may use. Places with a page that is reserved or no memory are passed over; in each other,
/// alloc_contig_range() tries to move what is there. None is tried twice. @p attempt, if any, lists all places
/// and why they were refused.
/// Requires: nr_pages is a power of two (the kernel aligns wrongly else); cpu < nr_cpus.
/// Returns:  the first page; or nothing, and then the attempt's status is -ENOMEM.
/// Locking, throws: as alloc_contig_range().
/// Kernel:   alloc_contig_pages(). v3.6 has no such function; here it does there what later kernels do.
template <ZoneConfig Config, PageMovability Pages = AllMove>
[[nodiscard]] OptionalPfn alloc_contig_pages(Node<Config>& node, Cpu cpu, std::uint64_t nr_pages,
                                             ZoneType highest, Pages&& pages = {},
                                             Attempt* attempt = nullptr,
                                             Place caller = Place::here()) {
  const ReportedCall call{"alloc_contig_pages", caller};
  bug_on(!std::has_single_bit(nr_pages), "the number of pages is no power of two", call);
  Attempt unused;
  Attempt& record = attempt != nullptr ? *attempt : unused;
  detail::begin_search(node, "contiguous pages", record);
  return detail::search_node(node, nr_pages, highest, record, [&](const PfnRange& place) {
    return detail::try_contig_range(node, cpu, place, MigrateType::movable, pages, &record, false,
                                    call);
  });
}

/// Allocates a gigantic page of 2^order pages: from @p area, if there is one for them, else where there is
/// room. In v6.1 it is so many single pages in the model; in v6.12 a compound page.
/// Requires, returns, locking, throws: as alloc_contig_pages().
/// Kernel:   alloc_gigantic_page(), hugetlb_cma.
template <ZoneConfig Config, PageMovability Pages = AllMove>
[[nodiscard]] OptionalPfn alloc_gigantic_page(Node<Config>& node, Cpu cpu, Order order,
                                              Pages&& pages = {}, CmaArea* area = nullptr,
                                              Attempt* attempt = nullptr,
                                              Place caller = Place::here()) {
  Attempt unused;
  Attempt& record = attempt != nullptr ? *attempt : unused;
  if (area != nullptr) {
    const auto pfn = cma_alloc(node, cpu, *area, order.nr_pages(), order, pages, &record, caller);
    if (pfn) return pfn;
  }
  std::vector<Candidate> before = std::move(record.candidates);
  detail::begin_search(node, "gigantic page", record);
  record.candidates = std::move(before);
  return detail::search_node(
      node, order.nr_pages(), ZoneType::movable, record, [&](const PfnRange& place) {
        return detail::try_contig_range(node, cpu, place, MigrateType::movable, pages, &record,
                                        Config::semantics.contig_compound,
                                        {"alloc_gigantic_page", caller, place.start});
      });
}

/// Gives a gigantic page back, to @p area if it is from there.
/// Requires: it is in use; cpu < nr_cpus. Locking, throws: as free_contig_range().
/// Kernel:   free_gigantic_page().
template <ZoneConfig Config>
void free_gigantic_page(Node<Config>& node, Cpu cpu, Pfn pfn, Order order, CmaArea* area = nullptr,
                        Place caller = Place::here()) {
  if (area != nullptr && cma_release(node, cpu, *area, pfn, order.nr_pages(), caller)) return;
  Zone<Config>* const zone = node.zone_of(pfn);
  bug_on(zone == nullptr, "no zone has such a page",
         ReportedCall{"free_gigantic_page", caller, pfn, order});
  free_contig_range(*zone, cpu, pfn, order.nr_pages(), caller);
}

}  // namespace pageblock
