// SPDX-License-Identifier: MIT
/// The memory isolate notifier chain: section 9, step 1.
#include "pageblock/isolation/isolate_notifier.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::isolate_notifier_cases {

namespace {

// Writes down that it was asked, and adds and returns what it was told to.
struct Listener {
  std::string name;
  std::string* log = nullptr;
  std::uint64_t adds = 0;
  int returns = notify::okay;
  MemoryIsolateNotify seen{};

  IsolateNotifier notifier(int priority = 0) { return {&call, this, priority}; }

 private:
  static int call(void* context, MemoryIsolateNotify& arg) {
    auto& self = *static_cast<Listener*>(context);
    if (self.log != nullptr) *self.log += self.name;
    self.seen = arg;
    arg.pages_found += self.adds;
    return self.returns;
  }
};

// Two unmovable blocks; pages 8, 10 and 12 are in use.
ZoneLayout three_used_pages() {
  return {.spanned_pages = 16,
          .in_use = {{.range = range(8, 9)}, {.range = range(10, 11)}, {.range = range(12, 13)}},
          .block_types = {{range(0, 16), MigrateType::unmovable}}};
}

}  // namespace

TEST_CASE("register_memory_isolate_notifier adds a callback that counts its pages",
          "[isolate_notifier]") {
  TinyZone zone{three_used_pages()};
  Listener balloon{.name = "balloon", .adds = 2};
  register_memory_isolate_notifier(zone, balloon.notifier());
  CHECK(set_migratetype_isolate(zone, block(1)) == -Err::busy);
  balloon.adds = 3;
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
}

TEST_CASE("register_memory_isolate_notifier adds up what several callbacks count",
          "[isolate_notifier]") {
  TinyZone zone{three_used_pages()};
  Listener one{.name = "one", .adds = 1};
  Listener two{.name = "two", .adds = 2};
  register_memory_isolate_notifier(zone, one.notifier());
  CHECK(set_migratetype_isolate(zone, block(1)) == -Err::busy);
  register_memory_isolate_notifier(zone, two.notifier());
  CHECK(set_migratetype_isolate(zone, block(1)) == ok);
  CHECK(two.seen.pages_found == 1);
}

TEST_CASE("register_memory_isolate_notifier orders by priority, then by registration",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  std::string log;
  Listener a{.name = "a", .log = &log};
  Listener b{.name = "b", .log = &log};
  Listener c{.name = "c", .log = &log};
  Listener d{.name = "d", .log = &log};
  register_memory_isolate_notifier(zone, a.notifier(0));
  register_memory_isolate_notifier(zone, b.notifier(5));
  register_memory_isolate_notifier(zone, c.notifier(0));
  register_memory_isolate_notifier(zone, d.notifier(-1));
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(log == "bacd");
}

TEST_CASE("register_memory_isolate_notifier takes zone.lock", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  Listener listener{.name = "listener"};
  register_memory_isolate_notifier(zone, listener.notifier());
  CHECK(zone.lock().nr_acquired() == 1);
  CHECK(unregister_memory_isolate_notifier(zone, listener.notifier()) == ok);
  CHECK(zone.lock().nr_acquired() == 2);
  CHECK_FALSE(CheckedLock::irqs_disabled());
}

TEST_CASE("register_memory_isolate_notifier reports a callback without a function",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  CHECK_VIOLATION_IN(zone, register_memory_isolate_notifier(zone, {nullptr}), "needs a function");
}

TEST_CASE("unregister_memory_isolate_notifier removes a callback", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  std::string log;
  Listener a{.name = "a", .log = &log};
  Listener b{.name = "b", .log = &log};
  register_memory_isolate_notifier(zone, a.notifier());
  register_memory_isolate_notifier(zone, b.notifier());
  CHECK(unregister_memory_isolate_notifier(zone, a.notifier()) == ok);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(log == "b");
}

TEST_CASE("unregister_memory_isolate_notifier says -ENOENT for one that is not there",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  Listener a{.name = "a"};
  Listener b{.name = "b"};
  register_memory_isolate_notifier(zone, a.notifier());
  CHECK(unregister_memory_isolate_notifier(zone, b.notifier()) == -Err::noent);
  CHECK(unregister_memory_isolate_notifier(zone, a.notifier()) == ok);
  CHECK(unregister_memory_isolate_notifier(zone, a.notifier()) == -Err::noent);
}

TEST_CASE("unregister_memory_isolate_notifier removes one registration of a callback with several",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  std::string log;
  Listener a{.name = "a", .log = &log};
  register_memory_isolate_notifier(zone, a.notifier(1));
  register_memory_isolate_notifier(zone, a.notifier(2));
  CHECK(unregister_memory_isolate_notifier(zone, a.notifier()) == ok);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(log == "a");
}

