// SPDX-License-Identifier: MIT
/// Runs a program once, in the order that somebody chooses. What happens at each place:
/// interleave_steps.hpp, which users include.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/yield.hpp"
#include "pageblock/lab/interleave_fiber.hpp"
#include "pageblock/lab/interleave_lock.hpp"
#include "pageblock/lab/interleave_program.hpp"

namespace pageblock::interleave {

/// How runs are made.
struct RunOptions {
  Yields yields = all_yields;     ///< At which places another thread may come between.
  std::size_t most_steps = 2000;  ///< A longer run is cut; what repeats itself is noticed before.
  bool skips_local = true;        ///< Not behind an unlock: what follows is the thread's own.
  bool records = false;           ///< Whether events, images and pictures are kept.
  bool asks_rules = true;         ///< Else the run goes on whatever happens, but for a BUG.
};

/// Runs a program, again and again: each thread is a fiber, and what runs next is chosen wherever
/// another may come between.
class Runner {
 public:
  explicit Runner(const Program& program) : program_{program}, threads_(program.threads.size()) {
    for (unsigned id = 0; id < threads_.size(); ++id) {
      threads_[id].fiber = std::make_unique<detail::Fiber>([this, id] { live(id); });
    }
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() = default;

  /// Runs the program once from its start. What an operation throws passes through.
  const Run& run(const RunOptions& options, const Chooser& choose);

  /// Where a thread is: its operation, how many places it has passed in it, and in how many states it has
  /// begun it again.
  struct Place {
    std::uint16_t operation = 0;
    std::uint16_t passed = 0;
    std::uint16_t repeats = 0;
    bool has_ended = false;
  };
  [[nodiscard]] const Place& place(unsigned thread) const { return threads_[thread].place; }
  [[nodiscard]] Yield at(unsigned thread) const { return threads_[thread].at; }
  /// Whether it waits for a change that others make.
  [[nodiscard]] bool waits(unsigned thread) const { return threads_[thread].waits; }
  [[nodiscard]] const Run& last() const { return run_; }
  [[nodiscard]] const LockOrder& lock_order() const { return lock_order_; }
  [[nodiscard]] const Program& program() const { return program_; }

  /// The runner whose thread is running, or none.
  static Runner*& current() {
    thread_local Runner* runner = nullptr;
    return runner;
  }
  /// Who is running.
  [[nodiscard]] unsigned current_thread() const { return current_; }
  /// Adds a line to what the step did, if it is recorded.
  template <typename... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    if (options_.records && !is_ending_) {
      events_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }
  }

 private:
  friend class Lock;

  struct State {
    std::unique_ptr<detail::Fiber> fiber;
    Place place;
    Yield at = Yield::begin;
    const Lock* wanted = nullptr;  // that it is about to take
    unsigned nr_irqs_off = 0;
    bool waits = false;    // until the state is another
    std::string waits_at;  // than this
    std::vector<Lock*> held;
    std::vector<std::pair<std::string, std::size_t>>
        repeats;  // states in which it began anew, and when
  };

  // The runner that is asked, and told of violations, until the run is over.
  struct Watching {
    explicit Watching(Runner& runner)
        : former{set_violation_handler(&Runner::report)},
          outer{std::exchange(current(), &runner)} {}
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;
    ~Watching() {
      current() = outer;
      set_violation_handler(former);
    }
    ViolationHandler former;
    Runner* outer;
  };

  void live(unsigned id);
  void run_operations(unsigned id);
  void pass(Yield where, bool can_throw);
  void add_step(Yield where);
  void end_step(Yield where);
  void go_on();
  void wait_for_others(State& state);
  void fail(Finding finding) {
    run_.finding = std::move(finding);
    run_.end = End::found;
    is_ending_ = true;
  }
  [[nodiscard]] bool can_run(unsigned id);
  [[nodiscard]] std::uint32_t enabled();
  [[nodiscard]] std::string why_stuck() const;
  void report_stuck();
  void leave() { threads_[current_].fiber->switch_to(main_); }
  static void report(const Violation& violation);

