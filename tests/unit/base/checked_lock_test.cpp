// SPDX-License-Identifier: MIT
#include "pageblock/base/checked_lock.hpp"

#include <mutex>
#include <thread>

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::checked_lock_cases {

TEST_CASE("CheckedLock reports a thread that takes it twice", "[checked_lock]") {
  CheckedLock lock;
  const std::lock_guard guard{lock};
  CHECK_VIOLATION(lock.lock(), "already holds");
  CHECK_VIOLATION(lock.lock_irqsave(), "already holds");
  CHECK(lock.nr_acquired() == 1);
  CHECK(!CheckedLock::irqs_disabled());
}

TEST_CASE("CheckedLock reports the release of what is not held", "[checked_lock]") {
  CheckedLock lock;
  CHECK_VIOLATION(lock.unlock(), "not held by this thread");
  CHECK_VIOLATION(lock.unlock_irqrestore({}), "not held by this thread");
}

TEST_CASE("CheckedLock is held by one thread only, and no other may release it", "[checked_lock]") {
  CheckedLock lock;
  const std::lock_guard guard{lock};
  bool is_held_there = true;
  std::string reason;
  std::thread other{[&] {
    is_held_there = lock.is_held();
    reason = violation_of([&] { lock.unlock(); });
  }};
  other.join();
  CHECK(lock.is_held());
  CHECK(!is_held_there);
  CHECK(reason == "the lock is not held by this thread");
}

TEST_CASE("CheckedLock reports a release that does not fit how it was taken", "[checked_lock]") {
  CheckedLock lock;
  lock.lock();
  CHECK_VIOLATION(lock.unlock_irqrestore({}), "unlock() is due");
  lock.unlock();

  const IrqFlags flags = lock.lock_irqsave();
  CHECK_VIOLATION(lock.unlock(), "unlock_irqrestore() is due");
  lock.unlock_irqrestore(flags);
  CHECK(!lock.is_held());
}

TEST_CASE("CheckedLock reports interrupt states that are restored out of order", "[checked_lock]") {
  // irqs    on | off (a) | off (a, b)
  //         the state of a was saved first and is restored last
  CheckedLock a;
  CheckedLock b;
  const IrqFlags flags_a = a.lock_irqsave();
  const IrqFlags flags_b = b.lock_irqsave();
  CHECK(CheckedLock::irqs_disabled());
  CHECK_VIOLATION(a.unlock_irqrestore(flags_a), "not restored in order");
  b.unlock_irqrestore(flags_b);
  CHECK(CheckedLock::irqs_disabled());
  a.unlock_irqrestore(flags_a);
  CHECK(!CheckedLock::irqs_disabled());
}

TEST_CASE("irqs_disabled belongs to a thread", "[checked_lock]") {
  CheckedLock lock;
  const IrqFlags flags = lock.lock_irqsave();
  bool disabled_there = true;
  std::thread{[&] { disabled_there = CheckedLock::irqs_disabled(); }}.join();
  CHECK(!disabled_there);
  lock.unlock_irqrestore(flags);
}

TEST_CASE("nr_acquired counts how often the lock was taken", "[checked_lock]") {
  CheckedLock lock;
  CHECK(lock.nr_acquired() == 0);
  lock.lock();
  lock.unlock();
  lock.unlock_irqrestore([&] { return lock.lock_irqsave(); }());
  CHECK(lock.nr_acquired() == 2);
}

}  // namespace pageblock::test::checked_lock_cases
