// SPDX-License-Identifier: MIT
/// Runs every line of the table of bad inputs, and holds the table in README.md to what is run.
#include "bad_input/bad_input.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "bad_input/clients_rows.hpp"
#include "bad_input/isolation_rows.hpp"
#include "bad_input/mm_rows.hpp"
#include "bad_input/v6_1_rows.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

struct Section {
  std::string_view title;
  std::vector<BadInput> rows;
  TinyZone (*zone)() = zone_of_table;
};

std::vector<Section> sections() {
  return {{"Making a zone", layout_rows()},
          {"Asking and setting a zone", zone_rows()},
          {"Block types", fallback_rows()},
          {"Pages, drains and watermarks", page_alloc_rows()},
          {"Isolation", isolation_rows()},
          {"Isolation of a block that is not counted", uncounted_rows(), uncounted_zone},
          {"Notifiers", notifier_rows()},
          {"Clients", clients_rows()}};
}

// A section of README.md.
template <typename OfZone>
std::string document(std::string_view title, const std::vector<BadInputOf<OfZone>>& rows) {
  constexpr std::array<std::string_view, 3> zones{"same", "changed", ""};
  std::string text = fmt::format(
      "\n## {}\n\n| call | what is bad | what it gets | the zone |\n|-|-|-|-|\n", title);
  for (const BadInputOf<OfZone>& input : rows) {
    text += fmt::format("| `{}` | {} | {}{}{} | {} |\n", input.call, input.what, input.gets,
                        input.note.empty() ? "" : "; ", input.note,
                        zones[static_cast<std::size_t>(input.zones)]);
  }
  return text;
}

// The table as README.md must have it, from its first title to its end.
std::string document() {
  std::string text;
  for (const Section& section : sections()) text += document(section.title, section.rows);
  return text + document("v6.1", v6_1_rows::all());
}

template <typename OfZone>
void check(const std::vector<BadInputOf<OfZone>>& rows, OfZone (*zone_of_rows)()) {
  for (const BadInputOf<OfZone>& input : rows) {
    INFO(input.call << ": " << input.what);
    OfZone zone = zone_of_rows();
    const OfZone before = zone;
    CHECK(input.run(zone) == input.gets);
    const bool is_same = zone == before;  // takes all locks, so none was left locked
    CHECK(is_same == (input.zones != Zones::changed));
  }
}

}  // namespace

TEST_CASE("every bad input gets what the table says", "[bad_input]") {
  for (const Section& section : sections()) check(section.rows, section.zone);
  check(v6_1_rows::all(), &v6_1_rows::zone_of_table);
}

TEST_CASE("the table of bad inputs in README.md is what is tested", "[bad_input]") {
  std::ifstream file{BAD_INPUT_TABLE};
  const std::string readme{std::istreambuf_iterator{file}, {}};
  const std::string wanted = document();
  const auto first_title = readme.find("\n## ");
  REQUIRE(first_title != std::string::npos);
  const bool is_same = readme.substr(first_title) == wanted;
  if (!is_same) fmt::print("README.md should end in:\n{}", wanted);  // Catch2 would wrap lines
  CHECK(is_same);
}

}  // namespace pageblock::test
