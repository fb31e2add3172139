// SPDX-License-Identifier: MIT
/// W4: chunks of mixed orders come and go at random, in a zone that stays as full as it is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "benchmark/workload.hpp"

namespace pageblock::benchmark {

/// Which orders are asked for, of 0 to 9.
enum class Mix {
  even,     ///< each as often
  halving,  ///< each half as often as the one below, so each gets as much memory
};

struct ChurnPlan {
  std::uint64_t zone_pages;
  std::uint64_t live_pages;
  Mix mix;
  std::uint64_t operations;
  bool checks = false;
};

struct ChurnResult {
  double ns_per_operation = 0;
  std::uint64_t nr_refused = 0;
  std::uint64_t digest = 0;
};

namespace detail {

/// A random order in the low 4 bits and a random number in the other 28.
[[nodiscard]] inline std::uint32_t random_step(Random& random, Mix mix) {
  const std::uint64_t bits = random();
  std::uint64_t order = (bits & 0xffff) * 10 >> 16;
  if (mix == Mix::halving) {
    do {
      order = static_cast<std::uint64_t>(std::countr_zero(random() | 1U << 10));
    } while (order > 9);
  }
  return static_cast<std::uint32_t>(bits >> 32 << 4 | order);
}

/// A zone, and who holds chunks of it.
template <typename Zone>
class Churn {
 public:
  explicit Churn(const ChurnPlan& plan) : plan_{plan}, zone_{{.spanned_pages = plan.zone_pages}} {
    boot(zone_);
  }

  ChurnResult run() {
    Random random{4};
    live_.reserve(plan_.live_pages);
    while (in_use_ < plan_.live_pages) allocate(random_step(random, plan_.mix));
    nr_refused_ = 0;
    std::vector<std::uint32_t> steps(plan_.operations);
    for (std::uint32_t& step : steps) step = random_step(random, plan_.mix);

    const double ns = time_ns([&] {
      for (const std::uint32_t step : steps) {
        if (in_use_ < plan_.live_pages) {
          allocate(step);
        } else {
          free((step >> 4) * live_.size() >> 28);
        }
      }
    });
    while (!live_.empty()) free(live_.size() - 1);
    require_all_merged(zone_);
    return {ns / static_cast<double>(plan_.operations), nr_refused_, digest_.value()};
  }

 private:
  // Small, since what is live should not push the zone's own memory out of the caches.
  struct Chunk {
    std::uint32_t pfn;
    std::uint32_t order;
  };

  void allocate(std::uint32_t step) {
    const Order order{step & 15U};
    const auto page = alloc_pages(zone_, Cpu{0}, order, MigrateType::movable);
    if (!page) {
      ++nr_refused_;
      if (plan_.checks) require_full(order);
      return;
    }
    const Pfn pfn = *page;
    digest_.add(pfn);
    live_.push_back({static_cast<std::uint32_t>(pfn.value()), order.value()});
    in_use_ += order.nr_pages();
  }

  void free(std::size_t victim) {
    const Chunk chunk = live_[victim];
    live_[victim] = live_.back();
    live_.pop_back();
    const Order order{chunk.order};
    in_use_ -= order.nr_pages();
    free_pages(zone_, Cpu{0}, Pfn{chunk.pfn}, order);
  }

  // All chunks are movable and so are all requests, so a chunk that is large enough would do.
  void require_full(Order order) const {
    for (; order <= Zone::top_order; ++order) {
      require(zone_.nr_free(order) == 0, "a request was refused that could be met");
    }
  }

  ChurnPlan plan_;
  Zone zone_;
  std::vector<Chunk> live_{};
  std::uint64_t in_use_ = 0;
  std::uint64_t nr_refused_ = 0;
  Digest digest_{};
};

}  // namespace detail

/// Fills a zone, does the operations, which alone are timed, and empties it.
template <typename Zone>
[[nodiscard]] ChurnResult churn(const ChurnPlan& plan) {
  return detail::Churn<Zone>{plan}.run();
}

}  // namespace pageblock::benchmark
