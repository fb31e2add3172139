// SPDX-License-Identifier: MIT
#include "pageblock/lab/verify.hpp"

#include <memory>
#include <string>
#include <vector>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/zones.hpp"

namespace pageblock::test::verify_cases {
namespace {

using Words = std::vector<std::string>;
using Map = Memmap<TinyConfig>;

// The whole answer for a zone that @p corrupt has changed.
template <typename Corrupt>
Words verified(TinyZone zone, Corrupt corrupt) {
  REQUIRE(verify(zone) == Words{});
  corrupt(zone);
  return verify(zone);
}

//  pages 0-15 in use; order 0 movable [12 2], order 1 unmovable [6] (blocks of 8 pages)
TinyZone scattered() {
  TinyZone zone = used_zone(16);
  const std::lock_guard guard{zone.lock()};
  for (const std::uint64_t pfn : Pfns{2, 6, 7, 12}) zone.memmap().set_count(Pfn{pfn}, 0);
  detail::free_one_page(zone, Pfn{2}, Order{0}, MigrateType::movable);
  detail::free_one_page(zone, Pfn{12}, Order{0}, MigrateType::movable);
  detail::free_one_page(zone, Pfn{6}, Order{1}, MigrateType::unmovable);
  return zone;
}

// The same with page 9 on the movable list of CPU 0, and page 4 on the unmovable list of CPU 1.
TinyZone with_pcp_pages() {
  TinyZone zone = scattered();
  zone.set_pageset(4, 8);
  free_pages(zone, cpu0, Pfn{9}, Order{0});
  zone.pageblock_flags().set(Pfn{4}, MigrateType::unmovable);
  free_pages(zone, cpu1, Pfn{4}, Order{0});
  return zone;
}

// Access to private members, so that what no public call can break can be broken: an explicit
// instantiation may name them.
auto& covers_of(Map& map);
auto& records_of(Map& map);
auto& orders_of(FreeArea<TinyConfig>& area);

template <auto Covers, auto Records, auto Orders>
struct Private {
  friend auto& covers_of(Map& map) { return map.*Covers; }
  friend auto& records_of(Map& map) { return map.*Records; }
  friend auto& orders_of(FreeArea<TinyConfig>& area) { return area.*Orders; }
};
template struct Private<&Map::covers_, &Map::states_, &FreeArea<TinyConfig>::orders_>;

// The zones begin at 0, so an index in the map is a pfn.

}  // namespace

TEST_CASE("verify finds nothing in zones that calls have made", "[verify]") {
  CHECK(verify(TinyZone{}) == Words{});
  CHECK(verify(TinyZone{pages(384)}) == Words{});
  CHECK(verify(TinyZone{{.start_pfn = Pfn{3},
                         .spanned_pages = 70,
                         .holes = {{Pfn{9}, Pfn{20}}},
                         .reserved = {{Pfn{30}, Pfn{32}}}}}) == Words{});
  TinyZone zone = with_pcp_pages();
  CHECK(start_isolate_page_range(zone, block(1), block(2), MigrateType::movable) == ok);
  CHECK(verify(zone) == Words{});
}

TEST_CASE("verify names a page on a free list that is no such chunk", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{12}, PageBits::chunk(Order{0}, MigrateType::cma));
        }) == Words{"order 0 Movable: page 12 is not the head of such a chunk"});
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{12}, PageBits{});
        }) == Words{"order 0 Movable: page 12 is not the head of such a chunk"});
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.free_area().del(zone.memmap(), Pfn{6});
          zone.free_area().add_head(zone.memmap(), Pfn{7}, Order{1}, MigrateType::unmovable);
          zone.memmap().set_count(Pfn{8}, 0);
        }) == Words{"order 1 Unmovable: chunk 7 is not aligned"});
  CHECK(verified(TinyZone{pages(20)},
                 [](TinyZone& zone) {
                   zone.free_area().del(zone.memmap(), Pfn{16});
                   zone.free_area().add_head(zone.memmap(), Pfn{16}, Order{3},
                                             MigrateType::movable);
                   zone.mod_nr_free_pages(4);
                 }) == Words{"order 3 Movable: chunk 16 leaves the zone",
                             "page 20 is on the Movable list, in chunk 16, and in a hole"});
}

