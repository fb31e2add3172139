// SPDX-License-Identifier: MIT
/// The races that the program knows: what happens in them, in which kernels, and what is to be found.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/io/picture/time_line.hpp"
#include "pageblock/lab/interleave.hpp"

namespace races {

/// What is run, and how its zone comes into a time line.
struct Playable : pageblock::interleave::Program {
  std::function<void(pageblock::TimeLine&)> watch;  ///< As it is now, before the first step.
  std::function<void(pageblock::TimeLine&, pageblock::TimeStep)> step;  ///< As it is after a step.
};

/// A race under the rules of one kernel.
struct Case {
  std::string kernel;  ///< Whose rules: "v6.1", or what else tells them apart.
  std::string finds;   ///< The rule that breaks, or nothing: then all schedules are silent.
  unsigned bound =
      2;  ///< The preemptions that the shortest run needs; of a silent one, those to search.
  std::string note;  ///< What is different.
  /// Makes it. Copies of the program live as long as what is returned.
  std::function<std::shared_ptr<const Playable>()> make;
  /// At which places others may come between.
  pageblock::interleave::Yields yields = pageblock::interleave::all_yields;
};

/// A race: the first case is where it lives.
struct Race {
  std::string id;
  std::string title;
  std::string story;  ///< What happens, in a few sentences.
  std::vector<Case> cases;
};

/// Makes a case of a function that fills in a scenario, which begins with a name and a zone.
template <pageblock::ZoneConfig Config>
std::function<std::shared_ptr<const Playable>()> scenario(
    pageblock::ZoneLayout layout,
    std::function<void(pageblock::interleave::Scenario<Config>&)> fill) {
  return [layout = std::move(layout), fill = std::move(fill)] {
    using Scenario = pageblock::interleave::Scenario<Config>;
    auto made = std::make_shared<Scenario>("", layout);
    fill(*made);
    auto playable = std::make_shared<Playable>(Playable{made->program(), {}, {}});
    playable->watch = [made](pageblock::TimeLine& line) { line.watch(made->zone()); };
    playable->step = [made](pageblock::TimeLine& line, pageblock::TimeStep told) {
      line.step(made->zone(), std::move(told));
    };
    return std::shared_ptr<const Playable>{std::move(playable)};
  };
}

/// Returns all races, R1 to R19.
[[nodiscard]] const std::vector<Race>& all_races();

/// Returns the race with this name, or null; R and r are the same.
[[nodiscard]] const Race* find_race(std::string_view id);

// The parts of the table, each in a file of its own.
[[nodiscard]] std::vector<Race> test_races();   // R1, R2: a test of pages that are being freed
[[nodiscard]] std::vector<Race> free_races();   // R3, R4, R10, R11: a type that is read early
[[nodiscard]] std::vector<Race> drain_races();  // R5, R13 to R15, R18: pages that are nowhere
[[nodiscard]] std::vector<Race> range_races();  // R6 to R9, R12, R16: ranges that overlap
[[nodiscard]] std::vector<Race>
control_races();  // R17: what is right, and what it would be without

}  // namespace races
