// SPDX-License-Identifier: MIT
/// Memory for a camera: set aside at boot, lent to programs, and there when it is needed.
#include "pageblock/clients/cma.hpp"

#include <cstdint>

#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/movability.hpp"
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

  // While they are pinned the camera gets nothing, and the area stays what it is.
  StubbornPages pages;
  for (const std::uint64_t pfn : borrowed) pages.set(Pfn{pfn}, {Hindrance::pinned});
  CHECK(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{44}, MigrateType::cma, pages) == -Err::busy);
  CHECK(types(zone) == "UUUUCCMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());

  // Later they move out, but one that ends by itself.
  static_cast<void>(put_page(zone, cpu0, Pfn{44}));
  for (const std::uint64_t pfn : borrowed) pages.release(Pfn{pfn});
  Pfns moved;
  pages.on_moved = [&](Pfn from, OptionalPfn to, Order) {
    CHECK((from == Pfn{32} || from == Pfn{40}));
    moved.push_back((*to).value());
  };
  REQUIRE(alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{44}, MigrateType::cma, pages) == ok);
  CHECK(moved.size() == 2);
  for (Pfn pfn{32}; pfn < Pfn{44}; ++pfn) CHECK(zone.page(pfn).count() == 1);
  CHECK(types(zone) == "UUUUCCMM");
  CHECK(free_list(zone, 2, MigrateType::cma) == Pfns{44});
  CHECK(verify(zone).empty());

  // The camera is done, and the programs, too; the area is whole and can be lent again.
  free_contig_range(zone, cpu0, Pfn{32}, 12);
  for (const std::uint64_t pfn : moved) static_cast<void>(put_page(zone, cpu0, Pfn{pfn}));
  drain_all_pages(zone);
  CHECK(free_list(zone, 4, MigrateType::cma) == Pfns{32});
  CHECK(zone.nr_free_pages() == 32);
  CHECK(alloc(zone, 4) == 48);
  CHECK(alloc(zone, 4) == 32);
  CHECK(types(zone) == "UUUUCCMM");
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
