#include <mutex>
#include <thread>

#include "pageblock/base/checked_lock.hpp"
#include "pageblock/base/spinlock.hpp"

#include "support/catch.hpp"

using namespace pageblock;

TEMPLATE_TEST_CASE("lock lets in one thread at a time", "[spinlock][threads]", Spinlock,
                   StdLock<std::mutex>, CheckedLock) {
  constexpr int nr_rounds = 2000;
  TestType lock;
  int counter = 0;  // no atomic: the lock alone protects it
  const auto work = [&] {
    for (int i = 0; i < nr_rounds; ++i) {
      const std::lock_guard guard{lock};
      ++counter;
    }
  };
  std::thread a{work};
  std::thread b{work};
  a.join();
  b.join();
  CHECK(counter == 2 * nr_rounds);
}
