// SPDX-License-Identifier: MIT
#include <vector>

#include "pageblock/base/kernels.hpp"

#include "support/catch.hpp"

namespace pageblock::test::semantics_cases {
namespace {

using enum MigrateType;

// Semantics is a structural type: a value of it can be a template argument.
template <Semantics S>
constexpr unsigned isolate_number = S.number_of(isolate);

std::vector<MigrateType> row(MigrateType type) {
  const auto& fallbacks = kernel::v3_6.fallbacks_of(type);
  return {fallbacks.begin(), fallbacks.end()};
}

}  // namespace

TEST_CASE("number_of and type_of are the numbers of v3.6", "[semantics]") {
  constexpr Semantics v3_6 = kernel::v3_6;
  STATIC_REQUIRE(v3_6.number_of(unmovable) == 0);
  STATIC_REQUIRE(v3_6.number_of(reclaimable) == 1);
  STATIC_REQUIRE(v3_6.number_of(movable) == 2);
  STATIC_REQUIRE(v3_6.number_of(reserve) == 3);
  STATIC_REQUIRE(v3_6.number_of(cma) == 4);
  STATIC_REQUIRE(isolate_number<v3_6> == 5);
  STATIC_REQUIRE(v3_6.type_of(4) == cma);
  STATIC_REQUIRE(!v3_6.type_of(6));
}

TEST_CASE("number_of and type_of follow the order of a version's types", "[semantics]") {
  // As v4.4 did it: movable and reclaimable swap.
  constexpr Semantics swapped = [] {
    Semantics semantics = kernel::v3_6;
    semantics.migratetypes[1] = movable;
    semantics.migratetypes[2] = reclaimable;
    return semantics;
  }();
  STATIC_REQUIRE(swapped.number_of(movable) == 1);
  STATIC_REQUIRE(swapped.type_of(2) == reclaimable);
}

TEST_CASE("number_of a type that a version does not have is no type's number", "[semantics]") {
  constexpr Semantics without_reserve = [] {
    Semantics semantics = kernel::v3_6;
    semantics.migratetypes[3] = cma;
    return semantics;
  }();
  STATIC_REQUIRE(without_reserve.number_of(reserve) == nr_migratetypes);
  STATIC_REQUIRE(!without_reserve.type_of(nr_migratetypes));
}

TEST_CASE("fallbacks_of v3.6 never names the reserve or isolated blocks", "[semantics]") {
  // wanted      | others, in this order
  // UNMOVABLE   | RECLAIMABLE, MOVABLE
  // RECLAIMABLE | UNMOVABLE, MOVABLE
  // MOVABLE     | CMA, RECLAIMABLE, UNMOVABLE
  CHECK(row(unmovable) == std::vector{reclaimable, movable});
  CHECK(row(reclaimable) == std::vector{unmovable, movable});
  CHECK(row(movable) == std::vector{cma, reclaimable, unmovable});
}

TEST_CASE("kernel::v3_6 says which version it is", "[semantics]") {
  STATIC_REQUIRE(kernel::v3_6.major == 3);
  STATIC_REQUIRE(kernel::v3_6.minor == 6);
}

}  // namespace pageblock::test::semantics_cases
