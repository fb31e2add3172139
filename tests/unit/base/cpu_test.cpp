// SPDX-License-Identifier: MIT
#include "pageblock/base/cpu.hpp"

#include <type_traits>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::cpu_cases {

TEST_CASE("Cpu is an ordered number and comes from no other type", "[cpu]") {
  STATIC_REQUIRE(Cpu{}.id() == 0);
  STATIC_REQUIRE(Cpu{3}.id() == 3);
  STATIC_REQUIRE(Cpu{1} < Cpu{2});
  STATIC_REQUIRE(!std::is_convertible_v<unsigned, Cpu>);
  CHECK(fmt::format("{:02}", Cpu{3}) == "03");
}

}  // namespace pageblock::test::cpu_cases
