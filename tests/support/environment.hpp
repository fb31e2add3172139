// SPDX-License-Identifier: MIT
/// What a person asks of a test that runs for as long as one likes.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace pageblock::test {

/// Returns the number in an environment variable, or nothing if it is not set. Throws if it is no
/// number: what was asked for would not be what runs.
[[nodiscard]] inline std::optional<std::uint64_t> number_in_environment(const char* name) {
  const char* const set = std::getenv(name);
  if (set == nullptr) return std::nullopt;
  const std::string_view text{set};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) {
    throw std::invalid_argument{std::string{name} + " is no number above 0: " + set};
  }
  return number;
}

}  // namespace pageblock::test
