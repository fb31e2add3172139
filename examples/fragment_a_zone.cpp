// SPDX-License-Identifier: MIT
// Memory that is fragmented as far as an experiment needs it, by a history that a machine could have.
#include <fmt/format.h>
#include <pageblock/lab/fragment.hpp>
#include <pageblock/lab/metrics.hpp>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

int main() {
  Zone<Machine> zone{{.spanned_pages = 65536}};  // 256 MiB

  // 70 % in use; 40 % of what is free too small for a huge page; unmovable pages in 25 % of the blocks.
  const FragmentTarget target{
      .occupancy = 700, .unusable = IndexTarget{Order{9}, 400}, .unmovable_blocks = 250};
  const FragmentResult result = fragment(zone, target, {.seed = 1});
  for (const auto& step : result.steps) fmt::print("- {}\n", step);
  fmt::print(
      "occupancy {}, unusable at order 9 {}, blocks with unmovable pages {}: off by {} at most\n",
      result.reached.occupancy, result.reached.unusable->value, *result.reached.unmovable_blocks,
      result.error);
  fmt::print("{}\n", measure(zone));

  // What cannot be is refused, with the reason.
  Zone<Machine> full{{.spanned_pages = 65536}};
  fmt::print("{}\n", fragment(full, {.occupancy = 900, .free_blocks = 500}).refusal);
}
