// SPDX-License-Identifier: MIT
/// Random numbers that follow from where they are used, not from what was drawn before.
///
/// Layer:  lab.
/// Kernel: none.
///
/// The generator is Philox4x32 with ten rounds (Salmon and others, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011), which C++26 has as std::philox4x32. It is a function of a key and a counter:
///
///     key      seed, 64 bits
///     counter  index of the draw, 48 bits | stream, 16 bits | point, 32 bits | replica, 32 bits
///
/// So point 7 of a sweep draws the same numbers whichever task computes it, and whatever the others drew.
/// All that is made of them is integer arithmetic: the same bytes with every compiler, on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/contract.hpp"

namespace pageblock {

/// Which numbers: those of a run of one point of a sweep.
struct RandomKey {
  std::uint64_t seed = 0;     ///< Of the experiment.
  std::uint32_t point = 0;    ///< Of the grid.
  std::uint32_t replica = 0;  ///< The how manieth run of that point.
  friend bool operator==(const RandomKey&, const RandomKey&) = default;
};

/// The four words of a counter, and of what Philox makes of it.
using PhiloxBlock = std::array<std::uint32_t, 4>;

/// Returns Philox4x32-10 of @p counter.
[[nodiscard]] constexpr PhiloxBlock philox(PhiloxBlock counter, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xd2511f53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xcd9e8d57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ k1,
               static_cast<std::uint32_t>(a)};
    k0 += 0x9e3779b9U;
    k1 += 0xbb67ae85U;
  }
  return counter;
}

namespace detail {

// The upper half of a product of 128 bits.
[[nodiscard]] constexpr std::uint64_t upper_product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t low = 0xffffffff;
  const std::uint64_t middle = (a >> 32) * (b & low) + (((a & low) * (b & low)) >> 32);
  const std::uint64_t other = (a & low) * (b >> 32) + (middle & low);
  return (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32);
}

// The logarithm to base 2 of a number from 1 on, times 2^16, rounded down: a bit for each squaring.
[[nodiscard]] constexpr std::uint64_t log2_fixed(std::uint64_t number) {
  const int whole = 63 - std::countl_zero(number);
  std::uint64_t log = static_cast<std::uint64_t>(whole) << 16;
  std::uint64_t mantissa = whole > 31 ? number >> (whole - 31) : number << (31 - whole);
  for (unsigned bit = 16; bit-- != 0;) {
    mantissa = (mantissa * mantissa) >> 31;
    if (mantissa < (std::uint64_t{1} << 32)) continue;
    mantissa >>= 1;
    log |= std::uint64_t{1} << bit;
  }
  return log;
}

}  // namespace detail

/// Draws numbers one after the other. Streams of one key are independent of each other.
class CounterRandom {
 public:
  explicit CounterRandom(const RandomKey& key, std::uint16_t stream = 0)
      : key_{key}, stream_{stream} {}

  /// Returns 64 random bits.
  std::uint64_t operator()() {
    if (nr_drawn_ % 2 == 0) {
      const std::uint64_t index = nr_drawn_ / 2;
      block_ = philox({static_cast<std::uint32_t>(index),
                       static_cast<std::uint32_t>(index >> 32) | std::uint32_t{stream_} << 16,
                       key_.point, key_.replica},
                      key_.seed);
    }
    const std::size_t half = nr_drawn_++ % 2 * 2;
    return block_[half] | std::uint64_t{block_[half + 1]} << 32;
  }

  /// Returns a number from 0 to @p limit - 1, each as likely as any other (to one in 2^64 / limit).
  /// Requires: limit is not 0.
  std::uint64_t below(std::uint64_t limit) {
    bug_on(limit == 0, "no number is below 0");
    return detail::upper_product((*this)(), limit);
  }

  /// Returns true with a probability of @p thousandths.
  bool chance(std::uint64_t thousandths) { return below(1000) < thousandths; }

  /// Returns a number that is distributed exponentially, rounded down, with this @p mean before that.
  /// Requires: mean is at most 2^25.
  std::uint64_t exponential(std::uint64_t mean) {
    constexpr std::uint64_t ln2 = 45'426;  // times 2^16
    bug_on(mean > std::uint64_t{1} << 25, "the mean is too large");
    const std::uint64_t bits = (std::uint64_t{64} << 16) - detail::log2_fixed((*this)() | 1);
    return (bits * ln2 >> 16) * mean >> 16;
  }

  /// Returns how many numbers were drawn.
  [[nodiscard]] std::uint64_t nr_drawn() const { return nr_drawn_; }

 private:
  RandomKey key_;
  std::uint16_t stream_;
  std::uint64_t nr_drawn_ = 0;
  PhiloxBlock block_{};
};

}  // namespace pageblock
