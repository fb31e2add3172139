/// The memory map: what is known of each page, in two levels.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page. The kernel has one record of 64 bytes for each page; here is
///
///     one descriptor for each pageblock            records, only where pages of a block differ
///     +----------------------------------+
///     | first page: bits, links or count |
///     | cover or records ----------------------->  | page 1 | page 2 | ... | page 2^order - 1 |
///     +----------------------------------+         10 bytes a page: bits, links or count
///
/// The descriptor *is* the record of the block's first page. The other pages share one value, the
/// cover (inner pages of a chunk: 0; reserved; hole; ...), until one of them differs; from then on
/// each has a record, for good. Chunks of a block or more have only first pages of blocks as heads,
/// so work on whole blocks makes no records, and touches none where there are none.
///
/// A descriptor of zeros stands for a block that is as population left it: part of a chunk of the
/// largest order, between its neighbours on the movable list. So a new zone touches next to
/// nothing. To that end a descriptor holds the difference to what population leaves.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// The pages of a zone. A pfn given here lies in [base, end): the zone, widened to whole chunks of
/// the largest order, so that a buddy needs no bounds check; what is not in the zone is a hole.
///
/// Threads: a page's state is changed under zone->lock, or by whoever owns the page (a per-CPU list
/// under its lock, a user). Bits may be read without a lock. Records are made under zone->lock.
template <ZoneConfig Config>
class Memmap {
 public:
  using Blocks = Geometry<Config>;

  /// The way from a chunk to its neighbour on a list: a distance in pages modulo 2^32, 0 for none.
  using Distance = std::uint32_t;

  Memmap() = default;

  /// Makes the map of [start_pfn, start_pfn + spanned_pages), every whole largest chunk as
  /// population leaves it: linked to its neighbours, though no list begins or ends there yet
  /// (FreeArea::add_populated). The caller describes what is not so.
  Memmap(Pfn start_pfn, std::uint64_t spanned_pages)
      : base_{start_pfn.align_down(Blocks::top_order)},
        end_{(start_pfn + spanned_pages).align_up(Blocks::top_order)},
        blocks_(static_cast<std::size_t>((end_ - base_) >> Config::pageblock_order)) {}

  Memmap(const Memmap& other) : base_{other.base_}, end_{other.end_}, blocks_{other.blocks_} {
    records_.reserve(other.records_.size());
    for (const auto& records : other.records_) {
      records_.push_back(std::make_unique<Records>(*records));
      blocks_[records->block].records = records_.back().get();
    }
  }
  Memmap(Memmap&& other) noexcept { swap(other); }
  Memmap& operator=(Memmap other) noexcept {
    swap(other);
    return *this;
  }
  ~Memmap() = default;

  /// The first pfn of the map and the one behind its last: multiples of the largest chunk.
  [[nodiscard]] Pfn base() const { return base_; }
  [[nodiscard]] Pfn end() const { return end_; }

  [[nodiscard]] PageBits bits(Pfn pfn) const {
    const std::size_t b = block_of(pfn);
    const Block& block = blocks_[b];
    if (is_first(pfn)) {
      return PageBits{
          static_cast<std::uint16_t>(detail::read_once(block.bits) ^ populated(b).bits)};
    }
    const Records* records = records_at(b);
    return PageBits{
        detail::read_once(records != nullptr ? records->bits[index_of(pfn)] : block.cover)};
  }

  void set_bits(Pfn pfn, PageBits bits) {
    const std::size_t b = block_of(pfn);
    if (is_first(pfn)) {
      detail::write_once(blocks_[b].bits,
                         static_cast<std::uint16_t>(bits.raw() ^ populated(b).bits));
    } else {
      detail::write_once(records_of(b).bits[index_of(pfn)], bits.raw());
    }
  }

  /// Applies @p change, a function from PageBits to PageBits, to every page of [start, end). Blocks
  /// that lie in the range and have no records are changed as a whole.
  template <typename Change>
  void transform(Pfn start, Pfn end, Change change) {
    for (Pfn pfn = start; pfn < end;) {
      set_state(pfn, change(bits(pfn)));
      ++pfn;
      if (is_first(pfn - 1) && !has_records(pfn - 1) && end - pfn >= tail_pages) {
        std::uint16_t& cover = blocks_[block_of(pfn)].cover;
        detail::write_once(cover, change(PageBits{cover}).raw());
        pfn += tail_pages;
      }
    }
  }

