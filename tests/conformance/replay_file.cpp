// SPDX-License-Identifier: MIT
#include "conformance/replay_file.hpp"

#include <fmt/format.h>

#include "conformance/geometries.hpp"
#include "conformance/line.hpp"

namespace conformance {

Outcome replay_file(Input& input) {
  bool has_vec = false;
  while (const auto text = input.next_line()) {
    try {
      if (text->empty() || text->starts_with('#')) continue;
      const Line line{*text};
      if (!has_vec) {
        if (line.op() != "vec") throw BadLine{"a vector begins with a vec line"};
        if (line.number("version") != 1) throw BadLine{"this program reads version 1"};
        if (line.text("profile") != "v3.6") throw BadLine{"this program replays profile v3.6"};
        if (line.result() != "r=ok") throw BadLine{"the result is not r=ok"};
        has_vec = true;
        continue;
      }
      if (line.op() != "geom") throw BadLine{"the geom line is missing"};
      const auto max_order = line.number("max_order");
      const auto pageblock_order = line.number("pageblock_order");
      line.check_all_used();
      if (line.result() != "r=ok") throw BadLine{"the result is not r=ok"};
      const auto replay = find_replay(max_order, pageblock_order);
      if (replay == nullptr) {
        throw BadLine{fmt::format("this program is not built for max_order={} pageblock_order={}",
                                  max_order, pageblock_order)};
      }
      return replay(input);
    } catch (const BadLine& bad) {
      return {.difference =
                  fmt::format("line {}: unreadable: {}", input.line_number(), bad.what())};
    }
  }
  return {.difference = "the file has no geom line"};
}

}  // namespace conformance
