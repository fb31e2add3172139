// SPDX-License-Identifier: MIT
/// What is stored of each page: the memory map's storage.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page. The kernel has one record of 64 bytes for each page; here is as
///         little as the page needs, in two tiers:
///
///     block           0      1      2      3      4      5      6      7
///                 +------+------+------+------+------+------+------+------+
///     blocks      | head |      | head | used | head |      |      |      |   12 bytes a block
///                 +------+------+--|---+------+------+------+------+------+
///     records?       no     no     |yes    no     no     no     no     no
///     cover          0      0      |       0      0      0    hole   hole     of the other pages
///                                  v
///     pages                     | 8 | 9 |10 |11 |                             10 bytes a page
///
/// Chunks of a block or more are linked through the block tier, smaller ones through the page tier:
/// a list has chunks of one order, so it never changes tiers. As long as the pages of a block but for
/// its first are all alike (inner pages of a chunk, in use, a hole ...), they need no records: the
/// block's entry says what the first page is, and the cover what the others are. The first that
/// differs gives all pages of the block records, for good. From then on these are what counts; the
/// block's entry says only whether a chunk of a block or more begins there.
///
/// So a new zone, and work on whole blocks, touch no pages. The system hands out zeros when they are
/// touched, and of most blocks little ever is: the block tier is stored as its difference from what
/// population leaves (chunks of the largest order, each between its neighbours on the movable list),
/// so that a new zone touches no blocks either.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_slot.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

namespace detail {

// Population frees all memory when a zone is made. v3.6 adds each largest chunk at the head of its
// list, so the next one is below; v6.1 at the tail, so it is above. This is how far.
template <ZoneConfig Config>
inline constexpr PageLinks::Index populated_next = [] {
  constexpr auto step = static_cast<PageLinks::Index>(Geometry<Config>::max_order_nr_pages);
  return Config::semantics.move_to == ListEnd::head ? 0 - step : step;
}();

}  // namespace detail

/// Where the state of a chunk is stored: of one that is smaller than a block by page, else by block.
enum class Tier { pages, blocks };

/// Names a tier in a call, so that the compiler knows it.
template <Tier tier>
using InTier = std::integral_constant<Tier, tier>;
/// The tier of chunks smaller than a block.
inline constexpr InTier<Tier::pages> in_pages{};
/// The tier of blocks and larger chunks.
inline constexpr InTier<Tier::blocks> in_blocks{};

/// Calls @p work with in_pages or in_blocks, whichever chunks of @p order are stored in.
template <ZoneConfig Config, typename Work>
[[gnu::always_inline]] inline decltype(auto) in_tier_of(Order order, Work work) {
  return order < Geometry<Config>::pageblock_order ? work(in_pages) : work(in_blocks);
}

/// The records of the pages of a zone, and what may be done with each. A pfn given here lies in
/// [base, end): the zone, widened to whole chunks of the largest order, so that a buddy needs no
/// bounds check; what is not in the zone is a hole.
///
/// Threads: a page's state is changed under zone->lock, or by whoever owns the page (a per-CPU list
/// under its lock, a user). Bits may be read without a lock. Records are made under zone->lock.
template <ZoneConfig Config>
class PageRecords {
 public:
  using Blocks = Geometry<Config>;

  /// A page, counted from base(). Bits below the largest order are those of the pfn, so buddies and
  /// alignment are the same.
  using Index = detail::PageLinks::Index;

 protected:
  using Links = detail::PageLinks;

  /// What can be known of a page.
  struct Meaning {
    std::uint16_t bits = 0;
    Links links;
    friend bool operator==(const Meaning&, const Meaning&) = default;
  };

 public:
  PageRecords() = default;

  /// Makes the map of [start_pfn, start_pfn + spanned_pages), every whole largest chunk as
  /// population leaves it: linked to its neighbours, though no list begins or ends there yet
  /// (FreeLists::add_populated). The caller describes what is not so. Throws std::bad_alloc.
  PageRecords(Pfn start_pfn, std::uint64_t spanned_pages)
      : PageRecords{start_pfn.align_down(Blocks::top_order),
                    (start_pfn + spanned_pages).align_up(Blocks::top_order)} {
    zone_start_ = index(start_pfn);
  }

