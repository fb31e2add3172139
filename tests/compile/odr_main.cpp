// SPDX-License-Identifier: MIT
// Two translation units work with two configs in one program, and pass a zone to each other.
#include <string_view>

#include <fmt/format.h>

#include "odr.hpp"

namespace {

int nr_failures = 0;

void check(bool condition, std::string_view what) {
  if (condition) return;
  ++nr_failures;
  fmt::print(stderr, "failed: {}\n", what);
}

}  // namespace

int main() {
  const odr::Outcome alone = odr::play_small_in_a();
  auto zone = odr::make_small_in_a();
  const odr::Outcome passed_on = odr::play_small_in_b(zone);
  const odr::Outcome large = odr::play_large_in_b();

  check(alone == passed_on, "a zone made in a and used in b ends like one used in a");
  check(zone.hash() == alone.hash, "b changed the zone that a made");
  check(alone.stolen_from == "reclaimable", "Small steals reclaimable memory first");
  check(large.stolen_from == "movable", "Large steals movable memory first");
  check(alone.text.find("8 of 64 pageblocks isolated, ok") != alone.text.npos, alone.text);
  check(large.text.find("1 of 8 pageblocks isolated, ok") != large.text.npos, large.text);

  pageblock::set_violation_handler(
      [](const pageblock::Violation& violation) { throw violation.reason; });
  check(odr::violation_in_b() == std::string_view{"reported in b"},
        "one handler serves the whole program");
  return nr_failures == 0 ? 0 : 1;
}
