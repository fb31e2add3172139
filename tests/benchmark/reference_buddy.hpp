// SPDX-License-Identifier: MIT
/// The lower half of the reference: a record for each page, the free lists, the block types.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock::benchmark {

struct Link {
  Link* next = nullptr;
  Link* prev = nullptr;
};

/// Kernel: struct page.
struct alignas(64) Record : Link {
  std::uint64_t page_private = 0;
  std::uint32_t count = 0;
  bool is_buddy = false;
  bool is_lru = false;
};
static_assert(sizeof(Record) == 64);

/// Kernel: struct list_head.
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  [[nodiscard]] bool empty() const { return ends_.next == &ends_; }
  [[nodiscard]] Record* head() const { return static_cast<Record*>(ends_.next); }
  [[nodiscard]] Record* tail() const { return static_cast<Record*>(ends_.prev); }

  void add_head(Record* page) { insert(page, &ends_, ends_.next); }
  void add_tail(Record* page) { insert(page, ends_.prev, &ends_); }
  static void del(Record* page) {
    page->prev->next = page->next;
    page->next->prev = page->prev;
  }

  /// Calls visit(record) from head to tail.
  void for_each(auto visit) const {
    for (const Link* link = ends_.next; link != &ends_; link = link->next) {
      visit(*static_cast<const Record*>(link));
    }
  }

 private:
  static void insert(Record* page, Link* before, Link* behind) {
    page->prev = before;
    page->next = behind;
    before->next = page;
    behind->prev = page;
  }

  Link ends_{&ends_, &ends_};
};

/// Pages, block types and free lists. Its user holds the zone's lock where v3.6 does.
class ReferenceBuddy : public Geometry<DefaultConfig> {
 public:
  /// Makes the pages in use and the block types that the layout names, and frees the other pages.
  /// Kernel: free_all_bootmem().
  explicit ReferenceBuddy(const ZoneLayout& layout)
      : start_{layout.start_pfn},
        pages_(layout.spanned_pages),
        block_types_((layout.spanned_pages + pageblock_nr_pages - 1) / pageblock_nr_pages,
                     MigrateType::movable) {
    for (const auto& [range, type] : layout.block_types) {
      for (Pfn pfn = range.start; pfn < range.end; pfn += pageblock_nr_pages) set_type(pfn, type);
    }
    for (const InUseRange& used : layout.in_use) {
      for (Pfn pfn = used.range.start; pfn < used.range.end; ++pfn) {
        at(pfn).count = used.count;
        at(pfn).is_lru = used.lru;
      }
    }
    for (Pfn pfn = start_; pfn < end_pfn();) {
      Pfn end = pfn;
      while (end < end_pfn() && at(end).count == 0) ++end;
      populate(pfn, end);
      pfn = end + 1;
    }
  }

  /// A snapshot: copies the records and links those of the copy in the same order.
  ReferenceBuddy(const ReferenceBuddy& other)
      : start_{other.start_},
        pages_{other.pages_},
        block_types_{other.block_types_},
        nr_free_{other.nr_free_},
        nr_free_pages_{other.nr_free_pages_} {
    for (std::size_t order = 0; order < free_lists_.size(); ++order) {
      for (std::size_t type = 0; type < nr_migratetypes; ++type) {
        link(other, other.free_lists_[order][type], free_lists_[order][type]);
      }
    }
  }
  ReferenceBuddy& operator=(const ReferenceBuddy&) = delete;

  friend bool operator==(const ReferenceBuddy& a, const ReferenceBuddy& b) {
    const auto same_page = [](const Record& x, const Record& y) {
      return x.count == y.count && x.page_private == y.page_private && x.is_buddy == y.is_buddy &&
             x.is_lru == y.is_lru;
    };
    return a.start_ == b.start_ && a.block_types_ == b.block_types_ &&
           std::ranges::equal(a.pages_, b.pages_, same_page) && a.free_pfns() == b.free_pfns();
  }

  [[nodiscard]] Pfn start_pfn() const { return start_; }
  [[nodiscard]] Pfn end_pfn() const { return start_ + pages_.size(); }
  [[nodiscard]] std::int64_t nr_free_pages() const { return nr_free_pages_; }
  [[nodiscard]] std::uint64_t nr_free(Order order) const { return nr_free_[order.value()]; }

 protected:
  [[nodiscard]] Record& at(Pfn pfn) { return pages_[pfn - start_]; }
  [[nodiscard]] const Record& at(Pfn pfn) const { return pages_[pfn - start_]; }
  [[nodiscard]] Pfn pfn_of(const Record* page) const {
    return start_ + static_cast<std::uint64_t>(page - pages_.data());
  }
  [[nodiscard]] bool is_valid(Pfn pfn) const { return start_ <= pfn && pfn < end_pfn(); }
  [[nodiscard]] bool is_chunk(Pfn pfn, Order order) const {
    return is_valid(pfn) && at(pfn).is_buddy && at(pfn).page_private == order.value();
  }
  [[nodiscard]] List& list(Order order, MigrateType type) {
    return free_lists_[order.value()][index_of(type)];
  }
  [[nodiscard]] MigrateType type_of(Pfn pfn) const {
    return block_types_[(pfn - start_) / pageblock_nr_pages];
  }
  void set_type(Pfn pfn, MigrateType type) {
    block_types_[(pfn - start_) / pageblock_nr_pages] = type;
  }