TEST_CASE("a callback sees the page's pfn, a block's size and no page found yet",
          "[isolate_notifier]") {
  TinyZone zone{ZoneLayout{.spanned_pages = 16, .holes = {range(8, 11)}}};
  Listener listener{.name = "listener"};
  register_memory_isolate_notifier(zone, listener.notifier());
  CHECK(set_migratetype_isolate(zone, Pfn{13}) == ok);
  CHECK(listener.seen.start_pfn.value() == 13);
  CHECK(listener.seen.nr_pages == 8);
  CHECK(listener.seen.pages_found == 0);
  // A range asks with the first valid page of the block.
  CHECK(start_isolate_page_range(zone, block(1), block(2), MigrateType::movable) == ok);
  CHECK(listener.seen.start_pfn.value() == 11);
}

TEST_CASE("a callback runs with zone.lock held and interrupts disabled", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  struct State {
    const TinyZone* zone;
    bool irqs_were_disabled = false;
  } state{&zone};
  const auto call = [](void* context, MemoryIsolateNotify&) -> int {
    auto& seen = *static_cast<State*>(context);
    seen.zone->assert_locked();
    seen.irqs_were_disabled = CheckedLock::irqs_disabled();
    return notify::done;
  };
  register_memory_isolate_notifier(zone, {call, &state});
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(state.irqs_were_disabled);
}

TEST_CASE("a callback that returns an error refuses the block and changes nothing",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  zone.set_pageset(4, 8);
  alloc(zone, 0);
  Listener listener{.name = "listener", .returns = notifier_from_errno(-Err::busy)};
  register_memory_isolate_notifier(zone, listener.notifier());
  const TinyZone before = zone;
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
  CHECK(zone == before);
}

TEST_CASE("a callback's errno is lost, the answer is always -EBUSY", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  Listener listener{.name = "listener"};
  register_memory_isolate_notifier(zone, listener.notifier());
  for (const Err err : {Err::nomem, Err::inval, Err::noent, Err::busy}) {
    listener.returns = notifier_from_errno(-err);
    CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
  }
  listener.returns = notify::bad;  // -EPERM, in the kernel
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
}

TEST_CASE("a callback that refuses keeps those behind it from being asked", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  std::string log;
  Listener a{.name = "a", .log = &log};
  Listener b{.name = "b", .log = &log, .returns = notifier_from_errno(-Err::nomem)};
  Listener c{.name = "c", .log = &log};
  for (Listener* listener : {&a, &b, &c}) {
    register_memory_isolate_notifier(zone, listener->notifier());
  }
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
  CHECK(log == "ab");
}

TEST_CASE("a callback can stop the chain without an error", "[isolate_notifier]") {
  static_assert(notify::stop == 0x8001);
  TinyZone zone{pages(16)};
  std::string log;
  Listener a{.name = "a", .log = &log, .returns = notify::stop};
  Listener b{.name = "b", .log = &log, .returns = notifier_from_errno(-Err::nomem)};
  register_memory_isolate_notifier(zone, a.notifier());
  register_memory_isolate_notifier(zone, b.notifier());
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(log == "a");
}

TEST_CASE("a callback's error without the stop bit is lost if another one answers",
          "[isolate_notifier]") {
  // The chain's answer is the last one's, as in the kernel.
  TinyZone zone{pages(16)};
  Listener a{.name = "a", .returns = 2};  // -EPERM, but not a stop
  Listener b{.name = "b"};
  register_memory_isolate_notifier(zone, a.notifier());
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
  register_memory_isolate_notifier(zone, b.notifier());
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
}

TEST_CASE("a callback is asked once for each block of a range, up to the refused one",
          "[isolate_notifier]") {
  TinyZone zone{pages(32)};
  std::string log;
  Listener listener{.name = "x", .log = &log};
  register_memory_isolate_notifier(zone, listener.notifier());
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
  CHECK(log == "xxx");
  CHECK(undo_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == ok);
  CHECK(log == "xxx");
  listener.returns = notify::bad;
  CHECK(start_isolate_page_range(zone, block(0), block(3), MigrateType::movable) == -Err::busy);
  CHECK(log == "xxxx");
}

TEST_CASE("a callback goes with a copy of the zone", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  Listener listener{.name = "listener", .returns = notify::bad};
  register_memory_isolate_notifier(zone, listener.notifier());
  TinyZone copy = zone;
  CHECK(set_migratetype_isolate(copy, block(0)) == -Err::busy);
  CHECK(unregister_memory_isolate_notifier(copy, listener.notifier()) == ok);
  CHECK(set_migratetype_isolate(copy, block(0)) == ok);
  CHECK(set_migratetype_isolate(zone, block(0)) == -Err::busy);
}

TEST_CASE("an exception of a callback leaves the zone unchanged and its lock free",
          "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  zone.set_pageset(4, 8);
  alloc(zone, 0);
  const auto call = [](void*, MemoryIsolateNotify&) -> int { throw std::runtime_error{"no"}; };
  register_memory_isolate_notifier(zone, {call});
  const TinyZone before = zone;
  CHECK_THROWS_AS(set_migratetype_isolate(zone, block(0)), std::runtime_error);
  CHECK_FALSE(zone.lock().is_held());
  CHECK_FALSE(CheckedLock::irqs_disabled());
  CHECK(zone == before);
  CHECK_THROWS_AS(explain_isolate(zone, block(0)), std::runtime_error);
  CHECK(zone == before);
  CHECK(unregister_memory_isolate_notifier(zone, {call}) == ok);
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
}

