// SPDX-License-Identifier: MIT
#include "pageblock/clients/cma_places.hpp"

#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::cma_places_cases {

TEST_CASE("nr_cma_places counts aligned places that lie in one run", "[cma_places]") {
  const std::vector<CmaRun> runs{{122, 6}, {304, 2096848}};
  CHECK(nr_cma_places(runs, 500000, Order{8}) == 6237);
  CHECK(nr_cma_places(runs, 6, Order{0}) == 1 + 2096843);
  CHECK(nr_cma_places(runs, 4, Order{2}) == 1 + 524212);  // 124; 304, 308, ...
  CHECK(nr_cma_places(runs, 2096849, Order{0}) == 0);
  CHECK(nr_cma_places({}, 1, Order{0}) == 0);
  const std::vector<CmaRun> exact{{1114, 166}};
  CHECK(nr_cma_places(exact, 128, Order{0}) == 39);
  CHECK(nr_cma_places(exact, 128, Order{7}) == 1);  // 1152 to 1279
  CHECK(nr_cma_places(exact, 129, Order{7}) == 0);
}

TEST_CASE("least_stuck_pages is the least that blocks every place", "[cma_places]") {
  const std::vector<CmaRun> large{{304, 2096848}};
  CHECK(least_stuck_pages(large, 500000, Order{8}) == 4);
  // By trial: every set of pages in a small area.
  for (unsigned align = 0; align < 3; ++align) {
    for (std::uint64_t count = 1; count < 7; ++count) {
      const std::vector<CmaRun> runs{{1, 4}, {6, 7}};
      std::uint64_t least = 99;
      for (unsigned set = 0; set < 1U << 13; ++set) {
        bool blocks_all = true;
        for (const CmaRun& run : runs) {
          for (std::uint64_t at = run.start; at + count <= run.start + run.count; ++at) {
            if (at % (1U << align) != 0) continue;
            const unsigned place = ((1U << count) - 1) << at;
            if ((set & place) == 0) blocks_all = false;
          }
        }
        if (!blocks_all) continue;
        least = std::min<std::uint64_t>(least, static_cast<unsigned>(std::popcount(set)));
      }
      CAPTURE(align, count);
      CHECK(least_stuck_pages(runs, count, Order{align}) == least);
    }
  }
}

TEST_CASE("cma_alignment is that of the next power of two, up to a limit", "[cma_places]") {
  CHECK(cma_alignment(1) == Order{0});
  CHECK(cma_alignment(2) == Order{1});
  CHECK(cma_alignment(3) == Order{2});
  CHECK(cma_alignment(256) == Order{8});
  CHECK(cma_alignment(500000) == Order{8});
  CHECK(cma_alignment(500000, Order{12}) == Order{12});
}

}  // namespace pageblock::test::cma_places_cases
