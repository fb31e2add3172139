// SPDX-License-Identifier: MIT
#include "pageblock/io/text/line_reader.hpp"

#include <string>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pageblock::test::line_reader_cases {

TEST_CASE("LineReader gives lines and words in order", "[line_reader]") {
  const InputFile file{"f", "one  two\t3\r\n\n  last"};
  LineReader reader{file};
  CHECK(reader.number() == 0);
  REQUIRE(reader.next_line());
  CHECK(reader.word() == "one");
  CHECK(reader.rest() == "  two\t3\r");
  CHECK(reader.word() == "two");
  CHECK(reader.number_of("three") == 3);
  CHECK(reader.word().empty());
  REQUIRE(reader.next_line());
  CHECK(reader.line().empty());
  REQUIRE(reader.next_line());
  CHECK(reader.number() == 3);
  CHECK(reader.word() == "last");
  CHECK_FALSE(reader.next_line());
}

TEST_CASE("LineReader refuses an empty file", "[line_reader]") {
  const InputFile file{"f", ""};
  CHECK_THROWS_AS(LineReader{file}, ParseError);
}

TEST_CASE("LineReader number_of refuses what is no number", "[line_reader]") {
  const auto fault_of = [](const std::string& content, int base) -> std::string {
    const InputFile file{"f", content};
    LineReader reader{file};
    reader.next_line();
    try {
      return fmt::format("{}", reader.number_of("size", base));
    } catch (const ParseError& error) {
      return error.what();
    }
  };
  CHECK(fault_of("12", 10) == "12");
  CHECK(fault_of("ff", 16) == "255");
  CHECK(fault_of("18446744073709551615", 10) == "18446744073709551615");
  CHECK(fault_of("18446744073709551616", 10) ==
        "f:1: the number '18446744073709551616' of 'size' has more than 64 bits");
  CHECK(fault_of("12x", 10) == "f:1: '12x' is no number for 'size'");
  CHECK(fault_of("-1", 10) == "f:1: '-1' is no number for 'size'");
  CHECK(fault_of(" ", 10) == "f:1: no number behind 'size'");
}

TEST_CASE("read_zone_name reads the node and the zone of a line", "[line_reader]") {
  const auto name_of = [](const std::string& content) -> std::string {
    const InputFile file{"f", content};
    LineReader reader{file};
    reader.next_line();
    try {
      const ZoneName name = read_zone_name(reader);
      return fmt::format("{}|{}", name, reader.rest());
    } catch (const ParseError&) {
      return "refused";
    }
  };
  CHECK(name_of("Node 0, zone   Normal      1") == "Normal|      1");
  CHECK(name_of("Node    3, zone      DMA, type 5") == "3/DMA| type 5");
  CHECK(name_of("Node 0 zone Normal") == "refused");
  CHECK(name_of("Node x, zone Normal") == "refused");
  CHECK(name_of("Node 0, zone") == "refused");
  CHECK(name_of("zone Normal") == "refused");
}

}  // namespace pageblock::test::line_reader_cases
