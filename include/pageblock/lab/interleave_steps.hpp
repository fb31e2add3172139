// SPDX-License-Identifier: MIT
/// What happens at the places where another thread may come between: a step ends, rules are asked, and
/// somebody is chosen.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <bit>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/lab/interleave_lock.hpp"
#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_runner.hpp"

namespace pageblock::interleave {

inline void Runner::pass(Yield where, bool can_throw) {
  if (is_ending_) {
    if (can_throw) throw detail::Abandoned{};
    return;
  }
  if (std::uncaught_exceptions() != 0) return;
  end_step(where);
  if (is_ending_) {
    if (!can_throw) return leave();
    throw detail::Abandoned{};
  }
  const bool is_unlock =
      where == Yield::zone_unlock || where == Yield::pcp_unlock || where == Yield::mutex_unlock;
  const bool may_switch =
      (options_.yields & mask_of(where)) != 0 && !(is_unlock && options_.skips_local);
  if (may_switch || !can_run(current_)) go_on();
  if (is_ending_ && can_throw) throw detail::Abandoned{};
}

inline void Runner::add_step(Yield where) {
  const State& state = threads_[current_];
  run_.steps.push_back({current_, state.at, where, state.place.operation, state.place.has_ended});
  if (!options_.records) return;
  run_.events.push_back(std::exchange(events_, {}));
  program_.image(run_.images.emplace_back());
  run_.pictures.push_back(program_.picture());
}

// What the thread did since its last place is a step; then the rules are asked.
inline void Runner::end_step(Yield where) {
  add_step(where);
  State& state = threads_[current_];
  state.at = where;
  if (where == Yield::begin || where == Yield::wait) {
    state.place.passed = 0;
    if (where == Yield::begin) ++state.place.operation;
    state.place.repeats =
        where == Yield::begin ? 0 : static_cast<std::uint16_t>(state.repeats.size());
  } else {
    ++state.place.passed;
  }
  if (nr_locked_ == 0 && options_.asks_rules) {
    if (auto finding = program_.check(When::step, current_)) fail(std::move(*finding));
  }
  if (!is_ending_ && run_.steps.size() >= options_.most_steps) {
    run_.end = End::too_long;
    is_ending_ = true;
  }
}

// Switches to whoever is chosen, or ends the run.
inline void Runner::go_on() {
  const State& state = threads_[current_];
  const std::uint32_t ready = enabled();
  std::optional<unsigned> next;
  if (ready == 0) {
    report_stuck();
  } else {
    const bool is_free = (ready >> current_ & 1U) == 0;
    if (std::has_single_bit(ready)) {
      next = static_cast<unsigned>(std::countr_zero(ready));
    } else {
      next = (*choose_)({current_, ready, is_free, state.at});
    }
    if (!next) {
      run_.end = End::stopped;
      is_ending_ = true;
    } else if (*next != current_) {
      ++run_.switches;
      const bool is_interrupt = program_.threads[*next].interrupts == current_;
      if (!is_free && !is_interrupt) ++run_.preemptions;
    }
  }
  if (!next) return leave();
  threads_[*next].waits = false;
  if (*next == current_) return;
  detail::Fiber& from = *threads_[current_].fiber;
  current_ = *next;
  from.switch_to(*threads_[current_].fiber);
}

inline void Runner::report_stuck() {
  bool all_ended = true;
  for (const State& state : threads_) all_ended = all_ended && state.place.has_ended;
  is_ending_ = true;
  if (!all_ended) {
    for (unsigned id = 0; id < threads_.size(); ++id) {
      const State& state = threads_[id];
      if (!state.waits) continue;
      return fail(
          {"V10", fmt::format(
                      "livelock: {} repeats \"{}\" for ever: nobody else changes what it waits for",
                      program_.threads[id].name,
                      program_.threads[id].operations[state.place.operation].name)});
    }
    return fail({"V10", fmt::format("deadlock: {}", why_stuck())});
  }
  if (!options_.asks_rules) return;
  if (auto finding = program_.check(When::end, current_)) fail(std::move(*finding));
}

inline std::string Runner::why_stuck() const {
  std::string text;
  for (unsigned id = 0; id < threads_.size(); ++id) {
    const State& state = threads_[id];
    if (state.place.has_ended) continue;
    if (!text.empty()) text += ", ";
    text += program_.threads[id].name;
    if (state.wanted != nullptr) {
      text += fmt::format(" waits for {}", state.wanted->name());
      if (state.wanted->owner_ != Lock::nobody) {
        text += fmt::format(", held by {}", program_.threads[state.wanted->owner_].name);
      }
    } else {
      text += " waits for others";
    }
  }
  return text;
}

inline bool Runner::can_run(unsigned id) {
  State& state = threads_[id];
  if (state.place.has_ended) return false;
  if (state.wanted != nullptr && state.wanted->owner_ != Lock::nobody) return false;
  if (state.waits) {
    if (!image_is_new_) {
      image_.clear();
      program_.image(image_);
      image_is_new_ = true;
    }
    if (image_ == state.waits_at) return false;
  }
  return true;
}

inline std::uint32_t Runner::enabled() {
  image_is_new_ = false;
  std::uint32_t ready = 0;
  for (unsigned id = 0; id < threads_.size(); ++id) {
    if (can_run(id)) ready |= 1U << id;
  }
  image_is_new_ = false;
  for (unsigned id = 0; id < threads_.size(); ++id) {
    const auto& target = program_.threads[id].interrupts;
    if (!target || threads_[id].place.has_ended) continue;
    const bool has_begun = threads_[id].place.operation != 0 || threads_[id].place.passed != 0;
    if (has_begun) {
      ready &= ~(1U << *target);
    } else if (threads_[*target].nr_irqs_off != 0) {
      ready &= ~(1U << id);
    }
  }
  return ready;
}

// Locks.

inline void Lock::may_switch(Yield where) {
  Runner* const runner = Runner::current();
  if (runner == nullptr) return;
  if (where == Yield::wait) {
    auto& state = runner->threads_[runner->current_];
    state.waits_at.clear();
    runner->program_.image(state.waits_at);
    state.waits = true;
  }
  runner->pass(where, true);
}

inline void Lock::lock() {
  Runner* const runner = Runner::current();
  if (runner == nullptr) return;
  const unsigned self = runner->current_;
  if (owner_ == self && !runner->is_ending_) bug_on(true, "the thread holds the lock already");
  runner->threads_[self].wanted = this;
  runner->pass(name_.before, true);
  auto& state = runner->threads_[self];
  state.wanted = nullptr;
  owner_ = self;
  if (name_.before == Yield::zone_lock) ++runner->nr_locked_;
  if (name_.disables_irqs) ++state.nr_irqs_off;
  for (const Lock* held : state.held) runner->lock_order_.add(held->name(), name());
  state.held.push_back(this);
}

inline bool Lock::try_lock() {
  Runner* const runner = Runner::current();
  if (runner == nullptr) return true;
  runner->pass(name_.before, true);
  if (owner_ != nobody) return false;
  auto& state = runner->threads_[runner->current_];
  owner_ = runner->current_;
  if (name_.before == Yield::zone_lock) ++runner->nr_locked_;
  if (name_.disables_irqs) ++state.nr_irqs_off;
  state.held.push_back(this);
  return true;
}

inline void Lock::unlock() {
  Runner* const runner = Runner::current();
  if (runner != nullptr && !runner->is_ending_ && owner_ != runner->current_) {
    runner->fail({"V7", fmt::format("{} is given back by who does not hold it", name())});
  }
  owner_ = nobody;
  if (runner == nullptr) return;
  auto& state = runner->threads_[runner->current_];
  std::erase(state.held, this);
  if (name_.before == Yield::zone_lock && runner->nr_locked_ != 0) --runner->nr_locked_;
  if (name_.disables_irqs && state.nr_irqs_off != 0) --state.nr_irqs_off;
  runner->pass(name_.after, false);
}

inline bool Lock::is_held() const {
  const Runner* const runner = Runner::current();
  return runner == nullptr || owner_ != nobody;
}

}  // namespace pageblock::interleave
