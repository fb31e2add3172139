// SPDX-License-Identifier: MIT
// Puts page allocators side by side. Another one needs a class with allocate() and free(), as Null and
// ReferenceAllocator below, and a line in main().
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pageblock/lab/allocator_workloads.hpp"

#include "benchmark/workload.hpp"

namespace {

using namespace pageblock;

// Hands out numbers that nobody else has, and forgets them: the cost of the loops.
struct Null {
  std::uint64_t next = 0;
  std::uint64_t allocate(unsigned order) { return next += std::uint64_t{1} << order; }
  void free(std::uint64_t, unsigned) {}
};

// The plain buddy allocator with linked records that the library is measured against.
class ReferenceAllocator {
 public:
  explicit ReferenceAllocator(std::uint64_t pages) : zone_{ZoneLayout{.spanned_pages = pages}} {}
  std::uint64_t allocate(unsigned order) {
    const auto pfn = zone_.alloc(Cpu{0}, Order{order}, MigrateType::movable);
    return pfn ? pfn->value() : no_page;
  }
  void free(std::uint64_t page, unsigned order) { zone_.free(Cpu{0}, Pfn{page}, Order{order}); }

 private:
  benchmark::Reference zone_;
};

struct Column {
  std::string_view name;
  std::vector<WorkloadTime> times;
};

}  // namespace

// peers [quick]
int main(int argc, char** argv) {
  WorkloadPlan plan;
  if (argc > 1 && std::string_view{argv[1]} == "quick") {
    plan = {.pages = 1U << 14, .pairs = 1000, .operations = 5000, .rounds = 1};
  } else if (argc > 1) {
    fmt::print(stderr, "usage: peers [quick]\n");
    return 2;
  }
  const std::uint64_t pages = plan.pages;
  using Library = benchmark::LockConfig<NullLock>;
  using Locked = benchmark::LockConfig<Spinlock>;
  const std::vector<Column> columns{
      {"nothing", run_workloads([] { return Null{}; }, plan)},
      {"library", run_workloads([=] { return ZoneAllocator<Library>{pages}; }, plan)},
      {"without lists", run_workloads(
                            [=] {
                              return ZoneAllocator<Library>{pages, false};
                            },
                            plan)},
      {"with Spinlock", run_workloads([=] { return ZoneAllocator<Locked>{pages}; }, plan)},
      {"reference", run_workloads([=] { return ReferenceAllocator{pages}; }, plan)},
  };
  fmt::print("Nanoseconds an operation, the best of {} rounds; {} pages\n{:<54}", plan.rounds,
             pages, "");
  for (const Column& column : columns) fmt::print(" {:>14}", column.name);
  fmt::print("\n");
  for (std::size_t line = 0; line < columns[0].times.size(); ++line) {
    fmt::print("{:<54}", columns[0].times[line].name);
    for (const Column& column : columns) {
      const WorkloadTime& time = column.times[line];
      fmt::print(" {:>14}", time.nr_refused == 0
                                ? fmt::format("{:.2f}", time.best_ns)
                                : fmt::format("{:.2f} ({}!)", time.best_ns, time.nr_refused));
    }
    fmt::print("\n");
  }
  fmt::print("(n!): so many requests were refused\n");
  return 0;
}
