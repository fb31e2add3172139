// SPDX-License-Identifier: MIT
/// When chunks are freed that a task, which compacts memory for itself, is handed at once.
///
/// Layer:  io.
/// Kernel: compaction_capture() (mm/page_alloc.c): such a chunk merges with no buddy any more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock {

/// A chunk that is captured.
struct CapturedChunk {
  Pfn pfn;
  Order order;
};

/// The operations that free the last page of such a chunk.
using CapturedChunks = std::unordered_map<const recorded::Operation*, CapturedChunk>;

namespace detail {

// Returns whether an operation brings a page of a range to the buddy lists.
[[nodiscard]] inline bool frees_of(const recorded::Operation& operation, const PfnRange& range) {
  const auto is_in = [&](Pfn pfn) { return range.contains(pfn); };
  return std::visit(
      [&](const auto& what) {
        if constexpr (requires { what.past_pcp; }) {
          if (what.past_pcp && is_in(what.pfn)) return true;
        }
        if constexpr (requires { what.drained; }) return std::ranges::any_of(what.drained, is_in);
        return false;
      },
      operation.what);
}

}  // namespace detail

/// Finds them all: a chunk is captured by the last free of any of its pages before it is handed out.
[[nodiscard]] inline CapturedChunks find_captured_chunks(
    std::span<const recorded::Operation> operations) {
  constexpr std::size_t far = 100'000;  // a compaction is over by then
  CapturedChunks found;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const auto* const request = std::get_if<recorded::Allocation>(&operations[i].what);
    if (request == nullptr || request->source != recorded::Source::captured || !request->pfn) {
      continue;
    }
    const PfnRange range{*request->pfn, *request->pfn + request->order.nr_pages()};
    for (std::size_t j = i; j > 0 && i - j < far; --j) {
      if (!detail::frees_of(operations[j - 1], range)) continue;
      found.emplace(&operations[j - 1], CapturedChunk{range.start, request->order});
      break;
    }
  }
  return found;
}

}  // namespace pageblock
