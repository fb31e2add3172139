// SPDX-License-Identifier: MIT
/// The free lists: chunks by order and migratetype.
///
/// Layer:  mm.
/// Kernel: struct free_area, list_add(), list_del(), list_for_each_entry() over its free_list[].
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// The chunks of one order and type, head first.
template <ZoneConfig Config>
struct FreeList {
  /// Walks the list from its head.
  class Iterator {
   public:
    using value_type = Pfn;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Iterator(const Memmap<Config>& map, Pfn pfn, std::uint64_t left)
        : map_{&map}, pfn_{pfn}, left_{left} {}

    Pfn operator*() const { return pfn_; }
    Iterator& operator++() {
      if (--left_ != 0) pfn_ = map_->next(pfn_);
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    const Memmap<Config>* map_ = nullptr;
    Pfn pfn_{};
    std::uint64_t left_ = 0;
  };

  Iterator first;
  std::uint64_t size;
  [[nodiscard]] Iterator begin() const { return first; }
  [[nodiscard]] Iterator end() const { return {}; }
};

/// One doubly linked list of chunks for each order and type. The links are in the memory map; here
/// are the ends. All calls are made under zone->lock, except nr_free(). What is taken off or moved
/// is a chunk head.
template <ZoneConfig Config>
class FreeLists {
 public:
  using Blocks = Geometry<Config>;
  using Map = Memmap<Config>;
  using Index = typename Map::Index;
  using Slot = typename Map::Slot;

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

  void add_head(Map& map, Pfn pfn, Order order, MigrateType type) {
    add(map, map.slot(map.index(pfn)), map.index(pfn), order, type, ListEnd::head);
  }
  void add_tail(Map& map, Pfn pfn, Order order, MigrateType type) {
    add(map, map.slot(map.index(pfn)), map.index(pfn), order, type, ListEnd::tail);
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
    add_chain(map, to, front, map.head_slot(front), back, map.head_slot(back));
    to.size += nr;
    mark(Blocks::top_order, MigrateType::movable);
  }

  /// Takes the chunk at @p pfn off its list; its private becomes 0. Returns its order.
  Order del(Map& map, Pfn pfn) {
    const auto chunk = map.head_slot(map.index(pfn));
    const PageBits bits = chunk.bits();
    remove(map, chunk, map.index(pfn), bits.order(), bits.list_type());
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
    const PageBits bits = map.stored_bits_of(first);
    const Order order = bits.order();
    if (!bits.has(PageBits::buddy) || start + order.nr_pages() < end) {
      return move_several(map, start, end, type);
    }
    const auto chunk = map.head_slot(first);  // it is all there is
    remove(map, chunk, first, order, bits.list_type());
    add(map, chunk, first, order, type, Config::semantics.move_to);
    return order.nr_pages();
  }

  /// Compares the ends and sizes; the links in between are the memory map's.
  friend bool operator==(const FreeLists& a, const FreeLists& b) { return a.lists_ == b.lists_; }

 protected:
  struct List {
    Index head = 0;
    Index tail = 0;
    std::uint64_t size = 0;
    friend bool operator==(const List& a, const List& b) {
      return a.size == b.size && (a.size == 0 || (a.head == b.head && a.tail == b.tail));
    }
  };

  [[gnu::always_inline]] inline void add(Map& map, Slot chunk, Index page, Order order,
                                         MigrateType type, ListEnd end = ListEnd::head) {
    List& to = list_of(order, type);
    chunk.set_bits(PageBits::chunk(order, type));
    const bool was_empty = to.size == 0;
    add_to_size(to, 1);
    if (was_empty) {
      chunk.set_next(page);
      chunk.set_prev(page);
      to.head = page;
      to.tail = page;
      mark(order, type);
    } else if (end == ListEnd::head) {
      chunk.set_next(to.head);
      chunk.set_prev(page);
      map.head_slot(to.head).set_prev(page);
      to.head = page;
    } else {
      chunk.set_next(page);
      chunk.set_prev(to.tail);
      map.head_slot(to.tail).set_next(page);
      to.tail = page;
    }
  }

  [[gnu::always_inline]] inline void remove(Map& map, Slot chunk, Index page, Order order,
                                            MigrateType type) {
    List& from = list_of(order, type);
    unlink(map, from, page, chunk.prev(), page, chunk.next());
    take_from_size(from, 1);
    if (from.size == 0) unmark(order, type);
    chunk.set_bits(PageBits{});
  }

  // Chunks of a block that are side by side on a list, from the lowest page to the highest; with the
  // bits that they have there and will have.
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

    Chain(PageBits chunk_bits, MigrateType type, Index page, const Slot& chunk)
        : bits{chunk_bits},
          moved_bits{PageBits::chunk(chunk_bits.order(), type)},
          lowest{page},
          highest{page},
          front{page},
          back{page},
          before{chunk.prev()},
          behind{chunk.next()} {}
  };

