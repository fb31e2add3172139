// SPDX-License-Identifier: MIT
/// Access to the record of one page.
///
/// Layer:  mm.
/// Kernel: struct page.
#pragma once

#include <atomic>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {
namespace detail {

// A chunk head's neighbours on its list, as indices of the memory map; at the ends, the head itself.
struct PageLinks {
  using Index = std::uint32_t;
  Index next = 0;
  Index prev = 0;
  friend bool operator==(const PageLinks&, const PageLinks&) = default;
};

}  // namespace detail

/// Where the record of one page is: looked up once, read and written often. Valid until the memory
/// map is assigned to or destroyed.
template <ZoneConfig Config>
class PageSlot {
 public:
  using Index = detail::PageLinks::Index;

  PageSlot(std::uint16_t& bits, detail::PageLinks& links) : bits_{&bits}, links_{&links} {}

  [[nodiscard]] PageBits bits() const {
    return PageBits{detail::read_once<is_shared<Config>>(*bits_)};
  }
  void set_bits(PageBits bits) { detail::write_once<is_shared<Config>>(*bits_, bits.raw()); }

  /// The references to a page that is PageBits::shared: where a chunk head has its link to the next.
  /// May be asked without a lock.
  [[nodiscard]] Index count() const { return detail::read_once<is_shared<Config>>(links_->next); }
  void set_count(Index count) { detail::write_once<is_shared<Config>>(links_->next, count); }

  /// Adds a reference to a page in use. Locking: the caller holds zone->lock.
  void get() {
    if (bits().has(PageBits::shared)) {
      std::atomic_ref{links_->next}.fetch_add(1, std::memory_order_relaxed);
    } else {  // the caller's is the only reference
      set_count(2);
      set_bits(bits().with(PageBits::shared));
    }
  }

  /// Drops a reference to a page that is shared. Returns whether it was the last; then the caller
  /// clears in_use and shared. Several users may do so at once.
  [[nodiscard]] bool put_testzero() {
    // Who sees 1 is the only user, so nobody else can change it.
    return std::atomic_ref{links_->next}.load(std::memory_order_acquire) == 1 ||
           std::atomic_ref{links_->next}.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  std::uint16_t* bits_;
  detail::PageLinks* links_;
};

}  // namespace pageblock