  const Program& program_;
  RunOptions options_;
  const Chooser* choose_ = nullptr;
  std::vector<State> threads_;
  detail::Fiber main_;
  Run run_;
  LockOrder lock_order_;
  unsigned current_ = 0;
  unsigned nr_locked_ = 0;  // zone->locks
  bool is_ending_ = false;
  bool image_is_new_ = false;
  std::string image_;
  std::vector<std::string> events_;
  std::exception_ptr thrown_;
};

inline void Runner::report(const Violation& violation) {
  Runner* const runner = current();
  if (runner == nullptr) return print_violation(violation);
  if (violation.severity == Severity::warning) {
    runner->note("WARNING: {}", violation.reason);
    return;
  }
  if (!runner->is_ending_) {
    runner->add_step(runner->threads_[runner->current_].at);
    runner->fail({"V7", fmt::format("BUG: {}", violation.reason)});
  }
  throw detail::Abandoned{};
}

inline const Run& Runner::run(const RunOptions& options, const Chooser& choose) {
  options_ = options;
  choose_ = &choose;
  run_.end = End::complete;
  run_.finding.reset();
  run_.outcome.clear();
  run_.steps.clear();
  run_.preemptions = run_.switches = 0;
  run_.events.clear();
  run_.images.clear();
  run_.pictures.clear();
  events_.clear();
  is_ending_ = false;
  nr_locked_ = 0;
  for (unsigned id = 0; id < threads_.size(); ++id) {
    State& state = threads_[id];
    state.place = {};
    state.place.has_ended = program_.threads[id].operations.empty();
    state.at = Yield::begin;
    state.wanted = nullptr;
    state.nr_irqs_off = 0;
    state.waits = false;
    state.held.clear();
    state.repeats.clear();
  }
  const Watching watching{*this};
  program_.reset();
  if (options_.records) run_.pictures.push_back(program_.picture());
  current_ = 0;
  const std::uint32_t ready = enabled();
  std::optional<unsigned> first;
  if (ready != 0) first = choose({0, ready, true, Yield::begin});
  if (ready == 0) {  // there is nothing to run
    report_stuck();
  } else if (first) {
    current_ = *first;
    main_.switch_to(*threads_[current_].fiber);
  } else {
    run_.end = End::stopped;
  }
  is_ending_ = true;
  for (unsigned id = 0; id < threads_.size(); ++id) {
    if (threads_[id].place.has_ended ||
        (threads_[id].at == Yield::begin && threads_[id].place.passed == 0 &&
         threads_[id].place.operation == 0)) {
      continue;  // it has not begun
    }
    current_ = id;
    main_.switch_to(*threads_[id].fiber);
  }
  for (State& state : threads_) {  // by who was stopped, and does not give back what it took
    for (Lock* const lock : state.held) lock->owner_ = Lock::nobody;
  }
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  if (run_.end == End::complete) run_.outcome = program_.outcome();
  return run_;
}

// The life of a fiber: it runs its thread once for each run.
inline void Runner::live(unsigned id) {
  for (;;) {
    try {
      run_operations(id);
    } catch (const detail::Abandoned&) {
    } catch (...) {
      thrown_ = std::current_exception();
      is_ending_ = true;
      run_.end = End::stopped;
    }
    threads_[id].place.has_ended = true;
    if (is_ending_) {
      leave();
    } else {
      go_on();
    }
  }
}

inline void Runner::run_operations(unsigned id) {
  State& state = threads_[id];
  const auto& operations = program_.threads[id].operations;
  while (state.place.operation < operations.size()) {
    const bool is_done = operations[state.place.operation].run();
    if (is_ending_) throw detail::Abandoned{};
    if (is_done) {
      state.repeats.clear();
      if (state.place.operation + 1U == operations.size()) break;
      pass(Yield::begin, true);  // which counts the operation
    } else {
      wait_for_others(state);
    }
  }
  state.place.has_ended = true;
  end_step(Yield::begin);
  if (is_ending_) throw detail::Abandoned{};
}

// An operation is to be repeated: if the thread has been in this state before, it waits until somebody
// else changes it.
inline void Runner::wait_for_others(State& state) {
  image_.clear();
  program_.image(image_);
  for (const auto& [image, when] : state.repeats) {
    if (image != image_) continue;
    state.waits = true;
    state.waits_at = image_;
    break;
  }
  if (!state.waits) state.repeats.emplace_back(image_, run_.steps.size());
  pass(Yield::wait, true);
}

}  // namespace pageblock::interleave
