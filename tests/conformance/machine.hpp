// SPDX-License-Identifier: MIT
/// What replays the lines of a vector: a zone of one kernel and geometry.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"

#include "conformance/line.hpp"
#include "conformance/text.hpp"

namespace conformance {

/// The largest zone that is replayed: 1 TiB. A larger one might not fit into memory, since with
/// blocks of two pages it takes 16 bytes a page, and more once single pages differ.
inline constexpr std::uint64_t most_pages = std::uint64_t{1} << 28;

/// A trace event, by its name in the format.
struct Event {
  std::string name;
  /// In alphabetical order, without those that are 0, as an absent one is.
  std::vector<std::pair<std::string, std::uint64_t>> arguments;

  Event(std::string_view event, std::vector<std::pair<std::string, std::uint64_t>> all)
      : name{event}, arguments{std::move(all)} {
    std::erase_if(arguments, [](const auto& argument) { return argument.second == 0; });
    std::ranges::sort(arguments);
  }
  friend bool operator==(const Event&, const Event&) = default;
};

/// Replays one line after another. What replays is built for a kernel and a geometry.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  /// Does what a line says and returns the result, without the "r=". Throws BadLine, and Bug where
  /// the kernel would stop at an assertion.
  virtual std::string run(const Line& line) = 0;

  /// Returns whether the zone has been made, so that it has a state.
  [[nodiscard]] virtual bool is_populated() const = 0;

  /// Returns the hash of the whole state, and its dump, line by line, without the "| ".
  [[nodiscard]] virtual std::uint64_t hash() const = 0;
  [[nodiscard]] virtual std::vector<std::string> dump() const = 0;

  /// Returns the events since the last call; none in a format without events.
  [[nodiscard]] virtual std::vector<Event> take_events() { return {}; }
};

/// An operation that the kernel would stop at an assertion.
struct Bug {
  std::string reason;
};

/// Turns broken contracts into Bug while it lives.
class ThrowOnViolation {
 public:
  ThrowOnViolation() : former_{pageblock::set_violation_handler(&raise)} {}
  ~ThrowOnViolation() { pageblock::set_violation_handler(former_); }
  ThrowOnViolation(const ThrowOnViolation&) = delete;
  ThrowOnViolation& operator=(const ThrowOnViolation&) = delete;

 private:
  static void raise(const pageblock::Violation& violation) {
    if (violation.severity == pageblock::Severity::warning) return;  // a bad page, in the results
    throw Bug{pageblock::to_string(violation)};
  }
  pageblock::ViolationHandler former_;
};

}  // namespace conformance
