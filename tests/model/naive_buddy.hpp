// SPDX-License-Identifier: MIT
/// The base of the naive model: its state, boot, and the merging of free chunks.
///
/// The model has one record for each page, vectors for lists, and no cleverness. It is written to
/// be read beside the notes on a kernel, topic by topic. What follows here holds in every kernel; where
/// one differs, its Rules say so. Pfns, orders and counts are plain numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pageblock/mm/zone_layout.hpp"

#include "model/naive_rules.hpp"
#include "model/zone_image.hpp"

namespace pageblock::test {

struct ModelGeometry {
  unsigned max_order;
  unsigned pageblock_order;
  const Rules* rules = &rules::v3_6;
};

/// What a broken contract throws.
struct Bug {};

struct NaiveBuddy : ZoneImage {
  using Number = std::uint64_t;

  const Rules& rules;
  unsigned max_order;
  unsigned block_order;
  bool is_movable_zone;
  /// Chunks that compaction has taken and not given back: first page and order.
  std::vector<std::pair<Number, unsigned>> taken_chunks{};
  /// Somebody lets nothing stay on the per-CPU lists.
  bool has_disabled_pcps = false;
  bool mobility_grouping;

  static void bug_if(bool condition) {
    if (condition) throw Bug{};
  }
  [[nodiscard]] static Number pages_of(unsigned order) { return Number{1} << order; }
  [[nodiscard]] static std::int64_t signed_pages(unsigned order) {
    return std::int64_t{1} << order;
  }
  /// The kernel's number.
  [[nodiscard]] unsigned number(MigrateType type) const {
    return static_cast<unsigned>(std::ranges::find(rules.types, type) - rules.types.begin());
  }

  // --- State, and what boot makes of it.

  NaiveBuddy(ModelGeometry geometry, const ZoneLayout& layout)
      : rules{*geometry.rules},
        max_order{geometry.max_order},
        block_order{geometry.pageblock_order},
        is_movable_zone{layout.type == ZoneType::movable},
        mobility_grouping{layout.mobility_grouping} {
    start_pfn = layout.start_pfn.value();
    free_area.resize(max_order);
    pages.resize(layout.spanned_pages);
    const Number first_block =
        rules.blocks_from_start ? start_pfn : start_pfn / block_pages() * block_pages();
    block_types.assign((end_pfn() - first_block + block_pages() - 1) / block_pages(),
                       MigrateType::movable);
    if (rules.isolation_is_a_bit) own_types = block_types;
    for (const auto& [range, type] : layout.block_types) {
      check_layout(range);
      for (Number pfn = first(range); pfn < end(range); pfn += block_pages()) set_type(pfn, type);
    }
    std::vector<bool> is_free(pages.size(), true);
    const auto take = [&](PfnRange range, const PageImage& page) {
      check_layout(range);
      for (Number pfn = first(range); pfn < end(range); ++pfn) {
        at(pfn) = page;
        is_free[pfn - start_pfn] = false;
      }
    };
    for (const InUseRange& use : layout.in_use) {
      take(use.range, {.is_lru = use.lru, .count = use.count});
    }
    for (const PfnRange& range : layout.reserved) take(range, {.is_reserved = true, .count = 1});
    for (const PfnRange& range : layout.holes) take(range, {.is_valid = false});
    for (const PageImage& page : pages) {
      present_pages += page.is_valid ? 1 : 0;
      managed_pages += page.is_valid && !page.is_reserved ? 1 : 0;
    }

    // Each run of free pages goes to the buddy lists in aligned chunks, from low to high.
    const unsigned largest = std::min(layout.populate_order.value(), max_order - 1);
    for (Number pfn = start_pfn; pfn < end_pfn();) {
      if (!is_free[pfn - start_pfn]) {
        ++pfn;
        continue;
      }
      unsigned order = 0;
      const auto fits = [&](unsigned o) {
        if (pfn % pages_of(o) != 0 || pfn + pages_of(o) > end_pfn()) return false;
        for (Number i = 0; i < pages_of(o); ++i) {
          if (!is_free[pfn + i - start_pfn]) return false;
        }
        return true;
      };
      while (order < largest && fits(order + 1)) ++order;
      // No real boot has other types than movable, so what could not have merged is not one chunk.
      const auto may_be_one = [&](unsigned o) {
        for (Number p = pfn; p < pfn + pages_of(o); p += block_pages()) {
          if (!may_merge(type_of(p), type_of(pfn))) return false;
        }
        return true;
      };
      while (order > block_order && !may_be_one(order)) --order;
      // In v3.6 by way of a CPU's list.
      if (order == 0 && !rules.boots_to_tail) at(pfn).page_private = number(type_of(pfn));
      free_to_buddy(pfn, order, rules.boots_to_tail);
      pfn += pages_of(order);
    }
    pcps.assign(layout.nr_cpus, {});
    const Number nr_lists = 3 * (rules.pcp_order + 1) + (rules.pcp_has_huge ? 2 : 0);
    for (PcpImage& pcp : pcps) pcp.lists.resize(nr_lists);
  }

