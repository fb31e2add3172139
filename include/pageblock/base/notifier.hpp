// SPDX-License-Identifier: MIT
/// Notifier chains: callbacks in order of priority that may add to an argument or refuse.
///
/// Layer:  base.
/// Kernel: include/linux/notifier.h, kernel/notifier.c (atomic notifier chains).
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/status.hpp"

namespace pageblock {

/// What a callback may return: the kernel's numbers. Any other int is passed through as it is.
namespace notify {
inline constexpr int done = 0x0000;             ///< Not interested.
inline constexpr int okay = 0x0001;             ///< Seen (NOTIFY_OK).
inline constexpr int stop_mask = 0x8000;        ///< Do not call the rest of the chain.
inline constexpr int bad = stop_mask | 0x0002;  ///< The callback objects: ask no others.
inline constexpr int stop = okay | stop_mask;   ///< The callback is content: ask no others.
}  // namespace notify

/// Returns the value that makes a chain stop and report @p err; okay for `ok`.
/// Kernel: notifier_from_errno().
[[nodiscard]] constexpr int notifier_from_errno(Status err) {
  return err == ok ? notify::okay : notify::stop_mask | (notify::okay - err.to_errno());
}

/// Returns the negative errno that @p ret stands for, 0 for none.
/// Kernel: notifier_to_errno().
[[nodiscard]] constexpr int notifier_to_errno(int ret) {
  ret &= ~notify::stop_mask;
  return ret > notify::okay ? notify::okay - ret : 0;
}

/// One callback: a function with its context. The chain does not own the context.
template <typename Arg>
struct NotifierBlock {
  /// What is called; returns one of the values in notify.
  int (*notifier_call)(void* context, Arg& arg);
  void* context = nullptr;  ///< Handed to the callback as it is.
  int priority = 0;         ///< Higher ones are called first.
};

/// Callbacks, highest priority first; those of equal priority in the order of registration.
template <typename Arg>
class NotifierChain {
 public:
  NotifierChain() = default;
  /// Copies the blocks; a call that is under way is not copied.
  NotifierChain(const NotifierChain& other) : blocks_{other.blocks_} {}
  /// Takes the blocks over.
  NotifierChain(NotifierChain&& other) noexcept : blocks_{std::move(other.blocks_)} {}
  NotifierChain& operator=(NotifierChain other) noexcept {
    blocks_.swap(other.blocks_);
    return *this;
  }
  ~NotifierChain() = default;

  /// Adds @p block behind those of its priority or a higher one.
  void add(const NotifierBlock<Arg>& block) {
    bug_on(block.notifier_call == nullptr, "a notifier needs a function");
    const auto behind = std::ranges::find_if(
        blocks_, [&](const auto& other) { return other.priority < block.priority; });
    blocks_.insert(behind, block);
  }

  /// Removes the first callback with this function and context; false if there is none.
  bool remove(const NotifierBlock<Arg>& block) {
    const auto found = std::ranges::find_if(blocks_, [&](const auto& other) {
      return other.notifier_call == block.notifier_call && other.context == block.context;
    });
    if (found == blocks_.end()) return false;
    blocks_.erase(found);
    return true;
  }

  /// Calls the chain with @p arg and returns the value of the last callback that ran, `done` if
  /// there is none. An exception of a callback passes through.
  int call(Arg& arg) const {
    if (blocks_.empty()) return notify::done;
    const Running running{*this};
    int ret = notify::done;
    for (const auto& block : blocks_) {
      ret = block.notifier_call(block.context, arg);
      if ((ret & notify::stop_mask) != 0) break;
    }
    return ret;
  }

  /// Returns whether any thread is inside a callback of this chain.
  [[nodiscard]] bool is_running() const {
    return runner_.load(std::memory_order_relaxed) != std::thread::id{};
  }

  /// Returns whether the calling thread is inside a callback of this chain.
  [[nodiscard]] bool is_running_here() const {
    const auto runner = runner_.load(std::memory_order_relaxed);
    return runner != std::thread::id{} && is_this_thread(runner);
  }

 private:
  // Apart, since every lock is preceded by the question, and hardly ever anybody runs.
  [[nodiscard, gnu::noinline, gnu::cold]] static bool is_this_thread(std::thread::id id) {
    return id == std::this_thread::get_id();
  }

  struct Running {
    explicit Running(const NotifierChain& owner) : chain{owner} {
      chain.runner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    }
    ~Running() { chain.runner_.store(std::thread::id{}, std::memory_order_relaxed); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    const NotifierChain& chain;
  };

  std::vector<NotifierBlock<Arg>> blocks_;
  mutable std::atomic<std::thread::id> runner_{};
};

}  // namespace pageblock
