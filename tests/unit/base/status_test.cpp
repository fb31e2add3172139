// SPDX-License-Identifier: MIT
#include "pageblock/base/status.hpp"

#include <type_traits>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::status_cases {

TEST_CASE("Status is 0 or a negative errno, the kernel's numbers", "[status]") {
  STATIC_REQUIRE(ok.to_errno() == 0);
  STATIC_REQUIRE(Status{} == ok);
  STATIC_REQUIRE((-Err::noent).to_errno() == -2);
  STATIC_REQUIRE((-Err::nomem).to_errno() == -12);
  STATIC_REQUIRE((-Err::busy).to_errno() == -16);
  STATIC_REQUIRE((-Err::inval).to_errno() == -22);
}

TEST_CASE("Status compares with ok and with refusals", "[status]") {
  STATIC_REQUIRE(-Err::busy == -Err::busy);
  STATIC_REQUIRE(-Err::busy != -Err::inval);
  STATIC_REQUIRE(-Err::busy != ok);
}

TEST_CASE("Status converts to no bool and from no int", "[status]") {
  STATIC_REQUIRE(!std::is_convertible_v<Status, bool>);
  STATIC_REQUIRE(!std::is_constructible_v<bool, Status>);
  STATIC_REQUIRE(!std::is_constructible_v<Status, int>);
}

TEST_CASE("to_string of a Status is ok or the errno's name", "[status]") {
  CHECK(to_string(ok) == "ok");
  CHECK(to_string(-Err::noent) == "-ENOENT");
  CHECK(to_string(-Err::nomem) == "-ENOMEM");
  CHECK(to_string(-Err::busy) == "-EBUSY");
  CHECK(to_string(-Err::inval) == "-EINVAL");
  CHECK(fmt::format("{:>8}|", -Err::busy) == "  -EBUSY|");
}

}  // namespace pageblock::test::status_cases
