// SPDX-License-Identifier: MIT
/// Workloads for page allocators of any make, and how long they take.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What allocate() returns where there is no memory.
inline constexpr std::uint64_t no_page = ~std::uint64_t{0};

/// An allocator of 2^order pages. allocate() returns the number of the first, no_page for none; free()
/// takes back what it gave. A few lines around any allocator, of C too, make it one:
///
///     struct Peer {
///       std::uint64_t allocate(unsigned order) { return peer_get(handle, order); }
///       void free(std::uint64_t page, unsigned order) { peer_put(handle, page, order); }
///       peer_t* handle;
///     };
template <typename A>
concept PageAllocator = requires(A& allocator, std::uint64_t page, unsigned order) {
  { allocator.allocate(order) } -> std::convertible_to<std::uint64_t>;
  allocator.free(page, order);
};

/// A Zone as such an allocator, for movable requests on CPU 0. With @p uses_lists false, pages do not
/// wait on per-CPU lists.
template <ZoneConfig Config>
class ZoneAllocator {
 public:
  /// A zone of @p pages; with per-CPU lists unless told otherwise.
  explicit ZoneAllocator(std::uint64_t pages, bool uses_lists = true)
      : zone_{ZoneLayout{.spanned_pages = pages}} {
    if (!uses_lists) zone_.set_pageset(1, 0);
  }
  /// Returns the first page of a chunk of @p order.
  std::uint64_t allocate(unsigned order) {
    const auto page = alloc_pages(zone_, Cpu{0}, Order{order}, MigrateType::movable);
    return page ? page->pfn().value() : no_page;
  }
  /// Gives back what allocate() returned.
  void free(std::uint64_t page, unsigned order) {
    free_pages(zone_, Cpu{0}, Pfn{page}, Order{order});
  }

 private:
  Zone<Config> zone_;
};

/// How much is done.
struct WorkloadPlan {
  std::uint64_t pages = std::uint64_t{1} << 18;  ///< what the allocator has
  unsigned large_order = 9;                      ///< of the workload with large chunks
  std::uint64_t pairs = 100'000;                 ///< of allocating and freeing, in a round
  std::uint64_t operations = 1'000'000;          ///< of chunks that come and go, in a round
  unsigned rounds = 5;                           ///< How often each workload runs.
};

/// What one workload took.
struct WorkloadTime {
  std::string name;                                          ///< Of the workload.
  double best_ns = std::numeric_limits<double>::infinity();  ///< an operation, in the best round
  double median_ns = 0;          ///< Nanoseconds for an operation, the median of all rounds.
  std::uint64_t nr_refused = 0;  ///< requests without an answer, in a round
};

namespace detail {

/// Processor time of this thread: other programs do not count.
inline double thread_time_ns() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Numbers that are the same on every machine. (splitmix64)
class WorkloadRandom {
 public:
  explicit WorkloadRandom(std::uint64_t seed) : state_{seed} {}
  std::uint64_t operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return (*this)() % limit; }

 private:
  std::uint64_t state_;
};

/// Runs the workloads on allocators that make() returns: a fresh one for each round.
template <typename Make>
class WorkloadRun {
  using Allocator = decltype(std::declval<Make&>()());

 public:
  WorkloadRun(Make& make, const WorkloadPlan& plan) : make_{make}, plan_{plan} {}

  std::vector<WorkloadTime> run() {
    for (unsigned round = 0; round < plan_.rounds; ++round) {
      line_ = 0;
      pairs("pair of a page", 0);
      fill_and_empty(0);
      pairs("pair of a large chunk", plan_.large_order);
      fill_and_empty(plan_.large_order);
      for (const bool halving : {true, false}) {
        for (const unsigned percent : {50U, 90U}) churn(halving, percent);
      }
    }
    for (std::size_t i = 0; i < times_.size(); ++i) {
      std::ranges::sort(rounds_[i]);
      times_[i].median_ns = rounds_[i][rounds_[i].size() / 2];
    }
    return std::move(times_);
  }

 private:
  struct Chunk {
    std::uint64_t page;
    unsigned order;
  };

  template <typename Work>
  void time(std::string name, std::uint64_t operations, Work work) {
    nr_refused_ = 0;
    const double start = thread_time_ns();
    work();
    const double ns = (thread_time_ns() - start) / static_cast<double>(operations);
    if (line_ == times_.size()) {
      times_.push_back({.name = std::move(name)});
      rounds_.emplace_back();
    }
    times_[line_].best_ns = std::min(times_[line_].best_ns, ns);
    times_[line_].nr_refused = nr_refused_;
    rounds_[line_].push_back(ns);
    ++line_;
  }

