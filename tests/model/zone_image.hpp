// SPDX-License-Identifier: MIT
/// All that a zone means, written down plainly: the state of the naive model, and what both zones
/// are compared by.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/mm/page.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/operation.hpp"
#include "support/zones.hpp"

namespace pageblock::test {

struct PageImage {
  bool is_valid = true;
  bool is_buddy = false;
  bool is_lru = false;
  bool is_reserved = false;
  /// Taken by a driver. (v6.1)
  bool is_offline = false;
  std::uint64_t count = 0;
  std::uint64_t page_private = 0;
  /// Of the first page of a compound page its order. (v6.1)
  std::uint64_t compound = 0;
  friend bool operator==(const PageImage&, const PageImage&) = default;
};

/// The free chunks of one order: a list for each type, head first.
struct FreeAreaImage {
  std::uint64_t nr_free = 0;
  std::array<Pfns, nr_migratetypes> lists{};
  friend bool operator==(const FreeAreaImage&, const FreeAreaImage&) = default;
};

struct PcpImage {
  std::uint64_t count = 0;
  std::uint64_t batch = 1;
  std::uint64_t high = 0;
  /// v6.1.
  std::uint64_t free_factor = 0;
  /// v6.12.
  std::uint64_t high_min = 0;
  std::uint64_t high_max = 0;
  std::uint64_t alloc_factor = 0;
  std::uint64_t free_count = 0;
  /// The last chunk freed was of order 1 to 3.
  bool freed_high_order = false;
  /// Such frees drain everything only if there is a batch.
  bool drains_a_batch = false;
  /// In the kernel's order.
  std::vector<Pfns> lists{};
  friend bool operator==(const PcpImage&, const PcpImage&) = default;
};

struct ZoneImage {
  std::uint64_t start_pfn = 0;
  std::uint64_t present_pages = 0;
  std::int64_t nr_free_pages = 0;
  std::int64_t nr_pageblock_isolate = 0;
  std::uint64_t low_watermark = 0;
  /// What v3.6 has not, or does not use.
  std::uint64_t managed_pages = 0;
  std::uint64_t min_watermark = 0;
  std::uint64_t high_watermark = 0;
  std::int64_t nr_free_cma = 0;
  std::uint64_t nr_reserved_highatomic = 0;
  /// v6.12.
  std::int64_t nr_free_highatomic = 0;
  std::uint64_t watermark_boost = 0;
  /// What zone_pcp_enable() gives every CPU; in v6.12 the lower and the upper limit of high.
  std::uint64_t saved_batch = 1;
  std::uint64_t saved_high = 0;
  std::uint64_t saved_high_max = 0;
  bool boosted = false;
  bool reclaim_active = false;
  /// v6.12.
  bool below_high = false;
  std::array<std::uint64_t, max_nr_zones> lowmem_reserve{};
  /// Of each pageblock, counted from the zone's start.
  std::vector<MigrateType> block_types{};
  /// The types that isolated blocks have besides (v6.18); of others the same as above.
  std::vector<MigrateType> own_types{};
  /// Of each order.
  std::vector<FreeAreaImage> free_area{};
  /// Of each CPU.
  std::vector<PcpImage> pcps{};
  /// Of each pfn that the zone spans, holes too.
  std::vector<PageImage> pages{};
  friend bool operator==(const ZoneImage&, const ZoneImage&) = default;
};

inline void clear_unread_privates(ZoneImage& image) {
  std::vector<bool> is_read(image.pages.size(), false);
  for (const PcpImage& pcp : image.pcps) {
    for (const Pfns& list : pcp.lists) {
      for (const std::uint64_t pfn : list) is_read.at(pfn - image.start_pfn) = true;
    }
  }
  for (std::size_t i = 0; i < image.pages.size(); ++i) {
    if (!image.pages[i].is_buddy && !is_read[i]) image.pages[i].page_private = 0;
  }
}

// What v3.6 has not. There nothing reads a private that is not that of a chunk's head or of a page on a
// CPU's list.
template <ZoneConfig Config>
void add_later_parts(const Zone<Config>& zone, ZoneImage& image) {
  image.managed_pages = zone.managed_pages();
  image.min_watermark = zone.watermarks().min;
  image.high_watermark = zone.watermarks().high;
  image.nr_free_cma = zone.nr_free_cma_pages();
  image.saved_batch = zone.pageset().batch;
  image.saved_high = zone.pageset().high;
  const ZonePressure& pressure = zone.pressure();
  image.nr_reserved_highatomic = pressure.nr_reserved_highatomic;
  image.watermark_boost = pressure.watermark_boost;
  image.boosted = pressure.boosted;
  image.reclaim_active = pressure.reclaim_active;
  if constexpr (is_tuned<Config>) {
    image.saved_high_max = zone.pageset().high_max;
    image.nr_free_highatomic = zone.nr_free_highatomic();
    image.below_high = pressure.below_high;
  }
  clear_unread_privates(image);
}

/// Reads @p zone through its public interface.
template <ZoneConfig Config>
[[nodiscard]] ZoneImage image_of(const Zone<Config>& zone) {
  ZoneImage image;
  image.start_pfn = zone.start_pfn().value();
  image.present_pages = zone.present_pages();
  image.nr_free_pages = zone.nr_free_pages();
  image.nr_pageblock_isolate = zone.nr_pageblock_isolate();
  image.low_watermark = zone.watermarks().low;
  for (std::size_t i = 0; i < max_nr_zones; ++i) image.lowmem_reserve[i] = zone.lowmem_reserve(i);
  for (std::size_t i = 0; i < zone.pageblock_flags().size(); ++i) {
    image.block_types.push_back(zone.pageblock_flags()[i]);
  }
  for (unsigned order = 0; order < Config::max_order; ++order) {
    FreeAreaImage& area = image.free_area.emplace_back();
    area.nr_free = zone.nr_free(Order{order});
    for (const MigrateType type : Config::semantics.migratetypes) {
      area.lists[index_of(type)] = free_list(zone, order, type);
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    PcpImage& of_cpu =
        image.pcps.emplace_back(PcpImage{.count = pcp.count, .batch = pcp.batch, .high = pcp.high});
    if constexpr (requires { pcp.free_factor; }) of_cpu.free_factor = pcp.free_factor;
    if constexpr (is_tuned<Config>) {
      of_cpu.high_min = pcp.high_min;
      of_cpu.high_max = pcp.high_max;
      of_cpu.alloc_factor = pcp.alloc_factor;
      of_cpu.free_count = pcp.free_count;
      of_cpu.freed_high_order = pcp.prev_free_high_order;
      of_cpu.drains_a_batch = pcp.free_high_batch;
    }
    for (const PcpList& list : pcp.lists) of_cpu.lists.push_back(pfns_of(list));
  }
  image.pages.reserve(zone.spanned_pages());
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    PageImage& to = image.pages.emplace_back();
    to.is_valid = zone.is_valid(pfn);
    if (!to.is_valid) continue;
    const Page<Config> page = zone.page(pfn);
    to.is_buddy = page.is_buddy();
    to.is_lru = page.is_lru();
    to.is_reserved = page.is_reserved();
    to.is_offline = zone.memmap().bits(pfn).has(PageBits::offline);
    to.count = page.count();
    to.page_private = page.page_private();
    const PageBits bits = zone.memmap().bits(pfn);
    if (bits.has(PageBits::compound)) to.compound = bits.order().value();
  }
  if constexpr (Config::semantics.unmovable_search == UnmovableSearch::every_page)
    add_later_parts(zone, image);
  return image;
}

/// What a test would ask of a zone, and two answers. All three are C++.
struct Difference {
  std::string question;
  std::string answer;
  std::string expected;
  friend bool operator==(const Difference&, const Difference&) = default;
};

namespace detail {

[[nodiscard]] inline std::string code_of(const Pfns& pfns) {
  return fmt::format("Pfns{{{}}}", fmt::join(pfns, ", "));
}
[[nodiscard]] inline std::string code_of(MigrateType type) { return to_code(type); }
template <typename T>
[[nodiscard]] std::string code_of(T value) {
  return fmt::format("{}", value);
}

// Asks for a CPU's list by its index; three lists are v3.6's.
[[nodiscard]] inline std::string question_of_list(std::size_t cpu, std::size_t i, std::size_t nr) {
  if (nr == nr_pcp_types) {
    return fmt::format("pcp_list(zone, Cpu{{{}}}, {})", cpu, to_code(pcp_types[i]));
  }
  if (i + 2 >= nr) return fmt::format("pfns_of(zone.pcp(Cpu{{{}}}).lists[{}])", cpu, i);
  constexpr std::array types{MigrateType::unmovable, MigrateType::movable,
                             MigrateType::reclaimable};
  return fmt::format("pcp_list(zone, Cpu{{{}}}, {}, Order{{{}}})", cpu, to_code(types[i % 3]),
                     i / 3);
}

}  // namespace detail

/// Returns in what @p image is not as @p expected.
[[nodiscard]] inline std::vector<Difference> differences(const ZoneImage& image,
                                                         const ZoneImage& expected) {
  std::vector<Difference> result;
  const auto compare = [&result](const auto& is, const auto& should_be, auto question,
                                 auto... args) {
    if (is == should_be) return;
    result.push_back({fmt::format(fmt::runtime(question), args...), detail::code_of(is),
                      detail::code_of(should_be)});
  };
  const auto& [a, b] = std::pair<const ZoneImage&, const ZoneImage&>{image, expected};
  compare(a.start_pfn, b.start_pfn, "zone.start_pfn().value()");
  compare(a.present_pages, b.present_pages, "zone.present_pages()");
  compare(a.nr_free_pages, b.nr_free_pages, "zone.nr_free_pages()");
  compare(a.nr_pageblock_isolate, b.nr_pageblock_isolate, "zone.nr_pageblock_isolate()");
  compare(a.low_watermark, b.low_watermark, "zone.watermarks().low");
  compare(a.managed_pages, b.managed_pages, "zone.managed_pages()");
  compare(a.min_watermark, b.min_watermark, "zone.watermarks().min");
  compare(a.high_watermark, b.high_watermark, "zone.watermarks().high");
  compare(a.nr_free_cma, b.nr_free_cma, "nr_free_cma_pages(zone)");
  compare(a.nr_reserved_highatomic, b.nr_reserved_highatomic,
          "zone.pressure().nr_reserved_highatomic");
  compare(a.nr_free_highatomic, b.nr_free_highatomic, "zone.nr_free_highatomic()");
  compare(a.saved_high_max, b.saved_high_max, "zone.pageset().high_max");
  compare(a.below_high, b.below_high, "zone.pressure().below_high");
  compare(a.saved_batch, b.saved_batch, "zone.pageset().batch");
  compare(a.saved_high, b.saved_high, "zone.pageset().high");
  compare(a.watermark_boost, b.watermark_boost, "zone.pressure().watermark_boost");
  compare(a.boosted, b.boosted, "zone.pressure().boosted");
  compare(a.reclaim_active, b.reclaim_active, "zone.pressure().reclaim_active");
  for (std::size_t i = 0; i < max_nr_zones; ++i) {
    compare(a.lowmem_reserve[i], b.lowmem_reserve[i], "zone.lowmem_reserve({})", i);
  }
  compare(a.block_types.size(), b.block_types.size(), "zone.pageblock_flags().size()");
  for (std::size_t i = 0; i < std::min(a.block_types.size(), b.block_types.size()); ++i) {
    compare(a.block_types[i], b.block_types[i], "zone.pageblock_flags()[{}]", i);
  }
  for (std::size_t o = 0; o < a.free_area.size(); ++o) {
    const FreeAreaImage& x = a.free_area[o];
    const FreeAreaImage& y = b.free_area[o];
    compare(x.nr_free, y.nr_free, "zone.nr_free(Order{{{}}})", o);
    for (std::size_t i = 0; i < nr_migratetypes; ++i) {
      compare(x.lists[i], y.lists[i], "free_list(zone, {}, {})", o,
              to_code(static_cast<MigrateType>(i)));
    }
  }
  for (std::size_t cpu = 0; cpu < std::min(a.pcps.size(), b.pcps.size()); ++cpu) {
    const PcpImage& x = a.pcps[cpu];
    const PcpImage& y = b.pcps[cpu];
    compare(x.count, y.count, "zone.pcp(Cpu{{{}}}).count", cpu);
    compare(x.batch, y.batch, "zone.pcp(Cpu{{{}}}).batch", cpu);
    compare(x.high, y.high, "zone.pcp(Cpu{{{}}}).high", cpu);
    compare(x.free_factor, y.free_factor, "zone.pcp(Cpu{{{}}}).free_factor", cpu);
    compare(x.high_min, y.high_min, "zone.pcp(Cpu{{{}}}).high_min", cpu);
    compare(x.high_max, y.high_max, "zone.pcp(Cpu{{{}}}).high_max", cpu);
    compare(x.alloc_factor, y.alloc_factor, "zone.pcp(Cpu{{{}}}).alloc_factor", cpu);
    compare(x.free_count, y.free_count, "zone.pcp(Cpu{{{}}}).free_count", cpu);
    compare(x.freed_high_order, y.freed_high_order, "zone.pcp(Cpu{{{}}}).prev_free_high_order",
            cpu);
    compare(x.drains_a_batch, y.drains_a_batch, "zone.pcp(Cpu{{{}}}).free_high_batch", cpu);
    for (std::size_t i = 0; i < std::min(x.lists.size(), y.lists.size()); ++i) {
      compare(x.lists[i], y.lists[i], "{}", detail::question_of_list(cpu, i, x.lists.size()));
    }
  }
  for (std::size_t i = 0; i < std::min(a.pages.size(), b.pages.size()); ++i) {
    const PageImage& x = a.pages[i];
    const PageImage& y = b.pages[i];
    const std::uint64_t pfn = a.start_pfn + i;
    compare(x.is_valid, y.is_valid, "zone.is_valid(Pfn{{{}}})", pfn);
    compare(x.is_buddy, y.is_buddy, "zone.page(Pfn{{{}}}).is_buddy()", pfn);
    compare(x.is_lru, y.is_lru, "zone.page(Pfn{{{}}}).is_lru()", pfn);
    compare(x.is_reserved, y.is_reserved, "zone.page(Pfn{{{}}}).is_reserved()", pfn);
    compare(x.is_offline, y.is_offline, "zone.memmap().bits(Pfn{{{}}}).has(PageBits::offline)",
            pfn);
    compare(x.count, y.count, "zone.page(Pfn{{{}}}).count()", pfn);
    compare(x.compound, y.compound, "compound order of {}", pfn);
    compare(x.page_private, y.page_private, "zone.page(Pfn{{{}}}).page_private()", pfn);
  }
  return result;
}

}  // namespace pageblock::test
