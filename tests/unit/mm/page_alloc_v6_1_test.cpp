// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in page_alloc.hpp: per-CPU lists of several orders.
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/zones.hpp"

namespace pageblock::test::page_alloc_v6_1_cases {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

TEST_CASE("v6.1 refills a list by as many chunks as a batch has pages, two at least",
          "[page_alloc][v6_1]") {
  NewZone zone{pages(64)};
  zone.set_pageset(4, 64);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable)->pfn() == Pfn{0});
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{1, 2, 3});
  CHECK(alloc_pages(zone, cpu0, Order{1}, movable)->pfn() == Pfn{4});
  CHECK(pcp_list(zone, cpu0, movable, Order{1}) == Pfns{6});
  CHECK(alloc_pages(zone, cpu0, Order{3}, movable)->pfn() == Pfn{8});
  CHECK(pcp_list(zone, cpu0, movable, Order{3}) == Pfns{16});
  CHECK(zone.pcp(cpu0).count == 3 + 2 + 8);
  CHECK(zone.nr_free_pages() == 64 - 4 - 4 - 16);
  CHECK(verify(zone).empty());

  zone.set_pageset(1, 0);  // disabled: what is asked for, and no more
  CHECK(alloc_pages(zone, cpu0, Order{2}, movable)->pfn() == Pfn{24});
  CHECK(pcp_list(zone, cpu0, movable, Order{2}).empty());
}

}  // namespace pageblock::test::page_alloc_v6_1_cases
