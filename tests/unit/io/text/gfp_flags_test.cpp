#include "pageblock/io/text/gfp_flags.hpp"

#include "pageblock/io/text/parse_error.hpp"

#include "support/catch.hpp"

namespace pageblock::test::gfp_flags_cases {

TEST_CASE("parse_gfp_flags knows the combinations that the kernel prints", "[gfp_flags]") {
  CHECK(parse_gfp_flags("GFP_KERNEL") == gfp_kernel);
  CHECK(parse_gfp_flags("GFP_NOFS") == gfp_kernel);
  CHECK(parse_gfp_flags("GFP_HIGHUSER") == gfp_kernel);
  CHECK(parse_gfp_flags("GFP_ATOMIC") == gfp_atomic);
  CHECK(parse_gfp_flags("GFP_NOWAIT") == gfp_nowait);
  CHECK(parse_gfp_flags("GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO") == gfp_highuser_movable);
  Gfp huge = gfp_highuser_movable;
  huge.kswapd_reclaim = false;
  huge.nomemalloc = true;
  CHECK(parse_gfp_flags("GFP_TRANSHUGE|__GFP_RETRY_MAYFAIL") == huge);
  huge.direct_reclaim = false;
  CHECK(parse_gfp_flags("GFP_TRANSHUGE_LIGHT|__GFP_NORETRY|__GFP_THISNODE") == huge);
}

TEST_CASE("parse_gfp_flags knows the flags that decide which page it is", "[gfp_flags]") {
  const auto of = [](MigrateType type, ZoneType zone) {
    return Gfp{.migratetype = type, .highest_zone = zone};
  };
  CHECK(parse_gfp_flags("GFP_NOFS|__GFP_NOWARN|__GFP_RECLAIMABLE") ==
        of(MigrateType::reclaimable, ZoneType::normal));
  CHECK(parse_gfp_flags("GFP_USER|__GFP_MOVABLE") == of(MigrateType::movable, ZoneType::normal));
  CHECK(parse_gfp_flags("GFP_NOFS|__GFP_HIGHMEM|__GFP_MOVABLE") == gfp_highuser_movable);
  CHECK(parse_gfp_flags("GFP_KERNEL|GFP_DMA") == of(MigrateType::unmovable, ZoneType::dma));
  CHECK(parse_gfp_flags("GFP_KERNEL|GFP_DMA32") == of(MigrateType::unmovable, ZoneType::dma32));
  CHECK(parse_gfp_flags("GFP_KERNEL|__GFP_HIGH").high);
  const Gfp none{.direct_reclaim = false, .kswapd_reclaim = false};
  CHECK(parse_gfp_flags("none") == none);
  CHECK(parse_gfp_flags("__GFP_IO|__GFP_FS|0x8000000") == none);
  CHECK(parse_gfp_flags("__GFP_DIRECT_RECLAIM|__GFP_KSWAPD_RECLAIM") == gfp_kernel);
  CHECK(parse_gfp_flags("__GFP_RECLAIM") == gfp_kernel);
  CHECK(parse_gfp_flags("__GFP_RECLAIM|__GFP_NOMEMALLOC").nomemalloc);
}

TEST_CASE("parse_gfp_flags refuses what it cannot know", "[gfp_flags]") {
  CHECK_THROWS_AS(parse_gfp_flags("GFP_SOMETHING"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags(""), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("GFP_KERNEL|"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("GFP_KERNEL|__GFP_ZERO garbage|x"), ParseError);
}

}  // namespace pageblock::test::gfp_flags_cases
