/// Threads that isolate and threads that allocate beside them. Run it under the thread sanitizer.
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "pageblock/base/spinlock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"

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
