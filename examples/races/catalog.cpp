// SPDX-License-Identifier: MIT
#include "races/catalog.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>

namespace races {
namespace {

// The number in "R12".
[[nodiscard]] int number_of(std::string_view id) {
  int number = 0;
  if (!id.empty()) std::from_chars(id.data() + 1, id.data() + id.size(), number);
  return number;
}

}  // namespace

const std::vector<Race>& all_races() {
  static const std::vector<Race> races = [] {
    std::vector<Race> all;
    for (auto& part : {test_races(), free_races(), drain_races(), range_races(), control_races()}) {
      std::copy(part.begin(), part.end(), std::back_inserter(all));
    }
    std::ranges::sort(all, {}, [](const Race& race) { return number_of(race.id); });
    return all;
  }();
  return races;
}

const Race* find_race(std::string_view id) {
  for (const Race& race : all_races()) {
    const bool is_same = std::ranges::equal(race.id, id, [](char a, char b) {
      return std::toupper(static_cast<unsigned char>(a)) ==
             std::toupper(static_cast<unsigned char>(b));
    });
    if (is_same) return &race;
  }
  return nullptr;
}

}  // namespace races
