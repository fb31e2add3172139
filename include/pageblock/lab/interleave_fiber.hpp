// SPDX-License-Identifier: MIT
/// Fibers: functions that stop in the middle and go on later, all on one thread of the system.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include <ucontext.h>

#include "pageblock/base/version.hpp"

// Present if the program is built with a sanitizer, which wants to know of stacks; null else.
extern "C" {
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom,
                                                  std::size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom,
                                                   std::size_t* size);
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void* fiber);
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}

namespace pageblock::interleave::detail {

// The C library's longjmp() may insist on jumping up its own stack; this one does not.
extern "C" void plain_longjmp(jmp_buf, int) noexcept __asm__("_longjmp");

/// A stack with a function that runs on it. One that was given none stands for the stack that a thread
/// has already. What the function throws must not leave it.
class Fiber {
 public:
  /// The caller's own stack.
  Fiber() = default;

  /// A stack of its own. @p body begins at the first switch to it, and never returns.
  /// Throws std::bad_alloc.
  explicit Fiber(std::function<void()> body)
      : body_{std::move(body)}, stack_{new std::byte[stack_size]} {
    bottom_ = stack_.get();
    size_ = stack_size;
    if (__tsan_create_fiber != nullptr) tsan_ = __tsan_create_fiber(0);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() {
    if (stack_ != nullptr && tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
  }

  /// Leaves the fiber that runs, which is this one, for another; returns once somebody switches back.
  [[gnu::noinline, gnu::no_sanitize_address]] void switch_to(Fiber& next) {
    if (stack_ == nullptr && __tsan_get_current_fiber != nullptr) {
      tsan_ = __tsan_get_current_fiber();
    }
    if (__sanitizer_start_switch_fiber != nullptr) {
      __sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
    }
    if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(next.tsan_, 0);
    next.came_from_ = this;
    if (_setjmp(place_) == 0) next.go_on();
    arrived();
  }

 private:
  static constexpr std::size_t stack_size = std::size_t{256} << 10;

  // It leaves its frame behind on the stack, so that frame must have nothing that a sanitizer guards.
  [[gnu::noinline, gnu::no_sanitize_address]] void go_on() {
    if (stack_ == nullptr || is_started_) plain_longjmp(place_, 1);
    is_started_ = true;
    starting() = this;
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack_size;
    makecontext(&context_, &Fiber::start, 0);
    setcontext(&context_);
    std::terminate();
  }

  static void start() {
    Fiber& self = *starting();
    self.arrived();
    self.body_();
    std::terminate();
  }
  static Fiber*& starting() {
    thread_local Fiber* fiber = nullptr;
    return fiber;
  }

  // On the new stack: tells the sanitizer, which tells where the other's is.
  void arrived() {
    if (__sanitizer_finish_switch_fiber == nullptr) return;
    const void* bottom = nullptr;
    std::size_t size = 0;
    __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &size);
    if (came_from_->stack_ == nullptr) {
      came_from_->bottom_ = bottom;
      came_from_->size_ = size;
    }
  }

  std::function<void()> body_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t context_{};  // where it begins
  jmp_buf place_{};       // where it goes on
  bool is_started_ = false;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  Fiber* came_from_ = nullptr;
  void* fake_stack_ = nullptr;
  void* tsan_ = nullptr;
};

}  // namespace pageblock::interleave::detail
