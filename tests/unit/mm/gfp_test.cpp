// SPDX-License-Identifier: MIT
#include "pageblock/mm/gfp.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"

namespace pageblock::test::gfp_cases {
namespace {

using namespace alloc_flags;

struct WithoutCmaConfig : V6_1Config {
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_1);
};

constexpr unsigned flags_of(const Gfp& gfp, unsigned order) {
  return gfp_to_alloc_flags<V6_1Config>(gfp, Order{order});
}

}  // namespace

TEST_CASE("gfp_to_alloc_flags holds a request to the lowest watermark", "[gfp]") {
  STATIC_REQUIRE(flags_of(gfp_kernel, 0) == (wmark_min | kswapd));
  STATIC_REQUIRE(flags_of(gfp_kernel, 3) == (wmark_min | kswapd));
  STATIC_REQUIRE(flags_of({.kswapd_reclaim = false}, 0) == wmark_min);
}

TEST_CASE("gfp_to_alloc_flags lets movable requests use CMA blocks", "[gfp]") {
  STATIC_REQUIRE(flags_of(gfp_highuser_movable, 0) == (kswapd | cma));
  STATIC_REQUIRE(gfp_to_alloc_flags<WithoutCmaConfig>(gfp_highuser_movable, Order{0}) == kswapd);
  STATIC_REQUIRE(flags_of({.migratetype = MigrateType::reclaimable}, 0) == kswapd);
}

TEST_CASE("gfp_to_alloc_flags tells urgent requests from those that cannot wait", "[gfp]") {
  constexpr unsigned urgent = kswapd | min_reserve;
  STATIC_REQUIRE(flags_of({.high = true}, 1) == urgent);
  STATIC_REQUIRE(flags_of(gfp_nowait, 1) == (kswapd | non_block));
  STATIC_REQUIRE(flags_of(gfp_atomic, 0) == (urgent | non_block));
}

TEST_CASE("last_alloc_flags holds what makes memory free to no watermark, but to nothing urgent",
          "[gfp]") {
  constexpr auto last = [](const Gfp& gfp) { return last_alloc_flags<V6_1Config>(gfp, Order{1}); };
  STATIC_REQUIRE(flags_of({.memalloc = true}, 1) == kswapd);
  STATIC_REQUIRE(last({.memalloc = true}) == (kswapd | no_watermarks));
  STATIC_REQUIRE(last({.high = true, .direct_reclaim = false, .memalloc = true}) ==
                 (kswapd | no_watermarks));
  STATIC_REQUIRE(last({.memalloc = true, .nomemalloc = true}) == kswapd);
  STATIC_REQUIRE(last(gfp_atomic) == flags_of(gfp_atomic, 1));
}

TEST_CASE(
    "gfp_to_alloc_flags gives the blocks of urgent requests to those of several pages that "
    "cannot wait",
    "[gfp]") {
  constexpr unsigned urgent = kswapd | min_reserve;
  STATIC_REQUIRE(flags_of(gfp_atomic, 1) == (urgent | non_block | highatomic));
  STATIC_REQUIRE(flags_of({.high = true, .direct_reclaim = false, .nomemalloc = true}, 1) ==
                 urgent);
}

}  // namespace pageblock::test::gfp_cases
