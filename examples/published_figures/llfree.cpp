// SPDX-License-Identifier: MIT
// 11. LLFree's benchmark of fragmentation, run by Linux: pages are freed and allocated again at random.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/kernels.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/lab/llfree_fragmentation.hpp"
#include "pageblock/mm/pcp_tuning.hpp"
#include "pageblock/mm/zone.hpp"

#include "published_figures/figures.hpp"

namespace example {

using namespace pageblock;

namespace {

// A guest of 128 GiB, 3 GiB of them below 4 GiB and not in the zone. Others' pages are what is neither free nor
// held by the benchmark in the published numbers.
constexpr std::uint64_t zone_pages = 32'768'000;
constexpr std::uint64_t others_pages = 659'178;
constexpr std::uint64_t low_watermark = 44'217;
constexpr unsigned last_round = 4;  // counted from 0, as there

struct LlfreeConfig : DefaultConfig {
  static constexpr unsigned nr_cpus = 8;
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;
};

// What is free after round 0 and after the last.
using Rounds = std::array<LlfreeRound, 2>;

[[nodiscard]] Rounds run_rounds(std::uint64_t scale) {
  const std::uint64_t pages = zone_pages / scale;
  Zone<LlfreeConfig> zone{{.spanned_pages = pages, .nr_cpus = LlfreeConfig::nr_cpus}};
  zone.set_pageset(zone_pageset(pages, low_watermark / scale, LlfreeConfig::nr_cpus));
  LlfreeFragmentation benchmark{zone, {.others = others_pages / scale}};
  Rounds rounds{benchmark.run(), {}};
  for (unsigned round = 1; round <= last_round; ++round) rounds[1] = benchmark.run();
  return rounds;
}

[[nodiscard]] std::string of_scale(std::uint64_t scale, const std::vector<std::uint64_t>& numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) {
    text += text.empty() ? "" : " ";
    text += scale == 1 ? fmt::format("{}", number) : fmt::format("{}x{}", scale, number);
  }
  return text;
}

}  // namespace

void add_llfree(std::vector<Figure>& figures, std::uint64_t scale) {
  // Run once, for whoever asks first.
  const auto rounds = [scale, known = std::make_shared<std::vector<Rounds>>()]() -> const Rounds& {
    if (known->empty()) known->push_back(run_rounds(scale));
    return known->front();
  };
  const std::string source =
      "L. Wrenger and others, LLFree (USENIX ATC 2023), llfree-bench: Linux in a guest of 128 GiB";
  const std::string size = fmt::format("ours in 1/{} of the memory", scale);
  figures.push_back(
      {.entry = 11,
       .name = "llfree_huge",
       .what = fmt::format("free huge frames after round 0; {}", size),
       .source = source,
       .kernel = "v6.1",
       .theirs = "5108",
       .explained = "per-CPU lists and the rest of others' last pageblock take up to two frames, "
                    "of 80 at a 64th",
       .compute = [=] { return of_scale(scale, {rounds()[0].huge}); }});
  figures.push_back(
      {.entry = 11,
       .name = "llfree_moves",
       .what = fmt::format("page moves to compact, after rounds 0 and {}; {}", last_round, size),
       .source = source,
       .kernel = "v6.1",
       .theirs = "6861079 6807951",
       .explained = "most likely since threads race there, and take turns here",
       .compute = [=] {
         return of_scale(scale, {rounds()[0].moves, rounds()[1].moves});
       }});
}

}  // namespace example
