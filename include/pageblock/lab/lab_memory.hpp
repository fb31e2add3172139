// SPDX-License-Identifier: MIT
/// Requests and frees as experiments make them, of a zone or of a node.
///
/// Layer:  lab.
/// Kernel: alloc_pages(), __free_pages() (mm/page_alloc.c).
#pragma once

#include <concepts>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What experiments run on: a Zone, which serves a request as long as it has a chunk, or a Node, whose
/// watermarks keep some memory back.
template <typename M>
concept LabMemory =
    std::same_as<M, Zone<typename M::Config>> || std::same_as<M, Node<typename M::Config>>;

/// Returns the first page of a chunk for a request, or nothing.
/// Requires, locking: as alloc_pages().
template <ZoneConfig Config>
[[nodiscard]] inline OptionalPfn take_chunk(Zone<Config>& zone, Cpu cpu, Order order,
                                            const Gfp& gfp) {
  const auto page = alloc_pages(zone, cpu, order, gfp.migratetype);
  if (!page) return {};
  return page->pfn();
}
/// The same from the zones of a node that @p gfp allows.
template <ZoneConfig Config>
[[nodiscard]] inline OptionalPfn take_chunk(Node<Config>& node, Cpu cpu, Order order,
                                            const Gfp& gfp) {
  const auto page = alloc_pages(node, cpu, order, gfp).page;
  if (!page) return {};
  return page->pfn();
}

/// Returns the zone that has the page.
/// Requires: one has.
template <ZoneConfig Config>
[[nodiscard]] Zone<Config>& zone_of(Zone<Config>& zone, Pfn) {
  return zone;
}
/// The same of a node.
template <ZoneConfig Config>
[[nodiscard]] Zone<Config>& zone_of(Node<Config>& node, Pfn pfn) {
  for (Zone<Config>& zone : node.zones()) {
    if (zone.is_valid(pfn)) return zone;
  }
  bug_on(true, "no zone of the node has this page");
  return node.zones()[0];
}

/// Gives back what take_chunk() returned. Requires, locking: as free_pages().
template <LabMemory Memory>
inline void give_chunk(Memory& memory, Cpu cpu, Pfn pfn, Order order) {
  free_pages(zone_of(memory, pfn), cpu, pfn, order);
}

/// Says that a chunk's page is a user's, on an LRU list, so that it can be migrated; or takes it off, as
/// must be done before it is freed. A chunk of several pages becomes a compound page.
/// Requires: the kernel has compound pages, or the chunk is a single page.
template <LabMemory Memory>
void mark_movable(Memory& memory, Pfn pfn, Order order, bool on_lru) {
  auto& zone = zone_of(memory, pfn);
  if constexpr (detail::has_compound_pages<typename Memory::Config>) {
    const bool is_compound = zone.memmap().bits(pfn).has(PageBits::compound);
    if (on_lru && order != Order{0} && !is_compound) prep_compound_page(zone, pfn, order);
  } else {
    bug_on(order != Order{0}, "this kernel has no compound pages");
  }
  set_page_lru(zone, pfn, on_lru);
}

/// Returns the lowest and the highest page of all zones.
template <ZoneConfig Config>
[[nodiscard]] PfnRange span_of(const Zone<Config>& zone) {
  return {zone.start_pfn(), zone.end_pfn()};
}
/// The same of a node, with what lies between its zones.
template <ZoneConfig Config>
[[nodiscard]] PfnRange span_of(const Node<Config>& node) {
  PfnRange span;
  for (const Zone<Config>& zone : node.zones()) {
    if (zone.spanned_pages() == 0) continue;
    if (span.empty()) span = span_of(zone);
    span = {std::min(span.start, zone.start_pfn()), std::max(span.end, zone.end_pfn())};
  }
  return span;
}

/// Returns the pages that the allocator manages.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t managed_pages_of(const Zone<Config>& zone) {
  return zone.managed_pages();
}
/// The same of all zones of a node.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t managed_pages_of(const Node<Config>& node) {
  std::uint64_t pages = 0;
  for (const Zone<Config>& zone : node.zones()) pages += zone.managed_pages();
  return pages;
}

/// Returns at most how many bytes a zone of @p nr_pages takes once every page has been used: its records,
/// as mm/page_records.hpp draws them.
template <ZoneConfig Config>
[[nodiscard]] constexpr std::uint64_t zone_bytes(std::uint64_t nr_pages) {
  constexpr std::uint64_t each_page = 10;
  constexpr std::uint64_t each_block = 16;
  const std::uint64_t nr_blocks = (nr_pages >> Config::pageblock_order) + 2;
  return sizeof(Zone<Config>) + nr_pages * each_page + nr_blocks * each_block +
         2 * Geometry<Config>::max_order_nr_pages * each_page;
}

}  // namespace pageblock
