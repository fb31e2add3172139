// SPDX-License-Identifier: MIT
/// The free lists: chunks by order and migratetype.
///
/// Layer:  mm.
/// Kernel: struct free_area, list_add(), list_del() on its free_list[].
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/free_list.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_order.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// One doubly linked list of chunks for each order and type. The links are in the memory map; here
/// are the ends. All calls but nr_free() are made under zone->lock; what leaves a list is a chunk head.
template <ZoneConfig Config>
class FreeLists {
 public:
  using Blocks = Geometry<Config>;
  using Map = Memmap<Config>;
  using Index = typename Map::Index;

  /// The chunks of one order and type, head first.
  [[nodiscard]] FreeList<Config> list(const Map& map, Order order, MigrateType type) const {
    const List& of = list_of(order, type);
    return {{map, map.pfn(of.head), of.size}, of.size};
  }

  /// Returns the number of chunks of @p order, of all types or of one.
  [[nodiscard]] std::uint64_t nr_free(Order order) const {
    std::uint64_t sum = 0;
    for (const List& of : lists_[order.value()])
      sum += detail::read_once<is_shared<Config>>(of.size);
    return sum;
  }
  [[nodiscard]] std::uint64_t nr_free(Order order, MigrateType type) const {
    return detail::read_once<is_shared<Config>>(list_of(order, type).size);
  }

  /// Returns the orders at which the list of @p type is not empty, as a bit mask.
  [[nodiscard]] std::uint32_t orders(MigrateType type) const { return orders_[index_of(type)]; }

  /// Returns the first or the last chunk of a list that is not empty.
  [[nodiscard]] Pfn head(const Map& map, Order order, MigrateType type) const {
    return map.pfn(list_of(order, type).head);
  }
  [[nodiscard]] Pfn tail(const Map& map, Order order, MigrateType type) const {
    return map.pfn(list_of(order, type).tail);
  }

  /// Adds a chunk of pages that are on no list.
  void add_head(Map& map, Pfn pfn, Order order, MigrateType type) {
    add(map, pfn, order, type, ListEnd::head);
  }
  void add_tail(Map& map, Pfn pfn, Order order, MigrateType type) {
    add(map, pfn, order, type, ListEnd::tail);
  }

  /// Adds @p nr largest chunks from @p first upward to the movable list, one by one in that order,
  /// where the map has them as population leaves them: only the ends are touched.
  void add_populated(Map& map, Pfn first, std::uint64_t nr) {
    const Index low = map.index(first);
    const Index high = map.index(first + ((nr - 1) << Blocks::top_order.value()));
    List& to = list_of(Blocks::top_order, MigrateType::movable);
    const bool to_tail = Config::semantics.move_to == ListEnd::tail;
    const Index front = to_tail ? low : high;
    const Index back = to_tail ? high : low;
    add_chain(in_blocks, map, to, front, back);
    to.size += nr;
    mark(Blocks::top_order, MigrateType::movable);
  }

  /// Takes the chunk at @p pfn off its list; its private becomes 0. Returns its order.
  Order del(Map& map, Pfn pfn) {
    const Index page = map.index(pfn);
    const PageBits bits = map.bits_of(page);
    in_tier_of<Config>(bits.order(), [&](auto tier) {
      this->remove(tier, map, page, bits.order(), bits.list_type());
    });
    return bits.order();
  }

  /// Moves the chunks that begin in [start, end), which is in one pageblock, to the lists of @p
  /// type, in ascending order. Returns the pages in them.
  ///
  ///     list of @p type   [a b]            block: ...|p  q|...  (two chunks, p < q)
  ///     to the heads      [q p a b]        descending, in front of what was there
  ///     to the tails      [a b p q]        ascending, behind it
  ///
  /// What lies side by side on its list is taken off as one chain; it stays linked where that is
  /// its new order. (Pages that were freed in ascending order lie there in descending order.)
  std::uint64_t move(Map& map, Pfn start, Pfn end, MigrateType type) {
    const Index first = map.index(start);
    const PageBits bits = map.bits_of(first);
    const Order order = bits.order();
    if (!bits.has(PageBits::buddy) || start + order.nr_pages() < end) {
      return move_several(map, start, end, type);
    }
    return in_tier_of<Config>(  // it is all there is
        order, [&](auto tier) { return this->move_one(tier, map, first, bits, type); });
  }

