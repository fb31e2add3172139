// SPDX-License-Identifier: MIT
#include "pageblock/mm/zone_layout.hpp"

#include <vector>

#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::zone_layout_cases {
namespace {

using enum MigrateType;

constexpr PfnRange range(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

std::vector<std::string> broken(const TinyZone& zone) { return verify(zone); }

std::string creation_reports(const ZoneLayout& layout) {
  return violation_of([&] { const TinyZone zone{layout}; });
}

}  // namespace

TEST_CASE("Zone is populated from low to high, each chunk to the head of its list",
          "[zone_layout]") {
  //  |     0 (4)     |     16 (4)    |     32 (4)    |
  const TinyZone zone{pages(48)};
  CHECK(free_list(zone, 4, movable) == Pfns{32, 16, 0});
  CHECK(zone.nr_free_pages() == 48);
  CHECK(zone.present_pages() == 48);
  CHECK(zone.nr_free(Order{4}) == 3);
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone leaves holes out and cuts chunks at them", "[zone_layout]") {
  //  |     0 (4)     |16 (2)|hole|22 (1)| 24 (3) |     32 (4)    |
  const TinyZone zone{{.spanned_pages = 48, .holes = {range(20, 22)}}};
  CHECK(free_list(zone, 4, movable) == Pfns{32, 0});
  CHECK(free_list(zone, 3, movable) == Pfns{24});
  CHECK(free_list(zone, 2, movable) == Pfns{16});
  CHECK(free_list(zone, 1, movable) == Pfns{22});
  CHECK(zone.nr_free_pages() == 46);
  CHECK(zone.present_pages() == 46);
  CHECK(zone.spanned_pages() == 48);
  CHECK(!zone.is_valid(Pfn{20}));
  CHECK(!zone.is_valid(Pfn{21}));
  CHECK(zone.is_valid(Pfn{22}));
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone keeps whole holes without records", "[zone_layout]") {
  const TinyZone zone{{.spanned_pages = 64, .holes = {range(8, 40)}}};
  CHECK(zone.memmap().nr_records() == 0);
  CHECK(free_list(zone, 4, movable) == Pfns{48});
  CHECK(free_list(zone, 3, movable) == Pfns{40, 0});
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone keeps reserved pages and pages in use off the lists", "[zone_layout]") {
  //  |reserved|in use|12 (2)|     16 (4)    |
  const TinyZone zone{{.spanned_pages = 32,
                       .reserved = {range(0, 8)},
                       .in_use = {{.range = range(8, 10), .count = 1, .lru = true},
                                  {.range = range(10, 12), .count = 3}}}};
  CHECK(free_list(zone, 4, movable) == Pfns{16});
  CHECK(free_list(zone, 2, movable) == Pfns{12});
  CHECK(zone.nr_free_pages() == 20);
  CHECK(zone.present_pages() == 32);
  CHECK(zone.page(Pfn{5}).is_reserved());
  CHECK(zone.page(Pfn{5}).count() == 1);
  CHECK(zone.page(Pfn{9}).is_lru());
  CHECK(zone.page(Pfn{9}).count() == 1);
  CHECK(!zone.page(Pfn{10}).is_lru());
  CHECK(zone.page(Pfn{11}).count() == 3);
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone lets a hole win over reserved memory, and that over pages in use",
          "[zone_layout]") {
  const TinyZone zone{
      {.spanned_pages = 32,
       .holes = {range(0, 4), range(2, 4)},
       .reserved = {range(0, 8), range(6, 8)},
       .in_use = {{.range = range(0, 12), .count = 1, .lru = true}, {.range = range(10, 14)}}}};
  CHECK(!zone.is_valid(Pfn{3}));
  CHECK(zone.page(Pfn{4}).is_reserved());
  CHECK(!zone.page(Pfn{7}).is_lru());
  CHECK(zone.page(Pfn{8}).is_lru());
  CHECK(zone.page(Pfn{13}).count() == 1);
  CHECK(zone.present_pages() == 28);
  CHECK(zone.nr_free_pages() == 18);
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone need not start or end at a block", "[zone_layout]") {
  //   start 5: |5|6 (1)| 8 (3)  |     16 (4)     |32 (2)|36 (1)| end 38
  const TinyZone zone{{.start_pfn = Pfn{5}, .spanned_pages = 33}};
  CHECK(free_list(zone, 0, movable) == Pfns{5});
  CHECK(free_list(zone, 1, movable) == Pfns{36, 6});
  CHECK(free_list(zone, 2, movable) == Pfns{32});
  CHECK(free_list(zone, 3, movable) == Pfns{8});
  CHECK(free_list(zone, 4, movable) == Pfns{16});
  CHECK(zone.nr_free_pages() == 33);
  CHECK(zone.present_pages() == 33);
  CHECK(zone.pageblock_flags().size() == 5);
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone puts each chunk on the list of its first page's block", "[zone_layout]") {
  // block   0    1    2    3    4    5
  // type    M    U    U    M    M    U
  // chunk   0 (4)     16 (4)    32 (4)
  const TinyZone zone{{.spanned_pages = 48,
                       .block_types = {{range(8, 24), unmovable}, {range(40, 48), unmovable}}}};
  CHECK(free_list(zone, 4, movable) == Pfns{32, 0});
  CHECK(free_list(zone, 4, unmovable) == Pfns{16});
  CHECK(zone.pageblock_flags().get(Pfn{8}) == unmovable);
  CHECK(zone.pageblock_flags().get(Pfn{24}) == movable);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(broken(zone).empty());
}

TEST_CASE("Zone types the blocks reached by steps from a range's start", "[zone_layout]") {
  const TinyZone zone{{.spanned_pages = 48, .block_types = {{range(4, 13), cma}}}};
  CHECK(zone.pageblock_flags()[0] == cma);      // 4
  CHECK(zone.pageblock_flags()[1] == cma);      // 12
  CHECK(zone.pageblock_flags()[2] == movable);  // 20 is behind the end
}

TEST_CASE("Zone without mobility grouping writes unmovable for each type", "[zone_layout]") {
  const TinyZone zone{{.spanned_pages = 32,
                       .block_types = {{range(0, 8), cma}, {range(8, 16), isolate}},
                       .mobility_grouping = false}};
  CHECK(!zone.mobility_grouping());
  CHECK(zone.pageblock_flags()[0] == unmovable);
  CHECK(zone.pageblock_flags()[1] == unmovable);
  CHECK(zone.pageblock_flags()[2] == movable);
  CHECK(free_list(zone, 4, unmovable) == Pfns{0});
}

TEST_CASE("Zone populated in small chunks merges them to the same lists", "[zone_layout]") {
  const TinyZone whole{pages(32)};
  SECTION("order 3 leaves no trace") {
    const TinyZone zone{{.spanned_pages = 32, .populate_order = Order{3}}};
    CHECK(zone == whole);
    CHECK(broken(zone).empty());
  }
  SECTION("order 0 passes the boot pageset, which leaves private 2 in upper halves") {
    const TinyZone zone{{.spanned_pages = 32, .populate_order = Order{0}}};
    CHECK(free_list(zone, 4, movable) == Pfns{16, 0});
    CHECK(zone.page(Pfn{1}).page_private() == 2);
    CHECK(zone.page(Pfn{2}).page_private() == 0);
    CHECK(zone.page(Pfn{3}).page_private() == 2);
    CHECK(!(zone == whole));
    CHECK(broken(zone).empty());
  }
  SECTION("more than the largest order means the largest") {
    CHECK(TinyZone{{.spanned_pages = 32, .populate_order = Order{40}}} == whole);
  }
}

TEST_CASE("Zone has batch and high from its size", "[zone_layout]") {
  const TinyZone small{pages(32)};
  CHECK(small.pcp(cpu0).batch == 1);
  CHECK(small.pcp(cpu0).high == 0);
  const TinyZone larger{{.spanned_pages = 24576, .nr_cpus = 2}};
  CHECK(larger.pcp(cpu1).batch == 7);
  CHECK(larger.pcp(cpu1).high == 42);
}

TEMPLATE_TEST_CASE("Zone is consistent in every geometry", "[zone_layout]", OneBlockConfig,
                   TwoPageConfig, NullLockConfig, SpinlockConfig, StdLockConfig) {
  const Zone<TestType> zone{{.start_pfn = Pfn{3},
                             .spanned_pages = 87,
                             .holes = {range(30, 41)},
                             .reserved = {range(44, 45)},
                             .in_use = {{.range = range(60, 77)}}}};
  CHECK(zone.nr_free_pages() == 87 - 11 - 1 - 17);
  CHECK(verify(zone).empty());
}

TEST_CASE("Zone of a TiB touches next to nothing", "[zone_layout]") {
  constexpr std::uint64_t nr_pages = std::uint64_t{1} << 28;
  const Zone<DefaultConfig> zone{pages(nr_pages)};
  CHECK(zone.memmap().nr_records() == 0);
  CHECK(zone.nr_free_pages() == static_cast<std::int64_t>(nr_pages));
  CHECK(zone.nr_free(Order{10}) == nr_pages >> 10);
  CHECK(*zone.free_list(Order{10}, movable).begin() == Pfn{nr_pages - 1024});
}

TEST_CASE("Zone reports a layout of too many pages", "[zone_layout]") {
  constexpr std::uint64_t most = std::uint64_t{1} << 32;
  CHECK(creation_reports(pages(most + 1)) == "a zone has at most 2^32 pages");
  CHECK(creation_reports({.start_pfn = Pfn{1}, .spanned_pages = most}) ==
        "a zone has at most 2^32 pages");
  CHECK(creation_reports({.start_pfn = Pfn{0} - 16, .spanned_pages = 32}) ==
        "the zone ends behind the last pfn");
  CHECK(creation_reports({.start_pfn = Pfn{0} - 32, .spanned_pages = 24}) ==
        "the zone ends behind the last pfn");
}

TEST_CASE("Zone reports a layout with no CPU, or more than the config allows", "[zone_layout]") {
  const std::string reason = "more CPUs than the config allows, or none";
  CHECK(creation_reports({.spanned_pages = 32, .nr_cpus = 0}) == reason);
  CHECK(creation_reports({.spanned_pages = 32, .nr_cpus = 3}) == reason);
  CHECK(creation_reports({.spanned_pages = 32, .nr_cpus = 2}) == "nothing");
}

TEST_CASE("Zone reports ranges that are reversed or leave it", "[zone_layout]") {
  const PfnRange reversed = range(24, 20);
  const PfnRange below = range(15, 20);
  const PfnRange above = range(40, 49);
  for (const PfnRange& bad : {reversed, below, above}) {
    const std::string reason = " is reversed or leaves the zone";
    const auto zone_with = [](auto add) {
      ZoneLayout layout{.start_pfn = Pfn{16}, .spanned_pages = 32};
      add(layout);
      return creation_reports(layout);
    };
    CHECK(zone_with([&](ZoneLayout& layout) { layout.holes = {bad}; }) == "a hole" + reason);
    CHECK(zone_with([&](ZoneLayout& layout) { layout.reserved = {bad}; }) ==
          "a reserved range" + reason);
    CHECK(zone_with([&](ZoneLayout& layout) { layout.in_use = {{bad}}; }) ==
          "a range in use" + reason);
    CHECK(zone_with([&](ZoneLayout& layout) { layout.block_types = {{bad}}; }) ==
          "a range of block types" + reason);
  }
}

TEST_CASE("Zone reports pages in use that nobody refers to", "[zone_layout]") {
  CHECK(creation_reports({.spanned_pages = 32, .in_use = {{.range = range(0, 1), .count = 0}}}) ==
        "a page in use has a count of at least 1");
}

TEST_CASE("merged and complement cut ranges apart", "[zone_layout]") {
  const std::vector<PfnRange> merged =
      detail::merged({range(8, 10), range(2, 4), range(5, 5), range(4, 6), range(9, 12)});
  CHECK(merged == std::vector{range(2, 6), range(8, 12)});
  CHECK(detail::complement(merged, Pfn{0}, Pfn{12}) == std::vector{range(0, 2), range(6, 8)});
  CHECK(detail::complement({}, Pfn{0}, Pfn{0}).empty());
}

TEST_CASE("in use, a later range wins over an earlier one, and reserved memory over both",
          "[zone_layout]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 32,
                                 .reserved = {{Pfn{6}, Pfn{8}}},
                                 .in_use = {{{Pfn{0}, Pfn{8}}, 3, true}, {{Pfn{2}, Pfn{8}}, 1}}}};
  CHECK(zone.page(Pfn{0}).count() == 3);
  CHECK(zone.page(Pfn{1}).is_lru());
  CHECK(zone.page(Pfn{2}).count() == 1);
  CHECK_FALSE(zone.page(Pfn{2}).is_lru());
  CHECK(zone.page(Pfn{7}).count() == 1);
  CHECK(zone.page(Pfn{7}).is_reserved());
}

TEST_CASE("Zone reports a layout with a migratetype that is none", "[zone_layout]") {
  CHECK_VIOLATION(
      (TinyZone{ZoneLayout{.spanned_pages = 8,
                           .block_types = {{{Pfn{0}, Pfn{8}}, static_cast<MigrateType>(7)}}}}),
      "no such migratetype");
}

}  // namespace pageblock::test::zone_layout_cases
