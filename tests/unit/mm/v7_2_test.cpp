// SPDX-License-Identifier: MIT
/// What v6.18 and v7.2 do otherwise with per-CPU lists, runs of pages and urgent requests.
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/fake_offline.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_blocks.hpp"
#include "pageblock/mm/free_run.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/node_watermarks.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/v7_2_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::v7_2_cases {
namespace {

using enum MigrateType;

// A zone whose per-CPU lists are not drained by themselves.
template <typename Zone>
Zone roomy(const ZoneLayout& layout) {
  Zone zone{layout};
  zone.set_pageset({.batch = 63, .high = 100000, .high_max = 100000});
  return zone;
}

// How many chunks are drained for nr pages, from so many of an order on a CPU's list.
template <typename Config>
std::size_t drained(unsigned order, unsigned chunks, std::uint32_t nr) {
  auto zone = roomy<Zone<Config>>(pages(65536));
  std::vector<std::uint64_t> pfns;
  for (unsigned i = 0; i < chunks; ++i) pfns.push_back(alloc(zone, order));
  drain_all_pages(zone);
  for (const std::uint64_t pfn : pfns) free(zone, pfn, order);
  auto& pcp = zone.pcp(cpu0);
  REQUIRE(pcp.count == chunks << order);
  const std::lock_guard guard{zone.pcp_lock(cpu0)};
  detail::drain_excess(zone, nr, pcp, pcp.index_of_list(Order{order}, movable));
  CHECK(verify(zone).empty());
  return chunks - (pcp.count >> order);
}

// The kernel that comes after v7.2, as far as it is known.
struct V7_3Config : V7_2Config {
  static constexpr Semantics semantics = [] {
    Semantics kernel = kernel::v7_2;
    kernel.minor = 3;
    kernel.urgent_at_once = true;
    return kernel;
  }();
};

// What a request of order 2 that must not wait leaves: chunks on the CPU's list, pages reserved.
template <typename Config>
std::pair<std::size_t, std::uint64_t> after_urgent(std::uint64_t low_watermark) {
  std::vector<Zone<Config>> zones;
  zones.emplace_back(pages(262144));
  zones.front().set_pageset({.batch = 63, .high = 1217, .high_max = 31744});
  zones.front().set_watermarks({.min = 100, .low = low_watermark, .high = 300000});
  Node<Config> node{std::move(zones)};
  REQUIRE(alloc_pages(node, cpu0, Order{2}, gfp_atomic).page);
  auto& zone = node.zones().front();
  CHECK(verify(zone).empty());
  return {zone.pcp(cpu0).list(unmovable, Order{2}).size(), zone.pressure().nr_reserved_highatomic};
}

}  // namespace

TEST_CASE("chunks drain all only after half the lower limit, too", "[pcp_tuning][v7_2]") {
  const auto first_drain = [](auto pcp) {
    pcp.set_limits({.batch = 63, .high = 1217, .high_max = 31744});
    for (unsigned at = 1;; ++at) {
      pcp.count += 8;
      const std::uint32_t nr = pcp.on_put(Order{3}, {});
      if (nr != 0) return std::pair{at, nr};
    }
  };
  CHECK(first_drain(TunedPcp{}) == std::pair{9U, 72U});
  CHECK(first_drain(TunedPcpOf<HighOrderDrain::after_half_high>{}) == std::pair{85U, 680U});
}

TEST_CASE("each batch of a drain is rounded up to whole chunks", "[drain][v7_2]") {
  CHECK(drained<V6_18Config>(0, 2100, 2016) == 2016);
  CHECK(drained<V7_2Config>(0, 2100, 2016) == 2016);
  CHECK(drained<V6_18Config>(1, 1100, 2016) == 1008);
  CHECK(drained<V7_2Config>(1, 1100, 2016) == 1024);
  CHECK(drained<V6_18Config>(2, 400, 1154) == 289);
  CHECK(drained<V7_2Config>(2, 400, 1154) == 293);
  CHECK(drained<V6_18Config>(3, 300, 2016) == 252);
  CHECK(drained<V7_2Config>(3, 300, 2016) == 256);
  CHECK(drained<V6_18Config>(9, 5, 2016) == 4);
  CHECK(drained<V7_2Config>(9, 5, 2016) == 5);
}