TEST_CASE("verify names broken links", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.memmap().set_prev(in_pages, 2, 3); }) ==
        Words{"order 0 Movable: chunk 2 does not link back to the one before"});
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.memmap().set_next(in_pages, 12, 12); }) ==
        Words{"order 0 Movable: counts 2 chunks, but ends after 1",
              "order 0 Movable: the last chunk is 12, not 2",
              "NR_FREE_PAGES is 4, on the lists are 3 pages",
              "page 2 is a chunk head, but on no list"});
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.memmap().set_next(in_pages, 2, 12); }) ==
        Words{"order 0 Movable: counts 2 chunks, but goes on after chunk 2"});
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.memmap().set_next(in_pages, 12, 16); }) ==
        Words{"order 0 Movable: leads to 16, no chunk of the zone",
              "NR_FREE_PAGES is 4, on the lists are 3 pages",
              "page 2 is a chunk head, but on no list"});
  CHECK(verified(TinyZone{pages(32)},
                 [](TinyZone& zone) { zone.memmap().set_next(in_blocks, 16, 20); }) ==
        Words{"order 4 Movable: leads to 20, no chunk of the zone",
              "NR_FREE_PAGES is 32, on the lists are 16 pages",
              "page 0 is a chunk head, but on no list"});
}

TEST_CASE("verify names chunk heads that no list knows", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{10}, PageBits::chunk(Order{0}, MigrateType::movable));
        }) == Words{"page 10 is a chunk head, but on no list"});
  CHECK(verified(TinyZone{pages(16)}, [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{8}, PageBits::chunk(Order{0}, MigrateType::movable));
        }) == Words{"page 8 is a chunk head inside chunk 0"});
}

TEST_CASE("verify names free buddies that are not merged", "[verify]") {
  //  |  0  |  1  |   both free with order 0
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_count(Pfn{3}, 0);
          zone.free_area().add_head(zone.memmap(), Pfn{3}, Order{0}, MigrateType::isolate);
          zone.mod_nr_free_pages(1);
        }) == Words{"chunks 2 and 3 of order 0 are not merged"});
}

TEST_CASE("verify names pages that are in two places", "[verify]") {
  CHECK(
      verified(with_pcp_pages(), [](TinyZone& zone) {
        zone.pcp(cpu1).list(MigrateType::movable).reserve(1);
        zone.pcp(cpu1).list(MigrateType::movable).push_head(Pfn{9});
        zone.pcp(cpu1).count += 1;
      }) == Words{"page 9 is on the Movable list of CPU 0 and again on the Movable list of CPU 1"});
  CHECK(verified(scattered(),
                 [](TinyZone& zone) {
                   zone.pcp(cpu0).list(MigrateType::movable).reserve(1);
                   zone.pcp(cpu0).list(MigrateType::movable).push_head(Pfn{7});
                   zone.pcp(cpu0).count += 1;
                   zone.memmap().set_bits(Pfn{7}, PageBits{}.with_private(2));
                 }) ==
        Words{"page 7 is on the Unmovable list, in chunk 6 and again on the Movable list of "
              "CPU 0"});
}

TEST_CASE("verify names free pages that somebody uses", "[verify]") {
  const auto with = [](unsigned flags) {
    return [flags](TinyZone& zone) { zone.memmap().set_bits(Pfn{7}, PageBits{}.with(flags)); };
  };
  const std::string listed = "page 7 is on the Unmovable list, in chunk 6, and ";
  CHECK(verified(scattered(), with(PageBits::lru)) == Words{listed + "marked as on an LRU list"});
  CHECK(verified(scattered(), with(PageBits::reserved)) == Words{listed + "reserved"});
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.memmap().set_count(Pfn{7}, 1); }) ==
        Words{listed + "in use"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) { zone.memmap().set_count(Pfn{9}, 2); }) ==
        Words{"page 9 is on the Movable list of CPU 0, and in use"});
}

