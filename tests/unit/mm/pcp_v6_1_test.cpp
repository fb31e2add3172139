// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in pcp.hpp: lists of several orders, and how many pages move at once.
#include <cstddef>
#include <cstdint>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/pcp.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::pcp_v6_1_cases {
namespace {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;
using Pcp = PerCpuPages<SmallV6_1Config>;

}  // namespace

TEST_CASE("v6.1's per-CPU lists are those of orders 0 to 3 and of huge pages", "[pcp][v6_1]") {
  STATIC_REQUIRE(Pcp::nr_lists == 14);
  CHECK(Pcp::index_of_list(Order{0}, unmovable) == 0);
  CHECK(Pcp::index_of_list(Order{1}, movable) == 4);
  CHECK(Pcp::index_of_list(Order{3}, reclaimable) == 11);
  CHECK(Pcp::index_of_list(Order{5}, reclaimable) == 12);
  CHECK(Pcp::index_of_list(Order{5}, movable) == 13);
  CHECK(Pcp::has_lists(Order{3}));
  CHECK_FALSE(Pcp::has_lists(Order{4}));
  CHECK(Pcp::has_lists(Order{5}));
  CHECK_FALSE(Pcp::has_lists(Order{6}));
  for (std::size_t index = 0; index < Pcp::nr_lists; ++index) {
    CHECK(Pcp::has_lists(Pcp::order_of_list(index)));
  }
}

TEST_CASE("v6.1 refills no list by less than two chunks, unless the lists are disabled",
          "[pcp][v6_1]") {
  const auto nr_to_refill = [](std::uint32_t batch, unsigned order) {
    NewZone zone{pages(128)};
    zone.set_pageset(batch, 1000);
    REQUIRE(alloc_pages(zone, cpu0, Order{order}, movable));
    return (zone.pcp(cpu0).count >> order) + 1;
  };
  CHECK(nr_to_refill(16, 0) == 16);
  CHECK(nr_to_refill(16, 2) == 4);
  CHECK(nr_to_refill(16, 3) == 2);
  CHECK(nr_to_refill(15, 3) == 2);
  CHECK(nr_to_refill(16, 5) == 2);  // huge pages
  CHECK(nr_to_refill(1, 0) == 1);
  CHECK(nr_to_refill(1, 3) == 1);
}

TEST_CASE("v6.1 drains more and more while only frees come", "[drain][v6_1]") {
  NewZone zone{pages_in_use(128)};
  zone.set_pageset(2, 20);
  free_from(zone, 0, 20);
  CHECK(zone.pcp(cpu0).count == 18);
  free_from(zone, 20, 2);
  CHECK(zone.pcp(cpu0).count == 16);
  free_from(zone, 22, 4);
  CHECK(zone.pcp(cpu0).count == 12);
  CHECK(zone.pcp(cpu0).free_factor == 3);
  REQUIRE(alloc_pages(zone, cpu0, Order{0}, movable));
  CHECK(zone.pcp(cpu0).free_factor == 1);

  zone.memmap().set_bits(Pfn{101}, PageBits{});
  free_pages(zone, cpu0, Pfn{100}, Order{1});  // a large one is of use to others, and all with it
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.1 keeps lists short while kswapd reclaims", "[drain][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(2, 20);
  zone.pressure().reclaim_active = true;
  free_from(zone, 0, 8);
  CHECK(zone.pcp(cpu0).count == 6);
}

TEST_CASE("v6.1 never lets lists grow beyond high, though kswapd would leave four batches",
          "[pcp][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(8, 20);
  zone.pressure().reclaim_active = true;
  free_from(zone, 0, 19);
  CHECK(zone.pcp(cpu0).count == 19);
  free_from(zone, 19, 1);
  CHECK(zone.pcp(cpu0).count == 12);
}

TEST_CASE("v6.1 leaves a batch on the lists, however much it would drain", "[pcp][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(4, 10);  // 6 at most, not 8
  free_from(zone, 0, 10);
  CHECK(zone.pcp(cpu0).count == 6);
  CHECK(zone.pcp(cpu0).free_factor == 1);
  free_from(zone, 10, 4);
  CHECK(zone.pcp(cpu0).count == 4);
  CHECK(zone.pcp(cpu0).free_factor == 1);
}

TEST_CASE("v6.1 drains 32 batches at once at most", "[pcp][v6_1]") {
  NewZone zone{pages_in_use(512)};
  zone.set_pageset(1, 100);
  free_from(zone, 0, 100);
  std::uint64_t next = 100;
  for (const std::uint32_t nr : {1U, 2U, 4U, 8U, 16U, 32U, 32U}) {
    CHECK(zone.pcp(cpu0).count == 100 - nr);
    free_from(zone, next, nr);
    next += nr;
  }
  CHECK(zone.pcp(cpu0).free_factor == 5);
}

TEST_CASE("v6.1 keeps the other lists when a huge page is freed behind single pages",
          "[pcp][v6_1]") {
  NewZone zone{pages(128)};
  zone.set_pageset(1, 40);
  const std::uint64_t huge = alloc(zone, 5);
  Pfns singles;
  for (int i = 0; i < 40; ++i) singles.push_back(alloc(zone, 0));
  for (const std::uint64_t pfn : singles) free(zone, pfn);
  REQUIRE(zone.pcp(cpu0).free_factor == 1);
  REQUIRE(zone.pcp(cpu0).count == 39);
  free(zone, huge, 5);  // above the limit: two batches go, and with them all of the huge page
  CHECK(zone.pcp(cpu0).count == 39);
  CHECK(pcp_list(zone, cpu0, movable).size() == 39);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::pcp_v6_1_cases
