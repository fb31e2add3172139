// SPDX-License-Identifier: MIT
/// Page frame numbers, orders and ranges of page frames.
///
/// Layer:  base.
/// Kernel: `unsigned long pfn`, `unsigned int order` everywhere in mm/.
#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "pageblock/base/version.hpp"

namespace pageblock {

/// The binary logarithm of a number of pages: a chunk of order o has 2^o pages.
class Order {
 public:
  constexpr Order() = default;
  /// An order: 2 to the power of @p value pages, at most 63.
  explicit constexpr Order(unsigned value) : value_{value} {}

  /// Returns the order as a number.
  [[nodiscard]] constexpr unsigned value() const { return value_; }

  /// Returns 2^order.
  [[nodiscard]] constexpr std::uint64_t nr_pages() const { return std::uint64_t{1} << value_; }

  constexpr Order& operator++() {
    ++value_;
    return *this;
  }
  constexpr Order& operator--() {
    --value_;
    return *this;
  }
  friend constexpr auto operator<=>(Order, Order) = default;
  friend constexpr Order operator+(Order order, unsigned n) { return Order{order.value_ + n}; }
  friend constexpr Order operator-(Order order, unsigned n) { return Order{order.value_ - n}; }

 private:
  unsigned value_ = 0;
};

/// A page frame number. Pfn - Pfn is a count of pages, Pfn + count is a Pfn, Pfn + Pfn is an error.
class Pfn {
 public:
  constexpr Pfn() = default;
  /// The page with this number.
  explicit constexpr Pfn(std::uint64_t value) : value_{value} {}

  /// Returns the page's number.
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

  /// Returns the first pfn of the naturally aligned chunk of @p order that holds this pfn.
  [[nodiscard]] constexpr Pfn align_down(Order order) const {
    return Pfn{value_ & ~(order.nr_pages() - 1)};
  }
  /// Returns the lowest pfn >= this one that is a multiple of 2^order.
  [[nodiscard]] constexpr Pfn align_up(Order order) const {
    return Pfn{(value_ + order.nr_pages() - 1) & ~(order.nr_pages() - 1)};
  }
  /// Returns whether a chunk of @p order may begin here.
  [[nodiscard]] constexpr bool is_aligned(Order order) const { return *this == align_down(order); }

  /// Returns the largest order at which this pfn is aligned, @p limit at most.
  [[nodiscard]] constexpr Order max_aligned_order(Order limit) const {
    const auto zeros = static_cast<unsigned>(std::countr_zero(value_));
    return Order{zeros < limit.value() ? zeros : limit.value()};
  }

  /// Returns the first pfn of the other half of the chunk of order + 1.
  [[nodiscard]] constexpr Pfn buddy(Order order) const { return Pfn{value_ ^ order.nr_pages()}; }

  constexpr Pfn& operator++() {
    ++value_;
    return *this;
  }
  constexpr Pfn& operator+=(std::uint64_t pages) {
    value_ += pages;
    return *this;
  }
  friend constexpr auto operator<=>(Pfn, Pfn) = default;
  friend constexpr Pfn operator+(Pfn pfn, std::uint64_t pages) { return Pfn{pfn.value_ + pages}; }
  friend constexpr Pfn operator-(Pfn pfn, std::uint64_t pages) { return Pfn{pfn.value_ - pages}; }
  friend constexpr std::uint64_t operator-(Pfn end, Pfn start) { return end.value_ - start.value_; }

 private:
  std::uint64_t value_ = 0;
};

/// A pfn or none, in one register, for paths where the two words of std::optional<Pfn> would be
/// stored and read again. No page has the largest number, which says none.
class OptionalPfn {
 public:
  constexpr OptionalPfn() = default;
  /// A page: so that functions that may have none return either.
  constexpr OptionalPfn(Pfn pfn) : pfn_{pfn} {}  // NOLINT(google-explicit-constructor)

  /// Returns whether there is a page.
  [[nodiscard]] constexpr bool has_value() const { return pfn_ != none; }
  [[nodiscard]] explicit constexpr operator bool() const { return has_value(); }
  /// Requires: there is one.
  [[nodiscard]] constexpr Pfn operator*() const { return pfn_; }
  /// Returns the page, or @p other if there is none.
  [[nodiscard]] constexpr Pfn value_or(Pfn other) const { return has_value() ? pfn_ : other; }

  operator std::optional<Pfn>() const {  // NOLINT(google-explicit-constructor)
    return *this ? std::optional{pfn_} : std::nullopt;
  }
  friend constexpr bool operator==(OptionalPfn, OptionalPfn) = default;
  friend constexpr bool operator==(OptionalPfn a, Pfn b) { return a.pfn_ == b; }
  // Without it, std::optional's own comparison would take an OptionalPfn for a value.
  friend bool operator==(const OptionalPfn& a, const std::optional<Pfn>& b) {
    return std::optional<Pfn>{a} == b;
  }

 private:
  static constexpr Pfn none{~std::uint64_t{0}};
  Pfn pfn_ = none;
};

/// The half-open range [start, end) of page frames.
struct PfnRange {
  Pfn start;  ///< The first page.
  Pfn end;    ///< The page behind the last one.

  /// Returns whether there is no page in it.
  [[nodiscard]] constexpr bool empty() const { return end <= start; }
  /// Returns how many pages it has.
  [[nodiscard]] constexpr std::uint64_t nr_pages() const { return empty() ? 0 : end - start; }
  /// Returns whether @p pfn is one of them.
  [[nodiscard]] constexpr bool contains(Pfn pfn) const { return start <= pfn && pfn < end; }
  friend constexpr bool operator==(const PfnRange&, const PfnRange&) = default;
};

namespace detail {

/// The pages of a chunk, as a change of a counter.
[[nodiscard]] constexpr std::int64_t nr_pages_of(Order order) {
  return static_cast<std::int64_t>(order.nr_pages());
}

}  // namespace detail
}  // namespace pageblock

template <>
struct std::hash<pageblock::Pfn> {
  std::size_t operator()(pageblock::Pfn pfn) const noexcept {
    return std::hash<std::uint64_t>{}(pfn.value());
  }
};

/// A pfn prints as its number; the format specification is that of an integer ("{:#x}").
template <>
struct fmt::formatter<pageblock::Pfn> : formatter<std::uint64_t> {
  template <typename FormatContext>
  auto format(pageblock::Pfn pfn, FormatContext& ctx) const {
    return formatter<std::uint64_t>::format(pfn.value(), ctx);
  }
};

template <>
struct fmt::formatter<pageblock::Order> : formatter<unsigned> {
  template <typename FormatContext>
  auto format(pageblock::Order order, FormatContext& ctx) const {
    return formatter<unsigned>::format(order.value(), ctx);
  }
};

/// A range prints as "[start, end)"; the specification applies to both numbers.
template <>
struct fmt::formatter<pageblock::PfnRange> : formatter<std::uint64_t> {
  template <typename FormatContext>
  auto format(const pageblock::PfnRange& range, FormatContext& ctx) const {
    // Not format_to(): every file that prints a range would compile fmt's engine.
    put(ctx, "[");
    ctx.advance_to(formatter<std::uint64_t>::format(range.start.value(), ctx));
    put(ctx, ", ");
    ctx.advance_to(formatter<std::uint64_t>::format(range.end.value(), ctx));
    put(ctx, ")");
    return ctx.out();
  }

 private:
  template <typename FormatContext>
  static void put(FormatContext& ctx, std::string_view text) {
    ctx.advance_to(std::copy(text.begin(), text.end(), ctx.out()));
  }
};
