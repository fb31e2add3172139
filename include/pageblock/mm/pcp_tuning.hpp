// SPDX-License-Identifier: MIT
/// How many pages a CPU keeps for itself: when its lists are refilled and drained, and by how much.
///
/// Kernels have tuned this in three ways, each a struct here; Semantics::pcp_tuning names one. All have
/// the same functions:
///
///   set_limits     new limits
///   on_take        a request looks at the lists
///   nr_to_refill   returns how many chunks refill an empty list
///   on_put         a chunk has come to a list; returns how many pages to drain, 0 for none
///   may_put_one    returns whether a single page could come without a drain
///   put_one        a single page has come to a list, and that was so
///
/// Layer:  mm.
/// Kernel: struct per_cpu_pages, nr_pcp_alloc(), nr_pcp_high(), nr_pcp_free(), decay_pcp_high(),
///         zone_batchsize(), zone_set_pageset_high_and_batch() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"

namespace pageblock {

/// Limits of the per-CPU lists: pages to move at once, and the number at which frees drain. From v6.7
/// that number moves between high and high_max; before, high_max is 0.
struct Pageset {
  std::uint32_t batch = 1;  ///< Pages that a refill or a drain moves.
  std::uint32_t high = 0;  ///< The number of pages at which frees drain; from v6.7 its lower limit.
  std::uint32_t high_max = 0;  ///< Its upper limit, from v6.7.
  friend bool operator==(const Pageset&, const Pageset&) = default;
};

/// What a zone tells its CPUs of memory pressure.
struct PcpPressure {
  bool reclaim_active = false;  ///< kswapd reclaims: lists are kept short (v5.14).
  bool below_high = false;      ///< A request found the zone below its high watermark (v6.7).
};

namespace detail {

/// The largest order on per-CPU lists but for huge pages (PAGE_ALLOC_COSTLY_ORDER).
inline constexpr Order costly_order{3};
/// Refills and drains grow up to batch times 2 to this power (CONFIG_PCP_BATCH_SCALE_MAX).
inline constexpr unsigned pcp_batch_scale_max = 5;

}  // namespace detail

/// Fixed limits: a refill takes batch pages, and a free that finds high of them drains batch.
/// Kernel: the end of free_hot_cold_page() of v3.6.
struct FixedPcp {
  /// Pages on all lists together.
  std::uint32_t count = 0;
  /// Pages to move at once, and the count at which a free drains that many.
  std::uint32_t batch = 1;
  std::uint32_t high = 0;

  void set_limits(const Pageset& limits) {
    batch = limits.batch;
    high = limits.high;
  }
  void on_take() {}
  [[nodiscard]] std::uint32_t nr_to_refill(Order, PcpPressure) const { return batch; }
  [[nodiscard]] std::uint32_t on_put(Order, PcpPressure) const {
    return count >= high ? std::min(batch, count) : 0;
  }
  [[nodiscard]] bool may_put_one(PcpPressure) const { return count + 1 < high; }
  void put_one() { ++count; }

  friend bool operator==(const FixedPcp&, const FixedPcp&) = default;
};

/// Drains that double while only frees come.
/// Kernel: nr_pcp_high() and nr_pcp_free() of v6.1.
struct ScaledPcp {
  /// Pages on all lists together.
  std::uint32_t count = 0;
  /// Pages to move at once, and the count at which a free drains that many.
  std::uint32_t batch = 1;
  std::uint32_t high = 0;
  /// How much more than batch a free drains, as a power of two: it grows while only frees come.
  std::uint32_t free_factor = 0;

  void set_limits(const Pageset& limits) {
    batch = limits.batch;
    high = limits.high;
  }
  void on_take() { free_factor >>= 1; }
  [[nodiscard]] std::uint32_t nr_to_refill(Order order, PcpPressure) const {
    return batch == 1 ? 1 : std::max(batch >> order.value(), std::uint32_t{2});
  }
  [[nodiscard]] std::uint32_t on_put(Order order, PcpPressure pressure) {
    // Large chunks that come while only frees do are of use to others.
    if (free_factor != 0 && order != Order{0} && order <= detail::costly_order) return count;
    const std::uint32_t limit = pressure.reclaim_active ? std::min(4 * batch, high) : high;
    if (count < limit) return 0;
    if (limit < batch) return 1;  // the lists are disabled
    const std::uint32_t most = limit - batch;
    std::uint32_t nr = batch << free_factor;
    if (nr < most && free_factor < detail::pcp_batch_scale_max) ++free_factor;
    nr = std::min(std::max(nr, batch), most);
    return std::min(nr, count);
  }
  [[nodiscard]] bool may_put_one(PcpPressure pressure) const {
    return count + 1 < high && !pressure.reclaim_active;
  }
  void put_one() { ++count; }

