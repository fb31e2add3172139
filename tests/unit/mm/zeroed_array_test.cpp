// SPDX-License-Identifier: MIT
#include "pageblock/mm/zeroed_array.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "support/catch.hpp"

namespace pageblock::test::zeroed_array_cases {

using Array = detail::ZeroedArray<std::uint32_t>;

TEST_CASE("ZeroedArray starts with zeros", "[zeroed_array]") {
  const Array array(100);
  CHECK(array.size() == 100);
  CHECK(std::ranges::count(array.span(), 0U) == 100);
}

TEST_CASE("ZeroedArray may be empty", "[zeroed_array]") {
  const Array none;
  const Array zero(0);
  const Array copy{zero};
  CHECK(none.size() == 0);
  CHECK(zero.span().empty());
  CHECK(copy.size() == 0);
}

TEST_CASE("ZeroedArray copies its elements", "[zeroed_array]") {
  Array array(3);
  array[1] = 7;
  Array copy{array};
  copy[1] = 8;
  CHECK(array[1] == 7);
  CHECK(copy[1] == 8);
  const Array& self = array;
  array = self;
  CHECK(array[1] == 7);
  array = copy;
  CHECK(array[1] == 8);
}

TEST_CASE("ZeroedArray leaves an empty array where it is moved from", "[zeroed_array]") {
  Array from(3);
  from[2] = 7;
  Array to{std::move(from)};
  CHECK(from.size() == 0);  // NOLINT(bugprone-use-after-move)
  CHECK(to.size() == 3);
  CHECK(to[2] == 7);
  from = std::move(to);
  CHECK(from[2] == 7);
}

TEST_CASE("write_once writes what read_once reads", "[zeroed_array]") {
  std::uint8_t value = 0;
  detail::write_once(value, 200);
  CHECK(detail::read_once(value) == 200);
}

TEST_CASE("ZeroedArray copies what lies behind and between long runs of zeros", "[zeroed_array]") {
  pageblock::detail::ZeroedArray<std::uint32_t> array(10000);
  array[5000] = 1;
  array[9999] = 2;
  const auto copy = array;
  CHECK(std::ranges::equal(copy.span(), array.span()));
}

TEST_CASE("ZeroedArray throws where the system cannot give so much", "[zeroed_array]") {
  CHECK_THROWS_AS(Array(std::size_t{1} << 55), std::bad_alloc);
  CHECK_THROWS_AS(Array(~std::size_t{0}), std::bad_alloc);
}

TEST_CASE("copy takes a part of an array", "[zeroed_array]") {
  for (const std::size_t size : {std::size_t{100}, std::size_t{100'000}}) {
    Array from(size);
    for (std::size_t i = 0; i < size; ++i) from[i] = static_cast<std::uint32_t>(i);
    Array to(size);
    to.copy(from, 7, size - 3);
    CHECK(to[6] == 0);
    CHECK(to[7] == 7);
    CHECK(to[size - 4] == size - 4);
    CHECK(to[size - 3] == 0);
  }
}

}  // namespace pageblock::test::zeroed_array_cases
