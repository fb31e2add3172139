// SPDX-License-Identifier: MIT
// What happens when there is no memory: for the lists of a CPU, or for a zone.
#include <cstdlib>
#include <new>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace {

// The number of allocations that still succeed; below 0: all.
int left = -1;

}  // namespace

// The nothrow version is here because a sanitizer wants new and delete to be of one kind. Not
// inlined, or GCC sees free() meet new and warns.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (left == 0) return nullptr;
  if (left > 0) --left;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace pageblock::test::bad_alloc_cases {
namespace {

using enum MigrateType;

enum class After { unchanged, consistent };

// Runs @p call on copies of @p before, lets its first allocation fail, then its second, and so on
// until it succeeds. Returns how often it failed.
int fail_each(const TinyZone& before, After after, void (*call)(TinyZone&)) {
  for (int nr_failures = 0;; ++nr_failures) {
    TinyZone zone{before};
    bool threw = false;
    left = nr_failures;
    try {
      call(zone);
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    left = -1;
    CHECK(verify(zone).empty());
    CHECK(!zone.lock().is_held());
    CHECK(!zone.pcp_lock(cpu0).is_held());
    if (!threw) return nr_failures;
    const bool is_unchanged = zone == before;
    CHECK((is_unchanged || after == After::consistent));
  }
}

}  // namespace

TEST_CASE("calls that do not need a CPU's list need no memory", "[bad_alloc]") {
  const auto needs_none = [](const TinyZone& before, void (*call)(TinyZone&)) {
    return fail_each(before, After::unchanged, call) == 0;
  };
  const TinyZone free{pages(32)};
  CHECK(needs_none(
      free, [](TinyZone& zone) { static_cast<void>(alloc_pages(zone, cpu0, Order{1}, movable)); }));
  CHECK(needs_none(free, [](TinyZone& zone) {
    static_cast<void>(alloc_pages(zone, cpu0, Order{2}, unmovable));  // a steal
  }));
  CHECK(needs_none(free, [](TinyZone& zone) { split_free_page(zone, Pfn{16}); }));
  const TinyZone used{pages_in_use(32)};
  CHECK(needs_none(used, [](TinyZone& zone) { get_page(zone, Pfn{9}); }));
  CHECK(needs_none(used, [](TinyZone& zone) { set_page_lru(zone, Pfn{9}, true); }));
  TinyZone chunk{pages(32)};
  static_cast<void>(alloc_pages(chunk, cpu0, Order{4}, movable));
  CHECK(needs_none(chunk, [](TinyZone& zone) { split_page(zone, Pfn{16}, Order{4}); }));
  CHECK(needs_none(chunk, [](TinyZone& zone) { free_pages(zone, cpu0, Pfn{16}, Order{4}); }));
}

TEST_CASE("alloc_pages of order 0 leaves the zone consistent when there is no memory",
          "[bad_alloc]") {
  TinyZone zone{pages(64)};
  zone.set_pageset(20, 20);  // more than a largest chunk
  CHECK(fail_each(zone, After::consistent, [](TinyZone& copy) {
          static_cast<void>(alloc_pages(copy, cpu0, Order{0}, movable));
        }) > 1);
}

TEST_CASE("free_pages leaves the zone unchanged when there is no memory", "[bad_alloc]") {
  TinyZone zone{pages_in_use(32)};
  zone.set_pageset(4, 8);
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { free_pages(copy, cpu0, Pfn{9}, Order{0}); }) > 0);
  CHECK(fail_each(zone, After::unchanged, [](TinyZone& copy) { put_page(copy, cpu0, Pfn{9}); }) >
        0);
}

TEST_CASE("Zone is not changed by an assignment that fails", "[bad_alloc]") {
  static const TinyZone other = [] {
    TinyZone zone{pages(64)};
    pin(zone, Pfn{5});
    return zone;
  }();
  CHECK(fail_each(TinyZone{pages(32)}, After::unchanged, [](TinyZone& copy) { copy = other; }) > 0);
}

}  // namespace pageblock::test::bad_alloc_cases
