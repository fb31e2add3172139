// SPDX-License-Identifier: MIT
/// The memory map: what is known of each page.
///
/// Layer:  mm.
/// Kernel: mem_map, struct page, page_count(). How it is stored: page_records.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_lanes.hpp"
#include "pageblock/mm/page_records.hpp"

namespace pageblock {

/// The pages of a zone, and questions about many of them: whole blocks at a time where pages are alike.
template <ZoneConfig Config>
class Memmap : public PageRecords<Config> {
  using Base = PageRecords<Config>;
  using Meaning = typename Base::Meaning;
  using Base::bits_;
  using Base::block_links_;
  using Base::block_of;
  using Base::blocks_;
  using Base::cover_of;
  using Base::covers_;
  using Base::first_page;
  using Base::has_records;
  using Base::is_first;
  using Base::links_;
  using Base::links_of;
  using Base::nr_blocks;
  using Base::pfn_of;
  using Base::populated;
  using Base::read;
  using Base::set_cover;
  using Base::write;

 public:
  using Blocks = Geometry<Config>;
  using Index = typename Base::Index;
  using Slot = typename Base::Slot;
  using Base::Base;
  using Base::bits_of;
  using Base::index;
  using Base::set_bits;
  using Base::slot;

  /// Applies @p change, from PageBits to PageBits, to all pages of [start, end): to a block without records as a whole.
  template <typename Change>
  void transform(Pfn start, Pfn end, Change change) {
    for (Pfn pfn = start; pfn < end;) {
      const PageBits from = this->bits(pfn);
      const PageBits to = change(from);
      if (to != from) set_bits(pfn, to);
      const Index page = index(pfn);
      ++pfn;
      if (is_first(page) && !has_records(block_of(page)) && end - pfn >= nr_tails) {
        set_cover(block_of(page), change(cover_of(block_of(page))));
        pfn += nr_tails;
      }
    }
  }

  /// Gives these bits to the pages, or every @p step of them, of a range in one pageblock whose pages have records.
  [[gnu::noinline]] void fill(PfnRange pages, PageBits bits, std::uint64_t step = 1) {
    std::uint16_t* const from = &bits_[index(pages.start)];
    const std::size_t nr = pages.nr_pages();
    for (std::size_t i = 0; i < nr; i += step) write(from[i], bits.raw());
  }

  /// Gives the pages from @p lowest to @p highest that have the bits @p from the bits @p to, and
  /// returns how many. They are in one pageblock and have records.
  Index replace(Index lowest, Index highest, PageBits from, PageBits to) {
    std::uint16_t* const bits = &bits_[0];
    Index nr = 0;
    if constexpr (is_shared<Config>) {  // others may be writing other pages
      const auto is_same = [from](PageBits other) { return other == from; };
      for (Index first = lowest - lowest % group; first <= highest; first += group) {
        std::uint64_t same = detail::mask_of(lanes_at<group>(first), is_same);
        if (first < lowest) same &= ~std::uint64_t{0} << (lowest - first);
        if (highest - first < 63) same &= (std::uint64_t{2} << (highest - first)) - 1;
        nr += static_cast<Index>(std::popcount(same));
        for (std::uint16_t* const here = bits + first; same != 0; same &= same - 1) {
          write(here[std::countr_zero(same)], to.raw());
        }
      }
    } else {
      for (std::size_t i = lowest; i <= highest; ++i) {  // many at once
        const bool is_same = bits[i] == from.raw();
        bits[i] = is_same ? to.raw() : bits[i];
        nr += is_same ? 1 : 0;
      }
    }
    return nr;
  }

