// SPDX-License-Identifier: MIT
#include "pageblock/io/text/buddyinfo_reader.hpp"

#include <string>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::buddyinfo_reader_cases {

namespace {

std::string fault_of(const std::string& content) {
  return test::fault_in([&] { return parse_buddyinfo(InputFile{"buddyinfo", content}); });
}

}  // namespace

TEST_CASE("parse_buddyinfo reads a row for each zone", "[buddyinfo_reader]") {
  const auto rows = parse_buddyinfo(InputFile{
      "buddyinfo", "Node 0, zone      DMA      0      1      3 \nNode 1, zone   Normal 5 0 1 \n"});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].name == ZoneName{0, "DMA"});
  CHECK(rows[0].nr_free == std::vector<std::uint64_t>{0, 1, 3});
  CHECK(rows[0].nr_free_pages() == 14);
  CHECK(rows[1].name == ZoneName{1, "Normal"});
  CHECK(rows[1].line == 2);
}

TEST_CASE("parse_buddyinfo passes over what is copied around the rows, and says which lines",
          "[buddyinfo_reader]") {
  SkippedLines skipped;
  const auto rows =
      parse_buddyinfo(InputFile{"buddyinfo",
                                "root@host:~# cat /proc/buddyinfo\r\n  Node 0, zone DMA 1 2\r\n\n"
                                "root@host:~# "},
                      &skipped);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].nr_free_pages() == 5);
  CHECK(rows[0].line == 2);
  CHECK(skipped.text() == "3 lines are not of this format and were passed over: 1, 3, 4");
  CHECK(parse_buddyinfo(InputFile{"buddyinfo", "Node 0, zone DMA 1\n\n \n"}, &skipped).size() == 1);
  CHECK(skipped.count() == 0);
  CHECK(fault_of("root@host:~# \n") == "buddyinfo:1: expected 'Node <number>, zone <name>'");
}

TEST_CASE("parse_buddyinfo names the line of what is wrong", "[buddyinfo_reader]") {
  CHECK(fault_of("") == "buddyinfo: the file is empty");
  CHECK(fault_of("Node 0, zone DMA\n") == "buddyinfo:1: no counts of free chunks behind the zone");
  CHECK(fault_of("Node 0, zone DMA 1 x\n") == "buddyinfo:1: 'x' is no number for 'free chunks'");
  CHECK(fault_of("Node 0, zone DMA 1 2\nNode 0, zone Normal 1\n") ==
        "buddyinfo:2: 1 orders, but 2 in line 1");
  CHECK(fault_of("Node 0, zone DMA 1\nNode 0, zone DMA 1\n") == "buddyinfo:2: zone DMA again");
  std::string many = "Node 0, zone DMA";
  for (int order = 0; order < 33; ++order) many += " 1";
  CHECK(fault_of(many) == "buddyinfo:1: more orders than any kernel has");
  std::string zones;
  for (int node = 0; node < 4097; ++node) zones += fmt::format("Node {}, zone DMA 1\n", node);
  CHECK(fault_of(zones) == "buddyinfo:4097: more zones than any kernel has");
}

}  // namespace pageblock::test::buddyinfo_reader_cases
