// SPDX-License-Identifier: MIT
#include "pageblock/mm/fragmentation_index.hpp"

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::fragmentation_index_cases {

TEST_CASE("unusable_free_index is the share in chunks that are too small",
          "[fragmentation_index]") {
  const std::vector<std::uint64_t> normal{77836, 36734, 123, 35, 2, 1};
  const auto index = [&](unsigned order) {
    return unusable_free_index(Order{order}, contig_page_info(normal, Order{order}));
  };
  CHECK(contig_page_info(normal, Order{0}).free_pages == 152140);
  CHECK(index(0) == 0);
  CHECK(index(1) == 511);  // 0.5116: the kernel cuts off
  CHECK(index(2) == 994);
  CHECK(index(4) == 999);
  CHECK(index(6) == 1000);
  CHECK(unusable_free_index(Order{0}, ContigPageInfo{}) == 1000);
}

TEST_CASE("fragmentation_index tells fragmentation from lack of memory", "[fragmentation_index]") {
  const auto index = [](const std::vector<std::uint64_t>& nr_free, unsigned order) {
    return fragmentation_index(Order{order}, contig_page_info(nr_free, Order{order}));
  };
  CHECK(index({0, 0, 1}, 2) == -1000);  // it would not fail
  CHECK(index({1000}, 4) == 937);       // 1 - (1 + 62.5) / 1000, of which 63.499 is cut to 63
  CHECK(index({2}, 4) == 438);          // 1 - (1 + 0.125) / 2
  CHECK(index({}, 4) == 0);
}

}  // namespace pageblock::test::fragmentation_index_cases