  friend bool operator==(const ScaledPcp&, const ScaledPcp&) = default;
};

/// Limits that follow what the CPU does: refills double while only requests come, and high rises with
/// them; frees drain as much as was lately freed; once a second high decays.
/// Kernel: nr_pcp_alloc(), nr_pcp_high() and nr_pcp_free() of v6.12 and later.
template <HighOrderDrain high_order_drain>
struct TunedPcpOf {
  /// Pages on all lists together.
  std::uint32_t count = 0;
  /// Pages to move at once, at least.
  std::uint32_t batch = 1;
  /// The count at which a free drains. It moves between the limits; new ones it heeds when it is next
  /// used, so it may lie outside.
  std::uint32_t high = 0;
  std::uint32_t high_min = 0;
  std::uint32_t high_max = 0;
  /// How much more than batch a refill of single pages takes, as a power of two.
  std::uint32_t alloc_factor = 0;
  /// Pages freed lately: each request halves it.
  std::uint32_t free_count = 0;
  /// The last free was of order 1 to 3.
  bool prev_free_high_order = false;
  /// The CPU has a large cache: some chunks of order 1 to 3 may stay.
  bool free_high_batch = false;

  void set_limits(const Pageset& limits) {
    batch = limits.batch;
    high_min = limits.high;
    high_max = limits.high_max;
  }

  void on_take() { free_count >>= 1; }

  [[nodiscard]] std::uint32_t nr_to_refill(Order order, PcpPressure pressure) {
    high = clamped(high);
    if (high < batch) return 1;  // the lists are disabled, or this is boot
    std::uint32_t most_on_lists = high;
    std::uint32_t nr = order == Order{0} ? batch << alloc_factor : batch;
    if (high_min != high_max && !pressure.below_high) {
      most_on_lists = high = std::min(high + nr, high_max);
    }
    if (order == Order{0}) {
      const std::uint32_t room = most_on_lists - std::min(most_on_lists, count + batch);
      const std::uint32_t most = std::max(room, batch);
      if (nr <= most && alloc_factor < detail::pcp_batch_scale_max) ++alloc_factor;
      nr = std::min(nr, most);
    }
    return nr > 1 ? std::max(nr >> order.value(), std::uint32_t{2}) : nr;
  }

  [[nodiscard]] std::uint32_t on_put(Order order, PcpPressure pressure) {
    alloc_factor >>= 1;
    const bool is_high_order = order != Order{0} && order <= detail::costly_order;
    constexpr bool waits = high_order_drain == HighOrderDrain::after_half_high;
    const std::uint32_t least = batch + (waits ? high_min / 2 : 0);
    const bool free_high = is_high_order && free_count >= least && prev_free_high_order &&
                           (!free_high_batch || count >= batch);
    prev_free_high_order = is_high_order;
    if (free_count < step()) free_count += static_cast<std::uint32_t>(order.nr_pages());
    const std::uint32_t limit = limit_for(free_high, pressure);
    if (count < limit) return 0;
    std::uint32_t nr = 1;  // the lists are disabled
    if (free_high) {
      nr = step();
    } else if (limit >= batch) {
      // The upper end first: where it is below the lower one, that wins for small numbers.
      const std::uint32_t most = limit - batch;
      nr = free_count >= most ? most : std::max(free_count, batch);
    }
    return std::min(nr, count);
  }

  [[nodiscard]] bool may_put_one(PcpPressure pressure) const {
    return count + 1 < high && high_min <= high && high <= high_max && !pressure.reclaim_active &&
           !pressure.below_high;
  }
  void put_one() {
    ++count;
    alloc_factor >>= 1;
    prev_free_high_order = false;
    if (free_count < step()) ++free_count;
  }

