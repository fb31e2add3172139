#include "benchmark/report.hpp"

#include <cmath>

#include <fmt/format.h>

namespace pageblock::benchmark {
namespace {

// Three digits that count.
std::string number(double value) {
  const double size = std::abs(value);
  if (size >= 100 || size == 0) return fmt::format("{:.0f}", value);
  if (size >= 10) return fmt::format("{:.1f}", value);
  return size >= 1 ? fmt::format("{:.2f}", value) : fmt::format("{:.3f}", value);
}

std::string number(std::optional<double> value) { return value ? number(*value) : "-"; }

std::string verdict(const Row& row) {
  const auto met = row.meets_target();
  return !met ? "" : *met ? "met" : "MISSED";
}

}  // namespace

std::string to_table(const Results& results) {
  std::string text;
  const Workload* last = nullptr;
  for (const Row& row : results.rows) {
    if (row.workload != last) {
      last = row.workload;
      text += fmt::format("\n{:<52} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8}\n",
                          fmt::format("{}  {}", last->name, last->what), "", "library", "+Spinlock",
                          "reference", "+Spinlock", "ratio", "target");
    }
    text += fmt::format("    {:<48} {:>10} {:>9} {:>9} {:>9} {:>9} {:>7} {:>8} {:<6}",
                        row.figure->what, row.figure->unit, number(row.medians[0]),
                        number(row.medians[1]), number(row.medians[2]), number(row.medians[3]),
                        number(row.ratio()), number(row.figure->target), verdict(row));
    if (const auto beaten = row.beats_kernel()) {
      text +=
          fmt::format(" kernel {} {}", number(row.figure->kernel), *beaten ? "beaten" : "AHEAD");
    }
    while (text.back() == ' ') text.pop_back();
    text += '\n';
  }
  for (const std::string& note : results.notes) text += fmt::format("\n{}", note);
  return text + '\n';
}

}  // namespace pageblock::benchmark
