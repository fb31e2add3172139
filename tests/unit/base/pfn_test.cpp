// SPDX-License-Identifier: MIT
#include "pageblock/base/pfn.hpp"

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::pfn_cases {
namespace {

template <typename A, typename B>
concept Addable = requires(A a, B b) {
  a + b;
};

}  // namespace

TEST_CASE("Order counts pages in powers of two", "[pfn]") {
  STATIC_REQUIRE(Order{}.nr_pages() == 1);
  STATIC_REQUIRE(Order{3}.nr_pages() == 8);
  STATIC_REQUIRE(Order{32}.nr_pages() == 0x1'0000'0000);
  STATIC_REQUIRE(Order{2} + 3 == Order{5});
  STATIC_REQUIRE(Order{5} - 3 == Order{2});
  Order order{4};
  CHECK(++order == Order{5});
  CHECK(--order == Order{4});
}

TEST_CASE("Pfn minus Pfn is a count, and Pfn plus count is a Pfn", "[pfn]") {
  STATIC_REQUIRE(std::same_as<decltype(Pfn{} - Pfn{}), std::uint64_t>);
  STATIC_REQUIRE(Pfn{20} - Pfn{5} == 15);
  STATIC_REQUIRE(Pfn{20} + 5 == Pfn{25});
  STATIC_REQUIRE(Pfn{20} - 5 == Pfn{15});
  STATIC_REQUIRE(Pfn{20} < Pfn{21});
  Pfn pfn{7};
  CHECK(++pfn == Pfn{8});
  CHECK((pfn += 8) == Pfn{16});
}

TEST_CASE("Pfn and Order mix with nothing", "[pfn]") {
  STATIC_REQUIRE(Addable<Pfn, int>);
  STATIC_REQUIRE(!Addable<Pfn, Pfn>);
  STATIC_REQUIRE(!Addable<Pfn, Order>);
  STATIC_REQUIRE(!Addable<Order, Order>);
  STATIC_REQUIRE(!std::is_convertible_v<int, Pfn>);
  STATIC_REQUIRE(!std::is_convertible_v<Pfn, std::uint64_t>);
}

TEST_CASE("align_down, align_up and is_aligned work on whole chunks", "[pfn]") {
  STATIC_REQUIRE(Pfn{13}.align_down(Order{3}) == Pfn{8});
  STATIC_REQUIRE(Pfn{13}.align_up(Order{3}) == Pfn{16});
  STATIC_REQUIRE(Pfn{16}.align_down(Order{3}) == Pfn{16});
  STATIC_REQUIRE(Pfn{16}.align_up(Order{3}) == Pfn{16});
  STATIC_REQUIRE(Pfn{16}.is_aligned(Order{4}));
  STATIC_REQUIRE(!Pfn{16}.is_aligned(Order{5}));
  STATIC_REQUIRE(Pfn{13}.is_aligned(Order{0}));
}

TEST_CASE("max_aligned_order is the largest possible, and at most the limit", "[pfn]") {
  STATIC_REQUIRE(Pfn{12}.max_aligned_order(Order{4}) == Order{2});
  STATIC_REQUIRE(Pfn{13}.max_aligned_order(Order{4}) == Order{0});
  STATIC_REQUIRE(Pfn{64}.max_aligned_order(Order{4}) == Order{4});
  STATIC_REQUIRE(Pfn{0}.max_aligned_order(Order{10}) == Order{10});
}

TEST_CASE("buddy is the other half of the chunk above", "[pfn]") {
  // order 3:  |   8   |      order 1:  |8|10|12|14|
  // buddy of 8, order 1: 10, and the other way round; of 12: 14
  STATIC_REQUIRE(Pfn{8}.buddy(Order{1}) == Pfn{10});
  STATIC_REQUIRE(Pfn{10}.buddy(Order{1}) == Pfn{8});
  STATIC_REQUIRE(Pfn{12}.buddy(Order{1}) == Pfn{14});
  STATIC_REQUIRE(Pfn{8}.buddy(Order{3}) == Pfn{0});
}

TEST_CASE("PfnRange is half-open", "[pfn]") {
  constexpr PfnRange range{Pfn{4}, Pfn{8}};
  STATIC_REQUIRE(range.nr_pages() == 4);
  STATIC_REQUIRE(range.contains(Pfn{4}));
  STATIC_REQUIRE(range.contains(Pfn{7}));
  STATIC_REQUIRE(!range.contains(Pfn{3}));
  STATIC_REQUIRE(!range.contains(Pfn{8}));
  STATIC_REQUIRE(!range.empty());
  STATIC_REQUIRE(PfnRange{Pfn{4}, Pfn{4}}.empty());
  STATIC_REQUIRE(PfnRange{Pfn{5}, Pfn{4}}.empty());
  STATIC_REQUIRE(PfnRange{Pfn{5}, Pfn{4}}.nr_pages() == 0);
  STATIC_REQUIRE(range == PfnRange{Pfn{4}, Pfn{8}});
}

TEST_CASE("Pfn hashes as its number", "[pfn]") {
  CHECK(std::hash<Pfn>{}(Pfn{77}) == std::hash<Pfn>{}(Pfn{77}));
  CHECK(std::hash<Pfn>{}(Pfn{77}) != std::hash<Pfn>{}(Pfn{78}));
}

TEST_CASE("Pfn, Order and PfnRange print as numbers", "[pfn]") {
  CHECK(fmt::format("{}", Pfn{255}) == "255");
  CHECK(fmt::format("{:#x}", Pfn{255}) == "0xff");
  CHECK(fmt::format("{:>3}", Order{9}) == "  9");
  CHECK(fmt::format("{}", PfnRange{Pfn{16}, Pfn{32}}) == "[16, 32)");
  CHECK(fmt::format("{:#x}", PfnRange{Pfn{16}, Pfn{32}}) == "[0x10, 0x20)");
}

TEST_CASE("OptionalPfn compares as std::optional<Pfn> does", "[pfn]") {
  const OptionalPfn none;
  const OptionalPfn seven{Pfn{7}};
  CHECK(none == OptionalPfn{});
  CHECK_FALSE(none == seven);
  CHECK(seven == Pfn{7});
  CHECK(none == std::optional<Pfn>{});
  CHECK(std::optional<Pfn>{} == none);
  CHECK(std::optional<Pfn>{Pfn{7}} == seven);
  CHECK_FALSE(seven == std::optional<Pfn>{});
  CHECK(none.value_or(Pfn{3}) == Pfn{3});
  CHECK(seven.value_or(Pfn{3}) == Pfn{7});
  CHECK(seven.has_value());
}

}  // namespace pageblock::test::pfn_cases
