// SPDX-License-Identifier: MIT
/// Where an explorer of interleavings has been.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/lab/interleave_program.hpp"
#include "pageblock/lab/interleave_steps.hpp"

namespace pageblock::interleave {

/// Numbers for texts: the same for the same, by comparing all of it. The texts stand one behind the other.
class Numbering {
 public:
  std::uint32_t number_of(std::string_view text) {
    if (2 * (size() + 1) > slots_.size()) grow();
    const std::size_t slot = slot_of(text);
    if (slots_[slot] == 0) {
      bug_on(texts_.size() + text.size() > most_bytes, "states take more than 4 GiB");
      texts_ += text;
      ends_.push_back(static_cast<std::uint32_t>(texts_.size()));
      slots_[slot] = static_cast<std::uint32_t>(size());
    }
    return slots_[slot];
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  /// Returns how much memory it takes.
  [[nodiscard]] std::size_t bytes() const {
    return texts_.capacity() + ends_.capacity() * sizeof(ends_[0]) +
           slots_.capacity() * sizeof(slots_[0]);
  }

 private:
  [[nodiscard]] std::string_view text_of(std::uint32_t number) const {
    const std::size_t start = number == 1 ? 0 : ends_[number - 2];
    return std::string_view{texts_}.substr(start, ends_[number - 1] - start);
  }
  static constexpr std::size_t most_bytes = ~std::uint32_t{0};

  // Where the text's number is, or has to be written.
  [[nodiscard]] std::size_t slot_of(std::string_view text) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = std::hash<std::string_view>{}(text)&mask;
    while (slots_[slot] != 0 && text_of(slots_[slot]) != text) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    slots_.assign(std::max<std::size_t>(16, 2 * slots_.size()), 0);
    for (std::uint32_t number = 1; number <= size(); ++number) {
      slots_[slot_of(text_of(number))] = number;
    }
  }

  std::string texts_;
  std::vector<std::uint32_t> ends_;   // of the texts
  std::vector<std::uint32_t> slots_;  // numbers, by hash; 0 is free
};

/// The states that were met where somebody had to be chosen.
///
/// What a thread remembers in the middle of an operation follows from what it saw since the operation
/// began: the state at each of its stretches. So the state of all is the shared one, and for each thread
/// where it is and the history of what it saw; at the beginning of an operation that is empty.
class States {
 public:
  using Histories = std::array<std::uint32_t, max_threads>;

  /// A moment at which somebody is chosen.
  struct Moment {
    std::uint32_t shared = 0;  ///< The number of the shared state.
    std::uint32_t all = 0;     ///< The number of everything.
    Histories histories{};
    std::size_t nr_steps = 0;
  };

  /// Returns the moment that @p runner is at, which comes after @p before, when @p chosen was chosen.
  [[nodiscard]] Moment moment_of(const Runner& runner, const Choice& choice, const Moment* before,
                                 unsigned chosen) {
    const auto& steps = runner.last().steps;
    Moment now;
    now.nr_steps = steps.size();
    if (before != nullptr) {
      now.histories = before->histories;
      std::uint32_t moved = 0;
      for (std::size_t i = before->nr_steps; i < steps.size(); ++i) moved |= 1U << steps[i].thread;
      for (unsigned id = 0; id < runner.program().threads.size(); ++id) {
        if ((moved >> id & 1U) == 0) continue;
        // Who was chosen saw the shared state. Who had to go on afterwards saw what came of all.
        const std::uint64_t saw =
            id == chosen ? std::uint64_t{before->shared}
                         : (std::uint64_t{before->all} << 8 | chosen << 1 | 1U) << 1 | 1U;
        const bool is_at_begin = runner.place(id).passed == 0 || runner.place(id).has_ended;
        now.histories[id] = is_at_begin ? 0 : history(now.histories[id], saw);
      }
    }
    text_.clear();
    runner.program().image(text_);
    now.shared = shared_.number_of(text_);
    text_.clear();
    add(now.shared);
    std::uint32_t waiting = 0;
    for (unsigned id = 0; id < runner.program().threads.size(); ++id) {
      const Runner::Place& place = runner.place(id);
      add(place.has_ended ? 0xffffffU : (std::uint32_t{place.operation} << 12 | place.passed));
      add(now.histories[id]);
      text_.push_back(static_cast<char>(place.repeats));
      text_.push_back(static_cast<char>(place.repeats >> 8));
      if (runner.waits(id)) waiting |= 1U << id;
    }
    text_.push_back(static_cast<char>(waiting));
    text_.push_back(static_cast<char>(choice.enabled));
    text_.push_back(static_cast<char>(choice.is_free ? max_threads : choice.current));
    now.all = all_.number_of(text_);
    return now;
  }

  /// Returns whether it is no use to go on from @p moment, since somebody has from there, with as many
  /// preemptions left or more; else notes that somebody does now.
  [[nodiscard]] bool was_here(const Moment& moment, unsigned preemptions_left) {
    if (left_.size() <= moment.all) left_.resize(moment.all + 1);
    if (left_[moment.all] > preemptions_left) return true;
    left_[moment.all] = static_cast<std::uint8_t>(preemptions_left + 1);
    return false;
  }

  [[nodiscard]] std::size_t size() const { return all_.size(); }
  /// Returns how much memory they take.
  [[nodiscard]] std::size_t bytes() const {
    return shared_.bytes() + all_.bytes() + histories_.bytes() + left_.capacity();
  }

 private:
  std::uint32_t history(std::uint32_t before, std::uint64_t saw) {
    std::array<char, 12> pair{};
    for (std::size_t i = 0; i < 4; ++i) pair[i] = static_cast<char>(before >> (8 * i));
    for (std::size_t i = 0; i < 8; ++i) pair[4 + i] = static_cast<char>(saw >> (8 * i));
    return histories_.number_of({pair.data(), pair.size()});
  }
  void add(std::uint32_t number) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      text_.push_back(static_cast<char>(number >> shift));
  }

  Numbering shared_;
  Numbering all_;
  Numbering histories_;
  std::vector<std::uint8_t> left_;  // preemptions with which somebody went on, plus one
  std::string text_;
};

}  // namespace pageblock::interleave
