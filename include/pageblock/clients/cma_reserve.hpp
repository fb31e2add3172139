// SPDX-License-Identifier: MIT
/// CMA areas at boot: where they go, and how their pages come to the buddy allocator.
///
/// Layer:  clients.
/// Kernel: cma_declare_contiguous(), cma_declare_contiguous_multi() (v6.15), cma_activate_area()
///         (mm/cma.c); before v3.16 dma_declare_contiguous(), cma_create_area().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/base/cma_rules.hpp"
#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/clients/cma.hpp"
#include "pageblock/clients/cma_area.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What is asked for at boot: cma= on the command line, or a node of the device tree.
struct CmaRequest {
  std::string name = "reserved";  ///< The area's name.
  std::uint64_t nr_pages = 0;     ///< How large it shall be.
  /// Where, if it is fixed; else nothing below it.
  Pfn base{};
  bool fixed = false;  ///< Whether it must lie exactly there.
  /// Nothing from there on; 0: anywhere.
  Pfn limit{};
  /// More than pageblocks demand.
  Order alignment{};
  Order order_per_bit{};  ///< The pages that a bit of its map stands for, as an order.
};

namespace detail {

inline constexpr Pfn pfn_of_4g{std::uint64_t{1} << 20};

// Returns what is free at boot: no hole, not reserved, not in use.
[[nodiscard]] inline std::vector<PfnRange> free_at_boot(std::span<const ZoneLayout> machine) {
  std::vector<PfnRange> free;
  for (const ZoneLayout& zone : machine) {
    std::vector<PfnRange> taken = zone.holes;
    taken.insert(taken.end(), zone.reserved.begin(), zone.reserved.end());
    for (const InUseRange& used : zone.in_use) taken.push_back(used.range);
    const Pfn end = zone.start_pfn + zone.spanned_pages;
    const auto rest = complement(merged(std::move(taken)), zone.start_pfn, end);
    free.insert(free.end(), rest.begin(), rest.end());
  }
  return merged(std::move(free));
}

// Returns the parts of these ranges in [base, limit), cut to multiples of the alignment.
[[nodiscard]] inline std::vector<PfnRange> aligned_within(std::vector<PfnRange> ranges, Pfn base,
                                                          Pfn limit, Order alignment) {
  for (PfnRange& range : ranges) {
    range.start = std::max(range.start, base).align_up(alignment);
    range.end = std::min(range.end, limit).align_down(alignment);
  }
  std::erase_if(ranges, [](const PfnRange& range) { return range.empty(); });
  return ranges;
}

// Returns the lowest or the highest place for so many pages.
[[nodiscard]] inline std::optional<PfnRange> lowest_place(const std::vector<PfnRange>& ranges,
                                                          std::uint64_t nr_pages) {
  for (const PfnRange& range : ranges) {
    if (range.nr_pages() >= nr_pages) return PfnRange{range.start, range.start + nr_pages};
  }
  return std::nullopt;
}
[[nodiscard]] inline std::optional<PfnRange> highest_place(const std::vector<PfnRange>& ranges,
                                                           std::uint64_t nr_pages) {
  for (std::size_t i = ranges.size(); i-- > 0;) {
    if (ranges[i].nr_pages() >= nr_pages) return PfnRange{ranges[i].end - nr_pages, ranges[i].end};
  }
  return std::nullopt;
}

// Returns several ranges above 4 GiB that together have so many pages, the lowest first and the last one
// cut; of the largest free ones, no more than are needed.
[[nodiscard]] inline std::optional<std::vector<PfnRange>> several_places(
    std::vector<PfnRange> ranges, std::uint64_t nr_pages, std::size_t most) {
  std::ranges::sort(ranges, [](const PfnRange& a, const PfnRange& b) {
    return a.nr_pages() != b.nr_pages() ? a.nr_pages() > b.nr_pages() : a.start < b.start;
  });
  std::uint64_t sum = 0;
  std::size_t nr = 0;
  while (nr < std::min(most, ranges.size()) && sum < nr_pages) sum += ranges[nr++].nr_pages();
  if (sum < nr_pages) return std::nullopt;
  ranges.resize(nr);
  std::ranges::sort(ranges, {}, &PfnRange::start);
  for (PfnRange& range : ranges) {
    range.end = range.start + std::min(range.nr_pages(), nr_pages);
    nr_pages -= range.nr_pages();
  }
  return ranges;
}

// Marks a range reserved in the zones that have it.
inline void reserve_at_boot(std::span<ZoneLayout> machine, const PfnRange& range) {
  for (ZoneLayout& zone : machine) {
    const PfnRange part{std::max(range.start, zone.start_pfn),
                        std::min(range.end, zone.start_pfn + zone.spanned_pages)};
    if (!part.empty()) zone.reserved.push_back(part);
  }
}

// Gives a reserved page to the buddy allocator. Kernel: free_reserved_page().
template <ZoneConfig Config>
void free_reserved_page(Zone<Config>& zone, Pfn pfn) {
  {
    const IrqSaveGuard guard{zone.lock()};
    Memmap<Config>& map = zone.memmap();
    map.transform(pfn, pfn + 1, [](PageBits bits) {
      return bits.without(PageBits::reserved | PageBits::in_use | PageBits::shared);
    });
    map.set_count(pfn, 1);
    zone.mod_managed_pages(1);
  }
  free_pages(zone, Cpu{0}, pfn, Order{0});
}

}  // namespace detail

