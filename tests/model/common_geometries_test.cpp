// SPDX-License-Identifier: MIT
#include "model/check_programs.hpp"
#include "support/catch.hpp"

namespace pageblock::test {

// This file is also a program of its own, which is quick to build (mutants/run).
TEMPLATE_TEST_CASE("Zone does what the naive model does, common geometries", "[model]",
                   (ModelConfig<4, 1>), (ModelConfig<5, 3>), (ModelConfigV6<4, 1>),
                   (ModelConfigV6<5, 3>), (ModelConfigV6_12<4, 1>), (ModelConfigV6_12<5, 3>)) {
  check_programs<TestType>();
}

}  // namespace pageblock::test