  /// Returns the first pfn of [start, end) whose bits satisfy @p predicate, or @p end. Takes the
  /// pages of a block without records in one step.
  template <typename Predicate>
  [[nodiscard]] Pfn find_if(Pfn start, Pfn end, Predicate predicate) const {
    for (Pfn pfn = start; pfn < end;) {
      if (predicate(bits(pfn))) return pfn;
      pfn = is_first(pfn) || has_records(pfn) ? pfn + 1 : next_block(pfn);
    }
    return end;
  }

  /// Returns the references to the page: 0 unless it is in use.
  [[nodiscard]] std::uint32_t count(Pfn pfn) const {
    if (!bits(pfn).has(PageBits::in_use)) return 0;
    return is_first(pfn) || has_records(pfn) ? next(pfn) : 1;
  }

  /// Sets the references to the page, which is on no list.
  void set_count(Pfn pfn, std::uint32_t count) {
    const PageBits now = bits(pfn);
    set_bits(pfn, count != 0 ? now.with(PageBits::in_use) : now.without(PageBits::in_use));
    set_next(pfn, count);
  }

  /// Adds a reference to a page in use that has a record.
  void get(Pfn pfn) { std::atomic_ref{stored_next(pfn)}.fetch_add(1, std::memory_order_relaxed); }

  /// Drops a reference to a page in use that has a record. Returns whether it was the last; then
  /// the page's count is 0. Several users may do so at once.
  [[nodiscard]] bool put_testzero(Pfn pfn) {
    // Who sees 1 is the only user, so nobody else can change it. What is stored for 1 is 1 less
    // what was subtracted.
    if (next(pfn) != 1 &&
        std::atomic_ref{stored_next(pfn)}.fetch_sub(1, std::memory_order_acq_rel) !=
            static_cast<Distance>(1 - stored_less(pfn))) {
      return false;
    }
    set_bits(pfn, bits(pfn).without(PageBits::in_use));
    set_next(pfn, 0);
    return true;
  }

  /// The links of a chunk head on a list. Of a page in use, next is the count.
  [[nodiscard]] Distance next(Pfn pfn) const {
    const std::size_t b = block_of(pfn);
    if (is_first(pfn)) return detail::read_once(blocks_[b].links.next) + populated(b).links.next;
    return detail::read_once(records_at(b)->links[index_of(pfn)].next);
  }
  [[nodiscard]] Distance prev(Pfn pfn) const {
    const std::size_t b = block_of(pfn);
    if (is_first(pfn)) return blocks_[b].links.prev + populated(b).links.prev;
    return blocks_[b].records->links[index_of(pfn)].prev;
  }
  void set_next(Pfn pfn, Distance distance) {
    detail::write_once(stored_next(pfn), distance - stored_less(pfn));
  }
  void set_prev(Pfn pfn, Distance distance) {
    const std::size_t b = block_of(pfn);
    if (is_first(pfn)) {
      blocks_[b].links.prev = distance - populated(b).links.prev;
    } else {
      records_of(b).links[index_of(pfn)].prev = distance;
    }
  }

  /// Returns the distance from @p from to @p to, and the pfn at a distance.
  [[nodiscard]] static Distance distance(Pfn from, Pfn to) {
    return static_cast<Distance>(to.value() - from.value());
  }
  [[nodiscard]] Pfn at(Pfn from, Distance distance) const {
    return base_ + static_cast<Distance>((from - base_) + distance);
  }

  /// Returns the head of the free chunk that holds @p pfn, or nothing.
  [[nodiscard]] std::optional<Pfn> free_chunk_of(Pfn pfn) const {
    for (Order order{0}; order <= Blocks::top_order; ++order) {
      const Pfn head = pfn.align_down(order);
      const PageBits above = bits(head);
      if (above.has(PageBits::buddy) && pfn < head + above.order().nr_pages()) return head;
    }
    return std::nullopt;
  }

