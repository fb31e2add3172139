// SPDX-License-Identifier: MIT
/// What the counters of a zone say, where nobody knows its pages: as in a report of a failed
/// allocation, or in /proc/zoneinfo and /proc/buddyinfo.
///
/// Layer:  mm.
/// Kernel: zone->vm_stat[], zone->_watermark[], zone->lowmem_reserve[], free_area[].nr_free.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/semantics.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Some migratetypes.
class TypeSet {
 public:
  constexpr TypeSet() = default;
  /// Returns the set of all types.
  [[nodiscard]] static constexpr TypeSet all() { return TypeSet{(1U << nr_migratetypes) - 1}; }

  /// Adds a type.
  constexpr void add(MigrateType type) { bits_ |= 1U << index_of(type); }
  /// Returns whether @p type is in it.
  [[nodiscard]] constexpr bool has(MigrateType type) const {
    return (bits_ >> index_of(type) & 1U) != 0;
  }
  /// Returns whether nothing is in it.
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(TypeSet, TypeSet) = default;

 private:
  explicit constexpr TypeSet(unsigned bits) : bits_{bits} {}
  unsigned bits_ = 0;
};

/// The free chunks of one order: how many, and which types have at least one.
struct FreeChunks {
  std::uint64_t count = 0;         ///< How many chunks.
  TypeSet types = TypeSet::all();  ///< On lists of which types there are any.
  friend bool operator==(const FreeChunks&, const FreeChunks&) = default;
};

/// The counters of a zone, in pages.
struct ZoneCounts {
  std::uint64_t managed = 0;   ///< Pages that the allocator has.
  std::uint64_t free = 0;      ///< NR_FREE_PAGES.
  std::uint64_t free_cma = 0;  ///< NR_FREE_CMA_PAGES.
  /// Of the blocks for urgent requests, if it is known: else all of their pages are taken to be free.
  std::optional<std::uint64_t> free_highatomic{};
  /// Without the boost, which is part of pressure.
  Watermarks watermarks{};
  ZonePressure pressure{};  ///< What reclaim says of the zone.
  /// By the kernel's own numbers of zones; it counts zones that this machine does not have, too.
  std::vector<std::uint64_t> lowmem_reserve{};
  /// By order; empty if they are not known.
  std::vector<FreeChunks> chunks{};

  /// Returns the sum of the chunks.
  [[nodiscard]] std::uint64_t nr_listed_pages() const {
    std::uint64_t pages = 0;
    for (std::size_t order = 0; order < chunks.size(); ++order) {
      pages += chunks[order].count << order;
    }
    return pages;
  }

  /// Returns the largest order that has a chunk.
  [[nodiscard]] std::optional<Order> largest() const {
    for (std::size_t order = chunks.size(); order-- > 0;) {
      if (chunks[order].count != 0) return Order{static_cast<unsigned>(order)};
    }
    return std::nullopt;
  }

  friend bool operator==(const ZoneCounts&, const ZoneCounts&) = default;
};

/// The rules of a kernel for counters, whatever the geometry: chunks of order 19 at most, as larger
/// ones are in no kernel.
template <const Semantics& rules>
struct CountersConfig : DefaultConfig {
  static constexpr unsigned max_order = 20;
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = rules;
  using Lock = NullLock;
};

/// Lets the rules of a kernel be applied to counters. They must outlive it.
template <ZoneConfig Config_ = DefaultConfig>
class ZoneCounters : public Geometry<Config_> {
 public:
  using Config = Config_;

  /// Counters that @p counts holds, which must outlive it.
  explicit ZoneCounters(const ZoneCounts& counts) : counts_{&counts} {}

  /// Returns the counts.
  [[nodiscard]] const ZoneCounts& counts() const { return *counts_; }
  /// Returns the pages that the allocator has.
  [[nodiscard]] std::uint64_t managed_pages() const { return counts_->managed; }
  /// Reports do not all say more: where nothing is managed, there is nothing.
  [[nodiscard]] std::uint64_t present_pages() const { return counts_->managed; }
  /// Returns NR_FREE_PAGES.
  [[nodiscard]] std::int64_t nr_free_pages() const { return detail::marked_pages(counts_->free); }
  /// Returns NR_FREE_CMA_PAGES.
  [[nodiscard]] std::int64_t nr_free_cma_pages() const {
    return detail::marked_pages(counts_->free_cma);
  }
  /// Returns the free pages of the HighAtomic reserve.
  [[nodiscard]] std::int64_t nr_free_highatomic() const {
    return detail::marked_pages(
        counts_->free_highatomic.value_or(counts_->pressure.nr_reserved_highatomic));
  }
  /// Returns the watermarks.
  [[nodiscard]] const Watermarks& watermarks() const { return counts_->watermarks; }
  /// Returns what reclaim says of the zone.
  [[nodiscard]] const ZonePressure& pressure() const { return counts_->pressure; }

  /// Returns the free chunks of @p order; 0 above the largest that the counters know.
  [[nodiscard]] std::uint64_t nr_free(Order order) const {
    const auto at = static_cast<std::size_t>(order.value());
    return at < counts_->chunks.size() ? counts_->chunks[at].count : 0;
  }

  /// Returns what a request whose highest zone is number @p classzone_idx must leave free here.
  /// Zones above the last that the counters know are like that one: they have no memory.
  [[nodiscard]] std::uint64_t lowmem_reserve(std::size_t classzone_idx) const {
    const auto& reserve = counts_->lowmem_reserve;
    return reserve.empty() ? 0 : reserve[std::min(classzone_idx, reserve.size() - 1)];
  }

 private:
  const ZoneCounts* counts_;
};

/// Returns whether a chunk of this type and at least this order is free.
template <ZoneConfig Config>
[[nodiscard]] bool has_free_chunk(const ZoneCounters<Config>& zone, Order least, MigrateType type) {
  const auto& chunks = zone.counts().chunks;
  return std::any_of(chunks.begin() + static_cast<std::ptrdiff_t>(
                                          std::min<std::size_t>(least.value(), chunks.size())),
                     chunks.end(), [type](const FreeChunks& of_order) {
                       return of_order.count != 0 && of_order.types.has(type);
                     });
}

}  // namespace pageblock
