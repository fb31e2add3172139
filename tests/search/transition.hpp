// SPDX-License-Identifier: MIT
/// One step of the search, and which flaw of the kernel explains what it did to isolated pages.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "search/calls.hpp"
#include "search/state.hpp"

namespace pageblock::search {

/// Returns whether the kernel of @p Config has a flaw: what it has not explains nothing.
template <ZoneConfig Config>
[[nodiscard]] constexpr bool has_flaw(Row row) {
  return std::ranges::find(Config::flaws, row) != Config::flaws.end();
}

/// For each page that is_exposed(): the row that explains how it came to be.
using Exposure = std::array<std::uint8_t, max_pages>;

/// A call, with the states before and after it.
template <ZoneConfig Config>
struct Transition {
  static constexpr std::uint64_t block_size = Geometry<Config>::pageblock_nr_pages;

  const State<Config>& before;
  const Picture& was;
  const Exposure& exposure;  // of the state before
  const Operation& op;
  const Result& result;
  const State<Config>& after;
  Picture is = picture_of(after);

  [[nodiscard]] std::uint64_t block_of(std::size_t page) const {
    return was.pfn(page).value() >> Config::pageblock_order;
  }
  [[nodiscard]] bool same_block(std::size_t a, std::size_t b) const {
    return block_of(a) == block_of(b);
  }
  [[nodiscard]] bool is_cut_by_zone_end(std::size_t page) const {
    return (block_of(page) + 1) * block_size > was.start + was.nr_pages;
  }
  [[nodiscard]] bool is_range_call() const {
    return op.call == Call::start_isolate_page_range || op.call == Call::undo_isolate_page_range;
  }
  [[nodiscard]] bool is_isolating() const {
    return op.call == Call::set_migratetype_isolate || op.call == Call::start_isolate_page_range;
  }
  [[nodiscard]] bool is_releasing() const {
    return op.call == Call::unset_migratetype_isolate || is_range_call();
  }
  /// Whether the call is about the aligned block of a page, whose chunks it moves.
  [[nodiscard]] bool is_about_block_of(std::size_t page) const {
    const std::uint64_t block = block_of(page);
    if (is_range_call()) {
      return op.pfn.value() >> Config::pageblock_order <= block &&
             block < op.end.value() >> Config::pageblock_order;
    }
    return op.pfn.value() >> Config::pageblock_order == block;
  }
  [[nodiscard]] bool starts_in_earlier_block(std::size_t page, const Where& where) const {
    return where.kind == Where::chunk && !same_block(where.head, page);
  }

  /// Whether the block of a page may be refused: if something in it is in use; from v6.1 on also if it is
  /// isolated already, has pages beyond the zone's end, which are reserved, or is kept for CMA while the
  /// caller wants it for something else.
  [[nodiscard]] bool may_refuse_block_of(std::size_t page) const {
    if constexpr (test::is_later<Config>) {
      if (was.is_isolated(page) || is_cut_by_zone_end(page)) return true;
      if (was.type[page] == MigrateType::cma && op.type != MigrateType::cma) return true;
    }
    for (std::size_t other = 0; other < was.nr_pages; ++other) {
      if (same_block(other, page) && was.pages[other].is_held()) return true;
    }
    return false;
  }

  /// Whether the request took the block of a page, or the chunk that a page was in.
  [[nodiscard]] bool claimed(std::size_t page) const {
    if (op.call != Call::alloc_pages) return false;
    const std::size_t head = was.pages[page].kind == Where::chunk ? was.pages[page].head : page;
    for (std::size_t other = 0; other < was.nr_pages; ++other) {
      const bool is_taken =
          was.pages[other].kind == Where::chunk && is.pages[other].kind != Where::chunk;
      if (is_taken && (same_block(other, head) || same_block(other, page))) {
        return true;
      }
    }
    return false;
  }

  /// Why a page of an isolated block that is free can now be had, and could not before.
  [[nodiscard]] Row cause_of_exposure(std::size_t page) const {
    const Where& from = was.pages[page];
    const Where& to = is.pages[page];
    const bool is_newly_isolated = !was.is_isolated(page);
    if (is_newly_isolated && is_isolating()) {
      if (!is_about_block_of(page)) return unexplained;
      if (from.kind == Where::pcp) return test::is_later<Config> ? 3 : 2;
      if (is_cut_by_zone_end(page)) return 18;
      if (starts_in_earlier_block(page, from)) return 5;
    }
    if (op.call == Call::alloc_pages) return claimed(page) ? 6 : unexplained;
    if (is_releasing() && starts_in_earlier_block(page, from) && is_about_block_of(from.head)) {
      return 4;  // released with the block that its chunk begins in
    }
    if (to.kind != Where::chunk) return unexplained;
    if (op.call == Call::free_pages && from.is_held()) {
      if (!same_block(from.head, page)) return 19;  // freed to the list of its first page's block
    }
    return cause_of_merge(page);
  }

  /// Why a free page of a block that is not isolated now cannot be had, and could before.
  [[nodiscard]] Row cause_of_captivity(std::size_t page) const {
    const Where& from = was.pages[page];
    const Where& to = is.pages[page];
    if (is_releasing() && was.is_isolated(page)) {
      if (starts_in_earlier_block(page, to)) return 5;
      if (is_cut_by_zone_end(page)) return 18;
    }
    if (is_isolating() && starts_in_earlier_block(page, to) && is_about_block_of(to.head)) {
      return 4;  // isolated with the block that its chunk begins in
    }
    if (op.call == Call::alloc_pages) return claimed(page) ? 6 : unexplained;
    if (op.call == Call::free_pages && from.is_held() && !same_block(from.head, page)) return 19;
    // A merge, or a page that a CPU's list gave back by the mark of a block that was isolated.
    Row row = unexplained;
    for (std::size_t other = to.head; other < to.head + (std::size_t{1} << to.order); ++other) {
      if (is_marked_isolate(other)) row = 2;
      if (is.is_isolated(other)) return 4;
    }
    return row;
  }

 private:
  // Merging carries the page to the list of a page that was freed later.
  [[nodiscard]] Row cause_of_merge(std::size_t page) const {
    const Where& to = is.pages[page];
    if (to.order == was.pages[page].order && was.pages[page].kind == Where::chunk)
      return unexplained;
    for (std::size_t other = to.head; other < to.head + (std::size_t{1} << to.order); ++other) {
      if (was.is_exposed(other)) return exposure[other];
      if (was.pages[other].kind == Where::pcp && is.is_isolated(other)) return 2;
    }
    for (std::size_t other = to.head; other < to.head + (std::size_t{1} << to.order); ++other) {
      if (!is.is_isolated(other)) return 4;
    }
    return unexplained;
  }

  [[nodiscard]] bool is_marked_isolate(std::size_t page) const {
    return was.pages[page].kind == Where::pcp &&
           before.zone.page(was.pfn(page)).page_private() ==
               Config::semantics.number_of(MigrateType::isolate);
  }
};

}  // namespace pageblock::search
