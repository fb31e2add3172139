// SPDX-License-Identifier: MIT
#include "pageblock/io/text/sparse_array.hpp"

#include <cstdint>
#include <random>
#include <tuple>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::sparse_array_cases {

TEST_CASE("SparseArray keeps only parts that differ", "[sparse_array]") {
  SparseArray<int> array{std::uint64_t{1} << 34, 7};
  CHECK(array.size() == std::uint64_t{1} << 34);
  CHECK(array.nr_kept() == 0);
  CHECK(array[(std::uint64_t{1} << 34) - 1] == 7);
  array.set(5'000'000'000, 7);
  CHECK(array.nr_kept() == 0);
  array.set(5'000'000'000, 8);
  CHECK(array[5'000'000'000] == 8);
  CHECK(array[4'999'999'999] == 7);
  CHECK(array.nr_kept() == 4096);
  CHECK(array.end_of_run(0, array.size()) == 5'000'000'000);
  CHECK(array.end_of_run(5'000'000'000, array.size()) == 5'000'000'001);
}

TEST_CASE("SparseArray visits runs in order, across its chunks", "[sparse_array]") {
  SparseArray<int> array{20000, 0};
  array.fill(4000, 12300, 1);
  std::vector<std::tuple<std::uint64_t, std::uint64_t, int>> runs;
  const auto visit = [&](std::uint64_t start, std::uint64_t end, int value) {
    runs.emplace_back(start, end, value);
  };
  array.for_each_run(10, 30000, visit);
  CHECK(runs == decltype(runs){{10, 4000, 0}, {4000, 12300, 1}, {12300, 20000, 0}});
}

TEST_CASE("SparseArray holds what a vector holds", "[sparse_array]") {
  std::minstd_rand random{1};
  SparseArray<unsigned> array;
  std::vector<unsigned> plain;
  const auto below = [&](std::size_t end) { return random() % end; };
  for (int i = 0; i < 60; ++i) {
    const std::vector<unsigned> some(below(9000), static_cast<unsigned>(below(3)));
    array.append(some);
    plain.insert(plain.end(), some.begin(), some.end());
  }
  for (int i = 0; i < 60; ++i) {
    const std::size_t start = below(plain.size());
    const std::size_t end = start + below(plain.size() - start);
    const auto value = static_cast<unsigned>(below(3));
    array.fill(start, end, value);
    std::fill(plain.data() + start, plain.data() + end, value);
    const std::size_t at = below(plain.size());
    array.set(at, 9);
    plain[at] = 9;
  }
  REQUIRE(array.size() == plain.size());
  std::size_t behind = 0;
  array.for_each_run(0, array.size(), [&](std::size_t start, std::size_t end, unsigned value) {
    CHECK(start == behind);
    for (std::size_t i = start; i < end; ++i) {
      if (plain[i] != value || array[i] != value) FAIL("another value at " << i);
    }
    CHECK((end == plain.size() || plain[end] != value));
    behind = end;
  });
  CHECK(behind == plain.size());
}

}  // namespace pageblock::test::sparse_array_cases
