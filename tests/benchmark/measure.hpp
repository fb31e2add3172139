// SPDX-License-Identifier: MIT
/// Time, digests, and the random numbers that workloads are made of.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/base/status.hpp"

namespace pageblock::benchmark {

/// Returns the processor time of this thread so far, in nanoseconds: other programs do not count.
/// Asking takes some 0.2 us, so work is timed in portions of many microseconds.
inline double thread_time_ns() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Returns how many nanoseconds of processor time @p work takes.
template <typename Work>
double time_ns(Work&& work) {
  const double start = thread_time_ns();
  work();
  return thread_time_ns() - start;
}

/// Returns how many nanoseconds @p work takes by the clock on the wall: for what threads do at the same
/// time, and for portions that are too short for time_ns().
template <typename Work>
double wall_time_ns(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::nano>{std::chrono::steady_clock::now() - start}.count();
}

/// Does @p work @p times, in portions, and returns the time of one: that of the best portion, which
/// other programs and interrupts have disturbed least.
template <typename Work>
double best_time_ns(std::uint64_t times, Work&& work) {
  constexpr std::uint64_t nr_portions = 50;
  const std::uint64_t each = (times + nr_portions - 1) / nr_portions;
  double best = std::numeric_limits<double>::infinity();
  for (std::uint64_t done = 0; done < times; done += each) {
    const double ns = time_ns([&] {
      for (std::uint64_t i = 0; i < each; ++i) work();
    });
    best = std::min(best, ns / static_cast<double>(each));
  }
  return best;
}

/// Makes the compiler believe that @p object is read and changed here.
inline void touch(auto& object) { asm volatile("" : : "r"(&object) : "memory"); }

/// A number for everything that a workload was answered, in order. Two operations of one cycle, so
/// that it can stand in timed code; it also keeps the compiler from dropping the work.
class Digest {
 public:
  void add(std::uint64_t value) { value_ = 9 * value_ + value; }
  void add(Pfn pfn) { add(pfn.value()); }
  void add(Status status) { add(static_cast<std::uint64_t>(-status.to_errno())); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 1;
};

[[nodiscard]] inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Numbers that are the same on every machine. (splitmix64)
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return (*this)() % limit; }

 private:
  std::uint64_t state_;
};

/// Returns 0 to n - 1 in random order.
[[nodiscard]] inline std::vector<std::uint32_t> shuffled(std::size_t n, std::uint64_t seed) {
  std::vector<std::uint32_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0U);
  Random random{seed};
  for (std::size_t i = n; i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
  return numbers;
}

}  // namespace pageblock::benchmark
