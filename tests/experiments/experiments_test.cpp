// SPDX-License-Identifier: MIT
/// The experiments that tell kernel versions apart, each with what every kernel must make of it.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/program.hpp"
#include "kernel_versions/experiment.hpp"
#include "kernel_versions/picture.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

struct Outcomes {
  std::string_view id;
  /// From which kernel on. It holds until the next, also in kernels that are not modelled yet.
  std::vector<std::pair<double, std::string_view>> since;
};

// As described for the kernels, and observed where there are recordings or vectors. For v3.6 those
// from D30 on follow from what is described of it; D50 asks for a call that it does not have.
const std::vector<Outcomes> expected{
    {"D1", {{3.06, "+0"}, {6.01, "-512"}}},
    {"D2", {{3.06, "-512"}, {6.01, "-1"}}},
    {"D3", {{3.06, "Movable, counted"}, {6.01, "Isolate, not counted"}}},
    {"D4", {{3.06, "test ok, and the page is handed out"}, {6.01, "test ok, and the page stays"}}},
    {"D5", {{3.06, "merged"}, {6.01, "separate"}}},
    {"D6", {{3.06, "merged"}}},
    {"D7", {{3.06, "merged"}, {6.01, "separate"}}},
    {"D8", {{3.06, "merged, then merged"}, {6.01, "separate, then merged"}}},
    {"D9", {{3.06, "the undone blocks (head)"}, {6.01, "others first (tail)"}}},
    {"D10", {{3.06, "ok, then Movable"}, {6.01, "-EBUSY, then Movable"}}},
    {"D11", {{3.06, "ok"}, {6.01, "-EBUSY"}}},
    {"D12", {{3.06, "ok"}, {6.01, "-EBUSY"}}},
    {"D13", {{3.06, "ok"}, {6.01, "-EBUSY"}}},
    {"D15", {{3.06, "-EBUSY"}, {6.01, "ok"}}},
    {"D16", {{3.06, "-EBUSY"}, {6.01, "ok"}}},
    {"D17", {{3.06, "ok"}, {6.01, "-EBUSY"}}},
    {"D18", {{3.06, "3 times"}, {6.01, "0 times"}}},
    {"D20", {{3.06, "ok, Movable"}, {6.12, "-EBUSY, Movable"}}},
    {"D21", {{3.06, "Movable"}, {6.18, "Unmovable"}}},
    {"D22",
     {{3.06, "the first: Isolate and Isolate, +0; the second: Movable and Movable, +0"},
      {6.01, "the first: Isolate and Isolate, -1024; the second: Movable and Movable, +0"},
      {6.12, "the first: Isolate and Movable, -512; the second: Movable and Isolate, -512"}}},
    {"D23", {{3.06, "[10][M]={0}"}, {6.12, "[9][M]={0} [9][I]={512}"}}},
    {"D24",
     {{3.06, "[10][M]={0}; Reclaimable and Movable"}, {6.12, "[10][M]={0}; Movable and Movable"}}},
    {"D26", {{3.06, "0"}}},
    {"D28", {{3.06, "Reclaimable"}, {6.01, "Movable"}}},
    {"D29", {{3.06, "-EBUSY, Movable"}}},
    {"D30", {{3.06, "252, 52"}, {6.12, "441, 241"}}},
    {"D31", {{3.06, "1217: 63, 1154 left"}, {6.12, "1217: 1154, 63 left"}}},
    {"D32",
     {{3.06, "no list of that order"},
      {6.01, "153: 8, then 146"},
      {6.12, "9: 9, then 1"},
      {6.18, "85: 85, then 1"}}},
    {"D33",
     {{3.06, "no list of that order"},
      {6.01, "0 0 1 1 1 1 2, 1 left"},
      {6.12, "0 0 3 0 0 0 3, 1 left"},
      {7.02, "0 0 3 0 0 0 4, 0 left"}}},
    {"D34", {{3.06, "[0][U]={2050}"}, {6.12, "[0][M]={2050}"}}},
    {"D35",
     {{3.06, "[10][M]={2048}; Movable and Unmovable"},
      {6.12, "[10][U]={2048}; Unmovable and Unmovable"}}},
    {"D36",
     {{3.06, "2056; [0][U]={2057} [1][U]={2058} [2][U]={2060} [0][M]={2570}; boosts 0"},
      {6.01, "2056; [0][U]={2057} [1][U]={2058} [2][U]={2060} [0][M]={2570}; boosts 1"},
      {6.12, "2570; [3][M]={2056}; boosts 2"}}},
    {"D37",
     {{3.06, "2056; [1][U]={2076} [0][M]={2057} [1][M]={2058} [2][M]={2060}; boosts 0"},
      {6.01, "2076; [3][U]={2056} [0][M]={2077}; boosts 1"},
      {6.12, "2076; [0][U]={2077} [3][U]={2056}; boosts 0"}}},
    {"D38",
     {{3.06, "[10][I]={3072, 2048}"},
      {6.01, "[10][I]={2048, 3072}"},
      {6.12, "[9][I]={3584, 2048, 2560, 3072}"}}},
    {"D39",
     {{3.06, "[10][M]={2048}; the other can be allocated"},
      {6.12, "[9][M]={2048} [9][I]={2560}; the other cannot be allocated"}}},
    {"D40", {{3.06, "no such reserve"}, {6.01, "512"}, {6.12, "0"}}},
    {"D41", {{3.06, "no such reserve"}, {6.01, "no"}, {6.12, "yes"}}},
    {"D42",
     {{3.06, "no such reserve"},
      {6.01, "15, HighAtomic; the second from the CPU's list"},
      {7.02, "1, HighAtomic; the second from the buddy lists"}}},
    {"D43", {{3.06, "16, none"}, {7.02, "0, [4][M]={4096}"}}},
    {"D44", {{3.06, "ok; -EBUSY"}, {6.01, "-EBUSY"}, {6.18, "ok; -EBUSY"}}},
    {"D45", {{3.06, "2050 (0), 2049 (0), 2048 (0)"}, {6.12, "2050 (0), 2048 (1)"}}},
    {"D46", {{3.06, "ok, [8][I]={2304}"}, {6.12, "-EBUSY, [8][M]={2304}"}}},
    {"D47", {{3.06, "[3][M]={2304, 9000, 2320}"}, {6.12, "[3][M]={9000, 2304, 2320}"}}},
    {"D48", {{3.06, "8820, 0"}, {6.01, "8877, 0"}, {6.12, "0, 187"}}},
    {"D50", {{3.06, "2"}, {7.02, "1"}}},
    {"D52",
     {{3.06, "[10][M]={0} [10][I]={2048}; Movable and Movable"},
      {6.01, "[10][M]={0, 2048}; Movable and Movable"},
      {6.18, "[10][U]={2048} [10][M]={0}; Unmovable and Unmovable"}}},
};