  /// The batch of a real system, less what makes it 1 at least.
  [[nodiscard]] static Number batch_of(Number nr_pages, Number most) {
    const Number quarter = std::max<Number>(std::min<Number>(nr_pages / 1024, most) / 4, 1);
    Number power = 1;
    while (2 * power <= quarter + quarter / 2) power *= 2;
    return power - 1;
  }

  [[nodiscard]] Number end_pfn() const { return start_pfn + pages.size(); }
  [[nodiscard]] bool spans(Number pfn) const { return start_pfn <= pfn && pfn < end_pfn(); }
  [[nodiscard]] bool is_valid(Number pfn) const { return spans(pfn) && at(pfn).is_valid; }
  [[nodiscard]] bool is_head(Number pfn) const { return is_valid(pfn) && at(pfn).is_buddy; }
  [[nodiscard]] bool is_in_use(Number pfn) const { return is_valid(pfn) && at(pfn).count != 0; }
  [[nodiscard]] PageImage& at(Number pfn) { return pages.at(pfn - start_pfn); }
  [[nodiscard]] const PageImage& at(Number pfn) const { return pages.at(pfn - start_pfn); }
  [[nodiscard]] Number block_pages() const { return pages_of(block_order); }

  /// Blocks are counted from the zone's start: this is the *stored* block.
  [[nodiscard]] std::size_t block(Number pfn) const {
    bug_if(!spans(pfn));
    if (rules.blocks_from_start) return (pfn - start_pfn) / block_pages();
    return pfn / block_pages() - start_pfn / block_pages();
  }
  [[nodiscard]] MigrateType type_of(Number pfn) const { return block_types.at(block(pfn)); }
  void set_type(Number pfn, MigrateType type) {
    const bool keeps = mobility_grouping || (rules.keeps_special_labels && !is_ordinary(type));
    block_types.at(block(pfn)) = keeps ? type : MigrateType::unmovable;
    const bool is_a_bit = rules.isolation_is_a_bit && type == MigrateType::isolate;
    if (rules.isolation_is_a_bit && !is_a_bit) own_types.at(block(pfn)) = type_of(pfn);
  }
  /// The type that a block has when it is isolated no more.
  [[nodiscard]] MigrateType own_type_of(Number pfn) const { return own_types.at(block(pfn)); }
  void unset_isolate_bit(Number pfn) { block_types.at(block(pfn)) = own_type_of(pfn); }
  /// Of all blocks of a chunk.
  void label(Number pfn, unsigned order, MigrateType type) {
    for (Number p = pfn; p < pfn + pages_of(order); p += block_pages()) set_type(p, type);
  }
  /// Whether requests have the type.
  [[nodiscard]] static bool is_ordinary(MigrateType type) {
    using enum MigrateType;
    return type == unmovable || type == reclaimable || type == movable;
  }

  /// Counts pages that come to a list of @p type or, with a minus, leave it.
  void count(MigrateType type, std::int64_t nr_pages) {
    if (!rules.lists_are_strict) add_to_counters(type, nr_pages);
  }
  /// The same, where the lists count themselves.
  void count_on_list(MigrateType type, std::int64_t nr_pages) {
    if (rules.lists_are_strict) add_to_counters(type, nr_pages);
  }

  [[nodiscard]] bool is_in_free_chunk(Number pfn) const {
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = pfn & ~(pages_of(order) - 1);
      if (is_head(head) && pfn < head + pages_of(order_of(head))) return true;
    }
    return false;
  }

  /// Whether a free chunk is more than the block that holds @p pfn.
  [[nodiscard]] bool has_larger_chunk(Number pfn) const {
    for (unsigned order = block_order + 1; order < max_order; ++order) {
      const Number head = pfn & ~(pages_of(order) - 1);
      if (is_head(head) && order_of(head) == order) return true;
    }
    return false;
  }