  void mod_nr_free_pages(std::int64_t change) { nr_free_pages_ += change; }

  /// Appends to the list @p to the pages that are on a list of @p other.
  void link(const ReferenceBuddy& other, const List& from, List& to) {
    from.for_each([&](const Record& page) { to.add_tail(&at(other.pfn_of(&page))); });
  }
  void append(std::vector<Pfn>& pfns, const List& list) const {
    list.for_each([&](const Record& page) { pfns.push_back(pfn_of(&page)); });
    pfns.push_back(end_pfn());  // so that the end of each list counts
  }

  void put_on(Pfn pfn, Order order, MigrateType type, bool at_tail = false) {
    Record& page = at(pfn);
    page.is_buddy = true;
    page.page_private = order.value();
    ++nr_free_[order.value()];
    if (at_tail) {
      list(order, type).add_tail(&page);
    } else {
      list(order, type).add_head(&page);
    }
  }

  Order take_off(Record& page) {
    const Order order{static_cast<unsigned>(page.page_private)};
    List::del(&page);
    --nr_free_[order.value()];
    page.is_buddy = false;
    page.page_private = 0;
    return order;
  }

  void free_one_page(Pfn pfn, Order order, MigrateType type) {
    Pfn buddy = end_pfn();
    for (; order < top_order; ++order) {
      buddy = pfn.buddy(order);
      if (!is_chunk(buddy, order)) break;
      take_off(at(buddy));
      pfn = std::min(pfn, buddy);
    }
    const bool may_merge_soon = order + 1 < top_order && is_valid(buddy) &&
                                is_chunk(pfn.align_down(order + 1).buddy(order + 1), order + 1);
    put_on(pfn, order, type, may_merge_soon);
  }

  Record* take(Record* page, Order order, MigrateType type) {
    const Pfn pfn = pfn_of(page);
    for (Order high = take_off(*page); high > order;) {
      --high;
      put_on(pfn + high.nr_pages(), high, type);
    }
    return page;
  }

  Record* rmqueue_smallest(Order order, MigrateType type) {
    for (Order high = order; high <= top_order; ++high) {
      if (!list(high, type).empty()) return take(list(high, type).head(), order, type);
    }
    return nullptr;
  }

  Record* rmqueue_fallback(Order order, MigrateType start_type) {
    for (unsigned current = top_order.value() + 1; current-- > order.value();) {
      const Order found{current};
      for (const MigrateType type : DefaultConfig::semantics.fallbacks_of(start_type)) {
        if (list(found, type).empty()) continue;
        Record* page = list(found, type).head();
        const Pfn pfn = pfn_of(page);
        if (type == MigrateType::cma) return take(page, order, type);
        if (current >= pageblock_order.value() / 2 || start_type == MigrateType::reclaimable) {
          if (move_freepages_block(pfn, start_type) >= pageblock_nr_pages / 2) {
            set_type(pfn, start_type);
          }
        }
        if (found >= pageblock_order) {
          for (Pfn block = pfn; block < pfn + found.nr_pages(); block += pageblock_nr_pages) {
            set_type(block, start_type);
          }
        }
        return take(page, order, start_type);
      }
    }
    return nullptr;
  }

  Record* rmqueue(Order order, MigrateType type) {
    if (Record* page = rmqueue_smallest(order, type)) return page;
    if (Record* page = rmqueue_fallback(order, type)) return page;
    return rmqueue_smallest(order, MigrateType::reserve);
  }

  std::uint64_t move_freepages_block(Pfn pfn, MigrateType type) {
    const Pfn block = pfn.align_down(pageblock_order);
    const Pfn end = block + pageblock_nr_pages;
    if (end > end_pfn()) return 0;
    std::uint64_t moved = 0;
    for (Pfn head = block < start_ ? pfn : block; head < end;) {
      if (!at(head).is_buddy) {
        ++head;
        continue;
      }
      const Order order = take_off(at(head));
      put_on(head, order, type);
      moved += order.nr_pages();
      head += order.nr_pages();
    }
    return moved;
  }

 private:
  void populate(Pfn pfn, Pfn end) {
    nr_free_pages_ += static_cast<std::int64_t>(end - pfn);
    while (pfn < end) {
      Order order = pfn.max_aligned_order(top_order);
      while (end - pfn < order.nr_pages()) --order;
      if (order == Order{0}) at(pfn).page_private = index_of(type_of(pfn));
      free_one_page(pfn, order, type_of(pfn));
      pfn += order.nr_pages();
    }
  }

  [[nodiscard]] std::vector<Pfn> free_pfns() const {
    std::vector<Pfn> pfns;
    for (const auto& lists : free_lists_) {
      for (const List& list : lists) append(pfns, list);
    }
    return pfns;
  }

  Pfn start_{};
  std::vector<Record> pages_;
  std::vector<MigrateType> block_types_;
  std::array<std::array<List, nr_migratetypes>, DefaultConfig::max_order> free_lists_{};
  std::array<std::uint64_t, DefaultConfig::max_order> nr_free_{};
  std::int64_t nr_free_pages_ = 0;
};

}  // namespace pageblock::benchmark
