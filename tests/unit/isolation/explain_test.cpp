// SPDX-License-Identifier: MIT
/// explain_isolate(), explain_isolate_range(), explain_test(): each stage and reason once.
#include "pageblock/isolation/explain.hpp"

#include <optional>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/free_pages.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::explain_cases {

namespace {

int refuse_block_1(void*, MemoryIsolateNotify& arg) {
  return arg.start_pfn == block(1) ? notifier_from_errno(-Err::nomem) : notify::okay;
}
int count_one(void*, MemoryIsolateNotify& arg) {
  ++arg.pages_found;
  return notify::okay;
}

// Two unmovable blocks: page 10 is in use, page 12 reserved.
ZoneLayout unmovable_blocks() {
  return {.spanned_pages = 16,
          .reserved = {range(12, 13)},
          .in_use = {{.range = range(10, 11)}},
          .block_types = {{range(0, 16), MigrateType::unmovable}}};
}

// Both blocks of a zone isolated whose pages are as @p layout says.
TinyZone isolated(ZoneLayout layout) {
  TinyZone zone{layout};
  REQUIRE(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  return zone;
}

}  // namespace

TEST_CASE("explain_isolate says nothing of a block that can be isolated", "[explain]") {
  const TinyZone zone{unmovable_blocks()};
  CHECK(explain_isolate(zone, block(0)) == std::nullopt);
}

TEST_CASE("explain_isolate names the notifier and the page that was asked about", "[explain]") {
  TinyZone zone{pages(16)};
  register_memory_isolate_notifier(zone, {&refuse_block_1});
  CHECK(explain_isolate(zone, block(0)) == std::nullopt);
  CHECK(explain_isolate(zone, block(1)) == Refusal{Stage::notifier, Pfn{8}, Reason::notifier});
}

TEST_CASE("explain_isolate names a page in use, and a reserved one behind it that is forgiven less",
          "[explain]") {
  TinyZone zone{unmovable_blocks()};
  CHECK(explain_isolate(zone, block(1)) ==
        Refusal{Stage::unmovable_check, Pfn{10}, Reason::not_lru});
  register_memory_isolate_notifier(zone, {&count_one});
  CHECK(explain_isolate(zone, block(1)) ==
        Refusal{Stage::unmovable_check, Pfn{12}, Reason::reserved});
  register_memory_isolate_notifier(zone, {&count_one});
  CHECK(explain_isolate(zone, block(1)) == std::nullopt);
}

TEST_CASE("explain_isolate takes zone.lock once", "[explain]") {
  const TinyZone zone{unmovable_blocks()};
  static_cast<void>(explain_isolate(zone, block(1)));
  CHECK(zone.lock().nr_acquired() == 1);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("explain_isolate requires a pfn of the zone", "[explain]") {
  const TinyZone zone{ZoneLayout{.spanned_pages = 16, .holes = {range(3, 4)}}};
  CHECK_FALSE(explain_isolate(zone, Pfn{3}));
  CHECK_VIOLATION(explain_isolate(zone, Pfn{16}), "not in the zone");
}

TEST_CASE("explain_isolate_range names the first page in the way", "[explain]") {
  const TinyZone zone{unmovable_blocks()};
  CHECK(explain_isolate_range(zone, block(0), block(2)) ==
        Refusal{Stage::unmovable_check, Pfn{10}, Reason::not_lru});
  CHECK(explain_isolate_range(zone, block(0), block(1)) == std::nullopt);
  CHECK(explain_isolate_range(zone, block(1), block(1)) == std::nullopt);
}

TEST_CASE("explain_isolate_range names a notifier", "[explain]") {
  TinyZone zone{pages(16)};
  register_memory_isolate_notifier(zone, {&refuse_block_1});
  CHECK(explain_isolate_range(zone, block(0), block(2)) ==
        Refusal{Stage::notifier, Pfn{8}, Reason::notifier});
}

TEST_CASE("explain_isolate_range skips holes and what is outside the zone", "[explain]") {
  const TinyZone zone{
      ZoneLayout{.start_pfn = Pfn{8}, .spanned_pages = 24, .holes = {range(16, 24)}}};
  CHECK(explain_isolate_range(zone, block(0), block(9)) == std::nullopt);
}

TEST_CASE("explain_isolate_range knows that two aligned blocks can share a stored type",
          "[explain]") {
  // zone starts at 4: pages 4-11 share a type, which isolating 4-7 makes ISOLATE. Then page 9 is
  // searched for, and would not be while the type is movable.
  const TinyZone zone{
      ZoneLayout{.start_pfn = Pfn{4}, .spanned_pages = 12, .reserved = {range(9, 10)}}};
  CHECK(explain_isolate_range(zone, block(1), block(2)) == std::nullopt);
  CHECK(explain_isolate_range(zone, block(0), block(2)) ==
        Refusal{Stage::unmovable_check, Pfn{9}, Reason::reserved});
}

TEST_CASE("explain_isolate_range takes zone.lock once for each block", "[explain]") {
  const TinyZone zone{pages(24)};
  static_cast<void>(explain_isolate_range(zone, block(0), block(3)));
  CHECK(zone.lock().nr_acquired() == 3);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("explain_isolate_range requires whole pageblocks", "[explain]") {
  const TinyZone zone{pages(24)};
  CHECK_VIOLATION(explain_isolate_range(zone, Pfn{4}, Pfn{16}), "whole pageblocks");
  CHECK_VIOLATION(explain_isolate_range(zone, Pfn{0}, Pfn{12}), "whole pageblocks");
}

TEST_CASE("explain_test says nothing of a range that passes", "[explain]") {
  const TinyZone zone = isolated(pages(16));
  CHECK(explain_test(zone, block(0), block(2)) == std::nullopt);
}

TEST_CASE("explain_test names a range without memory", "[explain]") {
  const TinyZone zone = isolated({.spanned_pages = 16, .holes = {range(8, 16)}});
  CHECK(explain_test(zone, block(1), block(2)) == Refusal{Stage::test, Pfn{8}, Reason::no_memory});
  CHECK(explain_test(zone, block(1), block(1)) == Refusal{Stage::test, Pfn{8}, Reason::no_memory});
}

TEST_CASE("explain_test names the first page of a block that is not isolated", "[explain]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .holes = {range(8, 11)}}};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(explain_test(zone, block(0), block(2)) ==
        Refusal{Stage::test, Pfn{11}, Reason::block_not_isolated});
}

TEST_CASE("explain_test names a page in use on an LRU list", "[explain]") {
  const TinyZone zone =
      isolated({.spanned_pages = 16, .in_use = {{.range = range(5, 6), .lru = true}}});
  CHECK(explain_test(zone, block(0), block(2)) == Refusal{Stage::test, Pfn{5}, Reason::lru});
}

TEST_CASE("explain_test names a page in use on no LRU list", "[explain]") {
  const TinyZone zone = isolated({.spanned_pages = 16, .in_use = {{.range = range(5, 6)}}});
  CHECK(explain_test(zone, block(0), block(2)) == Refusal{Stage::test, Pfn{5}, Reason::not_lru});
}

TEST_CASE("explain_test names a reserved page", "[explain]") {
  const TinyZone zone = isolated({.spanned_pages = 16, .reserved = {range(5, 6)}});
  CHECK(explain_test(zone, block(0), block(2)) == Refusal{Stage::test, Pfn{5}, Reason::reserved});
}

TEST_CASE("explain_test names a page on a CPU's list", "[explain]") {
  // Freed to CPU 1 while the block was movable; then somebody writes the type.
  ZoneLayout layout = pages_in_use(16);
  layout.nr_cpus = 2;
  TinyZone zone{layout};
  zone.set_pageset(4, 8);
  free_pages(zone, cpu1, Pfn{2}, Order{0});
  free_pages(zone, cpu1, Pfn{0}, Order{0});
  set_pageblock_migratetype(zone, block(0), MigrateType::isolate);
  CHECK(explain_test(zone, Pfn{0}, Pfn{1}) == Refusal{Stage::test, Pfn{0}, Reason::per_cpu_list});
  CHECK(explain_test(zone, Pfn{2}, Pfn{3}) == Refusal{Stage::test, Pfn{2}, Reason::per_cpu_list});
}

TEST_CASE("explain_test names a page inside a free chunk that begins before", "[explain]") {
  const TinyZone zone = isolated(pages(16));
  CHECK(explain_test(zone, block(1), block(2)) ==
        Refusal{Stage::test, Pfn{8}, Reason::inside_chunk});
  CHECK(explain_test(zone, Pfn{3}, Pfn{4}) == Refusal{Stage::test, Pfn{3}, Reason::inside_chunk});
}

TEST_CASE("explain_test names a tail of an allocation, which is on no list", "[explain]") {
  TinyZone zone{pages(16)};
  REQUIRE(alloc(zone, 1) == 0);
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(explain_test(zone, Pfn{1}, Pfn{2}) == Refusal{Stage::test, Pfn{1}, Reason::on_no_list});
  CHECK(explain_test(zone, Pfn{0}, Pfn{2}) == Refusal{Stage::test, Pfn{0}, Reason::not_lru});
}

TEST_CASE("explain_test does not take a chunk that ends before the page for the one it is in",
          "[explain]") {
  // page 4 is a free chunk of order 0, page 5 was lost
  TinyZone zone{ZoneLayout{.spanned_pages = 8, .in_use = {{.range = range(5, 6), .lru = true}}}};
  REQUIRE(free_pages(zone, cpu0, Pfn{5}, Order{0}).freed == Freed::bad);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(explain_test(zone, Pfn{4}, Pfn{6}) == Refusal{Stage::test, Pfn{5}, Reason::on_no_list});
}

TEST_CASE("explain_test takes the CPUs' locks only for a page of count 0 on no free list",
          "[explain]") {
  const TinyZone zone = isolated({.spanned_pages = 16, .in_use = {{.range = range(5, 6)}}});
  const std::uint64_t before = zone.pcp_lock(cpu0).nr_acquired();
  static_cast<void>(explain_test(zone, block(0), block(2)));
  CHECK(zone.pcp_lock(cpu0).nr_acquired() == before);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

}  // namespace pageblock::test::explain_cases
