// SPDX-License-Identifier: MIT
/// Locks as a policy: what a zone asks of a lock, and the locks that come with the library.
///
/// Layer:  base.
/// Kernel: spinlock_t, spin_lock_irqsave(), lockdep_assert_held().
#pragma once

#include <atomic>
#include <concepts>
#include <thread>

#include "pageblock/base/contract.hpp"

namespace pageblock {

/// The interrupt state that spin_lock_irqsave() hands out and spin_unlock_irqrestore() takes back.
struct IrqFlags {
  unsigned depth = 0;  ///< How often interrupts had been disabled before.
};

/// A lock for a zone or a per-CPU list. is_held() may answer true when another thread is the
/// holder; it serves assertions only.
template <typename L>
concept Lockable = std::default_initializable<L> && requires(L& lock, const L& held) {
  lock.lock();
  lock.unlock();
  { held.is_held() } -> std::same_as<bool>;
};

/// A lock that also simulates the CPU's interrupt flag.
template <typename L>
concept IrqLockable = Lockable<L> && requires(L& lock, IrqFlags flags) {
  { lock.lock_irqsave() } -> std::same_as<IrqFlags>;
  lock.unlock_irqrestore(flags);
};

/// A ticket lock, as v3.6 has on x86: threads enter in the order in which they asked. A waiter
/// yields, since the holder of a simulated lock may be descheduled.
class Spinlock {
 public:
  /// Waits until the lock is free, and takes it.
  void lock() {
    const unsigned ticket = next_.fetch_add(1, std::memory_order_relaxed);
    if (owner_.load(std::memory_order_acquire) != ticket) [[unlikely]]
      wait_for(ticket);
  }
  /// Gives the lock back.
  void unlock() {
    owner_.store(owner_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  /// Returns whether somebody holds it.
  [[nodiscard]] bool is_held() const {
    return owner_.load(std::memory_order_relaxed) != next_.load(std::memory_order_relaxed);
  }

 private:
  [[gnu::noinline]] void wait_for(unsigned ticket) const {
    for (unsigned spins = 0; owner_.load(std::memory_order_acquire) != ticket; ++spins) {
      if (spins >= 64) std::this_thread::yield();
    }
  }

  std::atomic<unsigned> next_{0};
  std::atomic<unsigned> owner_{0};
};

/// No lock at all: for zones that one thread uses.
class NullLock {
 public:
  /// Does nothing.
  void lock() {}
  /// Does nothing.
  void unlock() {}
  /// Returns true: with one thread there is nobody else.
  [[nodiscard]] bool is_held() const { return true; }
};

/// Any standard Lockable, for example StdLock<std::mutex>.
template <typename Mutex>
requires requires(Mutex& mutex) {
  mutex.lock();
  mutex.unlock();
}
class StdLock {
 public:
  /// Waits until the lock is free, and takes it.
  void lock() {
    mutex_.lock();
    held_.store(true, std::memory_order_relaxed);
  }
  /// Gives the lock back.
  void unlock() {
    held_.store(false, std::memory_order_relaxed);
    mutex_.unlock();
  }
  /// Returns whether somebody holds it.
  [[nodiscard]] bool is_held() const { return held_.load(std::memory_order_relaxed); }

 private:
  Mutex mutex_;
  std::atomic<bool> held_{false};
};

/// Takes a lock with spin_lock_irqsave() for a scope and gives back the interrupt state at its end;
/// scopes nest, so the states are restored in order.
template <Lockable L>
class [[nodiscard]] IrqSaveGuard {
 public:
  /// Takes @p lock until the end of the scope.
  explicit IrqSaveGuard(L& lock) : lock_{lock} {
    if constexpr (IrqLockable<L>) {
      flags_ = lock_.lock_irqsave();
    } else {
      lock_.lock();
    }
  }
  ~IrqSaveGuard() {
    if constexpr (IrqLockable<L>) {
      lock_.unlock_irqrestore(flags_);
    } else {
      lock_.unlock();
    }
  }
  IrqSaveGuard(const IrqSaveGuard&) = delete;
  IrqSaveGuard& operator=(const IrqSaveGuard&) = delete;

 private:
  L& lock_;
  [[no_unique_address]] IrqFlags flags_;
};

/// Reports a broken contract unless @p lock is held.
template <Lockable L>
void lockdep_assert_held(const L& lock, Place check = Place::here()) {
  bug_on(!lock.is_held(), "the lock that this call needs is not held", check);
}

}  // namespace pageblock
