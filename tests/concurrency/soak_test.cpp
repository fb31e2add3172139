// SPDX-License-Identifier: MIT
/// Threads at work on one zone: nothing is lost, nothing is handed out twice, and every page that
/// leaves an isolated block is explained. Run it under the thread sanitizer.
#include "concurrency/soak.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/lab/verify.hpp"

#include "concurrency/hand_out_judge.hpp"
#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test {
namespace {

template <unsigned max_order_, unsigned pageblock_order_, typename Lock_ = Spinlock>
struct FourCpus : DefaultConfig {
  static constexpr unsigned max_order = max_order_;
  static constexpr unsigned pageblock_order = pageblock_order_;
  static constexpr unsigned nr_cpus = 4;
  using Lock = Lock_;
};

// A zone of a config: how it begins, and which flaws it can show.
template <ZoneConfig Config_>
struct Geometry {
  using Config = Config_;
  static constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
  static constexpr bool chunks_span_blocks = Config::pageblock_order + 1 < Config::max_order;
};
struct Default : Geometry<FourCpus<11, 9>> {
  static constexpr std::string_view name = "11/9";
  static ZoneLayout layout() { return {.spanned_pages = 12 * block}; }
};
struct Small : Geometry<FourCpus<5, 3>> {
  static constexpr std::string_view name = "5/3";
  static ZoneLayout layout() { return {.spanned_pages = 64 * block}; }
};
struct SmallCut : Geometry<FourCpus<5, 3>> {
  static constexpr std::string_view name = "5/3, from page 19 to the middle of a block";
  static ZoneLayout layout() { return {.start_pfn = Pfn{19}, .spanned_pages = 64 * block + 2}; }
};
struct OneBlockChunks : Geometry<FourCpus<5, 4>> {
  static constexpr std::string_view name = "5/4: no chunk spans blocks";
  static ZoneLayout layout() { return {.spanned_pages = 32 * block}; }
};
// v6.1, which refuses to isolate what somebody has isolated.
template <unsigned max_order_, unsigned pageblock_order_>
struct FourCpusV6_1 : FourCpus<max_order_, pageblock_order_> {
  static constexpr Semantics semantics = kernel::v6_1;
};
struct SmallV6_1 : Geometry<FourCpusV6_1<5, 3>> {
  static constexpr std::string_view name = "v6.1, 5/3";
  static ZoneLayout layout() { return {.spanned_pages = 64 * block}; }
};
// v6.12, which cuts chunks, relabels blocks and tunes lists.
template <unsigned max_order_, unsigned pageblock_order_>
struct FourCpusV6_12 : FourCpus<max_order_, pageblock_order_> {
  static constexpr Semantics semantics = kernel::v6_12;
};
struct SmallV6_12 : Geometry<FourCpusV6_12<5, 3>> {
  static constexpr std::string_view name = "v6.12, 5/3";
  static ZoneLayout layout() { return {.spanned_pages = 64 * block}; }
};
struct StandardLock : Geometry<FourCpus<5, 3, StdLock<std::mutex>>> {
  static ZoneLayout layout() { return Small::layout(); }
};

template <typename Geometry>
ZoneLayout half_in_use() {
  ZoneLayout layout = Geometry::layout();
  const Pfn middle = layout.start_pfn + layout.spanned_pages / 2;
  layout.in_use = {{.range = {layout.start_pfn, middle}}};
  layout.nr_cpus = nr_soak_threads();
  return layout;
}

// Sums over several rounds, for the long soak.
struct Totals {
  std::uint64_t rounds = 0;
  std::uint64_t operations = 0;
  double smallest_share = 1;  // of the slowest thread, compared with the fastest
  std::uint64_t pages_allocated = 0;
  std::uint64_t isolated = 0;
  std::uint64_t refused = 0;
  std::uint64_t tested_ok = 0;
  std::map<Why, std::uint64_t> handed_out;
};

// What holds when all threads have ended.
template <typename Config>
void check_nothing_is_lost(Zone<Config>& zone) {
  Zone<Config> fresh{{.start_pfn = zone.start_pfn(), .spanned_pages = zone.spanned_pages()}};
  CHECK(zone.nr_free_pages() == fresh.nr_free_pages());
  for (unsigned order = 0; order < Config::max_order; ++order) {
    INFO("order " << order);
    CHECK(zone.nr_free(Order{order}) == fresh.nr_free(Order{order}));  // all is merged again
  }
  CHECK(types(zone).find('I') == std::string::npos);
  CHECK(verify(zone).empty());
}

template <typename Soak>
void check_and_add(const Soak& soak, Totals& totals) {
  const SoakCounts& counts = soak.counts();
  CHECK(counts.owned_twice == 0);
  CHECK(counts.bad_frees == 0);
  CHECK(counts.bad_copies == 0);
  CHECK(counts.isolated != 0);
  const auto [slowest, fastest] = std::ranges::minmax(soak.nr_operations());
  ++totals.rounds;
  totals.operations +=
      std::accumulate(soak.nr_operations().begin(), soak.nr_operations().end(), std::uint64_t{0});
  totals.smallest_share =
      std::min(totals.smallest_share, static_cast<double>(slowest) / static_cast<double>(fastest));
  totals.pages_allocated += counts.pages_allocated;
  totals.isolated += counts.isolated;
  totals.refused += counts.refused;
  totals.tested_ok += counts.tested_ok;
}

template <typename Geometry>
void soak_judged(std::uint64_t share, unsigned seed, Totals& totals) {
  using Config = Judged<typename Geometry::Config>;
  INFO(Geometry::name << ", seed " << seed);
  Zone<Config> zone{half_in_use<Geometry>()};
  zone.set_pageset(4, 16);
  HandOutJudge<Config> judge{zone};
  Soak soak{judge, share, seed};
  soak.run();
  check_and_add(soak, totals);
  if (!zone.start_pfn().is_aligned(zone.pageblock_order)) {
    // A roll back does not reach the block that the zone's start cuts.
    judge.undo(0, {Pfn{0}, zone.end_pfn().align_up(zone.pageblock_order)}, MigrateType::movable);
  }
  check_nothing_is_lost(zone);
  for (const std::string& text : judge.unexplained()) UNSCOPED_INFO(text);
  CHECK(judge.handed_out(Why::unexplained) == 0);
  // Steals of isolated blocks are the only thing that lets the counter drift.
  CHECK(zone.nr_pageblock_isolate() == judge.nr_retyped());
  // An explanation that the zone cannot show is none.
  if (!Geometry::chunks_span_blocks) {
    CHECK(judge.handed_out(Why::merged_across_blocks) == 0);
    CHECK(judge.handed_out(Why::begins_before) == 0);
  }
  if (zone.start_pfn().is_aligned(zone.pageblock_order)) {
    CHECK(judge.handed_out(Why::unaligned_zone) == 0);
  }
  if (zone.end_pfn().is_aligned(zone.pageblock_order)) {
    CHECK(judge.handed_out(Why::cut_by_zone_end) == 0);
  }
  for (const auto& [why, pages] : judge.handed_out()) totals.handed_out[why] += pages;
}

template <typename Geometry>
void soak_plain(std::uint64_t share, unsigned seed, Totals& totals) {
  using Config = typename Geometry::Config;
  INFO("seed " << seed);
  Zone<Config> zone{half_in_use<Geometry>()};
  zone.set_pageset(4, 16);
  PlainCalls<Config> calls{zone};
  Soak soak{calls, share, seed};
  soak.run();
  check_and_add(soak, totals);
  check_nothing_is_lost(zone);
}

std::string report(std::string_view name, const Totals& totals) {
  std::string text = fmt::format(
      "{}: {} threads, {} rounds, {} operations (slowest thread {:.0f} % of the fastest), {} pages "
      "allocated, {} isolations, {} refused, {} tested free\n  out of isolated blocks:",
      name, nr_soak_threads(), totals.rounds, totals.operations, 100 * totals.smallest_share,
      totals.pages_allocated, totals.isolated, totals.refused, totals.tested_ok);
  std::uint64_t unexplained = 0;
  for (const auto& [why, pages] : totals.handed_out) {
    if (why == Why::unexplained) {
      unexplained = pages;
    } else {
      text += fmt::format(" row {}: {},", static_cast<unsigned>(why), pages);
    }
  }
  return text + fmt::format(" unexplained: {}\n", unexplained);
}

}  // namespace

