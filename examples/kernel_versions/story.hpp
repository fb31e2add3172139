// SPDX-License-Identifier: MIT
/// What happens in an experiment, step by step, for whoever wants to read it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pageblock::experiments {

/// What can be seen after a call: named rows, such as a free list and what is on it. Rows that are
/// empty are left out.
struct Scene {
  std::string call;
  std::vector<std::pair<std::string, std::string>> rows;
};

/// The scenes of one experiment in one kernel. Nothing is kept unless it is to be told.
struct Story {
  bool is_told = false;
  std::vector<Scene> scenes{};
};

}  // namespace pageblock::experiments
