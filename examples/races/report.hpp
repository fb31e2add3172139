// SPDX-License-Identifier: MIT
/// What races prints.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/lab/interleave.hpp"

#include "races/catalog.hpp"

namespace races {

/// What was found of one case.
struct Answer {
  const Race& race;
  const Case& one;
  std::shared_ptr<const Playable> program;
  pageblock::interleave::Result result;
  std::optional<pageblock::interleave::Shrunk> shrunk;
  double seconds = 0;
  std::optional<pageblock::interleave::Run> replayed{};  ///< Instead of a search.
};

/// The table of all races.
[[nodiscard]] std::string list_as_text();
[[nodiscard]] std::string list_as_json();

/// All of one answer, or a line for each of many.
[[nodiscard]] std::string answer_as_text(const Answer& answer);
[[nodiscard]] std::string answers_as_table(const std::vector<Answer>& answers);
[[nodiscard]] std::string answers_as_json(const std::vector<Answer>& answers);

}  // namespace races
