// SPDX-License-Identifier: MIT
/// A page of a zone, as users see it.
///
/// Layer:  mm.
/// Kernel: struct page, page_count(), PageBuddy(), PageLRU(), page_private() and so on.
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "pageblock/base/config.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"

namespace pageblock {

template <ZoneConfig Config>
class Zone;

/// A handle to a page: its zone and pfn. Cheap to copy; valid while the zone is neither moved nor
/// destroyed. It asks; what changes a page is a function with the kernel's name that takes the
/// zone.
template <ZoneConfig Config>
class Page {
 public:
  /// The page @p pfn of @p zone, which must outlive it.
  Page(const Zone<Config>& zone, Pfn pfn) : zone_{&zone}, pfn_{pfn} {}

  /// Returns its number.
  [[nodiscard]] Pfn pfn() const { return pfn_; }

  /// A page can be given as an argument where a pfn is asked for.
  operator Pfn() const { return pfn_; }  // NOLINT(google-explicit-constructor)

  /// Returns its zone.
  [[nodiscard]] const Zone<Config>& zone() const { return *zone_; }

  /// Returns the references to the page. 0: free, on a per-CPU list, a tail of an allocation of
  /// higher order, offline or lost.
  [[nodiscard]] std::uint32_t count() const { return zone_->memmap().count(pfn_); }

  /// Returns whether the page is the head of a chunk on a free list; then order() is its order and
  /// list_type() the list, which can differ from the type of the page's block.
  [[nodiscard]] bool is_buddy() const { return bits().has(PageBits::buddy); }
  /// Returns the order of the chunk that it heads.
  [[nodiscard]] Order order() const { return bits().order(); }
  /// Returns the type of the free list that it is on.
  [[nodiscard]] MigrateType list_type() const { return bits().list_type(); }

  /// Returns whether it is on an LRU list.
  [[nodiscard]] bool is_lru() const { return bits().has(PageBits::lru); }
  /// Returns whether it is reserved.
  [[nodiscard]] bool is_reserved() const { return bits().has(PageBits::reserved); }

  /// Returns the word that the kernel keeps in the page: a chunk head's order; on a per-CPU list
  /// the number of the migratetype it will be drained to; else whatever was left there.
  [[nodiscard]] unsigned page_private() const { return bits().page_private(); }

  friend bool operator==(const Page&, const Page&) = default;

 private:
  [[nodiscard]] PageBits bits() const { return zone_->memmap().bits(pfn_); }

  const Zone<Config>* zone_;
  Pfn pfn_;
};

/// Says in words what the page is: "page 33: in use, count 1, reserved".
template <ZoneConfig Config>
[[nodiscard]] std::string to_string(const Page<Config>& page) {
  std::string text = fmt::format("page {}: ", page.pfn());
  if (page.is_buddy()) {
    return text +
           fmt::format("head of a free chunk of order {}, {}", page.order(), page.list_type());
  }
  text += page.count() != 0 ? fmt::format("in use, count {}", page.count()) : "count 0";
  if (page.is_lru()) text += ", lru";
  if (page.is_reserved()) text += ", reserved";
  return text;
}

}  // namespace pageblock

template <pageblock::ZoneConfig Config>
struct fmt::formatter<pageblock::Page<Config>> : pageblock::detail::ToStringFormatter {};
