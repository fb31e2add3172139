// SPDX-License-Identifier: MIT
#include "odr.hpp"

namespace odr {

Outcome play_small_in_b(pageblock::Zone<Small>& zone) { return play(zone); }

Outcome play_large_in_b() {
  auto zone = make_zone<Large>();
  return play(zone);
}

const char* violation_in_b() {
  try {
    pageblock::bug_on(true, "reported in b");
  } catch (const char* reason) {
    return reason;
  }
  return "nothing";
}

}  // namespace odr
