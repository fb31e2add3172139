// SPDX-License-Identifier: MIT
/// What replaying a file came to.
#pragma once

#include <cstdint>
#include <string>

namespace conformance {

struct Outcome {
  /// Lines replayed with an equal result and, where the file has one, an equal hash.
  std::uint64_t operations = 0;
  std::uint64_t hashes = 0;
  std::uint64_t dumps = 0;
  std::uint64_t events = 0;
  /// The first difference or unreadable line, in words; empty if there is none.
  std::string difference;
};

}  // namespace conformance
