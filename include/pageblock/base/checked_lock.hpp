// SPDX-License-Identifier: MIT
/// A lock that checks how it is used, for tests of code that works on zones.
///
/// Layer:  base.
/// Kernel: what lockdep and CONFIG_DEBUG_SPINLOCK check.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/spinlock.hpp"

namespace pageblock {

/// Reports (bug_on) a thread that takes the lock twice, that releases what it does not hold, or
/// that restores interrupt states out of order. is_held() is true only for the thread that holds
/// it. Simulated interrupts belong to a thread and span all its checked locks.
class CheckedLock {
 public:
  /// Takes the lock; a contract violation if this thread holds it.
  void lock() {
    bug_on(is_held(), "this thread already holds the lock");
    mutex_.lock();
    holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    ++nr_acquired_;
  }
  /// Gives the lock back; a contract violation if this thread does not hold it.
  void unlock() {
    bug_on(!is_held(), "the lock is not held by this thread");
    bug_on(irqs_were_saved_, "taken with lock_irqsave(), so unlock_irqrestore() is due");
    release();
  }
  /// Takes the lock and notes how deeply interrupts were disabled.
  IrqFlags lock_irqsave() {
    lock();
    irqs_were_saved_ = true;
    return IrqFlags{irq_depth()++};
  }
  /// Gives the lock back, and interrupts as they were before.
  void unlock_irqrestore(IrqFlags flags) {
    bug_on(!is_held(), "the lock is not held by this thread");
    bug_on(!irqs_were_saved_, "taken with lock(), so unlock() is due");
    bug_on(flags.depth + 1 != irq_depth(), "interrupt states are not restored in order");
    irqs_were_saved_ = false;
    irq_depth() = flags.depth;
    release();
  }
  /// Returns whether this thread holds the lock.
  [[nodiscard]] bool is_held() const {
    return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  /// Returns how often the lock was taken since it was made.
  [[nodiscard]] std::uint64_t nr_acquired() const { return nr_acquired_; }

  /// Returns whether the calling thread has simulated interrupts disabled.
  [[nodiscard]] static bool irqs_disabled() { return irq_depth() != 0; }

 private:
  static unsigned& irq_depth() {
    thread_local unsigned depth = 0;
    return depth;
  }
  void release() {
    holder_.store(std::thread::id{}, std::memory_order_relaxed);
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::atomic<std::thread::id> holder_{};
  std::uint64_t nr_acquired_ = 0;
  bool irqs_were_saved_ = false;
};

}  // namespace pageblock
