// SPDX-License-Identifier: MIT
/// How per-CPU lists are filled: section 3.
#include "pageblock/mm/refill.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/zones.hpp"

namespace pageblock::test::refill_cases {
namespace {

using enum MigrateType;

struct SmallBlockConfig : TwoPageConfig {
  static constexpr unsigned max_order = 4;
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

Pfns cpu_list(const TinyZone& zone) {
  Pfns pfns;
  const PcpList& list = zone.pcp(cpu0).list(movable);
  for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i].value());
  return pfns;
}

}  // namespace

TEST_CASE("a refill takes the pages of a chunk in ascending order, and leaves the rest",
          "[refill]") {
  // order 4 at 16, batch 6:   16 | 17 18 19 20 21 | 22 (order 1) | 24 (order 3)
  TinyZone zone{pages(32)};
  zone.set_pageset(6, 12);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable) == zone.page(Pfn{16}));
  CHECK(cpu_list(zone) == Pfns{17, 18, 19, 20, 21});
  CHECK(zone.pcp(cpu0).count == 5);
  CHECK(zone.nr_free_pages() == 26);
  CHECK(free_list(zone, 1, movable) == Pfns{22});
  CHECK(free_list(zone, 3, movable) == Pfns{24});
  CHECK(verify(zone).empty());
}

TEST_CASE("a cold refill lists pages the other way round", "[refill]") {
  TinyZone zone{pages(32)};
  zone.set_pageset(4, 8);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable, Temperature::cold) == zone.page(Pfn{16}));
  CHECK(cpu_list(zone) == Pfns{19, 18, 17});
}

TEST_CASE("a refill marks each page with the type of its own block, where a zone is unaligned",
          "[refill]") {
  // v3.6 counts the blocks of types from the zone's start: 5 to 12, 13 to 20, ...
  //
  //     chunk of order 3 at 8:   8 9 10 11 12 | 13 14 15
  //     type                     movable      | cma, which its pages keep
  TinyZone zone{{.start_pfn = Pfn{5}, .spanned_pages = 11}};
  zone.pageblock_flags().set(Pfn{13}, cma);
  zone.set_pageset(11, 22);
  for (std::uint64_t pfn = 5; pfn < 8; ++pfn) {  // smaller chunks come first
    static_cast<void>(alloc_pages(zone, cpu0, Order{0}, movable));
  }
  CHECK(zone.page(Pfn{12}).page_private() == number_of<TinyConfig>(movable));
  CHECK(zone.page(Pfn{13}).page_private() == number_of<TinyConfig>(cma));
  CHECK(zone.page(Pfn{15}).page_private() == number_of<TinyConfig>(cma));
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.1 marks a page with the type of the list that it comes from, not of its block",
          "[refill][v6_1]") {
  using NewZone = Zone<SmallV6_1Config>;
  constexpr unsigned of_movable = number_of<SmallV6_1Config>(movable);
  constexpr unsigned of_cma = number_of<SmallV6_1Config>(cma);
  const auto marks = [](const NewZone& zone) {
    std::vector<unsigned> of_pages;
    const PcpList& list = zone.pcp(cpu0).list(movable);
    for (std::size_t i = 0; i < list.size(); ++i) {
      of_pages.push_back(zone.page(list[i]).page_private());
    }
    return of_pages;
  };
  NewZone from_movable{pages(64)};
  from_movable.set_pageset(4, 16);
  set_pageblock_migratetype(from_movable, Pfn{0}, cma);  // its chunk stays where it is
  set_pageblock_migratetype(from_movable, Pfn{32}, cma);
  REQUIRE(alloc_pages(from_movable, cpu0, Order{0}, movable));
  CHECK(marks(from_movable) == std::vector{of_movable, of_movable, of_movable});

  // One page of a movable block, then those of a CMA block.
  NewZone from_cma{{.spanned_pages = 64,
                    .in_use = {{{Pfn{0}, Pfn{28}}}, {{Pfn{32}, Pfn{63}}}},
                    .block_types = {{{Pfn{0}, Pfn{32}}, cma}}}};
  from_cma.set_pageset(4, 16);
  REQUIRE(alloc_pages(from_cma, cpu0, Order{0}, unmovable) == from_cma.page(Pfn{63}));
  REQUIRE(alloc_pages(from_cma, cpu0, Order{0}, movable) == from_cma.page(Pfn{28}));
  CHECK(marks(from_cma) == std::vector{of_cma, of_cma, of_cma});
  CHECK(verify(from_cma).empty());
}

TEST_CASE("v6.1 refills lists of chunks that are larger than a pageblock", "[refill][v6_1]") {
  Zone<SmallBlockConfig> zone{{.start_pfn = Pfn{16}, .spanned_pages = 16}};
  zone.set_pageset(4, 24);
  CHECK(alloc_pages(zone, cpu0, Order{2}, movable) == zone.page(Pfn{16}));
  REQUIRE(zone.pcp(cpu0).list(movable, Order{2}).size() == 1);
  CHECK(zone.pcp(cpu0).list(movable, Order{2})[0] == Pfn{20});
  CHECK(zone.nr_free_pages() == 8);
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.1 refills with both huge pages of a chunk, and marks both", "[refill][v6_1]") {
  Zone<SmallV6_1Config> zone{pages(128)};
  zone.set_pageset(16, 200);
  const auto page = alloc_pages(zone, cpu0, Order{5}, movable);
  REQUIRE(page);
  const PcpList& list = zone.pcp(cpu0).list(movable, Order{5});
  REQUIRE(list.size() == 1);
  CHECK(list[0] == page->pfn() + 32);
  CHECK(zone.page(list[0]).page_private() == number_of<SmallV6_1Config>(movable));
  CHECK(zone.nr_free(Order{5}) == 0);
  CHECK(zone.nr_free(Order{6}) == 1);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::refill_cases
