// SPDX-License-Identifier: MIT
// What do kernels make of the same steps? Runs small experiments on all kernels that the library
// models, tells single ones step by step, and shows what the kernels differ in.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pageblock/io/picture/block_map_svg.hpp"

#include "common/program.hpp"
#include "kernel_versions/experiment.hpp"
#include "kernel_versions/picture.hpp"
#include "kernel_versions/report.hpp"

namespace {

using namespace pageblock::experiments;
using example::UsageError;

std::size_t column_of(std::string_view name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    names.push_back(name_of(kernels[i]));
    if (names.back() == name || names.back().substr(1) == name) return i;
  }
  throw UsageError{fmt::format("--kernels: '{}' is none of {}", name, fmt::join(names, ", "))};
}

// Reads v6.1,v6.12. All kernels if nothing is said.
Columns columns_of(std::string_view names) {
  Columns columns;
  if (names.empty()) {
    for (std::size_t i = 0; i < kernels.size(); ++i) columns.push_back(i);
    return columns;
  }
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    columns.push_back(column_of(names.substr(begin, end - begin)));
    begin = end + 1;
  }
  std::ranges::sort(columns);
  if (std::ranges::adjacent_find(columns) != columns.end()) {
    throw UsageError{fmt::format("--kernels: '{}' has one twice", names)};
  }
  return columns;
}

const Experiment& find(const std::vector<Experiment>& all, std::string_view id) {
  const auto same_id = [&](std::string_view other) {
    return std::ranges::equal(id, other, [](char a, char b) { return (a == 'd' ? 'D' : a) == b; });
  };
  const auto found = std::ranges::find_if(all, same_id, &Experiment::id);
  if (found != all.end()) return *found;
  throw UsageError{fmt::format("there is no experiment '{}': they are {}", id,
                               fmt::join(
                                   [&] {
                                     std::vector<std::string_view> ids;
                                     for (const auto& one : all) ids.push_back(one.id);
                                     return ids;
                                   }(),
                                   " "))};
}

// The last two kernels that make different things of it; the last two if there are none.
Columns most_telling(const Experiment& experiment, const Columns& columns) {
  for (std::size_t i = columns.size(); i-- > 1;) {
    Story untold;
    if (experiment.in[columns[i]](untold) != experiment.in[columns[i - 1]](untold)) {
      return {columns[i - 1], columns[i]};
    }
  }
  return {columns.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(columns.size(), 2)),
          columns.end()};
}

struct Options {
  std::vector<std::string> ids{};
  std::string kernels{};
  std::string svg{};
  std::string color = "auto";
  bool table = false;
  bool json = false;
};

// The kernels whose story is told.
Columns told_columns(const Options& options, const Experiment& experiment, const Columns& columns) {
  return options.kernels.empty() ? most_telling(experiment, columns) : columns;
}

void draw(const Options& options, const std::vector<Experiment>& some, const Columns& columns) {
  if (some.size() != 1) throw UsageError{"--svg draws one experiment"};
  const Columns two = told_columns(options, some.front(), columns);
  if (two.size() != 2)
    throw UsageError{"--svg draws two kernels side by side: --kernels v6.1,v6.12"};
  example::write_file(options.svg, pageblock::to_svg(picture_of(some.front(), two[0], two[1])));
}

int run(const Options& options) {
  const Columns columns = columns_of(options.kernels);
  const bool color = !options.json && example::wants_color(options.color);
  const std::vector<Experiment> all = all_experiments();
  if (!options.svg.empty() && options.ids.empty()) throw UsageError{"--svg draws one experiment"};
  if (options.table) {
    if (!options.ids.empty()) throw UsageError{"--table shows members, not experiments"};
    example::print_text(options.json ? semantics_as_json(columns)
                                     : semantics_as_text(columns, color));
    return 0;
  }
  if (options.ids.empty()) {
    example::print_text(options.json ? outcomes_as_json(all, columns, false)
                                     : outcomes_as_text(all, columns, color));
    return 0;
  }
  std::vector<Experiment> some;
  for (const std::string& id : options.ids) some.push_back(find(all, id));
  if (!options.svg.empty()) draw(options, some, columns);
  if (options.json) {
    example::print_text(outcomes_as_json(some, columns, true));
    return 0;
  }
  for (const Experiment& experiment : some) {
    if (&experiment != &some.front()) example::print_text("\n");
    example::print_text(
        story_as_text(experiment, told_columns(options, experiment, columns), color));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  example::Program program{
      {.name = "kernel_versions",
       .usage = {"[OPTION]...", "EXPERIMENT... [OPTION]...", "--table [OPTION]..."},
       .about = "Runs small experiments on the kernels that the library models, and prints what "
                "tells them apart. With an EXPERIMENT, such as D36, it tells each step of that: "
                "the lists before, the call, and what the call changes, for the last two kernels "
                "that differ, side by side.",
       .more = "In lists and pageblocks, U is unmovable, R reclaimable, M movable, V the reserve "
               "of v3.6, H highatomic, C CMA and I isolate. [3][M] is the free list of order 3 "
               "for movable pages, CPU [3][M] the CPU's own; head first."}};
  Options options;
  program.operands(options.ids);
  program.option("--kernels", "LIST", options.kernels,
                 "these kernels only, such as v3.6,v6.1; a story may have more than two");
  program.flag("--table", options.table,
               "the members of Semantics side by side, with the releases that changed them");
  program.option("--svg", "FILE", options.svg,
                 "draw the zones of two kernels after the last step, side by side; what differs is "
                 "marked");
  program.flag("--json", options.json, "one JSON document instead of text");
  program.choice("--color", {"auto", "always", "never"}, options.color,
                 "colours (default auto: on a terminal)");
  return program.run(argc, argv, [&] { return run(options); });
}
