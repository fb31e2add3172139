// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/list_repair.hpp"

#include <optional>
#include <vector>

#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"

namespace pageblock::test::list_repair_cases {

namespace {

struct SmallConfig : DefaultConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 3;
  static constexpr unsigned nr_cpus = 2;
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_1);
  using Lock = NullLock;
};
using SmallZone = Zone<SmallConfig>;

std::vector<Pfn> list(const SmallZone& zone, unsigned order,
                      MigrateType type = MigrateType::movable) {
  const auto view = zone.free_list(Order{order}, type);
  return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("take_observed takes pages out of the middle of a free chunk", "[list_repair]") {
  // chunk of order 4 at 16:  | 16 .. 19 | 20 21 | taken: 22 23 | 24 .. 31 |
  SmallZone zone{ZoneLayout{.spanned_pages = 32}};
  const auto free = zone.nr_free_pages();
  take_observed(zone, Pfn{22}, Order{1});
  CHECK(zone.nr_free_pages() == free - 2);
  CHECK(list(zone, 1) == std::vector{Pfn{20}});
  CHECK(list(zone, 2) == std::vector{Pfn{16}});
  CHECK(list(zone, 3) == std::vector{Pfn{24}});
  CHECK(!is_listed_free(zone, Pfn{22}));
  CHECK(is_listed_free(zone, Pfn{21}));
}

TEST_CASE(
    "take_observed takes a page off the per-CPU list it is on, and leaves the others in order",
    "[list_repair]") {
  SmallZone zone{ZoneLayout{.spanned_pages = 32, .nr_cpus = 2}};
  PerCpuPages<SmallConfig>& pcp = zone.pcp(Cpu{1});
  PcpList& pages = pcp.list(MigrateType::movable, Order{1});
  pages.reserve(3);
  zone.free_area().del(zone.memmap(), Pfn{0});
  for (const std::uint64_t pfn : {4U, 8U, 2U}) pages.push_tail(Pfn{pfn});
  pcp.count = 6;
  take_observed(zone, Pfn{9}, Order{0});
  CHECK(pcp.count == 4);
  REQUIRE(pages.size() == 2);
  CHECK(pages[0] == Pfn{4});
  CHECK(pages[1] == Pfn{2});
}

TEST_CASE("take_observed leaves pages in use alone", "[list_repair]") {
  SmallZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{.range = {Pfn{8}, Pfn{16}}}}}};
  const SmallZone before = zone;
  take_observed(zone, Pfn{8}, Order{3});
  CHECK(zone == before);
}

TEST_CASE("turn_to_head turns a list round until the chunk is its head", "[list_repair]") {
  SmallZone zone{ZoneLayout{.spanned_pages = 80}};
  REQUIRE(list(zone, 4) == std::vector{Pfn{0}, Pfn{16}, Pfn{32}, Pfn{48}, Pfn{64}});
  CHECK(turn_to_head(zone, Pfn{37}) == Pfn{0});
  CHECK(list(zone, 4) == std::vector{Pfn{32}, Pfn{48}, Pfn{64}, Pfn{0}, Pfn{16}});
  CHECK(turn_to_head(zone, Pfn{32}) == std::nullopt);
  zone.free_area().del(zone.memmap(), Pfn{64});
  CHECK(turn_to_head(zone, Pfn{64}) == std::nullopt);
}

TEST_CASE("mark_in_use forgets what the pages of a chunk were", "[list_repair]") {
  SmallZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{.range = {Pfn{8}, Pfn{16}}}}}};
  mark_in_use(zone, Pfn{8}, Order{2}, true);
  CHECK(zone.memmap().bits(Pfn{8}) == PageBits{PageBits::in_use | PageBits::lru});
  CHECK(zone.memmap().bits(Pfn{9}) == PageBits{});
  CHECK(zone.memmap().bits(Pfn{12}) == PageBits{PageBits::in_use});
}

}  // namespace pageblock::test::list_repair_cases
