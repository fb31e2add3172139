// SPDX-License-Identifier: MIT
/// Frees that a trace announces, until a probe shows where each page goes.
///
/// Layer:  io.
/// Kernel: mm_page_free comes before the free; the probe behind it is missed in an interrupt that comes
///         while another probe is handled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock::detail {

/// A page's free, and where it stands in the trace.
struct AnnouncedFree {
  std::size_t line;
  Cpu cpu;
  Order order;
  std::optional<recorded::Interrupted> interrupted;
  std::vector<Pfn> drained{};  ///< for it, as far as is known
};

/// Those that no probe has shown yet.
class AnnouncedFrees {
 public:
  void add(Pfn pfn, AnnouncedFree free) {
    frees_[pfn].push_back(std::move(free));
    last_ = pfn;
  }

  /// A probe has shown the free of a page, or of each of @p nr_pages.
  void forget(Pfn pfn, std::uint64_t nr_pages = 1) {
    for (const Pfn end = pfn + nr_pages; pfn < end; ++pfn) {
      const auto found = frees_.find(pfn);
      if (found == frees_.end()) continue;
      found->second.pop_back();
      if (found->second.empty()) frees_.erase(found);
    }
  }

  /// A page is drained, for the last of them if its probe was missed.
  void add_drained(Pfn pfn) {
    const auto found = frees_.find(last_);
    if (found != frees_.end()) found->second.back().drained.push_back(pfn);
  }

  /// Hands all of them to @p take.
  template <typename Take>
  void for_each(const Take& take) const {
    for (const auto& [pfn, frees] : frees_) {
      for (const AnnouncedFree& free : frees) take(pfn, free);
    }
  }
  void clear() { frees_.clear(); }

 private:
  std::unordered_map<Pfn, std::vector<AnnouncedFree>> frees_;
  Pfn last_;
};

}  // namespace pageblock::detail
