// SPDX-License-Identifier: MIT
#include "pageblock/io/text/pagetypeinfo.hpp"

#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"

namespace pageblock::test::pagetypeinfo_cases {

TEST_CASE("pagetypeinfo prints both tables as the kernel does", "[pagetypeinfo]") {
  Zone<> zone{{.name = "DMA32",
               .spanned_pages = 8192,
               .block_types = {{{Pfn{0}, Pfn{1024}}, MigrateType::unmovable},
                               {{Pfn{1024}, Pfn{1536}}, MigrateType::cma}}}};
  REQUIRE(set_migratetype_isolate(zone, Pfn{4096}) == ok);
  CHECK(pagetypeinfo(zone) ==
        "Page block order: 9\n"
        "Pages per block:  512\n"
        "\n"
        "Free pages count per migrate type at order       0      1      2      3      4      5   "
        "   6      7      8      9     10 \n"
        "Node    0, zone    DMA32, type    Unmovable      0      0      0      0      0      0   "
        "   0      0      0      0      1 \n"
        "Node    0, zone    DMA32, type  Reclaimable      0      0      0      0      0      0   "
        "   0      0      0      0      0 \n"
        "Node    0, zone    DMA32, type      Movable      0      0      0      0      0      0   "
        "   0      0      0      0      5 \n"
        "Node    0, zone    DMA32, type      Reserve      0      0      0      0      0      0   "
        "   0      0      0      0      0 \n"
        "Node    0, zone    DMA32, type          CMA      0      0      0      0      0      0   "
        "   0      0      0      0      1 \n"
        "Node    0, zone    DMA32, type      Isolate      0      0      0      0      0      0   "
        "   0      0      0      0      1 \n"
        "\n"
        "Number of blocks type     Unmovable  Reclaimable      Movable      Reserve          CMA "
        "     Isolate \n"
        "Node 0, zone    DMA32            2            0           12            0            1 "
        "           1 \n");
}

TEST_CASE("pagetypeinfo leaves out zones without memory", "[pagetypeinfo]") {
  CHECK(pagetypeinfo(Zone<>{}).find("Node") == std::string::npos);
}

}  // namespace pageblock::test::pagetypeinfo_cases
