// SPDX-License-Identifier: MIT
#include "pageblock/io/text/buddyinfo.hpp"

#include <string>
#include <vector>

#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"

namespace pageblock::test::buddyinfo_cases {

TEST_CASE("buddyinfo prints one line for each zone as the kernel does", "[buddyinfo]") {
  std::vector<Zone<>> zones;
  zones.emplace_back(
      ZoneLayout{.name = "DMA", .type = ZoneType::dma, .start_pfn = Pfn{1}, .spanned_pages = 4095});
  zones.emplace_back(ZoneLayout{.name = "Device"});
  zones.emplace_back(ZoneLayout{.name = "Normal", .start_pfn = Pfn{4096}, .spanned_pages = 131072});
  CHECK(buddyinfo(zones) ==
        "Node 0, zone      DMA      1      1      1      1      1      1      1      1      1      "
        "1      3 \n"
        "Node 0, zone   Normal      0      0      0      0      0      0      0      0      0      "
        "0    128 \n");
}

TEST_CASE("buddyinfo counts isolated chunks and not per-CPU pages", "[buddyinfo]") {
  Zone<> zone{{.spanned_pages = 4096}};
  REQUIRE(set_migratetype_isolate(zone, Pfn{0}) == ok);
  const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable);
  REQUIRE(page);
  // batch 1 for so small a zone: the refill split one chunk down to its first page
  CHECK(buddyinfo(zone, 3) ==
        "Node 3, zone   Normal      1      1      1      1      1      1      1      1      1      "
        "1      3 \n");
}

}  // namespace pageblock::test::buddyinfo_cases
