// SPDX-License-Identifier: MIT
#include "conformance/text.hpp"

#include "support/catch.hpp"

namespace pageblock::test::text_cases {
using conformance::Fnv;

TEST_CASE("Fnv gives the check values of the format", "[conformance]") {
  CHECK(Fnv{}.value() == 0xcbf29ce484222325U);
  Fnv zero;
  zero.add(0);
  CHECK(zero.value() == 0xa8c7f832281a39c5U);
  Fnv one;
  one.add(1);
  CHECK(one.value() == 0x89cd31291d2aefa4U);
}

TEST_CASE("hex prints 16 digits", "[conformance]") {
  CHECK(conformance::hex(0) == "0000000000000000");
  CHECK(conformance::hex(0x562d047f5870108aU) == "562d047f5870108a");
}

}  // namespace pageblock::test::text_cases
