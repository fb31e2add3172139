// SPDX-License-Identifier: MIT
/// The lock by which an explorer of interleavings decides who runs next.
///
/// Layer:  lab.
/// Kernel: spinlock_t and struct mutex; lockdep, for the order in which they are taken.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/yield.hpp"

namespace pageblock::interleave {

class Runner;

namespace detail {

/// What unwinds a thread that will not be run to its end.
struct Abandoned {};

/// What a lock is called, and which of its kind: unknown locks are mutexes.
struct LockName {
  Yield before = Yield::mutex_lock;
  Yield after = Yield::mutex_unlock;
  bool disables_irqs = false;
  std::string text = "mutex";
};

}  // namespace detail

/// The lock of zones whose threads an explorer runs (Config::Lock), and of what else scenarios lock.
/// Outside a run it locks nothing.
class Lock {
 public:
  Lock() = default;
  explicit Lock(std::string name) { name_.text = std::move(name); }

  void lock();
  void unlock();
  /// Takes the lock if nobody has it.
  [[nodiscard]] bool try_lock();
  [[nodiscard]] bool is_held() const;

  /// Lets another thread run, if the explorer wants it.
  static void may_switch(Yield where);

  void set_name(detail::LockName name) { name_ = std::move(name); }
  [[nodiscard]] const std::string& name() const { return name_.text; }

 private:
  friend class Runner;
  static constexpr unsigned nobody = ~0U;

  detail::LockName name_;
  unsigned owner_ = nobody;
};

/// Which locks were taken while another was held, over many runs: a circle can end in a deadlock, even
/// if no run did.
class LockOrder {
 public:
  void add(const std::string& held, const std::string& taken) {
    if (held == taken) return;
    for (const auto& pair : pairs_) {
      if (pair.first == held && pair.second == taken) return;
    }
    pairs_.emplace_back(held, taken);
  }
  /// Returns "held before taken" pairs.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const {
    return pairs_;
  }
  /// Returns a circle, "A -> B -> A", or nothing.
  [[nodiscard]] std::optional<std::string> circle() const {
    for (const auto& [held, taken] : pairs_) {
      std::vector<std::string> path{held, taken};
      if (closes(path)) {
        std::string text = path.front();
        for (std::size_t i = 1; i < path.size(); ++i) text += fmt::format(" -> {}", path[i]);
        return text;
      }
    }
    return {};
  }

 private:
  [[nodiscard]] bool closes(std::vector<std::string>& path) const {
    if (path.back() == path.front()) return true;
    if (path.size() > pairs_.size() + 1) return false;
    for (const auto& [held, taken] : pairs_) {
      if (held != path.back()) continue;
      path.push_back(taken);
      if (closes(path)) return true;
      path.pop_back();
    }
    return false;
  }

  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace pageblock::interleave
