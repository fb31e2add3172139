// SPDX-License-Identifier: MIT
/// Puts a zone right where the model and the recording part: the page that the kernel took is taken.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Returns whether a page is on no list: somebody uses it, or it is the tail of what somebody uses.
template <ZoneConfig Config>
[[nodiscard]] bool is_listed_free(const Zone<Config>& zone, Pfn pfn) {
  const PageBits bits = zone.memmap().bits(pfn);
  if (bits.has(PageBits::in_use) || !bits.is_valid()) return false;
  return zone.memmap().free_chunk_of(pfn).has_value();
}

/// Takes the chunk that holds @p pfn off the buddy lists, and gives back what of it lies outside of
/// [pfn, end). Returns the end of what was taken, or nothing if the page is not on these lists.
template <ZoneConfig Config>
std::optional<Pfn> take_from_buddy(Zone<Config>& zone, Pfn pfn, Pfn end) {
  auto& map = zone.memmap();
  const auto head = map.free_chunk_of(pfn);
  if (!head) return std::nullopt;
  const MigrateType type = map.bits(*head).list_type();
  const Pfn chunk_end = *head + map.bits(*head).order().nr_pages();
  const std::int64_t before = static_cast<std::int64_t>(chunk_end - *head);
  zone.free_area().del(map, *head);
  std::int64_t given = 0;
  const auto give = [&](Pfn from, Pfn to) {
    while (from < to) {
      Order order = from.max_aligned_order(Zone<Config>::top_order);
      while (from + order.nr_pages() > to) --order;
      zone.free_area().add_head(map, from, order, type);
      from += order.nr_pages();
      given += static_cast<std::int64_t>(order.nr_pages());
    }
  };
  give(*head, pfn);
  if (end < chunk_end) give(end, chunk_end);
  zone.count_free(given - before, type);
  return std::min(end, chunk_end);
}

/// Takes the entry that holds @p pfn off the per-CPU list it is on. Returns its range, or nothing if
/// it is on none.
template <ZoneConfig Config>
std::optional<PfnRange> take_from_pcp(Zone<Config>& zone, Pfn pfn) {
  using Pcp = PerCpuPages<Config>;
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    Pcp& pcp = zone.pcp(Cpu{id});
    for (std::size_t index = 0; index < Pcp::nr_lists; ++index) {
      const std::uint64_t nr_pages = Pcp::order_of_list(index).nr_pages();
      PcpList& list = pcp.lists[index];
      std::optional<Pfn> found;
      const std::size_t size = list.size();
      for (std::size_t i = 0; i < size; ++i) {  // once round: the order stays
        const Pfn entry = list.pop_head();
        if (!found && entry <= pfn && pfn < entry + nr_pages) {
          found = entry;
        } else {
          list.push_tail(entry);
        }
      }
      if (!found) continue;
      pcp.count -= static_cast<std::uint32_t>(nr_pages);
      return PfnRange{*found, *found + nr_pages};
    }
  }
  return std::nullopt;
}

/// Turns the list of the free chunk that holds @p pfn until the chunk is at its head. Returns the head
/// that was there, or nothing if the page is not free or its chunk was the head.
template <ZoneConfig Config>
std::optional<Pfn> turn_to_head(Zone<Config>& zone, Pfn pfn) {
  auto& map = zone.memmap();
  const auto chunk = map.free_chunk_of(pfn);
  if (!chunk) return std::nullopt;
  const Order order = map.bits(*chunk).order();
  const MigrateType type = map.bits(*chunk).list_type();
  const Pfn was = zone.free_area().head(map, order, type);
  if (was == *chunk) return std::nullopt;
  for (Pfn head = was; head != *chunk; head = zone.free_area().head(map, order, type)) {
    zone.free_area().del(map, head);
    zone.free_area().add_tail(map, head, order, type);
  }
  return was;
}

/// Takes the pages [pfn, pfn + 2^order) from wherever they are free.
template <ZoneConfig Config>
void take_observed(Zone<Config>& zone, Pfn pfn, Order order) {
  const Pfn end = pfn + order.nr_pages();
  for (Pfn page = pfn; page < end;) {
    if (zone.memmap().bits(page).has(PageBits::in_use)) {
      ++page;
    } else if (const auto taken = take_from_buddy(zone, page, end)) {
      page = *taken;
    } else if (const auto entry = take_from_pcp(zone, page)) {
      page = std::min(entry->end, end);
    } else {
      ++page;
    }
  }
}

/// Marks [pfn, pfn + 2^order), which is on no list, as in use by one user.
template <ZoneConfig Config>
void mark_in_use(Zone<Config>& zone, Pfn pfn, Order order, bool movable) {
  const auto used = PageBits{PageBits::in_use}.with(movable ? PageBits::lru : 0U);
  if (order != Order{0}) {
    zone.memmap().transform(pfn, pfn + order.nr_pages(), [](PageBits) { return PageBits{}; });
  }
  zone.memmap().set_bits(pfn, used);
}

}  // namespace pageblock