  /// Lets high decay. Returns how many pages are too many then.
  /// Kernel: the first half of decay_pcp_high().
  [[nodiscard]] std::uint32_t decay() {
    if (high > high_min) {
      high = std::max({count - std::min(count, step()), high - high / 8, high_min});
    }
    return count - std::min(count, high);
  }

  friend bool operator==(const TunedPcpOf&, const TunedPcpOf&) = default;

 private:
  // The limits of a zone that is nearly empty cross; then the upper one counts.
  [[nodiscard]] std::uint32_t clamped(std::uint32_t value) const {
    return value >= high_max ? high_max : std::max(value, high_min);
  }
  [[nodiscard]] std::uint32_t step() const { return batch << detail::pcp_batch_scale_max; }

  // The count from which a free drains. Kernel: nr_pcp_high().
  [[nodiscard]] std::uint32_t limit_for(bool free_high, PcpPressure pressure) {
    high = clamped(high);
    const std::uint32_t limit = high;
    const auto lower_by = [&](std::uint32_t nr) {
      high = std::max(high - std::min(high, nr), high_min);
    };
    if (limit == 0) return 0;
    if (free_high) {
      lower_by(step());
      return 0;
    }
    if (pressure.reclaim_active) {
      lower_by(std::max(free_count, batch));
      return std::min(4 * batch, high);
    }
    if (high_min == high_max) return limit;
    if (pressure.below_high) {
      lower_by(std::max(free_count, batch));
      return std::max(count, high_min);
    }
    const std::uint32_t needed = free_count + batch;
    if (count >= limit && limit < needed) high = clamped(needed);
    return limit;
  }
};

/// The same as v6.12 has it.
using TunedPcp = TunedPcpOf<HighOrderDrain::after_batch>;

namespace detail {

/// The tuning that a kernel has.
template <PcpTuning tuning, HighOrderDrain high_order_drain>
using PcpTuningOf = std::conditional_t<
    tuning == PcpTuning::fixed, FixedPcp,
    std::conditional_t<tuning == PcpTuning::scaled, ScaledPcp, TunedPcpOf<high_order_drain>>>;

}  // namespace detail

/// Returns the batch of a zone with @p pages, those present in v3.6 and those managed in v6.1; 0
/// for a tiny one. Zones of more than 1024 times @p most pages (v6.1: 256) get no larger one.
/// Kernel: zone_batchsize().
[[nodiscard]] constexpr std::uint32_t zone_batchsize(std::uint64_t pages, std::uint64_t most) {
  const std::uint64_t quarter = std::max<std::uint64_t>(std::min(pages / 1024, most) / 4, 1);
  return static_cast<std::uint32_t>(std::bit_floor(quarter + quarter / 2) - 1);
}

/// Returns the limits that v3.6 computes: they follow from the pages that are present.
/// Kernel: setup_pageset().
[[nodiscard]] constexpr Pageset fixed_pageset(std::uint64_t present_pages) {
  const std::uint32_t batch = zone_batchsize(present_pages, 128);
  return {.batch = std::max(batch, std::uint32_t{1}), .high = 6 * batch};
}

/// Returns the limits that v6.1 computes: the CPUs share the low watermark; where limits are tuned they
/// may come to share an eighth of the zone, which is high_max.
/// Requires: nr_cpus is not 0.
/// Kernel: zone_set_pageset_high_and_batch().
[[nodiscard]] constexpr Pageset zone_pageset(std::uint64_t managed_pages,
                                             std::uint64_t low_watermark, unsigned nr_cpus,
                                             PcpTuning tuning = PcpTuning::scaled) {
  const std::uint32_t batch = std::max(zone_batchsize(managed_pages, 256), std::uint32_t{1});
  const auto share = [&](std::uint64_t pages) {
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(pages / nr_cpus, 4 * batch));
  };
  const bool is_tuned = tuning == PcpTuning::tuned;
  return {.batch = batch,
          .high = share(low_watermark),
          .high_max = is_tuned ? share(managed_pages / 8) : 0};
}

}  // namespace pageblock