TEST_CASE("verify names pages that should not be on a CPU's list", "[verify]") {
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) { zone.pcp(cpu0).count = 3; }) ==
        Words{"CPU 0: counts 3 pages, has 1"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{9}, PageBits{}.with_private(0));
        }) == Words{"CPU 0 Movable: page 9 has private 0, which does not belong there"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{9}, PageBits{}.with_private(9));
        }) == Words{"CPU 0 Movable: page 9 has private 9, which does not belong there"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{4}, PageBits{}.with_private(3));
        }) == Words{"CPU 1 Unmovable: page 4 has private 3, which does not belong there"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{9}, PageBits::chunk(Order{2}, MigrateType::movable));
        }) == Words{"CPU 0 Movable: page 9 is a chunk head"});
  CHECK(verified(with_pcp_pages(), [](TinyZone& zone) {
          zone.pcp(cpu0).list(MigrateType::movable).push_tail(Pfn{16});
          zone.pcp(cpu0).count += 1;
        }) == Words{"CPU 0 Movable: page 16 is not in the zone"});
}

TEST_CASE("verify recounts the counters", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) { zone.mod_nr_free_pages(1); }) ==
        Words{"NR_FREE_PAGES is 5, on the lists are 4 pages"});
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{1}, PageBits{PageBits::hole});
        }) == Words{"15 pages are present, 16 are counted"});
  CHECK(verified(TinyZone{pages(20)},
                 [](TinyZone& zone) { zone.memmap().set_bits(Pfn{20}, PageBits{}); }) ==
        Words{"pages [0, 21) are memory, but not all in the zone",
              "21 pages are present, 20 are counted"});
}

TEST_CASE("verify names pages whose state contradicts itself", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_count(Pfn{1}, 2);
          zone.memmap().slot(1).set_count(0);
        }) == Words{"page 1 is in use with count 0"});
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.memmap().set_count(Pfn{1}, 0);
          zone.memmap().set_bits(Pfn{1}, PageBits{PageBits::shared});
        }) == Words{"page 1 is shared, and not in use"});
  CHECK(verified(TinyZone{pages(20)}, [](TinyZone& zone) {
          zone.memmap().set_bits(Pfn{24}, PageBits{PageBits::hole | PageBits::lru});
        }) == Words{"page 24 is in a hole, and a chunk head, in use, on the LRU or reserved"});
}

TEST_CASE("verify names blocks whose types cannot be", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) {
          zone.pageblock_flags().set(Pfn{8}, static_cast<MigrateType>(7));
        }) == Words{"the block at 8 has the unknown type 7"});
  CHECK(verified(scattered(), [](TinyZone& zone) {
          set_pageblock_migratetype(zone, Pfn{8}, MigrateType::isolate);
        }) == Words{"pageblocks of type isolate: 1, counted: 0"});
}

TEST_CASE("verify allows a count of isolated pageblocks that stealing left too high", "[verify]") {
  // The chunk 0 covers both blocks: the move does not see it, the steal retypes block 1 as well.
  TinyZone zone{pages(16)};
  CHECK(set_migratetype_isolate(zone, Pfn{8}) == ok);
  CHECK(request(zone, 0, MigrateType::unmovable) == Pfn{0});
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == MigrateType::unmovable);
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(verify(zone) == Words{});
}

TEST_CASE("verify names blocks of which it is not clear what their pages are", "[verify]") {
  CHECK(verified(scattered(), [](TinyZone& zone) { records_of(zone.memmap())[0] = 3; }) ==
        Words{"block at 0: it is not known whether its pages have records"});
  CHECK(verified(TinyZone{pages(32)},
                 [](TinyZone& zone) {
                   covers_of(zone.memmap())[3] =
                       PageBits::chunk(Order{0}, MigrateType::movable).raw();
                 }) == Words{"page 25 is a chunk head inside chunk 16",
                             "block at 24: the cover says that inner pages are chunk heads"});
}

TEST_CASE("verify names orders that the mask of a type's lists has wrong", "[verify]") {
  CHECK(verified(scattered(),
                 [](TinyZone& zone) {
                   orders_of(zone.free_area())[index_of(MigrateType::movable)] = 0b10;
                 }) == Words{"order 0 Movable: has 2 chunks, but the mask of orders says none",
                             "order 1 Movable: has 0 chunks, but the mask of orders says some"});
}

}  // namespace pageblock::test::verify_cases
