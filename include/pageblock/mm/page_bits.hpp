// SPDX-License-Identifier: MIT
/// What a zone remembers of one page besides its links: 16 bits.
///
/// Layer:  mm.
/// Kernel: page->flags, the type word that marks a buddy, page_private()
/// (include/linux/mm_types.h).
#pragma once

#include <cstdint>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"

namespace pageblock {

namespace detail {

// Whether an allocation of several pages can be one page to its users: not in v3.6, where the word in
// the page that would say so must stay what it was.
template <typename Config>
inline constexpr bool has_compound_pages = Config::semantics.compound_pages;

// The largest order of what can be allocated: of a compound page that is a contiguous range, what is written
// in its first page.
template <typename Config>
inline constexpr Order largest_order{Config::semantics.contig_compound ? 31
                                                                       : Config::max_order - 1};

}  // namespace detail

/// The state of a page. All bits zero: valid memory with count 0 that is no chunk head. So are, but
/// for their private, the inner pages of chunks, pages on per-CPU lists, and those of an allocation
/// behind its first.
class PageBits {
 public:
  /// The head of a chunk on a free list.
  static constexpr std::uint16_t buddy = 1U << 8;
  /// Count above 0: 1, unless it is shared.
  static constexpr std::uint16_t in_use = 1U << 9;
  /// On an LRU list: movable.
  static constexpr std::uint16_t lru = 1U << 10;
  /// Not managed by the buddy allocator.
  static constexpr std::uint16_t reserved = 1U << 14;
  /// No memory behind this pfn (pfn_valid_within() is false), or not in the zone.
  static constexpr std::uint16_t hole = 1U << 12;
  /// In use, and the count is kept where a chunk head has its link to the next: it was above 1.
  static constexpr std::uint16_t shared = 1U << 13;
  /// Taken from the system by a driver, as virtio-mem does (PageOffline, v5.1).
  static constexpr std::uint16_t offline = 1U << 11;

  /// The first of an allocation that is one page to its users (a compound page), of order().
  static constexpr std::uint16_t compound = 1U << 15;

  constexpr PageBits() = default;
  explicit constexpr PageBits(std::uint16_t raw) : raw_{raw} {}

  /// Returns the bits of the head of a chunk of @p order on the free list of @p list_type.
  [[nodiscard]] static constexpr PageBits chunk(Order order, MigrateType list_type) {
    return PageBits{static_cast<std::uint16_t>(
        buddy | (static_cast<unsigned>(list_type) << list_shift) | order.value())};
  }

  /// Returns the bits of the first page of an allocation of @p order, as it is handed out.
  [[nodiscard]] static constexpr PageBits allocation(Order order) {
    return PageBits{static_cast<std::uint16_t>(in_use | sized | order.value())};
  }

  /// Whether this is the first page of what alloc_pages() gave, and order() is the order of that. It
  /// stands where private would, which is 0. No kernel remembers it, unless the page is compound, so the
  /// page means the same without it.
  [[nodiscard]] constexpr bool is_sized() const {
    return (raw_ & (in_use | sized)) == (in_use | sized);
  }

  [[nodiscard]] constexpr std::uint16_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool has(unsigned flags) const { return (raw_ & flags) != 0; }
  [[nodiscard]] constexpr bool is_valid() const { return !has(hole); }

  /// Returns whether the kernel has a page for this pfn: not where there is no memory, unless it is a
  /// reserved page beside some (Semantics::holes_are_reserved).
  [[nodiscard]] constexpr bool is_page() const { return is_valid() || has(reserved); }

  /// Returns whether this is the head of a free chunk of @p order.
  [[nodiscard]] constexpr bool is_chunk(Order order) const {
    return (raw_ & (buddy | private_mask)) == (buddy | order.value());
  }
  /// Of a chunk head, and of an allocation whose order is remembered: the order.
  [[nodiscard]] constexpr Order order() const { return Order{raw_ & private_mask}; }
  /// Of a chunk head: the list that it is on (not its block's type).
  [[nodiscard]] constexpr MigrateType list_type() const {
    return static_cast<MigrateType>((raw_ >> list_shift) & list_mask);
  }

  /// The kernel's page_private(): a chunk head's order; while on a per-CPU list and often long
  /// after it, the number of a migratetype.
  [[nodiscard]] constexpr unsigned page_private() const {
    return without_size().raw_ & private_mask;
  }
  /// The same of a page that nobody holds.
  [[nodiscard]] constexpr unsigned unused_private() const { return raw_ & private_mask; }

  /// The bits without what only the library remembers.
  [[nodiscard]] constexpr PageBits meaning() const {
    return has(compound) ? *this : without_size();
  }
  /// The bits once nobody holds the page.
  [[nodiscard]] constexpr PageBits released() const {
    return without_size().without(in_use | shared | compound);
  }

  [[nodiscard]] constexpr PageBits with(unsigned flags) const {
    return PageBits{static_cast<std::uint16_t>(raw_ | flags)};
  }
  [[nodiscard]] constexpr PageBits without(unsigned flags) const {
    return PageBits{static_cast<std::uint16_t>(raw_ & ~flags)};
  }
  [[nodiscard]] constexpr PageBits with_private(unsigned value) const {
    return PageBits{static_cast<std::uint16_t>((raw_ & ~private_mask) | value)};
  }

  friend constexpr bool operator==(PageBits, PageBits) = default;

 private:
  [[nodiscard]] constexpr PageBits without_size() const {
    return is_sized() ? without(sized | private_mask) : *this;
  }

  static constexpr unsigned private_mask = 0x1f;
  static constexpr unsigned list_shift = 5;
  static constexpr unsigned list_mask = 0x7;
  static constexpr unsigned sized = 1U << 7;  // of a page in use, which is on no list

  std::uint16_t raw_ = 0;
};

}  // namespace pageblock
