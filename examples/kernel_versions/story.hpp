// SPDX-License-Identifier: MIT
/// What happens in an experiment, step by step, for whoever wants to read it.
#pragma once

#include <any>
#include <string>
#include <utility>
#include <vector>

namespace pageblock::experiments {

/// What can be seen after a call: named rows, such as a free list and what is on it. Rows that are
/// empty are left out.
struct Scene {
  std::string call;
  std::vector<std::pair<std::string, std::string>> rows;
  std::any zone{};  ///< as it is then, of the kernel's type; only if the story is to be drawn
};

/// The scenes of one experiment in one kernel. Nothing is kept unless it is to be told.
struct Story {
  bool is_told = false;
  bool is_drawn = false;  ///< Scenes keep the zone. Only a story that is told can be drawn.
  std::vector<Scene> scenes{};
};

}  // namespace pageblock::experiments