  /// Compares the ends and sizes; the links in between are the memory map's.
  friend bool operator==(const FreeLists& a, const FreeLists& b) { return a.lists_ == b.lists_; }

 protected:
  /// One list: its ends and its size.
  struct List {
    Index head = 0;
    Index tail = 0;
    std::uint64_t size = 0;
    friend bool operator==(const List& a, const List& b) {
      return a.size == b.size && (a.size == 0 || (a.head == b.head && a.tail == b.tail));
    }
  };

  void add(Map& map, Pfn pfn, Order order, MigrateType type, ListEnd end) {
    if (order < Blocks::pageblock_order) map.prepare_to_add(pfn);
    in_tier_of<Config>(order,
                       [&](auto tier) { this->add(tier, map, map.index(pfn), order, type, end); });
  }

  // Below, the caller knows the tier, and in the page tier that the block has records.

  template <Tier t>
  [[gnu::always_inline]] inline void add(InTier<t> tier, Map& map, Index page, Order order,
                                         MigrateType type, ListEnd end = ListEnd::head) {
    detail::write_order<Config>(tier, map, page, order);
    map.set_bits(tier, page, PageBits::chunk(order, type));
    mark(order, type);
    link(tier, map, list_of(order, type), page, end);
  }

  template <Tier t>
  [[gnu::always_inline]] inline void link(InTier<t> tier, Map& map, List& to, Index page,
                                          ListEnd end) {
    const bool was_empty = to.size == 0;
    add_to_size(to, 1);
    if (was_empty) {
      map.set_next(tier, page, page);
      map.set_prev(tier, page, page);
      to.head = page;
      to.tail = page;
    } else if (end == ListEnd::head) {
      map.set_next(tier, page, to.head);
      map.set_prev(tier, page, page);
      map.set_prev(tier, to.head, page);
      to.head = page;
    } else {
      map.set_next(tier, page, page);
      map.set_prev(tier, page, to.tail);
      map.set_next(tier, to.tail, page);
      to.tail = page;
    }
  }

  template <Tier t>
  [[gnu::always_inline]] inline void remove(InTier<t> tier, Map& map, Index page, Order order,
                                            MigrateType type) {
    detail::write_order<Config>(tier, map, page, order);
    map.set_bits(tier, page, PageBits{});
    List& from = list_of(order, type);
    take_from_size(from, 1);
    if (from.size == 0) return unmark(order, type);
    unlink(tier, map, from, page, map.prev(tier, page), page, map.next(tier, page));
  }

  // Moves the chunk at page, which has these bits, to another list or the end of its own. Returns its
  // pages.
  template <Tier t>
  [[gnu::always_inline]] inline std::uint64_t move_one(InTier<t> tier, Map& map, Index page,
                                                       PageBits bits, MigrateType type) {
    const Order order = bits.order();
    List& from = list_of(order, bits.list_type());
    take_from_size(from, 1);
    if (from.size != 0) {
      unlink(tier, map, from, page, map.prev(tier, page), page, map.next(tier, page));
    } else {
      unmark(order, bits.list_type());
    }
    add(tier, map, page, order, type, Config::semantics.move_to);
    return order.nr_pages();
  }

  /// Chunks of a block that are side by side on a list, from the lowest page to the highest; with the
  /// bits that they have there and will have.
  struct Chain {
    PageBits bits;
    PageBits moved_bits;
    Index lowest;
    Index highest;
    Index front;  // on the list
    Index back;
    Index before;  // what is beside them there; themselves at the ends
    Index behind;
    std::uint64_t nr = 1;

