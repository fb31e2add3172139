// SPDX-License-Identifier: MIT
/// Threads that use one zone in every way at once, and what they find.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <latch>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "pageblock/isolation/explain.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::test {

/// How many threads a soak has: no more than run at the same time, since each spins for the lock.
[[nodiscard]] inline unsigned nr_soak_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 2U, 4U);
}

/// What happened in a soak. Catch2 does not like threads, so what goes wrong is counted.
struct SoakCounts {
  std::atomic<std::uint64_t> owned_twice{0};
  std::atomic<std::uint64_t> bad_frees{0};
  std::atomic<std::uint64_t> bad_copies{0};
  std::atomic<std::uint64_t> pages_allocated{0};
  std::atomic<std::uint64_t> isolated{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> tested_ok{0};
};

/// The calls that HandOutJudge has, without a judge.
template <typename Config_>
class PlainCalls {
 public:
  using Config = Config_;
  explicit PlainCalls(Zone<Config>& zone) : zone_{zone} {}

  [[nodiscard]] Zone<Config>& zone() { return zone_; }
  std::optional<Pfn> alloc(unsigned, Cpu cpu, Order order, MigrateType type) {
    const auto page = alloc_pages(zone_, cpu, order, type);
    return page ? std::optional{page->pfn()} : std::nullopt;
  }
  FreeResult free(unsigned, Cpu cpu, Pfn pfn, Order order) {
    return free_pages(zone_, cpu, pfn, order);
  }
  Status start(unsigned, PfnRange range, MigrateType undo_type) {
    return start_isolate_page_range(zone_, range.start, range.end, undo_type);
  }
  void undo(unsigned, PfnRange range, MigrateType type) {
    static_cast<void>(undo_isolate_page_range(zone_, range.start, range.end, type));
  }

 private:
  Zone<Config>& zone_;
};

/// Runs threads on the zone of Calls, a HandOutJudge or PlainCalls. Every thread works until all
/// have done their share of operations, so that nobody finishes beside an idle lock.
template <typename Calls>
class Soak {
 public:
  using Config = typename Calls::Config;

  /// @p share is each thread's number of operations.
  Soak(Calls& calls, std::uint64_t share, unsigned seed)
      : calls_{calls},
        zone_{calls.zone()},
        share_{share},
        seed_{seed},
        nr_threads_{std::min(zone_.nr_cpus(), nr_soak_threads())},
        start_{nr_threads_},
        is_owned_(zone_.spanned_pages()),
        contents_(zone_.spanned_pages()),
        nr_operations_(nr_threads_) {}

  /// Runs until everything that the threads took is free again, and nothing is isolated.
  void run() {
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < nr_threads_; ++id) {
      threads.emplace_back([this, id] { Worker{*this, id}.run(); });
    }
    for (std::thread& thread : threads) thread.join();
    drain_all_pages(zone_);
  }

  [[nodiscard]] const SoakCounts& counts() const { return counts_; }

  /// Returns how many operations each thread did until the last one had done its share.
  [[nodiscard]] const std::vector<std::uint64_t>& nr_operations() const { return nr_operations_; }

 private:
  class Worker;

  // Plain memory that the owner of a page writes: the zone's locks alone order one owner before the
  // next, which the thread sanitizer sees.
  void own(Pfn pfn, Order order, unsigned thread) {
    for (auto i = pfn - zone_.start_pfn(); i < pfn + order.nr_pages() - zone_.start_pfn(); ++i) {
      if (is_owned_[i].exchange(true, std::memory_order_relaxed)) ++counts_.owned_twice;
      contents_[i] = thread;
    }
  }
  void disown(Pfn pfn, Order order, unsigned thread) {
    for (auto i = pfn - zone_.start_pfn(); i < pfn + order.nr_pages() - zone_.start_pfn(); ++i) {
      if (contents_[i] != thread) ++counts_.owned_twice;
      is_owned_[i].store(false, std::memory_order_relaxed);
    }
  }

  Calls& calls_;
  Zone<Config>& zone_;
  std::uint64_t share_;
  unsigned seed_;
  unsigned nr_threads_;
  std::latch start_;
  std::vector<std::atomic<bool>> is_owned_;
  std::vector<unsigned> contents_;
  std::atomic<unsigned> nr_finished_{0};
  std::vector<std::uint64_t> nr_operations_;
  SoakCounts counts_;
};

// One thread: it allocates and frees on its own CPU and does the rest to everybody.
template <typename Calls>
class Soak<Calls>::Worker {
 public:
  Worker(Soak& soak, unsigned id)
      : soak_{soak}, zone_{soak.zone_}, id_{id}, dice_{soak.seed_ * 64 + id} {}

