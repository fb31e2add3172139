// SPDX-License-Identifier: MIT
/// Access to what is stored of one page.
///
/// Layer:  mm.
/// Kernel: struct page.
#pragma once

#include <atomic>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/semantics.hpp"
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

// Links are stored as their difference (modulo 2^32) from what population writes, so that memory
// that was never touched reads as that. v3.6 adds each largest chunk at the head of its list, so the
// next one is below; v6.1 at the tail, so it is above. This is how far.
template <ZoneConfig Config>
inline constexpr PageLinks::Index populated_next = [] {
  constexpr auto step = static_cast<PageLinks::Index>(Geometry<Config>::max_order_nr_pages);
  return Config::semantics.move_to == ListEnd::head ? 0 - step : step;
}();

}  // namespace detail

/// Where the state of one page is stored: looked up once, read and written often. Valid until the
/// memory map is assigned to or destroyed.
template <ZoneConfig Config>
class PageSlot {
 public:
  using Index = detail::PageLinks::Index;

  PageSlot() = default;
  PageSlot(Index page, std::uint16_t& bits, detail::PageLinks& links)
      : bits_{&bits}, links_{&links}, page_{page} {}

  [[nodiscard]] PageBits bits() const {
    return PageBits{detail::read_once<is_shared<Config>>(*bits_)};
  }
  void set_bits(PageBits bits) { detail::write_once<is_shared<Config>>(*bits_, bits.raw()); }

  /// The neighbours of a chunk head on its list; at the ends, the chunk itself.
  [[nodiscard]] Index next() const { return links_->next + page_ + populated_next; }
  [[nodiscard]] Index prev() const { return links_->prev + page_ - populated_next; }
  void set_next(Index page) {
    detail::write_once<is_shared<Config>>(links_->next, page - page_ - populated_next);
  }
  void set_prev(Index page) { links_->prev = page - page_ + populated_next; }

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

  /// False if nothing is stored of the page by itself yet.
  explicit operator bool() const { return bits_ != nullptr; }

 private:
  static constexpr Index populated_next = detail::populated_next<Config>;

  std::uint16_t* bits_ = nullptr;
  detail::PageLinks* links_ = nullptr;
  Index page_ = 0;
};

}  // namespace pageblock