// 6.01 for v6.1, so that it comes before v6.12.
double number_of(const Semantics& kernel) { return kernel.major + kernel.minor / 100.0; }

std::optional<std::string_view> outcome_in(const Outcomes& outcomes, const Semantics& kernel) {
  std::optional<std::string_view> outcome;
  for (const auto& [since, text] : outcomes.since) {
    if (since < number_of(kernel) + 0.001) outcome = text;
  }
  return outcome;
}

}  // namespace

TEST_CASE("each experiment has the outcome that its kernel showed", "[experiments]") {
  const auto all = experiments::all_experiments();
  for (const Outcomes& outcomes : expected) {
    DYNAMIC_SECTION(outcomes.id) {
      const auto found = std::ranges::find(all, outcomes.id, &experiments::Experiment::id);
      REQUIRE(found != all.end());
      for (std::size_t i = 0; i < experiments::kernels.size(); ++i) {
        CAPTURE(experiments::name_of(experiments::kernels[i]));
        const auto outcome = outcome_in(outcomes, experiments::kernels[i]);
        REQUIRE(outcome.has_value());
        experiments::Story untold;
        CHECK(found->in[i](untold) == *outcome);
      }
    }
  }
}

TEST_CASE("every experiment has an expected outcome", "[experiments]") {
  const auto all = experiments::all_experiments();
  REQUIRE(all.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(all[i].id == expected[i].id);
}

TEST_CASE("a story that is told has the same outcome", "[experiments]") {
  for (const experiments::Experiment& experiment : experiments::all_experiments()) {
    for (std::size_t i = 0; i < experiments::kernels.size(); ++i) {
      CAPTURE(experiment.id, experiments::name_of(experiments::kernels[i]));
      experiments::Story untold;
      experiments::Story told{.is_told = true};
      CHECK(experiment.in[i](untold) == experiment.in[i](told));
      CHECK(untold.scenes.empty());
    }
  }
}

TEST_CASE("a story shows the lists before, the call, and the lists after", "[experiments]") {
  const auto all = experiments::all_experiments();
  const auto d38 = std::ranges::find(all, "D38", &experiments::Experiment::id);
  REQUIRE(d38 != all.end());
  experiments::Story story{.is_told = true};
  static_cast<void>(d38->in[1](story));  // v6.1
  REQUIRE(story.scenes.size() == 2);
  CHECK(story.scenes[0].call == "at first");
  CHECK(story.scenes[1].call == "start_isolate_page_range(2048, 4096)");
  using Row = std::pair<std::string, std::string>;
  CHECK(story.scenes[1].rows == std::vector<Row>{{"returns", "ok"},
                                                 {"[10][M]", "0 1024 4096 5120 6144 7168"},
                                                 {"[10][I]", "2048 3072"},
                                                 {"blocks", "MMMMIIIIMMMMMMMM"},
                                                 {"NR_FREE_PAGES", "6144"}});
}

TEST_CASE("a picture shows the zones of two kernels after the last step, and marks what differs",
          "[experiments]") {
  const auto all = experiments::all_experiments();
  const auto d38 = std::ranges::find(all, "D38", &experiments::Experiment::id);
  REQUIRE(d38 != all.end());
  for (const std::size_t right : {1U, 2U}) {
    const std::size_t left = right - 1;
    const BlockMap map = experiments::picture_of(*d38, left, right);
    CHECK(map.titles() == std::vector{experiments::name_of(experiments::kernels[left]),
                                      experiments::name_of(experiments::kernels[right])});
    REQUIRE(map.rows().size() == 1);
    const BlockMap::Row& row = map.rows().front();
    REQUIRE(row.nr_blocks() == 16);
    for (std::size_t block = 0; block < 16; ++block) {
      CAPTURE(right, block);
      const bool is_isolated = 4 <= block && block < 8;
      const BlockLook look = is_isolated ? BlockLook::isolated : BlockLook::free;
      CHECK(row.panels[0][block] == look);
      CHECK(row.panels[1][block] == look);
      // v3.6 and v6.1 keep chunks of two blocks there; in v6.12 one begins in the second, too.
      CHECK(row.is_marked(block) == (right == 2 && is_isolated && block % 2 == 1));
    }
  }
}

TEST_CASE("every experiment with a zone can be drawn", "[experiments]") {
  std::size_t drawn = 0;
  for (const experiments::Experiment& experiment : experiments::all_experiments()) {
    for (std::size_t i = 1; i < experiments::kernels.size(); ++i) {
      CAPTURE(experiment.id, i);
      experiments::Story left{.is_told = true};
      experiments::Story right{.is_told = true};
      static_cast<void>(experiment.in[i - 1](left));
      static_cast<void>(experiment.in[i](right));
      if (left.scenes.empty() || right.scenes.empty()) {
        CHECK_THROWS_AS(experiments::picture_of(experiment, i - 1, i), example::UsageError);
      } else {
        CHECK_FALSE(experiments::picture_of(experiment, i - 1, i).rows().empty());
        ++drawn;
      }
    }
  }
  CHECK(drawn > experiments::all_experiments().size());
}

}  // namespace pageblock::test
