// SPDX-License-Identifier: MIT
/// What the benchmark makes of its measurements.
#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/compare.hpp"
#include "benchmark/compile_time.hpp"
#include "benchmark/plot.hpp"
#include "benchmark/report.hpp"
#include "benchmark/suite.hpp"
#include "support/catch.hpp"

using namespace pageblock;
using namespace pageblock::benchmark;

namespace {

// A workload whose zones disagree, or not.
template <std::uint64_t Digest>
Measurement answer(const Sizes&) {
  return {.values = {2.0}, .digest = Digest, .pages = 16};
}

Workload workload(Run library, Run reference, Figure figure) {
  return {.name = "W0",
          .what = "nothing",
          .figures = {figure},
          .run = {library, nullptr, reference, nullptr}};
}

Row row(const Workload& workload, double library, double reference) {
  return {&workload, &workload.figures[0], {library, {}, reference, {}}};
}

}  // namespace

TEST_CASE("median takes the middle value, or the mean of the middle two", "[benchmark]") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("a Digest depends on the order of what it is given", "[benchmark]") {
  Digest a;
  Digest b;
  a.add(Pfn{1});
  a.add(Pfn{2});
  b.add(Pfn{2});
  b.add(Pfn{1});
  CHECK(a.value() != b.value());
}

TEST_CASE("shuffled returns every number once, and the same order for the same seed",
          "[benchmark]") {
  auto numbers = shuffled(100, 7);
  CHECK(numbers == shuffled(100, 7));
  CHECK(numbers != shuffled(100, 8));
  std::ranges::sort(numbers);
  for (std::uint32_t i = 0; i < 100; ++i) CHECK(numbers[i] == i);
}

TEST_CASE("a Row compares the library with reference, target and kernel", "[benchmark]") {
  const Workload less = workload(nullptr, nullptr, {"time", "ns", 5.0, 1.0});
  CHECK(row(less, 4, 12).ratio() == 3.0);
  CHECK(row(less, 4, 12).meets_target() == true);
  CHECK(row(less, 6, 12).meets_target() == false);
  CHECK(row(less, 4, 12).beats_kernel() == false);

  const Workload more = workload(nullptr, nullptr, {"speed", "times", 1.9, {}, true});
  CHECK(row(more, 1.8, 0.9).ratio() == 2.0);
  CHECK(row(more, 1.8, 0.9).meets_target() == false);
  CHECK(row(more, 2.0, 0.9).meets_target() == true);
  CHECK_FALSE(row(more, 2.0, 0.9).beats_kernel().has_value());
}

TEST_CASE("a Row compares each kernel's figure with that of the one before", "[benchmark]") {
  const Workload of = workload(nullptr, nullptr, {"time", "ns"});
  const Row all{&of, &of.figures[0], {2.0, {}, {}, {}, 3.0, 4.5}};
  CHECK(all.v6_1_ratio() == 1.5);
  CHECK(all.v6_12_ratio() == 1.5);
  CHECK_FALSE(row(of, 4, 12).v6_12_ratio().has_value());
  const std::string json = to_json({.rows = {all}}, {});
  CHECK(json.find("\"library_v6_12\": 4.5") != std::string::npos);
}

TEST_CASE("run fails when library and reference disagree", "[benchmark]") {
  const Figure figure{"time", "ns"};
  const Results results = run({workload(&answer<1>, &answer<1>, figure)}, Sizes::quick(), 3);
  REQUIRE(results.rows.size() == 1);
  CHECK(results.rows[0].best[0] == 2.0);
  CHECK_FALSE(results.rows[0].best[1].has_value());
  CHECK_THROWS_AS(run({workload(&answer<1>, &answer<2>, figure)}, Sizes::quick(), 1), Failure);
}

