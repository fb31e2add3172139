// SPDX-License-Identifier: MIT
#include <vector>

#include "search/zones.hpp"

namespace pageblock::search {

std::vector<Entry> zones_of_v6_1() {
  const std::vector<Row> aligned{3, 4, 5, 6, 11, 14, 19, 20, 21, 22};
  // Where a chunk is at most a block, none spans two.
  const std::vector<Row> one_block{3, 11, 14, 21, 22};
  const std::vector<Row> large{3, 4, 5, 6, 11, 14, 19, 20};  // the others are deeper
  return {
      entry<3, 1, 1, V6_1>("v6.1-2x2", 4, aligned),
      entry<2, 1, 1, V6_1>("v6.1-2x2-low", 4, one_block),
      entry<3, 1, 2, V6_1>("v6.1-2x2-smp", 4, aligned),
      entry<3, 1, 1, V6_1>("v6.1-cut", 5, aligned),
      entry<3, 1, 1, V6_1>("v6.1-3x2", 6, large),
      entry<3, 1, 2, V6_1>("v6.1-3x2-smp", 6, large),
      entry<4, 2, 1, V6_1>("v6.1-2x4", 8, aligned),
      entry<4, 2, 2, V6_1>("v6.1-2x4-smp", 8, large),
      entry<4, 2, 1, V6_1>("v6.1-3x4", 12, large),
  };
}

}  // namespace pageblock::search
