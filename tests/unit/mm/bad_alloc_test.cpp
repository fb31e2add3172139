// What happens when there is no memory for the records of pages.
#include <cstdlib>
#include <new>

#include "pageblock/lab/verify.hpp"
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

namespace pageblock::test {
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

TEST_CASE("alloc_pages leaves the zone unchanged when there is no memory for records",
          "[bad_alloc]") {
  CHECK(fail_each(TinyZone{pages(32)}, After::unchanged, [](TinyZone& zone) {
          static_cast<void>(alloc_pages(zone, cpu0, Order{1}, movable));
        }) > 0);
  CHECK(fail_each(TinyZone{pages(32)}, After::unchanged, [](TinyZone& zone) {
          static_cast<void>(alloc_pages(zone, cpu0, Order{2}, unmovable));  // a steal
        }) > 0);
  CHECK(fail_each(TinyZone{pages(32)}, After::unchanged, [](TinyZone& zone) {
          static_cast<void>(alloc_pages(zone, cpu0, Order{3}, movable));  // needs no records
        }) == 0);
}

TEST_CASE("alloc_pages of order 0 leaves the zone consistent when there is no memory",
          "[bad_alloc]") {
  TinyZone zone{pages(64)};
  zone.set_pageset(20, 20);  // more than a largest chunk
  CHECK(fail_each(zone, After::consistent, [](TinyZone& copy) {
          static_cast<void>(alloc_pages(copy, cpu0, Order{0}, movable));
        }) > 2);
}

TEST_CASE("free_pages leaves the zone unchanged when there is no memory", "[bad_alloc]") {
  TinyZone zone{pages_in_use(32)};
  zone.set_pageset(4, 8);
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { free_pages(copy, cpu0, Pfn{9}, Order{0}); }) > 1);
  zone = TinyZone{{.spanned_pages = 32, .in_use = {{{Pfn{0}, Pfn{32}}, 1, false}}}};
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { free_pages(copy, cpu0, Pfn{10}, Order{1}); }) > 0);
}

TEST_CASE("split_free_page leaves the zone unchanged when there is no memory", "[bad_alloc]") {
  const TinyZone zone{{.spanned_pages = 32, .holes = {{Pfn{4}, Pfn{32}}}}};
  CHECK(free_list(zone, 2, movable) == Pfns{0});
  fail_each(zone, After::unchanged, [](TinyZone& copy) { split_free_page(copy, Pfn{0}); });
  CHECK(fail_each(TinyZone{pages(32)}, After::unchanged,
                  [](TinyZone& copy) { split_free_page(copy, Pfn{16}); }) == 0);
}

TEST_CASE("split_page leaves the zone unchanged when there is no memory", "[bad_alloc]") {
  TinyZone zone{pages(32)};
  static_cast<void>(alloc_pages(zone, cpu0, Order{4}, movable));
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { split_page(copy, Pfn{16}, Order{4}); }) == 0);
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { split_page(copy, Pfn{16}, Order{2}); }) > 0);
}

TEST_CASE("get_page and set_page_lru leave the zone unchanged when there is no memory",
          "[bad_alloc]") {
  const TinyZone zone{pages_in_use(32)};
  CHECK(fail_each(zone, After::unchanged, [](TinyZone& copy) { get_page(copy, Pfn{9}); }) > 0);
  CHECK(fail_each(zone, After::unchanged,
                  [](TinyZone& copy) { set_page_lru(copy, Pfn{9}, true); }) > 0);
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

}  // namespace pageblock::test
