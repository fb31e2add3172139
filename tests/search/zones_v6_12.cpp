// SPDX-License-Identifier: MIT
#include <vector>

#include "search/zones.hpp"

namespace pageblock::search {

std::vector<Entry> zones_of_v6_12() {
  const std::vector<Row> aligned{3, 11, 14, 20, 21};
  // Where a chunk is at most a block, no allocation starts in an earlier one.
  const std::vector<Row> one_block{3, 11, 14, 21};
  const std::vector<Row> large{3, 11, 14, 20};  // 21 is deeper
  return {
      entry<3, 1, 1, V6_12>("v6.12-2x2", 4, aligned),
      entry<2, 1, 1, V6_12>("v6.12-2x2-low", 4, one_block),
      entry<3, 1, 2, V6_12>("v6.12-2x2-smp", 4, aligned),
      entry<3, 1, 1, V6_12>("v6.12-cut", 5, aligned),
      entry<3, 1, 1, V6_12>("v6.12-3x2", 6, large),
      entry<3, 1, 2, V6_12>("v6.12-3x2-smp", 6, large),
      entry<4, 2, 1, V6_12>("v6.12-2x4", 8, aligned),
      entry<4, 2, 2, V6_12>("v6.12-2x4-smp", 8, large),
      entry<4, 2, 1, V6_12>("v6.12-3x4", 12, large),
  };
}

}  // namespace pageblock::search
