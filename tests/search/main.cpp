// SPDX-License-Identifier: MIT
// Enumerates what can become of tiny zones, and holds every step to what a caller would expect.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/program.hpp"
#include "search/search.hpp"

namespace pageblock::search {
namespace {

// Zones of @p nr_pages pages from 0, whose first block is of each of these types.
std::vector<ZoneLayout> layouts(std::uint64_t nr_pages, std::uint64_t block_size,
                                unsigned nr_cpus) {
  std::vector<ZoneLayout> result;
  for (const MigrateType type :
       {MigrateType::movable, MigrateType::unmovable, MigrateType::reserve, MigrateType::cma}) {
    result.push_back({.spanned_pages = nr_pages,
                      .block_types = {{{Pfn{0}, Pfn{block_size}}, type}},
                      .nr_cpus = nr_cpus});
  }
  return result;
}

struct Entry {
  Plan plan;
  Report (*run)(const Plan&, std::uint64_t);
};

template <unsigned MaxOrder, unsigned PageblockOrder, unsigned NrCpus>
Entry entry(std::string name, std::uint64_t nr_pages, std::vector<Row> rows) {
  using Config = SmallConfig<MaxOrder, PageblockOrder, NrCpus>;
  constexpr std::uint64_t block_size = Geometry<Config>::pageblock_nr_pages;
  return {{.name = std::move(name),
           .code = fmt::format(
               "Zone<SmallConfig<{}, {}, {}>> zone{{{{.spanned_pages = {}, .block_types = "
               "{{{{{{Pfn{{0}}, Pfn{{{}}}}}, TYPE}}}}, .nr_cpus = {}}}}}; zone.set_pageset(2, 2);",
               MaxOrder, PageblockOrder, NrCpus, nr_pages, block_size, NrCpus),
           .layouts = layouts(nr_pages, block_size, NrCpus),
           .rows = std::move(rows)},
          [](const Plan& plan, std::uint64_t limit) { return Search<Config>{plan}.run(limit); }};
}

std::vector<Entry> entries() {
  const std::vector<Row> aligned{1, 2, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 19, 20, 21};
  // Where a chunk is at most a block, none spans two.
  const std::vector<Row> one_block{1, 2, 6, 7, 8, 10, 11, 13, 14, 15, 21};
  std::vector<Row> cut = aligned;
  cut.push_back(18);
  const std::vector<Row> two_cpus{1, 2, 4, 5, 6, 7, 8, 10, 11, 13, 14, 19, 20, 21};  // 15 is deeper
  return {
      entry<3, 1, 1>("2x2", 4, aligned),        // 2 blocks of 2 pages
      entry<2, 1, 1>("2x2-low", 4, one_block),  // the largest chunk is a block
      entry<3, 1, 2>("2x2-smp", 4, aligned),    // 2 CPUs
      entry<3, 1, 1>("cut", 5, cut),            // a third block that the zone's end cuts
      entry<3, 1, 1>("3x2", 6, aligned),       entry<3, 1, 2>("3x2-smp", 6, two_cpus),
      entry<4, 2, 1>("2x4", 8, aligned),       entry<4, 2, 2>("2x4-smp", 8, two_cpus),
      entry<4, 2, 1>("3x4", 12, two_cpus),
  };
}

void print(const Plan& plan, const Report& report) {
  fmt::print("{}: {} states, {} of them visited, {} transitions, {} questions; {} to depth {}\n",
             plan.name, report.states, report.visited, report.transitions, report.questions,
             report.is_complete ? "complete" : "all", report.depth);
  fmt::print(
      "  {} pages of isolated blocks handed out; {} states not followed, whose count of "
      "isolated blocks is more than 1 too high\n",
      report.nr_handed_out, report.nr_not_followed);
  fmt::print("  {}\n", plan.code);
  for (Row row = 0; row <= nr_rows; ++row) {
    const auto& sighting = report.rows[row];
    if (!sighting) continue;
    fmt::print("  {}: {} times, first: {}\n",
               row == unexplained ? "UNEXPLAINED" : fmt::format("row {}", row),
               report.nr_found[row], sighting->text);
    for (const std::string& line : sighting->program) fmt::print("      {}\n", line);
  }
}

// Rows that the plan's zones can show, and a search that was not cut short did not find.
std::string missing(const Plan& plan, const Report& report) {
  std::string rows;
  for (const Row row : plan.rows) {
    if (!report.rows[row]) rows += fmt::format(" {}", row);
  }
  return rows;
}

std::string names_of(const std::vector<Entry>& all) {
  std::string names;
  for (const Entry& entry : all) names += (names.empty() ? "" : " ") + entry.plan.name;
  return names;
}

int run(const std::vector<Entry>& all, const std::vector<std::string>& names,
        std::optional<std::uint64_t> bound) {
  const std::uint64_t limit = bound.value_or(most_transitions);
  const bool is_cut_short = bound.has_value();
  if (names.empty()) throw example::UsageError{"a zone is needed: " + names_of(all)};
  std::vector<const Entry*> chosen;
  for (const std::string& name : names) {
    const auto entry = std::ranges::find(all, name, [](const Entry& of) { return of.plan.name; });
    if (entry == all.end()) {
      throw example::UsageError{fmt::format("there is no zone '{}', but {}", name, names_of(all))};
    }
    chosen.push_back(&*entry);
  }

  int status = 0;
  std::uint64_t states = 0;
  std::uint64_t transitions = 0;
  for (const Entry* entry : chosen) {
    const Report report = entry->run(entry->plan, limit);
    print(entry->plan, report);
    states += report.states;
    transitions += report.transitions;
    if (report.rows[unexplained]) status = 1;
    if (const std::string rows = missing(entry->plan, report);
        !rows.empty() && !is_cut_short && !report.rows[unexplained]) {
      fmt::print("  not found: rows{}\n", rows);
      status = 1;
    }
  }
  fmt::print("together: {} states, {} transitions\n", states, transitions);
  return status;
}

}  // namespace
}  // namespace pageblock::search

int main(int argc, char** argv) {
  using namespace pageblock::search;
  const std::vector<Entry> all = entries();
  std::vector<std::string> names;
  std::optional<std::uint64_t> transitions;
  example::Program program{
      {.name = "search",
       .usage = {"ZONE... [OPTION]..."},
       .about = "Enumerates what can become of tiny zones, and holds every step to what a caller "
                "would expect.\n\nThe zones are " +
                names_of(all) + ".",
       .more = "Exit status: 0 if all that was found is known, 1 if not, 2 if the arguments are "
               "wrong."}};
  program.operands(names);
  program.number("--transitions", "N", transitions, 1, std::numeric_limits<std::uint64_t>::max(),
                 "stop behind so many steps of each zone");
  return program.run(argc, argv, [&] { return run(all, names, transitions); });
}