  // move(), where the first page's chunk is not all there is.
  [[gnu::noinline]] std::uint64_t move_several(Map& map, Pfn start, Pfn end, MigrateType type) {
    std::uint64_t moved = 0;
    std::size_t page = map.index(start);
    std::size_t behind = page + (end - start);
    // Without records, nothing behind the block's first page is a chunk.
    if (!map.has_record(end - 1)) behind = std::min(behind, page + 1);
    while (page < behind) {
      const PageBits bits = map.stored_bits_of(static_cast<Index>(page));
      if (!bits.has(PageBits::buddy)) {
        ++page;
        continue;
      }
      const auto head = static_cast<Index>(page);
      page += pages(bits.order());
      Chain chain{bits, type, head, map.head_slot(head)};
      page = extend(map, chain, page, behind);
      moved += splice(map, chain, type);
    }
    return moved;
  }

  // Adds the chunks from page upward that are beside those of the chain on their list, in front of
  // them or, for a move to a tail, also behind; then they are linked anew, from the lowest to the
  // highest. Returns the page of the first that is not, or behind. Not inlined, so that the loop has
  // the registers.
  [[gnu::noinline]] static std::size_t extend(Map& map, Chain& chain, std::size_t page,
                                              std::size_t behind) {
    const PageBits bits = chain.bits;
    const PageBits moved_bits = chain.moved_bits;
    const std::uint64_t pages_each = bits.order().nr_pages();
    Index highest = chain.highest;
    std::uint64_t nr = chain.nr;
    while (page < behind) {
      Slot chunk = map.tail_slot(static_cast<Index>(page));
      if (chunk.bits() == bits) {
        if constexpr (Config::semantics.move_to == ListEnd::head) {
          if (chunk.next() != highest) break;
        } else {
          const bool is_in_front = chunk.next() == chain.front;
          if (!is_in_front && chunk.prev() != chain.back) break;
          const bool is_linked = !is_in_front && chain.back == highest;
          (is_in_front ? chain.before : chain.behind) = is_in_front ? chunk.prev() : chunk.next();
          (is_in_front ? chain.front : chain.back) = static_cast<Index>(page);
          if (!is_linked) {
            chunk.set_prev(highest);
            map.head_slot(highest).set_next(static_cast<Index>(page));
          }
        }
        if constexpr (is_shared<Config>) chunk.set_bits(moved_bits);
        highest = static_cast<Index>(page);
        ++nr;
        page += pages_each;
      } else if (!chunk.bits().has(PageBits::buddy)) {
        ++page;
      } else {
        break;
      }
    }
    chain.highest = highest;
    chain.nr = nr;
    if constexpr (Config::semantics.move_to == ListEnd::head) {
      chain.front = highest;
      chain.before = map.head_slot(highest).prev();
    }
    return page;
  }

  // Takes a chain off its list and adds it to the list of type. Returns its pages.
  std::uint64_t splice(Map& map, const Chain& chain, MigrateType type) {
    const Order order = chain.bits.order();
    List& from = list_of(order, chain.bits.list_type());
    List& to = list_of(order, type);
    unlink(map, from, chain.front, chain.before, chain.back, chain.behind);
    take_from_size(from, chain.nr);
    if (from.size == 0) unmark(order, chain.bits.list_type());
    constexpr bool to_head = Config::semantics.move_to == ListEnd::head;
    const Index front = to_head ? chain.front : chain.lowest;
    const Index back = to_head ? chain.back : chain.highest;
    add_chain(map, to, front, map.head_slot(front), back, map.head_slot(back));
    add_to_size(to, chain.nr);
    mark(order, type);
    map.head_slot(chain.lowest).set_bits(chain.moved_bits);
    // Without threads the bits of the others come now, many at once.
    if (!is_shared<Config> && chain.nr != 1) {
      map.replace(chain.lowest + 1, chain.highest, chain.bits, chain.moved_bits);
    }
    return chain.nr << order.value();
  }

  // Links chunks that are linked to each other to the end of a list that things are moved to.
  void add_chain(Map& map, List& to, Index front, Slot first, Index back, Slot last) {
    first.set_prev(front);
    last.set_next(back);
    if (to.size == 0) {
      to.head = front;
      to.tail = back;
    } else if (Config::semantics.move_to == ListEnd::head) {
      last.set_next(to.head);
      map.head_slot(to.head).set_prev(back);
      to.head = front;
    } else {
      first.set_prev(to.tail);
      map.head_slot(to.tail).set_next(front);
      to.tail = back;
    }
  }

  // Links what is before front to what is behind back. What is at an end afterwards is its own
  // neighbour there.
  [[gnu::always_inline]] inline void unlink(Map& map, List& from, Index front, Index prev,
                                            Index back, Index next) {
    if (next != back) {
      map.head_slot(next).set_prev(prev != front ? prev : next);
    } else {
      from.tail = prev;
    }
    if (prev != front) {
      map.head_slot(prev).set_next(next != back ? next : prev);
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
  // order is not below least, which the compiler may know where it does not know order.
  [[gnu::always_inline]] inline void pop_head(Map& map, Order order, MigrateType type,
                                              Order least = Order{0}) {
    List& from = list_of(order, type);
    auto chunk = map.head_slot(from.head, least);
    const bool is_marked = Config::semantics.refill_mark == RefillMark::free_list;
    chunk.set_bits(is_marked ? PageBits{}.with_private(number_of<Config>(type)) : PageBits{});
    take_from_size(from, 1);
    if (from.size == 0) return unmark(order, type);
    from.head = chunk.next();
    map.head_slot(from.head, least).set_prev(from.head);
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
