/// The memory map: what is known of each page.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page, page_count(). How it is stored: page_records.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_records.hpp"

namespace pageblock {

/// The pages of a zone, and questions about many of them. Takes whole blocks in one step where
/// their pages are alike.
template <ZoneConfig Config>
class Memmap : public PageRecords<Config> {
  using Base = PageRecords<Config>;
  using Meaning = typename Base::Meaning;
  using Records = typename Base::Records;
  using Base::block_of;
  using Base::cover_of;
  using Base::covers_;
  using Base::is_first;
  using Base::is_written;
  using Base::links_of;
  using Base::nr_blocks;
  using Base::offset_of;
  using Base::pfn_of;
  using Base::populated;
  using Base::read;
  using Base::records_;
  using Base::records_at;
  using Base::set_cover;
  using Base::shared_count;
  using Base::tail_pages;

 public:
  using Blocks = Geometry<Config>;
  using Index = typename Base::Index;
  using Slot = typename Base::Slot;
  using Base::Base;
  using Base::bits_of;
  using Base::has_record;
  using Base::index;
  using Base::set_bits;
  using Base::slot;

  /// Applies @p change, a function from PageBits to PageBits, to every page of [start, end). Blocks
  /// that lie in the range and have no records are changed as a whole.
  template <typename Change>
  void transform(Pfn start, Pfn end, Change change) {
    for (Pfn pfn = start; pfn < end;) {
      const PageBits from = this->bits(pfn);
      const PageBits to = change(from);
      if (to != from) set_bits(pfn, to);
      const bool was_first = is_first(index(pfn));
      ++pfn;
      if (was_first && !has_record(pfn) && end - pfn >= tail_pages) {
        const Index b = block_of(index(pfn));
        set_cover(b, change(cover_of(b)));
        pfn += tail_pages;
      }
    }
  }

  /// Returns the first pfn of [start, end) whose bits satisfy @p predicate, or @p end. Takes the
  /// pages of a block without records in one step.
  template <typename Predicate>
  [[nodiscard, gnu::noinline]] Pfn find_if(Pfn start, Pfn end, Predicate predicate) const {
    for (Pfn pfn = start; pfn < end;) {
      if (predicate(this->bits(pfn))) return pfn;
      const Index page = index(pfn);
      ++pfn;
      if (is_first(page)) continue;
      const Records* records = records_at(block_of(page));
      const Pfn stop = std::min(end, pfn.align_up(Blocks::pageblock_order));
      pfn = records != nullptr ? records->find_if(pfn, stop, predicate) : stop;
    }
    return std::max(start, end);
  }

  /// Calls visit(page, slot) for each chunk head in [start, end), which is in one pageblock, from
  /// low to high. It returns the pages of the chunk, and makes no other chunk head there.
  template <typename Visitor>
  void for_each_chunk(Pfn start, Pfn end, Visitor visit) {
    const Index base = index(start) - static_cast<Index>(offset_of(index(start)));
    const Index b = block_of(base);
    std::size_t at = offset_of(index(start));
    const std::size_t behind = at + static_cast<std::size_t>(end - start);
    if (at == 0) at = bits_of(base).has(PageBits::buddy) ? visit(base, slot(base)) : 1;
    Records* const records = records_[b];
    if (records == nullptr) return;
    while (at < behind) {
      if (PageBits{read(records->bits[at])}.has(PageBits::buddy)) {
        at += visit(base + static_cast<Index>(at), Slot{records->bits[at], records->links[at]});
      } else {
        ++at;
      }
    }
  }

  /// Goes through [start, end) from low to high: step(bits) says how many pages on the next one is,
  /// 0 to stop. Returns where it ended, which may be behind @p end.
  template <typename Step>
  [[nodiscard]] Pfn walk(Pfn start, Pfn end, Step step) const {
    Pfn pfn = start;
    while (pfn < end) {
      const std::uint64_t pages = step(this->bits(pfn));
      if (pages == 0) return pfn;
      pfn += pages;
      const Index page = index(pfn);
      if (is_first(page)) continue;
      const Records* records = records_at(block_of(page));
      if (records == nullptr) continue;
      const Pfn block_end = pfn.align_up(Blocks::pageblock_order);
      for (const Pfn stop = std::min(end, block_end); pfn < stop;) {
        const std::uint64_t more = step(PageBits{read(records->bits[offset_of(index(pfn))])});
        if (more == 0) return pfn;
        pfn += more;
      }
    }
    return pfn;
  }

