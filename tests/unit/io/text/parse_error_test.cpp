// SPDX-License-Identifier: MIT
#include "pageblock/io/text/parse_error.hpp"

#include <string>

#include "support/catch.hpp"

namespace pageblock::test::parse_error_cases {

TEST_CASE("InputFile names itself and the place in each error", "[parse_error]") {
  const InputFile file{"/proc/zoneinfo", ""};
  CHECK(std::string{file.error_at_line(12, "no number").what()} == "/proc/zoneinfo:12: no number");
  CHECK(std::string{file.error_at_byte(8, "cut off").what()} == "/proc/zoneinfo: byte 8: cut off");
  CHECK(std::string{file.error("empty").what()} == "/proc/zoneinfo: empty");
}

TEST_CASE("InputFile base_name leaves out the folders", "[parse_error]") {
  CHECK(InputFile{"a/b/zoneinfo.txt", ""}.base_name() == "zoneinfo.txt");
  CHECK(InputFile{"zoneinfo", ""}.base_name() == "zoneinfo");
}

TEST_CASE("ParseError leaves out the middle of a long text, not its place nor its fault",
          "[parse_error]") {
  const InputFile file{"zoneinfo", ""};
  const std::string word(100000, 'x');
  const std::string what = file.error_at_line(12, word + " is no number for 'spanned'").what();
  CHECK(what.size() < 500);
  CHECK(what.starts_with("zoneinfo:12: xxx"));
  CHECK(what.find("xxx ... xxx") != std::string::npos);
  CHECK(what.ends_with("xxx is no number for 'spanned'"));
}

}  // namespace pageblock::test::parse_error_cases
