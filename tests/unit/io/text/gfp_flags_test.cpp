// SPDX-License-Identifier: MIT
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

TEST_CASE("parse_gfp_flags knows the numbers of each kernel", "[gfp_flags]") {
  const auto of = [](std::string_view number, unsigned major, unsigned minor) {
    return read_gfp_flags(number, KernelVersion{major, minor}).names();
  };
  CHECK(of("0xd0", 2, 6) == "GFP_KERNEL");
  CHECK(of("0x20", 3, 10) == "GFP_ATOMIC");
  CHECK(of("0x4020", 2, 6) == "GFP_ATOMIC");
  CHECK(of("0x200da", 3, 16) == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x201da", 2, 6) == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x800d0", 3, 10) == "GFP_KERNEL|__GFP_RECLAIMABLE");
  CHECK(of("0x50", 3, 10) == "GFP_NOFS");
  CHECK(of("0x40d0", 3, 10) == "GFP_KERNEL");
  CHECK(of("0x24000c0", 4, 4) == "GFP_KERNEL");
  CHECK(of("0x2080020", 4, 9) == "GFP_ATOMIC");
  CHECK(of("0x14000c0", 4, 14) == "GFP_KERNEL");
  CHECK(of("0x14200ca", 4, 15) == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x6200ca", 4, 19) == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x480020", 4, 18) == "GFP_ATOMIC");
  CHECK(of("0xcc0", 5, 4) == "GFP_KERNEL");
  CHECK(of("3264", 5, 4) == "GFP_KERNEL");
  CHECK(of("0xa20", 5, 15) == "GFP_ATOMIC");
  CHECK(of("0x820", 6, 12) == "GFP_ATOMIC");
  CHECK(of("0x140cca", 6, 12) == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x40820", 6, 6) == "GFP_ATOMIC");
  CHECK(of("0xcc4", 6, 1) == "GFP_KERNEL|GFP_DMA32");
  CHECK(of("0x200cc1", 6, 1) == "GFP_KERNEL|GFP_DMA|__GFP_THISNODE");
  CHECK(of("0x400", 6, 1) == "__GFP_DIRECT_RECLAIM");
  CHECK(parse_gfp_flags("0x22000", KernelVersion{5, 10}).memalloc);
}

TEST_CASE("parse_gfp_flags knows a number by what it looks like", "[gfp_flags]") {
  const auto of = [](std::string_view number) { return read_gfp_flags(number).names(); };
  CHECK(of("0x20") == "GFP_ATOMIC");
  CHECK(of("0xd0") == "GFP_KERNEL");
  CHECK(of("0x4d0") == "GFP_KERNEL");
  CHECK(of("0x201da") == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x2080020") == "GFP_ATOMIC");
  CHECK(of("0x24000c0") == "GFP_KERNEL");
  CHECK(of("0x14200ca") == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0x6000c0") == "GFP_KERNEL");
  CHECK(of("0x480020") == "GFP_ATOMIC");
  CHECK(of("0xcc0") == "GFP_KERNEL");
  CHECK(of("0x4cc0") == "GFP_KERNEL");
  CHECK(of("0x100cca") == "GFP_HIGHUSER_MOVABLE");
  CHECK(of("0xa20") == "GFP_ATOMIC");
  CHECK(of("0x820") == "GFP_ATOMIC");
}

TEST_CASE("parse_gfp_flags knows what kernels before v4.6 call single flags", "[gfp_flags]") {
  CHECK(parse_gfp_flags("GFP_HIGHUSER_MOVABLE|GFP_ZERO") == gfp_highuser_movable);
  CHECK(parse_gfp_flags("GFP_WAIT|GFP_IO|GFP_REPEAT|GFP_COMP") == gfp_kernel);
  CHECK(parse_gfp_flags("GFP_TEMPORARY").migratetype == MigrateType::reclaimable);
}

TEST_CASE("parse_gfp_flags refuses what it cannot know", "[gfp_flags]") {
  CHECK_THROWS_AS(parse_gfp_flags("GFP_SOMETHING"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags(""), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("0x"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("0x20g"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("0x1ffffffffffffffff"), ParseError);  // more than 64 bits
  CHECK_THROWS_AS(parse_gfp_flags("GFP_KERNEL|0x20g"), ParseError);
  CHECK(read_gfp_flags("GFP_KERNEL|0x1000000").names() == read_gfp_flags("GFP_KERNEL").names());
  CHECK_THROWS_AS(parse_gfp_flags("GFP_KERNEL|"), ParseError);
  CHECK_THROWS_AS(parse_gfp_flags("GFP_KERNEL|__GFP_ZERO garbage|x"), ParseError);
}

}  // namespace pageblock::test::gfp_flags_cases
