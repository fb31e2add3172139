// SPDX-License-Identifier: MIT
// W1 to W3 and W5: allocating and freeing without fragmentation.
#include <barrier>
#include <cstddef>
#include <thread>

#include <fmt/format.h>

#include "pageblock/mm/free_pages.hpp"

#include "benchmark/workload.hpp"

namespace pageblock::benchmark {
namespace {

// Allocates and frees a chunk again and again. Returns the time of a pair.
template <typename Zone>
double time_pairs(Zone& zone, Cpu cpu, Order order, std::uint64_t pairs, Digest& digest) {
  return best_time_ns(pairs, [&] {
    const Pfn pfn = take(zone, cpu, order);
    digest.add(pfn);
    free_pages(zone, cpu, pfn, order);
  });
}

// W1
struct PagePair {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    Zone zone{{.spanned_pages = sizes.small_zone}};
    boot(zone);
    Digest digest;
    const Pfn first = take(zone, cpu0, Order{0});  // so that no block's first page is measured
    const double hot = time_pairs(zone, cpu0, Order{0}, sizes.pairs, digest);
    free_pages(zone, cpu0, first, Order{0});
    require_all_merged(zone);

    zone.set_pageset(1, 0);  // every page goes to the CPU's list and at once to the buddy lists
    const double merging = time_pairs(zone, cpu0, Order{0}, sizes.pairs, digest);
    const Pfn lower = take(zone, cpu0, Order{0});
    const double plain = time_pairs(zone, cpu0, Order{0}, sizes.pairs, digest);
    free_pages(zone, cpu0, lower, Order{0});
    require_all_merged(zone);
    return {{hot, plain, merging}, digest.value(), sizes.small_zone};
  }
};

// W2
template <std::uint64_t Sizes::*Pages>
struct FillAndEmpty {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    const std::size_t n = sizes.*Pages;
    Zone zone{{.spanned_pages = n}};
    zone.set_pageset(63, 378);
    std::vector<Pfn> pfns(n);
    Digest digest;
    const auto fill = [&] {
      return time_ns([&] {
        for (Pfn& pfn : pfns) pfn = take(zone, cpu0, Order{0});
      });
    };
    const auto empty = [&] {
      for (const Pfn pfn : pfns) digest.add(pfn);
      const double ns = time_ns([&] {
        for (const Pfn pfn : pfns) free_pages(zone, cpu0, pfn, Order{0});
      });
      require_all_merged(zone);
      return ns;
    };
    const auto per_page = [n](double ns) { return ns / static_cast<double>(n); };

    fill();
    empty();  // records and lists are touched
    double filling = fill();
    const double in_order = empty();
    filling += fill();
    std::ranges::reverse(pfns);
    const double reversed = empty();
    filling += fill();
    const std::vector<Pfn> allocated = pfns;
    const auto order = shuffled(n, 2);
    for (std::size_t i = 0; i < n; ++i) pfns[i] = allocated[order[i]];
    const double random = empty();
    return {{per_page(filling / 3), per_page(in_order), per_page(reversed), per_page(random)},
            digest.value(),
            n};
  }
};

// W3
struct Blocks {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    constexpr Order order = Zone::pageblock_order;
    Zone zone{{.spanned_pages = sizes.large_zone}};
    boot(zone);
    Digest digest;
    const double merging = time_pairs(zone, cpu0, order, sizes.pairs / 10, digest);
    const Pfn lower = take(zone, cpu0, order);
    const double plain = time_pairs(zone, cpu0, order, sizes.pairs / 10, digest);
    free_pages(zone, cpu0, lower, order);

    const std::size_t n = sizes.large_zone / order.nr_pages();
    const auto random = shuffled(n, 3);
    std::vector<Pfn> pfns(n);
    std::vector<Pfn> to_free(n);
    double allocating = 0;
    double freeing = 0;
    constexpr int turns = 8;
    for (int turn = -1; turn < turns; ++turn) {  // the first touches everything
      const double filled = time_ns([&] {
        for (Pfn& pfn : pfns) pfn = take(zone, cpu0, order);
      });
      for (std::size_t i = 0; i < n; ++i) to_free[i] = pfns[random[i]];
      for (const Pfn pfn : to_free) digest.add(pfn);
      const double emptied = time_ns([&] {
        for (const Pfn pfn : to_free) free_pages(zone, cpu0, pfn, order);
      });
      if (turn < 0) continue;
      allocating += filled;
      freeing += emptied;
    }
    require_all_merged(zone);
    const double nr = turns * static_cast<double>(n);
    return {{plain, merging, allocating / nr, freeing / nr}, digest.value(), sizes.large_zone};
  }
};

