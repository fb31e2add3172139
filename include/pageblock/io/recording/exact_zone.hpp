// SPDX-License-Identifier: MIT
/// Builds zones from the exact state of a machine, and compares them with another one.
///
/// Layer:  io.
/// Kernel: struct zone of v6.1 and later.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {
namespace detail {

[[nodiscard]] inline MigrateType exact_type(const Semantics& semantics, unsigned number) {
  const auto type = semantics.type_of(number);
  if (!type) {
    throw ParseError{fmt::format("Linux {}.{} as modelled has no migratetype {}", semantics.major,
                                 semantics.minor, number)};
  }
  return *type;
}

// What a zone remembers of a page of this run. Tails and free pages look alike.
[[nodiscard]] inline PageBits exact_bits(const PageRun& run, ZoneType zone) {
  if (!run.is_initialised() || run.zone() != zone) return PageBits{PageBits::hole};
  if ((run.flags & page_flag::reserved) != 0) {
    return PageBits{PageBits::reserved | PageBits::in_use};
  }
  if (run.type == PageType::offline) {  // a driver has it
    return PageBits{PageBits::offline}.with(run.refcount > 0 ? PageBits::in_use : 0U);
  }
  if (run.refcount <= 0 || run.mapping == PageMapping::tail) return PageBits{};
  const bool movable = (run.flags & page_flag::lru) != 0 || run.mapping == PageMapping::movable;
  return PageBits{PageBits::in_use}.with(movable ? PageBits::lru : 0U);
}

// What a CPU knows of what was freed and taken lately.
template <ZoneConfig Config>
void set_tuning(PerCpuPages<Config>& pcp, const ExactPcp& from) {
  if constexpr (Config::semantics.pcp_tuning == PcpTuning::tuned) {
    pcp.high_min = static_cast<std::uint32_t>(from.high_min);
    pcp.high_max = static_cast<std::uint32_t>(from.high_max);
    pcp.alloc_factor = static_cast<std::uint32_t>(from.alloc_factor);
    pcp.free_count = static_cast<std::uint32_t>(from.free_count);
    pcp.prev_free_high_order = (from.flags & ExactPcp::flag_prev_free_high_order) != 0;
    pcp.free_high_batch = (from.flags & ExactPcp::flag_free_high_batch) != 0;
  } else {
    pcp.free_factor = static_cast<std::uint32_t>(from.free_factor);
  }
}

}  // namespace detail

