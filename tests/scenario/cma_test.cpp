// SPDX-License-Identifier: MIT
/// Memory for a camera: set aside at boot, lent to programs, and there when it is needed.
#include "pageblock/clients/cma.hpp"

#include <cstdint>

#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

using namespace pageblock;
using namespace pageblock::test;

TEST_CASE("a CMA area is lent to movable requests and comes back for a contiguous one",
          "[scenario]") {
  // block          0    1    2    3    4    5    6    7
  // boot           M    M    M    M   reserved  M    M
  // init_cma       M    M    M    M    C    C    M    M
  // camera                             x    x
  TinyZone zone{ZoneLayout{.spanned_pages = 64, .reserved = {range(32, 48)}}};
  CHECK(zone.nr_free_pages() == 48);
  init_cma_reserved_pageblock(zone, block(4));
  init_cma_reserved_pageblock(zone, block(5));
  CHECK(types(zone) == "MMMMCCMM");
  CHECK(zone.nr_free_pages() == 64);
  CHECK(free_list(zone, 4, MigrateType::cma) == Pfns{32});

  // The kernel needs all that it may have: everything but the area.
  Pfns kernel_pages;
  for (int i = 0; i < 3; ++i) kernel_pages.push_back(alloc(zone, 4, MigrateType::unmovable));
  CHECK(kernel_pages == Pfns{48, 16, 0});
  CHECK(cannot_alloc(zone, 0, MigrateType::unmovable));

  // Programs borrow from the area, each time from its largest chunk.
  Pfns borrowed;
  for (int i = 0; i < 3; ++i) borrowed.push_back(alloc(zone, 0));
  CHECK(borrowed == Pfns{32, 40, 44});
  for (const std::uint64_t pfn : borrowed) set_page_lru(zone, Pfn{pfn}, true);
  CHECK(types(zone) == "UUUUCCUU");
  free(zone, kernel_pages[0], 4);

  // While they are there the camera gets nothing, and the area stays what it is.
  CHECK(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{44}, MigrateType::cma) == -Err::busy);
  CHECK(types(zone) == "UUUUCCUU");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());

  // They move out.
  for (const std::uint64_t pfn : borrowed) static_cast<void>(put_page(zone, cpu0, Pfn{pfn}));
  REQUIRE(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{44}, MigrateType::cma) == ok);
  for (Pfn pfn{32}; pfn < Pfn{44}; ++pfn) CHECK(zone.page(pfn).count() == 1);
  CHECK(types(zone) == "UUUUCCUU");
  CHECK(free_list(zone, 2, MigrateType::cma) == Pfns{44});
  CHECK(verify(zone).empty());

  // The camera is done; the area is whole and can be lent again.
  free_contig_range(zone, cpu0, Pfn{32}, 12);
  drain_all_pages(zone);
  CHECK(free_list(zone, 4, MigrateType::cma) == Pfns{32});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(alloc(zone, 4) == 32);
  CHECK(types(zone) == "UUUUCCUU");
}

TEST_CASE("a page pinned in a CMA area keeps the contiguous request out for good", "[scenario]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 64, .reserved = {range(32, 48)}}};
  init_cma_reserved_pageblock(zone, block(4));
  init_cma_reserved_pageblock(zone, block(5));
  pin(zone, Pfn{37});
  CHECK(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{48}, MigrateType::cma) == -Err::busy);
  CHECK(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{37}, MigrateType::cma) == ok);
  CHECK(alloc_contig_range(zone, cpu0, Pfn{38}, Pfn{48}, MigrateType::cma) == ok);
  CHECK(types(zone) == "MMMMCCMM");
  CHECK(zone.nr_free_pages() == 48);
  CHECK(verify(zone).empty());
}
