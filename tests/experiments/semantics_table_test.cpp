// SPDX-License-Identifier: MIT
/// The table of kernels side by side, held to the header that it shows, and to the kernels.
#include "kernel_versions/semantics_table.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_versions/experiment.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

// The members that a struct of base/ declares, in their order: lines such as "  bool counts_cma;". Of
// those that are structs of rules themselves, their members: migration.copies_first.
std::vector<std::string> declared_members(const std::string& of) {
  const std::regex member{R"(^  ([A-Za-z][A-Za-z0-9_:<>, ]*) ([a-z0-9_]+)( = .*|\{.*\})?;)"};
  std::vector<std::string> names;
  for (const auto& header :
       std::filesystem::directory_iterator{PROJECT_FOLDER "/include/pageblock/base"}) {
    std::ifstream file{header.path()};
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
      if (line == "struct " + of + " {") inside = true;
      if (line == "};") inside = false;
      std::smatch match;
      if (!inside || line.starts_with("  using ") || !std::regex_search(line, match, member)) {
        continue;
      }
      const std::string type = match[1];
      const std::string name = match[2];
      if (name == "major" || name == "minor") continue;
      if (!type.ends_with("Rules")) {
        names.push_back(name);
        continue;
      }
      for (const std::string& inner : declared_members(type)) names.push_back(name + '.' + inner);
    }
  }
  REQUIRE(!names.empty());
  return names;
}

// v5.14 as 514, so that v6.9 comes before v6.12.
int number_of(int major, int minor) { return 100 * major + minor; }

std::vector<int> releases_of(std::string_view since) {
  std::vector<int> releases;
  const std::string text{since};
  const std::regex release{R"(v(\d+)\.(\d+))"};
  for (std::sregex_iterator it{text.begin(), text.end(), release}, end; it != end; ++it) {
    releases.push_back(number_of(std::stoi((*it)[1]), std::stoi((*it)[2])));
  }
  return releases;
}

}  // namespace

TEST_CASE("the table has a row for each member of Semantics", "[experiments]") {
  std::vector<std::string> rows;
  for (const auto& row : experiments::semantics_table()) rows.emplace_back(row.member);
  CHECK(rows == declared_members("Semantics"));
}

TEST_CASE("a member changes in the releases that its row names", "[experiments]") {
  for (const auto& row : experiments::semantics_table()) {
    CAPTURE(row.member, row.since);
    CHECK(!row.meaning.empty());
    if (row.since == "build" || row.since == "model") continue;
    const std::vector<int> releases = releases_of(row.since);
    CHECK(!releases.empty());  // "v6.1" or "by v6.1"
    CHECK(std::ranges::is_sorted(releases));
    for (std::size_t i = 1; i < experiments::kernels.size(); ++i) {
      const Semantics& before = experiments::kernels[i - 1];
      const Semantics& kernel = experiments::kernels[i];
      CAPTURE(kernel.major, kernel.minor);
      const bool is_named = std::ranges::any_of(releases, [&](int release) {
        return release > number_of(before.major, before.minor) &&
               release <= number_of(kernel.major, kernel.minor);
      });
      CHECK(is_named == (row.value(before) != row.value(kernel)));
    }
  }
}

TEST_CASE("values have the names of the header", "[experiments]") {
  const auto rows = experiments::semantics_table();
  const auto value = [&](std::string_view member, const Semantics& kernel) {
    const auto row = std::ranges::find(rows, member, &experiments::SemanticsRow::member);
    REQUIRE(row != rows.end());
    return row->value(kernel);
  };
  CHECK(value("migratetypes", kernel::v3_6) == "URMVCI");
  CHECK(value("fallbacks", kernel::v6_1) == "U:RM R:UM M:RU");
  CHECK(value("pcp_order", kernel::v6_1) == "3");
  CHECK(value("move_to", kernel::v3_6) == "head");
  CHECK(value("counts_cma", kernel::v6_1) == "yes");
  for (const auto& row : rows) {
    CAPTURE(row.member);
    for (const Semantics& kernel : experiments::kernels) CHECK(!row.value(kernel).empty());
  }
}

}  // namespace pageblock::test
