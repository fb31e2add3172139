// SPDX-License-Identifier: MIT
/// Goes through the pages of a zone and says what each is.
///
/// Layer:  lab.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// What a page is, as far as instruments tell pages apart.
enum class PageLook : std::uint8_t {
  free,       ///< In a free chunk.
  listed,     ///< On a per-CPU list.
  movable,    ///< In use, and on an LRU list.
  unmovable,  ///< In use otherwise.
  unknown,    ///< In use; files do not say how. No page of a zone is.
  hole,       ///< No memory.
};

/// Pages one behind the other that look alike, or a free chunk as far as it reaches into what was
/// asked for.
struct LookRun {
  Pfn start;
  std::uint64_t nr_pages = 0;
  PageLook look = PageLook::hole;
  bool is_head = false;  ///< A free chunk begins here.
  friend bool operator==(const LookRun&, const LookRun&) = default;
};

/// Looks at a zone's pages from one upward. Pages in use that are on no LRU list count as unmovable,
/// all others in use as movable. What is outside the zone is a hole.
/// Locking:  none; the zone must not change meanwhile.
template <ZoneConfig Config>
class PageScan {
 public:
  PageScan(const Zone<Config>& zone, Pfn start) : zone_{zone}, pfn_{start} {
    if (zone.spans(start)) find_head();
  }

  /// Returns the next run, which ends at @p end or before. Requires: end is above where it is.
  [[nodiscard]] LookRun next(Pfn end) {
    const bool is_head = left_ == 0;
    if (left_ == 0) begin(end);
    const std::uint64_t nr_pages = std::min(left_, end - pfn_);
    const LookRun run{pfn_, nr_pages, look_, is_head && look_ == PageLook::free};
    pfn_ = pfn_ + nr_pages;
    left_ -= nr_pages;
    return run;
  }

 private:
  // The first page may lie inside what begins before it: a chunk, or an allocation that says how far
  // it reaches.
  void find_head() {
    for (unsigned order = 1; order < Config::max_order; ++order) {
      const Pfn head = pfn_.align_down(Order{order});
      if (head == pfn_ || !zone_.spans(head)) continue;
      const PageBits bits = zone_.memmap().bits(head);
      if (!has_order(bits) || head + bits.order().nr_pages() <= pfn_) continue;
      look_ = look_of_page(bits);
      left_ = head + bits.order().nr_pages() - pfn_;
      return;
    }
  }

  void begin(Pfn end) {
    if (!zone_.spans(pfn_)) {
      look_ = PageLook::hole;
      left_ = pfn_ < zone_.start_pfn() ? std::min(zone_.start_pfn(), end) - pfn_ : end - pfn_;
      return;
    }
    const PageBits bits = zone_.memmap().bits(pfn_);
    look_ = look_of_page(bits);
    left_ = has_order(bits) ? std::min(bits.order().nr_pages(), zone_.end_pfn() - pfn_) : 1;
  }

  [[nodiscard]] static bool has_order(PageBits bits) {
    return bits.has(PageBits::buddy) || bits.is_sized();
  }

  // What is on no list and has no count is on a per-CPU list.
  [[nodiscard]] PageLook look_of_page(PageBits bits) const {
    if (!bits.is_valid()) return PageLook::hole;
    if (bits.has(PageBits::buddy)) return PageLook::free;
    if (bits.has(PageBits::reserved)) return PageLook::unmovable;
    if (!bits.has(PageBits::in_use)) return PageLook::listed;
    const bool can_move = bits.has(PageBits::lru) || zone_.type() == ZoneType::movable;
    return can_move ? PageLook::movable : PageLook::unmovable;
  }

  const Zone<Config>& zone_;
  Pfn pfn_;
  std::uint64_t left_ = 0;  // pages of what begin() has seen
  PageLook look_ = PageLook::hole;
};

}  // namespace pageblock
