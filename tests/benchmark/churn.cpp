// SPDX-License-Identifier: MIT
// W4: mixed orders at two occupancies.
#include "benchmark/churn.hpp"

#include <fmt/format.h>

namespace pageblock::benchmark {
namespace {

template <unsigned Percent>
struct Occupied {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    Measurement result{.pages = sizes.small_zone};
    for (const Mix mix : {Mix::halving, Mix::even}) {
      const auto [ns, nr_refused, digest] =
          churn<Zone>({.zone_pages = sizes.small_zone,
                       .live_pages = sizes.small_zone * Percent / 100,
                       .mix = mix,
                       .operations = sizes.operations,
                       .checks = sizes.checks});
      result.values.push_back(ns);
      result.digest = 9 * result.digest + digest;
      result.note += fmt::format(
          "{}{:.2f} %", result.note.empty() ? "requests refused: " : " and ",
          100.0 * static_cast<double>(nr_refused) / static_cast<double>(sizes.operations));
    }
    return result;
  }
};

std::vector<Figure> figures(double target) {
  return {{"operation, orders 0 to 9, each half as often as the one below", "ns", target},
          {"operation, orders 0 to 9, each as often", "ns", target}};
}

}  // namespace

std::vector<Workload> churn_workloads() {
  return {{.name = "W4",
           .what = "random lifetimes, 1 GiB, 50 % in use",
           .figures = figures(11),
           .run = all_subjects<Occupied<50>>()},
          {.name = "W4",
           .what = "random lifetimes, 1 GiB, 90 % in use",
           .figures = figures(13),
           .run = all_subjects<Occupied<90>>()}};
}

}  // namespace pageblock::benchmark