  /// Returns whether writing to the page needs no new record: its own or its block's first.
  [[nodiscard]] bool has_record(Pfn pfn) const { return is_first(pfn) || has_records(pfn); }

  /// Makes the records of the block that holds @p pfn, unless they exist. Throws std::bad_alloc.
  void make_records(Pfn pfn) { static_cast<void>(records_of(block_of(pfn))); }

  /// Returns the number of blocks that have records.
  [[nodiscard]] std::size_t nr_records() const { return records_.size(); }

  /// Calls report(pfn, text) for each block, named by its first page, in which the two levels
  /// contradict each other.
  template <typename Report>
  void check_storage(Report report) const {
    std::size_t nr_claimed = 0;
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (PageBits{blocks_[b].cover}.has(PageBits::buddy)) {
        report(pfn_of(b), "the cover says that inner pages are chunk heads");
      }
      if (records_at(b) != nullptr) ++nr_claimed;
    }
    std::size_t nr_owned = 0;
    for (const auto& records : records_) {
      if (records->block < blocks_.size() && blocks_[records->block].records == records.get()) {
        ++nr_owned;
      } else {
        report(base_, "there are page records that belong to no block");
      }
    }
    if (nr_claimed != nr_owned) report(base_, "a block has page records that the map does not own");
  }

  /// Compares what the pages mean: a record that says what the cover would say makes no difference,
  /// nor does a link of a page that is on no list.
  friend bool operator==(const Memmap& a, const Memmap& b) {
    if (a.base_ != b.base_ || a.end_ != b.end_) return false;
    for (std::size_t i = 0; i < a.blocks_.size(); ++i) {
      if (!same_block(a, b, i)) return false;
    }
    return true;
  }

  /// Calls visit(pfn, bits, next or count, prev) for every page that is not as population left it.
  /// Equal maps make equal calls.
  template <typename Visitor>
  void visit_meaning(Visitor visit) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (is_untouched(blocks_[b])) continue;
      const Pfn first = pfn_of(b);
      for (Pfn pfn = first; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
        const PageBits now = bits(pfn);
        const Links links = meaning_of_links(pfn, now);
        const FirstPage as_populated = is_first(pfn) ? populated(b) : FirstPage{0, {0, 0}};
        if (now.raw() == as_populated.bits && links == as_populated.links) continue;
        visit(pfn, now, links.next, links.prev);
      }
    }
  }

 private:
  static constexpr std::uint64_t tail_pages = Blocks::pageblock_nr_pages - 1;

  struct Links {
    Distance next;
    Distance prev;
    friend bool operator==(const Links&, const Links&) = default;
  };

  // Slot 0 is not used: that page is in the descriptor.
  struct Records {
    std::array<Links, Blocks::pageblock_nr_pages> links;
    std::array<std::uint16_t, Blocks::pageblock_nr_pages> bits;
    std::uint32_t block;
  };

  struct Block {
    Records* records;     // of the pages behind the first; null: they are all as the cover says
    Links links;          // of the first page, less populated()
    std::uint16_t bits;   // of the first page, xor populated()
    std::uint16_t cover;  // bits of the other pages; counts are 1 where it says in_use
  };

  struct FirstPage {
    std::uint16_t bits;
    Links links;
  };

  /// What the first page of block @p b is after population: where a largest chunk begins, its head.
  /// Chunks are pushed to the head of their list in ascending order, so the next one is below.
  [[nodiscard]] static constexpr FirstPage populated(std::size_t b) {
    constexpr std::size_t blocks_per_chunk = Blocks::max_order_nr_pages >> Config::pageblock_order;
    constexpr auto step = static_cast<Distance>(Blocks::max_order_nr_pages);
    constexpr auto head = PageBits::chunk(Blocks::top_order, MigrateType::movable).raw();
    return b % blocks_per_chunk == 0 ? FirstPage{head, {0 - step, step}} : FirstPage{0, {0, 0}};
  }

  [[nodiscard]] static constexpr bool is_first(Pfn pfn) { return index_of(pfn) == 0; }
  [[nodiscard]] static constexpr std::size_t index_of(Pfn pfn) {
    return static_cast<std::size_t>(pfn.value() & (Blocks::pageblock_nr_pages - 1));
  }
  [[nodiscard]] std::size_t block_of(Pfn pfn) const {
    return static_cast<std::size_t>((pfn - base_) >> Config::pageblock_order);
  }
  [[nodiscard]] Pfn pfn_of(std::size_t b) const {
    return base_ + (std::uint64_t{b} << Config::pageblock_order);
  }
  [[nodiscard]] Pfn next_block(Pfn pfn) const {
    return pfn.align_down(Blocks::pageblock_order) + Blocks::pageblock_nr_pages;
  }
  [[nodiscard]] bool has_records(Pfn pfn) const { return records_at(block_of(pfn)) != nullptr; }

  // Where next is stored, and what was subtracted from it there.
  [[nodiscard]] Distance& stored_next(Pfn pfn) {
    const std::size_t b = block_of(pfn);
    return is_first(pfn) ? blocks_[b].links.next : records_of(b).links[index_of(pfn)].next;
  }
  [[nodiscard]] Distance stored_less(Pfn pfn) const {
    return is_first(pfn) ? populated(block_of(pfn)).links.next : 0;
  }

  // Pairs with the publication in records_of(): a page may be read while its neighbour's first
  // difference makes their records.
  [[nodiscard]] const Records* records_at(std::size_t b) const {
    auto& records = const_cast<Records*&>(blocks_[b].records);  // atomic_ref<const T> is C++26
    return std::atomic_ref{records}.load(std::memory_order_acquire);
  }

  // Changes the bits of a page; one that comes into use has count 1.
  void set_state(Pfn pfn, PageBits to) {
    const bool is_new_user = to.has(PageBits::in_use) && !bits(pfn).has(PageBits::in_use);
    if (to == bits(pfn)) return;
    if (!is_first(pfn) && !has_records(pfn)) make_records(pfn);
    set_bits(pfn, to);
    if (is_new_user) set_next(pfn, 1);
  }

  [[nodiscard]] Records& records_of(std::size_t b) {
    Records* records = blocks_[b].records;
    return records != nullptr ? *records : new_records(b);
  }

  // Kept out of line, so that what writes to a page can be inlined.
  [[nodiscard, gnu::noinline, gnu::cold]] Records& new_records(std::size_t b) {
    Block& block = blocks_[b];
    Records& records = *records_.emplace_back(std::make_unique<Records>());
    records.block = static_cast<std::uint32_t>(b);
    records.bits.fill(block.cover);
    if (PageBits{block.cover}.has(PageBits::in_use)) records.links.fill(Links{1, 0});
    std::atomic_ref{block.records}.store(&records, std::memory_order_release);
    return records;
  }

  [[nodiscard]] static bool is_untouched(const Block& block) {
    return block.records == nullptr && block.links == Links{0, 0} && block.bits == 0 &&
           block.cover == 0;
  }
  [[nodiscard]] Links meaning_of_links(Pfn pfn, PageBits now) const {
    if (now.has(PageBits::buddy)) return {next(pfn), prev(pfn)};
    return {count(pfn), 0};
  }
  [[nodiscard]] static bool same_block(const Memmap& a, const Memmap& b, std::size_t i) {
    const Block& x = a.blocks_[i];
    const Block& y = b.blocks_[i];
    if (x.records == nullptr && y.records == nullptr && x.cover == y.cover && x.bits == y.bits &&
        x.links == y.links) {
      return true;
    }
    const Pfn first = a.pfn_of(i);
    for (Pfn pfn = first; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
      const PageBits bits = a.bits(pfn);
      if (bits != b.bits(pfn)) return false;
      if (!(a.meaning_of_links(pfn, bits) == b.meaning_of_links(pfn, bits))) return false;
      if (pfn != first && x.records == nullptr && y.records == nullptr) return true;
    }
    return true;
  }

  void swap(Memmap& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(end_, other.end_);
    std::swap(blocks_, other.blocks_);
    records_.swap(other.records_);
  }

  Pfn base_{};
  Pfn end_{};
  detail::ZeroedArray<Block> blocks_;
  std::vector<std::unique_ptr<Records>> records_;
};

}  // namespace pageblock
