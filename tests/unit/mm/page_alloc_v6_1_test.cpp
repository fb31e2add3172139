/// What v6.1 does otherwise in mm/: per-CPU lists of several orders, and memory of other types.
#include <cstddef>
#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test {
namespace {

using enum MigrateType;

using NewZone = Zone<SmallV6_1Config>;
using Pcp = PerCpuPages<SmallV6_1Config>;

Pfns pages_of(const NewZone& zone, unsigned order, MigrateType type) {
  const PcpList& list = zone.pcp(cpu0).list(type, Order{order});
  Pfns pfns;
  for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i].value());
  return pfns;
}

void free_from(NewZone& zone, std::uint64_t pfn, std::uint64_t nr) {
  for (std::uint64_t i = 0; i < nr; ++i) free_pages(zone, cpu0, Pfn{pfn + i}, Order{0});
}

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

TEST_CASE("v6.1 refills a list by as many chunks as a batch has pages, two at least",
          "[page_alloc][v6_1]") {
  NewZone zone{pages(64)};
  zone.set_pageset(4, 64);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable)->pfn() == Pfn{0});
  CHECK(pages_of(zone, 0, movable) == Pfns{1, 2, 3});
  CHECK(alloc_pages(zone, cpu0, Order{1}, movable)->pfn() == Pfn{4});
  CHECK(pages_of(zone, 1, movable) == Pfns{6});
  CHECK(alloc_pages(zone, cpu0, Order{3}, movable)->pfn() == Pfn{8});
  CHECK(pages_of(zone, 3, movable) == Pfns{16});
  CHECK(zone.pcp(cpu0).count == 3 + 2 + 8);
  CHECK(zone.nr_free_pages() == 64 - 4 - 4 - 16);
  CHECK(verify(zone).empty());

  zone.set_pageset(1, 0);  // disabled: what is asked for, and no more
  CHECK(alloc_pages(zone, cpu0, Order{2}, movable)->pfn() == Pfn{24});
  CHECK(pages_of(zone, 2, movable).empty());
}

TEST_CASE("v6.1 drains the list just freed to from its tail, then the others", "[drain][v6_1]") {
  NewZone zone{pages_in_use(64)};
  zone.set_pageset(2, 4);
  free_from(zone, 10, 3);
  CHECK(pages_of(zone, 0, movable) == Pfns{12, 11, 10});
  free_from(zone, 13, 1);
  CHECK(pages_of(zone, 0, movable) == Pfns{13, 12});
  CHECK(free_list(zone, 1, movable) == Pfns{10});

  zone.memmap().set_bits(Pfn{21}, PageBits{});  // the tail of an allocation of order 1
  free_pages(zone, cpu0, Pfn{20}, Order{1});
  CHECK(pages_of(zone, 1, movable).empty());  // the limit was reached, and this list comes first
  CHECK(pages_of(zone, 0, movable) == Pfns{13, 12});
  CHECK(free_list(zone, 1, movable) == Pfns{20, 10});
  drain_pages(zone, cpu0);
  CHECK(zone.pcp(cpu0).count == 0);
  CHECK(free_list(zone, 2, movable).empty());
  CHECK(verify(zone).empty());
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

TEST_CASE("v6.1 retypes all blocks of a large chunk that another type takes", "[fallback][v6_1]") {
  NewZone zone{pages(128)};
  CHECK(alloc_pages(zone, cpu0, Order{4}, unmovable)->pfn() == Pfn{0});
  CHECK(types(zone) == "UUMM");
  CHECK(free_list(zone, 4, unmovable) == Pfns{16});
  CHECK(free_list(zone, 5, unmovable) == Pfns{32});
}

TEST_CASE("v6.1 claims a block if half of it is free or of like use", "[fallback][v6_1]") {
  // Of block 0, pages 0 to 7 are free. The rest is in use: movable or not.
  const bool is_movable = GENERATE(false, true);
  NewZone zone{
      ZoneLayout{.spanned_pages = 32, .in_use = {{.range = {Pfn{8}, Pfn{32}}, .lru = is_movable}}}};
  CHECK(alloc_pages(zone, cpu0, Order{4}, unmovable) == std::nullopt);
  zone.set_pageset(1, 0);
  CHECK(alloc_pages(zone, cpu0, Order{0}, unmovable)->pfn() == Pfn{0});
  // What is in use and not movable is like what an unmovable request brings.
  CHECK(types(zone) == (is_movable ? "M" : "U"));
  CHECK(free_list(zone, 2, unmovable) == Pfns{4});  // all of the block went along in any case
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.1 gives a movable request the smallest chunk of another type", "[fallback][v6_1]") {
  // Free are page 1, and 8 to 9; chunks below half the order of a block claim nothing.
  NewZone zone{ZoneLayout{.spanned_pages = 32,
                          .in_use = {{{Pfn{0}, Pfn{1}}}, {{Pfn{2}, Pfn{8}}}, {{Pfn{10}, Pfn{32}}}},
                          .block_types = {{{Pfn{0}, Pfn{32}}, unmovable}}}};
  zone.set_pageset(1, 0);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable)->pfn() == Pfn{1});
  CHECK(types(zone) == "U");
  CHECK(free_list(zone, 1, unmovable) == Pfns{8});
}

}  // namespace pageblock::test
