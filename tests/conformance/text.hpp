// SPDX-License-Identifier: MIT
/// Text and hashes, without fmt: every geometry would compile its engine.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

namespace conformance {

/// FNV-1a, 64 bits, over the little-endian bytes of a sequence of numbers.
class Fnv {
 public:
  void add(std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (value & 0xff)) * 0x100000001b3U;
      value >>= 8;
    }
  }
  void separate() { add(~std::uint64_t{0}); }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

/// Returns one text from parts, numbers in decimal.
template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::string result;
  const auto append = [&result](const auto& part) {
    if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(part)>>) {
      result += std::to_string(part);
    } else {
      result += part;
    }
  };
  (append(parts), ...);
  return result;
}

[[nodiscard]] inline std::string hex(std::uint64_t value) {
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 0xf];
  }
  return digits;
}

}  // namespace conformance
