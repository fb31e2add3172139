// SPDX-License-Identifier: MIT
#include "model/check_programs.hpp"
#include "support/catch.hpp"

namespace pageblock::test {

TEMPLATE_TEST_CASE("Zone does what the naive model does, small geometries", "[model]",
                   (ModelConfig<2, 1>), (ModelConfig<3, 2>), (ModelConfig<5, 2>)) {
  check_programs<TestType>();
}

}  // namespace pageblock::test
