// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in drain.hpp: it drains list by list, and can do without per-CPU lists.
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::drain_v6_1_cases {
namespace {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

}  // namespace

TEST_CASE("v6.1 drains the list just freed to from its tail, then the others", "[drain][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(2, 4);
  free_from(zone, 10, 3);
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{12, 11, 10});
  free_from(zone, 13, 1);
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{13, 12});
  CHECK(free_list(zone, 1, movable) == Pfns{10});

  zone.memmap().set_bits(Pfn{21}, PageBits{});  // the tail of an allocation of order 1
  free_pages(zone, cpu0, Pfn{20}, Order{1});
  CHECK(pcp_list(zone, cpu0, movable, Order{1})
            .empty());  // the limit was reached, and this list comes first
  CHECK(pcp_list(zone, cpu0, movable) == Pfns{13, 12});
  CHECK(free_list(zone, 1, movable) == Pfns{20, 10});
  drain_pages(zone, cpu0);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(free_list(zone, 2, movable).empty());
  CHECK(verify(zone).empty());
}

TEST_CASE("zone_pcp_disable lets nothing stay on lists until zone_pcp_enable", "[drain][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(4, 16);
  free_from(zone, 0, 5);
  zone_pcp_disable(zone);
  CHECK(zone.pcp(cpu0).count == 0);
  free_from(zone, 8, 1);
  CHECK(zone.pcp(cpu0).count == 0);
  zone_pcp_enable(zone);
  CHECK(zone.pcp(cpu0).batch == 4);
  CHECK(zone.pcp(cpu0).high == 16);
  free_from(zone, 9, 1);
  CHECK(zone.pcp(cpu0).count == 1);
}

}  // namespace pageblock::test::drain_v6_1_cases
