// SPDX-License-Identifier: MIT
/// The experiments that tell kernel versions apart, each with what both versions must make of it.
#include "kernel_versions/experiments.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test {
namespace {

struct Outcomes {
  std::string_view id;
  std::string v3_6;
  std::string v6_1;
};

// As observed or described for both kernels.
const std::vector<Outcomes> outcomes{
    {"D1", "+0", "-512"},
    {"D2", "-512", "-1"},
    {"D3", "Movable", "Isolate"},
    {"D4", "test ok, and the page is handed out", "test ok, and it stays"},
    {"D5", "merged", "separate"},
    {"D6", "merged", "merged"},
    {"D7", "merged", "separate"},
    {"D8", "merged, then merged", "separate, then merged"},
    {"D9", "the undone blocks (head)", "others first (tail)"},
    {"D10", "ok, after one undo Movable", "-EBUSY, after one undo Movable"},
    {"D11", "ok", "-EBUSY"},
    {"D12", "ok", "-EBUSY"},
    {"D13", "ok", "-EBUSY"},
    {"D16", "-EBUSY", "ok"},
    {"D17", "ok", "-EBUSY"},
    {"D18", "3 for 3 blocks", "0 for 3 blocks"},
    {"D20", "ok, its pages on Movable", "-EBUSY, its pages on Movable"},
    {"D21", "Movable", "Movable"},
    {"D22", "second half: Movable; first half: all Isolate",
     "second half: Movable; first half: all Isolate"},
    {"D23", "Movable, Movable", "Movable, Movable"},
    {"D24", "merged, types Reclaimable and Movable", "merged, types Reclaimable and Movable"},
    {"D26", "0", "0"},
    {"D28", "Reclaimable", "Movable"},
    {"D29", "-EBUSY, and X's block 2 is Movable", "-EBUSY, and X's block 2 is Movable"},
};

}  // namespace

TEST_CASE("each experiment has the outcome that its kernel showed", "[experiments]") {
  for (const auto& [id, v3_6, v6_1] : outcomes) {
    DYNAMIC_SECTION(id) {
      const auto found = std::ranges::find(experiments::all, id, &experiments::Experiment::id);
      REQUIRE(found != experiments::all.end());
      CHECK(found->in_v3_6() == v3_6);
      CHECK(found->in_v6_1() == v6_1);
    }
  }
}

TEST_CASE("every experiment has an expected outcome", "[experiments]") {
  REQUIRE(experiments::all.size() == outcomes.size());
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    CHECK(experiments::all[i].id == outcomes[i].id);
  }
}

}  // namespace pageblock::test
