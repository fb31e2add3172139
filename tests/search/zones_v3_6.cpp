// SPDX-License-Identifier: MIT
#include <vector>

#include "search/zones.hpp"

namespace pageblock::search {

std::vector<Entry> zones_of_v3_6() {
  const std::vector<Row> aligned{1, 2, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 19, 20, 21};
  // Where a chunk is at most a block, none spans two.
  const std::vector<Row> one_block{1, 2, 6, 7, 8, 10, 11, 13, 14, 15, 21};
  std::vector<Row> cut = aligned;
  cut.push_back(18);
  const std::vector<Row> two_cpus{1, 2, 4, 5, 6, 7, 8, 10, 11, 13, 14, 19, 20, 21};  // 15 is deeper
  return {
      entry<3, 1, 1, V3_6>("2x2", 4, aligned),        // 2 blocks of 2 pages
      entry<2, 1, 1, V3_6>("2x2-low", 4, one_block),  // the largest chunk is a block
      entry<3, 1, 2, V3_6>("2x2-smp", 4, aligned),    // 2 CPUs
      entry<3, 1, 1, V3_6>("cut", 5, cut),            // a third block that the zone's end cuts
      entry<3, 1, 1, V3_6>("3x2", 6, aligned),       entry<3, 1, 2, V3_6>("3x2-smp", 6, two_cpus),
      entry<4, 2, 1, V3_6>("2x4", 8, aligned),       entry<4, 2, 2, V3_6>("2x4-smp", 8, two_cpus),
      entry<4, 2, 1, V3_6>("3x4", 12, two_cpus),
  };
}

}  // namespace pageblock::search
