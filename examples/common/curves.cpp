// SPDX-License-Identifier: MIT
#include "common/curves.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/io/picture/picture_file.hpp"

namespace example {

namespace {

constexpr std::uint64_t left = 60;
constexpr std::uint64_t upper = 40;
constexpr std::uint64_t width = 480;
constexpr std::uint64_t height = 300;
constexpr std::uint64_t nr_lines = 5;

std::uint64_t x_of(std::size_t place, std::size_t nr_places) {
  return left + (nr_places == 1 ? 0 : place * width / (nr_places - 1));
}

}  // namespace

std::string to_svg(const Curves& curves) {
  const auto y_of = [&](std::uint64_t value) {
    return upper + height - height * std::min(value, curves.top) / curves.top;
  };
  const std::uint64_t full_height =
      upper + std::max<std::uint64_t>(height + 60, 20 * curves.curves.size() + 20);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{}\" y=\"20\">{}</text>\n",
      left + width + 320, full_height, left, pageblock::detail::markup_text(curves.title));
  for (std::uint64_t line = 0; line <= nr_lines; ++line) {
    const std::uint64_t value = curves.top * line / nr_lines;
    svg += fmt::format(
        "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#ddd\"/>"
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
        left, y_of(value), left + width, y_of(value), left - 6, y_of(value) + 4,
        value / curves.unit);
  }
  for (std::size_t place = 0; place < curves.places.size(); ++place) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       x_of(place, curves.places.size()), upper + height + 18,
                       pageblock::detail::markup_text(curves.places[place]));
  }
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", left + width / 2,
                     upper + height + 38, pageblock::detail::markup_text(curves.axis));
  constexpr std::array<std::string_view, 6> colors{"#0072b2", "#d55e00", "#009e73",
                                                   "#cc79a7", "#e69f00", "#555555"};
  for (std::size_t nr = 0; nr < curves.curves.size(); ++nr) {
    const Curve& curve = curves.curves[nr];
    const std::string_view color = colors[nr % colors.size()];
    const std::string_view dash = nr / colors.size() % 2 == 0 ? "none" : "6 3";
    std::string line;
    for (const auto& [place, value] : curve.values) {
      const std::uint64_t x = x_of(place, curves.places.size());
      line += fmt::format("{}{},{}", line.empty() ? "" : " ", x, y_of(value));
      svg +=
          fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"/>\n", x, y_of(value), color);
    }
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-dasharray=\"{}\"/>\n"
        "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
        line, color, dash, left + width + 16, upper + 12 + 20 * nr, color,
        pageblock::detail::markup_text(curve.name));
  }
  return svg + "</svg>\n";
}

}  // namespace example
