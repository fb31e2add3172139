// SPDX-License-Identifier: MIT
#include "odr.hpp"

namespace odr {

pageblock::Zone<Small> make_small_in_a() { return make_zone<Small>(); }

Outcome play_small_in_a() {
  auto zone = make_zone<Small>();
  return play(zone);
}

}  // namespace odr
