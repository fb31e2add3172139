// SPDX-License-Identifier: MIT
/// Small zones, and few words for what tests say about them again and again.
///
/// All pictures in the tests have blocks of 8 pages and largest chunks of 16, as the worked
/// examples have.
#pragma once

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/base/config.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock::test {

/// Blocks of 8 pages, chunks of 1 to 16, two CPUs, and locks that watch how they are used.
struct TinyConfig : DefaultConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 3;
  static constexpr unsigned nr_cpus = 2;
  using Lock = CheckedLock;
};
using TinyZone = Zone<TinyConfig>;

/// The largest chunk is one block: pageblock_order == max_order - 1.
struct OneBlockConfig : TinyConfig {
  static constexpr unsigned pageblock_order = 4;
};

/// The smallest blocks there are, of two pages.
struct TwoPageConfig : TinyConfig {
  static constexpr unsigned pageblock_order = 1;
};

/// The same zone with the other locks.
struct NullLockConfig : TinyConfig {
  using Lock = NullLock;
};
struct SpinlockConfig : TinyConfig {
  using Lock = Spinlock;
};
struct StdLockConfig : TinyConfig {
  using Lock = StdLock<std::mutex>;
};

inline constexpr Cpu cpu0{0};
inline constexpr Cpu cpu1{1};

/// Returns the first pfn of block @p n of a TinyZone.
[[nodiscard]] constexpr Pfn block(std::uint64_t n) { return Pfn{n << TinyConfig::pageblock_order}; }

/// Returns the layout of @p n pages from pfn 0, all free and movable.
[[nodiscard]] inline ZoneLayout pages(std::uint64_t n) { return {.spanned_pages = n}; }

/// Returns the layout of @p n pages from pfn 0, all movable and each in use with count 1.
[[nodiscard]] inline ZoneLayout pages_in_use(std::uint64_t n) {
  return {.spanned_pages = n, .in_use = {{.range = {Pfn{0}, Pfn{n}}}}};
}

/// Pfns in the order of a list, head first.
using Pfns = std::vector<std::uint64_t>;

/// Returns a free list, head first.
template <ZoneConfig Config>
[[nodiscard]] Pfns free_list(const Zone<Config>& zone, unsigned order, MigrateType type) {
  Pfns pfns;
  for (const Pfn pfn : zone.free_list(Order{order}, type)) pfns.push_back(pfn.value());
  return pfns;
}

/// Returns a list of a CPU, head first.
[[nodiscard]] inline Pfns pfns_of(const PcpList& list) {
  Pfns pfns;
  for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i].value());
  return pfns;
}
template <ZoneConfig Config>
[[nodiscard]] Pfns pcp_list(const Zone<Config>& zone, Cpu cpu, MigrateType type,
                            Order order = Order{0}) {
  return pfns_of(zone.pcp(cpu).list(type, order));
}

/// Takes the free page @p pfn out of its chunk and gives it to a user who never lets go: count 1,
/// not on the LRU. The rest of the chunk stays free, on the list where it was.
///
///     pin 5:   |       0 (order 3)       |
///              |  0 (2)    |4|5|  6 (1)  |   5 is in use
///
/// Kernel: take_page_off_buddy() of v5.10.
template <ZoneConfig Config>
void pin(Zone<Config>& zone, Pfn pfn) {
  const std::lock_guard guard{zone.lock()};
  auto& map = zone.memmap();
  auto& area = zone.free_area();
  Order order{0};
  while (!map.bits(pfn.align_down(order)).is_chunk(order)) {
    if (++order > Zone<Config>::top_order) throw std::logic_error{"pin: the page is not free"};
  }
  Pfn head = pfn.align_down(order);
  const MigrateType type = map.bits(head).list_type();
  area.del(map, head);
  while (order > Order{0}) {
    --order;
    const Pfn upper = head + order.nr_pages();
    area.add_head(map, pfn < upper ? upper : head, order, type);
    if (pfn >= upper) head = upper;
  }
  map.set_count(pfn, 1);
  zone.mod_nr_free_pages(-1);
}

}  // namespace pageblock::test
