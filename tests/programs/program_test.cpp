// SPDX-License-Identifier: MIT
#include "common/program.hpp"

#include <optional>
#include <string>
#include <vector>

#include "common/progress.hpp"
#include "support/catch.hpp"

using example::parse_size;

TEST_CASE("parse_size takes what people write", "[program]") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("4096B") == 4096);
  for (const char* one_gib : {"1g", "1G", "1GB", "1GiB", "1gib", "1024M", "1024MiB", "1048576k"}) {
    CAPTURE(one_gib);
    CHECK(parse_size(one_gib) == std::uint64_t{1} << 30);
  }
  CHECK(parse_size("1.5G") == std::uint64_t{3} << 29);
  CHECK(parse_size("0.5k") == 512);
  CHECK(parse_size("2t") == std::uint64_t{1} << 41);
}

TEST_CASE("parse_size refuses what is no size", "[program]") {
  for (const char* text : {"", "G", "5X", "-1G", "+1G", "1 G", "1Gi B", "1ii", "1e9", "0x10",
                           "1,5G", "inf", "nan", "99999999999999999999", "16777216p"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

namespace {

struct Given {
  bool json = false;
  std::string color = "auto";
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> line;
  std::string name;
  std::vector<std::string> files;
  int status = -1;
};

Given given(std::vector<const char*> arguments) {
  Given result;
  example::Program program{{.name = "test", .usage = {"FILE"}, .about = "Tests."}};
  program.flag("--json", result.json, "");
  program.choice("--color", {"auto", "never"}, result.color, "");
  program.size("--size", result.size, "");
  program.number("--line", "LINE", result.line, 1, 10, "");
  program.option("--name", "NAME", result.name, "");
  program.operands(result.files);
  arguments.insert(arguments.begin(), "test");
  result.status =
      program.run(static_cast<int>(arguments.size()), arguments.data(), [] { return 0; });
  return result;
}

}  // namespace

TEST_CASE("Program takes options and operands in any order", "[program]") {
  const Given result =
      given({"a", "--size=1.5k", "--json", "b", "--color", "never", "--line", "3"});
  CHECK(result.status == 0);
  CHECK(result.json);
  CHECK(result.color == "never");
  CHECK(result.size == 1536);
  CHECK(result.line == 3);
  CHECK(result.files == std::vector<std::string>{"a", "b"});
  CHECK(given({"--size", "1g", "--size", "2k"}).size == 2048);
  CHECK(given({"--", "--json"}).files == std::vector<std::string>{"--json"});
  CHECK(given({"-"}).files == std::vector<std::string>{"-"});
}

TEST_CASE("Program ends with 2 where the arguments are wrong", "[program]") {
  CHECK(given({"--jsn"}).status == 2);
  CHECK(given({"--json=3"}).status == 2);
  CHECK(given({"--size"}).status == 2);
  CHECK(given({"--size", "--json"}).status == 2);
  CHECK(given({"--color", "red"}).status == 2);
  CHECK(given({"--line", "0"}).status == 2);
  CHECK(given({"--line", "11"}).status == 2);
  CHECK(given({"-x"}).status == 2);
  CHECK(given({"--name", ""}).status == 2);
  CHECK(given({"--name="}).status == 2);
  CHECK(given({""}).status == 2);
  CHECK(given({"--name", "a", "b"}).status == 0);
}

TEST_CASE("Program ends with 2 where a path leads nowhere", "[program]") {
  for (const char* const path : {"/", "-", "/no/such/file"}) {
    std::vector<std::string> paths;
    example::Program program{{.name = "test", .usage = {"FILE"}, .about = "Tests."}};
    program.paths(paths);
    const char* const arguments[]{"test", path};
    const int status = program.run(2, arguments, [] { return 0; });
    CHECK(status == (path == std::string{"/no/such/file"} ? 2 : 0));
  }
}

TEST_CASE("Program ends with 1 where its body fails", "[program]") {
  example::Program program{{.name = "test", .usage = {""}, .about = ""}};
  const char* const arguments[]{"test"};
  CHECK(program.run(1, arguments, []() -> int { throw std::runtime_error{"no"}; }) == 1);
  CHECK(program.run(1, arguments, []() -> int { throw example::UsageError{"no"}; }) == 2);
  CHECK(program.run(1, arguments, [] { return 7; }) == 7);
}

TEST_CASE("progress_line says how far it is and how long it takes", "[progress]") {
  using namespace std::chrono_literals;
  CHECK(example::progress_line("reading", 1, 4, 2s) ==
        "reading  [######------------------]  25 %, 6 s left");
  CHECK(example::progress_line("reading", 0, 4, 2s) == "reading  [------------------------]   0 %");
  CHECK(example::progress_line("reading", 4, 4, 2s) ==
        "reading  [########################] 100 %, 0 s left");
  CHECK(example::progress_line("reading", 1, 100, 1s) ==
        "reading  [------------------------]   1 %, 1 min 39 s left");
  CHECK(example::progress_line("reading", 7, 0, 3s) == "reading  3 s");
}