  /// Gives the heads of the chunks that begin in the block at @p first, whose pages have records, the
  /// list type @p type, and calls visit(bits, lowest, highest, nr) for each value of bits that they
  /// had: where those heads are. The links are the caller's.
  template <typename Visitor>
  void retype_heads(Index first, MigrateType type, Visitor visit) {
    const auto is_head = [](PageBits bits) { return bits.has(PageBits::buddy); };
    const Index end = first + static_cast<Index>(Blocks::pageblock_nr_pages);
    Index left = 0;
    for (Index page = first; page != end; page += many) left += count_at<many>(page, is_head);
    std::uint32_t seen = 0;  // orders
    for (Index lowest = first; left != 0;) {
      lowest = find_in_block(lowest, end, is_head);
      const PageBits bits = bits_of(in_pages, lowest);
      const Index pages = Index{1} << bits.order().value();
      if ((seen >> bits.order().value() & 1U) == 0) {
        seen |= 1U << bits.order().value();
        const auto is_same = [bits](PageBits other) { return other == bits; };
        Index highest = end;
        do {
          highest -= group;
        } while (detail::mask_of(lanes_at<group>(highest), is_same) == 0);
        highest += static_cast<Index>(
            std::bit_width(detail::mask_of(lanes_at<group>(highest), is_same)) - 1);
        const Index nr = replace(lowest, highest, bits, PageBits::chunk(bits.order(), type));
        left -= nr;
        visit(bits, lowest, highest, nr);
      }
      lowest += pages;
    }
  }

  /// Returns whether these pages, as fill() takes them and held by nobody, have page_private() @p number.
  [[nodiscard, gnu::noinline]] bool have_private(PfnRange pages, unsigned number,
                                                 std::uint64_t step = 1) const {
    const auto differs = [number](std::uint16_t bits) {
      return static_cast<std::uint16_t>(PageBits{bits}.unused_private() ^ number);
    };
    const std::uint16_t* const from = &bits_[index(pages.start)];
    const std::size_t nr = pages.nr_pages();
    std::uint16_t different = 0;
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
      const Index page = index(pfn);
      const Pfn stop = std::min(end, (pfn + 1).align_up(Blocks::pageblock_order));
      if (has_records(block_of(page))) {
        const auto nr = static_cast<Index>(stop - pfn);
        const Index found = find_in_block(page, page + nr, predicate);
        if (found != page + nr) return this->pfn(found);
      } else {
        if (predicate(this->bits(pfn))) return pfn;
        if (is_first(page) && stop - pfn > 1 && predicate(cover_of(block_of(page)))) return pfn + 1;
      }
      pfn = stop;
    }
    return std::max(start, end);
  }

  /// Goes through [start, end) from low to high: @p rule says of the bits of the next page how many
  /// pages it is on, 0 to stop. Returns where it ended, which may be behind @p end.
  ///
  /// rule.is_one(bits), without branches, says whether rule(bits) is 1: such pages are passed many
  /// at a time. Where a chunk of the largest order is passed, so are those behind that look like it.
  template <typename Rule>
  [[nodiscard]] Pfn walk(Pfn start, Pfn end, Rule rule) const {
    Pfn pfn = start;
    while (pfn < end) {
      const Index page = index(pfn);
      if (has_records(block_of(page))) {
        const Pfn stop = std::min(end, (pfn + 1).align_up(Blocks::pageblock_order));
        const auto is_other = [rule](PageBits bits) { return !rule.is_one(bits); };
        pfn += find_in_block(page, page + static_cast<Index>(stop - pfn), is_other) - page;
        if (pfn == stop) continue;
      }
      const std::uint64_t pages = rule(this->bits(pfn));
      if (pages == 0) return pfn;
      if (pages == Blocks::max_order_nr_pages) {
        pfn = pass_largest_chunks(pfn, end);
      } else if (pages == 1 && !is_first(page) && !has_records(block_of(page))) {
        pfn = std::min(end, pfn.align_up(Blocks::pageblock_order));  // all are alike
      } else {
        pfn += pages;
      }
    }
    return pfn;
  }

