// SPDX-License-Identifier: MIT
/// A zone as bytes: equal where zones are, and small where few pages differ from a new zone.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "pageblock/base/cpu.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Appends a number to an image: seven bits a byte, so that small ones take one.
inline void append_number(std::string& image, std::uint64_t number) {
  while (number >= 0x80) {
    image.push_back(static_cast<char>(number | 0x80));
    number >>= 7;
  }
  image.push_back(static_cast<char>(number));
}

/// Appends what can change of @p zone while threads use it: pages and lists in their order, types of
/// blocks, counters and per-CPU lists; not what is set once (name, span, watermarks), nor the order of the
/// isolate lists, from which nobody takes the first. Two images of zones with the same settings are equal
/// if and only if the zones are, but for that.
/// Locking: the caller sees to it that nothing changes meanwhile. Throws std::bad_alloc.
template <ZoneConfig Config>
void append_image(std::string& image, const Zone<Config>& zone) {
  const auto add = [&image](std::uint64_t number) { append_number(image, number); };
  const auto add_signed = [&add](std::int64_t number) {
    const auto bits = static_cast<std::uint64_t>(number);
    add(bits << 1 ^ (number < 0 ? ~std::uint64_t{0} : 0));
  };
  add_signed(zone.nr_free_pages());
  add_signed(zone.nr_free_cma_pages());
  add_signed(zone.nr_pageblock_isolate());
  add(zone.present_pages());
  add(zone.managed_pages());
  const ZonePressure& pressure = zone.pressure();
  add(pressure.watermark_boost << 3 | (pressure.boosted ? 1U : 0U) |
      (pressure.reclaim_active ? 2U : 0U) | (pressure.below_high ? 4U : 0U));
  add(pressure.nr_reserved_highatomic);
  for (std::size_t block = 0; block < zone.pageblock_flags().size(); ++block) {
    image.push_back(static_cast<char>(zone.pageblock_flags()[block]));
    if constexpr (has_isolate_bit<Config>) {
      image.push_back(static_cast<char>(zone.pageblock_flags().own_type(block)));
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    add(pcp.count);
    add(pcp.batch);
    add(pcp.high);
    if constexpr (requires { pcp.free_factor; }) add(pcp.free_factor);
    if constexpr (requires { pcp.free_count; }) {
      add(pcp.high_min);
      add(pcp.high_max);
      add(pcp.alloc_factor);
      add(std::uint64_t{pcp.free_count} << 2 | (pcp.prev_free_high_order ? 1U : 0U) |
          (pcp.free_high_batch ? 2U : 0U));
    }
    for (const PcpList& list : pcp.lists) {
      add(list.size());
      for (std::size_t i = 0; i < list.size(); ++i) add(list[i] - zone.start_pfn());
    }
  }
  const std::uint64_t base = zone.memmap().base().value();
  zone.memmap().visit_meaning([&](Pfn pfn, std::uint64_t nr, PageBits bits, std::uint64_t next,
                                  std::uint64_t prev) {
    add(pfn.value() - base + 1);
    add(nr);
    image.push_back(static_cast<char>(bits.raw()));
    image.push_back(static_cast<char>(bits.raw() >> 8));
    const bool is_isolated = bits.has(PageBits::buddy) && bits.list_type() == MigrateType::isolate;
    if (is_isolated) return;
    add(next);
    add(prev);
  });
  image.push_back('\0');
}

}  // namespace pageblock
