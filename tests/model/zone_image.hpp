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
  std::uint64_t count = 0;
  std::uint64_t page_private = 0;
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
  std::array<Pfns, nr_pcp_types> lists{};
  friend bool operator==(const PcpImage&, const PcpImage&) = default;
};

struct ZoneImage {
  std::uint64_t start_pfn = 0;
  std::uint64_t present_pages = 0;
  std::int64_t nr_free_pages = 0;
  std::int64_t nr_pageblock_isolate = 0;
  std::uint64_t low_watermark = 0;
  std::array<std::uint64_t, max_nr_zones> lowmem_reserve{};
  /// Of each pageblock, counted from the zone's start.
  std::vector<MigrateType> block_types{};
  /// Of each order.
  std::vector<FreeAreaImage> free_area{};
  /// Of each CPU.
  std::vector<PcpImage> pcps{};
  /// Of each pfn that the zone spans, holes too.
  std::vector<PageImage> pages{};
  friend bool operator==(const ZoneImage&, const ZoneImage&) = default;
};

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
    PcpImage& of_cpu = image.pcps.emplace_back(PcpImage{pcp.count, pcp.batch, pcp.high, {}});
    for (const MigrateType type : pcp_types) {
      of_cpu.lists[index_of(type)] = pcp_list(zone, Cpu{id}, type);
    }
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
    to.count = page.count();
    to.page_private = page.page_private();
  }
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
    for (std::size_t i = 0; i < nr_pcp_types; ++i) {
      compare(x.lists[i], y.lists[i], "pcp_list(zone, Cpu{{{}}}, {})", cpu, to_code(pcp_types[i]));
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
    compare(x.count, y.count, "zone.page(Pfn{{{}}}).count()", pfn);
    compare(x.page_private, y.page_private, "zone.page(Pfn{{{}}}).page_private()", pfn);
  }
  return result;
}

}  // namespace pageblock::test
