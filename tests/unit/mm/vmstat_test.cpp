// SPDX-License-Identifier: MIT
#include "pageblock/mm/vmstat.hpp"

#include "support/catch.hpp"

namespace pageblock::test::vmstat_cases {

TEST_CASE("ZoneCounter adds, and may go below zero", "[vmstat]") {
  ZoneCounter counter;
  CHECK(counter.get() == 0);
  counter.add(5);
  counter.add(-7);
  CHECK(counter.get() == -2);
}

TEST_CASE("ZoneCounter is a regular value", "[vmstat]") {
  ZoneCounter a;
  a.add(3);
  ZoneCounter b{a};
  CHECK(a == b);
  b.add(1);
  CHECK(!(a == b));
  a = b;
  CHECK(a == b);
}

}  // namespace pageblock::test::vmstat_cases
