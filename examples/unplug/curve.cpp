// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>

#include <fmt/format.h>

#include "unplug/report.hpp"

namespace example {

namespace {

// What can be on the axis; the first of which rows have several values is.
struct Axis {
  std::string_view name;
  std::uint64_t (*value)(const GuestSettings&);
};
constexpr std::array axes{
    Axis{"sub-block (MiB)", [](const GuestSettings& guest) { return guest.sub_block / 256; }},
    Axis{"utilisation (%)", [](const GuestSettings& guest) { return guest.utilisation; }},
    Axis{"ratio (%)", [](const GuestSettings& guest) { return guest.ratio; }},
    Axis{"age (% of memory)", [](const GuestSettings& guest) { return guest.age; }}};

const Axis& axis_of(const std::vector<Row>& rows) {
  for (const Axis& axis : axes) {
    std::set<std::uint64_t> values;
    for (const Row& row : rows) values.insert(axis.value(row.guest));
    if (values.size() > 1) return axis;
  }
  return axes.front();
}

constexpr std::uint64_t left = 60;
constexpr std::uint64_t top = 40;
constexpr std::uint64_t width = 480;
constexpr std::uint64_t height = 300;

}  // namespace

std::string rows_as_svg(std::string_view kernel, const std::vector<Row>& rows) {
  const Axis& axis = axis_of(rows);
  std::set<std::uint64_t> values;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> curves;
  for (const Row& row : rows) {
    std::string name = fmt::format("{}, {}", to_string(row.mechanism), to_string(row.guest.online));
    for (const Axis& other : axes) {
      if (&other == &axis) continue;
      const bool varies = std::ranges::any_of(
          rows, [&](const Row& one) { return other.value(one.guest) != other.value(row.guest); });
      if (varies) name += fmt::format(", {} {}", other.name, other.value(row.guest));
    }
    values.insert(axis.value(row.guest));
    curves[name][axis.value(row.guest)] = share_back(row);
  }
  // Values are as far apart as they are in their order: sizes double.
  std::map<std::uint64_t, std::uint64_t> place;
  for (const std::uint64_t value : values) {
    const std::uint64_t index = place.size();
    place[value] = left + (values.size() == 1 ? 0 : index * width / (values.size() - 1));
  }
  const std::uint64_t full_height =
      top + std::max<std::uint64_t>(height + 60, 20 * curves.size() + 20);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{}\" y=\"20\">{}: what came back, in percent of what was wanted</text>\n",
      left + width + 320, full_height, left, kernel);
  for (std::uint64_t percent = 0; percent <= 100; percent += 20) {
    const std::uint64_t y = top + height - height * percent / 100;
    svg += fmt::format(
        "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#ddd\"/>"
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
        left, y, left + width, y, left - 6, y + 4, percent);
  }
  for (const auto& [value, x] : place) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x,
                       top + height + 18, value);
  }
  svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", left + width / 2,
                     top + height + 38, axis.name);
  constexpr std::array<std::string_view, 6> colors{"#0072b2", "#d55e00", "#009e73",
                                                   "#cc79a7", "#e69f00", "#555555"};
  std::size_t nr = 0;
  for (const auto& [name, points] : curves) {
    const std::string_view color = colors[nr % colors.size()];
    const std::string_view dash = nr / colors.size() % 2 == 0 ? "none" : "6 3";
    std::string line;
    for (const auto& [value, share] : points) {
      const std::uint64_t y = top + height - height * share / 1000;
      line += fmt::format("{}{},{}", line.empty() ? "" : " ", place[value], y);
      svg += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"/>\n", place[value], y,
                         color);
    }
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-dasharray=\"{}\"/>\n"
        "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
        line, color, dash, left + width + 16, top + 12 + 20 * nr, color, name);
    ++nr;
  }
  return svg + "</svg>\n";
}

}  // namespace example
