// SPDX-License-Identifier: MIT
// Runs small experiments on two kernels, and prints what tells them apart.
#include <string>

#include <fmt/format.h>

#include "common/program.hpp"
#include "kernel_versions/experiments.hpp"

namespace {

int run() {
  using namespace pageblock;
  int differ = 0;
  for (const auto& [id, question, in_v3_6, in_v6_1] : experiments::all) {
    const std::string old_outcome = in_v3_6();
    const std::string new_outcome = in_v6_1();
    const bool same = old_outcome == new_outcome;
    if (!same) ++differ;
    fmt::print("{:<4} {}\n       v3.6   {}\n       v6.1   {}\n", id, question, old_outcome,
               same ? "the same" : new_outcome);
  }
  fmt::print("{} of {} experiments tell the kernels apart\n", differ, experiments::all.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  example::Program program{{.name = "kernel_versions",
                            .usage = {"[OPTION]..."},
                            .about = "Runs small experiments on two kernels, and prints what tells "
                                     "them apart."}};
  return program.run(argc, argv, run);
}
