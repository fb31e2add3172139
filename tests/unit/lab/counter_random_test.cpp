// SPDX-License-Identifier: MIT
#include "pageblock/lab/counter_random.hpp"

#include <cstdint>

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::counter_random_cases {
namespace {

TEST_CASE("philox gives the published numbers", "[counter_random]") {
  // Known answers of Philox4x32-10 from Random123, of Salmon and others.
  CHECK(philox({0, 0, 0, 0}, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0U, ~0U, ~0U, ~0U}, ~std::uint64_t{0}) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("CounterRandom draws the words of Philox in order", "[counter_random]") {
  CounterRandom random{RandomKey{}};
  CHECK(random() == 0xe169c58d6627e8d5);
  CHECK(random() == 0x9b00dbd8bc57ac4c);
  CHECK(random.nr_drawn() == 2);
}

TEST_CASE("each part of a key, and the stream, gives other numbers", "[counter_random]") {
  const auto first = [](const RandomKey& key, std::uint16_t stream = 0) {
    return CounterRandom{key, stream}();
  };
  const std::uint64_t base = first({});
  CHECK(base == first({}));
  CHECK(base != first({.seed = 1}));
  CHECK(base != first({.point = 1}));
  CHECK(base != first({.replica = 1}));
  CHECK(base != first({}, 1));
}

TEST_CASE("CounterRandom::below, chance and exponential have the right means", "[counter_random]") {
  CounterRandom random{RandomKey{.seed = 22}};
  std::uint64_t sum = 0;
  std::uint64_t hits = 0;
  std::uint64_t life = 0;
  std::uint64_t above_twice = 0;
  constexpr std::uint64_t n = 20'000;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t number = random.below(10);
    REQUIRE(number < 10);
    sum += number;
    if (random.chance(250)) ++hits;
    const std::uint64_t lived = random.exponential(1000);
    life += lived;
    if (lived > 2000) ++above_twice;
  }
  CHECK(sum > n * 44 / 10);
  CHECK(sum < n * 46 / 10);
  CHECK(hits > n * 24 / 100);
  CHECK(hits < n * 26 / 100);
  CHECK(life > n * 980);
  CHECK(life < n * 1020);
  CHECK(above_twice > n * 130 / 1000);  // exp(-2) = 0.1353
  CHECK(above_twice < n * 141 / 1000);
}

TEST_CASE("CounterRandom reports limits that make no sense", "[counter_random]") {
  CounterRandom random{RandomKey{}};
  CHECK_VIOLATION(random.below(0), "below 0");
  CHECK_VIOLATION(random.exponential((1U << 25) + 1), "mean is too large");
}

}  // namespace
}  // namespace pageblock::test::counter_random_cases