TEST_CASE("a run of single pages is freed as the aligned chunks that it makes up",
          "[free_run][v7_2]") {
  auto zone = roomy<V7_2Zone>(pages_in_use(8192));
  const auto on_lists = [&] {
    std::string text;
    for (unsigned order = 0; order < 11; ++order) {
      const bool has_pcp = order <= 3 || order == 9;
      for (const std::uint64_t pfn : has_pcp ? pcp_list(zone, cpu0, movable, Order{order})
                                             : free_list(zone, order, movable)) {
        text += fmt::format("{}{}/{}", text.empty() ? "" : " ", pfn, order);
      }
    }
    return text;
  };
  SECTION("up to the end of the run") {
    free_contig_range(zone, cpu0, Pfn{5000}, 24);
    CHECK(on_lists() == "5000/3 5008/4");
  }
  SECTION("from an odd start") {
    free_contig_range(zone, cpu0, Pfn{2051}, 13);
    CHECK(on_lists() == "2051/0 2052/2 2056/3");
  }
  SECTION("large ones") {
    free_contig_range(zone, cpu0, Pfn{4096}, 1000);
    CHECK(on_lists() == "5088/3 5056/5 4992/6 4864/7 4608/8 4096/9");
  }
  SECTION("a page that is held ends a run") {
    get_page(zone, Pfn{2056});
    free_contig_range(zone, cpu0, Pfn{2048}, 12);
    CHECK(on_lists() == "2057/0 2058/1 2048/3");
    CHECK(zone.page(Pfn{2056}).count() == 1);
    CHECK(put_page(zone, cpu0, Pfn{2056}).freed == Freed::freed);
  }
  SECTION("a page that must not be freed, too") {
    set_page_lru(zone, Pfn{2049}, true);
    free_contig_range(zone, cpu0, Pfn{2048}, 3);
    CHECK(on_lists() == "2050/0 2048/0");
  }
  SECTION("of what vmalloc had, where the pfns stop to follow each other") {
    const std::vector<Pfn> vmalloced{Pfn{64}, Pfn{65}, Pfn{66}, Pfn{67}, Pfn{33}, Pfn{34}, Pfn{32}};
    free_pages_bulk(zone, cpu0, vmalloced);
    CHECK(on_lists() == "32/0 34/0 33/0 64/2");
  }
  SECTION("in isolated blocks to the free lists") {
    for (std::uint64_t pfn = 512; pfn < 1024; ++pfn) set_page_lru(zone, Pfn{pfn}, true);
    REQUIRE(start_isolate_page_range(zone, Pfn{512}, Pfn{1024}, IsolateMode::other) == ok);
    for (std::uint64_t pfn = 512; pfn < 1024; ++pfn) set_page_lru(zone, Pfn{pfn}, false);
    free_contig_range(zone, cpu0, Pfn{512}, 8);
    CHECK(free_list(zone, 3, isolate) == Pfns{512});
    CHECK(zone.pcp(cpu0).count == 0);
  }
  CHECK(verify(zone).empty());
}

TEST_CASE("all pages of a run are reported before the first is free", "[free_run][v7_2]") {
  V7_2Zone zone{pages_in_use(8192)};
  Events events;
  zone.tracer().events = &events;
  free_contig_range(zone, cpu0, Pfn{1040}, 16);
  REQUIRE(events.size() == 17);
  for (unsigned i = 0; i < 16; ++i) {
    const auto* const free = std::get_if<trace::MmPageFree>(&events[i]);
    REQUIRE(free != nullptr);
    CHECK(free->pfn == Pfn{1040 + i});
  }
  CHECK(story({events[16]}) == "to lists 1040/4");
}

TEST_CASE("v6.18 frees a run page by page", "[free_run][v7_2]") {
  auto zone = roomy<V6_18Zone>(pages_in_use(8192));
  free_contig_range(zone, cpu0, Pfn{5000}, 24);
  CHECK(zone.pcp(cpu0).list(movable).size() == 24);
}

