// SPDX-License-Identifier: MIT
#include "pageblock/base/spinlock.hpp"

#include <mutex>
#include <vector>

#include "pageblock/base/checked_lock.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::spinlock_cases {
namespace {

struct NotALock {
  void lock();
  void unlock();  // is_held() is missing
};

// Writes down how it is used.
struct Journal {
  std::vector<unsigned> saved;
  std::vector<unsigned> restored;
  void lock() {}
  void unlock() {}
  [[nodiscard]] bool is_held() const { return true; }
  IrqFlags lock_irqsave() {
    saved.push_back(static_cast<unsigned>(saved.size()));
    return IrqFlags{saved.back()};
  }
  void unlock_irqrestore(IrqFlags flags) { restored.push_back(flags.depth); }
};

}  // namespace

TEST_CASE("Lockable and IrqLockable hold for the locks that come with the library", "[spinlock]") {
  STATIC_REQUIRE(Lockable<Spinlock>);
  STATIC_REQUIRE(Lockable<NullLock>);
  STATIC_REQUIRE(Lockable<StdLock<std::mutex>>);
  STATIC_REQUIRE(Lockable<CheckedLock>);
  STATIC_REQUIRE(IrqLockable<CheckedLock>);
  STATIC_REQUIRE(!IrqLockable<Spinlock>);
  STATIC_REQUIRE(!Lockable<NotALock>);
  STATIC_REQUIRE(!Lockable<std::mutex>);
}

TEMPLATE_TEST_CASE("is_held is true between lock and unlock", "[spinlock]", Spinlock,
                   StdLock<std::mutex>, CheckedLock) {
  TestType lock;
  CHECK(!lock.is_held());
  lock.lock();
  CHECK(lock.is_held());
  lock.unlock();
  CHECK(!lock.is_held());
}

TEST_CASE("NullLock counts as held, so that assertions pass", "[spinlock]") {
  NullLock lock;
  CHECK(lock.is_held());
  lock.lock();
  lock.unlock();
  CHECK(lock.is_held());
}

TEMPLATE_TEST_CASE("IrqSaveGuard holds the lock for its scope", "[spinlock]", Spinlock,
                   StdLock<std::mutex>, CheckedLock) {
  TestType lock;
  {
    const IrqSaveGuard guard{lock};
    CHECK(lock.is_held());
  }
  CHECK(!lock.is_held());
}

TEST_CASE("IrqSaveGuard gives back the interrupt states in order", "[spinlock]") {
  Journal lock;
  {
    const IrqSaveGuard outer{lock};
    const IrqSaveGuard inner{lock};
  }
  CHECK(lock.saved == std::vector<unsigned>{0, 1});
  CHECK(lock.restored == std::vector<unsigned>{1, 0});
}

TEST_CASE("IrqSaveGuard releases the lock when the scope is left by an exception", "[spinlock]") {
  CheckedLock lock;
  try {
    const IrqSaveGuard guard{lock};
    throw 1;
  } catch (int) {
  }
  CHECK(!lock.is_held());
  CHECK(!CheckedLock::irqs_disabled());
}

TEST_CASE("lockdep_assert_held reports a lock that is not held", "[spinlock]") {
  CheckedLock lock;
  CHECK_VIOLATION(lockdep_assert_held(lock), "not held");
  const std::lock_guard guard{lock};
  CHECK(violation_of([&] { lockdep_assert_held(lock); }) == "nothing");
}

}  // namespace pageblock::test::spinlock_cases
