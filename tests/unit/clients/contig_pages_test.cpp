// SPDX-License-Identifier: MIT
/// alloc_contig_pages(): which places are looked at, and what the record says.
#include "pageblock/clients/contig_pages.hpp"

#include <string>
#include <utility>
#include <vector>

#include "pageblock/clients/cma_reserve.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::contig_pages_cases {

namespace {

struct PlacesV3_6 : DefaultConfig {
  using Lock = NullLock;
};
struct PlacesV6_12 : V6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};

// Normal has [0, 8192), with page 5 reserved, and 1030 and 3000 in use.
template <ZoneConfig Config>
Node<Config> make_node() {
  std::vector<Zone<Config>> zones;
  zones.emplace_back(ZoneLayout{
      .spanned_pages = 8192,
      .reserved = {range(5, 6)},
      .in_use = {{.range = range(1030, 1031), .lru = true}, {.range = range(3000, 3001)}}});
  return Node<Config>{std::move(zones)};
}

}  // namespace

TEMPLATE_TEST_CASE("alloc_contig_pages tries each place once, the lowest first", "[contig_pages]",
                   V6_1Config, PlacesV6_12) {
  auto node = make_node<TestType>();
  StubbornPages pages;
  pages.set(Pfn{1030}, {Hindrance::pinned});
  Attempt attempt;
  CHECK(alloc_contig_pages(node, cpu0, 1024, ZoneType::normal, pages, &attempt) == Pfn{3072});
  REQUIRE(attempt.candidates.size() == 4);
  CHECK(attempt.candidates[0].stage == AttemptStage::look);
  CHECK(attempt.candidates[0].blockers == std::vector<Blocker>{{Pfn{5}, Reason::reserved, 0}});
  CHECK(attempt.candidates[1].stage == AttemptStage::test);
  CHECK(attempt.candidates[2].stage == AttemptStage::isolate);
  CHECK(attempt.candidates[3].stage == AttemptStage::done);
  CHECK(to_string(attempt) ==
        "contiguous pages [0x0, 0x2000): 4 places tried, 3 refused (1 page reserved in block 0x0, "
        "1 page pinned in block 0x400, 1 page in use and on no LRU list in block 0xa00), the last "
        "served: [0xc00, 0x1000); 0 pages moved");
  for (const auto& zone : node.zones()) CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_pages gives up behind the last place, and looks in lower zones before",
          "[contig_pages][v6_1]") {
  TinyV6_1Node node = tiny_node({ZoneType::dma32, ZoneType::normal});
  Attempt attempt;
  for (TinyV6_1Zone& zone : node.zones()) {
    const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::unmovable);
    REQUIRE(page);
  }
  CHECK(alloc_contig_pages(node, cpu0, 32, ZoneType::normal, AllMove{}, &attempt) == OptionalPfn{});
  CHECK(attempt.status == -Err::nomem);
  CHECK(attempt.stage == AttemptStage::place);
  CHECK(attempt.candidates.size() == 2);
  CHECK(attempt.candidates[0].range == range(64, 96));  // Normal first
  CHECK(to_string(attempt).find("-ENOMEM, refused for want of a place; 2 places tried") !=
        std::string::npos);
  CHECK(alloc_contig_pages(node, cpu0, 128, ZoneType::normal, AllMove{}, &attempt) ==
        OptionalPfn{});
  CHECK(attempt.candidates.empty());
  CHECK_VIOLATION(alloc_contig_pages(node, cpu0, 24, ZoneType::normal), "no power of two");
  CHECK_VIOLATION(alloc_contig_pages(node, cpu0, 0, ZoneType::normal), "no power of two");
}

TEST_CASE("alloc_contig_pages begins at a multiple of the number of pages",
          "[contig_pages][v6_1]") {
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(ZoneLayout{.start_pfn = Pfn{5}, .spanned_pages = 70});
  TinyV6_1Node node{std::move(zones)};
  CHECK(alloc_contig_pages(node, cpu0, 32, ZoneType::normal) == Pfn{32});
  CHECK(alloc_contig_pages(node, cpu0, 32, ZoneType::normal) == OptionalPfn{});
}

TEMPLATE_TEST_CASE("a gigantic page comes and goes", "[contig_pages]", V6_1Config, PlacesV6_12) {
  auto node = make_node<TestType>();
  const auto& zone = *node.find(ZoneType::normal);
  const std::int64_t free = zone.nr_free_pages();
  const auto pfn = alloc_gigantic_page(node, cpu0, Order{12});
  CHECK(pfn == Pfn{4096});
  CHECK(zone.nr_free_pages() == free - 4096);
  free_gigantic_page(node, cpu0, *pfn, Order{12});
  drain_all_pages(*node.find(ZoneType::normal));
  CHECK(zone.nr_free_pages() == free);
  CHECK(verify(zone).empty());
}

TEMPLATE_TEST_CASE("a gigantic page comes from a CMA area if there is one", "[contig_pages]",
                   V6_1Config, PlacesV6_12) {
  std::vector<Zone<TestType>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = 8192, .reserved = {range(4096, 6144)}});
  Node<TestType> node{std::move(zones)};
  CmaArea area{"hugetlb0", {range(4096, 6144)}, Order{9}, kernel::cma_v6_1};
  REQUIRE(cma_activate_area(node, area));
  Attempt attempt;
  const auto pfn = alloc_gigantic_page(node, cpu0, Order{11}, AllMove{}, &area, &attempt);
  CHECK(pfn == Pfn{4096});
  CHECK(attempt.what == "hugetlb0");
  const auto next = alloc_gigantic_page(node, cpu0, Order{11}, AllMove{}, &area, &attempt);
  CHECK(next == Pfn{0});
  CHECK(attempt.what == "gigantic page");
  free_gigantic_page(node, cpu0, *pfn, Order{11}, &area);
  CHECK(alloc_gigantic_page(node, cpu0, Order{11}, AllMove{}, &area) == Pfn{4096});
}

}  // namespace pageblock::test::contig_pages_cases