  PageRecords(const PageRecords& other) : PageRecords{other.base_, other.end()} {
    zone_start_ = other.zone_start_;
    states_.copy(other.states_, 0, nr_blocks());
    covers_.copy(other.covers_, 0, nr_blocks());
    blocks_.copy(other.blocks_, 0, nr_blocks());
    block_links_.copy(other.block_links_, 0, nr_blocks());
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (states_[b] == unrecorded) continue;
      const std::size_t page = first_page(b);
      std::copy_n(&other.bits_[page], Blocks::pageblock_nr_pages, &bits_[page]);
      links_.copy(other.links_, page, page + Blocks::pageblock_nr_pages);
    }
  }
  PageRecords(PageRecords&& other) noexcept { swap(other); }
  PageRecords& operator=(PageRecords other) noexcept {
    swap(other);
    return *this;
  }
  ~PageRecords() = default;

  /// The first pfn of the map and the one behind its last: multiples of the largest chunk.
  [[nodiscard]] Pfn base() const { return base_; }
  [[nodiscard]] Pfn end() const { return base_ + nr_pages_; }

  /// The zone's first page.
  [[nodiscard]] Index zone_start() const { return zone_start_; }

  [[nodiscard]] bool contains(Pfn pfn) const { return pfn - base_ < nr_pages_; }
  [[nodiscard]] Index index(Pfn pfn) const { return static_cast<Index>(pfn - base_); }
  [[nodiscard]] Pfn pfn(Index page) const { return base_ + page; }

  [[nodiscard, gnu::always_inline]] PageBits bits(Pfn pfn) const { return bits_of(index(pfn)); }
  [[nodiscard, gnu::always_inline]] PageBits bits_of(Index page) const {
    const Index b = block_of(page);
    if (has_records(b)) return bits_of(in_pages, page);
    return is_first(page) ? bits_of(in_blocks, page) : cover_of(b);
  }

  void set_bits(Pfn pfn, PageBits bits) {
    const Index page = index(pfn);
    if (is_first(page)) return set_bits(in_blocks, page, bits);
    make_records(pfn);
    set_bits(in_pages, page, bits);
  }

  // The same in one tier: of a page that has a record, or that is the first of its block.

  template <Tier t>
  [[nodiscard, gnu::always_inline]] PageBits bits_of(InTier<t> tier, Index page) const {
    if constexpr (tier == Tier::pages) return PageBits{read(bits_[page])};
    const auto raw = read(blocks_[block_of(page)]);
    // Nothing was stored, and only every so many blocks does a largest chunk begin.
    if (raw == 0 && (page & (Blocks::max_order_nr_pages - 1)) != 0) return {};
    return PageBits{static_cast<std::uint16_t>(raw ^ populated_head.raw())};
  }
  template <Tier t>
  [[gnu::always_inline]] void set_bits(InTier<t> tier, Index page, PageBits bits) {
    if constexpr (tier == Tier::blocks) {
      write(blocks_[block_of(page)], static_cast<std::uint16_t>(bits.raw() ^ populated_head.raw()));
      if (!has_records(block_of(page))) return;
    }
    write(bits_[page], bits.raw());
  }

  // The neighbours of a chunk head on its list; at the ends, the chunk itself.

  template <Tier t>
  [[nodiscard, gnu::always_inline]] Index next(InTier<t> tier, Index page) const {
    if constexpr (tier == Tier::pages) return links_[page].next;
    return block_links_[block_of(page)].next + page + populated_next;
  }
  template <Tier t>
  [[nodiscard, gnu::always_inline]] Index prev(InTier<t> tier, Index page) const {
    if constexpr (tier == Tier::pages) return links_[page].prev;
    return block_links_[block_of(page)].prev + page - populated_next;
  }
  template <Tier t>
  [[gnu::always_inline]] void set_next(InTier<t> tier, Index page, Index next) {
    if constexpr (tier == Tier::pages) {
      write(links_[page].next, next);  // elsewhere a count that is read without a lock
    } else {
      block_links_[block_of(page)].next = next - page - populated_next;
    }
  }
  template <Tier t>
  [[gnu::always_inline]] void set_prev(InTier<t> tier, Index page, Index prev) {
    if constexpr (tier == Tier::pages) {
      links_[page].prev = prev;
    } else {
      block_links_[block_of(page)].prev = prev - page + populated_next;
    }
  }
  [[nodiscard]] Pfn next(Pfn pfn) const { return base_ + links_of(index(pfn)).next; }
  [[nodiscard]] Pfn prev(Pfn pfn) const { return base_ + links_of(index(pfn)).prev; }

  using Slot = PageSlot<Config>;

  /// Returns whether the page has a record.
  [[nodiscard]] bool is_recorded(Index page) const { return has_records(block_of(page)); }

  /// Returns the record of a page; makes it if there is none. Locking: the caller holds zone->lock.
  [[nodiscard]] Slot slot(Index page) {
    make_records(pfn(page));
    return {bits_[page], links_[page]};
  }

  /// Fetches the record of a page into the cache.
  void prefetch(Index page) const {
    __builtin_prefetch(&links_[page]);
    __builtin_prefetch(&bits_[page]);
  }

  /// Returns whether the page's state is stored for itself: in its own record, or as the first page
  /// of a block.
  [[nodiscard]] bool has_record(Pfn pfn) const {
    return is_first(index(pfn)) || is_recorded(index(pfn));
  }

  /// Gives the pages of the block that holds @p pfn their own records.
  /// Locking: the caller holds zone->lock.
  void make_records(Pfn pfn) {
    const Index b = block_of(index(pfn));
    if (!has_records(b)) [[unlikely]]
      make_records_of(b);
  }

  /// The same before chunks smaller than a block are added to lists in it.
  void prepare_to_add(Pfn pfn) {
    const Index b = block_of(index(pfn));
    if (read(states_[b]) == recorded) [[likely]]
      return;
    make_records(pfn);
    set_state(b, recorded);
  }

  /// Returns whether the chunks of the block at @p pfn that are smaller than a block are all on lists
  /// of one type, and on each side by side, in the order in which FreeLists::move() leaves them. Who
  /// has moved a whole block says so; it holds until a chunk is added in the block, since chunks that
  /// are taken away leave the others side by side, and others are added at the ends of lists only.
  [[nodiscard]] bool is_run(Pfn pfn) const { return read(states_[block_of(index(pfn))]) == run; }
  void set_run(Pfn pfn) { set_state(block_of(index(pfn)), run); }

  /// Returns the number of blocks that have records.
  [[nodiscard]] std::size_t nr_records() const {
    return states_.size() -
           static_cast<std::size_t>(std::ranges::count(states_.span(), unrecorded));
  }

  /// Calls report(pfn, text) for each block, named by its first page, of which it is not clear what
  /// its pages are.
  template <typename Report>
  void check_storage(Report report) const {
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (cover_of(b).has(PageBits::buddy)) {
        report(pfn_of(b), "the cover says that inner pages are chunk heads");
      }
      if (states_[b] > run) report(pfn_of(b), "it is not known whether its pages have records");
      const PageBits first = bits_of(first_page(b));
      const PageBits entry = bits_of(in_blocks, first_page(b));
      if (is_block_chunk(first) != is_block_chunk(entry) ||
          (is_block_chunk(first) && first != entry)) {
        report(pfn_of(b), "its entry and the record of its first page name different chunks");
      }
    }
  }

 protected:
  static constexpr std::uint64_t tail_pages = Blocks::pageblock_nr_pages - 1;

  /// Returns @p b, or behind how many blocks from there population's traces are all there is, in @p other
  /// too. They are passed so many at a time: much of a large zone is never touched.
  [[nodiscard]] Index pass_untouched(Index b, const PageRecords& other) const {
    constexpr Index at_once = 256;
    if (b % at_once != 0) return b;
    const auto are_untouched = [&b](const PageRecords& map) {
      const Index end = b + at_once;
      return end <= map.nr_blocks() && map.states_.is_zero(b, end) && map.covers_.is_zero(b, end) &&
             map.blocks_.is_zero(b, end) && map.block_links_.is_zero(b, end);
    };
    while (are_untouched(*this) && (&other == this || are_untouched(other))) b += at_once;
    return b;
  }

  /// What the first page of block @p b is after population: where a largest chunk begins, its head.
  /// (At the ends of the map there is no neighbour: add_populated() says so.)
  [[nodiscard]] static constexpr Meaning populated(Index b) {
    const Index page = first_page(b);
    if ((page & (Blocks::max_order_nr_pages - 1)) != 0) return {};
    return {populated_head.raw(), {page + populated_next, page - populated_next}};
  }
  static constexpr auto populated_head = PageBits::chunk(Blocks::top_order, MigrateType::movable);
  static constexpr Index populated_next = detail::populated_next<Config>;

  // What states_ says of a block: whether its pages have records, and whether is_run().
  static constexpr std::uint8_t unrecorded = 0;
  static constexpr std::uint8_t recorded = 1;
  static constexpr std::uint8_t run = 2;

  [[nodiscard]] static constexpr bool is_block_chunk(PageBits bits) {
    return bits.has(PageBits::buddy) && bits.order() >= Blocks::pageblock_order;
  }

  template <typename T>
  [[nodiscard]] static T read(const T& from) {
    return detail::read_once<is_shared<Config>>(from);
  }
  template <typename T>
  static void write(T& to, std::type_identity_t<T> value) {
    detail::write_once<is_shared<Config>>(to, value);
  }

  [[nodiscard]] static constexpr bool is_first(Index page) { return (page & tail_pages) == 0; }
  [[nodiscard]] static constexpr Index block_of(Index page) {
    return page >> Config::pageblock_order;
  }
  [[nodiscard]] static constexpr Index first_page(Index b) { return b << Config::pageblock_order; }
  [[nodiscard]] Index nr_blocks() const {
    return static_cast<Index>(nr_pages_ >> Config::pageblock_order);
  }
  [[nodiscard]] Pfn pfn_of(Index b) const { return base_ + first_page(b); }

  // Pairs with the publication in make_records_of(): a page may be read while its neighbour's first
  // difference makes their records.
  [[nodiscard]] bool has_records(Index b) const {
    return detail::read_acquire<is_shared<Config>>(states_[b]) != unrecorded;
  }

  void set_state(Index b, std::uint8_t state) {
    detail::write_release<is_shared<Config>>(states_[b], state);
  }

  // What the other pages of a block are as long as they have no records.
  [[nodiscard]] PageBits cover_of(Index b) const { return PageBits{read(covers_[b])}; }
  void set_cover(Index b, PageBits bits) { write(covers_[b], bits.raw()); }

  [[gnu::noinline, gnu::cold]] void make_records_of(Index b) {
    const Index first = first_page(b);
    write(bits_[first], bits_of(in_blocks, first).raw());
    if (const PageBits cover = cover_of(b); cover != PageBits{}) {
      for (Index i = 1; i <= tail_pages; ++i) write(bits_[first + i], cover.raw());
    }
    set_state(b, recorded);
  }

  // Of a chunk head.
  [[nodiscard]] Links links_of(Index page) const {
    if (is_first(page) && is_block_chunk(bits_of(page))) {
      return {next(in_blocks, page), prev(in_blocks, page)};
    }
    return links_[page];
  }

  void swap(PageRecords& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(nr_pages_, other.nr_pages_);
    std::swap(zone_start_, other.zone_start_);
    std::swap(blocks_, other.blocks_);
    std::swap(block_links_, other.block_links_);
    std::swap(states_, other.states_);
    std::swap(covers_, other.covers_);
    std::swap(bits_, other.bits_);
    std::swap(links_, other.links_);
  }

  Pfn base_{};
  std::uint64_t nr_pages_ = 0;
  Index zone_start_ = 0;

  // Of each block.
  detail::ZeroedArray<std::uint16_t> blocks_;  // its first page, as the difference from population
  detail::ZeroedArray<Links> block_links_;     // the same
  detail::ZeroedArray<std::uint8_t> states_;   // whether its pages have records
  detail::ZeroedArray<std::uint16_t> covers_;  // its other pages, as long as they have none
  // Of each page.
  detail::ZeroedArray<std::uint16_t> bits_;
  detail::ZeroedArray<Links> links_;

 private:
  PageRecords(Pfn base, Pfn end)
      : base_{base},
        nr_pages_{end - base},
        blocks_(nr_blocks()),
        block_links_(nr_blocks()),
        states_(nr_blocks()),
        covers_(nr_blocks()),
        bits_(nr_pages_),
        links_(nr_pages_) {}
};

}  // namespace pageblock