TEST_CASE("an exception of a callback rolls a range back as a refusal does", "[isolate_notifier]") {
  // block   0     1     2      the callback throws when it is asked about block 2
  TinyZone zone{pages(48)};
  const auto call = [](void*, MemoryIsolateNotify& arg) -> int {
    if (arg.start_pfn == block(2)) throw std::runtime_error{"no"};
    return notify::okay;
  };
  register_memory_isolate_notifier(zone, {call});
  CHECK_THROWS_AS(start_isolate_page_range(zone, block(0), block(3), MigrateType::reclaimable),
                  std::runtime_error);
  CHECK(types(zone) == "EEMMMM");
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());

  CHECK_THROWS_AS(alloc_contig_range(zone, cpu0, Pfn{10}, Pfn{20}, MigrateType::movable),
                  std::runtime_error);
  CHECK(types(zone) == "MMMMMM");
  CHECK(zone.nr_free_pages() == 48);
  CHECK_FALSE(zone.lock().is_held());
  CHECK(verify(zone).empty());
}

namespace {

// What a callback may try to do with the zone that asks it.
struct Intruder {
  TinyZone* zone;
  void (*intrude)(TinyZone&);

  static int call(void* context, MemoryIsolateNotify&) {
    auto& self = *static_cast<Intruder*>(context);
    self.intrude(*self.zone);
    return notify::okay;
  }
};

}  // namespace

TEST_CASE("a callback that calls into its zone is reported, and the zone stays usable",
          "[isolate_notifier]") {
  struct Attempt {
    const char* name;
    void (*intrude)(TinyZone&);
  };
  const std::vector<Attempt> attempts{
      {"set_migratetype_isolate",
       [](TinyZone& zone) { static_cast<void>(set_migratetype_isolate(zone, block(1))); }},
      {"unset_migratetype_isolate",
       [](TinyZone& zone) { unset_migratetype_isolate(zone, block(1), MigrateType::movable); }},
      {"test_pages_isolated",
       [](TinyZone& zone) { static_cast<void>(test_pages_isolated(zone, block(2), block(3))); }},
      {"explain_isolate",
       [](TinyZone& zone) { static_cast<void>(explain_isolate(zone, block(0))); }},
      {"alloc_pages of order 0", [](TinyZone& zone) { alloc(zone, 0); }},
      {"alloc_pages of order 1", [](TinyZone& zone) { alloc(zone, 1); }},
      {"free_pages", [](TinyZone& zone) { free(zone, 31); }},
      {"drain_pages", [](TinyZone& zone) { drain_pages(zone, cpu0); }},
      {"drain_all_pages", [](TinyZone& zone) { drain_all_pages(zone); }},
      {"alloc_contig_range",
       [](TinyZone& zone) {
         static_cast<void>(alloc_contig_range(zone, cpu0, Pfn{0}, Pfn{4}, MigrateType::movable));
       }},
      {"register_memory_isolate_notifier",
       [](TinyZone& zone) { register_memory_isolate_notifier(zone, {&Intruder::call}); }},
      {"a copy", [](TinyZone& zone) { const TinyZone copy = zone; }},
      {"a hash", [](TinyZone& zone) { static_cast<void>(zone.hash()); }},
  };
  for (const Attempt& attempt : attempts) {
    INFO("the callback tries " << attempt.name);
    TinyZone zone{ZoneLayout{.spanned_pages = 32, .in_use = {{.range = range(31, 32)}}}};
    zone.set_pageset(4, 8);
    alloc(zone, 0);
    CHECK(set_migratetype_isolate(zone, block(2)) == ok);
    Intruder intruder{&zone, attempt.intrude};
    const IsolateNotifier notifier{&Intruder::call, &intruder};
    register_memory_isolate_notifier(zone, notifier);

    CHECK_VIOLATION_IN(zone, set_migratetype_isolate(zone, block(0)), "calls into the zone");
    CHECK_FALSE(zone.lock().is_held());
    CHECK_FALSE(CheckedLock::irqs_disabled());
    CHECK(verify(zone).empty());
    CHECK(unregister_memory_isolate_notifier(zone, notifier) == ok);
    CHECK(set_migratetype_isolate(zone, block(0)) == ok);
    alloc(zone, 0);
  }
}

TEST_CASE("a callback may ask another zone", "[isolate_notifier]") {
  TinyZone zone{pages(16)};
  TinyZone other{pages(16)};
  Intruder intruder{
      &other, [](TinyZone& asked) { static_cast<void>(set_migratetype_isolate(asked, block(1))); }};
  register_memory_isolate_notifier(zone, {&Intruder::call, &intruder});
  CHECK(set_migratetype_isolate(zone, block(0)) == ok);
  CHECK(types(other) == "MI");
}

}  // namespace pageblock::test::isolate_notifier_cases