  /// Returns whether a page of the chunk of @p order at @p page, but its first, has one of @p flags.
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
    if (now.has(PageBits::shared)) return read(links_[index(pfn)].next);
    return now.has(PageBits::in_use) ? 1 : 0;
  }

  /// Sets the references to the page, which is on no list.
  void set_count(Pfn pfn, std::uint32_t count) {
    const PageBits now = this->bits(pfn);
    const PageBits kept = count == 0 ? now.released() : now.without(PageBits::shared);
    if (count > 1) slot(index(pfn)).set_count(count);
    set_bits(pfn,
             kept.with((count > 0 ? PageBits::in_use : 0U) | (count > 1 ? PageBits::shared : 0U)));
  }

  /// Returns the head of the free chunk, of order @p least or larger, that holds @p pfn, if any.
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
    for (Index i = 0; (i = a.pass_untouched(i, b)) < a.nr_blocks(); ++i) {
      if (!same_block(a, b, i)) return false;
    }
    return true;
  }

  /// Calls visit(first pfn, number, bits, next or count, prev) for all pages that are not as population
  /// left them: once for as many as lie side by side and are alike. Equal maps make equal calls.
  template <typename Visitor>
  void visit_meaning(Visitor visit) const {
    Pfn first = this->base();
    std::uint64_t nr = 0;
    Meaning alike{};
    const auto give = [&] {
      if (nr != 0) visit(first, nr, PageBits{alike.bits}, alike.links.next, alike.links.prev);
      nr = 0;
    };
    const auto add = [&](Pfn pfn, std::uint64_t pages, const Meaning& now, const Meaning& usual) {
      if (now == usual) return;
      if (nr == 0 || !(now == alike) || first + nr != pfn) {
        give();
        first = pfn;
        alike = now;
      }
      nr += pages;
    };
    for (Index b = 0; (b = this->pass_untouched(b, *this)) < nr_blocks(); ++b) {
      const Pfn head = pfn_of(b);
      add(head, 1, meaning_of(head), populated(b));
      if (!has_records(b)) {
        const PageBits cover = cover_of(b).meaning().without(PageBits::shared);
        const std::uint32_t nr_users = cover.has(PageBits::in_use) ? 1 : 0;
        add(head + 1, nr_tails, {cover.raw(), {nr_users, 0}}, {});
        // A hole goes on for long: blocks of which the same is stored.
        if (nr < Blocks::pageblock_nr_pages || first + nr != pfn_of(b + 1)) continue;
        for (; b + 1 < nr_blocks() && is_like_next(b); ++b) nr += Blocks::pageblock_nr_pages;
        continue;
      }
      for (Pfn pfn = head + 1; pfn < head + Blocks::pageblock_nr_pages; ++pfn) {
        add(pfn, 1, meaning_of(pfn), {});
      }
    }
    give();
  }

 private:
  static constexpr std::uint64_t nr_tails = Base::tail_pages;

  // Pages that are looked at together: as a mask, or to see that none of many is what is sought. A
  // block is a multiple of them.
  static constexpr std::uint32_t group = std::min<std::uint32_t>(Blocks::pageblock_nr_pages, 64);
  static constexpr std::uint32_t many = std::min<std::uint32_t>(Blocks::pageblock_nr_pages, 256);

  template <std::size_t nr>
  [[nodiscard, gnu::always_inline]] detail::PageLanes<nr> lanes_at(Index page) const {
    return detail::read_lanes<is_shared<Config>, nr>(&bits_[page]);
  }

  template <std::size_t nr, typename Predicate>
  [[nodiscard, gnu::always_inline]] Index count_at(Index page, Predicate predicate) const {
    return detail::count_pages<is_shared<Config>, nr>(&bits_[page], predicate);
  }

  [[nodiscard]] bool is_like_next(Index b) const {
    return !has_records(b + 1) && blocks_[b] == blocks_[b + 1] && covers_[b] == covers_[b + 1];
  }
  // Of a page that is on no list, the links say nothing but how many share it.
  [[nodiscard]] Meaning meaning_of(Pfn pfn) const {
    const PageBits now = this->bits(pfn);
    if (now.has(PageBits::buddy)) return {now.raw(), links_of(index(pfn))};
    return {now.meaning().without(PageBits::shared).raw(), {count(pfn), 0}};
  }

  [[nodiscard]] static bool same_block(const Memmap& x, const Memmap& y, Index b) {
    const bool has_tails = x.has_records(b) || y.has_records(b);
    if (x.blocks_[b] != y.blocks_[b] || x.block_links_[b] != y.block_links_[b] || has_tails) {
      if (!(x.meaning_of(x.pfn_of(b)) == y.meaning_of(x.pfn_of(b)))) return false;
    }
    if (!has_tails) return x.cover_of(b) == y.cover_of(b);
    const std::size_t page = x.first_page(b);
    if (x.has_records(b) && y.has_records(b) &&
        std::equal(&x.bits_[page], &x.bits_[page] + Blocks::pageblock_nr_pages, &y.bits_[page]) &&
        std::equal(&x.links_[page], &x.links_[page] + Blocks::pageblock_nr_pages,
                   &y.links_[page])) {
      return true;
    }
    const Pfn first = x.pfn_of(b);
    for (Pfn pfn = first + 1; pfn < first + Blocks::pageblock_nr_pages; ++pfn) {
      if (!(x.meaning_of(pfn) == y.meaning_of(pfn))) return false;
    }
    return true;
  }

  // The bits that any page of a chunk but its first has, in one block whose pages have records.
  [[nodiscard, gnu::noinline]] PageBits any_of_tail(Index page, Order order) const {
    // As many pages at a time as fit in one instruction; those around a small chunk do not count.
    constexpr std::size_t step = std::min<std::uint64_t>(Blocks::pageblock_nr_pages, 32);
    const auto offset = static_cast<std::uint16_t>(page & (step - 1U));
    const std::size_t nr = order.nr_pages();
    const auto nr_here = static_cast<std::uint16_t>(std::min<std::size_t>(nr, step) - 1);
    const auto first = lanes_at<step>(page - offset);
    std::uint16_t any = 0;
    for (std::uint16_t i = 0; i < step; ++i) {
      const bool is_in = static_cast<std::uint16_t>(i - offset - 1) < nr_here;
      any |= static_cast<std::uint16_t>(first[i] & (is_in ? 0xffff : 0));
    }
    if (nr <= step) return PageBits{any};
    auto lanes = lanes_at<step>(page + static_cast<Index>(step));
    for (std::size_t behind = 2 * step; behind < nr; behind += step) {
      const auto more = lanes_at<step>(page + static_cast<Index>(behind));
      for (std::size_t i = 0; i < step; ++i) lanes[i] |= more[i];
    }
    for (const std::uint16_t lane : lanes) any |= lane;
    return PageBits{any};
  }

  // As find_if(), for pages of one block that have records. Returns end if there is none.
  template <typename Predicate>
  [[nodiscard]] Index find_in_block(Index page, Index end, Predicate predicate) const {
    while (page != end) {
      if (page % many == 0 && end - page >= many &&
          !detail::any_page<is_shared<Config>, many>(&bits_[page], predicate)) {
        page += many;
        continue;
      }
      const Index offset = page % group;
      const Index nr = std::min<Index>(group - offset, end - page);
      const std::uint64_t found = detail::mask_of(lanes_at<group>(page - offset), predicate);
      const auto nr_others = static_cast<Index>(std::countr_zero(found >> offset));
      if (nr_others < nr) return page + nr_others;
      page += nr;
    }
    return end;
  }

  // Returns the end of the largest chunk at pfn, or of one behind that is like it; not behind end but for the first.
  [[nodiscard]] Pfn pass_largest_chunks(Pfn pfn, Pfn end) const {
    constexpr std::size_t each = Blocks::max_order_nr_pages >> Config::pageblock_order;
    constexpr std::size_t at_once = std::max<std::size_t>(64, each);  // blocks
    constexpr std::uint64_t pages = std::uint64_t{at_once} << Config::pageblock_order;
    const std::uint16_t entry = read(blocks_[block_of(index(pfn))]);
    pfn += Blocks::max_order_nr_pages;
    // read_lanes() takes four entries at a time.
    while (pfn < end && end - pfn >= pages && block_of(index(pfn)) % 4 != 0) {
      if (read(blocks_[block_of(index(pfn))]) != entry) return pfn;
      pfn += Blocks::max_order_nr_pages;
    }
    for (; pfn < end && end - pfn >= pages; pfn += pages) {
      const auto entries =
          detail::read_lanes<is_shared<Config>, at_once>(&blocks_[block_of(index(pfn))]);
      std::uint16_t difference = 0;
      for (std::size_t i = 0; i < at_once; i += each)
        difference |= static_cast<std::uint16_t>(entries[i] ^ entry);
      if (difference != 0) break;
    }
    return pfn;
  }
};

}  // namespace pageblock
