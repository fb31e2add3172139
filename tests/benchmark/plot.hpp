// SPDX-License-Identifier: MIT
/// Draws curves over zone sizes as an SVG picture, both axes logarithmic.
#pragma once

#include <string>
#include <vector>

namespace pageblock::benchmark {

struct Point {
  double x;
  double y;
};

struct Curve {
  std::string label;
  /// As SVG knows it.
  std::string colour;
  bool is_dashed = false;
  std::vector<Point> points{};
};

/// One pair of axes.
struct Panel {
  std::string title;
  std::string y_label;
  std::vector<Curve> curves{};
};

/// Returns "64 GiB".
[[nodiscard]] std::string size_label(double gib);

/// Returns the picture: panels side by side, each with its legend below. x is in GiB. The
/// background is white, so that it can be read on a dark page too.
/// Requires: all coordinates are above 0.
[[nodiscard]] std::string to_svg(const std::vector<Panel>& panels);

}  // namespace pageblock::benchmark
