// SPDX-License-Identifier: MIT
#include "benchmark/plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

namespace pageblock::benchmark {
namespace {

// In units of the picture. The axes' cross is at (left, top + height) of a panel.
constexpr double panel_width = 480;
constexpr double left = 70;
constexpr double top = 50;
constexpr double width = 380;
constexpr double height = 300;
constexpr double legend_top = top + height + 75;
constexpr double legend_line = 20;

std::string text(double x, double y, std::string_view anchor, std::string_view words,
                 std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, words);
}

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1,
                     x2, y2, style);
}

// A logarithmic scale from values to a distance.
struct Scale {
  double low;
  double high;
  double length;
  [[nodiscard]] double operator()(double value) const {
    return length * (std::log2(value) - low) / (high - low);
  }
};

struct Extent {
  double low = 1e300;
  double high = -1e300;
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

std::string style(const Curve& curve) {
  return fmt::format("stroke=\"{}\" stroke-width=\"2\" fill=\"none\"{}", curve.colour,
                     curve.is_dashed ? " stroke-dasharray=\"6 4\"" : "");
}

std::string draw(const Curve& curve, const Scale& x, const Scale& y) {
  std::string path;
  std::string marks;
  for (const Point& point : curve.points) {
    const double px = left + x(point.x);
    const double py = top + height - y(point.y);
    path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", px, py);
    marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", px, py,
                         curve.colour);
  }
  return fmt::format("<polyline points=\"{}\" {}/>\n", path, style(curve)) + marks;
}

std::string draw(const Panel& panel) {
  Extent xs;
  Extent ys;
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      xs.include(std::log2(point.x));
      ys.include(std::log10(point.y));
    }
  }
  // Whole decades upward, and an octave beside the curves.
  const double log2_10 = std::log2(10);
  const double low = std::floor(ys.low);
  const double high = std::max(std::ceil(ys.high), low + 1);
  const Scale x{xs.low - 0.5, xs.high + 0.5, width};
  const Scale y{low * log2_10, high * log2_10, height};

  const std::string_view grid = "stroke=\"#dddddd\"";
  std::string svg = text(left + width / 2, 25, "middle", panel.title, " font-weight=\"bold\"");
  for (double decade = low; decade <= high; ++decade) {
    const double at = top + height - y(std::pow(10, decade));
    svg += line(left, at, left + width, at, grid);
    svg += text(left - 8, at + 4, "end", fmt::format("{:g}", std::pow(10, decade)));
  }
  for (double size = std::ceil(xs.low); size <= xs.high; size += 2) {
    const double at = left + x(std::exp2(size));
    svg += line(at, top, at, top + height, grid);
    svg += text(at, top + height + 18, "middle", size_label(std::exp2(size)));
  }
  svg += fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#333333\"/>\n",
      left, top, width, height);
  svg += text(left + width / 2, top + height + 42, "middle", "zone size");
  svg += text(0, 0, "middle", panel.y_label,
              fmt::format(" transform=\"translate(18 {}) rotate(-90)\"", top + height / 2));
  double at = legend_top;
  for (const Curve& curve : panel.curves) {
    svg += draw(curve, x, y);
    svg += line(left, at - 4, left + 40, at - 4, style(curve));
    svg += text(left + 50, at, "start", curve.label);
    at += legend_line;
  }
  return svg;
}

}  // namespace

std::string size_label(double gib) {
  if (gib < 1) return fmt::format("{:.0f} MiB", gib * 1024);
  return gib < 1024 ? fmt::format("{:.0f} GiB", gib) : fmt::format("{:.0f} TiB", gib / 1024);
}

std::string to_svg(const std::vector<Panel>& panels) {
  std::size_t legend = 0;
  for (const Panel& panel : panels) legend = std::max(legend, panel.curves.size());
  const double total_width = panel_width * static_cast<double>(panels.size());
  const double total_height = legend_top + legend_line * static_cast<double>(legend) + 5;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      total_width, total_height);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    svg += fmt::format("<g transform=\"translate({:.0f} 0)\">\n{}</g>\n",
                       panel_width * static_cast<double>(i), draw(panels[i]));
  }
  return svg + "</svg>\n";
}

}  // namespace pageblock::benchmark