  std::uint64_t take(Allocator& from, unsigned order) {
    const std::uint64_t page = from.allocate(order);
    if (page == no_page) ++nr_refused_;
    return page;
  }

  static void give(Allocator& to, std::uint64_t page, unsigned order) {
    if (page != no_page) to.free(page, order);
  }

  // A chunk is allocated and freed again and again, while the first one stays in use.
  void pairs(const std::string& name, unsigned order) {
    Allocator allocator = make_();
    const std::uint64_t first = take(allocator, order);
    time(name, plan_.pairs, [&] {
      for (std::uint64_t i = 0; i < plan_.pairs; ++i) {
        give(allocator, take(allocator, order), order);
      }
    });
    give(allocator, first, order);
  }

  // All memory is allocated, and freed in the same order, in reverse and at random.
  void fill_and_empty(unsigned order) {
    Allocator allocator = make_();
    const std::size_t nr = plan_.pages >> order;
    std::vector<std::uint64_t> taken(nr);
    std::vector<std::size_t> turns(nr);
    std::iota(turns.begin(), turns.end(), std::size_t{0});
    const std::string of = order == 0 ? " pages" : " large chunks";
    const auto fill = [&] {
      for (std::uint64_t& page : taken) page = take(allocator, order);
    };
    const auto empty = [&] {
      for (const std::size_t turn : turns) give(allocator, taken[turn], order);
    };
    fill();
    empty();  // what the allocator touches first is not measured
    time("allocate all" + of, nr, fill);
    time("free all" + of + " in order", nr, empty);
    fill();
    std::ranges::reverse(turns);
    time("free all" + of + " reversed", nr, empty);
    fill();
    WorkloadRandom random{2};
    for (std::size_t i = nr; i > 1; --i) std::swap(turns[i - 1], turns[random.below(i)]);
    time("free all" + of + " at random", nr, empty);
  }

  // Chunks of orders 0 to 9 come and go, while so much of the memory stays in use.
  void churn(bool halving, unsigned percent) {
    Allocator allocator = make_();
    WorkloadRandom random{4};
    const std::uint64_t most = plan_.pages * percent / 100;
    std::vector<Chunk> live;
    std::uint64_t in_use = 0;
    std::vector<std::uint64_t> steps(plan_.operations);
    for (std::uint64_t& step : steps) step = random();
    const auto order_of = [halving](std::uint64_t step) -> unsigned {
      if (!halving) return static_cast<unsigned>((step & 0xffff) * 10 >> 16);
      return static_cast<unsigned>(std::countr_zero((step & 0x3ff) | 0x200));
    };
    const auto allocate = [&](std::uint64_t step) {
      const unsigned order = order_of(step);
      const std::uint64_t page = take(allocator, order);
      if (page == no_page) return;
      live.push_back({page, order});
      in_use += std::uint64_t{1} << order;
    };
    const auto free_one = [&](std::size_t i) {
      const Chunk chunk = live[i];
      live[i] = live.back();
      live.pop_back();
      in_use -= std::uint64_t{1} << chunk.order;
      allocator.free(chunk.page, chunk.order);
    };
    for (std::uint64_t tries = 0; in_use < most && tries < plan_.pages; ++tries) {
      allocate(random());
    }
    time(std::string{"chunks come and go, "} + (halving ? "halving" : "even") + " orders, " +
             std::to_string(percent) + " % in use",
         plan_.operations, [&] {
           for (const std::uint64_t step : steps) {
             if (in_use < most || live.empty()) {
               allocate(step >> 32);
             } else {
               free_one((step >> 32) * live.size() >> 32);
             }
           }
         });
    while (!live.empty()) free_one(live.size() - 1);
  }

  Make& make_;
  WorkloadPlan plan_;
  std::size_t line_ = 0;
  std::vector<WorkloadTime> times_{};
  std::vector<std::vector<double>> rounds_{};
  std::uint64_t nr_refused_ = 0;
};

}  // namespace detail

/// Runs all workloads on allocators of plan.pages pages that make() returns, a fresh one for each, and
/// returns what an operation took: what the loop around it takes included, which an allocator that
/// does nothing shows. The requests are the same for every allocator.
/// Requires: plan.rounds is not 0; plan.pages a power of two, of large chunks at least 4.
template <typename Make>
requires PageAllocator<std::remove_cvref_t<std::invoke_result_t<Make&>>>
[[nodiscard]] std::vector<WorkloadTime> run_workloads(Make make, const WorkloadPlan& plan = {}) {
  return detail::WorkloadRun<Make>{make, plan}.run();
}

}  // namespace pageblock
