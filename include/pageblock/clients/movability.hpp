// SPDX-License-Identifier: MIT
/// Which pages can be moved, and who is told where they went.
///
/// Layer:  clients.
/// Kernel: none; what mm/migrate.c finds out about a page when it tries.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <unordered_map>

#include "pageblock/base/pfn.hpp"
#include "pageblock/isolation/refusal.hpp"

namespace pageblock {

/// What a page on an LRU list is, as far as that decides how it leaves a range. The last two are on no such list
/// in the kernel, but move as well, by ways of their own; put them on one here. v3.6 cannot move them: there
/// leave them off.
enum class InUseKind : std::uint8_t {
  anon,        ///< Memory of a program.
  file,        ///< Page cache.
  file_clean,  ///< Page cache that need not be written: later kernels drop it from contiguous ranges.
  ksm,         ///< Shared by KSM: v3.6 does not move it out of contiguous ranges.
  mlocked,     ///< Locked in memory: v3.6 does not move it out of contiguous ranges.
  hugetlb,     ///< A huge page of hugetlbfs, a compound page: it is tried before all that is not.
  driver,      ///< Of a driver that moves it itself (movable_ops): a balloon's, zsmalloc's.
};

/// What keeps a page from being moved.
enum class Hindrance : std::uint8_t {
  none,
  pinned,     ///< A reference that is no page table's. The try fails.
  locked,     ///< Who moves it tries again, and waits in the end.
  writeback,  ///< The same.
  off_lru,    ///< Somebody has taken it off its LRU list: it is not seen.
  refuses,    ///< The try fails for good.
  stuck,      ///< Locked for ever: who moves it waits for ever. The model gives up with -EINTR.
};

/// When a page is asked what hinders it: once at each look for pages to move (off_lru counts then, and
/// pinned where that is seen), and at each try once when it is locked (locked, writeback, stuck) and, if
/// that is no hindrance, once when it is moved (pinned, refuses).
enum class MoveStep : std::uint8_t { collect, lock, move };

/// Who knows the pages. moved() is told the first page of what has moved, of 2^order pages, and where it is
/// now; nothing if it was dropped. A policy with state is passed as an lvalue.
template <typename P>
concept PageMovability = requires(std::remove_reference_t<P>& pages, Pfn pfn, OptionalPfn to,
                                  Order order, MoveStep step) {
  { pages.kind(pfn) } -> std::same_as<InUseKind>;
  { pages.hindrance(pfn, step) } -> std::same_as<Hindrance>;
  pages.moved(pfn, to, order);
};

/// All pages on LRU lists move, and nobody wants to know. Inherit from it and override what differs.
struct AllMove {
  /// Returns that all pages are anonymous memory.
  [[nodiscard]] static InUseKind kind(Pfn) { return InUseKind::anon; }
  /// Returns that nothing is in the way.
  [[nodiscard]] static Hindrance hindrance(Pfn, MoveStep) { return Hindrance::none; }
  /// Does nothing.
  static void moved(Pfn, OptionalPfn, Order) {}
};

/// No page is tried, and no memory is taken for copies: what is in use stays.
struct NothingMoves : AllMove {};

/// Pages that do not simply move, by their first pfn; all others do.
class StubbornPages : public AllMove {
 public:
  /// As a number of tries: it never moves.
  static constexpr std::uint32_t for_ever = ~std::uint32_t{0};

  /// What is known of a page.
  struct Stubborn {
    Hindrance hindrance = Hindrance::none;  ///< What is in the way.
    /// How many tries it lasts; of off_lru, how many looks.
    std::uint32_t times = for_ever;
    InUseKind kind = InUseKind::anon;  ///< What the page holds.
  };

  /// Is told where pages went.
  std::function<void(Pfn, OptionalPfn, Order)> on_moved{};

  /// Makes the page at @p pfn stubborn.
  void set(Pfn pfn, const Stubborn& stubborn) { pages_[pfn] = stubborn; }
  /// Lets the page at @p pfn move again.
  void release(Pfn pfn) { pages_.erase(pfn); }

  /// Returns what the page holds.
  [[nodiscard]] InUseKind kind(Pfn pfn) const {
    const auto found = find(pfn);
    return found == pages_.end() ? InUseKind::anon : found->second.kind;
  }
  /// Returns what is in the way, and counts the try.
  [[nodiscard]] Hindrance hindrance(Pfn pfn, MoveStep step) {
    const auto found = find(pfn);
    if (found == pages_.end() || found->second.times == 0) return Hindrance::none;
    Stubborn& page = found->second;
    const MoveStep decides = step_of(page.hindrance);
    if (step == MoveStep::collect && page.hindrance == Hindrance::pinned) return page.hindrance;
    if (step != decides) return Hindrance::none;
    if (page.times != for_ever) --page.times;
    return page.hindrance;
  }
  /// Notes where the page went.
  void moved(Pfn from, OptionalPfn to, Order order) {
    if (const auto found = find(from); found != pages_.end()) {
      if (to) pages_[*to] = {Hindrance::none, 0, found->second.kind};
      pages_.erase(from);
    }
    if (on_moved) on_moved(from, to, order);
  }

 private:
  using Map = std::unordered_map<Pfn, Stubborn>;
  [[nodiscard]] Map::const_iterator find(Pfn pfn) const {
    return pages_.empty() ? pages_.end() : pages_.find(pfn);
  }
  [[nodiscard]] Map::iterator find(Pfn pfn) {
    return pages_.empty() ? pages_.end() : pages_.find(pfn);
  }
  [[nodiscard]] static MoveStep step_of(Hindrance hindrance) {
    switch (hindrance) {
      case Hindrance::off_lru:
        return MoveStep::collect;
      case Hindrance::locked:
      case Hindrance::writeback:
      case Hindrance::stuck:
        return MoveStep::lock;
      default:
        return MoveStep::move;
    }
  }

  Map pages_;
};

namespace detail {

// Whether pages can be tried at all.
template <typename Pages>
inline constexpr bool may_migrate = !std::derived_from<std::remove_cvref_t<Pages>, NothingMoves>;

// How a record names what hindered a page.
[[nodiscard]] constexpr Reason reason_for(Hindrance hindrance) {
  switch (hindrance) {
    case Hindrance::pinned:
      return Reason::pinned;
    case Hindrance::locked:
    case Hindrance::stuck:
      return Reason::locked;
    case Hindrance::writeback:
      return Reason::writeback;
    case Hindrance::off_lru:
      return Reason::off_lru;
    case Hindrance::refuses:
      return Reason::refuses;
    case Hindrance::none:
      break;
  }
  return Reason::lru;
}

}  // namespace detail
}  // namespace pageblock
