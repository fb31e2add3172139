// SPDX-License-Identifier: MIT
/// Chunks that somebody holds, 4 bytes each.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/pfn.hpp"

namespace pageblock {

/// A chunk by its first page and its order.
struct Chunk {
  Pfn pfn{};
  Order order{};
  friend bool operator==(const Chunk&, const Chunk&) = default;
};

namespace detail {

// A chunk's first page is a multiple of its size, so twice its number ends in more zeros than its order
// says, and a bit set there tells the order:
//
//     page 12 of order 2:   1 1 0 0 | 0    ->   1 1 1 0 0
//
// Pages are counted from a base that is a multiple of the largest chunk, up to 2^31 of them (8 TiB).
class ChunkCode {
 public:
  explicit ChunkCode(Pfn base) : base_{base} {}

  [[nodiscard]] std::uint32_t encode(const Chunk& chunk) const {
    return static_cast<std::uint32_t>((chunk.pfn - base_) << 1 | chunk.order.nr_pages());
  }
  [[nodiscard]] Chunk decode(std::uint32_t code) const {
    const Order order{static_cast<unsigned>(std::countr_zero(code))};
    return {base_ + ((code ^ order.nr_pages()) >> 1), order};
  }

 private:
  Pfn base_;
};

// A queue that also gives up what lies in its midst, where the youngest takes its place.
class ChunkRing {
 public:
  [[nodiscard]] std::size_t size() const { return behind_ - head_; }
  [[nodiscard]] bool empty() const { return behind_ == head_; }
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const {
    return ring_[(head_ + i) & mask()];
  }

  void push(std::uint32_t code) {
    if (size() == ring_.size()) grow();
    ring_[behind_++ & mask()] = code;
  }
  std::uint32_t pop_oldest() { return ring_[head_++ & mask()]; }
  std::uint32_t pop_newest() { return ring_[--behind_ & mask()]; }
  std::uint32_t pop(std::size_t i) {
    std::uint32_t& place = ring_[(head_ + i) & mask()];
    const std::uint32_t code = place;
    place = pop_newest();
    return code;
  }

 private:
  [[nodiscard]] std::size_t mask() const { return ring_.size() - 1; }

  void grow() {
    std::vector<std::uint32_t> larger(ring_.empty() ? 64 : ring_.size() * 2);
    for (std::size_t i = 0; i < size(); ++i) larger[i] = (*this)[i];
    behind_ = size();
    head_ = 0;
    ring_.swap(larger);
  }

  std::vector<std::uint32_t> ring_;  // a power of two of places
  std::size_t head_ = 0;
  std::size_t behind_ = 0;
};

}  // namespace detail
}  // namespace pageblock
