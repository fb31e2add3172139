// SPDX-License-Identifier: MIT
#include "pageblock/mm/page_bits.hpp"

#include "support/catch.hpp"

namespace pageblock::test::page_bits_cases {

TEST_CASE("PageBits of zeros is valid memory that nobody uses", "[page_bits]") {
  constexpr PageBits bits;
  STATIC_REQUIRE(bits.raw() == 0);
  STATIC_REQUIRE(bits.is_valid());
  STATIC_REQUIRE(
      !bits.has(PageBits::in_use | PageBits::buddy | PageBits::lru | PageBits::reserved));
  STATIC_REQUIRE(bits.page_private() == 0);
  STATIC_REQUIRE(!bits.is_chunk(Order{0}));
}

TEST_CASE("chunk keeps its order and its list, for all of them", "[page_bits]") {
  for (unsigned order = 0; order < 20; ++order) {
    for (std::size_t type = 0; type < nr_migratetypes; ++type) {
      const auto list = static_cast<MigrateType>(type);
      const auto bits = PageBits::chunk(Order{order}, list);
      CHECK(bits.is_chunk(Order{order}));
      CHECK(!bits.is_chunk(Order{order + 1}));
      CHECK(bits.order() == Order{order});
      CHECK(bits.list_type() == list);
      CHECK(bits.page_private() == order);
      CHECK(bits.has(PageBits::buddy));
      CHECK(bits.is_valid());
    }
  }
}

TEST_CASE("is_chunk asks for a head, not only for a private of that number", "[page_bits]") {
  STATIC_REQUIRE(!PageBits{}.with_private(3).is_chunk(Order{3}));
}

TEST_CASE("with, without and with_private change what they name and nothing else", "[page_bits]") {
  constexpr auto bits = PageBits{}.with_private(5).with(PageBits::in_use | PageBits::lru);
  STATIC_REQUIRE(bits.has(PageBits::in_use));
  STATIC_REQUIRE(bits.has(PageBits::lru));
  STATIC_REQUIRE(bits.page_private() == 5);
  STATIC_REQUIRE(bits.without(PageBits::lru) == PageBits{}.with_private(5).with(PageBits::in_use));
  STATIC_REQUIRE(bits.with_private(2).page_private() == 2);
  STATIC_REQUIRE(bits.with_private(2).has(PageBits::lru));
  STATIC_REQUIRE(bits.with_private(0).without(PageBits::in_use | PageBits::lru) == PageBits{});
  STATIC_REQUIRE(!PageBits{PageBits::hole}.is_valid());
}

TEST_CASE("allocation keeps its order where private would be, which is 0", "[page_bits]") {
  for (unsigned order = 0; order < 20; ++order) {
    const auto bits = PageBits::allocation(Order{order}).with(PageBits::lru);
    CHECK(bits.is_sized());
    CHECK(bits.order() == Order{order});
    CHECK(bits.page_private() == 0);
    CHECK(bits.meaning() == PageBits{PageBits::in_use | PageBits::lru});
    CHECK(bits.with(PageBits::shared).released() == PageBits{PageBits::lru});
  }
  constexpr auto marked = PageBits{}.with_private(5).with(PageBits::in_use);
  STATIC_REQUIRE(!marked.is_sized());
  STATIC_REQUIRE(!PageBits::chunk(Order{3}, MigrateType::highatomic).is_sized());
  STATIC_REQUIRE(marked.meaning() == marked);
  STATIC_REQUIRE(marked.released() == PageBits{}.with_private(5));
}

}  // namespace pageblock::test::page_bits_cases
