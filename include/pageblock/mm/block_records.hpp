/// The records of the pages of one pageblock, and access to what is stored of one page.
///
/// Layer:  mm.
/// Kernel: struct page.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
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

// The pages of one block. Offset 0 is never written: that page is in the block's descriptor.
template <ZoneConfig Config>
struct BlockRecords {
  static constexpr auto nr_pages = static_cast<std::size_t>(Geometry<Config>::pageblock_nr_pages);

  std::array<PageLinks, nr_pages> links;
  std::array<std::uint16_t, nr_pages> bits;
  PageLinks::Index block;

  // The bits that any page of the chunk at this offset has, but for its first.
  [[nodiscard, gnu::noinline]] PageBits any_of_tail(std::size_t at, Order order) const {
    const auto nr = static_cast<std::size_t>(order.nr_pages());
    std::uint16_t any = 0;
    if constexpr (is_shared<Config>) {
      for (std::size_t i = at + 1; i < at + nr; ++i) any |= read_once<true>(bits[i]);
    } else {
      // As many pages at a time as fit in one instruction; those around a small chunk do not count.
      constexpr auto step = static_cast<std::uint16_t>(std::min<std::size_t>(nr_pages, 32));
      const std::uint16_t* const from = &bits[at & ~std::size_t{step - 1U}];
      const auto first = static_cast<std::uint16_t>((at & (step - 1U)) + 1);
      const auto nr_here = static_cast<std::uint16_t>(std::min<std::size_t>(nr, step) - 1);
      for (std::uint16_t i = 0; i < step; ++i) {
        const bool is_in = static_cast<std::uint16_t>(i - first) < nr_here;
        any |= static_cast<std::uint16_t>(from[i] & (is_in ? 0xffff : 0));
      }
      for (std::size_t i = step; i < nr; ++i) any |= from[i];
    }
    return PageBits{any};
  }

  // The pages [start, end) are all in this block, and the first page is not among them.
  template <typename Predicate>
  [[nodiscard]] Pfn find_if(Pfn start, Pfn end, Predicate predicate) const {
    const std::uint16_t* const from = &bits[start.value() & (nr_pages - 1)];
    const auto nr = static_cast<std::size_t>(end - start);
    std::size_t i = 0;
    if constexpr (!is_shared<Config>) {  // many pages in one instruction
      constexpr std::size_t step = 256;
      const auto has_none = [&](std::size_t at) {
        std::uint16_t found = 0;
        for (std::size_t k = at; k < at + step; ++k) {
          found |= static_cast<std::uint16_t>(predicate(PageBits{from[k]}));
        }
        return found == 0;
      };
      while (i + step <= nr && has_none(i)) i += step;
      // The last pages, some of them once more.
      if (nr >= step && nr - i < step && has_none(nr - step)) return end;
    }
    while (i < nr && !predicate(PageBits{read_once<is_shared<Config>>(from[i])})) ++i;
    return start + i;
  }
};

}  // namespace detail

/// Where the state of one page is stored: looked up once, read and written often. Valid until the
/// memory map is assigned to or destroyed.
template <ZoneConfig Config>
class PageSlot {
 public:
  using Index = detail::PageLinks::Index;

  PageSlot() = default;
  PageSlot(std::uint16_t& bits, detail::PageLinks& links) : bits_{&bits}, links_{&links} {}

  [[nodiscard]] PageBits bits() const {
    return PageBits{detail::read_once<is_shared<Config>>(*bits_)};
  }
  void set_bits(PageBits bits) { detail::write_once<is_shared<Config>>(*bits_, bits.raw()); }

  /// The neighbours of a chunk head on its list; at the ends, the chunk itself. Of a page that is
  /// PageBits::shared, next is the count.
  [[nodiscard]] Index next() const { return detail::read_once<is_shared<Config>>(links_->next); }
  [[nodiscard]] Index prev() const { return links_->prev; }
  void set_next(Index page) { detail::write_once<is_shared<Config>>(links_->next, page); }
  void set_prev(Index page) { links_->prev = page; }

  /// Adds a reference to a page in use. Locking: the caller holds zone->lock.
  void get() {
    if (bits().has(PageBits::shared)) {
      std::atomic_ref{links_->next}.fetch_add(1, std::memory_order_relaxed);
    } else {  // the caller's is the only reference
      set_next(2);
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
  std::uint16_t* bits_ = nullptr;
  detail::PageLinks* links_ = nullptr;
};

}  // namespace pageblock
