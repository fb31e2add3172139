// SPDX-License-Identifier: MIT
/// What CPUs may not yet have told a zone of its free pages.
///
/// Layer:  io.
/// Kernel: vm_stat_diff, __mod_zone_page_state(), refresh_zone_stat_thresholds() (mm/vmstat.c).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/cpu.hpp"

namespace pageblock {

/// Each CPU counts changes of a zone's free pages for itself, and adds them to the zone's number when
/// they pass a threshold. Watermarks are compared with the zone's number. No trace shows the
/// differences, but the changes bound them.
class FreePageDrift {
 public:
  /// The difference is between these, and maybe 0: a CPU tells all now and then.
  struct Bounds {
    std::int64_t least = 0;
    std::int64_t most = 0;
  };

  /// Says how large a zone is. One that has shrunk keeps its threshold here. That is safe, as one
  /// that is lower for a time: what is told earlier leaves 0, which is always possible.
  void follow_size(std::uint64_t managed_pages, unsigned nr_cpus) {
    constexpr unsigned order_of_128_mib = 15;
    const auto of_cpus = static_cast<unsigned>(std::bit_width(std::uint64_t{nr_cpus}));
    const auto of_size = static_cast<unsigned>(std::bit_width(managed_pages >> order_of_128_mib));
    const std::int64_t threshold = std::min(2 * of_cpus * (1 + of_size), 125U);
    most_ = std::max(most_, threshold);
    cpus_.resize(nr_cpus, {-threshold, threshold});
  }

  /// Counts what an operation on @p cpu has changed, in steps that are all the same. Whether the CPU
  /// tells the zone at once or keeps a difference to itself depends on them; 0: not known.
  void count(Cpu cpu, std::int64_t change, std::int64_t step) {
    if (change == 0 || cpu.id() >= cpus_.size()) return;
    auto& [low, high] = cpus_[cpu.id()];
    if (step == 0) {
      low = -most_;
      high = most_;
      return;
    }
    for (; change != 0; change -= step) {
      const bool all_told = low + step > most_ || high + step < -most_;
      low = all_told ? 0 : std::clamp<std::int64_t>(low + step, -most_, 0);
      high = all_told ? 0 : std::clamp<std::int64_t>(high + step, 0, most_);
    }
  }

  /// Returns the bounds of all CPUs together.
  [[nodiscard]] Bounds sum() const {
    Bounds sum;
    for (const Bounds& of_cpu : cpus_) {
      sum.least += of_cpu.least;
      sum.most += of_cpu.most;
    }
    return sum;
  }

 private:
  std::int64_t most_ = 0;  // the threshold: a CPU tells what is above at once
  std::vector<Bounds> cpus_;
};

}  // namespace pageblock
