// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/curves.hpp"
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

}  // namespace

std::string rows_as_svg(std::string_view kernel, const std::vector<Row>& rows) {
  const Axis& axis = axis_of(rows);
  std::map<std::uint64_t, std::size_t> place;
  for (const Row& row : rows) place[axis.value(row.guest)] = 0;
  Curves curves{.title = fmt::format("{}: what came back, in percent of what was wanted", kernel),
                .axis = std::string{axis.name},
                .top = 1000,
                .unit = 10};
  for (auto& [value, index] : place) {
    index = curves.places.size();
    curves.places.push_back(fmt::format("{}", value));
  }
  std::map<std::string, std::map<std::size_t, std::uint64_t>> named;
  for (const Row& row : rows) {
    std::string name = fmt::format("{}, {}", to_string(row.mechanism), to_string(row.guest.online));
    for (const Axis& other : axes) {
      if (&other == &axis) continue;
      const bool varies = std::ranges::any_of(
          rows, [&](const Row& one) { return other.value(one.guest) != other.value(row.guest); });
      if (varies) name += fmt::format(", {} {}", other.name, other.value(row.guest));
    }
    named[name][place[axis.value(row.guest)]] = share_back(row);
  }
  for (auto& [name, values] : named) curves.curves.push_back({name, values});
  return to_svg(curves);
}

}  // namespace example
