// SPDX-License-Identifier: MIT
// A free names the order of the allocation, which is remembered in the first page.
#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::free_order_cases {

using enum MigrateType;

// As the kernel, which takes the caller's word.
struct KernelConfig : TinyConfig {
  static constexpr bool checks_free_order = false;
};
struct KernelV6_1Config : SmallV6_1Config {
  static constexpr bool checks_free_order = false;
};

template <typename Config>
Zone<Config> zone_of(std::uint64_t nr_pages) {
  return Zone<Config>{ZoneLayout{.spanned_pages = nr_pages}};
}

TEMPLATE_TEST_CASE("free_pages reports an order other than that of the allocation", "[page_alloc]",
                   TinyConfig, NullLockConfig, SmallV6_1Config) {
  auto zone = zone_of<TestType>(64);
  zone.set_pageset(4, 24);
  for (unsigned order = 0; order <= zone.top_order.value(); ++order) {
    const Pfn pfn = *alloc_pages(zone, cpu0, Order{order}, movable);
    for (unsigned other = 0; other <= zone.top_order.value(); ++other) {
      if (other == order || !pfn.is_aligned(Order{other})) continue;
      INFO("allocated with order " << order << ", freed with order " << other);
      CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, pfn, Order{other}), "another order");
    }
    if (order != 0) CHECK_VIOLATION_IN(zone, put_page(zone, cpu0, pfn), "another order");
    CHECK(free_pages(zone, cpu0, pfn, Order{order}) == FreeResult{});
    drain_all_pages(zone);
    CHECK(zone.nr_free_pages() == 64);
  }
}

TEST_CASE("free_pages reports the wrong order of a page on the LRU, and of one that is shared",
          "[page_alloc]") {
  TinyZone zone = free_zone(32);
  const Pfn pfn = *request(zone, 2);
  set_page_lru(zone, pfn, true);
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, pfn, Order{1}), "another order");
  get_page(zone, pfn);
  CHECK_VIOLATION_IN(zone, free_pages(zone, cpu0, pfn, Order{1}), "another order");
  CHECK(give_back(zone, pfn.value(), 2) == held);
  set_page_lru(zone, pfn, false);
  CHECK(give_back(zone, pfn.value(), 2) == freed);
  CHECK(zone.nr_free_pages() == 32);
}

TEST_CASE("free_pages does not ask for an order that nobody remembers", "[page_alloc]") {
  TinyZone zone = free_zone(32);
  const auto taken = [&](Pfn first, Order order) {
    for (Pfn pfn = first; pfn < first + order.nr_pages(); ++pfn) {
      CHECK(give_back(zone, pfn.value()) == freed);
    }
    drain_all_pages(zone);
    CHECK(zone.nr_free_pages() == 32);
    CHECK(verify(zone).empty());
  };
  SECTION("a chunk that was split") {
    const Pfn pfn = *request(zone, 3);
    split_page(zone, pfn, Order{3});
    taken(pfn, Order{3});
  }
  SECTION("a free chunk that was made single pages") {
    REQUIRE(split_free_page(zone, Pfn{16}) == 16);
    taken(Pfn{16}, Order{4});
  }
  SECTION("a contiguous range") {
    REQUIRE(alloc_contig_range(zone, cpu0, Pfn{8}, Pfn{16}, movable) == ok);
    free_contig_range(zone, cpu0, Pfn{8}, 4);
    taken(Pfn{12}, Order{2});
  }
}

TEST_CASE("who took a reference to a chunk may free its first page alone", "[page_alloc]") {
  // The allocator's free leaves it to the other holder, who knows no order; the tails are lost.
  TinyZone zone = free_zone(32);
  const Pfn pfn = *request(zone, 2);
  get_page(zone, pfn);
  CHECK(give_back(zone, pfn.value(), 2) == held);
  SECTION("by put_page") { CHECK(put_page(zone, cpu0, pfn) == freed); }
  SECTION("by free_pages of order 0") { CHECK(give_back(zone, pfn.value()) == freed); }
  CHECK(zone.nr_free_pages() == 29);
}

TEST_CASE("the order of an allocation is no part of a zone's value", "[page_alloc]") {
  // Page 8 in use with count 1: once as an allocation, once as the zone was made.
  TinyZone zone = free_zone(32);
  const Pfn pfn = *request(zone, 3);
  TinyZone same = zone;
  same.memmap().set_bits(pfn, PageBits{PageBits::in_use});
  CHECK(zone == same);
  CHECK(zone.hash() == same.hash());
  CHECK(zone.page(pfn).page_private() == 0);
  set_page_lru(zone, pfn, true);
  CHECK(zone.page(pfn).page_private() == 0);
  CHECK(!(zone == same));
  set_page_lru(same, pfn, true);
  CHECK(zone == same);
  // A page that nobody holds any more has no order.
  zone.memmap().set_count(pfn, 0);
  CHECK(zone.memmap().bits(pfn) == PageBits{PageBits::lru});
}

TEST_CASE("without the check a v3.6 zone loses what a free does not name", "[page_alloc]") {
  auto zone = zone_of<KernelConfig>(32);
  const Pfn pfn = *alloc_pages(zone, cpu0, Order{3}, movable);
  CHECK(free_pages(zone, cpu0, pfn, Order{2}) == FreeResult{});
  CHECK(zone.nr_free_pages() == 28);
  for (Pfn tail = pfn + 4; tail < pfn + 8; ++tail) CHECK(zone.page(tail).count() == 0);
  const Pfn other = *alloc_pages(zone, cpu0, Order{3}, movable);
  split_page(zone, other, Order{1});
  CHECK(zone.page(other + 1).count() == 1);
  CHECK(zone.page(other + 2).count() == 0);
}

TEST_CASE("without the check a v6.1 zone does what the kernel was seen to do", "[page_alloc]") {
  // User Mode Linux, 6.1.192: too small an order loses the rest; too large a one finds a free page
  // among what it frees, and drops all.
  auto zone = zone_of<KernelV6_1Config>(64);
  const Pfn low = *alloc_pages(zone, cpu0, Order{3}, movable);
  REQUIRE(low.is_aligned(Order{4}));
  const auto free_before = zone.nr_free_pages();
  SECTION("too small") {
    CHECK(free_pages(zone, cpu0, low, Order{2}) == FreeResult{});
    drain_all_pages(zone);
    CHECK(zone.nr_free_pages() == free_before + 4);
  }
  SECTION("too large") {
    const FreeResult result = free_pages(zone, cpu0, low, Order{4});
    CHECK(result == FreeResult{Freed::bad, 1});
    CHECK(zone.nr_free_pages() == free_before);
  }
}

}  // namespace pageblock::test::free_order_cases
