// SPDX-License-Identifier: MIT
#include "model/check_programs.hpp"
#include "support/catch.hpp"

namespace pageblock::test {

TEMPLATE_TEST_CASE("Zone does what the naive model does, large geometries", "[model]",
                   (ModelConfig<5, 4>), (ModelConfig<8, 3>), (ModelConfig<11, 9>),
                   (ModelConfig<20, 19>), (ModelConfigV6<5, 4>), (ModelConfigV6<11, 9>),
                   (ModelConfigV6<11, 10>), (ModelConfigV6_12<11, 9>)) {
  check_programs<TestType>();
}

}  // namespace pageblock::test
