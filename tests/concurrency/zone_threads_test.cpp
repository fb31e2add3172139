/// Threads at work on one zone: nothing is lost, nothing is handed out twice. Run it under the
/// thread sanitizer.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/watermark.hpp"

#include "support/catch.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

using namespace pageblock;
using namespace pageblock::test;

namespace {

constexpr unsigned nr_threads = 4;
constexpr std::uint64_t nr_pages = 1024;
constexpr std::uint64_t nr_pages_in_use = 512;  // from the first on
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

// What the threads share besides the zone. Catch2 does not like threads, so what goes wrong is
// counted here and checked at the end.
struct Shared {
  std::array<std::atomic<bool>, nr_pages> is_owned{};
  // Plain memory that the owner of a page writes: the zone's locks alone order one owner before the
  // next, which the thread sanitizer sees.
  std::array<unsigned, nr_pages> contents{};
  std::latch start{nr_threads};
  std::atomic<int> nr_owned_twice{0};
  std::atomic<int> nr_bad_frees{0};
  std::atomic<int> nr_bad_copies{0};
  std::atomic<int> nr_isolated{0};
  std::atomic<int> nr_allocated{0};
};

// One thread: it allocates and frees on its own CPU and does the rest to everybody.
template <ZoneConfig Config>
class Worker {
 public:
  Worker(Zone<Config>& zone, Shared& shared, unsigned id)
      : zone_{zone}, shared_{shared}, cpu_{id}, dice_{id} {
    // Of the pages in use from the start every fourth is this thread's. They have no records yet,
    // so neighbours that are freed at once make them at once.
    for (std::uint64_t pfn = id; pfn < nr_pages_in_use; pfn += nr_threads) {
      own({Pfn{pfn}, Order{0}});
    }
  }

  void run() {
    shared_.start.arrive_and_wait();
    for (std::uint64_t n = nr_pages_in_use / nr_threads / 2; n > 0; --n) free_one();
    for (int i = 0; i < nr_operations; ++i) {
      const unsigned what = dice(100);
      if (what < 30) {
        allocate(Order{0});
      } else if (what < 42) {
        allocate(Order{dice(Config::max_order)});
      } else if (what < 84) {
        free_one();
      } else if (what < 88) {
        drain_pages(zone_, Cpu{dice(nr_threads)});
      } else if (what < 98) {
        isolate();
      } else if (i % 10 == 0) {
        copy();
      }
    }
    while (!chunks_.empty()) free_one();
  }

 private:
  struct Chunk {
    Pfn pfn;
    Order order;
  };

  unsigned dice(unsigned n) { return static_cast<unsigned>(dice_() % n); }

  void allocate(Order order) {
    const auto type = static_cast<MigrateType>(dice(nr_pcp_types));
    const auto page = alloc_pages(zone_, cpu_, order, type);
    if (!page) return;
    shared_.nr_allocated.fetch_add(1, std::memory_order_relaxed);
    own({page->pfn(), order});
  }

  void own(Chunk chunk) {
    for (Pfn pfn = chunk.pfn; pfn < chunk.pfn + chunk.order.nr_pages(); ++pfn) {
      if (shared_.is_owned[pfn.value()].exchange(true, std::memory_order_relaxed)) {
        ++shared_.nr_owned_twice;
      }
      shared_.contents[pfn.value()] = cpu_.id();
    }
    chunks_.push_back(chunk);
  }

  void free_one() {
    if (chunks_.empty()) return;
    std::swap(chunks_[dice(static_cast<unsigned>(chunks_.size()))], chunks_.back());
    const Chunk chunk = chunks_.back();
    chunks_.pop_back();
    for (Pfn pfn = chunk.pfn; pfn < chunk.pfn + chunk.order.nr_pages(); ++pfn) {
      if (shared_.contents[pfn.value()] != cpu_.id()) ++shared_.nr_owned_twice;
      shared_.is_owned[pfn.value()].store(false, std::memory_order_relaxed);
    }
    const FreeResult result = free_pages(zone_, cpu_, chunk.pfn, chunk.order);
    if (result.freed != Freed::freed) ++shared_.nr_bad_frees;
  }

  void isolate() {
    const Pfn start = block(dice(nr_pages / 8));
    const Pfn end = start + 8 * (1 + dice(4));
    static_cast<void>(explain_isolate_range(zone_, start, end));
    if (start_isolate_page_range(zone_, start, end, MigrateType::movable) != ok) return;
    shared_.nr_isolated.fetch_add(1, std::memory_order_relaxed);
    if (test_pages_isolated(zone_, start, end) != ok) {
      static_cast<void>(explain_test(zone_, start, end));
    }
    if (zone_watermark_ok_safe(zone_, Order{2}, 100, 0, 0)) std::this_thread::yield();
    static_cast<void>(undo_isolate_page_range(zone_, start, end, MigrateType::movable));
  }

  void copy() {
    const Zone<Config> copy = zone_;
    if (!verify(copy).empty()) ++shared_.nr_bad_copies;
    const Zone<Config> again = copy;
    if (!(again == copy) || again.hash() != copy.hash()) ++shared_.nr_bad_copies;
    static_cast<void>(copy == zone_);
    static_cast<void>(zone_.hash());
  }

  Zone<Config>& zone_;
  Shared& shared_;
  Cpu cpu_;
  std::mt19937 dice_;
  std::vector<Chunk> chunks_;
};

}  // namespace

TEMPLATE_TEST_CASE("threads share a zone and nothing is lost or handed out twice", "[concurrency]",
                   WithSpinlock, WithStdLock) {
  Zone<TestType> zone{ZoneLayout{.spanned_pages = nr_pages,
                                 .in_use = {{.range = range(0, nr_pages_in_use)}},
                                 .nr_cpus = nr_threads}};
  zone.set_pageset(4, 16);
  const auto shared = std::make_unique<Shared>();
  {
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < nr_threads; ++id) {
      threads.emplace_back([&zone, &shared, id] { Worker{zone, *shared, id}.run(); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(shared->nr_owned_twice == 0);
  CHECK(shared->nr_bad_frees == 0);
  CHECK(shared->nr_bad_copies == 0);
  CHECK(shared->nr_isolated > 100);
  CHECK(shared->nr_allocated > 1000);

  drain_all_pages(zone);
  CHECK(undo_isolate_page_range(zone, Pfn{0}, Pfn{nr_pages}, MigrateType::movable) == ok);
  CHECK(types(zone).find('I') == std::string::npos);
  CHECK(zone.nr_free_pages() == nr_pages);
  CHECK(verify(zone).empty());
  // The counter can be too high (a steal of an isolated block), but never lost a block.
  CHECK(zone.nr_pageblock_isolate() >= 0);
}

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
