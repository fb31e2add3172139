// SPDX-License-Identifier: MIT
#include "benchmark/compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>

#include "benchmark/report.hpp"
#include "common/json.hpp"

namespace pageblock::benchmark {
namespace {

// What is said to differ would do so by chance in one of so many comparisons.
constexpr double significant = 0.01;

// Calls visit(chosen) for every way to choose k of n ranks from rank `first` upward.
template <typename Visit>
void choose(std::vector<std::size_t>& chosen, std::size_t k, std::size_t n, std::size_t first,
            Visit& visit) {
  if (chosen.size() == k) return visit(chosen);
  for (std::size_t i = first; i + (k - chosen.size()) <= n; ++i) {
    chosen.push_back(i);
    choose(chosen, k, n, i + 1, visit);
    chosen.pop_back();
  }
}

// The rank of each value, from 1; equal ones share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<double> ranks;
  for (const double value : values) {
    const auto below = std::ranges::count_if(values, [=](double other) { return other < value; });
    const auto equal = std::ranges::count(values, value);
    ranks.push_back(static_cast<double>(below) + (static_cast<double>(equal) + 1) / 2);
  }
  return ranks;
}

std::string verdict(double before, double now, double chance, bool at_least) {
  if (chance > significant || before == now) return "no difference";
  return (now < before) != at_least ? "better" : "WORSE";
}

}  // namespace

double probability_of_chance(const std::vector<double>& before, const std::vector<double>& now) {
  if (before.empty() || now.empty()) return 1;
  std::vector<double> all = before;
  all.insert(all.end(), now.begin(), now.end());
  const std::vector<double> ranks = ranks_of(all);
  const auto k = static_cast<double>(before.size());
  const auto n = static_cast<double>(all.size());
  const double expected = k * (n + 1) / 2;  // of the sum of ranks
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) sum += ranks[i];
  const double distance = std::abs(sum - expected);
  if (all.size() <= 20) {
    std::uint64_t nr_ways = 0;
    std::uint64_t nr_as_far = 0;
    std::vector<std::size_t> chosen;
    auto visit = [&](const std::vector<std::size_t>& way) {
      double of_way = 0;
      for (const std::size_t i : way) of_way += ranks[i];
      ++nr_ways;
      if (std::abs(of_way - expected) >= distance - 1e-9) ++nr_as_far;
    };
    choose(chosen, before.size(), all.size(), 0, visit);
    return static_cast<double>(nr_as_far) / static_cast<double>(nr_ways);
  }
  double squares = 0;
  for (const double rank : ranks) squares += (rank - (n + 1) / 2) * (rank - (n + 1) / 2);
  const double deviation = std::sqrt(k * (n - k) / (n * (n - 1)) * squares);
  return deviation == 0 ? 1 : std::erfc(distance / deviation / std::sqrt(2.0));
}

std::string to_comparison(const Results& results, const std::string& saved) {
  const auto document = example::Json::parse(saved, nullptr, false);
  // Version 2 had another name, and its rounds are the same.
  const std::string kind = document.is_object() ? document.value("schema", "") : "";
  if (kind != "pageblock/benchmark" && kind != "pageblock-benchmark") {
    throw Failure{"what to compare with is no JSON of this benchmark"};
  }
  std::string text = fmt::format("\nBefore: {}\n{:<86} {:<18} {:>9} {:>9} {:>6} {:>7}\n",
                                 document.value("machine", "unknown machine"), "", "", "before",
                                 "now", "ratio", "chance");
  for (const Row& row : results.rows) {
    const auto is_same = [&row](const example::Json& other) {
      return other.value("workload", "") == row.workload->name &&
             other.value("what", "") == row.workload->what &&
             other.value("figure", "") == row.figure->what;
    };
    const auto& figures = document.at("figures");
    const auto old = std::ranges::find_if(figures, is_same);
    if (old == figures.end()) continue;
    for (std::size_t i = 0; i < nr_subjects; ++i) {
      const auto before =
          old->at("rounds").value(std::string{subject_names[i]}, std::vector<double>{});
      const std::vector<double>& now = row.samples[i];
      if (before.empty() || now.empty()) continue;
      const bool at_least = row.figure->at_least;
      const double best_before = at_least ? std::ranges::max(before) : std::ranges::min(before);
      const double best_now = row.best[i].value();
      const double chance = probability_of_chance(before, now);
      text += fmt::format("{:<86} {:<18} {:>9} {:>9} {:>6.2f} {:>7.4f}  {}\n",
                          fmt::format("{}  {}: {}, {}", row.workload->name, row.workload->what,
                                      row.figure->what, row.figure->unit),
                          subject_names[i], to_text(best_before), to_text(best_now),
                          best_now / best_before, chance,
                          verdict(best_before, best_now, chance, at_least));
    }
  }
  return text;
}

}  // namespace pageblock::benchmark
