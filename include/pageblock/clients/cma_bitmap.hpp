// SPDX-License-Identifier: MIT
/// Which parts of a CMA area somebody has.
///
/// Layer:  clients.
/// Kernel: cma->bitmap, bitmap_find_next_zero_area_off() (lib/bitmap.c).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// A row of bits, all clear at first.
class CmaBitmap {
 public:
  CmaBitmap() = default;
  /// @p nr_bits bits, all clear.
  explicit CmaBitmap(std::uint64_t nr_bits) : nr_bits_{nr_bits}, words_((nr_bits + 63) / 64) {}

  /// Returns the number of bits.
  [[nodiscard]] std::uint64_t size() const { return nr_bits_; }
  /// Returns whether @p bit is set.
  [[nodiscard]] bool test(std::uint64_t bit) const {
    return (words_[bit / 64] >> bit % 64 & 1) != 0;
  }

  /// Returns the number of bits that are set.
  [[nodiscard]] std::uint64_t weight() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : words_) sum += static_cast<std::uint64_t>(std::popcount(word));
    return sum;
  }

  /// Sets or clears @p nr bits from @p start.
  void set(std::uint64_t start, std::uint64_t nr, bool value) {
    for (std::uint64_t bit = start; bit < start + nr;) {
      const std::uint64_t in_word = std::min(64 - bit % 64, start + nr - bit);
      const std::uint64_t mask =
          (in_word == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << in_word) - 1) << bit % 64;
      std::uint64_t& word = words_[bit / 64];
      word = value ? word | mask : word & ~mask;
      bit += in_word;
    }
  }

  /// Returns the first bit from @p start that is set, or clear; size() if there is none.
  [[nodiscard]] std::uint64_t find_next(std::uint64_t start, bool value) const {
    while (start < nr_bits_) {
      const std::uint64_t word = value ? words_[start / 64] : ~words_[start / 64];
      const std::uint64_t rest = word >> start % 64;
      if (rest != 0) {
        return std::min(nr_bits_, start + static_cast<std::uint64_t>(std::countr_zero(rest)));
      }
      start += 64 - start % 64;
    }
    return nr_bits_;
  }

  /// Returns the first place from @p start where @p nr bits are clear and the place plus @p offset is a
  /// multiple of @p mask + 1; nothing if there is none.
  /// Requires: mask + 1 is a power of two; nr != 0.
  [[nodiscard]] std::optional<std::uint64_t> find_next_zero_area(std::uint64_t start,
                                                                 std::uint64_t nr,
                                                                 std::uint64_t mask,
                                                                 std::uint64_t offset) const {
    while (true) {
      start = find_next(start, false);
      start = ((start + offset + mask) & ~mask) - offset;
      if (start >= nr_bits_ || nr_bits_ - start < nr) return std::nullopt;
      const std::uint64_t set = find_next(start, true);
      if (set >= start + nr) return start;
      start = set + 1;
    }
  }

  friend bool operator==(const CmaBitmap&, const CmaBitmap&) = default;

 private:
  std::uint64_t nr_bits_ = 0;
  std::vector<std::uint64_t> words_{};
};

}  // namespace pageblock