/// Returns to what areas are aligned in a zone of @p Config: where they begin and end.
template <ZoneConfig Config>
[[nodiscard]] constexpr Order cma_granule(const CmaRules& rules = Config::semantics.cma) {
  using Blocks = Geometry<Config>;
  return rules.aligned_to_chunks ? std::max(Blocks::top_order, Blocks::pageblock_order)
                                 : Blocks::pageblock_order;
}

/// Finds a place for an area in the memory of @p machine, before zones are made of it, and reserves it there.
/// The size is rounded up to the alignment. Where several ranges are allowed and one does not do, up to 8
/// free ones above 4 GiB are put together.
/// Returns: the area; or nothing if there is no such place, the size is 0, or a fixed base is not aligned.
/// Kernel:  -ENOMEM, -EBUSY (fixed), -EINVAL. That Highmem is tried first is not modelled.
template <ZoneConfig Config>
[[nodiscard]] std::optional<CmaArea> cma_declare_contiguous(
    std::span<ZoneLayout> machine, const CmaRequest& request,
    const CmaRules& rules = Config::semantics.cma) {
  const Order alignment =
      std::max({cma_granule<Config>(rules), request.alignment, request.order_per_bit});
  const std::uint64_t size = Pfn{request.nr_pages}.align_up(alignment).value();
  if (size == 0 || size < request.nr_pages) return std::nullopt;
  const std::vector<PfnRange> free = detail::free_at_boot(machine);
  if (free.empty()) return std::nullopt;
  const Pfn end = free.back().end;
  const Pfn limit = request.limit == Pfn{} ? end : std::min(end, request.limit);
  const auto usable = detail::aligned_within(free, request.base, limit, alignment);

  std::vector<PfnRange> places;
  const auto take = [&places](const std::optional<PfnRange>& place) {
    if (places.empty() && place) places = {*place};
  };
  if (request.fixed) {
    if (!request.base.is_aligned(alignment)) return std::nullopt;
    const PfnRange wanted{request.base, request.base + size};
    const bool fits = std::ranges::any_of(usable, [&](const PfnRange& range) {
      return range.start <= wanted.start && wanted.end <= range.end;
    });
    if (fits) take(wanted);
  } else {
    if (rules.place == CmaPlace::above_4g && end >= detail::pfn_of_4g + size) {
      const Pfn base = std::max(request.base, detail::pfn_of_4g);
      take(detail::lowest_place(detail::aligned_within(free, base, limit, alignment), size));
    }
    take(detail::highest_place(usable, size));
    if (places.empty() && rules.most_ranges > 1) {
      const Pfn base = std::max(request.base, detail::pfn_of_4g);
      auto several = detail::several_places(detail::aligned_within(free, base, limit, alignment),
                                            size, rules.most_ranges);
      if (several) places = std::move(*several);
    }
  }
  if (places.empty()) return std::nullopt;
  for (const PfnRange& place : places) detail::reserve_at_boot(machine, place);
  return CmaArea{request.name, std::move(places), request.order_per_bit, rules};
}

/// Gives the pageblocks of @p area to the buddy allocator, with type cma. An area that does not lie in one
/// zone is given up: its pages are freed to the zones, one by one, and it has none any more; in v3.6 they
/// stay reserved, and are lost.
/// Returns: whether it is of use.
/// Requires: its pages are reserved; its ranges are whole pageblocks.
/// Locking:  as init_cma_reserved_pageblock().
/// Kernel:   cma_activate_area(). Nothing is taken from the area before (cma_reserve_early() of v7.2).
template <Memory M>
bool cma_activate_area(M& memory, CmaArea& area, Place caller = Place::here()) {
  using Config = typename M::Config;
  const ReportedCall call{"cma_activate_area", caller, area.span().start};
  Zone<Config>* const zone = detail::zone_with(memory, area.span().start);
  const auto is_in_zone = [&](const CmaRange& range) {
    return zone != nullptr && zone->spans(range.pages.start) && zone->spans(range.pages.end - 1) &&
           zone->memmap().find_if(range.pages.start, range.pages.end, [](PageBits bits) {
             return !bits.is_valid();
           }) == range.pages.end;
  };
  const bool is_in_one_zone = std::ranges::all_of(area.ranges(), is_in_zone);
  for (const CmaRange& range : area.ranges()) {
    if (is_in_one_zone) {
      bug_on(!Zone<Config>::is_block_aligned(range.pages.start, range.pages.end),
             "a range of an area is no multiple of pageblocks", call);
      for (Pfn pfn = range.pages.start; pfn < range.pages.end;
           pfn += Zone<Config>::pageblock_nr_pages) {
        init_cma_reserved_pageblock(*zone, pfn, caller);
      }
    } else if (area.rules().frees_what_fails) {
      for (Pfn pfn = range.pages.start; pfn < range.pages.end; ++pfn) {
        Zone<Config>* const of = detail::zone_with(memory, pfn);
        if (of != nullptr && of->is_valid(pfn)) detail::free_reserved_page(*of, pfn);
      }
    }
  }
  if (!is_in_one_zone) area.clear();
  return is_in_one_zone;
}

}  // namespace pageblock
