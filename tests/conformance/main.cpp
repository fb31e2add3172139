/// conformance FILE...: replays recorded vectors and compares every result and state hash.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "conformance/geometries.hpp"
#include "conformance/input.hpp"
#include "conformance/line.hpp"
#include "conformance/outcome.hpp"

namespace {

constexpr int is_different = 1;
constexpr int is_unreadable_file = 2;

using conformance::BadLine;
using conformance::Input;
using conformance::Line;
using conformance::Outcome;

// Reads `vec` and `geom` and replays the rest with the geometry's replayer.
Outcome replay_file(Input& input) {
  bool has_vec = false;
  while (const auto text = input.next_line()) {
    try {
      if (text->empty() || text->starts_with('#')) continue;
      const Line line{*text};
      if (!has_vec) {
        if (line.op() != "vec") throw BadLine{"a vector begins with a vec line"};
        if (line.number("version") != 1) throw BadLine{"this program reads version 1"};
        if (line.text("profile") != "v3.6") throw BadLine{"this program replays profile v3.6"};
        if (line.result() != "r=ok") throw BadLine{"the result is not r=ok"};
        has_vec = true;
        continue;
      }
      if (line.op() != "geom") throw BadLine{"the geom line is missing"};
      const auto max_order = line.number("max_order");
      const auto pageblock_order = line.number("pageblock_order");
      line.check_all_used();
      if (line.result() != "r=ok") throw BadLine{"the result is not r=ok"};
      const auto replay = conformance::find_replay(max_order, pageblock_order);
      if (replay == nullptr) {
        throw BadLine{fmt::format("this program is not built for max_order={} pageblock_order={}",
                                  max_order, pageblock_order)};
      }
      return replay(input);
    } catch (const BadLine& bad) {
      return {.difference =
                  fmt::format("line {}: unreadable: {}", input.line_number(), bad.what())};
    }
  }
  return {.difference = "the file has no geom line"};
}

int run(const std::string& path) {
  Input input{path};
  Outcome outcome;
  if (input.error().empty()) outcome = replay_file(input);
  if (!input.error().empty()) {
    fmt::print(stderr, "conformance: {}: {}\n", path, input.error());
    return is_unreadable_file;
  }
  fmt::print("{}: {} operations, {} hashes, {} dumps: ", path, outcome.operations, outcome.hashes,
             outcome.dumps);
  fmt::print("{}\n", outcome.difference.empty() ? "ok" : "DIFFERS\n  " + outcome.difference);
  return outcome.difference.empty() ? 0 : is_different;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty() || paths.front() == "--help") {
    fmt::print(paths.empty() ? stderr : stdout,
               "usage: conformance FILE...\n"
               "Replays conformance vectors (plain or .gz, - for standard input).\n"
               "Exit status: 0 all are ok, 1 a file differs or has an unreadable line,\n"
               "2 a file cannot be read.\n");
    return paths.empty() ? is_unreadable_file : 0;
  }
  int worst = 0;
  for (const std::string& path : paths) worst = std::max(worst, run(path));
  return worst;
}
