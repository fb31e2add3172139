// SPDX-License-Identifier: MIT
#include "pageblock/mm/free_area.hpp"

#include <optional>

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::free_area_cases {
namespace {

using enum MigrateType;

// A map whose pages all have count 0 and are on no list, and empty lists.
template <ZoneConfig Config>
struct Lists {
  explicit Lists(std::uint64_t nr_pages) : map{Pfn{0}, nr_pages}, flags{Pfn{0}, nr_pages} {
    map.transform(Pfn{0}, Pfn{nr_pages}, [](PageBits) { return PageBits{}; });
  }

  void free(std::uint64_t pfn, unsigned order, MigrateType type) {
    area.free_one_page(map, flags, Pfn{pfn}, Order{order}, type);
  }
  std::optional<Pfn> alloc(unsigned order, MigrateType type) {
    return area.rmqueue_smallest(map, Order{order}, type);
  }
  // Head first; checks the links on the way, in both directions.
  [[nodiscard]] Pfns list(unsigned order, MigrateType type) const {
    Pfns pfns;
    std::optional<Pfn> before;
    for (const Pfn pfn : area.list(map, Order{order}, type)) {
      CHECK(map.prev(pfn) == before.value_or(pfn));
      pfns.push_back(pfn.value());
      before = pfn;
    }
    if (before) CHECK(map.next(*before) == *before);
    return pfns;
  }

  Memmap<Config> map;
  PageblockFlags<Config> flags;
  FreeArea<Config> area;
};
using TinyLists = Lists<TinyConfig>;

}  // namespace

TEST_CASE("free_one_page of the worked example uses head, merge and tail", "[free_area]") {
  // pfn    0 1 2 3 4 5 6 7 8 9 a b c d e f
  // free                           12         [12]                  buddy 13 in use, head
  //            2                   12         [2 12]
  //            2-3                 12         [12], order 1 [2]     merged
  //        0   2-3                 12         [12 0]                tail: 2-3 may soon join it
  //        0   2-3         8       12         [8 12 0]              head: nothing at 10
  TinyLists lists{16};
  lists.free(12, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{12});
  lists.free(2, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{2, 12});
  lists.free(3, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{12});
  CHECK(lists.list(1, movable) == Pfns{2});
  lists.free(0, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{12, 0});
  lists.free(8, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{8, 12, 0});
  CHECK(lists.area.nr_free(Order{0}) == 3);
  CHECK(lists.area.nr_free(Order{1}) == 1);
}

TEST_CASE("free_one_page merges up to the largest order and no further", "[free_area]") {
  TinyLists lists{32};
  for (std::uint64_t pfn = 0; pfn < 32; ++pfn) lists.free(pfn, 0, movable);
  CHECK(lists.list(4, movable) == Pfns{16, 0});
  for (unsigned order = 0; order < 4; ++order) CHECK(lists.area.nr_free(Order{order}) == 0);
}

TEST_CASE("free_one_page merges chunks of different types onto the list of the last freed",
          "[free_area]") {
  // unmovable [8], free 0 with order 3 as isolate: one chunk over two blocks, all on isolate
  TinyLists lists{16};
  lists.free(8, 3, unmovable);
  lists.free(0, 3, isolate);
  CHECK(lists.list(3, unmovable).empty());
  CHECK(lists.list(4, isolate) == Pfns{0});
}

TEST_CASE("free_one_page merges with a buddy of the same order only", "[free_area]") {
  TinyLists lists{16};
  lists.free(4, 1, movable);  // half of the buddy of 0-3
  lists.free(0, 2, movable);
  CHECK(lists.list(2, movable) == Pfns{0});
  CHECK(lists.list(1, movable) == Pfns{4});
}

TEST_CASE("free_one_page uses the tail up to order MAX_ORDER - 3", "[free_area]") {
  SECTION("order 2: the pair above, 8-15, is free") {
    TinyLists lists{48};
    lists.free(32, 2, movable);
    lists.free(8, 3, movable);
    lists.free(0, 2, movable);
    CHECK(lists.list(2, movable) == Pfns{32, 0});
  }
  SECTION("order 3 would complete a largest chunk, which merges no more") {
    TinyLists lists{64};
    lists.free(32, 3, movable);
    lists.free(16, 4, movable);
    lists.free(0, 3, movable);
    CHECK(lists.list(3, movable) == Pfns{0, 32});
  }
}

TEST_CASE("free_one_page asks for the tail only if the last buddy is valid", "[free_area]") {
  // 0: buddy 1 is a hole; above, 2-3 is free. Without memory at 1 they never join: head.
  TinyLists lists{16};
  lists.map.set_bits(Pfn{1}, PageBits{PageBits::hole});
  lists.free(12, 0, movable);
  lists.free(2, 1, movable);
  lists.free(0, 0, movable);
  CHECK(lists.list(0, movable) == Pfns{0, 12});
}

TEST_CASE("free_one_page leaves a stale private in the upper half that is freed last",
          "[free_area]") {
  TinyLists lists{16};
  lists.map.set_bits(Pfn{3}, PageBits{}.with_private(5));
  lists.free(2, 0, movable);
  lists.free(3, 0, movable);
  CHECK(lists.map.bits(Pfn{2}).is_chunk(Order{1}));
  CHECK(lists.map.bits(Pfn{3}).page_private() == 5);
  // The lower half, freed last, takes the upper one in and clears it.
  lists.map.set_bits(Pfn{7}, PageBits{}.with_private(5));
  lists.free(7, 0, movable);
  lists.free(6, 0, movable);
  CHECK(lists.map.bits(Pfn{7}) == PageBits{});
}

TEST_CASE("rmqueue_smallest of the worked example gives the upper halves back", "[free_area]") {
  // order 4 [16 0], order 1 is asked for:
  //   |      16 (order 4)     |
  //   |16|18| 20  |    24     |    16 is taken; 18 (1), 20 (2), 24 (3) are free
  TinyLists lists{32};
  lists.free(0, 4, movable);
  lists.free(16, 4, movable);
  CHECK(lists.alloc(1, movable) == Pfn{16});
  CHECK(lists.list(4, movable) == Pfns{0});
  CHECK(lists.list(3, movable) == Pfns{24});
  CHECK(lists.list(2, movable) == Pfns{20});
  CHECK(lists.list(1, movable) == Pfns{18});
  CHECK(lists.map.bits(Pfn{16}) == PageBits{});
}

TEST_CASE("rmqueue_smallest takes the head of the smallest list that fits", "[free_area]") {
  TinyLists lists{48};
  lists.free(0, 4, movable);
  lists.free(20, 2, movable);
  lists.free(28, 2, movable);
  lists.free(36, 2, unmovable);
  CHECK(lists.alloc(2, movable) == Pfn{28});
  CHECK(lists.alloc(3, movable) == Pfn{0});
  CHECK(lists.list(3, movable) == Pfns{8});
  CHECK(!lists.alloc(4, movable));
  CHECK(!lists.alloc(3, unmovable));
}

TEST_CASE("take keeps the lower part and gives the rest to another type", "[free_area]") {
  TinyLists lists{16};
  lists.free(0, 3, movable);
  lists.area.take(lists.map, Pfn{0}, Order{1}, unmovable);
  CHECK(lists.list(3, movable).empty());
  CHECK(lists.list(2, unmovable) == Pfns{4});
  CHECK(lists.list(1, unmovable) == Pfns{2});
}

TEST_CASE("del unlinks the head, the tail, the middle and the only chunk", "[free_area]") {
  TinyLists lists{48};
  for (const std::uint64_t pfn : Pfns{0, 4, 16, 32}) lists.free(pfn, 0, movable);
  REQUIRE(lists.list(0, movable) == Pfns{32, 16, 4, 0});
  CHECK(lists.area.del(lists.map, Pfn{16}) == Order{0});
  CHECK(lists.list(0, movable) == Pfns{32, 4, 0});
  lists.area.del(lists.map, Pfn{0});
  CHECK(lists.list(0, movable) == Pfns{32, 4});
  lists.area.del(lists.map, Pfn{32});
  CHECK(lists.list(0, movable) == Pfns{4});
  CHECK(lists.area.orders(movable) == 1);
  lists.area.del(lists.map, Pfn{4});
  CHECK(lists.list(0, movable).empty());
  CHECK(lists.area.orders(movable) == 0);
  lists.area.add_tail(lists.map, Pfn{8}, Order{0}, movable);
  CHECK(lists.list(0, movable) == Pfns{8});
}

TEST_CASE("add_tail goes behind what a del left as the tail", "[free_area]") {
  TinyLists lists{48};
  for (const std::uint64_t pfn : Pfns{0, 16, 32}) lists.free(pfn, 0, movable);
  lists.area.del(lists.map, Pfn{0});
  lists.area.add_tail(lists.map, Pfn{8}, Order{0}, movable);
  CHECK(lists.list(0, movable) == Pfns{32, 16, 8});
}

TEST_CASE("move puts a chunk at the head of another list, or of its own", "[free_area]") {
  TinyLists lists{48};
  for (const std::uint64_t pfn : Pfns{0, 16}) lists.free(pfn, 2, movable);
  lists.free(32, 2, isolate);
  CHECK(lists.area.move(lists.map, Pfn{0}, Pfn{8}, isolate) == 4);
  CHECK(lists.list(2, isolate) == Pfns{0, 32});
  CHECK(lists.list(2, movable) == Pfns{16});
  lists.area.move(lists.map, Pfn{32}, Pfn{40}, isolate);
  CHECK(lists.list(2, isolate) == Pfns{32, 0});
  CHECK(lists.area.nr_free(Order{2}) == 3);
  CHECK(lists.area.nr_free(Order{2}, isolate) == 2);
}

TEST_CASE("move keeps chunks linked that lie on their list in descending order", "[free_area]") {
  // block   |0|.|2|.|4 5|6|.|   movable order 0: [6 9 2 0], order 1: [4]
  TinyLists lists{16};
  lists.free(4, 1, movable);
  for (const std::uint64_t pfn : Pfns{0, 2, 9, 6}) lists.free(pfn, 0, movable);
  lists.free(14, 0, isolate);
  CHECK(lists.area.move(lists.map, Pfn{0}, Pfn{8}, isolate) == 5);
  CHECK(lists.list(0, movable) == Pfns{9});
  CHECK(lists.list(1, movable) == Pfns{});
  CHECK(lists.list(0, isolate) == Pfns{6, 2, 0, 14});
  CHECK(lists.list(1, isolate) == Pfns{4});
  CHECK(lists.area.nr_free(Order{0}, isolate) == 4);
  CHECK(lists.area.move(lists.map, Pfn{0}, Pfn{8}, isolate) == 5);  // onto the list they are on
  CHECK(lists.list(0, isolate) == Pfns{6, 2, 0, 14});
  CHECK(lists.area.move(lists.map, Pfn{2}, Pfn{3}, isolate) == 1);
  CHECK(lists.list(0, isolate) == Pfns{2, 6, 0, 14});
}

TEST_CASE("rmqueue_smallest_bulk takes what one request after the other would", "[free_area]") {
  //  most 3 of order 0, of a chunk of order 3:  |k k k|3|   4   |
  //  most 1 of order 1:                         |k k| 2 |   4   |
  //  most 2 of order 3, a block, of order 4:    |     k     |     k     |
  const auto compare = [](unsigned order, std::uint32_t most, bool has_smaller,
                          std::size_t in_chunk) {
    TinyLists at_once{48};
    TinyLists one_by_one{48};
    for (TinyLists* lists : {&at_once, &one_by_one}) {
      if (has_smaller) lists->free(8, 3, movable);
      lists->free(16, 4, movable);
    }
    Pfns expected;
    while (expected.size() < std::min<std::size_t>(most, in_chunk)) {
      expected.push_back(one_by_one.alloc(order, movable)->value());
    }
    Pfns got;
    const PfnRange range =
        at_once.area.rmqueue_smallest_bulk(at_once.map, most, Order{order}, movable);
    for (Pfn pfn = range.start; pfn < range.end; pfn += std::uint64_t{1} << order) {
      got.push_back(pfn.value());
    }
    CHECK(got == expected);
    CHECK(at_once.area == one_by_one.area);
    CHECK(at_once.map == one_by_one.map);
  };
  for (const std::uint32_t most : {1U, 2U, 3U, 5U, 8U, 20U}) {
    for (const unsigned order : {0U, 1U, 2U, 3U}) {
      compare(order, most, true, 8U >> order);
      if (order < 3) compare(order, most, false, 8U >> order);  // of one block
    }
    compare(3, most, false, 2);
    compare(4, most, false, 1);
  }
  TinyLists lists{48};
  CHECK(lists.area.rmqueue_smallest_bulk(lists.map, 4, Order{0}, movable).empty());
  lists.free(8, 1, movable);
  CHECK(lists.area.rmqueue_smallest_bulk(lists.map, 4, Order{2}, movable).empty());
}

TEST_CASE("add_populated links runs of largest chunks in front of each other", "[free_area]") {
  Memmap<TinyConfig> map{Pfn{0}, 96};
  FreeArea<TinyConfig> area;
  area.add_populated(map, Pfn{0}, 2);
  area.add_populated(map, Pfn{64}, 2);
  Pfns pfns;
  for (const Pfn pfn : area.list(map, Order{4}, movable)) pfns.push_back(pfn.value());
  CHECK(pfns == Pfns{80, 64, 16, 0});
  CHECK(area.nr_free(Order{4}) == 4);
  CHECK(map.prev(Pfn{80}) == Pfn{80});
  CHECK(map.next(Pfn{0}) == Pfn{0});
  CHECK(map.prev(Pfn{16}) == Pfn{64});
}

TEST_CASE("FreeArea compares ends and sizes, dead ends of empty lists aside", "[free_area]") {
  TinyLists lists{32};
  CHECK(lists.area == FreeArea<TinyConfig>{});
  lists.free(0, 0, movable);
  CHECK(!(lists.area == FreeArea<TinyConfig>{}));
  lists.area.del(lists.map, Pfn{0});
  CHECK(lists.area == FreeArea<TinyConfig>{});
}

TEMPLATE_TEST_CASE("free_one_page undoes rmqueue_smallest in other geometries", "[free_area]",
                   OneBlockConfig, TwoPageConfig) {
  Lists<TestType> lists{32};
  lists.free(0, 4, movable);
  lists.free(16, 4, movable);
  CHECK(lists.alloc(0, movable) == Pfn{16});
  CHECK(lists.list(0, movable) == Pfns{17});
  CHECK(lists.list(3, movable) == Pfns{24});
  lists.free(16, 0, movable);
  CHECK(lists.list(4, movable) == Pfns{16, 0});
}

}  // namespace pageblock::test::free_area_cases