TEMPLATE_TEST_CASE("threads share a zone and every page out of an isolated block is explained",
                   "[concurrency]", Default, Small, SmallCut, OneBlockChunks) {
  Totals totals;
  soak_judged<TestType>(10'000, 1, totals);
  CHECK(!totals.handed_out.empty());
}

// Without the judge, whose lock-free stamps order threads that the zone may not.
TEMPLATE_TEST_CASE("threads share a zone and nothing is lost or handed out twice", "[concurrency]",
                   Small, StandardLock, SmallV6_1, SmallV6_12) {
  Totals totals;
  soak_plain<TestType>(10'000, 1, totals);
}

// For long: PAGEBLOCK_SOAK_SECONDS=600 concurrency_tests "[.soak]"
TEST_CASE("a long soak of threads on one zone", "[.soak]") {
  const std::chrono::seconds time{number_in_environment("PAGEBLOCK_SOAK_SECONDS").value_or(60)};
  const auto end = std::chrono::steady_clock::now() + time;
  std::array<Totals, 6> totals;
  for (unsigned seed = 1; seed == 1 || std::chrono::steady_clock::now() < end; ++seed) {
    soak_judged<Default>(100'000, seed, totals[0]);
    soak_judged<Small>(100'000, seed, totals[1]);
    soak_judged<SmallCut>(100'000, seed, totals[2]);
    soak_judged<OneBlockChunks>(100'000, seed, totals[3]);
    soak_plain<SmallV6_1>(100'000, seed, totals[4]);
    soak_plain<SmallV6_12>(100'000, seed, totals[5]);
  }
  fmt::print("{}{}{}{}{}{}", report(Default::name, totals[0]), report(Small::name, totals[1]),
             report(SmallCut::name, totals[2]), report(OneBlockChunks::name, totals[3]),
             report(SmallV6_1::name, totals[4]), report(SmallV6_12::name, totals[5]));
}

}  // namespace pageblock::test
