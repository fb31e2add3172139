// SPDX-License-Identifier: MIT
#include "pageblock/base/migratetype.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::migratetype_cases {

using enum MigrateType;

TEST_CASE("is_pcp_type is true for the three types that requests have", "[migratetype]") {
  STATIC_REQUIRE(is_pcp_type(unmovable));
  STATIC_REQUIRE(is_pcp_type(reclaimable));
  STATIC_REQUIRE(is_pcp_type(movable));
  STATIC_REQUIRE(!is_pcp_type(reserve));
  STATIC_REQUIRE(!is_pcp_type(cma));
  STATIC_REQUIRE(!is_pcp_type(isolate));
  STATIC_REQUIRE(!is_pcp_type(highatomic));
  for (const MigrateType type : pcp_types) CHECK(is_pcp_type(type));
}

TEST_CASE("index_of gives each type its own position", "[migratetype]") {
  STATIC_REQUIRE(nr_migratetypes == 7);
  STATIC_REQUIRE(index_of(unmovable) == 0);
  STATIC_REQUIRE(index_of(highatomic) == nr_migratetypes - 1);
}

TEST_CASE("to_string of a migratetype is its name in pagetypeinfo", "[migratetype]") {
  CHECK(to_string(unmovable) == "Unmovable");
  CHECK(to_string(reclaimable) == "Reclaimable");
  CHECK(to_string(movable) == "Movable");
  CHECK(to_string(reserve) == "Reserve");
  CHECK(to_string(cma) == "CMA");
  CHECK(to_string(isolate) == "Isolate");
  CHECK(to_string(highatomic) == "HighAtomic");
  CHECK(to_string(static_cast<MigrateType>(7)) == "unknown");
  CHECK(fmt::format("{:>9}", movable) == "  Movable");
}

}  // namespace pageblock::test::migratetype_cases
