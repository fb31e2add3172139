// SPDX-License-Identifier: MIT
/// Curves, drawn as SVG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace example {

/// One of them: a value at some of the places on the axis.
struct Curve {
  std::string name{};
  std::map<std::size_t, std::uint64_t> values{};
};

/// Several, over one axis. Its places are equally far apart: sizes double.
struct Curves {
  std::string title{};
  std::string axis{};
  std::vector<std::string> places{};
  std::vector<Curve> curves{};
  std::uint64_t top = 100;  ///< Where the picture ends, upward; lines are at the fifths of it.
  std::uint64_t unit = 1;   ///< What the numbers at these lines count.
};

/// Returns a whole SVG file: the same bytes on every machine.
[[nodiscard]] std::string to_svg(const Curves& curves);

}  // namespace example
