// SPDX-License-Identifier: MIT
/// conformance FILE...: replays recorded vectors and compares every result and state hash.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

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
  std::uint64_t operations = 0;
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& path : paths) worst = std::max(worst, run(path, operations));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("{} files, {} operations in {:.2f} s: {:.2f} million a second\n", paths.size(),
             operations, wall.count(), static_cast<double>(operations) / wall.count() / 1e6);
  return worst;
}
