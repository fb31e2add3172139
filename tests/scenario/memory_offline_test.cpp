// SPDX-License-Identifier: MIT
/// Taking memory offline: what a machine does before a memory module is pulled.
#include <cstdint>

#include <fmt/format.h>

#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

using namespace pageblock;
using namespace pageblock::test;

namespace {

// Eight blocks. A program has pages 20 to 27 and 40 to 43, all on the LRU.
ZoneLayout machine() {
  return {.spanned_pages = 64,
          .in_use = {{.range = range(20, 28), .lru = true}, {.range = range(40, 44), .lru = true}},
          .nr_cpus = 2};
}

// Copies a page of the program elsewhere and drops the old one, as migrate_pages() does.
std::uint64_t migrate(TinyZone& zone, std::uint64_t pfn) {
  const auto target = alloc_pages(zone, cpu1, Order{0}, MigrateType::movable).value();
  set_page_lru(zone, target, true);
  static_cast<void>(put_page(zone, cpu1, Pfn{pfn}));
  return target.pfn().value();
}

}  // namespace

TEST_CASE("a memory range goes offline once its pages have moved elsewhere", "[scenario]") {
  // block         0   1   2   3   4   5   6   7
  // isolated              I   I   I   I
  // moves to      <----   20-27   40-43   ---->
  // offline               r   r   r   r
  TinyZone zone{machine()};
  zone.set_pageset(4, 12);
  REQUIRE(explain_isolate_range(zone, block(2), block(6)) == std::nullopt);
  REQUIRE(start_isolate_page_range(zone, block(2), block(6), MigrateType::movable) == ok);
  CHECK(types(zone) == "MMIIIIMM");

  // The program's pages are in the way, and the first of them is named.
  CHECK(test_pages_isolated(zone, block(2), block(6)) == -Err::busy);
  const auto why = explain_test(zone, block(2), block(6));
  REQUIRE(why.has_value());
  CHECK(fmt::format("{}", *why) == "test: page 20: in use on an LRU list; waiting could help");

  for (std::uint64_t pfn = 20; pfn < 28; ++pfn) {
    const std::uint64_t target = migrate(zone, pfn);
    CHECK((target < 16 || target >= 48));
  }
  CHECK(explain_test(zone, block(2), block(6)) == Refusal{Stage::test, Pfn{40}, Reason::lru});
  for (std::uint64_t pfn = 40; pfn < 44; ++pfn) {
    const std::uint64_t target = migrate(zone, pfn);
    CHECK((target < 16 || target >= 48));
  }
  drain_all_pages(zone);
  CHECK(explain_test(zone, block(2), block(6)) == std::nullopt);
  REQUIRE(test_pages_isolated(zone, block(2), block(6)) == ok);

  offline_isolated_pages(zone, block(2), block(6));
  CHECK(undo_isolate_page_range(zone, block(2), block(6), MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(zone.nr_free_pages() == 64 - 32 - 12);
  CHECK(verify(zone).empty());

  // What is left can be had to the last page, and none of it is in the range.
  std::uint64_t nr_got = 0;
  while (const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::movable)) {
    CHECK((page->pfn() < block(2) || page->pfn() >= block(6)));
    ++nr_got;
  }
  CHECK(nr_got == 20);
}

TEST_CASE("a pinned page in a movable block stops it late, and the explanation names it",
          "[scenario]") {
  // v3.6 does not search movable blocks, so isolation succeeds; only the test finds the page.
  TinyZone zone{machine()};
  pin(zone, Pfn{37});
  REQUIRE(start_isolate_page_range(zone, block(4), block(5), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, block(4), block(5)) == -Err::busy);
  const auto why = explain_test(zone, block(4), block(5));
  REQUIRE(why.has_value());
  CHECK(*why == Refusal{Stage::test, Pfn{37}, Reason::not_lru});
  CHECK_FALSE(waiting_could_help(*why));
  CHECK(fmt::format("{}", *why) ==
        "test: page 37: in use and on no LRU list; waiting will not help");

  // So it is given up; the memory is there again.
  CHECK(undo_isolate_page_range(zone, block(4), block(5), MigrateType::movable) == ok);
  CHECK(types(zone) == "MMMMMMMM");
  CHECK(zone.nr_free_pages() == 64 - 12 - 1);
  CHECK(verify(zone).empty());
}

TEST_CASE("a kernel page in an unmovable block stops it at once, and the explanation names it",
          "[scenario]") {
  ZoneLayout layout = machine();
  layout.block_types = {{range(48, 56), MigrateType::unmovable}};
  TinyZone zone{layout};
  pin(zone, Pfn{50});
  const TinyZone before = zone;
  const auto why = explain_isolate_range(zone, block(4), block(8));
  REQUIRE(why.has_value());
  CHECK(fmt::format("{}", *why) ==
        "unmovable check: page 50: in use and on no LRU list; waiting will not help");
  CHECK(zone == before);

  CHECK(start_isolate_page_range(zone, block(4), block(8), MigrateType::movable) == -Err::busy);
  CHECK(types(zone) == types(before));
  CHECK(zone.nr_pageblock_isolate() == 0);

  // When its owner gives it up, the range can go.
  free(zone, 50);
  CHECK(explain_isolate_range(zone, block(4), block(8)) == std::nullopt);
  CHECK(start_isolate_page_range(zone, block(4), block(8), MigrateType::movable) == ok);
}

TEST_CASE("a balloon lets its pages be counted, and they can go offline with it", "[scenario]") {
  // A guest's balloon holds kernel pages that it will give back when asked.
  ZoneLayout layout = machine();
  layout.block_types = {{range(48, 64), MigrateType::unmovable}};
  layout.in_use.push_back({.range = range(50, 53)});
  TinyZone zone{layout};
  CHECK(start_isolate_page_range(zone, block(6), block(8), MigrateType::movable) == -Err::busy);

  const auto balloon = [](void*, MemoryIsolateNotify& arg) {
    const PfnRange asked{arg.start_pfn, arg.start_pfn + arg.nr_pages};
    for (Pfn pfn{50}; pfn < Pfn{53}; ++pfn) {
      if (asked.contains(pfn)) ++arg.pages_found;
    }
    return notify::okay;
  };
  register_memory_isolate_notifier(zone, {balloon});
  CHECK(start_isolate_page_range(zone, block(6), block(8), MigrateType::movable) == ok);
  CHECK(test_pages_isolated(zone, block(6), block(8)) == -Err::busy);
  for (std::uint64_t pfn = 50; pfn < 53; ++pfn) free(zone, pfn);
  CHECK(test_pages_isolated(zone, block(6), block(8)) == ok);
  offline_isolated_pages(zone, block(6), block(8));
  CHECK(verify(zone).empty());
}
