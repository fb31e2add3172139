// SPDX-License-Identifier: MIT
#include "model/shrink.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "model/random_program.hpp"
#include "model/ready_test.hpp"
#include "support/catch.hpp"

namespace pageblock::test {
namespace {

using Config = ModelConfig<5, 3>;
constexpr ModelGeometry geometry{5, 3};

// A zone that forgets to drain all CPUs when it is asked to.
Result perform_without_drain(Zone<Config>& zone, const Operation& op) {
  return op.call == Call::drain_all_pages ? Result{} : perform(zone, op);
}

// The first program that fails because of it, shrunk.
Program shrunk_program() {
  const auto fails = [](const Program& program) {
    return run<Config>(program, perform_without_drain).has_value();
  };
  for (std::uint64_t seed = 1;; ++seed) {
    const Program program = random_program<NaiveZone>(geometry, seed, 300);
    if (fails(program)) return shrink(program, fails);
  }
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("shrink leaves of a program what makes it fail, with plain arguments", "[model]") {
  Program program = random_program<NaiveZone>(geometry, 1, 40);
  program.layout = {.start_pfn = Pfn{256},
                    .spanned_pages = 60,
                    .holes = {{Pfn{256}, Pfn{258}}},
                    .block_types = {{{Pfn{264}, Pfn{280}}, MigrateType::cma}},
                    .mobility_grouping = false,
                    .nr_cpus = 2};
  program.operations.insert(
      program.operations.begin() + 9,
      {.call = Call::get_page, .cpu = Cpu{1}, .pfn = Pfn{270}, .order = Order{2}});
  program.operations.push_back(
      {.call = Call::free_contig_range, .cpu = Cpu{1}, .pfn = Pfn{260}, .number = 19});
  const auto fails = [](const Program& candidate) {
    const auto& all = candidate.operations;
    const auto is_get = [](const Operation& op) { return op.call == Call::get_page; };
    const auto is_wide = [](const Operation& op) {
      return op.call == Call::free_contig_range && op.number >= 7;
    };
    const auto get = std::ranges::find_if(all, is_get);
    return std::find_if(get, all.end(), is_wide) != all.end() &&
           candidate.layout.spanned_pages >= 13 && !candidate.layout.mobility_grouping;
  };
  const Program small = shrink(program, fails);
  REQUIRE(small.operations.size() == 2);
  CHECK(small.operations[0].call == Call::get_page);
  CHECK(small.operations[0].cpu == Cpu{0});
  CHECK(small.operations[0].order == Order{0});
  CHECK(small.operations[1].call == Call::free_contig_range);
  CHECK(small.operations[1].number == 7);
  CHECK(small.owners.empty());
  CHECK(small.layout.start_pfn == Pfn{0});
  CHECK(small.layout.spanned_pages == 13);
  CHECK(small.layout.holes.empty());
  CHECK(small.layout.block_types.empty());
  CHECK_FALSE(small.layout.mobility_grouping);
  CHECK(small.layout.nr_cpus == 1);
}

TEST_CASE("A zone that forgets to drain is found, and shown by three operations", "[model]") {
  const Program small = shrunk_program();
  REQUIRE(small.operations.size() == 3);
  CHECK(small.operations[0].call == Call::set_pageset);
  CHECK(small.operations[2].call == Call::drain_all_pages);
}

TEST_CASE("to_ready_test prints a test that compiles", "[model]") {
  const Program small = shrunk_program();
  const auto failure = run<Config>(small, perform_without_drain);
  REQUIRE(failure.has_value());
  // The file is compiled into this program. It passes, since the real zone does drain.
  const auto file = std::filesystem::path{__FILE__}.parent_path() / "printed_test.cpp";
  CHECK(to_ready_test<Config>(small, *failure, "drain_all_pages does as the model") ==
        content_of(file));
}

}  // namespace pageblock::test