  /// Returns whether a page behind the first of the chunk of @p order at @p page has one of @p
  /// flags.
  [[nodiscard]] bool tail_has(Index page, Order order, unsigned flags) const {
    if (order == Order{0}) return false;
    if (order > Blocks::pageblock_order) {
      const auto has_flags = [flags](PageBits bits) { return bits.has(flags); };
      const Pfn end = this->pfn(page) + order.nr_pages();
      return find_if(this->pfn(page) + 1, end, has_flags) != end;
    }
    const Index b = block_of(page);
    const Records* records = records_at(b);
    if (records == nullptr) return cover_of(b).has(flags);
    return records->any_of_tail(offset_of(page), order).has(flags);
  }

  /// Returns the references to the page: 0 unless it is in use.
  [[nodiscard]] std::uint32_t count(Pfn pfn) const {
    const PageBits now = this->bits(pfn);
    if (now.has(PageBits::shared)) return shared_count(index(pfn));
    return now.has(PageBits::in_use) ? 1 : 0;
  }

  /// Sets the references to the page, which is on no list.
  void set_count(Pfn pfn, std::uint32_t count) {
    Slot page = slot(index(pfn));
    const PageBits unused = page.bits().without(PageBits::in_use | PageBits::shared);
    page.set_next(count);
    page.set_bits(
        unused.with((count > 0 ? PageBits::in_use : 0U) | (count > 1 ? PageBits::shared : 0U)));
  }

  /// Returns the head of the free chunk that holds @p pfn, if there is one and its order is not
  /// below @p least.
  [[nodiscard]] std::optional<Pfn> free_chunk_of(Pfn pfn, Order least = Order{0}) const {
    for (Order order = least; order <= Blocks::top_order; ++order) {
      const Pfn head = pfn.align_down(order);
      const PageBits above = this->bits(head);
      if (above.has(PageBits::buddy) && pfn < head + above.order().nr_pages()) return head;
    }
    return std::nullopt;
  }

  /// Compares what the pages mean: a record that says what the cover would say makes no difference,
  /// nor does a link of a page that is on no list.
  friend bool operator==(const Memmap& a, const Memmap& b) {
    if (a.base_ != b.base_ || a.nr_pages_ != b.nr_pages_) return false;
    for (Index i = 0; i < a.nr_blocks(); ++i) {
      if (!same_block(a, b, i)) return false;
    }
    return true;
  }

  /// Calls visit(pfn, bits, next or count, prev) for every page that is not as population left it.
  /// Equal maps make equal calls.
  template <typename Visitor>
  void visit_meaning(Visitor visit) const {
    for (Index b = 0; b < nr_blocks(); ++b) {
      if (!is_written(b) && records_[b] == nullptr && covers_[b] == 0) continue;
      const Pfn first = pfn_of(b);
      for (Pfn pfn = first; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
        const Meaning now = meaning_of(pfn);
        if (now == (pfn == first ? populated(b) : Meaning{})) continue;
        visit(pfn, PageBits{now.bits}, now.links.next, now.links.prev);
      }
    }
  }

 private:
  // Of a page that is on no list, the links say nothing but how many share it.
  [[nodiscard]] Meaning meaning_of(Pfn pfn) const {
    const PageBits now = this->bits(pfn);
    if (now.has(PageBits::buddy)) return {now.raw(), links_of(index(pfn))};
    return {now.without(PageBits::shared).raw(), {count(pfn), 0}};
  }

  [[nodiscard]] static bool same_block(const Memmap& x, const Memmap& y, Index b) {
    const Records* of_x = x.records_at(b);
    const Records* of_y = y.records_at(b);
    const bool same_records =
        of_x == of_y || (of_x != nullptr && of_y != nullptr && of_x->bits == of_y->bits &&
                         of_x->links == of_y->links);
    if (same_records && x.covers_[b] == y.covers_[b] && x.first_bits_[b] == y.first_bits_[b] &&
        x.first_links_[b] == y.first_links_[b]) {
      return true;
    }
    const Pfn first = x.pfn_of(b);
    for (Pfn pfn = first; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
      if (!(x.meaning_of(pfn) == y.meaning_of(pfn))) return false;
      if (pfn != first && of_x == nullptr && of_y == nullptr) return true;
    }
    return true;
  }
};

}  // namespace pageblock
