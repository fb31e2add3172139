// SPDX-License-Identifier: MIT
/// Where a search of interleavings was when it was cut short, as a value and as a line of text.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "pageblock/lab/interleave_program.hpp"

namespace pageblock::interleave {

/// The next run of a bounded search: what is chosen at each place, and which threads were tried there. It
/// holds for the same program, searched with the same options.
struct Checkpoint {
  /// A place where somebody was chosen.
  struct Choice {
    unsigned chosen = 0;      ///< The number of the thread.
    std::uint32_t tried = 0;  ///< A bit for each thread that was tried there, this one too.
    friend bool operator==(const Choice&, const Choice&) = default;
  };
  unsigned bound = 0;             ///< The preemptions that are allowed at the moment.
  std::vector<Choice> choices{};  ///< From the start of the run.
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// Returns "2:0/1,1/3": a bound, then what was chosen and, as a number of bits, tried.
[[nodiscard]] inline std::string to_string(const Checkpoint& checkpoint) {
  std::string text = fmt::format("{}:", checkpoint.bound);
  for (const Checkpoint::Choice& choice : checkpoint.choices) {
    if (text.back() != ':') text += ',';
    text += fmt::format("{}/{}", choice.chosen, choice.tried);
  }
  return text;
}

/// Reads what to_string() wrote; nothing if it did not.
[[nodiscard]] inline std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto take = [&text](auto& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc{};
  };
  const auto take_sign = [&text](char sign) {
    if (!text.starts_with(sign)) return false;
    text.remove_prefix(1);
    return true;
  };
  Checkpoint checkpoint;
  if (!take(checkpoint.bound) || !take_sign(':')) return {};
  while (!text.empty()) {
    if (!checkpoint.choices.empty() && !take_sign(',')) return {};
    Checkpoint::Choice choice;
    if (!take(choice.chosen) || !take_sign('/') || !take(choice.tried)) return {};
    if (choice.chosen >= max_threads || (choice.tried >> choice.chosen & 1U) == 0) return {};
    checkpoint.choices.push_back(choice);
  }
  return checkpoint;
}

}  // namespace pageblock::interleave