/// Builds a zone as it stands in @p from, with its lists in order. What has no initialised
/// descriptor in @p pages is a hole, as memory that is offline. @p range holds the zone and what it
/// may grow to.
/// Who uses a page, and how often, is not in a zone: pages in use have count 1.
/// Throws ParseError if the zone cannot be one of @p Config.
template <ZoneConfig Config>
[[nodiscard]] Zone<Config> make_zone(const ExactState& state, const ExactZone& from,
                                     const PageRuns& pages, PfnRange range) {
  using Pcp = PerCpuPages<Config>;
  if (state.nr_cpus > Config::nr_cpus) {
    throw ParseError{
        fmt::format("{}: {} CPUs are more than {}", state.label, state.nr_cpus, Config::nr_cpus)};
  }
  std::vector<std::pair<PfnRange, PageBits>> runs;
  std::vector<PfnRange> present;
  for (const PageRun& run : pages.runs()) {
    const PfnRange part{std::max(run.range.start, range.start), std::min(run.range.end, range.end)};
    const PageBits bits = detail::exact_bits(run, from.type);
    if (part.empty() || !bits.is_valid()) continue;
    runs.emplace_back(part, bits);
    present.push_back(part);
  }
  Zone<Config> zone{ZoneLayout{
      .name = from.name,
      .type = from.type,
      .start_pfn = range.start,
      .spanned_pages = range.nr_pages(),
      .holes = detail::complement(detail::merged(std::move(present)), range.start, range.end),
      .in_use = {{.range = range}},  // so that nothing is free yet
      .nr_cpus = std::max(state.nr_cpus, 1U)}};
  Memmap<Config>& map = zone.memmap();
  for (const auto& [part, bits] : runs) {
    map.transform(part.start, part.end, [of_run = bits](PageBits) { return of_run; });
  }
  for (const ExactSection& section : state.sections) {
    Pfn block = section.start_pfn;
    for (std::size_t i = 0; i < section.migratetypes.size(); ++i) {
      const Pfn pfn = std::max(block, range.start);
      if (range.contains(pfn) && pfn < block + Zone<Config>::pageblock_nr_pages) {
        if (has_isolate_bit<Config> && !section.own_types.empty()) {
          zone.pageblock_flags().set(pfn,
                                     detail::exact_type(Config::semantics, section.own_types[i]));
        }
        zone.pageblock_flags().set(pfn,
                                   detail::exact_type(Config::semantics, section.migratetypes[i]));
      }
      block += Zone<Config>::pageblock_nr_pages;
    }
  }
  const auto check = [&](Pfn pfn, Order order) {
    if (order > Zone<Config>::top_order || !range.contains(pfn) ||
        !range.contains(pfn + (order.nr_pages() - 1)) || !pfn.is_aligned(order)) {
      throw ParseError{fmt::format("{}: zone {}: there can be no chunk of order {} at {:#x}",
                                   state.label, from.name, order, pfn)};
    }
  };
  for (const ExactFreeList& list : from.free_lists) {
    const MigrateType type = detail::exact_type(Config::semantics, list.migratetype);
    for (const Pfn pfn : list.pfns) {
      check(pfn, list.order);
      zone.free_area().add_tail(map, pfn, list.order, type);
      zone.count_free(static_cast<std::int64_t>(list.order.nr_pages()), type);
    }
  }
  if (from.pageset_batch != 0) {
    zone.set_pageset({.batch = static_cast<std::uint32_t>(from.pageset_batch),
                      .high = static_cast<std::uint32_t>(from.pageset_high),
                      .high_max = static_cast<std::uint32_t>(from.pageset_high_max)});
  } else if (from.spanned == 0) {
    zone.set_pageset(1, 0);  // as every zone before it has memory
  }
  for (const ExactPcp& from_pcp : from.pcps) {
    if (from_pcp.cpu.id() >= zone.nr_cpus()) {
      throw ParseError{
          fmt::format("{}: zone {}: there is no CPU {}", state.label, from.name, from_pcp.cpu)};
    }
    Pcp& pcp = zone.pcp(from_pcp.cpu);
    pcp.count = static_cast<std::uint32_t>(from_pcp.count);
    pcp.high = static_cast<std::uint32_t>(from_pcp.high);
    pcp.batch = static_cast<std::uint32_t>(from_pcp.batch);
    detail::set_tuning(pcp, from_pcp);
    for (const ExactPcpList& from_list : from_pcp.lists) {
      if (from_list.index >= Pcp::nr_lists ||
          Pcp::order_of_list(from_list.index) != from_list.order) {
        throw ParseError{fmt::format("{}: zone {}: per-CPU list {} is not of order {}", state.label,
                                     from.name, from_list.index, from_list.order)};
      }
      PcpList& list = pcp.lists[from_list.index];
      list.reserve(from_list.pages.size());
      for (const ExactPcpPage& page : from_list.pages) {
        check(page.pfn, from_list.order);
        static_cast<void>(detail::exact_type(Config::semantics, page.migratetype));
        list.push_tail(page.pfn);
        map.set_bits(page.pfn, Config::semantics.drain_type == DrainType::block
                                   ? PageBits{}
                                   : PageBits{}.with_private(page.migratetype));
      }
    }
  }
  zone.mod_nr_free_pages(static_cast<std::int64_t>(from.nr_free_pages) - zone.nr_free_pages());
  zone.mod_managed_pages(static_cast<std::int64_t>(from.managed) -
                         static_cast<std::int64_t>(zone.managed_pages()));
  zone.mod_nr_pageblock_isolate(static_cast<std::int64_t>(from.nr_isolate_pageblock));
  zone.set_watermarks(from.watermarks());
  for (std::size_t i = 0; i < std::min(max_nr_zones, from.lowmem_reserve.size()); ++i) {
    zone.set_lowmem_reserve(i, from.lowmem_reserve[i]);
  }
  zone.pressure() = {
      .watermark_boost = from.watermark_boost,
      .boosted = (from.flags & ExactZone::flag_boosted_watermark) != 0,
      .reclaim_active = (from.flags & ExactZone::flag_reclaim_active) != 0,
      .nr_reserved_highatomic = from.nr_reserved_highatomic,
      .below_high = (from.flags & ExactZone::flag_below_high) != 0,
  };
  return zone;
}

