// SPDX-License-Identifier: MIT
/// conformance FILE...: replays recorded vectors and compares every result and state hash.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
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
int run(const std::string& path, std::uint64_t& operations) {
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
  return program.run(argc, argv, [&] {
    if (paths.empty()) throw example::UsageError{"a file is needed"};
    int worst = 0;
    std::uint64_t operations = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const std::string& path : paths) worst = std::max(worst, run(path, operations));
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    fmt::print("{} files, {} operations in {:.2f} s: {:.2f} million a second\n", paths.size(),
               operations, wall.count(), static_cast<double>(operations) / wall.count() / 1e6);
    return worst;
  });
}
