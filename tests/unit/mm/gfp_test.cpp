#include "pageblock/mm/gfp.hpp"

#include "support/catch.hpp"

namespace pageblock::test {

using namespace alloc_flags;

TEST_CASE("gfp_to_alloc_flags holds a request to the lowest watermark", "[gfp]") {
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_kernel, Order{0}) == (wmark_min | kswapd));
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_kernel, Order{3}) == (wmark_min | kswapd));
  STATIC_REQUIRE(gfp_to_alloc_flags({.kswapd_reclaim = false}, Order{0}) == wmark_min);
}

TEST_CASE("gfp_to_alloc_flags lets movable requests use CMA blocks", "[gfp]") {
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_highuser_movable, Order{0}) == (kswapd | cma));
  STATIC_REQUIRE(gfp_to_alloc_flags({.migratetype = MigrateType::reclaimable}, Order{0}) == kswapd);
}

TEST_CASE("gfp_to_alloc_flags tells urgent requests from those that cannot wait", "[gfp]") {
  constexpr unsigned urgent = kswapd | min_reserve;
  STATIC_REQUIRE(gfp_to_alloc_flags({.high = true}, Order{1}) == urgent);
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_nowait, Order{1}) == (kswapd | non_block));
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_atomic, Order{0}) == (urgent | non_block));
}

TEST_CASE(
    "gfp_to_alloc_flags gives the blocks of urgent requests to those of several pages that "
    "cannot wait",
    "[gfp]") {
  constexpr unsigned urgent = kswapd | min_reserve;
  STATIC_REQUIRE(gfp_to_alloc_flags(gfp_atomic, Order{1}) == (urgent | non_block | highatomic));
  STATIC_REQUIRE(gfp_to_alloc_flags({.high = true, .direct_reclaim = false, .nomemalloc = true},
                                    Order{1}) == urgent);
}

}  // namespace pageblock::test
