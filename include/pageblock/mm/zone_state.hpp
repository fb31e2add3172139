// SPDX-License-Identifier: MIT
/// All simulated state of a zone: what a copy copies and `==` compares.
///
/// Layer:  mm.
/// Kernel: struct zone, free_area_init_core(), free_all_bootmem().
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/mm/free_area.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/pageblock_flags.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/vmstat.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock::detail {

/// The value of a Zone, which adds locks, tracer and notifiers.
template <ZoneConfig Config>
struct ZoneState {
  using Blocks = Geometry<Config>;

  ZoneState() = default;

  /// Builds the map of @p layout and frees its memory.
  explicit ZoneState(const ZoneLayout& layout);

  [[nodiscard]] std::size_t hash() const;

  void set_span(const PfnRange& span) {
    bug_on(!span.empty() && (span.start < room.start || room.end < span.end),
           "a zone has no room outside the span that it was made with");
    start_pfn = span.start;
    spanned_pages = span.nr_pages();
  }

  /// Counts pages that come to a free list @p of a type, or leave it.
  /// Kernel: __mod_zone_freepage_state(), where the caller asks whether they are isolated.
  [[gnu::always_inline]] void mod_freepage_state(std::int64_t change, MigrateType of) {
    nr_free_pages.add(change);
    if (Config::semantics.counts_free_highatomic && of == MigrateType::highatomic) [[unlikely]]
      nr_free_highatomic.add(change);
    if (Config::semantics.counts_cma && of == MigrateType::cma) [[unlikely]]
      nr_free_cma.add(change);
  }
  /// The same, where isolated pages do not count in kernels that leave them out.
  [[gnu::always_inline]] void count_free(std::int64_t change, MigrateType of) {
    if (!Config::semantics.counts_isolated && of == MigrateType::isolate) return;
    mod_freepage_state(change, of);
  }

  friend bool operator==(const ZoneState&, const ZoneState&) = default;

  std::string name;
  ZoneType type = ZoneType::normal;
  bool mobility_grouping = true;
  Pfn start_pfn{};
  std::uint64_t spanned_pages = 0;
  PfnRange room{};  // the first span
  std::uint64_t present_pages = 0;
  std::uint64_t managed_pages = 0;
  ZonePressure pressure;
  ZoneCounter nr_free_pages;
  ZoneCounter nr_free_cma;
  ZoneCounter nr_free_highatomic;
  ZoneCounter nr_pageblock_isolate;
  Watermarks watermarks;
  std::array<std::uint64_t, max_nr_zones> lowmem_reserve{};
  unsigned nr_cpus = 1;
  Pageset pageset;
  bool pcp_is_disabled = false;
  std::array<PerCpuPages<Config>, Config::nr_cpus> pcps;
  PageblockFlags<Config> flags;
  FreeArea<Config> free_area;
  Memmap<Config> memmap;

 private:
  void populate(Pfn start, Pfn end, Order largest, bool all_are_movable);
  [[nodiscard]] Order mergeable_order(Pfn pfn, Order order, MigrateType first) const;
  void reserve_cut_blocks(const std::vector<PfnRange>& holes);
};

template <ZoneConfig Config>
ZoneState<Config>::ZoneState(const ZoneLayout& layout)
    : name{layout.name},
      type{layout.type},
      mobility_grouping{layout.mobility_grouping},
      start_pfn{layout.start_pfn},
      spanned_pages{layout.spanned_pages},
      nr_cpus{layout.nr_cpus} {
  constexpr std::uint64_t most_pages = std::uint64_t{1} << 32;
  const Pfn end_pfn = start_pfn + spanned_pages;
  room = {start_pfn, end_pfn};
  const Pfn map_end = end_pfn.align_up(Blocks::top_order);
  bug_on(end_pfn < start_pfn || map_end < end_pfn, "the zone ends behind the last pfn");
  bug_on(map_end - start_pfn.align_down(Blocks::top_order) > most_pages,
         "a zone has at most 2^32 pages");
  bug_on(nr_cpus == 0 || nr_cpus > Config::nr_cpus, "more CPUs than the config allows, or none");
  for (const PfnRange& hole : layout.holes) {
    check_range(hole, start_pfn, end_pfn, "a hole is reversed or leaves the zone");
  }
  for (const PfnRange& reserved : layout.reserved) {
    check_range(reserved, start_pfn, end_pfn, "a reserved range is reversed or leaves the zone");
  }
  for (const InUseRange& used : layout.in_use) {
    check_range(used.range, start_pfn, end_pfn, "a range in use is reversed or leaves the zone");
    bug_on(used.count == 0, "a page in use has a count of at least 1");
  }
  for (const BlockTypeRange& typed : layout.block_types) {
    check_range(typed.range, start_pfn, end_pfn,
                "a range of block types is reversed or leaves the zone");
    bug_on(!has_type<Config>(typed.type), "no such migratetype");
  }

  flags = PageblockFlags<Config>{start_pfn, spanned_pages, mobility_grouping};
  for (const BlockTypeRange& typed : layout.block_types) {
    for (Pfn pfn = typed.range.start; pfn < typed.range.end; pfn += Blocks::pageblock_nr_pages) {
      flags.set(pfn, PageblockFlags<Config>::written(typed.type, mobility_grouping));
    }
  }

  memmap = Memmap<Config>{start_pfn, spanned_pages};
  std::vector<PfnRange> holes = layout.holes;
  holes.push_back({memmap.base(), start_pfn});
  holes.push_back({end_pfn, memmap.end()});
  std::vector<PfnRange> absent = holes;
  absent.insert(absent.end(), layout.reserved.begin(), layout.reserved.end());
  managed_pages = memmap.end() - memmap.base();
  for (const PfnRange& range : merged(absent)) managed_pages -= range.nr_pages();
  for (const InUseRange& used : layout.in_use) absent.push_back(used.range);
  absent = merged(std::move(absent));

  // What the map has as populated but is not: whole largest chunks that are cut by something.
  const Order largest = std::min(layout.populate_order, Blocks::top_order);
  const auto unpopulate = [this](Pfn start, Pfn end) {
    for (Pfn pfn = start.align_down(Blocks::top_order); pfn < end;
         pfn += Blocks::max_order_nr_pages) {
      memmap.set_bits(pfn, PageBits{});
    }
  };
  if (largest == Blocks::top_order) {
    for (const PfnRange& range : absent) unpopulate(range.start, range.end);
  } else {
    unpopulate(memmap.base(), memmap.end());
  }
  const auto become = [this](const PfnRange& range, unsigned state) {
    memmap.transform(range.start, range.end, [state](PageBits) { return PageBits{}.with(state); });
  };
  for (const InUseRange& used : layout.in_use) {
    become(used.range, PageBits::in_use | (used.lru ? PageBits::lru : 0U));
    if (used.count == 1) continue;
    for (Pfn pfn = used.range.start; pfn < used.range.end; ++pfn) {
      memmap.set_count(pfn, used.count);
    }
  }
  for (const PfnRange& range : layout.reserved) {
    become(range, PageBits::reserved | PageBits::in_use);
  }
  present_pages = spanned_pages;
  holes = merged(std::move(holes));
  for (const PfnRange& range : holes) {
    become(range, PageBits::hole);
    const Pfn from = std::max(range.start, start_pfn);
    const Pfn to = std::min(range.end, end_pfn);
    if (from < to) present_pages -= to - from;
  }
  if constexpr (Config::semantics.holes_are_reserved) reserve_cut_blocks(holes);

  for (const PfnRange& run : complement(absent, memmap.base(), memmap.end())) {
    populate(run.start, run.end, largest, layout.block_types.empty());
  }
  if constexpr (Config::semantics.pcp_tuning == PcpTuning::fixed) {
    pageset = fixed_pageset(present_pages);
  } else {
    pageset = zone_pageset(managed_pages, watermarks.low, nr_cpus, Config::semantics.pcp_tuning);
  }
  for (PerCpuPages<Config>& pcp : pcps) pcp.set_limits(pageset);
}

/// Returns the order of the largest chunk at @p pfn, of @p order at most, whose blocks may merge; are of one
/// type, where they would merge to that of the last.
template <ZoneConfig Config>
Order ZoneState<Config>::mergeable_order(Pfn pfn, Order order, MigrateType first) const {
  const auto all_may_merge = [&] {
    for (Pfn block = pfn; block < pfn + order.nr_pages(); block += Blocks::pageblock_nr_pages) {
      if (!flags.may_merge(block, first)) return false;
      if (Config::semantics.frees_by_block && flags.get(block) != first) return false;
    }
    return true;
  };
  while (order > Blocks::pageblock_order && !all_may_merge()) --order;
  return order;
}

/// Makes reserved pages of what is a hole in a pageblock that has memory too.
template <ZoneConfig Config>
void ZoneState<Config>::reserve_cut_blocks(const std::vector<PfnRange>& holes) {
  const auto is_valid = [](PageBits bits) { return bits.is_valid(); };
  const auto reserve = [&](PfnRange part) {
    const Pfn block = part.start.align_down(Blocks::pageblock_order);
    const Pfn end = block + Blocks::pageblock_nr_pages;
    if (part.empty() || memmap.find_if(block, end, is_valid) == end) return;
    memmap.transform(part.start, part.end,
                     [](PageBits bits) { return bits.with(PageBits::reserved); });
  };
  for (const PfnRange& hole : holes) {  // at its ends, as between them are whole blocks
    const Pfn first_end = std::min(hole.start.align_up(Blocks::pageblock_order), hole.end);
    const Pfn last = std::max(hole.end.align_down(Blocks::pageblock_order), first_end);
    reserve({hole.start, first_end});
    reserve({last, hole.end});
  }
}

/// Frees [start, end) in naturally aligned chunks from low to high, @p largest at most, each to the
/// list of its first page's block. A chunk has no blocks that could not merge.
/// Kernel: __free_pages_memory() of free_all_bootmem().
template <ZoneConfig Config>
void ZoneState<Config>::populate(Pfn start, Pfn end, Order largest, bool all_are_movable) {
  // Behind the blocks that are known to be movable: to look at the types would touch them all.
  Pfn movable_until = all_are_movable ? end : start;
  for (Pfn pfn = start; pfn < end;) {
    Order order = pfn.max_aligned_order(largest);
    while (end - pfn < order.nr_pages()) --order;
    const MigrateType list = flags.get(pfn);
    if (pfn >= movable_until) movable_until = flags.find_other(pfn, MigrateType::movable);
    if (pfn + order.nr_pages() > movable_until) order = mergeable_order(pfn, order, list);
    if (order == Blocks::top_order) {
      // The map has such chunks already; movable ones are where they belong.
      const Pfn first = pfn;
      const Pfn movable_end = std::min(end, movable_until);
      while (pfn + order.nr_pages() <= movable_end) pfn += order.nr_pages();
      if (pfn == first && list == MigrateType::movable) pfn += order.nr_pages();
      if (pfn != first) {
        free_area.add_populated(memmap, first, (pfn - first) >> order.value());
        nr_free_pages.add(static_cast<std::int64_t>(pfn - first));
        continue;
      }
      memmap.set_bits(pfn, PageBits{});
    } else if (order == Order{0}) {
      // Pages of order 0 pass the boot pageset (batch 1, high 0), which leaves this behind.
      memmap.set_bits(pfn, PageBits{}.with_private(pcp_mark<Config>(list)));
    }
    count_free(static_cast<std::int64_t>(order.nr_pages()), list);
    free_area.free_one_page(memmap, flags, pfn, order, list, Config::semantics.move_to);
    pfn += order.nr_pages();
  }
}

template <ZoneConfig Config>
std::size_t ZoneState<Config>::hash() const {
  std::uint64_t sum = std::hash<std::string>{}(name);
  const auto mix = [&sum](std::uint64_t value) {
    sum = (sum ^ value) * 0x9e3779b97f4a7c15U;
    sum ^= sum >> 29;
  };
  mix(start_pfn.value());
  mix(spanned_pages);
  mix(static_cast<std::uint64_t>(nr_free_pages.get()));
  mix(static_cast<std::uint64_t>(nr_free_cma.get()));
  mix(static_cast<std::uint64_t>(nr_pageblock_isolate.get()));
  for (std::size_t block = 0; block < flags.size(); ++block) {
    if (flags[block] != MigrateType::movable) mix(block << 8 | index_of(flags[block]));
  }
  for (const PerCpuPages<Config>& pcp : pcps) {
    for (const PcpList& list : pcp.lists) {
      mix(list.size());
      for (std::size_t i = 0; i < list.size(); ++i) mix(list[i].value());
    }
  }
  memmap.visit_meaning(
      [&mix](Pfn pfn, std::uint64_t nr, PageBits bits, std::uint64_t next, std::uint64_t prev) {
        mix(pfn.value() << 16 | bits.raw());
        mix(nr);
        mix(next << 32 | prev);
      });
  return sum;
}

}  // namespace pageblock::detail
