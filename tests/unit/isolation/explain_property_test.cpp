// SPDX-License-Identifier: MIT
/// Explanations agree with what the functions then do, in random states of small zones.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::explain_property_cases {

namespace {

// The same numbers on every machine: std::uniform_int_distribution is free to differ.
class Dice {
 public:
  explicit Dice(unsigned seed) : engine_{seed} {}

  // From 0 to n - 1.
  std::uint64_t operator()(std::uint64_t n) { return engine_() % n; }
  bool one_in(std::uint64_t n) { return (*this)(n) == 0; }

 private:
  std::mt19937 engine_;
};

PfnRange random_range(Dice& dice, const ZoneLayout& layout, std::uint64_t longest) {
  const std::uint64_t offset = dice(layout.spanned_pages);
  const std::uint64_t length = std::min(1 + dice(longest), layout.spanned_pages - offset);
  return {layout.start_pfn + offset, layout.start_pfn + offset + length};
}

ZoneLayout random_layout(Dice& dice) {
  ZoneLayout layout{.start_pfn = Pfn{dice(40)}, .spanned_pages = 1 + dice(90), .nr_cpus = 2};
  if (dice.one_in(10)) layout.type = ZoneType::movable;
  if (dice.one_in(10)) layout.mobility_grouping = false;
  for (std::uint64_t n = dice(3); n > 0; --n) {
    layout.holes.push_back(random_range(dice, layout, 20));
  }
  for (std::uint64_t n = dice(3); n > 0; --n) {
    layout.reserved.push_back(random_range(dice, layout, 4));
  }
  for (std::uint64_t n = dice(5); n > 0; --n) {
    layout.in_use.push_back({.range = random_range(dice, layout, 20), .lru = dice.one_in(2)});
  }
  for (std::uint64_t n = dice(6); n > 0; --n) {
    layout.block_types.push_back(
        {random_range(dice, layout, 40), static_cast<MigrateType>(dice(5))});
  }
  return layout;
}

// Forgives a page in some blocks and refuses others, by their pfn alone: a callback without
// effects.
int moody(void*, MemoryIsolateNotify& arg) {
  if (arg.start_pfn.value() % 3 == 0) ++arg.pages_found;
  return arg.start_pfn.value() % 11 == 5 ? notifier_from_errno(-Err::inval) : notify::okay;
}

// Allocates, frees, isolates and gives back, so that pages are wherever pages can be.
template <ZoneConfig Config>
void shake(Zone<Config>& zone, Dice& dice) {
  struct Chunk {
    Pfn pfn;
    Order order;
  };
  std::vector<Chunk> held;
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    if (!zone.is_valid(pfn)) continue;
    const auto page = zone.page(pfn);
    if (page.count() != 0 && !page.is_reserved() && !page.is_lru()) held.push_back({pfn, Order{0}});
  }
  for (std::uint64_t steps = dice(60); steps > 0; --steps) {
    const Cpu cpu{static_cast<unsigned>(dice(2))};
    const Pfn pfn = zone.start_pfn() + dice(zone.spanned_pages());
    const std::uint64_t what = dice(16);
    if (what < 6) {
      const Order order{dice.one_in(2) ? 0 : static_cast<unsigned>(dice(Config::max_order))};
      const auto page = alloc_pages(zone, cpu, order, static_cast<MigrateType>(dice(3)));
      if (page) held.push_back({page->pfn(), order});
    } else if (what < 12 && !held.empty()) {
      std::swap(held[dice(held.size())], held.back());
      free_pages(zone, cpu, held.back().pfn, held.back().order);
      held.pop_back();
    } else if (what < 14 && zone.is_valid(pfn)) {
      static_cast<void>(set_migratetype_isolate(zone, pfn));
    } else if (what == 14) {
      unset_migratetype_isolate(zone, pfn, static_cast<MigrateType>(dice(5)));
    } else if (dice.one_in(4)) {
      drain_all_pages(zone);
    }
  }
}

// What a zone is: its value and its hash.
template <ZoneConfig Config>
bool is_same(const Zone<Config>& a, const Zone<Config>& b) {
  return a == b && a.hash() == b.hash();
}

// How often each answer was seen, so that the test can tell that it saw enough.
struct Seen {
  int isolated = 0;
  int refused = 0;
  int ranges_isolated = 0;
  int ranges_refused = 0;
  int passed = 0;
  int failed = 0;
};

template <ZoneConfig Config>
void compare(const Zone<Config>& zone, Dice& dice, Seen& seen) {
  const Zone<Config> before = zone;
  const Pfn low = zone.start_pfn().align_down(Zone<Config>::pageblock_order);
  const std::uint64_t size = Zone<Config>::pageblock_nr_pages;
  for (int i = 0; i < 4; ++i) {
    const Pfn pfn = zone.start_pfn() + dice(zone.spanned_pages());
    if (!zone.is_valid(pfn)) continue;
    const auto why = explain_isolate(zone, pfn);
    Zone<Config> copy = zone;
    const Status ret = set_migratetype_isolate(copy, pfn);
    if (why.has_value() == (ret == ok)) FAIL("page " << pfn.value());
    ++(ret == ok ? seen.isolated : seen.refused);
  }
  for (int i = 0; i < 4; ++i) {
    const Pfn start = low + size * dice(zone.spanned_pages() / size + 1);
    const Pfn end = start + size * dice(5);
    const auto why = explain_isolate_range(zone, start, end);
    Zone<Config> copy = zone;
    const Status ret = start_isolate_page_range(copy, start, end, MigrateType::movable);
    if (why.has_value() == (ret == ok)) FAIL("range " << start.value() << " " << end.value());
    ++(ret == ok ? seen.ranges_isolated : seen.ranges_refused);
  }
  for (int i = 0; i < 8; ++i) {
    const Pfn start = low + dice(zone.spanned_pages() + size);
    const Pfn end = start + dice(3 * size);
    const auto why = explain_test(zone, start, end);
    Zone<Config> copy = zone;
    const Status ret = test_pages_isolated(copy, start, end);
    if (why.has_value() == (ret == ok)) FAIL("test " << start.value() << " " << end.value());
    if (!is_same(copy, zone)) FAIL("a test changed the zone");
    ++(ret == ok ? seen.passed : seen.failed);
  }
  if (!is_same(zone, before)) FAIL("an explanation changed the zone");
}

// Half the blocks isolated where that is possible, so that tests have something to pass.
template <ZoneConfig Config>
void isolate_some(Zone<Config>& zone, Dice& dice) {
  for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn(); ++pfn) {
    if (zone.is_valid(pfn) && dice.one_in(4)) static_cast<void>(set_migratetype_isolate(zone, pfn));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("explanations agree with what the functions do and change nothing", "[explain]",
                   TinyConfig, OneBlockConfig, TwoPageConfig) {
  Seen seen;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    INFO("seed " << seed);
    Dice dice{seed};
    Zone<TestType> zone{random_layout(dice)};
    const auto batch = static_cast<std::uint32_t>(1 + dice(6));
    zone.set_pageset(batch, batch * 2);
    shake(zone, dice);
    if (dice.one_in(2)) isolate_some(zone, dice);
    if (dice.one_in(2)) register_memory_isolate_notifier(zone, {&moody});
    compare(zone, dice, seen);
  }
  CHECK(seen.isolated > 1000);
  CHECK(seen.refused > 500);
  CHECK(seen.ranges_isolated > 1000);
  CHECK(seen.ranges_refused > 500);
  CHECK(seen.passed > 200);
  CHECK(seen.failed > 1000);
}

}  // namespace pageblock::test::explain_property_cases