TEST_CASE("probability_of_chance counts the ways to deal out what was measured", "[benchmark]") {
  CHECK(probability_of_chance({}, {1}) == 1);
  CHECK(probability_of_chance({1, 2, 3}, {1, 2, 3}) == 1);
  CHECK(probability_of_chance({1, 2, 3}, {4, 5, 6}) == 0.1);  // 2 of the 20 ways to choose 3 of 6
  CHECK(probability_of_chance({4, 5, 6}, {1, 2, 3}) == 0.1);
  std::vector<double> low;
  std::vector<double> high;
  for (int i = 0; i < 30; ++i) {
    low.push_back(i);
    high.push_back(i + 20);
  }
  CHECK(probability_of_chance(low, high) < 1e-6);  // by the normal distribution
  CHECK(probability_of_chance(low, low) == 1);
}

TEST_CASE("to_comparison tells what an earlier build was better at", "[benchmark]") {
  const Workload of = workload(nullptr, nullptr, {"time", "ns"});
  const auto measured = [&of](double library) {
    Row row{&of, &of.figures[0]};
    for (int i = 0; i < 6; ++i) row.samples[0].push_back(library + i);
    row.best[0] = library;
    return Results{.rows = {row}};
  };
  const std::string saved = to_json(measured(10), {});
  CHECK(to_comparison(measured(20), saved).find("2.00  0.0022  WORSE") != std::string::npos);
  CHECK(to_comparison(measured(1), saved).find("0.10  0.0022  better") != std::string::npos);
  CHECK(to_comparison(measured(10), saved).find("1.00  1.0000  no difference") !=
        std::string::npos);
  CHECK_THROWS_AS(to_comparison(measured(10), "{}"), Failure);
  CHECK_THROWS_AS(to_comparison(measured(10), "nonsense"), Failure);
}

TEST_CASE("to_table and to_markdown say which targets are missed", "[benchmark]") {
  const Workload of = workload(nullptr, nullptr, {"time", "ns", 5.0, 7.0});
  const std::string table = to_table({.rows = {row(of, 4, 12), row(of, 6, 12)}});
  CHECK(table.find("5.00 met") != std::string::npos);
  CHECK(table.find("5.00 MISSED  kernel 7.00 beaten") != std::string::npos);
  CHECK(table.find("Targets met: 1 of 2. Figures of the kernel beaten: 2 of 2.") !=
        std::string::npos);
  CHECK(to_markdown({.rows = {row(of, 6, 12)}})
            .find("| | time, ns | 6.00 |  | 12.0 |  | 2.00 |  |  |  |  |  | 5.00 | MISSED | 7.00 "
                  "beaten |") != std::string::npos);
}

TEST_CASE("to_text gives three digits", "[benchmark]") {
  CHECK(to_text(1234.5) == "1234");
  CHECK(to_text(12.34) == "12.3");
  CHECK(to_text(1.234) == "1.23");
  CHECK(to_text(0.1234) == "0.123");
  CHECK(to_text({}) == "-");
}

TEST_CASE("to_svg draws curves on logarithmic axes", "[benchmark]") {
  // Ten times as much is as far up wherever it begins: 300 for the decades 1 to 100, 150 for one.
  const std::string svg =
      to_svg({{"title", "ms", {{"curve", "red", true, {{1, 1}, {4, 10}, {16, 100}}}}}});
  CHECK(svg.find(",350.0 ") != std::string::npos);
  CHECK(svg.find(",200.0 ") != std::string::npos);
  CHECK(svg.find(",50.0\"") != std::string::npos);
  CHECK(svg.find(">16 GiB<") != std::string::npos);
  CHECK(svg.find(">curve<") != std::string::npos);
  CHECK(svg.find("stroke-dasharray") != std::string::npos);
  CHECK(svg.find("fill=\"white\"") != std::string::npos);
  CHECK(size_label(2048) == "2 TiB");
}

TEST_CASE("foreign_headers finds what the umbrella header includes by way of others",
          "[benchmark]") {
  const auto headers = foreign_headers(BENCHMARK_HEADERS, "pageblock/pageblock.hpp");
  CHECK(headers.count("<gsl/assert>") == 1);
  CHECK(headers.count("<fmt/format.h>") == 1);
  CHECK(headers.count("<vector>") == 1);
  for (const std::string& header : headers) CHECK(header.find("pageblock") == std::string::npos);
}
