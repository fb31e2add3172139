// SPDX-License-Identifier: MIT
#include "pageblock/io/text/page_owner.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::page_owner_cases {
namespace {

std::vector<PageOwnerGroup> read(std::string text) {
  const InputFile file{"page_owner", std::move(text)};
  PageOwnerReader reader{file};
  LogReader lines{file};
  while (lines.next_line()) static_cast<void>(reader.take(lines.line()));
  return reader.finish();
}

}  // namespace

TEST_CASE("PageOwnerReader adds up allocations by blocks, types and stack", "[page_owner]") {
  const std::string in_cma =
      "Page allocated via order 2, mask 0xcc0(GFP_KERNEL), pid 7, tgid 7 (modprobe), ts 12 ns, "
      "free_ts 0 ns\n"
      "PFN 4608 type Unmovable Block 9 type CMA Flags 0x0()\n"
      " prep_new_page+0xb4/0xe0\n"
      " driver_alloc+0x10/0x20\n"
      "Page has been migrated, last migrate reason: compaction\n"
      "\n"
      "Page allocated via order 0, mask 0xcc0(GFP_KERNEL), pid 8, tgid 8 (modprobe), ts 13 ns\n"
      "PFN 4600 type Unmovable Block 9 type CMA Flags 0x0()\n"
      " prep_new_page+0xb4/0xe0\n"
      " driver_alloc+0x18/0x20\n"
      "\n";
  const auto groups = read(in_cma +
                           "Page allocated via order 0, mask 0xcca(GFP_HIGHUSER_MOVABLE)\n"
                           "PFN 0x2000 type Movable Block 16 type Movable Flags 0x0()\n"
                           " shmem_alloc+0x10/0x20\n");
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].block_type == "CMA");
  CHECK(groups[0].page_type == "Unmovable");
  CHECK(groups[0].nr_pages == 5);
  CHECK(groups[0].nr_allocations == 2);
  CHECK(groups[0].first_pfn == 4600);
  CHECK(groups[0].last_pfn == 4608);
  CHECK(groups[0].comm == "modprobe");
  CHECK(groups[0].gfp == "GFP_KERNEL");
  CHECK(groups[0].stack == std::vector<std::string>{"prep_new_page", "driver_alloc"});
  CHECK(groups[1].first_pfn == 0x2000);
}

TEST_CASE("PageOwnerReader takes what page_owner_sort counted", "[page_owner]") {
  const auto groups = read(
      "12 times, 48 pages:\n"
      "Page allocated via order 2, mask 0xcc0(GFP_KERNEL)\n"
      " driver_alloc+0x10/0x20\n"
      "\n");
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].nr_pages == 48);
  CHECK(groups[0].nr_allocations == 12);
  CHECK(groups[0].block_type.empty());
}

TEST_CASE("PageOwnerReader refuses a record that makes no sense, with its line", "[page_owner]") {
  CHECK_THROWS_WITH(read("\nPage allocated via order x\n"),
                    "page_owner:2: expected 'Page allocated via order <number>'");
  CHECK_THROWS_WITH(read("Page allocated via order 0, mask 0x0()\nPFN y type Movable\n"),
                    "page_owner:2: expected 'PFN <number> type <name> Block ...'");
}

}  // namespace pageblock::test::page_owner_cases
