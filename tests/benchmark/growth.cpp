// SPDX-License-Identifier: MIT
#include "benchmark/growth.hpp"

#include <utility>

#include <fmt/format.h>

#include "pageblock/isolation/page_isolation.hpp"

#include "benchmark/churn.hpp"
#include "benchmark/probe.hpp"
#include "benchmark/report.hpp"
#include "benchmark/workload.hpp"

namespace pageblock::benchmark {
namespace {

// The medians of a function that returns several values.
template <typename Sample>
std::vector<double> medians_of(unsigned rounds, Sample sample) {
  std::vector<std::vector<double>> values;
  for (unsigned round = 0; round < rounds; ++round) {
    const std::vector<double> now = sample();
    values.resize(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) values[i].push_back(now[i]);
  }
  std::vector<double> medians;
  for (auto& column : values) medians.push_back(median(std::move(column)));
  return medians;
}

template <typename Zone>
GrowthRow measure(const GrowthPlan& plan, std::uint64_t pages) {
  GrowthRow row{.pages = pages,
                .nr_blocks = pages / Zone::pageblock_nr_pages,
                .is_reference = is_reference<Zone>};
  const auto costs = medians_of(plan.rounds, [&] {
    Zone zone{ZoneLayout{.spanned_pages = pages}};
    const Pfn start = zone.start_pfn();
    const Pfn end = zone.end_pfn();
    Status ret = ok;
    std::vector<double> times{probe(plan.program, "fresh", is_reference<Zone>, pages).ns};
    times.push_back(wall_time_ns(
        [&] { ret = start_isolate_page_range(zone, start, end, MigrateType::movable); }));
    require(ret == ok, "a free zone was not isolated");
    times.push_back(wall_time_ns([&] { ret = test_pages_isolated(zone, start, end); }));
    require(ret == ok, "a test of an isolated zone failed");
    times.push_back(wall_time_ns(
        [&] { ret = undo_isolate_page_range(zone, start, end, MigrateType::movable); }));
    require_all_merged(zone);
    return times;
  });
  row.create = costs[0];
  row.start = costs[1];
  row.test = costs[2];
  row.undo = costs[3];
  const auto churned = [&](std::uint64_t live_pages) {
    return medians_of(plan.rounds, [&] {
      return std::vector{churn<Zone>({.zone_pages = pages,
                                      .live_pages = live_pages,
                                      .mix = Mix::halving,
                                      .operations = plan.operations})
                             .ns_per_operation};
    })[0];
  };
  if (plan.live_pages <= pages / 2) row.fixed = churned(plan.live_pages);
  if (pages <= plan.largest_reference) row.half = churned(pages / 2);
  return row;
}

double gib(const GrowthRow& row) {
  return static_cast<double>(row.pages) / static_cast<double>(pages_of_gib);
}
double per_block(const GrowthRow& row, double ns) {
  return ns / static_cast<double>(row.nr_blocks);
}

// What tables and pictures show.
using Value = std::optional<double>;
Value create_ms(const GrowthRow& row) { return row.create / 1e6; }
Value start_ms(const GrowthRow& row) { return row.start / 1e6; }
Value test_ms(const GrowthRow& row) { return row.test / 1e6; }
Value undo_ms(const GrowthRow& row) { return row.undo / 1e6; }
Value start_per_block(const GrowthRow& row) { return per_block(row, row.start); }
Value test_per_block(const GrowthRow& row) { return per_block(row, row.test); }
Value undo_per_block(const GrowthRow& row) { return per_block(row, row.undo); }
Value fixed(const GrowthRow& row) { return row.fixed; }
Value half(const GrowthRow& row) { return row.half; }

struct Column {
  std::string_view title;
  Value (*value)(const GrowthRow&);
};
constexpr Column columns[] = {
    {"make, ms", &create_ms},
    {"start, ms", &start_ms},
    {"test, ms", &test_ms},
    {"undo, ms", &undo_ms},
    {"start, ns/block", &start_per_block},
    {"test, ns/block", &test_per_block},
    {"undo, ns/block", &undo_per_block},
    {"W4 1 GiB live, ns", &fixed},
    {"W4 50 %, ns", &half},
};

}  // namespace

GrowthPlan GrowthPlan::make(bool quick, unsigned rounds, std::string program) {
  if (quick) {
    return {.first_pages = 1U << 12,
            .last_pages = 1U << 16,
            .largest_reference = 1U << 14,
            .live_pages = 1U << 12,
            .operations = 5000,
            .rounds = rounds,
            .program = std::move(program)};
  }
  return {.first_pages = pages_of_gib,
          .last_pages = 16 * pages_of_tib,
          .largest_reference = 64 * pages_of_gib,
          .live_pages = pages_of_gib,
          .operations = 2'000'000,
          .rounds = rounds,
          .program = std::move(program)};
}

std::vector<GrowthRow> grow(const GrowthPlan& plan) {
  std::vector<GrowthRow> rows;
  for (std::uint64_t pages = plan.first_pages; pages <= plan.last_pages; pages *= 4) {
    rows.push_back(measure<Library>(plan, pages));
  }
  for (std::uint64_t pages = plan.first_pages; pages <= plan.largest_reference; pages *= 4) {
    rows.push_back(measure<Reference>(plan, pages));
  }
  return rows;
}

std::string to_table(const std::vector<GrowthRow>& rows) {
  std::string text = fmt::format("\n{:<10} {:>9}", "growth", "zone");
  for (const Column& column : columns) text += fmt::format(" {:>17}", column.title);
  for (const GrowthRow& row : rows) {
    text += fmt::format("\n{:<10} {:>9}", row.is_reference ? "reference" : "library",
                        size_label(gib(row)));
    for (const Column& column : columns) {
      text += fmt::format(" {:>17}", to_text(column.value(row)));
    }
  }
  return text + '\n';
}

std::string to_markdown(const std::vector<GrowthRow>& rows) {
  std::string text = "| | zone |";
  std::string rule = "|-|-|";
  for (const Column& column : columns) {
    text += fmt::format(" {} |", column.title);
    rule += "-:|";
  }
  text += '\n' + rule + '\n';
  for (const GrowthRow& row : rows) {
    text += fmt::format("| {} | {} |", row.is_reference ? "reference" : "library",
                        size_label(gib(row)));
    for (const Column& column : columns) text += fmt::format(" {} |", to_text(column.value(row)));
    text += '\n';
  }
  return text;
}

std::vector<Panel> to_panels(const std::vector<GrowthRow>& rows) {
  const auto curve = [&rows](std::string label, std::string colour, bool is_reference,
                             Value (*value)(const GrowthRow&)) {
    Curve result{std::move(label), std::move(colour), is_reference};
    for (const GrowthRow& row : rows) {
      const Value y = value(row);
      if (row.is_reference == is_reference && y) result.points.push_back({gib(row), *y});
    }
    return result;
  };
  return {{"The whole zone",
           "milliseconds",
           {curve("make a zone (M1)", "#0072b2", false, &create_ms),
            curve("start_isolate_page_range (I3)", "#d55e00", false, &start_ms),
            curve("test_pages_isolated", "#009e73", false, &test_ms),
            curve("undo_isolate_page_range", "#cc79a7", false, &undo_ms),
            curve("reference: make a zone", "#0072b2", true, &create_ms),
            curve("reference: start_isolate_page_range", "#d55e00", true, &start_ms)}},
          {"A pageblock, an operation",
           "nanoseconds",
           {curve("operation, 1 GiB live (W4)", "#000000", false, &fixed),
            curve("operation, 50 % in use", "#e69f00", false, &half),
            curve("start, per pageblock (I3)", "#d55e00", false, &start_per_block),
            curve("test, per pageblock", "#009e73", false, &test_per_block),
            curve("undo, per pageblock", "#cc79a7", false, &undo_per_block),
            curve("reference: operation, 1 GiB live", "#000000", true, &fixed),
            curve("reference: operation, 50 % in use", "#e69f00", true, &half),
            curve("reference: start, per pageblock", "#d55e00", true, &start_per_block)}}};
}

}  // namespace pageblock::benchmark
