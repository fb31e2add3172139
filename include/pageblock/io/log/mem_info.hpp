// SPDX-License-Identifier: MIT
/// What the kernel says of all zones when it reports a failed allocation ("Mem-Info:").
///
/// Layer:  io.
/// Kernel: show_free_areas() (mm/page_alloc.c; since v6.5 mm/show_mem.c).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/gfp_flags.hpp"
#include "pageblock/mm/node_forecast.hpp"
#include "pageblock/mm/zone_counters.hpp"

namespace pageblock {

/// A zone as the text has it: in kB, but the reserves, which are in pages.
struct MemInfoZone {
  unsigned node = 0;
  std::string name{};

  /// The line with free, min, low and high; 0 if it is missing.
  std::size_t line = 0;
  std::uint64_t free = 0;
  std::uint64_t boost = 0;
  std::uint64_t min = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t reserved_highatomic = 0;
  /// Since v6.12.
  std::optional<std::uint64_t> free_highatomic{};
  std::uint64_t present = 0;
  /// Since v3.9.
  std::optional<std::uint64_t> managed{};
  std::uint64_t free_cma = 0;
  std::vector<std::uint64_t> lowmem_reserve{};

  /// The free chunks by order, with the size that the text gives each; empty if they are missing.
  struct Chunks {
    std::uint64_t count = 0;
    std::uint64_t kbytes = 0;
    /// Before v3.9 no letters say it.
    TypeSet types = TypeSet::all();
  };
  std::size_t list_line = 0;
  std::vector<Chunks> chunks{};
  /// The sum that the kernel gives.
  std::optional<std::uint64_t> listed{};
};

/// The zones that a kernel has, by its numbers, lowest first; some may have no memory.
struct KernelZones {
  std::vector<std::string> names;

  /// Returns the number of the zone with this name, if the kernel has it.
  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view name) const {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<std::size_t>(found - names.begin());
  }

  /// Returns the number of the highest zone that a request with these flags may use.
  /// Kernel: gfp_zone().
  [[nodiscard]] std::size_t classzone_idx(GfpFlags flags) const {
    using namespace gfp_bit;
    std::optional<std::size_t> found;
    if (flags.has(dma)) {
      found = number_of("DMA");
    } else if (flags.has(dma32)) {
      found = number_of("DMA32");
    } else if (flags.has(highmem | movable)) {
      found = number_of("Movable");
    } else if (flags.has(highmem)) {
      found = number_of("HighMem");
    }
    if (!found) found = number_of("Normal");
    return found.value_or(names.empty() ? 0 : names.size() - 1);
  }
};

/// The zones of a report, lowest first, node by node.
struct MemInfo {
  std::vector<MemInfoZone> zones;
  /// The size of a page in kB, and whether the text shows it.
  std::uint64_t page_kbytes = 4;
  bool is_page_size_known = false;
  KernelZones kernel;

  /// Returns a zone with its counters in pages.
  [[nodiscard]] NodeZone counted(const MemInfoZone& zone) const {
    const auto pages = [this](std::uint64_t kbytes) { return kbytes / page_kbytes; };
    const auto unboosted = [&](std::uint64_t mark) {
      return pages(mark - std::min(mark, zone.boost));
    };
    ZoneCounts counts{
        .managed = pages(zone.managed.value_or(zone.present)),
        .free = pages(zone.free),
        .free_cma = pages(zone.free_cma),
        .watermarks = {unboosted(zone.min), unboosted(zone.low), unboosted(zone.high)},
        .lowmem_reserve = zone.lowmem_reserve};
    counts.pressure.watermark_boost = pages(zone.boost);
    // Since v6.12 only what is free of the reserved blocks is subtracted, and printed.
    counts.pressure.nr_reserved_highatomic =
        pages(zone.free_highatomic.value_or(zone.reserved_highatomic));
    for (const MemInfoZone::Chunks& chunks : zone.chunks) {
      counts.chunks.push_back({chunks.count, chunks.types});
    }
    return {zone.node, kernel.number_of(zone.name).value_or(0), zone.name, std::move(counts)};
  }
};

/// Returns the zones that a kernel has. Reports leave out those without
/// memory; but the lengths of the reserves count them, and a zone's first reserve that is not 0
/// stands at the number of the next zone with memory. Where that leaves a choice, a kernel for
/// 64 bits with device memory is taken.
[[nodiscard]] inline KernelZones guess_kernel_zones(const std::vector<MemInfoZone>& zones) {
  constexpr std::array<std::string_view, 6> in_order{"DMA",     "DMA32",   "Normal",
                                                     "HighMem", "Movable", "Device"};
  constexpr unsigned everywhere = 0b010100;  // Normal, Movable
  constexpr unsigned highmem = 0b001000;
  const auto bit_of = [&](std::string_view name) -> unsigned {
    const auto found = std::ranges::find(in_order, name);
    return found == in_order.end() ? 0 : 1U << (found - in_order.begin());
  };
  unsigned seen = 0;
  std::size_t nr_reserves = 0;
  for (const MemInfoZone& zone : zones) {
    seen |= bit_of(zone.name);
    nr_reserves = std::max(nr_reserves, zone.lowmem_reserve.size());
  }
  // How many of the reserves contradict the kernel that has these zones.
  const auto contradictions = [&](unsigned set) {
    unsigned count = 0;
    for (const MemInfoZone& zone : zones) {
      const unsigned own = bit_of(zone.name);
      const unsigned above = seen & ~(own | (own - 1));
      const auto first = std::ranges::find_if(zone.lowmem_reserve, [](auto n) { return n != 0; });
      if (own == 0 || above == 0 || first == zone.lowmem_reserve.end()) continue;
      const unsigned next = above & (~above + 1);
      const auto number = std::popcount(set & (next - 1));
      if (number != first - zone.lowmem_reserve.begin()) ++count;
    }
    return count;
  };
  unsigned best = 0;
  unsigned least = ~0U;
  for (unsigned set = (1U << in_order.size()) - 1; set != 0; --set) {
    if ((set & (seen | everywhere)) != (seen | everywhere)) continue;
    const auto size = static_cast<std::size_t>(std::popcount(set));
    const std::size_t off = size > nr_reserves ? size - nr_reserves : nr_reserves - size;
    const unsigned cost = static_cast<unsigned>(std::min<std::size_t>(off, 99)) * 100 +
                          contradictions(set) * 10 + ((set & ~seen & highmem) != 0 ? 1 : 0);
    if (cost < least) best = set;
    least = std::min(least, cost);
  }
  KernelZones kernel;
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    if ((best >> i & 1U) != 0) kernel.names.emplace_back(in_order[i]);
  }
  return kernel;
}

}  // namespace pageblock
