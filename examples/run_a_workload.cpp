// SPDX-License-Identifier: MIT
// Kernel builds in a zone: how unmovable pages spread over its pageblocks, at each step of a time line.
#include <fmt/format.h>
#include <pageblock/lab/churn.hpp>
#include <pageblock/lab/ready_workloads.hpp>
#include <pageblock/pageblock.hpp>

using namespace pageblock;

struct Machine : DefaultConfig {
  static constexpr Semantics semantics = kernel::v6_12;
  using Lock = NullLock;
};

int main() {
  constexpr std::uint64_t pages = 65536;  // 256 MiB
  const Workload& build = *find_workload("kernel_build");
  const ChurnOptions options{.occupancy = 850, .nr_cpus = 4, .keeps_ledger = true};
  fmt::print("{}\nneeds {} KiB at most\n\n", build.imitates,
             churn_bytes<Machine>(build, pages, options) / 1024);

  Zone<Machine> zone{{.spanned_pages = pages, .nr_cpus = 4}};
  Churn churn{zone, build, RandomKey{.seed = 1}, options};
  fmt::print("operations  refused  unmovable in  mixed  unusable at order 9\n");
  for (int i = 0; i < 6; ++i) {
    churn.run(100'000);
    fmt::print("{:10}  {:7}  {:12}  {:5}  {:19}\n", churn.nr_operations(), churn.nr_refused(),
               churn.ledger().nr_with(MigrateType::unmovable), churn.ledger().nr_mixed(),
               free_memory(zone).unusable(Order{9}));
  }

  churn.mark_movable();  // now a look at the pages tells what could move
  fmt::print("\n{}\n", measure(zone));
}
