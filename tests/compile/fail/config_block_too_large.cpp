// SPDX-License-Identifier: MIT
// expect: PageblockOrderIs1ToBelowMaxOrder
#include "pageblock/mm/zone.hpp"

// A pageblock would be larger than the largest chunk.
struct Config : pageblock::DefaultConfig {
  static constexpr unsigned max_order = 9;
#ifdef MUST_FAIL
  static constexpr unsigned pageblock_order = 9;
#else
  static constexpr unsigned pageblock_order = 8;
#endif
};

pageblock::Zone<Config> zone;
