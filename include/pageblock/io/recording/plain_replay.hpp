// SPDX-License-Identifier: MIT
/// Replays the requests and frees of a trace in a zone that is nothing like the recorded machine.
///
/// Layer:  io.
/// Kernel: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// A zone in which all is free, and the pages that a trace's own became.
template <ReplayableConfig Config>
class PlainReplay {
 public:
  PlainReplay(std::uint64_t nr_pages, unsigned nr_cpus, ReplayResult& result)
      : zone_{ZoneLayout{.spanned_pages = nr_pages, .nr_cpus = nr_cpus}}, result_{result} {
    result_.plain.emplace();
  }

  [[nodiscard]] std::span<const Zone<Config>> zones() const { return {&zone_, 1}; }

  /// Returns the pages that the last operation got or gave back, or moved between lists.
  [[nodiscard]] const std::vector<PfnRange>& touched() const { return touched_; }

  void apply(const recorded::Operation& operation) {
    using namespace recorded;
    cpu_ = operation.cpu;
    touched_.clear();
    if (const auto* request = std::get_if<Allocation>(&operation.what)) {
      if (request->pfn) allocate(*request);
    } else if (const auto* free = std::get_if<Free>(&operation.what)) {
      give_back(*free);
    } else if (std::holds_alternative<recorded::FailedRequest>(operation.what)) {
      ++result_.plain->nr_failed_before;
      return;
    } else {
      return;
    }
    ++result_.nr_operations;
  }

  /// Says how the memory looks at the end.
  void finish() {
    PlainResult& plain = *result_.plain;
    plain.nr_steals = zone_.tracer().steals.size();
    for (const recorded::Steal& steal : zone_.tracer().steals) {
      if (steal.claimed) ++plain.nr_claims;
    }
    for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
      plain.free_chunks.push_back(zone_.nr_free(order));
    }
    plain.nr_free_pages = static_cast<std::uint64_t>(zone_.nr_free_pages());
    for (std::size_t block = 0; block < zone_.pageblock_flags().size(); ++block) {
      ++plain.blocks[zone_.pageblock_flags()[block]];
    }
  }

 private:
  // What a chunk of the trace, at the key, is here.
  struct Chunk {
    Pfn pfn;
    Order order;
  };
  using Chunks = std::map<Pfn, Chunk>;

  void allocate(const recorded::Allocation& request) {
    const auto type = Config::semantics.type_of(request.migratetype);
    if (!type || !is_pcp_type(*type) || request.order > Zone<Config>::top_order) {
      throw ParseError{fmt::format("no request is of order {} and migratetype {}", request.order,
                                   request.migratetype)};
    }
    forget(*request.pfn, request.order);
    const auto page = alloc_pages(zone_, cpu_, request.order, *type, request.alloc_flags);
    touch(zone_.tracer().refilled);
    ++result_.plain->nr_requests;
    if (page) {
      mark_in_use(zone_, page->pfn(), request.order, kernel_step::looks_movable<Config>(request));
      touched_.push_back({page->pfn(), page->pfn() + request.order.nr_pages()});
      chunks_[*request.pfn] = {page->pfn(), request.order};
    } else {
      ++result_.plain->nr_refused;
    }
  }

  // What is requested now was given back where no event shows it.
  void forget(Pfn pfn, Order order) {
    auto known = chunk_with(pfn);
    if (known == chunks_.end()) known = chunks_.lower_bound(pfn);
    while (known != chunks_.end() && known->first < pfn + order.nr_pages()) {
      ++result_.plain->nr_unseen_frees;
      free_chunk(known->second.pfn, known->second.order);
      known = chunks_.erase(known);
    }
  }

  // Returns the chunk of the trace that holds a page.
  [[nodiscard]] typename Chunks::iterator chunk_with(Pfn pfn) {
    auto behind = chunks_.upper_bound(pfn);
    if (behind == chunks_.begin()) return chunks_.end();
    const auto chunk = std::prev(behind);
    return pfn < chunk->first + chunk->second.order.nr_pages() ? chunk : chunks_.end();
  }

  void give_back(const recorded::Free& free) {
    if (free.order > Zone<Config>::top_order) {
      throw ParseError{fmt::format("no chunk has order {}", free.order)};
    }
    ++result_.plain->nr_frees;
    const auto found = chunk_with(free.pfn);
    if (found == chunks_.end()) {
      ++result_.plain->nr_unknown_frees;
      return;
    }
    const auto [start, chunk] = *found;
    chunks_.erase(found);
    if (start == free.pfn && chunk.order == free.order) return free_chunk(chunk.pfn, chunk.order);
    // It was split: the pages outside of what is freed stay, one by one.
    if (chunk.order != Order{0}) split_page(zone_, chunk.pfn, chunk.order);
    for (std::uint64_t i = 0; i < chunk.order.nr_pages(); ++i) {
      const Pfn page = start + i;
      if (free.pfn <= page && page < free.pfn + free.order.nr_pages()) {
        free_chunk(chunk.pfn + i, Order{0});
      } else {
        chunks_[page] = {chunk.pfn + i, Order{0}};
      }
    }
  }

  void free_chunk(Pfn pfn, Order order) {
    mark_in_use(zone_, pfn, order, false);  // it is on no LRU list any more
    static_cast<void>(free_pages(zone_, cpu_, pfn, order));
    touched_.push_back({pfn, pfn + order.nr_pages()});
    touch(zone_.tracer().drained);
  }

  void touch(std::vector<Pfn>& pages) {
    for (const Pfn pfn : pages) touched_.push_back({pfn, pfn + 1});
    pages.clear();
  }

  Zone<Config> zone_;
  ReplayResult& result_;
  Chunks chunks_;
  Cpu cpu_;
  std::vector<PfnRange> touched_;
};

}  // namespace pageblock
