// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: requests as a caller makes them.
#pragma once

#include <array>
#include <cstdint>

#include "model/naive_v6_allocator.hpp"

namespace pageblock::test {

/// A request as a caller makes it: the kernel's __GFP_ bits.
namespace naive_gfp {
inline constexpr unsigned movable = 0x8;
inline constexpr unsigned reclaimable = 0x10;
inline constexpr unsigned high = 0x20;
inline constexpr unsigned atomic = 0x200;
inline constexpr unsigned kswapd = 0x800;
inline constexpr unsigned memalloc = 0x20000;
inline constexpr unsigned compound = 0x40000;
inline constexpr unsigned no_memalloc = 0x80000;
}  // namespace naive_gfp

struct NaiveV6FrontDoor : NaiveV6Allocator {
  using NaiveV6Allocator::NaiveV6Allocator;

  // --- The front door, with a zone list of this one zone, for callers who cannot wait.

  [[nodiscard]] MigrateType type_of_request(unsigned gfp) const {
    if (!mobility_grouping) return MigrateType::unmovable;
    if ((gfp & naive_gfp::movable) != 0) return MigrateType::movable;
    return (gfp & naive_gfp::reclaimable) != 0 ? MigrateType::reclaimable : MigrateType::unmovable;
  }
  [[nodiscard]] unsigned cma_flag(unsigned gfp) const {
    return type_of_request(gfp) == MigrateType::movable ? naive_flags::cma : 0;
  }

  /// @p wanted is the mark that @p flags name, and more; the boost comes on top. @p top is the highest
  /// zone that the request may use.
  [[nodiscard]] bool may_allocate(unsigned order, unsigned flags, unsigned gfp, Number wanted,
                                  std::size_t top) const {
    if (watermark_ok(order, wanted + watermark_boost, top, flags)) return true;
    const bool is_urgent = rules.urgent_ignore_boost ? (flags & naive_flags::min_reserve) != 0
                                                     : (gfp & naive_gfp::atomic) != 0;
    return order == 0 && is_urgent && (flags & naive_flags::mark_mask) == 0 &&
           watermark_ok(order, min_watermark, top, flags);
  }
  [[nodiscard]] Number mark_of(unsigned flags) const {
    return std::array{min_watermark, low_watermark, high_watermark}.at(flags &
                                                                       naive_flags::mark_mask);
  }

  std::int64_t try_to_alloc(Number cpu, unsigned order, unsigned flags, unsigned gfp) {
    if (rules.lists_tune && !below_high && !may_allocate(order, flags, gfp, high_watermark, 1)) {
      below_high = true;
    }
    const bool any = (flags & naive_flags::no_watermarks) != 0;
    const bool has_plenty = rules.lists_tune && !below_high;
    if (!any && !has_plenty && !may_allocate(order, flags, gfp, mark_of(flags), 1)) return -1;
    const std::int64_t pfn = alloc(cpu, order, type_of_request(gfp), flags);
    if (pfn >= 0 && !rules.buddy_reserves && (flags & naive_flags::highatomic) != 0) {
      reserve_highatomic(static_cast<Number>(pfn), order);
    }
    return pfn;
  }

  std::int64_t alloc_pages(Number cpu, unsigned order, unsigned gfp) {
    const unsigned always = cma_flag(gfp) | (gfp & naive_gfp::kswapd);  // bit and flag are the same
    std::int64_t pfn = try_to_alloc(cpu, order, 1 | always, gfp);
    unsigned flags = always;
    const bool is_high = (gfp & naive_gfp::high) != 0;
    if (is_high) flags |= naive_flags::min_reserve;
    if ((gfp & naive_gfp::no_memalloc) == 0) {
      flags |= naive_flags::non_block;
      if (is_high && order > 0) flags |= naive_flags::highatomic;
    }
    if (pfn < 0) pfn = try_to_alloc(cpu, order, flags, gfp);
    if ((gfp & naive_gfp::memalloc) != 0 && (gfp & naive_gfp::no_memalloc) == 0) {
      flags = naive_flags::no_watermarks | always;
    }
    if (pfn < 0) pfn = try_to_alloc(cpu, order, flags, gfp);
    if (pfn >= 0 && order > 0 && (gfp & naive_gfp::compound) != 0) {
      make_compound(static_cast<Number>(pfn), order);
    }
    return pfn;
  }

  Pfns alloc_pages_bulk(Number cpu, Number nr, unsigned gfp) {
    const unsigned flags = 1 | cma_flag(gfp);
    Pfns pfns;
    if (nr > 1 && may_allocate(0, flags, gfp, low_watermark + nr, 0)) {
      pfns = alloc_bulk(cpu, type_of_request(gfp), nr, flags);
    }
    if (!pfns.empty()) return pfns;
    const std::int64_t pfn = alloc_pages(cpu, 0, gfp);
    if (pfn >= 0) pfns.push_back(static_cast<Number>(pfn));
    return pfns;
  }
};

}  // namespace pageblock::test
