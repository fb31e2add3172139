// SPDX-License-Identifier: MIT
/// Threads that isolate and threads that allocate beside them. Run it under the thread sanitizer.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

using namespace pageblock;
using namespace pageblock::test;

namespace {

constexpr unsigned nr_threads = 4;
constexpr std::uint64_t nr_pages = 1024;
constexpr int nr_operations = 8'000;

struct FourCpus : TinyConfig {
  static constexpr unsigned nr_cpus = nr_threads;
};
struct WithSpinlock : FourCpus {
  using Lock = Spinlock;
};
struct WithStdLock : FourCpus {
  using Lock = StdLock<std::mutex>;
};
// v6.1, with chunks of four pageblocks.
struct LaterWithSpinlock : WithSpinlock {
  static constexpr unsigned max_order = 6;
  static constexpr Semantics semantics = kernel::v6_1;
};
// Lets somebody else in just before zone->lock is taken.
struct LetsIn : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  class Lock {
   public:
    void lock() {
      if (before) std::exchange(before, nullptr)();
      is_held_ = true;
    }
    void unlock() { is_held_ = false; }
    [[nodiscard]] bool is_held() const { return is_held_; }
    std::function<void()> before{};

   private:
    bool is_held_ = false;
  };
};
// Halts a thread that frees a page between its look at the block's type and the CPU's list.
struct HaltsInFree : WithSpinlock {
  struct Tracer {
    std::function<void()> in_free;
    void operator()(const trace::MmPageFree&) const { in_free(); }
    void operator()(const auto&) const {}
  };
};

}  // namespace

TEMPLATE_TEST_CASE("threads that isolate and allocate get no page of each other", "[concurrency]",
                   WithSpinlock, WithStdLock) {
  // Two threads isolate, test and free their half of a zone; two allocate in the rest.
  Zone<TestType> zone{ZoneLayout{.spanned_pages = nr_pages, .nr_cpus = nr_threads}};
  zone.set_pageset(4, 16);
  std::atomic<int> nr_bad{0};
  // Isolated before anybody allocates, so nothing of it is on a CPU's list: nobody can get it.
  REQUIRE(start_isolate_page_range(zone, Pfn{0}, Pfn{512}, MigrateType::movable) == ok);
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < nr_threads; ++id) {
    threads.emplace_back([&zone, &nr_bad, id] {
      for (int i = 0; i < nr_operations / 10; ++i) {
        if (id < 2) {
          if (test_pages_isolated(zone, Pfn{256 * id}, Pfn{256 * id + 256}) != ok) ++nr_bad;
          if (zone.nr_pageblock_isolate() != 64) ++nr_bad;
          drain_all_pages(zone);
        } else if (const auto page =
                       alloc_pages(zone, Cpu{id}, Order{id - 2}, MigrateType::movable)) {
          if (page->pfn() < Pfn{512}) ++nr_bad;
          free_pages(zone, Cpu{id}, page->pfn(), Order{id - 2});
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(nr_bad == 0);
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == nr_pages);
  CHECK(verify(zone).empty());
}

TEST_CASE("what a user of a shared page did is seen by the last one to drop it", "[concurrency]") {
  // One user puts the page on the LRU and drops it, another drops it: whoever is last finds the mark.
  constexpr int nr_rounds = 50'000;
  Zone<WithSpinlock> zone{
      ZoneLayout{.spanned_pages = 64, .in_use = {{.range = {Pfn{9}, Pfn{10}}}}, .nr_cpus = 2}};
  std::atomic<int> nr_ready{0};
  std::array<FreeResult, 2> results;
  std::vector<std::thread> threads;
  std::atomic<int> round{0};
  const auto drop = [&](unsigned id) {
    for (int i = 1; i <= nr_rounds; ++i) {
      while (round.load() != i) std::this_thread::yield();
      if (id == 0) set_page_lru(zone, Pfn{9}, true);
      results[id] = free_pages(zone, Cpu{id}, Pfn{9}, Order{0});
      ++nr_ready;
    }
  };
  for (unsigned id = 0; id < 2; ++id) threads.emplace_back(drop, id);
  int nr_lost = 0;
  for (int i = 1; i <= nr_rounds; ++i) {
    zone.memmap().set_bits(Pfn{9}, PageBits{});
    zone.memmap().set_count(Pfn{9}, 2);
    nr_ready = 0;
    round = i;
    while (nr_ready.load() != 2) std::this_thread::yield();
    const auto is = [&](Freed freed) {
      return std::ranges::count(results, freed, &FreeResult::freed);
    };
    if (is(Freed::held) != 1 || is(Freed::bad) != 1) ++nr_lost;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(nr_lost == 0);
}

TEST_CASE("isolating waits for a page that is on its way to a CPU's list", "[concurrency]") {
  Zone<HaltsInFree> zone{
      ZoneLayout{.spanned_pages = 64, .in_use = {{.range = {Pfn{9}, Pfn{10}}}}, .nr_cpus = 2}};
  zone.set_pageset(4, 16);
  std::atomic<bool> in_free{false};
  zone.tracer().in_free = [&] {
    in_free = true;
    // Time enough to isolate the block, if nobody waited for this thread.
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  };
  std::thread frees{[&] { free_pages(zone, Cpu{1}, Pfn{9}, Order{0}); }};
  while (!in_free) std::this_thread::yield();
  CHECK(set_migratetype_isolate(zone, Pfn{8}) == ok);
  frees.join();
  CHECK(zone.pcp(Cpu{1}).count == 0);
  CHECK(zone.nr_free_pages() == 64);
  CHECK(verify(zone).empty());
}

TEST_CASE("start_isolate_page_range of v6.1 splits no chunk that somebody takes meanwhile",
          "[zone_threads]") {
  // The chunk over all blocks comes and goes, while the second half of its blocks is isolated.
  Zone<LaterWithSpinlock> zone{pages(32)};
  std::atomic<bool> is_done = false;
  std::thread other{[&] {
    while (!is_done) {
      if (const auto page = alloc_pages(zone, Cpu{0}, Order{5}, MigrateType::movable)) {
        free_pages(zone, Cpu{0}, *page, Order{5});
      }
    }
  }};
  int nr_isolated = 0;
  for (int i = 0; i < nr_operations; ++i) {
    if (start_isolate_page_range(zone, Pfn{16}, Pfn{32}, MigrateType::movable) == ok) {
      ++nr_isolated;
      static_cast<void>(undo_isolate_page_range(zone, Pfn{16}, Pfn{32}, MigrateType::movable));
    }
  }
  is_done = true;
  other.join();
  CHECK(nr_isolated > 0);
  CHECK(zone.nr_free_pages() == 32);
  CHECK(verify(zone).empty());
}

TEST_CASE("a page that is freed while its block is given back goes to the block's list, in v6.1",
          "[zone_threads]") {
  Zone<LetsIn> zone{pages(16)};
  const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable);
  const Pfn pfn = *page;
  set_page_lru(zone, pfn, true);
  REQUIRE(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  // The free has seen that the block is isolated, and waits for zone->lock.
  zone.lock().before = [&] {
    CHECK(undo_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
  };
  CHECK(put_page(zone, Cpu{0}, pfn) == FreeResult{});
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 16);
  CHECK(zone.nr_free(Order{4}) == 1);
  CHECK(*zone.free_list(Order{4}, MigrateType::movable).begin() == Pfn{0});
  CHECK(verify(zone).empty());
}
