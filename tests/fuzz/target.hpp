// SPDX-License-Identifier: MIT
/// What every fuzz target has: the entry that libFuzzer calls, and how it says that something is
/// wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

/// Tries one input; returns 0. What must not happen ends the program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace pageblock::test {

/// Ends the program with a message, in a way that libFuzzer and ctest both notice.
[[noreturn]] inline void fail(std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "%s %s\n", std::string{what}.c_str(), std::string{detail}.c_str());
  std::abort();
}

/// The same unless @p condition is true.
inline void require(bool condition, std::string_view what, std::string_view detail = {}) {
  if (!condition) fail(what, detail);
}

/// Returns the bytes as characters.
[[nodiscard]] inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace pageblock::test
