// SPDX-License-Identifier: MIT
/// What is measured in a fresh process: memory that earlier zones left behind would count as none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pageblock::benchmark {

/// What one child found.
struct Probe {
  double ns = 0;
  /// Resident memory that the zone added.
  double bytes = 0;
};

/// Makes a zone of @p pages in a new process of @p program, which has run_probe() behind "--probe".
/// @p what is "fresh", or "worst" for one in which every second page is free.
[[nodiscard]] Probe probe(const std::string& program, std::string_view what, bool reference,
                          std::uint64_t pages);

/// The child: does what the arguments behind "--probe" say, and prints the result.
int run_probe(const std::vector<std::string>& args);

/// Runs @p command in a shell and returns what it prints. Throws Failure if it fails.
[[nodiscard]] std::string output_of(const std::string& command);

}  // namespace pageblock::benchmark
