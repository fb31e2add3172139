// SPDX-License-Identifier: MIT
/// What experiments have in common: kernels, sizes, and a server with more or less unmovable memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/kernels.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/lab/churn.hpp"
#include "pageblock/lab/metrics.hpp"
#include "pageblock/lab/ready_workloads.hpp"
#include "pageblock/lab/workload.hpp"

#include "sweep/experiment.hpp"

namespace example {

inline constexpr std::uint64_t pages_per_mib = 256;

template <const pageblock::Semantics& kernel>
struct SweptConfig : pageblock::DefaultConfig {
  static constexpr unsigned nr_cpus = 8;
  static constexpr pageblock::Semantics semantics = kernel;
  using Lock = pageblock::NullLock;
};

/// The kernels that experiments can run with, and whose memory takes the most room.
[[nodiscard]] inline std::vector<std::string> swept_kernels() {
  return {"v3.6", "v6.1", "v6.12", "v7.2"};
}
using LargestConfig = SweptConfig<pageblock::kernel::v7_2>;

/// Calls f(Config) for a kernel, by its place in swept_kernels().
template <typename F>
auto with_swept_kernel(std::uint64_t number, F f) {
  if (number == 0) return f(SweptConfig<pageblock::kernel::v3_6>{});
  if (number == 1) return f(SweptConfig<pageblock::kernel::v6_1>{});
  if (number == 2) return f(SweptConfig<pageblock::kernel::v6_12>{});
  return f(SweptConfig<pageblock::kernel::v7_2>{});
}

// Parameters that several have.
[[nodiscard]] inline Parameter kernel_parameter() {
  return {"kernel", 1, 0, swept_kernels().size() - 1, "whose rules", swept_kernels()};
}
[[nodiscard]] inline Parameter memory_parameter(std::uint64_t usual) {
  return {"memory", usual, 4, 1048576, "MiB", {}};
}
[[nodiscard]] inline Parameter occupancy_parameter(std::uint64_t usual) {
  return {"occupancy", usual, 0, 1000, "thousandths of memory in use", {}};
}
[[nodiscard]] inline Parameter unmovable_parameter(std::uint64_t usual) {
  return {"unmovable", usual, 0, 900, "of what is in use, thousandths that cannot move", {}};
}
[[nodiscard]] inline Parameter operations_parameter(std::uint64_t usual) {
  return {"operations", usual, 0, 4'000'000, "thousands of requests and frees", {}};
}

/// Returns the workload "server" with so much unmovable memory, in thousandths of what is in use. Its phases are
/// as long, compared with memory, as those of the ready one in 4 GiB.
[[nodiscard]] inline pageblock::Workload server_with(std::uint64_t unmovable,
                                                     std::uint64_t nr_pages) {
  pageblock::Workload workload = *pageblock::find_workload("server");
  std::uint64_t fixed = 0;
  for (const auto& stream : workload.streams) {
    if (stream.gfp.migratetype == pageblock::MigrateType::unmovable) fixed += stream.share;
  }
  for (auto& stream : workload.streams) {
    const bool is_fixed = stream.gfp.migratetype == pageblock::MigrateType::unmovable;
    // Shares of a million, so that they divide well.
    const std::uint64_t part = is_fixed ? unmovable : 1000 - unmovable;
    const std::uint64_t whole = is_fixed ? fixed : 1000 - fixed;
    stream.share = static_cast<std::uint32_t>(part * 1000 * stream.share / whole);
  }
  for (auto& phase : workload.phases) {
    phase.operations = std::max<std::uint64_t>(phase.operations * nr_pages >> 20, 1);
  }
  return workload;
}

/// Runs a churn in pieces, between which the process may be asked to end.
template <typename Churn>
void run_in_pieces(Churn& churn, std::uint64_t nr_operations, const Experiment::Pause& pause) {
  constexpr std::uint64_t piece = 1'000'000;
  for (std::uint64_t done = 0; done < nr_operations; done += piece) {
    pause();
    churn.run(std::min(piece, nr_operations - done));
  }
}

/// Returns what a zone is like; the index is that at @p order.
[[nodiscard]] inline Json json_of(const pageblock::Metrics& metrics, pageblock::Order order) {
  return {{"free_pages", metrics.free.nr_pages()},
          {"unusable", metrics.free.unusable(order)},
          {"blocks", metrics.blocks.total},
          {"free_blocks", metrics.blocks.free},
          {"with_unmovable", metrics.blocks.with_unmovable},
          {"mixed", metrics.blocks.mixed},
          {"emptiable_pages", metrics.emptiable.nr_pages()}};
}

// The experiments.
[[nodiscard]] Experiment fill_isolate_experiment();
[[nodiscard]] Experiment churn_experiment();
[[nodiscard]] Experiment contiguous_experiment();
[[nodiscard]] Experiment scatter_experiment();
[[nodiscard]] Experiment fragmentation_experiment();
[[nodiscard]] Experiment unplug_experiment();
[[nodiscard]] Experiment cma_experiment();

}  // namespace example
