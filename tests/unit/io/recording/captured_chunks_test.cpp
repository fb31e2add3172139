// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/captured_chunks.hpp"

#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::captured_chunks_cases {

TEST_CASE("a chunk is captured by the free of its last page", "[captured_chunks]") {
  using namespace recorded;
  const auto captured = [](Pfn pfn) {
    return Operation{1, Cpu{0},
                     Allocation{.pfn = pfn, .order = Order{2}, .source = Source::captured}};
  };
  const std::vector<Operation> operations{
      {1, Cpu{0}, Free{.pfn = Pfn{4}, .past_pcp = true}},
      {2, Cpu{0}, DrainStep{.drained = {Pfn{5}, Pfn{6}}}},
      {3, Cpu{0}, Free{.pfn = Pfn{7}, .past_pcp = true}},
      {4, Cpu{0}, Free{.pfn = Pfn{4}}},  // to a CPU's list
      captured(Pfn{4}),
      captured(Pfn{16}),  // nobody saw it freed
      {7, Cpu{0}, Allocation{.pfn = Pfn{8}, .order = Order{2}}},
  };
  const CapturedChunks chunks = find_captured_chunks(operations);
  REQUIRE(chunks.size() == 1);
  REQUIRE(chunks.contains(&operations[2]));
  CHECK(chunks.at(&operations[2]).pfn == Pfn{4});
  CHECK(chunks.at(&operations[2]).order == Order{2});
}

}  // namespace pageblock::test::captured_chunks_cases
