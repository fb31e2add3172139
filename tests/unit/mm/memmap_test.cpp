// SPDX-License-Identifier: MIT
#include "pageblock/mm/memmap.hpp"

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::memmap_cases {
namespace {

using Map = Memmap<TinyConfig>;
using Visits =
    std::vector<std::tuple<std::uint64_t, std::uint64_t, unsigned, std::uint64_t, std::uint64_t>>;

constexpr PageBits in_use{PageBits::in_use};

template <unsigned BlockOrder, Lockable L>
struct BlockConfig : DefaultConfig {
  static constexpr unsigned pageblock_order = BlockOrder;
  using Lock = L;
};

PageBits use(PageBits bits) { return bits.with(PageBits::in_use); }

Visits visits_of(const Map& map) {
  Visits visits;
  map.visit_meaning(
      [&](Pfn pfn, std::uint64_t nr, PageBits bits, std::uint64_t next, std::uint64_t prev) {
        visits.emplace_back(pfn.value(), nr, bits.raw(), next, prev);
      });
  return visits;
}

// Two maps that mean the same, or not, both ways and for visitors too.
bool same(const Map& a, const Map& b) {
  const bool is_same = a == b;
  CHECK(is_same == (b == a));
  CHECK(is_same == (visits_of(a) == visits_of(b)));
  return is_same;
}

}  // namespace

TEST_CASE("Memmap widens the zone to whole largest chunks", "[memmap]") {
  const Map map{Pfn{20}, 30};  // 20 to 49
  CHECK(map.base() == Pfn{16});
  CHECK(map.end() == Pfn{64});
}

TEST_CASE("Memmap starts with every largest chunk as population leaves it", "[memmap]") {
  //  |      0 (order 4)      |     16 (order 4)      |
  //  movable [16 0]: from 16 the next is 16 pages below
  const Map map{Pfn{0}, 32};
  CHECK(map.bits(Pfn{0}) == PageBits::chunk(Order{4}, MigrateType::movable));
  CHECK(map.bits(Pfn{16}) == PageBits::chunk(Order{4}, MigrateType::movable));
  for (const std::uint64_t inner : Pfns{1, 7, 8, 15, 17, 24})
    CHECK(map.bits(Pfn{inner}) == PageBits{});
  CHECK(map.next(Pfn{16}) == Pfn{0});
  CHECK(map.prev(Pfn{0}) == Pfn{16});
  CHECK(map.nr_records() == 0);
}

TEST_CASE("set_bits makes records for inner pages of a block, and only for them", "[memmap]") {
  // block   |8|9 ...     15|    8 has a place of its own, 9 to 15 have records together
  Map map{Pfn{0}, 32};
  CHECK(map.has_record(Pfn{8}));
  map.set_bits(Pfn{8}, in_use);
  CHECK(map.bits(Pfn{8}) == in_use);
  CHECK(map.nr_records() == 0);

  CHECK(!map.has_record(Pfn{9}));
  map.set_bits(Pfn{9}, in_use);
  CHECK(map.bits(Pfn{9}) == in_use);
  CHECK(map.bits(Pfn{10}) == PageBits{});
  CHECK(map.has_record(Pfn{15}));
  CHECK(map.nr_records() == 1);
}

TEST_CASE("transform changes whole blocks without records, and others page by page", "[memmap]") {
  // block   0        1        2        3
  //         |........|########|########|##......|
  Map map{Pfn{0}, 32};
  map.transform(Pfn{8}, Pfn{26}, use);
  CHECK(map.nr_records() == 1);
  CHECK(map.bits(Pfn{7}) == PageBits{});
  for (std::uint64_t pfn = 8; pfn < 26; ++pfn) {
    CHECK(map.bits(Pfn{pfn}).has(PageBits::in_use));
    CHECK(map.count(Pfn{pfn}) == 1);
  }
  CHECK(map.bits(Pfn{26}) == PageBits{});
}

TEST_CASE("transform of a part of a block leaves its other pages as the cover said", "[memmap]") {
  Map map{Pfn{0}, 32};
  map.transform(Pfn{8}, Pfn{16}, use);
  map.transform(Pfn{10}, Pfn{12}, [](PageBits) { return PageBits{}; });
  CHECK(map.count(Pfn{8}) == 1);
  CHECK(map.count(Pfn{9}) == 1);
  CHECK(map.count(Pfn{10}) == 0);
  CHECK(map.count(Pfn{11}) == 0);
  CHECK(map.count(Pfn{12}) == 1);
}

TEST_CASE("find_if finds the first page, in records and in covers", "[memmap]") {
  const auto is_used = [](PageBits bits) { return bits.has(PageBits::in_use); };
  Map map{Pfn{0}, 48};
  CHECK(map.find_if(Pfn{1}, Pfn{48}, is_used) == Pfn{48});
  map.set_bits(Pfn{13}, in_use);
  map.transform(Pfn{24}, Pfn{32}, use);
  CHECK(map.find_if(Pfn{17}, Pfn{48}, is_used) == Pfn{24});
  map.set_bits(Pfn{24}, PageBits{});
  CHECK(map.find_if(Pfn{1}, Pfn{48}, is_used) == Pfn{13});
  CHECK(map.find_if(Pfn{13}, Pfn{48}, is_used) == Pfn{13});
  CHECK(map.find_if(Pfn{14}, Pfn{48}, is_used) == Pfn{25});
  CHECK(map.find_if(Pfn{28}, Pfn{48}, is_used) == Pfn{28});
  CHECK(map.find_if(Pfn{14}, Pfn{20}, is_used) == Pfn{20});
  CHECK(map.find_if(Pfn{33}, Pfn{36}, is_used) == Pfn{36});  // not the next block
}

TEST_CASE("get and put_testzero count references", "[memmap]") {
  Map map{Pfn{0}, 32};
  for (const Pfn pfn : {Pfn{8}, Pfn{13}, Pfn{16}}) {  // first page, inner page, first of a chunk
    map.set_bits(pfn, PageBits{});
    map.set_count(pfn, 1);
    CHECK(!map.bits(pfn).has(PageBits::shared));
    auto page = map.slot(map.index(pfn));
    page.get();
    page.get();
    CHECK(map.bits(pfn).has(PageBits::shared));
    CHECK(map.count(pfn) == 3);
    CHECK(!page.put_testzero());
    CHECK(!page.put_testzero());
    CHECK(map.count(pfn) == 1);
    CHECK(page.put_testzero());
  }
}

TEST_CASE("Memmap means the same by a page that is shared no more", "[memmap]") {
  Map map{Pfn{0}, 32};
  map.set_count(Pfn{13}, 1);
  const Map before{map};
  auto page = map.slot(13);
  page.get();
  CHECK(!same(map, before));
  CHECK(!page.put_testzero());
  CHECK(same(map, before));
}

TEST_CASE("make_records gives records to all pages of a block", "[memmap]") {
  Map map{Pfn{0}, 32};
  CHECK(!map.is_recorded(9));
  CHECK(!map.is_recorded(16));  // the first page of a block
  map.make_records(Pfn{9});
  CHECK(map.is_recorded(8));
  CHECK(map.is_recorded(15));
  CHECK(!map.is_recorded(17));
  CHECK(same(map, Map{Pfn{0}, 32}));
}

TEST_CASE("pages and blocks have the links and the count that they were given", "[memmap]") {
  Map map{Pfn{64}, 64};
  const auto check_links = [&map](auto tier, std::uint32_t page) {
    map.set_next(tier, page, 5);
    map.set_prev(tier, page, ~0U);
    CHECK(map.next(tier, page) == 5);
    CHECK(map.prev(tier, page) == ~0U);
  };
  for (const std::uint32_t page : {0U, 8U, 16U, 56U}) check_links(in_blocks, page);
  for (const std::uint32_t page : {0U, 13U, 16U, 63U}) {
    map.slot(page).set_count(7);
    CHECK(map.slot(page).count() == 7);
    check_links(in_pages, page);
  }
  for (const std::uint32_t page : {0U, 8U, 16U, 56U}) CHECK(map.next(in_blocks, page) == 5);
}

TEST_CASE("records of a block take over what its entry says, and then count alone", "[memmap]") {
  //  block   |8|9 ... 15|   its entry says what 8 is, until there are records
  Map map{Pfn{0}, 32};
  map.set_bits(Pfn{8}, in_use);
  map.make_records(Pfn{8});
  CHECK(map.bits(Pfn{8}) == in_use);
  map.set_bits(in_pages, 8, PageBits{});  // as a free of the page: its entry is not told
  CHECK(map.bits(Pfn{8}) == PageBits{});
  map.set_bits(in_blocks, 8, PageBits::chunk(Order{3}, MigrateType::movable));
  CHECK(map.bits(Pfn{8}).is_chunk(Order{3}));
  CHECK(map.bits_of(in_blocks, 8).is_chunk(Order{3}));
  CHECK(map.bits_of(in_pages, 8).is_chunk(Order{3}));
}

TEST_CASE("an index counts from the map's base, above any start", "[memmap]") {
  const Pfn start{std::uint64_t{5} << 32};
  const Map map{start, 32};
  CHECK(map.index(start + 16) == 16);
  CHECK(map.pfn(16) == start + 16);
  CHECK(map.next(start + 16) == start);
  CHECK(map.contains(start + 31));
  CHECK(!map.contains(start + 32));
  CHECK(!map.contains(start - 1));
}

TEST_CASE("tail_has looks at every page of a chunk but the first", "[memmap]") {
  Map map{Pfn{0}, 32};
  const auto has = [&map](std::uint32_t page, unsigned order) {
    return map.tail_has(page, Order{order}, PageBits::in_use);
  };
  map.set_bits(Pfn{8}, in_use);
  CHECK(!has(8, 0));
  CHECK(!has(8, 3));  // no records
  CHECK(has(0, 4));   // the first page of a block behind
  map.set_bits(Pfn{8}, PageBits{});
  map.set_bits(Pfn{15}, in_use);
  CHECK(!has(8, 2));
  CHECK(has(8, 3));
  CHECK(has(14, 1));
  CHECK(has(0, 4));
  map.set_bits(Pfn{15}, PageBits{});
  CHECK(!has(8, 3));
  map.transform(Pfn{16}, Pfn{24}, use);
  CHECK(has(16, 3));  // the cover
}

TEMPLATE_TEST_CASE("tail_has finds a page at any place in a chunk, and none beside it", "[memmap]",
                   (BlockConfig<1, NullLock>), (BlockConfig<4, NullLock>),
                   (BlockConfig<9, NullLock>), (BlockConfig<4, Spinlock>),
                   (BlockConfig<9, Spinlock>)) {
  Memmap<TestType> map{Pfn{0}, std::uint64_t{1} << TestType::max_order};
  const auto pages = std::uint32_t{1} << TestType::pageblock_order;
  map.make_records(Pfn{0});
  for (std::uint32_t odd = 0; odd < pages; ++odd) {
    map.set_bits(Pfn{odd}, PageBits{PageBits::lru});
    bool is_right = true;
    for (unsigned order = 0; order <= TestType::pageblock_order; ++order) {
      for (std::uint32_t page = 0; page < pages; page += 1U << order) {
        const bool is_in = odd > page && odd < page + (1U << order);
        is_right &= map.tail_has(page, Order{order}, PageBits::lru | PageBits::hole) == is_in;
        is_right &= !map.tail_has(page, Order{order}, PageBits::in_use);
      }
    }
    CAPTURE(odd);
    CHECK(is_right);
    map.set_bits(Pfn{odd}, PageBits{});
  }
}

TEST_CASE("fill and have_private take every page of a range, its block's first too, or some",
          "[memmap]") {
  Map map{Pfn{0}, 32};
  map.make_records(Pfn{8});
  const auto marked = [](unsigned number) { return PageBits{}.with_private(number); };
  map.fill({Pfn{8}, Pfn{14}}, marked(2));
  CHECK(map.have_private({Pfn{8}, Pfn{14}}, 2));
  CHECK(map.have_private({Pfn{9}, Pfn{14}}, 2));
  CHECK(!map.have_private({Pfn{8}, Pfn{15}}, 2));
  map.set_bits(Pfn{8}, marked(1));
  CHECK(!map.have_private({Pfn{8}, Pfn{14}}, 2));
  CHECK(map.have_private({Pfn{9}, Pfn{14}}, 2));
  map.fill({Pfn{8}, Pfn{16}}, marked(3), 4);
  CHECK(map.bits(Pfn{8}) == marked(3));
  CHECK(map.bits(Pfn{9}) == marked(2));
  CHECK(map.bits(Pfn{12}) == marked(3));
  CHECK(map.have_private({Pfn{8}, Pfn{16}}, 3, 4));
  CHECK(!map.have_private({Pfn{8}, Pfn{16}}, 3, 2));
}

TEST_CASE("Memmap copies have their own records", "[memmap]") {
  Map map{Pfn{0}, 32};
  map.set_bits(Pfn{9}, in_use);
  Map copy{map};
  CHECK(same(map, copy));
  copy.set_count(Pfn{9}, 3);
  CHECK(map.count(Pfn{9}) == 1);
  CHECK(!same(map, copy));

  const Map moved{std::move(copy)};
  CHECK(moved.count(Pfn{9}) == 3);
  map = moved;
  CHECK(map.count(Pfn{9}) == 3);
  CHECK(map.nr_records() == 1);
}

TEST_CASE("Memmap compares what pages mean, not whether they have records", "[memmap]") {
  const Map untouched{Pfn{0}, 32};
  Map map{Pfn{0}, 32};
  map.make_records(Pfn{9});
  CHECK(map.nr_records() == 1);
  CHECK(same(map, untouched));

  map.set_bits(Pfn{9}, in_use);
  CHECK(!same(map, untouched));
  map.set_bits(Pfn{9}, PageBits{});
  map.set_next(in_pages, 9, 77);  // the dead link of a page that is on no list
  CHECK(same(map, untouched));

  map.set_bits(Pfn{9}, PageBits{}.with_private(5));  // a stale private matters
  CHECK(!same(map, untouched));
}

TEST_CASE("Memmap compares the links of heads and the counts of used pages", "[memmap]") {
  const Map untouched{Pfn{0}, 32};
  Map map{Pfn{0}, 32};
  map.set_next(in_blocks, 16, 16);
  CHECK(!same(map, untouched));
  map.set_next(in_blocks, 16, map.index(untouched.next(Pfn{16})));
  CHECK(same(map, untouched));

  Map one{Pfn{0}, 32};
  Map two{Pfn{0}, 32};
  one.set_count(Pfn{8}, 1);
  two.set_count(Pfn{8}, 2);
  CHECK(!same(one, two));
  CHECK(!same(one, Map{Pfn{16}, 32}));
}

TEST_CASE("Memmap means the same where one has a cover and the other records", "[memmap]") {
  Map cover{Pfn{0}, 32};
  Map records{Pfn{0}, 32};
  cover.transform(Pfn{8}, Pfn{16}, use);
  for (std::uint64_t pfn = 8; pfn < 16; ++pfn) records.set_count(Pfn{pfn}, 1);
  CHECK(cover.nr_records() == 0);
  CHECK(records.nr_records() == 1);
  CHECK(same(cover, records));
}

TEST_CASE("free_chunk_of finds a chunk from any of its pages, and none that is too small",
          "[memmap]") {
  Map map{Pfn{0}, 32};
  for (const std::uint64_t head : {0U, 16U}) map.set_bits(Pfn{head}, PageBits{});  // as populated
  map.set_bits(Pfn{0}, PageBits::chunk(Order{1}, MigrateType::movable));
  map.set_bits(Pfn{8}, PageBits::chunk(Order{3}, MigrateType::movable));
  CHECK(map.free_chunk_of(Pfn{0}) == Pfn{0});
  CHECK(map.free_chunk_of(Pfn{1}) == Pfn{0});
  CHECK_FALSE(map.free_chunk_of(Pfn{2}));
  CHECK(map.free_chunk_of(Pfn{15}) == Pfn{8});
  CHECK_FALSE(map.free_chunk_of(Pfn{16}));
  CHECK_FALSE(map.free_chunk_of(Pfn{1}, Order{2}));
  CHECK(map.free_chunk_of(Pfn{12}, Order{3}) == Pfn{8});
  CHECK(map.free_chunk_of(Pfn{12}).value_or(Pfn{3}) == Pfn{8});
  CHECK(map.free_chunk_of(Pfn{20}).value_or(Pfn{3}) == Pfn{3});
}

TEST_CASE("Memmap sees each difference in a map of many blocks that nobody touched", "[memmap]") {
  constexpr std::uint64_t nr_pages = 6 * 1024;  // some hundred blocks are passed at once
  const Map untouched{Pfn{0}, nr_pages};
  CHECK(visits_of(untouched).empty());
  for (const std::uint64_t pfn : Pfns{0, 1, 2047, 2048, 2049, 4100, nr_pages - 1}) {
    CAPTURE(pfn);
    Map map = untouched;
    map.set_bits(Pfn{pfn}, PageBits{}.with(PageBits::in_use));
    CHECK_FALSE(same(map, untouched));
    CHECK(visits_of(map).size() == 1);
    CHECK(same(map, Map{map}));
  }
}

TEST_CASE("Memmap visits a long hole once, however it is stored", "[memmap]") {
  const auto make_hole = [](Map& map, std::uint64_t start, std::uint64_t end) {
    map.transform(Pfn{start}, Pfn{end}, [](PageBits) { return PageBits{}.with(PageBits::hole); });
  };
  Map map{Pfn{0}, 6 * 1024};
  make_hole(map, 24, 5003);
  const Visits visits = visits_of(map);
  REQUIRE(visits.size() == 1);
  CHECK(visits[0] ==
        Visits::value_type{24, 5003 - 24, PageBits{}.with(PageBits::hole).raw(), 0, 0});

  Map recorded = map;
  for (const std::uint64_t pfn : Pfns{30, 1111, 2048, 4999}) recorded.make_records(Pfn{pfn});
  CHECK(same(map, recorded));

  // Other bits in the middle: of a first page, of the last one of its block, of all pages of a block.
  for (const auto& [start, end] : {PfnRange{Pfn{2048}, Pfn{2049}}, PfnRange{Pfn{2047}, Pfn{2048}},
                                   PfnRange{Pfn{2048}, Pfn{2064}}}) {
    Map other = map;
    other.transform(start, end, [](PageBits bits) { return bits.with(PageBits::reserved); });
    CHECK_FALSE(same(map, other));
    CHECK(visits_of(other).size() == 3);
  }
}

}  // namespace pageblock::test::memmap_cases
