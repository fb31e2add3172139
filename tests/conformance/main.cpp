// SPDX-License-Identifier: MIT
/// conformance FILE...: replays recorded vectors and compares every result and state hash.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "common/program.hpp"
#include "conformance/input.hpp"
#include "conformance/outcome.hpp"
#include "conformance/replay_file.hpp"

namespace {

constexpr int is_different = 1;
constexpr int is_unreadable_file = 2;

using conformance::Input;
using conformance::Outcome;

// Replays a file, and adds its operations to @p operations. Returns the exit status that it asks for.
int run(const std::string& path, const conformance::InputLimits& limits,
        std::uint64_t& operations) {
  Input input{path, limits};
  Outcome outcome;
  if (input.error().empty()) outcome = replay_file(input);
  if (!input.error().empty()) {
    fmt::print(stderr, "conformance: {}: {}\n", path, input.error());
    return is_unreadable_file;
  }
  fmt::print("{}: {} operations, {} hashes, {} dumps", path, outcome.operations, outcome.hashes,
             outcome.dumps);
  if (outcome.events != 0) fmt::print(", {} events", outcome.events);
  fmt::print(": {}\n", outcome.difference.empty() ? "ok" : "DIFFERS\n  " + outcome.difference);
  operations += outcome.operations;
  return outcome.difference.empty() ? 0 : is_different;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> paths;
  example::Program program{
      {.name = "conformance",
       .usage = {"FILE... [OPTION]..."},
       .about = "Replays conformance vectors (plain or .gz, - for standard input), and compares "
                "every result and state hash.",
       .more =
           "Exit status: 0 if all are ok, 1 if a file differs or has an unreadable line, 2 if a "
           "file cannot be read, or the arguments are wrong."}};
  program.operands(paths);
  std::optional<std::uint64_t> max_line;
  std::optional<std::uint64_t> max_size;
  program.size("--max-line", max_line, "the longest line that is read; 1 MiB if not given");
  program.size("--max-size", max_size,
               "the largest file that is read, decompressed; 1 GiB if not given");
  return program.run(argc, argv, [&] {
    if (paths.empty()) throw example::UsageError{"a file is needed"};
    conformance::InputLimits limits;
    limits.line = max_line.value_or(limits.line);
    limits.total = max_size.value_or(limits.total);
    int worst = 0;
    std::uint64_t operations = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const std::string& path : paths) worst = std::max(worst, run(path, limits, operations));
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    fmt::print("{} files, {} operations in {:.2f} s: {:.2f} million a second\n", paths.size(),
               operations, wall.count(), static_cast<double>(operations) / wall.count() / 1e6);
    return worst;
  });
}
