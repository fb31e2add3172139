// SPDX-License-Identifier: MIT
/// What a well-behaved caller could do in a state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/state.hpp"
#include "support/operation.hpp"

namespace pageblock::search {

using test::Call;
using test::Operation;
using test::Result;

namespace detail {

/// Types that blocks are given back with. v6.1 isolates CMA blocks for CMA only.
template <ZoneConfig Config>
inline constexpr std::array undo_types{
    MigrateType::movable, test::is_later<Config> ? MigrateType::cma : MigrateType::unmovable};

template <ZoneConfig Config>
void add_allocations(const Zone<Config>& zone, std::vector<Operation>& to) {
  for (const MigrateType type : pcp_types) {
    for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
      for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
        if (cpu != 0 && !PerCpuPages<Config>::has_lists(order)) break;  // it makes no difference
        Operation op{.call = Call::alloc_pages, .cpu = Cpu{cpu}, .order = order, .type = type};
        if constexpr (test::is_later<Config>) {
          to.push_back(op);  // movable: those that may not use CMA blocks
          if (type != MigrateType::movable) continue;
          op.flags = alloc_flags::cma;
          to.push_back(op);
        } else {
          to.push_back(op);
          op.temperature = Temperature::cold;
          if (order == Order{0}) to.push_back(op);
        }
      }
    }
  }
}

template <ZoneConfig Config>
void add_frees(const State<Config>& state, Pfn pfn, std::vector<Operation>& to) {
  const Zone<Config>& zone = state.zone;
  const unsigned held = state.held[pfn - zone.start_pfn()];
  if (held == 0) return;
  const Order order{held - 1};
  for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
    if (cpu != 0 && !PerCpuPages<Config>::has_lists(order)) return;
    Operation op{.call = Call::free_pages, .cpu = Cpu{cpu}, .pfn = pfn, .order = order};
    to.push_back(op);
    op.temperature = Temperature::cold;
    if (!test::is_later<Config> && order == Order{0}) to.push_back(op);
  }
}

// v3.6's functions for one block are called with any page of it, v6.1's with the first.
template <ZoneConfig Config>
void add_isolations_of_a_block(const Zone<Config>& zone, Pfn pfn, std::vector<Operation>& to) {
  constexpr bool later = test::is_later<Config>;
  if (!zone.is_valid(pfn) || (later && !pfn.is_aligned(Zone<Config>::pageblock_order))) return;
  const Pfn end = pfn + Zone<Config>::pageblock_nr_pages;
  for (const MigrateType type : undo_types<Config>) {
    if (!later && type != undo_types<Config>.front()) break;
    to.push_back({.call = Call::set_migratetype_isolate,
                  .pfn = pfn,
                  .end = later ? end : Pfn{},
                  .start = later ? pfn : Pfn{},
                  .type = type});
  }
  for (const MigrateType type : undo_types<Config>) {
    to.push_back({.call = Call::unset_migratetype_isolate, .pfn = pfn, .type = type});
  }
}

template <ZoneConfig Config>
void add_isolations_of_a_range(const Zone<Config>& zone, std::vector<Operation>& to) {
  const Pfn first = zone.start_pfn().align_down(Zone<Config>::pageblock_order);
  for (Pfn start = first; start < zone.end_pfn(); start += Zone<Config>::pageblock_nr_pages) {
    for (Pfn end = start; end < zone.end_pfn();) {
      end += Zone<Config>::pageblock_nr_pages;
      for (const MigrateType type : undo_types<Config>) {
        to.push_back(
            {.call = Call::start_isolate_page_range, .pfn = start, .end = end, .type = type});
        to.push_back(
            {.call = Call::undo_isolate_page_range, .pfn = start, .end = end, .type = type});
      }
    }
  }
}

}  // namespace detail

/// Returns every call that changes something, for callers who free what they have and isolate what
/// they may.
template <ZoneConfig Config>
[[nodiscard]] std::vector<Operation> calls_in(const State<Config>& state) {
  const Zone<Config>& zone = state.zone;
  std::vector<Operation> calls;
  detail::add_allocations(zone, calls);
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    detail::add_frees(state, pfn, calls);
    detail::add_isolations_of_a_block(zone, pfn, calls);
  }
  detail::add_isolations_of_a_range(zone, calls);
  for (unsigned cpu = 0; cpu < zone.nr_cpus(); ++cpu) {
    calls.push_back({.call = Call::drain_pages, .cpu = Cpu{cpu}});
    if (test::is_tuned<Config>) calls.push_back({.call = Call::decay_pcp_high, .cpu = Cpu{cpu}});
  }
  calls.push_back({.call = Call::drain_all_pages});
  return calls;
}

}  // namespace pageblock::search