// W5
struct TwoThreads {
  template <typename Zone>
  static Measurement run(const Sizes& sizes) {
    Zone zone{{.spanned_pages = sizes.small_zone, .nr_cpus = 2}};
    // Pages in use, as in a running system: so the CPUs' hot pages are not neighbours.
    constexpr std::size_t nr_held = 300;
    std::vector<Pfn> held[2];
    for (unsigned id = 0; id < 2; ++id) {
      for (std::size_t i = 0; i < nr_held; ++i) held[id].push_back(take(zone, Cpu{id}, Order{0}));
    }
    // Short turns, so that their median is one in which both threads ran at the same time, whatever
    // else the machine does.
    constexpr std::uint64_t nr_turns = 200;
    const std::uint64_t pairs = sizes.pairs / nr_turns;
    const auto time_turn = [&zone, pairs](Cpu cpu, Digest& digest) {
      const double ns = wall_time_ns([&] {
        for (std::uint64_t i = 0; i < pairs; ++i) {
          const Pfn pfn = take(zone, cpu, Order{0});
          digest.add(pfn);
          free_pages(zone, cpu, pfn, Order{0});
        }
      });
      return ns / static_cast<double>(pairs);
    };
    Digest digest;
    std::vector<double> alone;
    for (std::uint64_t turn = 0; turn < nr_turns; ++turn) {
      alone.push_back(time_turn(Cpu{0}, digest));
    }

    std::vector<double> of_thread[2];
    std::barrier turn_begins{2};
    const auto work = [&](unsigned id) {
      Digest unused;
      for (std::uint64_t turn = 0; turn < nr_turns; ++turn) {
        turn_begins.arrive_and_wait();
        of_thread[id].push_back(time_turn(Cpu{id}, unused));
      }
      touch(unused);
    };
    std::thread other{work, 1U};
    work(0);
    other.join();
    std::vector<double> slower;
    for (std::uint64_t turn = 0; turn < nr_turns; ++turn) {
      slower.push_back(std::max(of_thread[0][turn], of_thread[1][turn]));
    }
    for (unsigned id = 0; id < 2; ++id) {
      for (const Pfn pfn : held[id]) free_pages(zone, Cpu{id}, pfn, Order{0});
    }
    require_all_merged(zone);
    const double one = median(alone);
    const double two = median(slower);
    return {{2 * one / two, one, two}, digest.value(), sizes.small_zone};
  }
};

}  // namespace

std::vector<Workload> allocation_workloads() {
  return {
      {.name = "W1",
       .what = "a page is allocated and freed, 1 GiB",
       .figures = {{"pair through the per-CPU list", "ns", 3.5, 12.0},
                   {"pair without it, buddy in use", "ns", 20.0, 45.0},
                   {"pair without it, all merged", "ns"}},
       .run = all_subjects<PagePair>()},
      {.name = "W2",
       .what = "1 GiB in pages, batch 63, high 378, records touched before",
       .figures = {{"allocate", "ns/page", 4.0},
                   {"free in order", "ns/page", 4.0},
                   {"free reversed", "ns/page"},
                   {"free at random", "ns/page", 10.0}},
       .run = all_subjects<FillAndEmpty<&Sizes::small_zone>>()},
      {.name = "W2",
       .what = "the same in 16 MiB, which the caches hold",
       .figures = {{"allocate", "ns/page"},
                   {"free in order", "ns/page"},
                   {"free reversed", "ns/page"},
                   {"free at random", "ns/page"}},
       .run = all_subjects<FillAndEmpty<&Sizes::tiny_zone>>()},
      {.name = "W3",
       .what = "chunks of order 9 in 64 GiB",
       .figures = {{"pair, buddy in use", "ns", 6.0},
                   {"pair, all merged", "ns", 6.0},
                   {"allocate all", "ns/chunk", 5.0},
                   {"free at random", "ns/chunk", 8.0}},
       .run = all_subjects<Blocks>()},
      {.name = "W5",
       .what = "two threads allocate and free pages of one zone",
       .judged = Subject::library_locked,
       .figures = {{"throughput of two threads to one", "times", 1.9, {}, true},
                   {"pair, one thread", "ns"},
                   {"pair, two threads", "ns"}},
       .run = {nullptr, &TwoThreads::run<LibraryLocked>, nullptr,
               &TwoThreads::run<ReferenceLocked>}},
  };
}

}  // namespace pageblock::benchmark
