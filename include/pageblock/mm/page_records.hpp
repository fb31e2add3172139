/// What is stored of each page, in two levels: the memory map's storage.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page. The kernel has one record of 64 bytes for each page; here is
///
///     one descriptor for each pageblock          records, only where pages of a block differ
///     +-------------------------------+
///     | first page: bits, links       |          +--------+--------+-----+------------------+
///     | others: cover or records ------------->  | page 1 | page 2 | ... | page 2^order - 1 |
///     +-------------------------------+          +--------+--------+-----+------------------+
///                                                 10 bytes a page: bits, links or count
///
/// The descriptor *is* the record of the block's first page. The other pages share one value, the
/// cover (inner pages of a chunk: 0; reserved; hole; ...), until one of them differs; from then on
/// each has a record, for good. Chunks of a block or more have only first pages of blocks as heads,
/// so work on whole blocks makes no records, and touches none where there are none.
///
/// A descriptor of zeros stands for a block that is as population left it: part of a chunk of the
/// largest order, between its neighbours on the movable list. So a new zone touches next to
/// nothing; the first write to such a page writes down what population left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/block_records.hpp"
#include "pageblock/mm/page_bits.hpp"
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
  /// (FreeArea::add_populated). The caller describes what is not so.
  PageRecords(Pfn start_pfn, std::uint64_t spanned_pages)
      : base_{start_pfn.align_down(Blocks::top_order)},
        nr_pages_{(start_pfn + spanned_pages).align_up(Blocks::top_order) - base_},
        first_bits_(nr_blocks()),
        covers_(nr_blocks()),
        first_links_(nr_blocks()),
        records_(nr_blocks()) {}

  PageRecords(const PageRecords& other)
      : base_{other.base_},
        nr_pages_{other.nr_pages_},
        first_bits_{other.first_bits_},
        covers_{other.covers_},
        first_links_{other.first_links_},
        records_{other.records_} {
    owned_.reserve(other.owned_.size());
    for (const auto& records : other.owned_) {
      owned_.push_back(std::make_unique<Records>(*records));
      records_[records->block] = owned_.back().get();
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

  [[nodiscard]] PageBits bits(Pfn pfn) const { return bits_of(index(pfn)); }
  [[nodiscard]] PageBits bits_of(Index page) const {
    const Index b = block_of(page);
    if (is_first(page)) return PageBits{is_written(b) ? read(first_bits_[b]) : populated(b).bits};
    const Records* records = records_at(b);
    if (records == nullptr) return cover_of(b);
    return PageBits{read(records->bits[offset_of(page)])};
  }

  using Slot = PageSlot<Config>;

  /// Returns the slot of a page, false if nothing is stored of it by itself: it has no record, or
  /// is a first page as population left it.
  [[nodiscard, gnu::always_inline]] Slot find_slot(Index page) {
    const Index b = block_of(page);
    if (is_first(page)) {
      if (!is_written(b)) [[unlikely]]
        return {};
      return {first_bits_[b], first_links_[b]};
    }
    Records* const records = detail::read_acquire<is_shared<Config>>(records_[b]);
    if (records == nullptr) [[unlikely]]
      return {};
    return {records->bits[offset_of(page)], records->links[offset_of(page)]};
  }

  /// Returns the slot of a page, whose record it makes if there is none. Throws std::bad_alloc.
  /// Locking: the caller holds zone->lock.
  [[nodiscard]] Slot slot(Index page) {
    const Index b = block_of(page);
    if (!is_first(page) && records_[b] == nullptr) [[unlikely]]
      make_records_of(b);
    return head_slot(page);
  }

  /// The same for a page that has a record or is the first of a block, as every chunk head is.
  [[nodiscard]] Slot head_slot(Index page) {
    const Index b = block_of(page);
    if (is_first(page)) {
      if (!is_written(b)) [[unlikely]]
        write_down(b);
      return {first_bits_[b], first_links_[b]};
    }
    return {records_[b]->bits[offset_of(page)], records_[b]->links[offset_of(page)]};
  }

  /// Fetches what is stored of a page into the cache.
  void prefetch(Index page) const {
    if (is_first(page)) return;  // the descriptors are few
    if (const Records* records = records_at(block_of(page))) {
      __builtin_prefetch(&records->links[offset_of(page)]);
      __builtin_prefetch(&records->bits[offset_of(page)]);
    }
  }

  void set_bits(Pfn pfn, PageBits bits) { slot(index(pfn)).set_bits(bits); }

  /// The neighbours of a chunk head on its list; at the ends, the chunk itself.
  [[nodiscard]] Pfn next(Pfn pfn) const { return base_ + links_of(index(pfn)).next; }
  [[nodiscard]] Pfn prev(Pfn pfn) const { return base_ + links_of(index(pfn)).prev; }

  /// Returns whether the page's state is stored for itself: in its own record, or as the first page
  /// of a block.
  [[nodiscard]] bool has_record(Pfn pfn) const {
    return is_first(index(pfn)) || records_at(block_of(index(pfn))) != nullptr;
  }

  /// Sees to it that writing to the pages of the block that holds @p pfn needs no memory. Throws
  /// std::bad_alloc. Locking: the caller holds zone->lock.
  void make_records(Pfn pfn) {
    const Index b = block_of(index(pfn));
    if (records_[b] == nullptr) make_records_of(b);
  }

  /// Returns the number of blocks that have records.
  [[nodiscard]] std::size_t nr_records() const { return owned_.size(); }

  /// Calls report(pfn, text) for each block, named by its first page, in which the two levels
  /// contradict each other.
  template <typename Report>
  void check_storage(Report report) const {
    std::size_t nr_claimed = 0;
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (cover_of(b).has(PageBits::buddy)) {
        report(pfn_of(b), "the cover says that inner pages are chunk heads");
      }
      if (records_at(b) != nullptr) ++nr_claimed;
    }
    std::size_t nr_owned = 0;
    for (const auto& records : owned_) {
      if (records->block < nr_blocks() && records_[records->block] == records.get()) {
        ++nr_owned;
      } else {
        report(base_, "there are page records that belong to no block");
      }
    }
    if (nr_claimed != nr_owned) report(base_, "a block has page records that the map does not own");
  }

 protected:
  static constexpr std::uint64_t tail_pages = Blocks::pageblock_nr_pages - 1;

  // In covers_: the first page's state is written down, and no longer as populated() says.
  static constexpr std::uint16_t first_is_written = 1U << 15;

  using Records = detail::BlockRecords<Config>;

  /// What the first page of block @p b is after population: where a largest chunk begins, its head.
  /// Chunks are added to their list in ascending order: at its head, so the next one is below, or
  /// at its tail. (At the ends of the map there is none: add_populated() says so.)
  [[nodiscard]] static constexpr Meaning populated(Index b) {
    constexpr auto blocks_per_chunk =
        static_cast<Index>(Blocks::max_order_nr_pages >> Config::pageblock_order);
    constexpr auto step = static_cast<Index>(Blocks::max_order_nr_pages);
    if (b % blocks_per_chunk != 0) return {};
    const Index page = b << Config::pageblock_order;
    const auto bits = PageBits::chunk(Blocks::top_order, MigrateType::movable).raw();
    if (Config::semantics.move_to == ListEnd::head) return {bits, {page - step, page + step}};
    return {bits, {page + step, page - step}};
  }

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

  [[nodiscard]] bool is_written(Index b) const {
    return (detail::read_acquire<is_shared<Config>>(covers_[b]) & first_is_written) != 0;
  }
  [[nodiscard]] PageBits cover_of(Index b) const {
    return PageBits{read(covers_[b])}.without(first_is_written);
  }
  void set_cover(Index b, PageBits bits) {
    write(covers_[b], static_cast<std::uint16_t>((covers_[b] & first_is_written) | bits.raw()));
  }
  [[gnu::noinline]] void write_down(Index b) {
    first_links_[b] = populated(b).links;
    write(first_bits_[b], populated(b).bits);
    detail::write_release<is_shared<Config>>(
        covers_[b], static_cast<std::uint16_t>(covers_[b] | first_is_written));
  }

  // Pairs with the publication in make_records_of(): a page may be read while its neighbour's first
  // difference makes their records.
  [[nodiscard]] const Records* records_at(Index b) const {
    return detail::read_acquire<is_shared<Config>>(records_[b]);
  }

  [[gnu::noinline, gnu::cold]] void make_records_of(Index b) {
    Records& records = *owned_.emplace_back(std::make_unique<Records>());
    records.block = b;
    records.bits.fill(cover_of(b).raw());
    detail::write_release<is_shared<Config>>(records_[b], &records);
  }

  // What a shared page has for its count: may be asked without a lock.
  [[nodiscard]] Index shared_count(Index page) const {
    const Index b = block_of(page);
    return read(is_first(page) ? first_links_[b].next : records_[b]->links[offset_of(page)].next);
  }

  [[nodiscard]] Links links_of(Index page) const {
    const Index b = block_of(page);
    if (is_first(page) && !is_written(b)) return populated(b).links;
    return is_first(page) ? first_links_[b] : records_[b]->links[offset_of(page)];
  }

  void swap(PageRecords& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(nr_pages_, other.nr_pages_);
    std::swap(first_bits_, other.first_bits_);
    std::swap(covers_, other.covers_);
    std::swap(first_links_, other.first_links_);
    std::swap(records_, other.records_);
    owned_.swap(other.owned_);
  }

  Pfn base_{};
  std::uint64_t nr_pages_ = 0;

  // The descriptors, column by column, so that work on many blocks reads only what it asks for.
  detail::ZeroedArray<std::uint16_t> first_bits_;  // of the first page, if it is written down
  detail::ZeroedArray<std::uint16_t> covers_;      // bits of the other pages, if they are all equal
  detail::ZeroedArray<Links> first_links_;         // of the first page, if it is written down
  detail::ZeroedArray<Records*> records_;          // of the other pages; null: see the cover

  std::vector<std::unique_ptr<Records>> owned_;
};

}  // namespace pageblock
