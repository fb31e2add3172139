// SPDX-License-Identifier: MIT
/// How isolation takes locks: as the kernel does.
///
/// A log of locks reads "Z+ Z- 0+ 0- 1+ 1-": zone.lock taken and released, then the lock of CPU 0,
/// then that of CPU 1.
#include <string>
#include <utility>
#include <vector>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::page_isolation_locking_cases {

namespace {

class LoggedLock;
std::vector<std::pair<const LoggedLock*, char>> lock_log;

class LoggedLock {
 public:
  void lock() {
    lock_log.emplace_back(this, '+');
    is_held_ = true;
  }
  void unlock() {
    lock_log.emplace_back(this, '-');
    is_held_ = false;
  }
  [[nodiscard]] bool is_held() const { return is_held_; }

 private:
  bool is_held_ = false;
};

struct LoggedConfig : TinyConfig {
  using Lock = LoggedLock;
};

// Returns the locks that call takes.
template <typename Call>
std::string locks_of(const Zone<LoggedConfig>& zone, Call call) {
  lock_log.clear();
  call();
  std::string text;
  for (const auto& [lock, what] : lock_log) {
    text += text.empty() ? "" : " ";
    text += lock == &zone.lock() ? 'Z' : lock == &zone.pcp_lock(cpu0) ? '0' : '1';
    text += what;
  }
  return text;
}

// Three blocks; in the last one, which is unmovable, page 17 is reserved.
ZoneLayout three_blocks() {
  return {.spanned_pages = 24,
          .reserved = {range(17, 18)},
          .block_types = {{range(16, 24), MigrateType::unmovable}},
          .nr_cpus = 2};
}

}  // namespace

TEST_CASE("set_migratetype_isolate looks at each CPU under its lock", "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(locks_of(zone, [&] { CHECK(set_migratetype_isolate(zone, block(0)) == ok); }) ==
        "Z+ Z- 0+ 0- 1+ 1-");
}

TEST_CASE("set_migratetype_isolate drains CPUs with pages after it released zone.lock",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  zone.set_pageset(4, 8);
  REQUIRE(alloc_pages(zone, cpu1, Order{0}, MigrateType::movable));
  CHECK(locks_of(zone, [&] { CHECK(set_migratetype_isolate(zone, block(0)) == ok); }) ==
        "Z+ Z- 0+ 0- 1+ Z+ Z- 1-");
}

TEST_CASE("set_migratetype_isolate takes no CPU's lock when it refuses",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(locks_of(zone, [&] { CHECK(set_migratetype_isolate(zone, block(2)) == -Err::busy); }) ==
        "Z+ Z-");
}

TEST_CASE("unset_migratetype_isolate takes zone.lock once", "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  for (int i = 0; i < 2; ++i) {  // the second time the block is not isolated
    CHECK(locks_of(zone, [&] {
            unset_migratetype_isolate(zone, block(0), MigrateType::movable);
          }) == "Z+ Z-");
  }
}

TEST_CASE("start_isolate_page_range takes zone.lock once for each block, and drains behind each",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  zone.set_pageset(4, 8);
  REQUIRE(alloc_pages(zone, cpu0, Order{0}, MigrateType::movable));
  CHECK(locks_of(zone, [&] {
          CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
        }) == "Z+ Z- 0+ Z+ Z- 0- 1+ 1- Z+ Z- 0+ 0- 1+ 1-");
}

TEST_CASE("start_isolate_page_range takes zone.lock once for each block that it rolls back",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(locks_of(zone, [&] {
          CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) ==
                -Err::busy);
        }) == "Z+ Z- 0+ 0- 1+ 1- Z+ Z- 0+ 0- 1+ 1- Z+ Z- Z+ Z- Z+ Z-");
}

TEST_CASE("undo_isolate_page_range takes zone.lock once for each isolated block",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(locks_of(zone, [&] {
          CHECK(undo_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
        }) == "Z+ Z- Z+ Z-");
}

TEST_CASE("test_pages_isolated takes zone.lock once, and not at all for a block not isolated",
          "[page_isolation][locking]") {
  Zone<LoggedConfig> zone{three_blocks()};
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(locks_of(zone, [&] { CHECK(test_pages_isolated(zone, block(0), block(2)) == ok); }) ==
        "Z+ Z-");
  CHECK(locks_of(zone, [&] {
          CHECK(test_pages_isolated(zone, block(0), block(3)) == -Err::busy);
        }).empty());
}

TEST_CASE("isolation with checked locks counts them and gives interrupts back",
          "[page_isolation][locking]") {
  TinyZone zone{three_blocks()};
  auto taken = [&, last = std::uint64_t{0}]() mutable {
    const std::uint64_t now = zone.lock().nr_acquired();
    return now - std::exchange(last, now);
  };
  CHECK(start_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(taken() == 2);
  CHECK(zone.pcp_lock(cpu0).nr_acquired() == 2);
  CHECK(test_pages_isolated(zone, block(0), block(2)) == ok);
  CHECK(taken() == 1);
  CHECK(undo_isolate_page_range(zone, block(0), block(2), MigrateType::movable) == ok);
  CHECK(taken() == 2);
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == -Err::busy);
  CHECK(taken() == 5);
  CHECK_FALSE(zone.lock().is_held());
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("a broken contract gives the lock and interrupts back", "[page_isolation][locking]") {
  TinyZone zone{pages(16)};
  set_pageblock_migratetype(zone, block(0), MigrateType::isolate);
  CHECK_VIOLATION(unset_migratetype_isolate(zone, block(0), MigrateType::movable),
                  "than were counted");
  CHECK_FALSE(zone.lock().is_held());
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

}  // namespace pageblock::test::page_isolation_locking_cases