    Chain(PageBits chunk_bits, MigrateType type, Index page, Index prev, Index next)
        : bits{chunk_bits},
          moved_bits{PageBits::chunk(chunk_bits.order(), type)},
          lowest{page},
          highest{page},
          front{page},
          back{page},
          before{prev},
          behind{next} {}
  };

  // move(), where the first page's chunk is not all there is: so all are smaller than a block.
  [[gnu::noinline]] std::uint64_t move_several(Map& map, Pfn start, Pfn end, MigrateType type) {
    if (!map.has_record(end - 1)) return 0;  // nothing behind the block's first page is a chunk
    if (map.is_run(start)) return move_run(map, map.index(start), type);
    std::uint64_t moved = 0;
    std::size_t page = map.index(start);
    const std::size_t behind = page + (end - start);
    while (page < behind) {
      const auto head = static_cast<Index>(page);
      const PageBits bits = map.bits_of(in_pages, head);
      if (!bits.has(PageBits::buddy)) {
        ++page;
        continue;
      }
      page += pages(bits.order());
      Chain chain{bits, type, head, map.prev(in_pages, head), map.next(in_pages, head)};
      page = extend(map, chain, page, behind);
      moved += splice(map, chain, type);
      map.set_bits(in_pages, head, chain.moved_bits);
      if (chain.nr != 1) map.replace(head + 1, chain.highest, bits, chain.moved_bits);
    }
    if (end - start == Blocks::pageblock_nr_pages) map.set_run(start);
    return moved;
  }

  // The same for the block at first, whose chunks stand side by side on their lists in the order
  // that they are to have.
  std::uint64_t move_run(Map& map, Index first, MigrateType type) {
    constexpr bool to_head = Config::semantics.move_to == ListEnd::head;
    std::uint64_t moved = 0;
    map.retype_heads(first, type,
                     [&](PageBits bits, Index lowest, Index highest, std::uint64_t nr) {
                       Chain chain{bits, type, lowest, 0, 0};
                       chain.highest = highest;
                       chain.front = to_head ? highest : lowest;
                       chain.back = to_head ? lowest : highest;
                       chain.before = map.prev(in_pages, chain.front);
                       chain.behind = map.next(in_pages, chain.back);
                       chain.nr = nr;
                       moved += splice(map, chain, type);
                     });
    return moved;
  }

  // Adds the chunks from page upward that are beside those of the chain on their list, in front of
  // them or, for a move to a tail, also behind; then they are linked anew, from the lowest to the
  // highest. Returns the page of the first that is not, or behind. Not inlined, so that the loop has
  // the registers.
  [[gnu::noinline]] static std::size_t extend(Map& map, Chain& chain, std::size_t page,
                                              std::size_t behind) {
    const PageBits bits = chain.bits;
    const std::uint64_t pages_each = bits.order().nr_pages();
    Index highest = chain.highest;
    std::uint64_t nr = chain.nr;
    while (page < behind) {
      const auto head = static_cast<Index>(page);
      const PageBits now = map.bits_of(in_pages, head);
      if (now == bits) {
        if constexpr (Config::semantics.move_to == ListEnd::head) {
          if (map.next(in_pages, head) != highest) break;
        } else {
          const Index next = map.next(in_pages, head);
          const Index prev = map.prev(in_pages, head);
          const bool is_in_front = next == chain.front;
          if (!is_in_front && prev != chain.back) break;
          const bool is_linked = !is_in_front && chain.back == highest;
          (is_in_front ? chain.before : chain.behind) = is_in_front ? prev : next;
          (is_in_front ? chain.front : chain.back) = head;
          if (!is_linked) {
            map.set_prev(in_pages, head, highest);
            map.set_next(in_pages, highest, head);
          }
        }
        highest = head;
        ++nr;
        page += pages_each;
      } else if (!now.has(PageBits::buddy)) {
        ++page;
      } else {
        break;
      }
    }
    chain.highest = highest;
    chain.nr = nr;
    if constexpr (Config::semantics.move_to == ListEnd::head) {
      chain.front = highest;
      chain.before = map.prev(in_pages, highest);
    }
    return page;
  }

