// SPDX-License-Identifier: MIT
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/base/spinlock.hpp"

#include "support/catch.hpp"

using namespace pageblock;

TEMPLATE_TEST_CASE("lock lets in one thread at a time", "[spinlock][threads]", Spinlock,
                   StdLock<std::mutex>, CheckedLock) {
  constexpr int nr_threads = 3;
  constexpr int nr_rounds = 50'000;
  TestType lock;
  int counter = 0;  // no atomic: the lock alone protects it
  const auto work = [&] {
    for (int i = 0; i < nr_rounds; ++i) {
      const std::lock_guard guard{lock};
      ++counter;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < nr_threads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  CHECK(counter == nr_threads * nr_rounds);
}

TEMPLATE_TEST_CASE("lock waits for as long as another thread holds the lock", "[spinlock][threads]",
                   Spinlock, StdLock<std::mutex>, CheckedLock) {
  TestType lock;
  std::atomic<bool> asks{false};
  std::atomic<bool> is_in{false};
  lock.lock();
  std::thread other{[&] {
    asks = true;
    const std::lock_guard guard{lock};
    is_in = true;
  }};
  while (!asks) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds{20});  // time to do wrong
  CHECK_FALSE(is_in);
  lock.unlock();
  other.join();
  CHECK(is_in);
}
