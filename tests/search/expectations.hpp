// SPDX-License-Identifier: MIT
/// What a caller would expect of each function, and which flaw of its kernel explains it when it
/// is not so.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "search/state.hpp"
#include "search/transition.hpp"

namespace pageblock::search {

/// An expectation that did not come true. Most are of a kind that was found before, so the text is put
/// together when it is asked for.
struct Finding {
  Row row;
  const char* format;  // of the two numbers
  std::array<std::uint64_t, 2> numbers{};
  std::string detail{};  // instead, where only a text says it

  [[nodiscard]] std::string text() const {
    return detail.empty() ? fmt::format(fmt::runtime(format), numbers[0], numbers[1]) : detail;
  }
};

/// Returns the row that explains a finding of @p Config: unexplained if its kernel has no such flaw.
template <ZoneConfig Config>
[[nodiscard]] constexpr Row row_of(Row row) {
  return has_flaw<Config>(row) ? row : unexplained;
}

/// Holds one transition to what a caller would expect.
template <ZoneConfig Config>
class Expectations {
 public:
  explicit Expectations(const Transition<Config>& step) : step_{step} {}

  /// Returns what was not as expected.
  std::vector<Finding> check() {
    const auto broken = verify(after_.zone);
    if (!broken.empty()) findings_.push_back({unexplained, "", {}, broken.front()});
    if (is_.is_contradictory) report(unexplained, "a page is in two places");
    if (step_.result.is_bug) report(unexplained, "a call that asks for nothing odd is a BUG");
    if (!findings_.empty()) return std::move(findings_);

    check_no_page_lost();
    check_call();
    check_counter();
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      if (is_.is_exposed(page)) check_exposed(page);
      if (is_.is_captive(page) && !was_.is_captive(page)) check_new_captive(page);
      check_reserve(page);
    }
    return std::move(findings_);
  }

  /// After check(): why each exposed page of the new state is exposed.
  [[nodiscard]] const Exposure& exposure() const { return exposure_; }
  /// After check(): how many pages of isolated blocks the call handed out.
  [[nodiscard]] unsigned nr_handed_out() const { return nr_handed_out_; }

 private:
  void report(Row row, const char* format, std::uint64_t first = 0, std::uint64_t second = 0) {
    findings_.push_back({row_of<Config>(row), format, {first, second}});
  }
  // Of a page, which the text names.
  void report_page(Row row, const char* format, std::size_t page, std::size_t second = 0) {
    report(row, format, was_.pfn(page).value(), was_.pfn(second).value());
  }

  static constexpr bool later = test::is_later<Config>;

