// SPDX-License-Identifier: MIT
/// W4 must notice an allocator that refuses too much or loses memory.
#include "benchmark/churn.hpp"

#include <cstdint>
#include <optional>

#include "benchmark/workload.hpp"
#include "support/catch.hpp"

using namespace pageblock;
using namespace pageblock::benchmark;

namespace {

// Refuses one request in a hundred, in spite of all its memory.
struct RefusingZone : Reference {
  using Reference::Reference;
  std::uint64_t nr_requests = 0;
};
std::optional<Pfn> alloc_pages(RefusingZone& zone, Cpu cpu, Order order, MigrateType type) {
  if (++zone.nr_requests % 100 == 0) return std::nullopt;
  return zone.alloc(cpu, order, type);
}

// Forgets one chunk in a thousand.
struct ForgetfulZone : Reference {
  using Reference::Reference;
  std::uint64_t nr_freed = 0;
};
void free_pages(ForgetfulZone& zone, Cpu cpu, Pfn pfn, Order order) {
  if (++zone.nr_freed % 1000 != 0) zone.free(cpu, pfn, order);
}

constexpr std::uint64_t pages = 1U << 13;

}  // namespace

TEST_CASE("churn fails if a request is refused that could be met", "[benchmark]") {
  const ChurnPlan plan{pages, pages / 2, Mix::even, 5000, true};
  CHECK(churn<Reference>(plan).nr_refused == 0);
  CHECK_THROWS_AS(churn<RefusingZone>(plan), Failure);
}

TEST_CASE("churn counts what is rightly refused in a full zone", "[benchmark]") {
  CHECK(churn<Reference>({pages, pages * 9 / 10, Mix::even, 5000, true}).nr_refused > 0);
}

TEST_CASE("churn fails if memory is lost", "[benchmark]") {
  CHECK_THROWS_AS(churn<ForgetfulZone>({pages, pages / 2, Mix::halving, 5000}), Failure);
}
