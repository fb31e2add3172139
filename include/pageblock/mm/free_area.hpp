/// The free lists: chunks by order and migratetype, and the buddy algorithm on them.
///
/// Layer:  mm.
/// Kernel: struct free_area, __free_one_page(), __rmqueue_smallest(), expand() (mm/page_alloc.c).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/memmap.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zeroed_array.hpp"

namespace pageblock {

/// One doubly linked list of chunks for each order and type. The links are in the memory map; here
/// are the ends. All calls are made under zone->lock, except nr_free().
template <ZoneConfig Config>
class FreeArea {
 public:
  using Blocks = Geometry<Config>;
  using Map = Memmap<Config>;

  /// Walks a list from its head.
  class Iterator {
   public:
    using value_type = Pfn;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    Iterator(const Map& map, Pfn pfn, std::uint64_t left) : map_{&map}, pfn_{pfn}, left_{left} {}

    Pfn operator*() const { return pfn_; }
    Iterator& operator++() {
      if (--left_ != 0) pfn_ = map_->at(pfn_, map_->next(pfn_));
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    const Map* map_ = nullptr;
    Pfn pfn_{};
    std::uint64_t left_ = 0;
  };

  /// The chunks of one order and type, head first.
  struct ListView {
    Iterator first;
    std::uint64_t size;
    [[nodiscard]] Iterator begin() const { return first; }
    [[nodiscard]] Iterator end() const { return {}; }
  };

  [[nodiscard]] ListView list(const Map& map, Order order, MigrateType type) const {
    const List& of = list_of(order, type);
    return {Iterator{map, of.head, of.size}, of.size};
  }

  /// Returns the number of chunks of @p order, of all types or of one.
  [[nodiscard]] std::uint64_t nr_free(Order order) const {
    std::uint64_t sum = 0;
    for (const List& of : lists_[order.value()]) sum += detail::read_once(of.size);
    return sum;
  }
  [[nodiscard]] std::uint64_t nr_free(Order order, MigrateType type) const {
    return detail::read_once(list_of(order, type).size);
  }

  /// Returns the orders at which the list of @p type is not empty, as a bit mask.
  [[nodiscard]] std::uint32_t orders(MigrateType type) const { return orders_[index_of(type)]; }

  /// Returns the first or the last chunk of a list that is not empty.
  [[nodiscard]] Pfn head(Order order, MigrateType type) const { return list_of(order, type).head; }
  [[nodiscard]] Pfn tail(Order order, MigrateType type) const { return list_of(order, type).tail; }

  void add_head(Map& map, Pfn pfn, Order order, MigrateType type) {
    List& to = list_of(order, type);
    map.set_bits(pfn, PageBits::chunk(order, type));
    map.set_prev(pfn, 0);
    if (to.size == 0) {
      map.set_next(pfn, 0);
      to.tail = pfn;
      mark(order, type);
    } else {
      map.set_next(pfn, map.distance(pfn, to.head));
      map.set_prev(to.head, map.distance(to.head, pfn));
    }
    to.head = pfn;
    detail::write_once(to.size, to.size + 1);
  }

  void add_tail(Map& map, Pfn pfn, Order order, MigrateType type) {
    List& to = list_of(order, type);
    if (to.size == 0) return add_head(map, pfn, order, type);
    map.set_bits(pfn, PageBits::chunk(order, type));
    map.set_next(pfn, 0);
    map.set_prev(pfn, map.distance(pfn, to.tail));
    map.set_next(to.tail, map.distance(to.tail, pfn));
    to.tail = pfn;
    detail::write_once(to.size, to.size + 1);
  }

  /// Adds @p nr largest chunks from @p first upward to the head of the movable list, one by one in
  /// that order, where the map has them as population leaves them: only the ends are touched.
  void add_populated(Map& map, Pfn first, std::uint64_t nr) {
    List& to = list_of(Blocks::top_order, MigrateType::movable);
    const Pfn last = first + ((nr - 1) << Blocks::top_order.value());
    if (to.size == 0) {
      map.set_next(first, 0);
      to.tail = first;
      mark(Blocks::top_order, MigrateType::movable);
    } else {
      map.set_next(first, map.distance(first, to.head));
      map.set_prev(to.head, map.distance(to.head, first));
    }
    map.set_prev(last, 0);
    to.head = last;
    to.size += nr;
  }

