// Measures the library beside a plain reference, and says which targets are met.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "benchmark/probe.hpp"
#include "benchmark/report.hpp"
#include "benchmark/suite.hpp"

namespace pageblock::benchmark {
namespace {

int start(const std::vector<std::string_view>& args) {
  if (!args.empty() && args[0] == "--probe") return run_probe({args.begin() + 1, args.end()});
  Sizes sizes;
  unsigned rounds = 5;
  std::vector<std::string> names;
  for (const auto arg : args) {
    if (arg == "--quick") {
      sizes = Sizes::quick();
      rounds = 1;
    } else {
      names.emplace_back(arg);
    }
  }
  sizes.program = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto chosen = workloads(names);
  fmt::print("{}", to_table(run(chosen, sizes, rounds)));
  return 0;
}

}  // namespace
}  // namespace pageblock::benchmark

int main(int argc, char** argv) {
  try {
    return pageblock::benchmark::start({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "benchmark: {}\n", error.what());
    return 1;
  }
}
