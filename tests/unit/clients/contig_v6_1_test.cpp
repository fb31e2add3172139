// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in contig.hpp.
#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::contig_v6_1_cases {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

TEST_CASE("alloc_contig_range of v6.1 rounds to blocks only, and gives back the rest",
          "[contig][v6_1]") {
  // A kernel page in the other block of the same largest chunk is in nobody's way.
  NewZone zone{ZoneLayout{.spanned_pages = 64, .in_use = {{{Pfn{3}, Pfn{4}}}}}};
  CHECK(alloc_contig_range(zone, cpu0, Pfn{40}, Pfn{48}, movable) == ok);
  CHECK(types(zone) == "MM");
  CHECK(zone.nr_free_pages() == 64 - 1 - 8);
  CHECK(verify(zone).empty());
  CHECK(alloc_contig_range(zone, cpu0, Pfn{44}, Pfn{50}, movable) == -Err::busy);
  CHECK(alloc_contig_range(zone, cpu0, Pfn{0}, Pfn{8}, movable) == -Err::busy);
  free_contig_range(zone, cpu0, Pfn{40}, 8);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 63);
  CHECK(free_list(zone, 5, movable) == Pfns{32});
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range of v6.1 has CMA blocks for CMA only", "[contig][v6_1]") {
  NewZone zone{ZoneLayout{.spanned_pages = 64, .block_types = {{range(0, 64), cma}}}};
  CHECK(alloc_contig_range(zone, cpu0, Pfn{4}, Pfn{40}, movable) == -Err::busy);
  CHECK(types(zone) == "CC");
  CHECK(alloc_contig_range(zone, cpu0, Pfn{4}, Pfn{40}, cma) == ok);
  CHECK(types(zone) == "CC");
  CHECK(zone.nr_free_pages() == 64 - 36);
  CHECK(verify(zone).empty());
}

}  // namespace pageblock::test::contig_v6_1_cases
