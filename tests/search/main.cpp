// SPDX-License-Identifier: MIT
// Enumerates what can become of tiny zones, and holds every step to what a caller would expect.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "common/program.hpp"
#include "search/zones.hpp"

namespace pageblock::search {
namespace {

void print(const Plan& plan, const Report& report) {
  fmt::print("{}: {} states, {} of them visited, {} transitions, {} questions; {} to depth {}\n",
             plan.name, report.states, report.visited, report.transitions, report.questions,
             report.is_complete ? "complete" : "all", report.depth);
  fmt::print(
      "  {} pages of isolated blocks handed out; {} states not followed, whose counters are too "
      "far "
      "off\n",
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
        std::optional<std::uint64_t> bound, std::optional<std::uint64_t> threads) {
  const std::uint64_t limit = bound.value_or(most_transitions);
  const auto nr_threads =
      static_cast<unsigned>(threads.value_or(std::max(1U, std::thread::hardware_concurrency())));
  const bool is_cut_short = bound.has_value();
  if (names.empty()) throw example::UsageError{fmt::format("a zone is needed: {}", names_of(all))};
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
    const Report report = entry->run(entry->plan, limit, nr_threads);
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
  std::vector<Entry> all = zones_of_v3_6();
  for (const auto& later : {zones_of_v6_1(), zones_of_v6_12()}) {
    all.insert(all.end(), later.begin(), later.end());
  }
  std::vector<std::string> names;
  std::optional<std::uint64_t> transitions;
  std::optional<std::uint64_t> threads;
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
  program.number("--threads", "N", threads, 1, 1024, "instead of one for each processor");
  return program.run(argc, argv, [&] { return run(all, names, transitions, threads); });
}
