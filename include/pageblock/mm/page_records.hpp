// SPDX-License-Identifier: MIT
/// What is stored of each page: the memory map's storage.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page. The kernel has one record of 64 bytes for each page; here are two
///         arrays, of bits and of links (or counts), 10 bytes a page. The first page of each
///         pageblock is in front, so that work on whole blocks finds what it needs side by side:
///
///     blocks        0   1   2   ...         0                     1                     2
///               +---+---+---+-----+---+---------------------+---------------------+---------------
///               | 0 | 4 | 8 | ... |   | - | 1 | 2 | 3 |   - | 5 | 6 | 7 |   - | 9 | ...
///               +---+---+---+-----+---+---------------------+---------------------+---------------
///               first pages of blocks   the other pages, here of blocks of four; - and the space
///                                       between the parts are never used
///
/// The system hands out zeros when they are touched, and of most blocks little ever is. The other
/// pages of a block, its tails, share one value, the cover (inner pages of a chunk: 0; reserved;
/// hole; ...), until one of them differs; from then on each has a record, for good. (Two more arrays
/// have an entry for each block: its cover, and whether its tails have records.) Links are stored as
/// their difference from what population writes, which frees all memory when a zone is made: chunks
/// of the largest order, each between its neighbours on the movable list. So these need not be
/// touched. Chunks of a block or more have only first pages of blocks as heads, so a new zone and
/// work on whole blocks touch no tails.
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

  // What can be known of a page.
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
                    (start_pfn + spanned_pages).align_up(Blocks::top_order)} {}

  PageRecords(const PageRecords& other) : PageRecords{other.base_, other.end()} {
    covers_ = other.covers_;
    has_records_ = other.has_records_;
    for (Index b = 0; b < nr_blocks(); ++b) bits_[b] = other.bits_[b];
    links_.copy(other.links_, 0, nr_blocks());
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (has_records_[b] == 0) continue;
      std::copy_n(&other.bits_[first_tail(b)], tail_pages, &bits_[first_tail(b)]);
      links_.copy(other.links_, first_tail(b), first_tail(b) + tail_pages);
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

  [[nodiscard]] bool contains(Pfn pfn) const { return pfn - base_ < nr_pages_; }
  [[nodiscard]] Index index(Pfn pfn) const { return static_cast<Index>(pfn - base_); }
  [[nodiscard]] Pfn pfn(Index page) const { return base_ + page; }

  [[nodiscard, gnu::always_inline]] PageBits bits(Pfn pfn) const { return bits_of(index(pfn)); }
  [[nodiscard, gnu::always_inline]] PageBits bits_of(Index page) const {
    if (!is_stored(page)) [[unlikely]]
      return cover_of(block_of(page));
    return stored_bits_of(page);
  }

  /// The same of a page that is the first of its block or has a record.
  [[nodiscard, gnu::always_inline]] PageBits stored_bits_of(Index page) const {
    return PageBits{read(bits_[at(page)])};
  }

  using Slot = PageSlot<Config>;

  /// Returns the slot of a page, or an empty one if its block has no records yet: slot() makes them,
  /// under zone->lock.
  [[nodiscard]] Slot find_slot(Index page) {
    if (!is_stored(page)) [[unlikely]]
      return {};
    return head_slot(page);
  }

  /// Returns the slot of a page. Locking: the caller holds zone->lock.
  [[nodiscard]] Slot slot(Index page) {
    if (!is_stored(page)) [[unlikely]]
      make_records_of(block_of(page));
    return head_slot(page);
  }

  /// The same for a page that is the first of its block or has a record, as every chunk head.
  [[nodiscard, gnu::always_inline]] Slot head_slot(Index page) {
    return {page, bits_[at(page)], links_[at(page)]};
  }

  /// The same for the head of a chunk of order @p least or above. From a block upward it begins a
  /// block; that saves a question where the compiler knows @p least.
  [[nodiscard, gnu::always_inline]] Slot head_slot(Index page, Order least) {
    if (least < Blocks::pageblock_order) return head_slot(page);
    return {page, bits_[block_of(page)], links_[block_of(page)]};
  }

  /// The same for a page that has a record and is not the first of its block.
  [[nodiscard, gnu::always_inline]] Slot tail_slot(Index page) {
    return {page, bits_[tails_ + page], links_[tails_ + page]};
  }

  /// Fetches what is stored of a page into the cache.
  void prefetch(Index page) const {
    __builtin_prefetch(&links_[at(page)]);
    __builtin_prefetch(&bits_[at(page)]);
  }

  void set_bits(Pfn pfn, PageBits bits) { slot(index(pfn)).set_bits(bits); }

  /// The neighbours of a chunk head on its list; at the ends, the chunk itself.
  [[nodiscard]] Pfn next(Pfn pfn) const { return base_ + links_of(index(pfn)).next; }
  [[nodiscard]] Pfn prev(Pfn pfn) const { return base_ + links_of(index(pfn)).prev; }

  /// Returns whether the page's state is stored for itself: in its own record, or as the first page
  /// of a block.
  [[nodiscard]] bool has_record(Pfn pfn) const { return is_stored(index(pfn)); }

  /// Gives the pages of the block that holds @p pfn their own records.
  /// Locking: the caller holds zone->lock.
  void make_records(Pfn pfn) {
    const Index b = block_of(index(pfn));
    if (!has_records(b)) [[unlikely]]
      make_records_of(b);
  }

  /// Returns the number of blocks that have records.
  [[nodiscard]] std::size_t nr_records() const {
    return static_cast<std::size_t>(std::ranges::count(has_records_.span(), std::uint8_t{1}));
  }

  /// Calls report(pfn, text) for each block, named by its first page, of which it is not clear what
  /// its pages are.
  template <typename Report>
  void check_storage(Report report) const {
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (cover_of(b).has(PageBits::buddy)) {
        report(pfn_of(b), "the cover says that inner pages are chunk heads");
      }
      if (has_records_[b] > 1) report(pfn_of(b), "it is not known whether its pages have records");
    }
  }

 protected:
  static constexpr std::uint64_t tail_pages = Blocks::pageblock_nr_pages - 1;

  /// What the first page of block @p b is after population: where a largest chunk begins, its head.
  /// (At the ends of the map there is no neighbour: add_populated() says so.)
  [[nodiscard]] static constexpr Meaning populated(Index b) {
    constexpr Index step = detail::populated_next<Config>;
    if (b % blocks_per_chunk != 0) return {};
    const Index page = b << Config::pageblock_order;
    return {populated_head.raw(), {page + step, page - step}};
  }
  static constexpr auto populated_head = PageBits::chunk(Blocks::top_order, MigrateType::movable);
  static constexpr auto blocks_per_chunk =
      static_cast<Index>(Blocks::max_order_nr_pages >> Config::pageblock_order);

  template <typename T>
  [[nodiscard]] static T read(const T& from) {
    return detail::read_once<is_shared<Config>>(from);
  }
  template <typename T>
  static void write(T& to, std::type_identity_t<T> value) {
    detail::write_once<is_shared<Config>>(to, value);
  }

  [[nodiscard]] static constexpr bool is_first(Index page) { return offset_of(page) == 0; }
  [[nodiscard]] static constexpr std::size_t offset_of(Index page) { return page & tail_pages; }
  [[nodiscard]] static constexpr Index block_of(Index page) {
    return page >> Config::pageblock_order;
  }
  [[nodiscard]] Index nr_blocks() const {
    return static_cast<Index>(nr_pages_ >> Config::pageblock_order);
  }
  [[nodiscard]] Pfn pfn_of(Index b) const {
    return base_ + (std::uint64_t{b} << Config::pageblock_order);
  }

  // Where a page is in both arrays. Without a branch, since nothing tells whether the next chunk
  // begins a block.
  [[nodiscard]] std::size_t at(Index page) const {
    const std::size_t as_first = block_of(page);
    const std::size_t as_tail = tails_ + page;
    return is_first(page) ? as_first : as_tail;
  }
  [[nodiscard]] std::size_t first_tail(Index b) const {
    return tails_ + (std::size_t{b} << Config::pageblock_order) + 1;
  }
  [[nodiscard]] bool is_stored(Index page) const {
    return is_first(page) || has_records(block_of(page));
  }

  // Pairs with the publication in make_records_of(): a page may be read while its neighbour's first
  // difference makes their records.
  [[nodiscard]] bool has_records(Index b) const {
    return detail::read_acquire<is_shared<Config>>(has_records_[b]) != 0;
  }

  // What the other pages of a block are as long as they have no records.
  [[nodiscard]] PageBits cover_of(Index b) const { return PageBits{read(covers_[b])}; }
  void set_cover(Index b, PageBits bits) { write(covers_[b], bits.raw()); }

  [[gnu::noinline, gnu::cold]] void make_records_of(Index b) {
    if (const PageBits cover = cover_of(b); cover != PageBits{}) {
      for (std::size_t i = 0; i < tail_pages; ++i) write(bits_[first_tail(b) + i], cover.raw());
    }
    detail::write_release<is_shared<Config>>(has_records_[b], 1);
  }

  // Of a page that is stored; the map is not changed.
  [[nodiscard]] const Slot slot_of(Index page) const {
    return const_cast<PageRecords*>(this)->head_slot(page);
  }
  [[nodiscard]] Links links_of(Index page) const {
    return {slot_of(page).next(), slot_of(page).prev()};
  }

  void swap(PageRecords& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(nr_pages_, other.nr_pages_);
    std::swap(tails_, other.tails_);
    std::swap(bits_, other.bits_);
    std::swap(links_, other.links_);
    std::swap(has_records_, other.has_records_);
    std::swap(covers_, other.covers_);
  }

  Pfn base_{};
  std::uint64_t nr_pages_ = 0;
  std::size_t tails_ = 0;  // where in the arrays the other pages begin

  detail::ZeroedArray<std::uint16_t> bits_;
  detail::ZeroedArray<Links> links_;
  detail::ZeroedArray<std::uint8_t> has_records_;  // of each block, whether its other pages have
  detail::ZeroedArray<std::uint16_t> covers_;      // of each block

 private:
  PageRecords(Pfn base, Pfn end)
      : base_{base},
        nr_pages_{end - base},
        // The pages of a block lie as they would by themselves, for instructions on many at once.
        tails_{(std::size_t{nr_blocks()} + 63) & ~std::size_t{63}},
        bits_(nr_pages_ == 0 ? 0 : tails_ + nr_pages_),
        links_(nr_pages_ == 0 ? 0 : tails_ + nr_pages_),
        has_records_(nr_blocks()),
        covers_(nr_blocks()) {
    for (Index b = 0; b < nr_blocks(); b += blocks_per_chunk) bits_[b] = populated_head.raw();
  }
};

}  // namespace pageblock
