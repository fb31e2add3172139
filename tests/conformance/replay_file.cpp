// SPDX-License-Identifier: MIT
#include "conformance/replay_file.hpp"

#include <optional>
#include <string>

#include <fmt/format.h>

#include "conformance/geometries.hpp"
#include "conformance/line.hpp"
#include "conformance/replayer.hpp"

namespace conformance {
namespace {

constexpr unsigned long with_events = 6;

// The format's version and the kernel: `vec`.
struct Vec {
  unsigned long version;
  std::string profile;
};

void check_result(const Line& line) {
  if (line.result() != "r=ok") throw BadLine{"the result is not r=ok"};
}

Vec read_vec(const Line& line) {
  if (line.op() != "vec") throw BadLine{"a vector begins with a vec line"};
  const Vec vec{line.number("version"), std::string{line.text("profile")}};
  if (vec.version != 1 && vec.version != with_events) {
    throw BadLine{"this program reads versions 1 and 6 of the format"};
  }
  if (!knows_kernel(vec.version, vec.profile)) {
    throw BadLine{fmt::format("this build does not know kernel {} (version {} of the format)",
                              vec.profile, vec.version)};
  }
  check_result(line);
  return vec;
}

MakeMachine read_geom(const Line& line, const Vec& vec) {
  if (line.op() != "geom") throw BadLine{"the geom line is missing"};
  Geometry geometry{vec.version, vec.profile, 0, line.number("pageblock_order"), 0};
  if (vec.version == 1) {
    geometry.max_order = line.number("max_order");
  } else {
    constexpr unsigned long highest = 63;
    geometry.max_order = std::min(line.number("max_page_order"), highest) + 1;
    geometry.thp_order = line.number("thp_order");
    if (line.number("types") != 6) throw BadLine{"there are 6 migratetypes"};
    if (line.number("lists") != 14) throw BadLine{"a CPU has 14 lists"};
  }
  line.check_all_used();
  check_result(line);
  if (const auto make = find_machine(geometry)) return make;
  throw BadLine{
      fmt::format("this program is not built for {} max_order={} pageblock_order={} thp_order={}",
                  vec.profile, geometry.max_order, geometry.pageblock_order, geometry.thp_order)};
}

}  // namespace

Outcome replay_file(Input& input) {
  std::optional<Vec> vec;
  while (const auto text = input.next_line()) {
    try {
      if (text->empty() || text->starts_with('#')) continue;
      const Line line{*text};
      if (!vec) {
        vec = read_vec(line);
        continue;
      }
      const auto machine = read_geom(line, *vec)();
      return Replayer{*machine, vec->version == with_events}.run(input);
    } catch (const BadLine& bad) {
      return {.difference =
                  fmt::format("line {}: unreadable: {}", input.line_number(), bad.what())};
    }
  }
  return {.difference = "the file has no geom line"};
}

}  // namespace conformance
