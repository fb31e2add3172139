// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/free_page_drift.hpp"

#include "support/catch.hpp"

namespace pageblock::test::free_page_drift_cases {

namespace {

constexpr std::uint64_t of_64_mib = 1 << 14;

void check(const FreePageDrift& drift, std::int64_t least, std::int64_t most) {
  CHECK(drift.sum().least == least);
  CHECK(drift.sum().most == most);
}

}  // namespace

TEST_CASE("FreePageDrift knows nothing but the threshold at first", "[free_page_drift]") {
  // 2 * bit_width(CPUs) * (1 + bit_width(zone in 128 MiB)), 125 at most
  FreePageDrift drift;
  drift.follow_size(of_64_mib, 1);
  check(drift, -2, 2);
  drift.follow_size(of_64_mib << 4, 1);  // its bounds stay: they are for what the CPU has now
  check(drift, -2, 2);
  FreePageDrift large;
  large.follow_size(std::uint64_t{1} << 32, 64);
  check(large, -125 * 64, 125 * 64);
}

TEST_CASE("FreePageDrift narrows its bounds when a CPU has to tell", "[free_page_drift]") {
  FreePageDrift drift;
  drift.follow_size(of_64_mib, 1);
  // Five pages at once are above the threshold whatever the CPU had: the zone knows all.
  drift.count(Cpu{0}, 5, 5);
  check(drift, 0, 0);
  // Page by page they stay with the CPU until there are three, unless it told them in between.
  drift.count(Cpu{0}, -1, -1);
  check(drift, -1, 0);
  drift.count(Cpu{0}, -2, -1);
  check(drift, -2, 0);
  drift.count(Cpu{0}, 2, 1);
  check(drift, 0, 2);
  // Where the steps are unknown, everything is possible again.
  drift.count(Cpu{0}, -3, 0);
  check(drift, -2, 2);
}

TEST_CASE("FreePageDrift counts each CPU, and passes over one that is not there",
          "[free_page_drift]") {
  FreePageDrift drift;
  drift.follow_size(of_64_mib, 2);
  check(drift, -8, 8);
  drift.count(Cpu{1}, 100, 100);
  check(drift, -4, 4);
  drift.count(Cpu{7}, 100, 100);
  check(drift, -4, 4);
}

}  // namespace pageblock::test::free_page_drift_cases
