// SPDX-License-Identifier: MIT
/// Numbers that others have published about Linux, and what the model makes of the same setting.
#pragma once

#include <string>
#include <vector>

namespace example {

/// A published number, or several that belong together.
struct Figure {
  unsigned entry = 0;  ///< Its place in the table; several figures may share one.
  std::string name{};  ///< What a command line calls it.
  std::string what{};
  std::string source{};
  std::string kernel{};  ///< Whose rules of the library's were used.
  std::string theirs{};
  std::string ours{};
  std::string explained{};  ///< Why they differ, if they do and that is known.
  [[nodiscard]] bool agrees() const { return theirs == ours; }
};

/// Computes all figures, in the order of the table.
[[nodiscard]] std::vector<Figure> published_figures();

}  // namespace example
