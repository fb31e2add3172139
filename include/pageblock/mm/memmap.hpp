// SPDX-License-Identifier: MIT
/// The memory map: what is known of each page.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page, page_count(). How it is stored: page_records.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

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
  using Base::bits_;
  using Base::block_of;
  using Base::cover_of;
  using Base::first_tail;
  using Base::has_records;
  using Base::is_first;
  using Base::links_;
  using Base::links_of;
  using Base::nr_blocks;
  using Base::pfn_of;
  using Base::populated;
  using Base::read;
  using Base::set_cover;
  using Base::slot_of;
  using Base::tail_pages;
  using Base::tails_;
  using Base::write;

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

  /// Gives these bits to the pages of a range, or every @p step of them from the first. The range is
  /// in one pageblock whose pages have records, or it is the first page alone.
  [[gnu::noinline]] void fill(PfnRange pages, PageBits bits, std::uint64_t step = 1) {
    if (is_first(index(pages.start))) {
      write(bits_[block_of(index(pages.start))], bits.raw());
      pages.start += step;
    }
    const std::size_t end = tails_ + static_cast<std::size_t>(pages.end - this->base());
    for (std::size_t i = tails_ + index(pages.start); i < end; i += step)
      write(bits_[i], bits.raw());
  }

  /// Gives the pages from @p lowest to @p highest that have the bits @p from the bits @p to. They are
  /// in one pageblock, have records, and the first page is not among them. No thread reads them.
  void replace(Index lowest, Index highest, PageBits from, PageBits to) {
    std::uint16_t* const bits = &bits_[tails_];
    for (std::size_t i = lowest; i <= highest; ++i) {
      bits[i] = bits[i] == from.raw() ? to.raw() : bits[i];
    }
  }

  /// Returns whether these pages, as fill() takes them and held by nobody, all have page_private()
  /// @p number.
  [[nodiscard, gnu::noinline]] bool have_private(PfnRange pages, unsigned number,
                                                 std::uint64_t step = 1) const {
    const auto differs = [number](std::uint16_t bits) {
      return static_cast<std::uint16_t>(PageBits{bits}.unused_private() ^ number);
    };
    std::uint16_t different = 0;
    if (is_first(index(pages.start))) {
      different = differs(read(bits_[block_of(index(pages.start))]));
      pages.start += step;
    }
    const std::uint16_t* const from = &bits_[tails_ + index(pages.start)];
    const std::size_t nr = pages.nr_pages();
    if (step == 1) {  // many at once
      for (std::size_t i = 0; i < nr; ++i) different |= differs(read(from[i]));
    } else {
      for (std::size_t i = 0; i < nr; i += step) different |= differs(read(from[i]));
    }
    return different == 0;
  }

  /// Returns the first pfn of [start, end) whose bits satisfy @p predicate, or @p end. Takes the
  /// pages of a block that are not written down in one step.
  template <typename Predicate>
  [[nodiscard, gnu::noinline]] Pfn find_if(Pfn start, Pfn end, Predicate predicate) const {
    for (Pfn pfn = start; pfn < end;) {
      if (predicate(this->bits(pfn))) return pfn;
      const Index page = index(pfn);
      ++pfn;
      if (is_first(page)) continue;
      const Pfn stop = std::min(end, pfn.align_up(Blocks::pageblock_order));
      pfn = has_records(block_of(page)) ? find_in_block(pfn, stop, predicate) : stop;
    }
    return std::max(start, end);
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
      if (is_first(page) || !has_records(block_of(page))) continue;
      const Pfn block_end = pfn.align_up(Blocks::pageblock_order);
      for (const Pfn stop = std::min(end, block_end); pfn < stop;) {
        const std::uint64_t more = step(PageBits{read(bits_[tails_ + index(pfn)])});
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
    return (has_records(b) ? any_of_tail(page, order) : cover_of(b)).has(flags);
  }

  /// Returns the references to the page: 0 unless it is in use.
  [[nodiscard]] std::uint32_t count(Pfn pfn) const {
    const PageBits now = this->bits(pfn);
    if (now.has(PageBits::shared)) return slot_of(index(pfn)).count();
    return now.has(PageBits::in_use) ? 1 : 0;
  }

  /// Sets the references to the page, which is on no list.
  void set_count(Pfn pfn, std::uint32_t count) {
    Slot page = slot(index(pfn));
    const PageBits now = page.bits();
    const PageBits kept = count == 0 ? now.released() : now.without(PageBits::shared);
    page.set_count(count);
    page.set_bits(
        kept.with((count > 0 ? PageBits::in_use : 0U) | (count > 1 ? PageBits::shared : 0U)));
  }

  /// Returns the head of the free chunk that holds @p pfn, if there is one and its order is not
  /// below @p least.
  [[nodiscard]] OptionalPfn free_chunk_of(Pfn pfn, Order least = Order{0}) const {
    for (Order order = least; order <= Blocks::top_order; ++order) {
      const Pfn head = pfn.align_down(order);
      if (this->bits(head).is_chunk(order)) return head;
    }
    return {};
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
      const Pfn first = pfn_of(b);
      const bool has_tails = has_records(b) || cover_of(b) != PageBits{};
      const Pfn end = first + (has_tails ? Blocks::pageblock_nr_pages : 1);
      for (Pfn pfn = first; pfn < end; ++pfn) {
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
    return {now.meaning().without(PageBits::shared).raw(), {count(pfn), 0}};
  }

  [[nodiscard]] static bool same_block(const Memmap& x, const Memmap& y, Index b) {
    const bool same_first = x.bits_[b] == y.bits_[b] && x.links_[b] == y.links_[b];
    const Pfn first = x.pfn_of(b);
    if (!same_first && !(x.meaning_of(first) == y.meaning_of(first))) return false;
    if (!x.has_records(b) && !y.has_records(b)) return x.cover_of(b) == y.cover_of(b);
    const std::size_t tail = x.first_tail(b);
    if (x.has_records(b) && y.has_records(b) &&
        std::equal(&x.bits_[tail], &x.bits_[tail] + tail_pages, &y.bits_[tail]) &&
        std::equal(&x.links_[tail], &x.links_[tail] + tail_pages, &y.links_[tail])) {
      return true;
    }
    for (Pfn pfn = first + 1; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
      if (!(x.meaning_of(pfn) == y.meaning_of(pfn))) return false;
    }
    return true;
  }

  // The bits that any page of the chunk has, but for its first. The chunk is in one block, whose
  // pages are written down.
  [[nodiscard, gnu::noinline]] PageBits any_of_tail(Index page, Order order) const {
    const std::size_t nr = order.nr_pages();
    const std::uint16_t* const chunk = &bits_[tails_ + page];
    std::uint16_t any = 0;
    if constexpr (is_shared<Config>) {
      for (std::size_t i = 1; i < nr; ++i) any |= read(chunk[i]);
    } else {
      // As many pages at a time as fit in one instruction; those around a small chunk do not count.
      constexpr std::uint16_t step = std::min<std::uint64_t>(Blocks::pageblock_nr_pages, 32);
      const auto offset = static_cast<std::uint16_t>(page & (step - 1U));
      const std::uint16_t* const from = chunk - offset;
      const auto nr_here = static_cast<std::uint16_t>(std::min<std::size_t>(nr, step) - 1);
      for (std::uint16_t i = 0; i < step; ++i) {
        const bool is_in = static_cast<std::uint16_t>(i - offset - 1) < nr_here;
        any |= static_cast<std::uint16_t>(from[i] & (is_in ? 0xffff : 0));
      }
      for (std::size_t i = step; i < nr; ++i) any |= from[i];
    }
    return PageBits{any};
  }

  // As find_if(). The pages are in one block and written down, and the first page is not among them.
  template <typename Predicate>
  [[nodiscard]] Pfn find_in_block(Pfn start, Pfn end, Predicate predicate) const {
    const std::uint16_t* const from = &bits_[tails_ + index(start)];
    const std::size_t nr = end - start;
    std::size_t i = 0;
    if constexpr (!is_shared<Config>) {  // many pages in one instruction
      constexpr std::size_t step = 256;
      const auto has_none = [&](std::size_t first) {
        std::uint16_t found = 0;
        for (std::size_t k = first; k < first + step; ++k) {
          found |= static_cast<std::uint16_t>(predicate(PageBits{from[k]}));
        }
        return found == 0;
      };
      while (i + step <= nr && has_none(i)) i += step;
      // The last pages, some of them once more.
      if (nr >= step && nr - i < step && has_none(nr - step)) return end;
    }
    while (i < nr && !predicate(PageBits{read(from[i])})) ++i;
    return start + i;
  }
};

}  // namespace pageblock
