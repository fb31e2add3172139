// SPDX-License-Identifier: MIT
/// Which pages leave the free lists without an event: those of the bulk allocator, where no probe
/// shows them.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <variant>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock {

/// What a trace says of each page, in order, and whether it is free at the end. Chunks above
/// @p top_order are left out: a replay refuses them.
class PageHistory {
 public:
  PageHistory(const std::vector<recorded::Operation>& operations, const ExactState& end,
              Order top_order)
      : top_order_{top_order} {
    using namespace recorded;
    for (const Operation& operation : operations) {
      if (const auto* request = std::get_if<Allocation>(&operation.what)) {
        if (request->pfn) note(*request->pfn, request->order, operation.line, false);
      } else if (const auto* free = std::get_if<Free>(&operation.what)) {
        note(free->pfn, free->order, operation.line, true);
      }
    }
    for (const auto& zone : end.zones) {
      for (const auto& list : zone.free_lists) {
        for (const auto pfn : list.pfns) set_free(pfn, list.order);
      }
      for (const auto& pcp : zone.pcps) {
        for (const auto& list : pcp.lists) {
          for (const auto& page : list.pages) set_free(page.pfn, list.order);
        }
      }
    }
  }

  /// Returns whether a page that is free behind a line is in use next without having been
  /// requested: the next that is heard of it is that it is freed, or that it is not free.
  [[nodiscard]] bool leaves_unseen(Pfn pfn, std::size_t line) const {
    const auto found = events_.find(pfn);
    if (found != events_.end()) {
      const auto next = std::ranges::upper_bound(found->second, line, {}, &Event::line);
      if (next != found->second.end()) return next->is_free;
    }
    return pfn.value() >= is_free_.size() || !is_free_[pfn.value()];
  }

 private:
  struct Event {
    std::size_t line = 0;
    bool is_free = false;
  };

  void note(Pfn pfn, Order order, std::size_t line, bool is_free) {
    if (order > top_order_) return;  // is refused when it is replayed
    for (std::uint64_t i = 0; i < order.nr_pages(); ++i)
      events_[pfn + i].push_back({line, is_free});
  }
  void set_free(Pfn pfn, Order order) {
    const std::size_t last = pfn.value() + order.nr_pages();
    if (last > is_free_.size()) is_free_.resize(last);
    std::fill_n(is_free_.begin() + static_cast<std::ptrdiff_t>(pfn.value()), order.nr_pages(),
                true);
  }

  Order top_order_;
  std::unordered_map<Pfn, std::vector<Event>> events_;
  std::vector<bool> is_free_;
};

}  // namespace pageblock