TEST_CASE("urgent requests fill no list from v7.0 on", "[highatomic][v7_2]") {
  // Down to the lowest watermark. The block is reserved in any case.
  CHECK(after_urgent<V6_18Config>(300000) == std::pair{std::size_t{14}, std::uint64_t{512}});
  CHECK(after_urgent<V7_2Config>(300000) == std::pair{std::size_t{0}, std::uint64_t{512}});
  CHECK(after_urgent<V7_3Config>(300000) == std::pair{std::size_t{0}, std::uint64_t{512}});
  // With plenty of memory: urgent at once in v7.3, and nothing is reserved.
  CHECK(after_urgent<V6_18Config>(100) == std::pair{std::size_t{14}, std::uint64_t{0}});
  CHECK(after_urgent<V7_2Config>(100) == std::pair{std::size_t{14}, std::uint64_t{0}});
  CHECK(after_urgent<V7_3Config>(100) == std::pair{std::size_t{0}, std::uint64_t{0}});
}

TEST_CASE("an urgent request that finds a page on the CPU's list reserves nothing",
          "[highatomic][v7_2]") {
  V7_2Zone zone{pages(262144)};
  zone.set_pageset({.batch = 63, .high = 1217, .high_max = 31744});
  constexpr unsigned urgent =
      alloc_flags::highatomic | alloc_flags::non_block | alloc_flags::min_reserve;
  REQUIRE(alloc_pages(zone, cpu0, Order{2}, unmovable, 0U));
  REQUIRE(zone.pcp(cpu0).list(unmovable, Order{2}).size() == 14);
  REQUIRE(alloc_pages(zone, cpu0, Order{2}, unmovable, urgent));
  CHECK(zone.pcp(cpu0).list(unmovable, Order{2}).size() == 13);
  CHECK(zone.pressure().nr_reserved_highatomic == 0);
  REQUIRE(alloc_pages(zone, cpu0, Order{4}, unmovable, urgent));
  CHECK(zone.pressure().nr_reserved_highatomic == 512);
}

TEST_CASE("lowmem reserves follow each change of memory from v6.13 on", "[node_watermarks][v7_2]") {
  const auto reserve_without_a_block = []<typename Config>(Config) {
    std::vector<Zone<Config>> zones;
    zones.emplace_back(ZoneLayout{.spanned_pages = 131072});
    zones.emplace_back(
        ZoneLayout{.type = ZoneType::movable, .start_pfn = Pfn{131072}, .spanned_pages = 131072});
    Node<Config> node{std::move(zones)};
    init_per_zone_wmark_min(node);
    Attempt attempt;
    REQUIRE(fake_offline(node, cpu0, range(131072, 131584), NothingMoves{}, attempt) == ok);
    const auto reserve = [&node] {
      return node.find(ZoneType::normal)
          ->lowmem_reserve(static_cast<std::size_t>(ZoneType::movable));
    };
    const std::uint64_t without = reserve();
    fake_online(node, cpu0, range(131072, 131584), [](Pfn) { return true; });
    CHECK(reserve() == 131072 / 32);
    return without;
  };
  CHECK(reserve_without_a_block(V6_12Config{}) == 131072 / 32);
  CHECK(reserve_without_a_block(V7_2Config{}) == (131072 - 512) / 32);
}

TEST_CASE("what is free in whole blocks is counted but for isolated ones", "[free_blocks][v7_2]") {
  V7_2Zone zone{pages(4096)};
  CHECK(nr_free_pages_blocks(zone) == 4096);
  REQUIRE(start_isolate_page_range(zone, Pfn{512}, Pfn{1024}, IsolateMode::other) == ok);
  CHECK(nr_free_pages_blocks(zone) == 4096 - 512);
  pin(zone, Pfn{2048});
  CHECK(nr_free_pages_blocks(zone) == 4096 - 1024);
}

}  // namespace pageblock::test::v7_2_cases
