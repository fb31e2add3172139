// SPDX-License-Identifier: MIT
/// Many pages at once: their bits side by side, as the processor's wide instructions take them.
///
/// Layer:  mm.
/// Kernel: none; it looks at one page after the other.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock::detail {

/// Bits of @p nr pages, read for one look at them.
template <std::size_t nr>
using PageLanes = std::array<std::uint16_t, nr>;

/// Reads the bits of @p nr pages, four in one load where threads may be writing them: a relaxed load
/// each, as read_once() of one page.
/// Requires: @p from is a multiple of four pages from the start of its array.
template <bool shared, std::size_t nr>
[[gnu::always_inline]] inline PageLanes<nr> read_lanes(const std::uint16_t* from) {
  PageLanes<nr> lanes;
  if constexpr (!shared) {
    std::memcpy(lanes.data(), from, sizeof(lanes));
  } else if constexpr (nr % 16 != 0) {
    for (std::size_t i = 0; i < nr; ++i) lanes[i] = read_once(from[i]);
  } else {
    // Four loads are put together in a register: a wide look at what was stored in smaller parts would
    // wait until it has reached the cache.
    using FourPages [[gnu::may_alias]] = std::uint64_t;
    using SixteenPages [[gnu::vector_size(32)]] = std::uint64_t;
    const auto* words = reinterpret_cast<const FourPages*>(from);
    const auto load = [](const FourPages& at) { return __atomic_load_n(&at, __ATOMIC_RELAXED); };
    for (std::size_t i = 0; i < nr; i += 16, words += 4) {
      const SixteenPages pages{load(words[0]), load(words[1]), load(words[2]), load(words[3])};
      std::memcpy(&lanes[i], &pages, sizeof(pages));
    }
  }
  return lanes;
}

// Keeps a loop over fewer than eight pages, as blocks of tests have, one page at a time: GCC 12 at -O3
// makes wrong code where it takes four in one instruction.
template <std::size_t nr, typename T>
[[gnu::always_inline]] inline void one_by_one(T& sum) {
  if constexpr (nr % 8 != 0) asm volatile("" : "+r"(sum));
}

// Lets the compiler look at many pages in one instruction: calls @p look with what has the bits of
// @p nr pages as elements, the pages' own or a copy.
template <bool shared, std::size_t nr, typename Look>
[[gnu::always_inline]] inline auto look_at(const std::uint16_t* from, Look look) {
  if constexpr (!shared) return look(from);
  const PageLanes<nr> lanes = read_lanes<shared, nr>(from);
  return look(lanes.data());
}

/// Returns whether @p predicate, a function of PageBits without branches, holds of any of @p nr pages.
template <bool shared, std::size_t nr, typename Predicate>
[[nodiscard, gnu::always_inline]] inline bool any_page(const std::uint16_t* from,
                                                       Predicate predicate) {
  return look_at<shared, nr>(from, [&](const auto* pages) {
    std::uint16_t found = 0;
    for (std::size_t i = 0; i < nr; ++i) {
      found |= static_cast<std::uint16_t>(predicate(PageBits{pages[i]}) ? 0xffff : 0);
      one_by_one<nr>(found);
    }
    return found != 0;
  });
}

/// Returns of how many of @p nr pages, fewer than 2^16, it holds.
template <bool shared, std::size_t nr, typename Predicate>
[[nodiscard, gnu::always_inline]] inline std::uint16_t count_pages(const std::uint16_t* from,
                                                                   Predicate predicate) {
  return look_at<shared, nr>(from, [&](const auto* pages) {
    std::uint16_t found = 0;
    for (std::size_t i = 0; i < nr; ++i) {
      found += static_cast<std::uint16_t>(predicate(PageBits{pages[i]}) ? 1 : 0);
      one_by_one<nr>(found);
    }
    return found;
  });
}

/// Returns one bit for each page, the lowest for the first: whether @p predicate holds of it.
template <std::size_t nr, typename Predicate>
[[nodiscard, gnu::always_inline]] inline std::uint64_t mask_of(const PageLanes<nr>& lanes,
                                                               Predicate predicate) {
  static_assert(nr <= 64);
  std::uint64_t mask = 0;
  if constexpr (nr % 8 != 0 || std::endian::native != std::endian::little) {
    for (std::size_t i = 0; i < nr; ++i) {
      mask |= std::uint64_t{predicate(PageBits{lanes[i]})} << i;
      one_by_one<nr>(mask);
    }
  } else {
    std::array<std::uint8_t, nr> holds;
    for (std::size_t i = 0; i < nr; ++i) holds[i] = predicate(PageBits{lanes[i]}) ? 1 : 0;
    for (std::size_t i = 0; i < nr; i += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, &holds[i], sizeof(eight));
      // Adds up to a byte that has bit k from byte k, without a carry.
      mask |= (eight * 0x0102'0408'1020'4080U >> 56) << i;
    }
  }
  return mask;
}

}  // namespace pageblock::detail
