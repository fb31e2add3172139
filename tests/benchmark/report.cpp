// SPDX-License-Identifier: MIT
#include "benchmark/report.hpp"

#include <cmath>
#include <cstddef>
#include <fstream>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "common/json.hpp"
#include "this_build.hpp"

namespace pageblock::benchmark {
namespace {

std::string verdict(const Row& row) {
  const auto met = row.meets_target();
  return !met ? "" : *met ? "met" : "MISSED";
}

std::string target(const Row& row) {
  return (row.figure->at_least ? ">= " : "") + to_text(row.figure->target);
}

std::string against_kernel(const Row& row) {
  const auto beaten = row.beats_kernel();
  if (!beaten) return "";
  return fmt::format("{} {}", to_text(row.figure->kernel), *beaten ? "beaten" : "NOT BEATEN");
}

// How often something was reached: "12 of 14".
std::string count(const Results& results, std::optional<bool> (Row::*reached)() const) {
  std::size_t all = 0;
  std::size_t yes = 0;
  for (const Row& row : results.rows) {
    const auto is = (row.*reached)();
    if (!is) continue;
    ++all;
    if (*is) ++yes;
  }
  return fmt::format("{} of {}", yes, all);
}

using example::Json;
using example::json_or_null;

// What each subject came to, by its name.
template <typename Values>
Json by_subject(const Values& values) {
  Json json;
  for (std::size_t i = 0; i < nr_subjects; ++i) {
    const std::string name{subject_names[i]};
    if constexpr (requires { values[i].has_value(); }) {
      json[name] = json_or_null(values[i]);
    } else {
      json[name] = values[i];
    }
  }
  return json;
}

Json json_of(const Row& row) {
  return {{"workload", row.workload->name},
          {"what", row.workload->what},
          {"figure", row.figure->what},
          {"unit", row.figure->unit},
          {"best", by_subject(row.best)},
          {"medians", by_subject(row.medians)},
          {"rounds", by_subject(row.samples)},
          {"ratio", json_or_null(row.ratio())},
          {"v6_1_ratio", json_or_null(row.v6_1_ratio())},
          {"v6_12_ratio", json_or_null(row.v6_12_ratio())},
          {"target", json_or_null(row.figure->target)},
          {"met", json_or_null(row.meets_target())},
          {"kernel", json_or_null(row.figure->kernel)},
          {"beaten", json_or_null(row.beats_kernel())}};
}

Json json_of(const GrowthRow& row) {
  return {{"subject", row.is_reference ? "reference" : "library"},
          {"pages", row.pages},
          {"create_ns", row.create},
          {"start_ns", row.start},
          {"test_ns", row.test},
          {"undo_ns", row.undo},
          {"w4_fixed_ns", json_or_null(row.fixed)},
          {"w4_half_ns", json_or_null(row.half)}};
}

template <typename Rows>
Json json_array(const Rows& rows) {
  Json json = Json::array();
  for (const auto& row : rows) json.push_back(json_of(row));
  return json;
}

}  // namespace

std::string to_text(std::optional<double> value) {
  if (!value) return "-";
  const double size = std::abs(*value);
  if (size >= 100 || size == 0) return fmt::format("{:.0f}", *value);
  if (size >= 10) return fmt::format("{:.1f}", *value);
  return size >= 1 ? fmt::format("{:.2f}", *value) : fmt::format("{:.3f}", *value);
}

std::string machine() {
  std::string processor = "unknown processor";
  std::ifstream cpuinfo{"/proc/cpuinfo"};
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      processor = line.substr(colon + 2);
      break;
    }
  }
#if defined(__clang__)
  constexpr std::string_view compiler = __VERSION__;
#else
  constexpr std::string_view compiler = "GCC " __VERSION__;
#endif
  return fmt::format("{}, {} CPUs, {}, {}", processor, std::thread::hardware_concurrency(),
                     compiler, this_build_flags);
}