  // Takes a chain off its list and adds it to the list of type. Returns its pages.
  std::uint64_t splice(Map& map, const Chain& chain, MigrateType type) {
    const Order order = chain.bits.order();
    List& from = list_of(order, chain.bits.list_type());
    List& to = list_of(order, type);
    take_from_size(from, chain.nr);
    unlink(in_pages, map, from, chain.front, chain.before, chain.back, chain.behind);
    if (from.size == 0) unmark(order, chain.bits.list_type());
    constexpr bool to_head = Config::semantics.move_to == ListEnd::head;
    add_chain(in_pages, map, to, to_head ? chain.front : chain.lowest,
              to_head ? chain.back : chain.highest);
    add_to_size(to, chain.nr);
    mark(order, type);
    return chain.nr << order.value();
  }

  // Links chunks that are linked to each other to the end of a list that things are moved to.
  template <Tier t>
  void add_chain(InTier<t> tier, Map& map, List& to, Index front, Index back) {
    map.set_prev(tier, front, front);
    map.set_next(tier, back, back);
    if (to.size == 0) {
      to.head = front;
      to.tail = back;
    } else if (Config::semantics.move_to == ListEnd::head) {
      map.set_next(tier, back, to.head);
      map.set_prev(tier, to.head, back);
      to.head = front;
    } else {
      map.set_prev(tier, front, to.tail);
      map.set_next(tier, to.tail, front);
      to.tail = back;
    }
  }

  // Links what is before front to what is behind back. What is at an end afterwards is its own
  // neighbour there.
  template <Tier t>
  [[gnu::always_inline]] inline void unlink(InTier<t> tier, Map& map, List& from, Index front,
                                            Index prev, Index back, Index next) {
    if (next != back) {
      map.set_prev(tier, next, prev != front ? prev : next);
    } else {
      from.tail = prev;
    }
    if (prev != front) {
      map.set_next(tier, prev, next != back ? next : prev);
    } else {
      from.head = next;
    }
  }

  static void add_to_size(List& list, std::uint64_t nr) {
    detail::write_once<is_shared<Config>>(list.size, list.size + nr);
  }
  static void take_from_size(List& list, std::uint64_t nr) {
    detail::write_once<is_shared<Config>>(list.size, list.size - nr);
  }

  // Takes the first chunk of a list off it; in later kernels its private becomes the list's type.
  template <Tier t>
  [[gnu::always_inline]] inline void pop_head(InTier<t> tier, Map& map, Order order,
                                              MigrateType type) {
    List& from = list_of(order, type);
    const Index page = from.head;
    const bool is_marked = Config::semantics.drain_type == DrainType::mark_of_list;
    map.set_bits(tier, page,
                 is_marked ? PageBits{}.with_private(number_of<Config>(type)) : PageBits{});
    take_from_size(from, 1);
    if (from.size == 0) return unmark(order, type);
    from.head = map.next(tier, page);
    map.set_prev(tier, from.head, from.head);
  }

  [[nodiscard]] static constexpr Index pages(Order order) { return Index{1} << order.value(); }

  [[nodiscard]] List& list_of(Order order, MigrateType type) {
    return lists_[order.value()][index_of(type)];
  }
  [[nodiscard]] const List& list_of(Order order, MigrateType type) const {
    return lists_[order.value()][index_of(type)];
  }
  void mark(Order order, MigrateType type) { orders_[index_of(type)] |= 1U << order.value(); }
  void unmark(Order order, MigrateType type) { orders_[index_of(type)] &= ~(1U << order.value()); }

  // A power of two of types, so that a list is found by shifts.
  std::array<std::array<List, std::bit_ceil(nr_migratetypes)>, Config::max_order> lists_{};
  std::array<std::uint32_t, nr_migratetypes> orders_{};
};

}  // namespace pageblock