  // Free or held before, and so afterwards, but for what the call allocates or frees.
  void check_no_page_lost() {
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      if ((was_.pages[page].kind == Where::nowhere) != (is_.pages[page].kind == Where::nowhere)) {
        report_page(unexplained, "page {} is lost", page);
      }
    }
  }

  void check_call() {
    switch (op_.call) {
      case Call::alloc_pages:
        return check_alloc();
      case Call::free_pages:
        if (step_.result.value != 0) report(unexplained, "an allocated page could not be freed");
        return;
      case Call::set_migratetype_isolate:
        return check_isolate();
      case Call::unset_migratetype_isolate:
        return check_unset();
      case Call::start_isolate_page_range:
        return check_start();
      case Call::undo_isolate_page_range:
        return check_undo();
      default:
        return;  // drains
    }
  }

  void check_alloc() {
    if (step_.result.value < 0) {
      if (was_.nr_pages != 0 && could_have()) report(unexplained, "a request was refused in vain");
      return;
    }
    const std::size_t first = static_cast<std::uint64_t>(step_.result.value) - was_.start;
    for (std::size_t page = first; page < first + op_.order.nr_pages(); ++page) {
      if (!was_.pages[page].is_free()) {
        report_page(unexplained, "page {} is handed out and was not free", page);
      }
      if (!was_.is_isolated(page)) continue;
      ++nr_handed_out_;
      // Only a claim of the block makes a page of an isolate list available and takes it at once.
      const Row row = was_.is_exposed(page) ? step_.exposure[page]
                      : step_.claimed(page) ? 6
                                            : unexplained;
      report_page(row, "page {} of an isolated block is handed out", page);
    }
  }

  // Whether a chunk that the request may be served from was free.
  [[nodiscard]] bool could_have() const {
    return std::any_of(
        was_.pages.begin(), was_.pages.begin() + was_.nr_pages, [&](const Where& where) {
          if (where.kind == Where::pcp) return false;  // another CPU's, or another type's
          return where.kind == Where::chunk && where.order >= op_.order.value() &&
                 is_available(where.list, op_.type == MigrateType::movable &&
                                              (!later || op_.flags == alloc_flags::cma));
        });
  }

  void check_isolate() {
    const std::size_t page = op_.pfn - Pfn{was_.start};
    if (step_.result.value != 0) {
      if (!(after_ == before_)) report(unexplained, "a refusal changed the zone");
      check_refused_fairly(page);
      return;
    }
    check_block_isolated(page);
  }

  void check_refused_fairly(std::size_t page) {
    if (step_.may_refuse_block_of(page)) return;
    report_page(page % Transition<Config>::block_size != 0 ? 13 : unexplained,
                "the block of page {} is refused, and nothing in it is in use", page);
  }

  void check_block_isolated(std::size_t page) {
    if (!is_.is_isolated(page)) {
      report_page(unexplained, "the block of page {} is not isolated", page);
    }
    if (was_.is_isolated(page)) {
      report_page(8, "page {} is isolated twice, and counted once", page);
    }
    for (std::size_t other = 0; other < was_.nr_pages; ++other) {
      if (!step_.same_block(other, page) || !was_.pages[other].is_held()) continue;
      const MigrateType type = was_.type[page];
      const bool is_looked_at = type != MigrateType::cma && (later || type != MigrateType::movable);
      // The scan begins at the page given, and sees the head of an allocation only.
      const std::size_t head = was_.pages[other].head;
      report_page(!is_looked_at                   ? 14
                  : !step_.same_block(head, page) ? 20
                  : head < page                   ? 13
                                                  : unexplained,
                  "the block of page {} is isolated while page {} is in use", page, other);
    }
  }

  void check_unset() {
    const std::size_t page = op_.pfn - Pfn{was_.start};
    if (!was_.is_isolated(page)) {
      if (!(after_ == before_))
        report(unexplained, "releasing what was not isolated changed the zone");
    } else if (is_.type[page] != op_.type) {
      report_page(unexplained, "the block of page {} has another type", page);
    }
  }

  void check_undo() {
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      if (step_.is_about_block_of(page) && is_.is_isolated(page)) {
        report_page(unexplained, "page {} is still isolated", page);
      }
    }
  }

  void check_start() {
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      if (!step_.is_about_block_of(page)) continue;
      if (step_.result.value == 0) {
        if (page == 0 || !step_.same_block(page, page - 1)) check_block_isolated(page);
        continue;
      }
      if (!was_.is_isolated(page) && is_.is_isolated(page)) {
        report_page(unexplained, "a refused start leaves page {} isolated", page);
      }
      if (was_.is_isolated(page) && !is_.is_isolated(page)) {
        report_page(10, "a refused start releases page {}, which others isolated", page);
      }
      if (!was_.is_isolated(page) && !is_.is_isolated(page) && was_.type[page] != is_.type[page]) {
        report_page(is_.type[page] == op_.type ? 11 : unexplained,
                    "a refused start leaves the block of page {} another type", page);
      }
    }
    if (step_.result.value == 0) return check_undo_restores();
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      if (step_.is_about_block_of(page) && step_.may_refuse_block_of(page)) return;
    }
    report(unexplained, "a range is refused, and nothing in it is in use");
  }

  // Undo after a successful start: the free chunks and the counter are as before, the types are as
  // given, and what moved is at the heads of its lists (v6.1: at the tails).
  void check_undo_restores() {
    State<Config> undone = after_;
    const Status ret = undo_isolate_page_range(undone.zone, op_.pfn, op_.end, op_.type);
    if (ret != ok) report(unexplained, "undo fails");
    State<Config> drained = before_;
    if constexpr (!later) drain_all_pages(drained.zone);
    const Picture then = picture_of(undone);
    const Picture once = picture_of(drained);
    // Where types count, what spans blocks that could not merge stays apart, and what became alike
    // merges.
    bool merges = true;
    for (std::size_t page = 0; later && page < was_.nr_pages; ++page) {
      merges = merges && is_pcp_type(was_.type[page]) && is_pcp_type(op_.type);
    }
    const auto is_same = [&](const Where& a, const Where& b) {
      if (a.kind == b.kind && a.head == b.head && a.order == b.order) return true;
      return later && std::min(a.order, b.order) >= Config::pageblock_order &&
             (!merges || b.order > a.order);
    };
    for (std::size_t page = 0; page < was_.nr_pages; ++page) {
      const Where& a = once.pages[page];
      const Where& b = then.pages[page];
      if (!is_same(a, b)) {
        report_page(unexplained, "start and undo change the chunk of page {}", page);
      }
      if (!step_.is_about_block_of(page)) continue;
      if (then.type[page] != op_.type) {
        report_page(unexplained, "start and undo leave page {} another type than given", page);
      } else if (was_.type[page] != op_.type && !was_.is_isolated(page)) {
        report_page(11, "start and undo change the type of page {}", page);
      }
    }
    const auto released = nr_isolated(before_.zone) - nr_isolated(undone.zone);
    const auto uncounted = before_.zone.nr_pageblock_isolate() - undone.zone.nr_pageblock_isolate();
    if (released != uncounted) report(unexplained, "start and undo change what is counted");
    check_moved(undone);
  }

  // What undo moves, by address: in v3.6 each to the head, so the last one comes first; v6.1 goes to
  // the tail. (There the lists of larger chunks are left out, since these merge across the border.)
  void check_moved(const State<Config>& undone) {
    const Picture& then = is_;
    for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
      if (later && order >= Zone<Config>::pageblock_order) return;
      std::vector<Pfn> moved;
      for (std::size_t page = 0; page < was_.nr_pages; ++page) {
        const Where& where = then.pages[page];
        if (where.kind == Where::chunk && where.head == page && where.order == order.value() &&
            step_.is_about_block_of(page) && then.is_isolated(page) &&
            (later || !step_.is_cut_by_zone_end(page))) {
          moved.push_back(was_.pfn(page));
        }
      }
      std::vector<Pfn> others;
      for (const Pfn pfn : after_.zone.free_list(order, op_.type)) {
        if (std::ranges::find(moved, pfn) == moved.end()) others.push_back(pfn);
      }
      std::vector<Pfn> expected;
      if constexpr (later) {
        expected = others;
        expected.insert(expected.end(), moved.begin(), moved.end());
      } else {
        expected.assign(moved.rbegin(), moved.rend());
        expected.insert(expected.end(), others.begin(), others.end());
      }
      const auto list = undone.zone.free_list(order, op_.type);
      if (!std::ranges::equal(std::vector<Pfn>(list.begin(), list.end()), expected)) {
        report(unexplained, "undo does not put order {} to the end of its list", order.value());
      }
    }
  }

  // The counter agrees with the types, unless a steal retyped an isolated block.
  void check_counter() {
    const auto excess = [](const State<Config>& state) {
      return state.zone.nr_pageblock_isolate() - nr_isolated(state.zone);
    };
    const std::int64_t was = excess(before_);
    const std::int64_t is = excess(after_);
    if (was == is) return;
    report(op_.call == Call::alloc_pages && is > was ? 6 : unexplained,
           "{} blocks are isolated, {} are counted",
           static_cast<std::uint64_t>(nr_isolated(after_.zone)),
           static_cast<std::uint64_t>(after_.zone.nr_pageblock_isolate()));
  }

  void check_exposed(std::size_t page) {
    if (was_.is_exposed(page)) {
      exposure_[page] = step_.exposure[page];
      return;
    }
    const Row row = step_.cause_of_exposure(page);
    exposure_[page] = static_cast<std::uint8_t>(row);
    report_page(row, "page {} is in an isolated block, free, and can be had", page);
  }

  void check_new_captive(std::size_t page) {
    report_page(step_.cause_of_captivity(page),
                "page {} is free in a block that is not isolated, and cannot be had", page);
  }

  // What a CPU's list held of the reserve goes back to the reserve.
  void check_reserve(std::size_t page) {
    const Where& is = is_.pages[page];
    if (is_.type[page] == MigrateType::reserve && was_.pages[page].kind == Where::pcp &&
        is.kind == Where::chunk && is.order == 0 && is.list != MigrateType::reserve) {
      report_page(7, "page {} of the reserve is drained to another list", page);
    }
  }

  const Transition<Config>& step_;
  const State<Config>& before_ = step_.before;
  const State<Config>& after_ = step_.after;
  const Picture& was_ = step_.was;
  const Picture& is_ = step_.is;
  const Operation& op_ = step_.op;
  Exposure exposure_{};
  unsigned nr_handed_out_ = 0;
  std::vector<Finding> findings_;
};

}  // namespace pageblock::search