std::string legend(const Sizes& sizes) {
  std::string text =
      "The best of all rounds, in processor time of the thread (I2's isolations, I3, W5: by the "
      "clock).\nTargets are for the library with NullLock, of I1 and W5 with Spinlock; they were "
      "set "
      "for an AMD\nEPYC of 2024 with 1 MiB of L2. The ratios are the reference's times to the "
      "library's, without and with\na lock. v6.1 and v6.12 are the library with that kernel's "
      "rules and NullLock, as many times its figure\nfor v3.6 and for v6.1. The kernel is its own "
      "code in user space with "
      "real locks.\n";
  if (sizes.largest_reference < sizes.huge_zone) {
    text += fmt::format("The reference's figures for larger zones than {} GiB are scaled.\n",
                        sizes.largest_reference / pages_of_gib);
  }
  return text;
}

std::string to_table(const Results& results) {
  std::string text;
  const Workload* last = nullptr;
  for (const Row& row : results.rows) {
    if (row.workload != last) {
      last = row.workload;
      text += fmt::format(
          "\n{:<63} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>9} {:>6} {:>9} {:>6} "
          "{:>8}\n",
          fmt::format("{}  {}", last->name, last->what), "", "library", "+Spinlock", "reference",
          "+Spinlock", "ratio", "+Spin", "v6.1", "times", "v6.12", "times", "target");
    }
    text += fmt::format(
        "    {:<59} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>9} {:>6} {:>9} {:>6} {:>8} {:<6}",
        row.figure->what, row.figure->unit, to_text(row.best[0]), to_text(row.best[1]),
        to_text(row.best[2]), to_text(row.best[3]), to_text(row.ratio()), to_text(row.ratio(true)),
        to_text(row.best[4]), to_text(row.v6_1_ratio()), to_text(row.best[5]),
        to_text(row.v6_12_ratio()), target(row), verdict(row));
    if (row.beats_kernel()) text += fmt::format("  kernel {}", against_kernel(row));
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  text += fmt::format("\nTargets met: {}. Figures of the kernel beaten: {}.\n",
                      count(results, &Row::meets_target), count(results, &Row::beats_kernel));
  for (const std::string& note : results.notes) text += note + '\n';
  return text;
}

std::string to_markdown(const Results& results) {
  std::string text =
      "| | | library | with Spinlock | reference | with Spinlock | ratio | with Spinlock | v6.1 | "
      "times | v6.12 | times | target | | kernel |\n"
      "|-|-|-:|-:|-:|-:|-:|-:|-:|-:|-:|-:|-:|-|-|\n";
  const Workload* last = nullptr;
  for (const Row& row : results.rows) {
    if (row.workload != last) {
      last = row.workload;
      text +=
          fmt::format("| **{}** | **{}** | | | | | | | | | | | | | |\n", last->name, last->what);
    }
    text += fmt::format("| | {}, {} |", row.figure->what, row.figure->unit);
    const auto cell = [](std::optional<double> value) { return value ? to_text(value) : ""; };
    for (std::size_t i = 0; i < 4; ++i) text += fmt::format(" {} |", cell(row.best[i]));
    text += fmt::format(" {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", cell(row.ratio()),
                        cell(row.ratio(true)), cell(row.best[4]), cell(row.v6_1_ratio()),
                        cell(row.best[5]), cell(row.v6_12_ratio()),
                        row.figure->target ? target(row) : "", verdict(row), against_kernel(row));
  }
  for (const std::string& note : results.notes) text += fmt::format("\n{}\n", note);
  return text;
}

std::string to_json(const Results& results, const std::vector<GrowthRow>& growth) {
  Json json = example::json_document("benchmark", 3);
  json["machine"] = machine();
  json["figures"] = json_array(results.rows);
  json["growth"] = json_array(growth);
  return example::to_text(json);
}

}  // namespace pageblock::benchmark
