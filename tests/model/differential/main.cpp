// SPDX-License-Identifier: MIT
// Runs zones beside the naive model for as long as one likes, in all geometries.
// usage: differential KERNEL OPERATIONS [FIRST SEED]
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "model/differential/geometries.hpp"

namespace {

using pageblock::test::ProgramsRun;

[[nodiscard]] bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number != 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments{argv + 1, argv + argc};
  std::uint64_t nr_operations = 0;
  std::uint64_t first_seed = 1;
  std::vector<pageblock::test::Differential> wanted;
  for (const auto& geometry : pageblock::test::all_geometries()) {
    if (!arguments.empty() && geometry.kernel == arguments[0]) wanted.push_back(geometry);
  }
  const bool has_numbers = (arguments.size() == 2 || arguments.size() == 3) &&
                           read_number(arguments[1], nr_operations) &&
                           (arguments.size() == 2 || read_number(arguments[2], first_seed));
  if (wanted.empty() || !has_numbers) {
    fmt::print(stderr, "usage: differential v3.6|v6.1 OPERATIONS [FIRST_SEED]\n");
    return 2;
  }
  // Where little is done in a program, as with the largest chunks, few operations are many pages.
  const std::uint64_t share = (nr_operations + wanted.size() - 1) / wanted.size();
  std::uint64_t sum = 0;
  for (const auto& geometry : wanted) {
    const ProgramsRun done = geometry.run(first_seed, share);
    sum += done.nr_operations;
    fmt::print("{}: {} programs, {} operations\n{}", geometry.name, done.nr_programs,
               done.nr_operations, done.failure);
    if (std::fflush(stdout) != 0) return 2;
    if (!done.failure.empty()) return 1;
  }
  fmt::print("{} operations in {} geometries, no difference\n", sum, wanted.size());
  return std::fflush(stdout) == 0 ? 0 : 2;
}
