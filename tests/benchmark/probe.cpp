// SPDX-License-Identifier: MIT
#include "benchmark/probe.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "benchmark/workload.hpp"

namespace pageblock::benchmark {
namespace {

// Resident memory that is not of a file. Not /proc/self/statm, which is off by up to some hundred
// pages in recent kernels, and counts the program's own code as it is first run.
double resident_bytes() {
  std::ifstream rollup{"/proc/self/smaps_rollup"};
  for (std::string word; rollup >> word;) {
    double kib = 0;
    if (word == "Anonymous:" && rollup >> kib) return kib * 1024;
  }
  throw Failure{"/proc/self/smaps_rollup cannot be read"};
}

template <typename Zone>
Probe measure(bool worst, std::uint64_t pages) {
  const double before = resident_bytes();
  std::optional<Zone> zone;
  Probe result;
  result.ns = time_ns([&] { zone.emplace(ZoneLayout{.spanned_pages = pages}); });
  if (worst) free_every_second_page(*zone);
  touch(*zone);
  result.bytes = resident_bytes() - before;
  return result;
}

}  // namespace

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw Failure{"cannot run: " + command};
  std::string output;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  if (pclose(pipe) != 0) throw Failure{"failed: " + command};
  return output;
}

Probe probe(const std::string& program, std::string_view what, bool reference,
            std::uint64_t pages) {
  std::istringstream output{output_of(fmt::format("'{}' --probe {} {} {}", program, what,
                                                  reference ? "reference" : "library", pages))};
  Probe result;
  if (!(output >> result.ns >> result.bytes)) throw Failure{"a child printed no figures"};
  return result;
}

int run_probe(const std::vector<std::string>& args) {
  if (args.size() != 3) return 2;
  const bool worst = args[0] == "worst";
  const std::uint64_t pages = std::stoull(args[2]);
  const Probe result =
      args[1] == "reference" ? measure<Reference>(worst, pages) : measure<Library>(worst, pages);
  fmt::print("{} {}\n", result.ns, result.bytes);
  return 0;
}

}  // namespace pageblock::benchmark
