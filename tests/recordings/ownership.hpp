// SPDX-License-Identifier: MIT
/// Follows who has each page through a recording: which pages are free.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/exact_state.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"

namespace recordings {

using pageblock::ExactState;
using pageblock::FtraceReader;
using pageblock::Pfn;
namespace ftrace = pageblock::ftrace;

/// The pages on free lists and per-CPU lists. An allocation must find its pages free, a free must
/// not; offline pages are not free.
class Ownership {
 public:
  explicit Ownership(const ExactState& state) {
    for (const auto& zone : state.zones) {
      for (const auto& list : zone.free_lists) {
        for (const Pfn pfn : list.pfns) set(pfn, list.order.nr_pages(), true);
      }
      for (const auto& pcp : zone.pcps) {
        for (const auto& list : pcp.lists) {
          for (const auto& page : list.pages) set(page.pfn, list.order.nr_pages(), true);
        }
      }
    }
  }

  /// Does what the reader's line says; a line that cannot be true is an error of it.
  void follow(const FtraceReader& reader) {
    const auto& event = reader.line().event;
    if (const auto* alloc = std::get_if<ftrace::MmPageAlloc>(&event)) {
      if (alloc->pfn) take(reader, *alloc->pfn, alloc->order.nr_pages());
    } else if (const auto* free = std::get_if<ftrace::MmPageFree>(&event)) {
      const bool stays = to_compaction_.erase(free->pfn) != 0;
      if (!stays) change(reader, free->pfn, free->order.nr_pages(), true);
    } else if (const auto* probe = std::get_if<ftrace::Probe>(&event)) {
      follow(reader, *probe);
    }
  }

  [[nodiscard]] std::uint64_t nr_changes() const { return nr_changes_; }

  /// Returns how many pages are free in one and not in the other.
  [[nodiscard]] std::uint64_t nr_different(const Ownership& other) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < std::max(is_free_.size(), other.is_free_.size()); ++i) {
      if (at(i) != other.at(i)) ++count;
    }
    return count;
  }

 private:
  // What takes and gives pages without an event of the kernel's own.
  void follow(const FtraceReader& reader, const ftrace::Probe& probe) {
    if (probe.name == "bulk_page") {
      take(reader, reader.pfn_of(probe), 1);
    } else if (probe.name == "isolate_free") {
      isolating_ = reader.pfn_of(probe);
    } else if (probe.name == "isolate_free_ret") {
      take(reader, isolating_, reader.number_of(probe, "ret"));
    } else if (probe.name == "putback_isolated") {
      const auto order = static_cast<unsigned>(reader.number_of(probe, "order"));
      change(reader, reader.pfn_of(probe), std::uint64_t{1} << order, true);
    } else if (probe.name == "compact_free") {
      to_compaction_.insert(reader.pfn_of(probe));
    } else if (probe.name == "offline_isolated") {
      const Pfn start{reader.number_of(probe, "start")};
      set(start, reader.number_of(probe, "end") - start.value(), false);
    }
  }

  void take(const FtraceReader& reader, Pfn pfn, std::uint64_t nr_pages) {
    change(reader, pfn, nr_pages, false);
  }
  void change(const FtraceReader& reader, Pfn pfn, std::uint64_t nr_pages, bool to_free) {
    for (std::uint64_t i = pfn.value(); i < pfn.value() + nr_pages; ++i) {
      if (at(i) == to_free) {
        reader.fail(fmt::format("page {:#x} is {} already", i, to_free ? "free" : "in use"));
      }
    }
    set(pfn, nr_pages, to_free);
    if (nr_pages != 0) ++nr_changes_;
  }

  [[nodiscard]] bool at(std::size_t pfn) const { return pfn < is_free_.size() && is_free_[pfn]; }
  void set(Pfn pfn, std::uint64_t nr_pages, bool to_free) {
    const std::size_t end = pfn.value() + nr_pages;
    if (end > is_free_.size()) is_free_.resize(end);
    std::fill_n(is_free_.begin() + static_cast<std::ptrdiff_t>(pfn.value()), nr_pages, to_free);
  }

  std::vector<bool> is_free_;
  Pfn isolating_;
  std::unordered_set<Pfn>
      to_compaction_;  // which prepares them as if they were freed, and keeps them
  std::uint64_t nr_changes_ = 0;
};

}  // namespace recordings
