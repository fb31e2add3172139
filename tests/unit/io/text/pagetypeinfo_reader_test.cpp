// SPDX-License-Identifier: MIT
#include "pageblock/io/text/pagetypeinfo_reader.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::pagetypeinfo_reader_cases {

namespace {

const std::string text =
    "Page block order: 9\n"
    "Pages per block:  512\n"
    "\n"
    "Free pages count per migrate type at order       0      1 \n"
    "Node    0, zone      DMA, type    Unmovable      0 >100000 \n"
    "\n"
    "Number of blocks type     Unmovable      Movable      Isolate \n"
    "Node 0, zone      DMA            1            7            0 \n"
    "Node 0, zone   Normal           75          167            6 \n"
    "Number of mixed blocks    Unmovable      Movable      Isolate \n"
    "Node 0, zone      DMA            9            9            9 \n";

std::string fault_of(const std::string& content) {
  return test::fault_in([&] { return parse_pagetypeinfo(InputFile{"pagetypeinfo", content}); });
}

}  // namespace

TEST_CASE("parse_pagetypeinfo reads the table of pageblocks and no other",
          "[pagetypeinfo_reader]") {
  const auto info = parse_pagetypeinfo(InputFile{"pagetypeinfo", text});
  CHECK(info.page_block_order == 9);
  CHECK(info.order_line == 1);
  REQUIRE(info.zones.size() == 2);
  CHECK(info.zones[1].name == ZoneName{0, "Normal"});
  CHECK(info.zones[1].line == 9);
  REQUIRE(info.zones[1].types.size() == 3);
  CHECK(info.zones[1].types[2].first == "Isolate");
  CHECK(info.zones[1].types[2].second == 6);
}

TEST_CASE("parse_pagetypeinfo reads the free chunks of each type, and where the kernel stopped",
          "[pagetypeinfo_reader]") {
  SkippedLines skipped;
  const auto info =
      parse_pagetypeinfo(InputFile{"pagetypeinfo", "# cat /proc/pagetypeinfo\n" + text}, &skipped);
  REQUIRE(info.free.size() == 1);
  CHECK(info.free[0].type == "Unmovable");
  CHECK(info.free[0].nr_free == std::vector<std::uint64_t>{0, 100000});
  CHECK(info.free[0].is_least == std::vector<bool>{false, true});
  CHECK(skipped.first() == std::vector<std::size_t>{1});
}

TEST_CASE("parse_pagetypeinfo names the line of what is wrong", "[pagetypeinfo_reader]") {
  CHECK(fault_of("") == "pagetypeinfo: the file is empty");
  CHECK(fault_of("nothing\n") == "pagetypeinfo: no line 'Page block order:'");
  CHECK(fault_of("Page block order: 9\n") == "pagetypeinfo: no table 'Number of blocks type'");
  CHECK(fault_of("Page block order: nine\n") ==
        "pagetypeinfo:1: 'nine' is no number for 'Page block order:'");
  CHECK(fault_of("Page block order: 9\nPages per block: 511\n") ==
        "pagetypeinfo:2: 511 pages are no block of order 9");
  CHECK(fault_of("Number of blocks type Movable\nNode 0, zone DMA\n") ==
        "pagetypeinfo:2: no number behind 'Movable'");
  CHECK(fault_of("Page block order: 9\nNumber of blocks type\nNode 0, zone DMA\n") ==
        "pagetypeinfo:2: no types behind 'Number of blocks type'");
}

}  // namespace pageblock::test::pagetypeinfo_reader_cases
