// SPDX-License-Identifier: MIT
/// Numbers that others have published about Linux, and what the model makes of the same setting.
#pragma once

#include <cstdint>
#include <functional>
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
  /// Computes ours, where that takes long: only for figures that are asked for.
  std::function<std::string()> compute{};
  [[nodiscard]] bool agrees() const { return theirs == ours; }
};

/// Returns all figures, in the order of the table. Those of LLFree's benchmark are of a guest whose memory is
/// divided by @p llfree_scale.
[[nodiscard]] std::vector<Figure> published_figures(std::uint64_t llfree_scale);

/// Adds those.
void add_llfree(std::vector<Figure>& figures, std::uint64_t scale);

}  // namespace example
