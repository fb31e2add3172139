// SPDX-License-Identifier: MIT
/// Frames of physical memory for simulators of processors: gem5, ChampSim, Virtuoso and others.
///
/// Layer:  lab.
/// Kernel: none.
///
/// Such a simulator asks for memory when a page is first touched, mostly through one function that hands
/// out the next frame. With this behind it, addresses are those that Linux would have given:
///
///     ChampSim   VirtualMemory::ppage_front(), ppage_pop()    ->  next_address()
///     gem5       MemPool::allocate(npages)                    ->  range_of(npages)
///     Virtuoso   PhysicalMemoryAllocator::allocate(size, ..)  ->  address_of_size(size)
///
/// Where memory is to be fragmented first, see lab/fragment.hpp: it works on zone().
#pragma once

#include <bit>
#include <cstdint>
#include <optional>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Hands out physical addresses of a zone. Addresses and sizes are in bytes.
template <ZoneConfig Config>
class FrameSource {
 public:
  /// Makes memory by @p layout, with pages of @p page_bytes.
  /// Requires: page_bytes is a power of two.
  explicit FrameSource(const ZoneLayout& layout, std::uint64_t page_bytes = 4096)
      : zone_{layout}, page_shift_{static_cast<unsigned>(std::countr_zero(page_bytes))} {
    bug_on(!std::has_single_bit(page_bytes), "the size of a page is no power of two");
  }

  /// Returns the address of the next page for a program on @p cpu, or nothing.
  [[nodiscard]] std::optional<std::uint64_t> next_address(Cpu cpu = Cpu{0},
                                                          MigrateType type = MigrateType::movable) {
    return address_of(Order{0}, cpu, type);
  }

  /// Returns that of a chunk of at least @p bytes, aligned to its size: of a large page. Nothing if there is
  /// none, or none can be that large.
  [[nodiscard]] std::optional<std::uint64_t> address_of_size(
      std::uint64_t bytes, Cpu cpu = Cpu{0}, MigrateType type = MigrateType::movable) {
    const auto order = order_of(pages_of(bytes));
    if (!order) return {};
    return address_of(*order, cpu, type);
  }

  /// Returns the address of @p nr_pages pages side by side; what a chunk has beyond them is given back.
  [[nodiscard]] std::optional<std::uint64_t> range_of(std::uint64_t nr_pages, Cpu cpu = Cpu{0},
                                                      MigrateType type = MigrateType::movable) {
    const auto order = order_of(nr_pages);
    if (!order) return {};
    const auto page = alloc_pages(zone_, cpu, *order, type);
    if (!page) return {};
    split_page(zone_, page->pfn(), *order);
    for (std::uint64_t i = nr_pages; i < order->nr_pages(); ++i) {
      free_pages(zone_, cpu, page->pfn() + i, Order{0});
    }
    return page->pfn().value() << page_shift_;
  }

  /// Gives back what next_address() returned, or address_of_size() of the same size.
  /// Requires: it was.
  void release(std::uint64_t address, std::uint64_t bytes, Cpu cpu = Cpu{0}) {
    const auto order = order_of(pages_of(bytes));
    bug_on(!order, "no chunk has this size");
    free_pages(zone_, cpu, Pfn{address >> page_shift_}, *order);
  }

  /// Gives back what range_of() returned. Requires: it was, with this number of pages.
  void release_range(std::uint64_t address, std::uint64_t nr_pages, Cpu cpu = Cpu{0}) {
    for (std::uint64_t i = 0; i < nr_pages; ++i) {
      free_pages(zone_, cpu, Pfn{address >> page_shift_} + i, Order{0});
    }
  }

  /// Returns the memory itself.
  [[nodiscard]] Zone<Config>& zone() { return zone_; }
  [[nodiscard]] const Zone<Config>& zone() const { return zone_; }

 private:
  [[nodiscard]] std::uint64_t pages_of(std::uint64_t bytes) const {
    const std::uint64_t page_bytes = std::uint64_t{1} << page_shift_;
    return bytes / page_bytes + (bytes % page_bytes != 0 ? 1 : 0);
  }
  // The smallest that has as many pages; none for 0 pages, or more than the largest has.
  [[nodiscard]] static std::optional<Order> order_of(std::uint64_t nr_pages) {
    if (nr_pages == 0 || nr_pages > Zone<Config>::max_order_nr_pages) return {};
    return Order{static_cast<unsigned>(std::countr_zero(std::bit_ceil(nr_pages)))};
  }
  [[nodiscard]] std::optional<std::uint64_t> address_of(Order order, Cpu cpu, MigrateType type) {
    const auto page = alloc_pages(zone_, cpu, order, type);
    if (!page) return {};
    return page->pfn().value() << page_shift_;
  }

  Zone<Config> zone_;
  unsigned page_shift_;
};

}  // namespace pageblock