  void run() {
    take_what_was_in_use();
    soak_.start_.arrive_and_wait();
    // Pages in use from the start have no records yet: neighbours freed at once make them at once.
    for (auto n = chunks_.size() / 2; n > 0; --n) free_one();
    std::uint64_t n = 0;
    for (; soak_.nr_finished_ < soak_.nr_threads_; ++n) {
      operate();
      if (n + 1 == soak_.share_) ++soak_.nr_finished_;
    }
    soak_.nr_operations_[id_] = n;
    if (held_) release();
    while (!chunks_.empty()) free_one();
  }

 private:
  struct Chunk {
    Pfn pfn;
    Order order;
  };

  std::uint64_t dice(std::uint64_t n) { return dice_() % n; }

  void take_what_was_in_use() {
    for (Pfn pfn = zone_.start_pfn() + id_; pfn < zone_.end_pfn(); pfn += soak_.nr_threads_) {
      if (!zone_.is_valid(pfn) || zone_.page(pfn).is_reserved()) continue;
      if (zone_.page(pfn).count() == 0) continue;
      soak_.own(pfn, Order{0}, id_);
      chunks_.push_back({pfn, Order{0}});
    }
  }

  void operate() {
    const auto what = dice(1000);
    if (what < 350) {
      allocate(Order{0});
    } else if (what < 450) {
      allocate(Order{static_cast<unsigned>(dice(Config::max_order))});
    } else if (what < 880) {
      free_one();
    } else if (what < 890) {
      drain_pages(zone_, Cpu{static_cast<unsigned>(dice(zone_.nr_cpus()))});
    } else if (what < 990) {
      held_ ? release() : isolate();
    } else if (what < 995) {
      static_cast<void>(zone_watermark_ok_safe(zone_, Order{2}, 100, 0, 0));
      std::this_thread::yield();
    } else if (what == 999 && dice(10) == 0) {
      copy();
    }
  }

  void allocate(Order order) {
    const auto type = pcp_types[dice(4) == 0 ? dice(nr_pcp_types) : index_of(MigrateType::movable)];
    const auto pfn = soak_.calls_.alloc(id_, Cpu{id_}, order, type);
    if (!pfn) return;
    soak_.counts_.pages_allocated.fetch_add(order.nr_pages(), std::memory_order_relaxed);
    soak_.own(*pfn, order, id_);
    chunks_.push_back({*pfn, order});
  }

  void free_one() {
    if (chunks_.empty()) return;
    std::swap(chunks_[dice(chunks_.size())], chunks_.back());
    const Chunk chunk = chunks_.back();
    chunks_.pop_back();
    soak_.disown(chunk.pfn, chunk.order, id_);
    const FreeResult result = soak_.calls_.free(id_, Cpu{id_}, chunk.pfn, chunk.order);
    if (result.freed != Freed::freed) ++soak_.counts_.bad_frees;
  }

  void isolate() {
    constexpr Order order = Zone<Config>::pageblock_order;
    const Pfn first = (zone_.start_pfn() + dice(zone_.spanned_pages())).align_down(order);
    const PfnRange range{first, first + (1 + dice(4)) * order.nr_pages()};
    static_cast<void>(explain_isolate_range(zone_, range.start, range.end));
    const Status ret = soak_.calls_.start(id_, range, MigrateType::movable);
    ++(ret == ok ? soak_.counts_.isolated : soak_.counts_.refused);
    if (ret == ok) held_ = range;
  }

  void release() {
    const PfnRange range = *std::exchange(held_, std::nullopt);
    if (test_pages_isolated(zone_, range.start, range.end) == ok) {
      ++soak_.counts_.tested_ok;
    } else {
      static_cast<void>(explain_test(zone_, range.start, range.end));
    }
    soak_.calls_.undo(id_, range, MigrateType::movable);
  }

  void copy() {
    const Zone<Config> copy = zone_;
    if (!verify(copy).empty()) ++soak_.counts_.bad_copies;
    const Zone<Config> again = copy;
    if (!(again == copy) || again.hash() != copy.hash()) ++soak_.counts_.bad_copies;
    static_cast<void>(copy == zone_);
    static_cast<void>(zone_.hash());
  }

  Soak& soak_;
  Zone<Config>& zone_;
  unsigned id_;
  std::mt19937 dice_;
  std::vector<Chunk> chunks_;
  std::optional<PfnRange> held_;
};

}  // namespace pageblock::test