/// A list that is not what it should be: where, and the first chunk that is another.
struct ListDifference {
  std::string zone;
  std::string list;
  std::size_t position = 0;
  std::optional<Pfn> expected{};
  std::optional<Pfn> actual{};
  std::size_t expected_size = 0;
  std::size_t actual_size = 0;
};

namespace detail {

template <typename Range>
void compare_list(const std::vector<ExactPcpPage>& expected, const Range& actual,
                  std::string_view zone, const std::string& list,
                  std::vector<ListDifference>& differences) {
  const auto differ = std::ranges::mismatch(expected, actual);
  if (differ.in1 == expected.end() && differ.in2 == actual.end()) return;
  ListDifference difference{.zone = std::string{zone},
                            .list = list,
                            .position = static_cast<std::size_t>(differ.in1 - expected.begin()),
                            .expected_size = expected.size(),
                            .actual_size = actual.size()};
  if (differ.in1 != expected.end()) difference.expected = differ.in1->pfn;
  if (differ.in2 != actual.end()) difference.actual = differ.in2->pfn;
  differences.push_back(std::move(difference));
}

}  // namespace detail

/// Compares the lists of a zone with those of @p expected, null if it has no memory there: every
/// chunk in its place, and on per-CPU lists with the type it remembers.
template <ZoneConfig Config>
[[nodiscard]] std::vector<ListDifference> compare_lists(const Zone<Config>& zone,
                                                        const ExactZone* expected) {
  using Pcp = PerCpuPages<Config>;
  std::vector<ListDifference> differences;
  for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
    for (const MigrateType type : Config::semantics.migratetypes) {
      const unsigned number = number_of<Config>(type);
      std::vector<ExactPcpPage> wanted;
      const auto* list = expected != nullptr ? expected->free_list(order, number) : nullptr;
      if (list != nullptr) {
        for (const Pfn pfn : list->pfns) wanted.push_back({pfn, number});
      }
      std::vector<ExactPcpPage> have;
      for (const Pfn pfn : zone.free_list(order, type)) have.push_back({pfn, number});
      detail::compare_list(wanted, have, zone.name(), fmt::format("order {} {}", order, type),
                           differences);
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const Pcp& pcp = zone.pcp(Cpu{id});
    for (std::size_t index = 0; index < Pcp::nr_lists; ++index) {
      std::vector<ExactPcpPage> wanted;
      if (expected != nullptr && id < expected->pcps.size()) {
        for (const ExactPcpList& list : expected->pcps[id].lists) {
          if (list.index == index) wanted = list.pages;
        }
      }
      std::vector<ExactPcpPage> have;
      for (std::size_t i = 0; i < pcp.lists[index].size(); ++i) {
        const Pfn pfn = pcp.lists[index][i];
        have.push_back({pfn, Config::semantics.drain_type == DrainType::block
                                 ? number_of<Config>(zone.pageblock_flags().get(pfn))
                                 : zone.memmap().bits(pfn).page_private()});
      }
      detail::compare_list(
          wanted, have, zone.name(),
          fmt::format("CPU {} list {} of order {}", id, index, Pcp::order_of_list(index)),
          differences);
    }
  }
  return differences;
}

}  // namespace pageblock
