// SPDX-License-Identifier: MIT
/// The reference is worth its place beside the library only if it does the same.
#include "benchmark/reference.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pageblock/isolation/page_isolation.hpp"

#include "benchmark/suite.hpp"
#include "benchmark/workload.hpp"
#include "support/catch.hpp"

using namespace pageblock;
using namespace pageblock::benchmark;

namespace {

constexpr std::uint64_t nr_blocks = 16;

// Blocks of all types, and pages in use.
ZoneLayout mixed_layout() {
  const auto block = [](std::uint64_t n) { return Pfn{n * Library::pageblock_nr_pages}; };
  return {.spanned_pages = nr_blocks * Library::pageblock_nr_pages,
          .in_use = {{{block(4) + 5, block(4) + 9}}, {{block(5), block(6)}, 1, true}},
          .block_types = {{{block(2), block(4)}, MigrateType::unmovable},
                          {{block(4), block(6)}, MigrateType::reclaimable},
                          {{block(6), block(10)}, MigrateType::cma},
                          {{block(10), block(11)}, MigrateType::reserve}},
          .nr_cpus = 2};
}

// Does what a seed says, and returns everything that it was answered. Memory is scarce most of the
// time, so requests fall back, steal and are refused.
template <typename Zone>
std::vector<std::uint64_t> answers(std::uint64_t seed) {
  struct Chunk {
    Pfn pfn;
    Order order;
  };
  Zone zone{mixed_layout()};
  zone.set_pageset(7, 21);
  std::vector<Chunk> live;
  std::vector<std::uint64_t> said;
  const auto say = [&said](std::uint64_t value) { said.push_back(value); };
  const auto say_status = [&say](Status ret) { say(static_cast<std::uint64_t>(-ret.to_errno())); };
  Random random{seed};
  for (int step = 0; step < 20'000; ++step) {
    const Cpu cpu{static_cast<unsigned>(random.below(2))};
    const Pfn first{random.below(nr_blocks) * Zone::pageblock_nr_pages};
    const Pfn end{
        std::min(first + (1 + random.below(3)) * Zone::pageblock_nr_pages, zone.end_pfn())};
    const auto type = static_cast<MigrateType>(random.below(nr_pcp_types));
    const auto block_type = static_cast<MigrateType>(random.below(index_of(MigrateType::isolate)));
    const std::uint64_t call = random.below(100);
    if (call < 50) {
      const std::uint64_t largest = random.below(12);
      const Order order{static_cast<unsigned>(random.below(largest + 1) % 11)};
      const auto page = alloc_pages(zone, cpu, order, type);
      say(page ? Pfn{*page}.value() : ~std::uint64_t{0});
      if (page) live.push_back({*page, order});
    } else if (call < 90) {
      if (live.empty()) continue;
      const std::size_t victim = random.below(live.size());
      free_pages(zone, cpu, live[victim].pfn, live[victim].order);
      live[victim] = live.back();
      live.pop_back();
    } else if (call < 92) {
      say_status(start_isolate_page_range(zone, first, end, block_type));
    } else if (call < 95) {
      say_status(undo_isolate_page_range(zone, first, end, block_type));
    } else if (call < 96) {
      say_status(test_pages_isolated(zone, first, end));
    } else if (call < 97) {
      say(has_unmovable_pages(zone, first, random.below(3)) ? 1 : 0);
    } else if (call < 98) {
      say_status(set_migratetype_isolate(zone, first));
      say_status(test_pages_isolated(zone, first, first + Zone::pageblock_nr_pages));
      unset_migratetype_isolate(zone, first, block_type);
    } else {
      drain_all_pages(zone);
    }
    say(static_cast<std::uint64_t>(zone.nr_free_pages()));
    for (unsigned order = 0; order <= Zone::top_order.value(); ++order) {
      say(zone.nr_free(Order{order}));
    }
  }
  return said;
}

}  // namespace

TEST_CASE("a ReferenceZone gives the same answers as a Zone to any calls", "[benchmark]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    const auto expected = answers<LibraryLocked>(seed);
    CHECK((answers<Reference>(seed) == expected));
    CHECK((answers<ReferenceLocked>(seed) == expected));
    CHECK_FALSE((answers<Reference>(seed + 1) == expected));
  }
}

TEST_CASE("a copy of a ReferenceZone is equal until one of the two changes", "[benchmark]") {
  Reference zone{mixed_layout()};
  const auto held = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable);
  Reference copy{zone};
  CHECK((copy == zone));
  const auto of_zone = alloc_pages(zone, Cpu{1}, Order{3}, MigrateType::movable);
  CHECK_FALSE((copy == zone));
  CHECK((alloc_pages(copy, Cpu{1}, Order{3}, MigrateType::movable) == of_zone));
  CHECK((copy == zone));
  free_pages(zone, Cpu{0}, held.value(), Order{0});
  CHECK_FALSE((copy == zone));
}

TEST_CASE("the library and the reference get the same pages in every workload", "[benchmark]") {
  Sizes sizes = Sizes::quick();
  sizes.checks = true;
  for (const Workload& workload : workloads({})) {
    if (workload.needs_program) continue;
    CAPTURE(workload.name);
    std::vector<Measurement> measured;
    for (std::size_t subject = 0; subject < nr_subjects; ++subject) {
      if (workload.run[subject] == nullptr) continue;
      const Measurement now = workload.run[subject](sizes);
      CHECK(now.values.size() == workload.figures.size());
      // Other kernels get other pages.
      if (rules_of(static_cast<Subject>(subject)) == Subject::library) measured.push_back(now);
    }
    CHECK(measured.size() >= 2);
    for (const Measurement& measurement : measured) {
      CHECK(measurement.pages == measured.front().pages);
      CHECK(measurement.digest == measured.front().digest);
    }
  }
}