  /// Takes the chunk at @p pfn off its list; its private becomes 0. Returns its order.
  Order del(Map& map, Pfn pfn) {
    const PageBits bits = map.bits(pfn);
    List& from = list_of(bits.order(), bits.list_type());
    const auto next = map.next(pfn);
    const auto prev = map.prev(pfn);
    if (next != 0) {
      const Pfn behind = map.at(pfn, next);
      map.set_prev(behind, prev == 0 ? 0 : prev - next);
    } else if (prev != 0) {
      from.tail = map.at(pfn, prev);
    }
    if (prev != 0) {
      const Pfn before = map.at(pfn, prev);
      map.set_next(before, next == 0 ? 0 : next - prev);
    } else if (next != 0) {
      from.head = map.at(pfn, next);
    }
    detail::write_once(from.size, from.size - 1);
    if (from.size == 0) unmark(bits.order(), bits.list_type());
    map.set_bits(pfn, PageBits{});
    return bits.order();
  }

  /// Moves the chunk at @p pfn to the head of the list of @p type. Returns its order.
  Order move(Map& map, Pfn pfn, MigrateType type) {
    const Order order = del(map, pfn);
    add_head(map, pfn, order, type);
    return order;
  }

  /// Frees 2^order pages: merges them with free buddies, of whatever type (a v3.6 defect), and puts
  /// the result on the list of @p type; at its tail if the chunk above is likely to merge soon.
  /// Kernel: __free_one_page().
  void free_one_page(Map& map, Pfn pfn, Order order, MigrateType type) {
    if (!map.has_record(pfn)) map.make_records(pfn);  // may throw, so before any change
    PageBits last_buddy{PageBits::hole};
    while (order < Blocks::top_order) {
      const Pfn buddy = pfn.buddy(order);
      last_buddy = map.bits(buddy);
      if (!last_buddy.is_chunk(order)) break;
      del(map, buddy);
      pfn = pfn.align_down(order + 1);
      ++order;
    }
    if (order + 1 < Blocks::top_order && last_buddy.is_valid()) {
      const Pfn above = pfn.align_down(order + 1).buddy(order + 1);
      if (map.bits(above).is_chunk(order + 1)) return add_tail(map, pfn, order, type);
    }
    add_head(map, pfn, order, type);
  }

  /// Takes the smallest chunk of @p type that holds 2^order pages, from the head of its list, and
  /// gives the upper halves that are too much to the heads of theirs. Nothing if there is none.
  /// Kernel: __rmqueue_smallest().
  std::optional<Pfn> rmqueue_smallest(Map& map, Order order, MigrateType type) {
    const std::uint32_t fitting = orders(type) >> order.value();
    if (fitting == 0) return std::nullopt;
    const Order found = order + static_cast<unsigned>(std::countr_zero(fitting));
    const Pfn pfn = head(found, type);
    take(map, pfn, order, type);
    return pfn;
  }

  /// Does what in take() may throw std::bad_alloc. Changes nothing that matters.
  void prepare_take(Map& map, Pfn pfn, Order low) {
    // What is kept and the halves below a block are in the chunk's first block; larger halves begin
    // a block, and need no record.
    if (low < Blocks::pageblock_order && map.bits(pfn).order() > low) map.make_records(pfn);
  }

  /// Takes the chunk at @p pfn off its list, keeps its first 2^low pages and gives the rest to the
  /// lists of @p type.
  ///
  ///     chunk of order 3, low 0:   |k|0|  1  |      2      |   k: kept, n: freed with order n
  ///
  /// Kernel: the end of __rmqueue_smallest() and __rmqueue_fallback(), expand().
  void take(Map& map, Pfn pfn, Order low, MigrateType type) {
    prepare_take(map, pfn, low);
    for (Order high = del(map, pfn); high > low;) {
      --high;
      add_head(map, pfn + high.nr_pages(), high, type);
    }
  }

  /// Compares the ends and sizes; the links in between are the memory map's.
  friend bool operator==(const FreeArea& a, const FreeArea& b) { return a.lists_ == b.lists_; }

 private:
  struct List {
    Pfn head{};
    Pfn tail{};
    std::uint64_t size = 0;
    friend bool operator==(const List& a, const List& b) {
      return a.size == b.size && (a.size == 0 || (a.head == b.head && a.tail == b.tail));
    }
  };

  [[nodiscard]] List& list_of(Order order, MigrateType type) {
    return lists_[order.value()][index_of(type)];
  }
  [[nodiscard]] const List& list_of(Order order, MigrateType type) const {
    return lists_[order.value()][index_of(type)];
  }
  void mark(Order order, MigrateType type) { orders_[index_of(type)] |= 1U << order.value(); }
  void unmark(Order order, MigrateType type) { orders_[index_of(type)] &= ~(1U << order.value()); }

  std::array<std::array<List, nr_migratetypes>, Config::max_order> lists_{};
  std::array<std::uint32_t, nr_migratetypes> orders_{};
};

}  // namespace pageblock
