// SPDX-License-Identifier: MIT
#include "pageblock/base/sort_stably.hpp"

#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::sort_stably_test {

TEST_CASE("sort_stably sorts by the key and keeps the order of equals", "[sort_stably]") {
  std::vector<std::pair<int, int>> values;
  for (int i = 0; i < 100; ++i) values.emplace_back(i * 7 % 5, i);
  detail::sort_stably(values, &std::pair<int, int>::first);
  // The second numbers rise among equals, so the pairs as a whole rise.
  std::vector<std::pair<int, int>> expected;
  for (int key = 0; key < 5; ++key) {
    for (int i = 0; i < 100; ++i) {
      if (i * 7 % 5 == key) expected.emplace_back(key, i);
    }
  }
  CHECK(values == expected);
}

}  // namespace pageblock::test::sort_stably_test
