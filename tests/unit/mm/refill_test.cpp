/// How per-CPU lists are filled: section 3.
#include "pageblock/mm/refill.hpp"

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test {
namespace {

using enum MigrateType;

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

}  // namespace pageblock::test
