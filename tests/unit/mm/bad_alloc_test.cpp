// SPDX-License-Identifier: MIT
// What happens when there is no memory: for the lists of a CPU, or for a zone.
#include <array>
#include <cstdlib>
#include <new>

#include "pageblock/clients/contig.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/free_batch.hpp"
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
// Those of arrays call the others only where no sanitizer has its own.
[[gnu::noinline]] void* operator new[](std::size_t size) { return operator new(size); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace pageblock::test::bad_alloc_cases {
namespace {

using enum MigrateType;

enum class After { unchanged, consistent };

// Runs @p call on copies of @p before, lets its first allocation fail, then its second, and so on
// until it succeeds. Returns how often it failed.
template <ZoneConfig Config>
int fail_each(const Zone<Config>& before, After after, void (*call)(Zone<Config>&)) {
  for (int nr_failures = 0;; ++nr_failures) {
    Zone<Config> zone{before};
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
    return fail_each<TinyConfig>(before, After::unchanged, call) == 0;
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
  CHECK(fail_each<TinyConfig>(zone, After::consistent, [](TinyZone& copy) {
          static_cast<void>(alloc_pages(copy, cpu0, Order{0}, movable));
        }) > 1);
}

TEST_CASE("free_pages leaves the zone unchanged when there is no memory", "[bad_alloc]") {
  TinyZone zone{pages_in_use(32)};
  zone.set_pageset(4, 8);
  CHECK(fail_each<TinyConfig>(zone, After::unchanged, [](TinyZone& copy) {
          free_pages(copy, cpu0, Pfn{9}, Order{0});
        }) > 0);
  CHECK(fail_each<TinyConfig>(zone, After::unchanged,
                              [](TinyZone& copy) { put_page(copy, cpu0, Pfn{9}); }) > 0);
}

TEST_CASE("Zone is not changed by an assignment that fails", "[bad_alloc]") {
  static const TinyZone other = [] {
    TinyZone zone{pages(64)};
    pin(zone, Pfn{5});
    return zone;
  }();
  CHECK(fail_each<TinyConfig>(TinyZone{pages(32)}, After::unchanged,
                              [](TinyZone& copy) { copy = other; }) > 0);
}

// What v6.1 has besides: more lists, and calls that use several of them.

struct V6_1BadAllocConfig : TinyConfig {
  static constexpr unsigned pageblock_order = 2;  // so that some orders have no list
  static constexpr Semantics semantics = kernel::v6_1;
};
using LaterZone = Zone<V6_1BadAllocConfig>;

TEST_CASE("v6.1's requests leave the zone consistent when there is no memory", "[bad_alloc]") {
  LaterZone zone{pages(64)};
  zone.set_pageset(20, 40);
  const auto fails = [&](void (*call)(LaterZone&)) {
    return fail_each<V6_1BadAllocConfig>(zone, After::consistent, call) > 0;
  };
  CHECK(fails(
      [](LaterZone& copy) { static_cast<void>(alloc_pages(copy, cpu0, Order{0}, movable)); }));
  CHECK(fails([](LaterZone& copy) {
    static_cast<void>(alloc_pages(copy, cpu0, Order{2}, unmovable));  // a steal
  }));
  CHECK(fails([](LaterZone& copy) { alloc_pages_bulk(copy, cpu0, movable, 30, [](Pfn) {}); }));
  CHECK_FALSE(fails([](LaterZone& copy) {
    static_cast<void>(alloc_pages(copy, cpu0, Order{4}, movable));  // no list has this order
  }));
}

TEST_CASE("v6.1's frees leave the zone unchanged or consistent when there is no memory",
          "[bad_alloc]") {
  LaterZone zone{pages_in_use(32)};
  zone.set_pageset(4, 16);
  const auto fails = [&zone](After after, void (*call)(LaterZone&)) {
    return fail_each<V6_1BadAllocConfig>(zone, after, call) > 0;
  };
  CHECK(fails(After::unchanged, [](LaterZone& copy) { free_pages(copy, cpu0, Pfn{9}, Order{0}); }));
  CHECK(fails(After::unchanged, [](LaterZone& copy) { put_page(copy, cpu0, Pfn{9}); }));
  CHECK(fails(After::unchanged, [](LaterZone& copy) {
    constexpr std::array all{Pfn{3}, Pfn{9}, Pfn{17}};
    free_unref_page_list(copy, cpu0, all);
  }));
  CHECK(
      fails(After::consistent, [](LaterZone& copy) { free_contig_range(copy, cpu0, Pfn{4}, 20); }));
}

TEST_CASE("v6.1's isolation needs no memory, and a contiguous range survives that", "[bad_alloc]") {
  const LaterZone zone{pages(64)};
  const auto nr_failures = [&zone](void (*call)(LaterZone&)) {
    return fail_each<V6_1BadAllocConfig>(zone, After::consistent, call);
  };
  CHECK(nr_failures([](LaterZone& copy) {
          static_cast<void>(start_isolate_page_range(copy, Pfn{12}, Pfn{20}, movable));
        }) == 0);
  // What is beside the range goes back as other pages do, by way of a CPU's list.
  CHECK(nr_failures([](LaterZone& copy) {
          static_cast<void>(alloc_contig_range(copy, cpu0, Pfn{13}, Pfn{18}, movable));
        }) > 0);
}

}  // namespace pageblock::test::bad_alloc_cases
