// SPDX-License-Identifier: MIT
/// LLFree's benchmark of fragmentation, for a zone: pages are freed and allocated again at random.
///
/// Layer:  lab.
/// Kernel: none. The steps are those of the evaluation that L. Wrenger and others published with "LLFree"
///         (USENIX ATC 2023), written anew from a description.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/lab/counter_random.hpp"
#include "pageblock/lab/huge_frames.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// The generator of that benchmark: wyrand.
class Wyrand {
 public:
  explicit Wyrand(std::uint64_t seed) : state_{seed} {}
  /// Returns the next 64 bits.
  std::uint64_t operator()() {
    state_ += 0xa0761d6478bd642f;
    const std::uint64_t other = state_ ^ 0xe7037ed1a0b428db;
    return detail::upper_product(state_, other) ^ (state_ * other);
  }
  /// Returns a number below @p limit.
  std::uint64_t below(std::uint64_t limit) { return detail::upper_product((*this)(), limit); }

 private:
  std::uint64_t state_;
};

/// How it runs. The defaults are the published ones.
struct LlfreeBenchmark {
  unsigned cores = 8;                 ///< One task on each CPU.
  std::uint32_t filled_percent = 90;  ///< Of the memory, shared by the tasks, before half is freed.
  std::uint32_t reallocated_percent = 10;  ///< Of what a task holds, in each round.
  std::uint64_t seed = 42;                 ///< Of the shuffling.
  /// Pages that others hold from the start.
  std::uint64_t others = 0;
};

/// What is free after a round.
struct LlfreeRound {
  std::uint64_t small = 0;  ///< Free pages.
  std::uint64_t huge = 0;   ///< Free chunks of 512 pages, those of larger chunks included.
  std::uint64_t moves = 0;  ///< HugeFrames::moves_to_compact().
  friend bool operator==(const LlfreeRound&, const LlfreeRound&) = default;
};

/// The benchmark, a round at a time. The tasks run in turn, one page each, where the published program has
/// threads that race; so which page goes is not what it was there.
template <ZoneConfig Config>
class LlfreeFragmentation {
 public:
  /// Fills @p zone, shuffles, and frees the second half.
  /// Requires: the zone has that many CPUs, 1 at least.
  LlfreeFragmentation(Zone<Config>& zone, const LlfreeBenchmark& benchmark = {})
      : zone_{zone}, benchmark_{benchmark} {
    bug_on(benchmark.cores == 0 || benchmark.cores > zone.nr_cpus(), "the zone has fewer CPUs");
    for (std::uint64_t i = 0; i < benchmark.others; ++i) {
      static_cast<void>(alloc_pages(zone_, Cpu{0}, Order{0}, MigrateType::unmovable));
    }
    constexpr std::uint64_t left_out = 80;  // as there
    const std::uint64_t present = zone.present_pages();
    const std::uint64_t each =
        (present - std::min(present, left_out)) / benchmark.cores * benchmark.filled_percent / 100;
    for (unsigned core = 0; core < benchmark.cores; ++core) {
      tasks_.push_back({std::vector<OptionalPfn>(each), Wyrand{core}});
    }
    for (std::uint64_t slot = 0; slot < each; ++slot) {
      for (unsigned core = 0; core < benchmark.cores; ++core) allocate(core, slot);
    }
    shuffle(each);
    nr_held_ = each / 2;
    for (std::uint64_t slot = nr_held_; slot < each; ++slot) {
      for (unsigned core = 0; core < benchmark.cores; ++core) release(core, slot);
    }
    for (Task& task : tasks_) {
      task.slots.resize(nr_held_);
      task.slots.shrink_to_fit();
    }
  }

  /// Frees a part of what each task holds, allocates as much again, and looks.
  LlfreeRound run() {
    const std::uint64_t nr = nr_held_ * benchmark_.reallocated_percent / 100;
    std::vector<Wyrand> starts;
    for (const Task& task : tasks_) starts.push_back(task.random);
    for (std::uint64_t i = 0; i < nr; ++i) {
      for (unsigned core = 0; core < benchmark_.cores; ++core) {
        release(core, tasks_[core].random.below(nr_held_));
      }
    }
    for (std::uint64_t i = 0; i < nr; ++i) {
      for (unsigned core = 0; core < benchmark_.cores; ++core) {
        const std::uint64_t slot = starts[core].below(nr_held_);
        if (!tasks_[core].slots[slot]) allocate(core, slot);
      }
    }
    return look();
  }

  /// Returns what is free now.
  [[nodiscard]] LlfreeRound look() const {
    const FreeMemory memory = free_memory(zone_);
    return {.small = memory.nr_pages(),
            .huge = memory.info(Order{9}).free_blocks_suitable,
            .moves = huge_frames(zone_).moves_to_compact()};
  }

  /// Returns how many requests found nothing.
  [[nodiscard]] std::uint64_t nr_refused() const { return nr_refused_; }

 private:
  struct Task {
    std::vector<OptionalPfn> slots;
    Wyrand random;
  };

  void allocate(unsigned core, std::uint64_t slot) {
    const auto page = alloc_pages(zone_, Cpu{core}, Order{0}, MigrateType::movable);
    if (!page) {
      ++nr_refused_;
      return;
    }
    tasks_[core].slots[slot] = page->pfn();
  }

  // A slot that was drawn twice is empty already.
  void release(unsigned core, std::uint64_t slot) {
    OptionalPfn& pfn = tasks_[core].slots[slot];
    if (!pfn) return;
    free_pages(zone_, Cpu{core}, *pfn, Order{0});
    pfn = {};
  }

  void shuffle(std::uint64_t each) {
    Wyrand random{benchmark_.seed};
    const std::uint64_t all = each * benchmark_.cores;
    const auto slot = [&](std::uint64_t i) -> OptionalPfn& {
      return tasks_[i % benchmark_.cores].slots[i / benchmark_.cores];
    };
    for (std::uint64_t i = 0; i < all; ++i) std::swap(slot(i), slot(random.below(all)));
  }

  Zone<Config>& zone_;
  LlfreeBenchmark benchmark_;
  std::vector<Task> tasks_;
  std::uint64_t nr_held_ = 0;  // by each task
  std::uint64_t nr_refused_ = 0;
};

}  // namespace pageblock