  /// The order of a chunk head.
  [[nodiscard]] unsigned order_of(Number head) const {
    return static_cast<unsigned>(at(head).page_private);
  }
  void put_on(Number pfn, unsigned order, MigrateType type, bool at_tail) {
    at(pfn).is_buddy = true;
    at(pfn).page_private = order;
    ++free_area[order].nr_free;
    Pfns& list = free_area[order].lists[index_of(type)];
    list.insert(at_tail ? list.end() : list.begin(), pfn);
    count_on_list(type, signed_pages(order));
  }
  void take_off(Number pfn) {
    FreeAreaImage& area = free_area[order_of(pfn)];
    for (const MigrateType type : rules.types) {
      const auto nr = std::erase(area.lists[index_of(type)], pfn);
      if (nr != 0) count_on_list(type, -signed_pages(order_of(pfn)));
    }
    --area.nr_free;
    at(pfn).is_buddy = false;
    at(pfn).page_private = 0;
  }

  /// The order of the chunks on a CPU's list.
  [[nodiscard]] unsigned order_of_list(std::size_t index) const {
    const std::size_t order = index / 3;
    return order > rules.pcp_order ? block_order : static_cast<unsigned>(order);
  }
  [[nodiscard]] bool is_on_pcp_list(Number pfn) const {
    for (const PcpImage& pcp : pcps) {
      for (std::size_t i = 0; i < pcp.lists.size(); ++i) {
        for (const Number head : pcp.lists[i]) {
          if (head <= pfn && pfn < head + pages_of(order_of_list(i))) return true;
        }
      }
    }
    return false;
  }

  /// Of a compound page, which begins at @p pfn; else 0.
  [[nodiscard]] unsigned compound_order(Number pfn) const {
    return static_cast<unsigned>(at(pfn).compound);
  }
  /// The first page of the compound page that @p pfn is in, or @p pfn.
  [[nodiscard]] Number compound_head(Number pfn) const {
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = pfn & ~(pages_of(order) - 1);
      if (spans(head) && at(head).compound >= std::max(order, 1U)) return head;
    }
    return pfn;
  }

  // --- Freeing a chunk into the buddy lists.

  void free_to_buddy(Number pfn, unsigned order, bool at_tail = false) {
    const unsigned piece = rules.lists_are_strict ? std::min(order, block_order) : order;
    for (Number p = pfn; p < pfn + pages_of(order); p += pages_of(piece)) {
      count(type_of(p), signed_pages(piece));
      free_chunk(p, piece, type_of(p), at_tail);
    }
  }

  /// The caller counts.
  void free_chunk(Number pfn, unsigned order, MigrateType type, bool at_tail = false) {
    std::optional<Number> last_buddy;
    while (order < max_order - 1) {
      last_buddy = pfn ^ pages_of(order);
      if (!is_head(*last_buddy) || order_of(*last_buddy) != order) break;
      if (order >= block_order && !may_merge(type_of(*last_buddy), type)) break;
      take_off(*last_buddy);
      const bool differs = order >= block_order && type_of(*last_buddy) != type;
      if (rules.lists_are_strict && differs) label(*last_buddy, order, type);
      pfn &= *last_buddy;
      ++order;
    }
    if (order + 2 < max_order && last_buddy) {
      const Number pair = pfn & ~(pages_of(order + 1) - 1);
      const Number above = pair ^ pages_of(order + 1);
      const bool looks = rules.tail_wants_buddy ? is_valid(*last_buddy) : spans(pair);
      if (looks && is_head(above) && order_of(above) == order + 1) at_tail = true;
    }
    put_on(pfn, order, type, at_tail);
  }
  [[nodiscard]] bool may_merge(MigrateType a, MigrateType b) const {
    return rules.merges_all || a == b || (is_ordinary(a) && is_ordinary(b));
  }

 private:
  void add_to_counters(MigrateType type, std::int64_t nr_pages) {
    if (rules.counts_isolated || type != MigrateType::isolate) nr_free_pages += nr_pages;
    if (!rules.counts_isolated && type == MigrateType::cma) nr_free_cma += nr_pages;
    if (rules.lists_are_strict && type == MigrateType::highatomic) nr_free_highatomic += nr_pages;
  }
  static Number first(const PfnRange& range) { return range.start.value(); }
  static Number end(const PfnRange& range) { return range.end.value(); }
  void check_layout(const PfnRange& range) const {
    bug_if(first(range) > end(range) || first(range) < start_pfn || end(range) > end_pfn());
  }
};

}  // namespace pageblock::test
