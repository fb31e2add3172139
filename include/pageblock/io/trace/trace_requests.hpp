// SPDX-License-Identifier: MIT
/// Reads the requests, frees and drains from the lines of a trace.
///
/// Layer:  io.
/// Kernel: mm/page_alloc.c of v6.1 writes the lines in this order.
///
///     pcp_refill                           one Allocation, which takes effect at the first line
///     mm_page_alloc_zone_locked  n times   that is written under zone->lock
///     pcp_refill_ret
///     mm_page_alloc
///
/// Lines of other CPUs, and of interrupts on the same one, come in between. Without probes, the
/// events of the kernel's own have to do.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/ftrace_reader.hpp"
#include "pageblock/io/trace/trace_operations.hpp"

namespace pageblock::detail {

// Whether a trace has such a line. find() would stop at each of its blanks.
[[nodiscard]] inline bool has_text(std::string_view trace, std::string_view sought) {
  const std::boyer_moore_horspool_searcher searcher{sought.begin(), sought.end()};
  return std::search(trace.begin(), trace.end(), searcher) != trace.end();
}

/// What TraceDecoder knows of requests, frees and drains.
class RequestDecoder {
 protected:
  using Index = std::size_t;

  explicit RequestDecoder(const InputFile& file)
      : reader_{file},
        has_pcp_probes_{has_text(file.content, " pcp_free: (")},
        has_locked_lines_{has_text(file.content, " mm_page_alloc_zone_locked: ")},
        has_drain_probes_{has_text(file.content, " drain_zone_cpu: (")} {}

  // What a CPU is in the middle of.
  struct OfCpu {
    // rmqueue_bulk(); the operation begins with the first page.
    struct Refill {
      std::uint64_t zone = 0;
      Order order{};
      unsigned migratetype = 0;
      std::uint32_t alloc_flags = 0;
      bool has_probe = false;
      std::optional<Index> operation{};
    };
    std::optional<Refill> refill;
    std::vector<recorded::Steal> steals;  // of the request that is being served
    std::size_t first_steal = 0;          // the line
    bool in_steal = false;
    std::optional<unsigned> bulk_type;  // of the bulk allocator, while it runs
    std::optional<Index> drainer;       // whose pages are drained
    std::optional<Index> isolating;
    std::optional<Index> ranging;
    std::optional<Index> unsetting;
    std::optional<Index> splitting;
    std::optional<Index> taking;
    std::optional<Index> onlining;
    std::optional<Pfn> border;
    std::optional<Pfn> freed_to_tail;
  };

  struct Freed {
    Order order;
    bool to_tail = false;
  };

  [[nodiscard]] const ftrace::Line& line() const { return reader_.line(); }
  [[nodiscard]] OfCpu& cpu() {
    const std::size_t id = line().cpu.id();
    if (id >= cpus_.size()) cpus_.resize(id + 1);
    return cpus_[id];
  }

  [[nodiscard]] const ftrace::Probe& probe() const { return std::get<ftrace::Probe>(line().event); }
  [[nodiscard]] std::int64_t ret() const { return reader_.integer_of(probe(), "ret"); }
  template <typename Number>
  [[nodiscard]] Number number(std::string_view arg) const {
    return static_cast<Number>(reader_.number_of(probe(), arg));
  }
  [[nodiscard]] Pfn page() const { return reader_.pfn_of(probe()); }
  [[nodiscard]] Order order() const { return Order{number<unsigned>("order")}; }

  template <typename What>
  Index add(What what) {
    operations_.push_back({reader_.number(), line().cpu, std::move(what)});
    return operations_.size() - 1;
  }
  template <typename What>
  [[nodiscard]] What& as(Index index) {
    return std::get<What>(operations_[index].what);
  }

  // Requests.

  void on(const ftrace::MmPageAllocZoneLocked& event) {
    OfCpu& here = cpu();
    here.in_steal = false;
    if (!event.percpu_refill) {
      const Index index = add(recorded::Allocation{.pfn = event.pfn,
                                                   .order = event.order,
                                                   .migratetype = event.migratetype,
                                                   .source = recorded::Source::buddy});
      give_steals(index);
      unanswered_[event.pfn] = index;
      return;
    }
    if (!here.refill) {  // no probe
      here.refill = {.order = event.order, .migratetype = event.migratetype};
    }
    if (!here.refill->operation) {
      here.refill->operation = add(recorded::Allocation{
          .pfn = event.pfn,
          .order = event.order,
          .migratetype = event.migratetype,
          .source = here.bulk_type ? recorded::Source::bulk : recorded::Source::any,
          .alloc_flags = here.refill->alloc_flags});
      unanswered_[event.pfn] = *here.refill->operation;
    }
    give_steals(*here.refill->operation);
    as<recorded::Allocation>(*here.refill->operation).refill.push_back(event.pfn);
  }

  void give_steals(Index index) {
    OfCpu& here = cpu();
    if (here.steals.empty()) return;
    auto& request = as<recorded::Allocation>(index);
    request.steals.insert(request.steals.end(), here.steals.begin(), here.steals.end());
    request.alloc_flags |= here.steals.back().alloc_flags;
    here.steals.clear();
    operations_[index].line = std::min(operations_[index].line, here.first_steal);
  }

  void on(const ftrace::MmPageAllocExtfrag& event) {
    OfCpu& here = cpu();
    if (here.in_steal) {  // its probe has said more
      here.in_steal = false;
      return;
    }
    add_steal({event.pfn, event.change_ownership, 0});
    here.in_steal = false;
  }

  void add_steal(recorded::Steal steal) {
    OfCpu& here = cpu();
    if (here.steals.empty()) here.first_steal = reader_.number();
    here.steals.push_back(steal);
    here.in_steal = true;
  }

  void on(const ftrace::MmPageAlloc& event) {
    OfCpu& here = cpu();
    if (here.refill && !here.refill->has_probe) here.refill.reset();
    if (!event.pfn) {
      add(recorded::FailedRequest{event.order, event.migratetype});
      return;
    }
    const auto found = unanswered_.find(*event.pfn);
    if (found != unanswered_.end() &&
        as<recorded::Allocation>(found->second).order == event.order) {
      auto& request = as<recorded::Allocation>(found->second);
      request.gfp_flags = event.gfp_flags;
      // The bulk allocator turns to the usual way when it gets nothing.
      if (request.source == recorded::Source::bulk) request.source = recorded::Source::any;
      if (!has_pcp_orders(event.order)) request.source = recorded::Source::any;
      unanswered_.erase(found);
      return;
    }
    // What comes from the buddy lists has been there before, if there are such lines.
    const bool is_captured = has_locked_lines_ && !has_pcp_orders(event.order);
    add(recorded::Allocation{
        .pfn = event.pfn,
        .order = event.order,
        .migratetype = event.migratetype,
        .source = is_captured ? recorded::Source::captured : recorded::Source::any,
        .gfp_flags = event.gfp_flags});
  }

  // Orders that have per-CPU lists: 0 to 3, and huge pages.
  [[nodiscard]] static bool has_pcp_orders(Order order) {
    return order <= Order{3} || order == Order{9};
  }

  void end_refill(std::int64_t got) {
    OfCpu& here = cpu();
    if (!here.refill) return;
    if (got == 0 && !here.refill->operation) {
      const Index index = add(recorded::Allocation{.order = here.refill->order,
                                                   .migratetype = here.refill->migratetype,
                                                   .zone = here.refill->zone,
                                                   .alloc_flags = here.refill->alloc_flags});
      give_steals(index);
    }
    here.refill.reset();
  }

  void on_bulk_page(Pfn pfn) {
    if (unanswered_.erase(pfn) != 0) return;
    add(recorded::Allocation{
        .pfn = pfn, .migratetype = cpu().bulk_type.value_or(0), .source = recorded::Source::bulk});
  }

  // Frees.

  void on(const ftrace::MmPageFree& event) {
    unanswered_.erase(event.pfn);
    OfCpu& here = cpu();
    const bool to_tail = here.freed_to_tail == event.pfn;
    here.freed_to_tail.reset();
    if (has_pcp_probes_ && has_pcp_orders(event.order)) {
      freed_[event.pfn] = {event.order, to_tail};
    } else {
      const Index index =
          add(recorded::Free{.pfn = event.pfn, .order = event.order, .to_tail = to_tail});
      here.drainer = index;
      if (!has_pcp_probes_) last_free_[event.pfn] = index;
    }
  }

  // Without probes: the page's free was prepared before, and takes effect now.
  void on(const ftrace::MmPageFreeBatched& event) {
    if (has_pcp_probes_) return;
    if (const auto found = last_free_.find(event.pfn); found != last_free_.end()) {
      operations_[found->second].line = reader_.number();
      operations_[found->second].cpu = line().cpu;
      cpu().drainer = found->second;
    }
  }

  void on_free(Pfn pfn, Order order, bool past_pcp) {
    freed_.erase(pfn);
    const Index index = add(recorded::Free{.pfn = pfn, .order = order, .past_pcp = past_pcp});
    if (!past_pcp) cpu().drainer = index;
  }

  void on(const ftrace::MmPagePcpuDrain& event) {
    if (!cpu().drainer) return;
    recorded::Operation& drainer = operations_[*cpu().drainer];
    const auto add_page = [&](auto& what) {
      if constexpr (requires { what.drained; }) {
        if (what.drained.empty()) drainer.line = reader_.number();
        what.drained.push_back(event.pfn);
      }
    };
    std::visit(add_page, drainer.what);
  }

  FtraceReader reader_;
  bool has_pcp_probes_;
  bool has_locked_lines_;
  bool has_drain_probes_;
  std::vector<recorded::Operation> operations_;
  std::vector<OfCpu> cpus_;
  std::unordered_map<Pfn, Index> unanswered_;  // pages taken, whose mm_page_alloc is to come
  std::unordered_map<Pfn, Freed> freed_;       // pages freed, on no list yet
  std::unordered_map<Pfn, Index> last_free_;
};

}  // namespace pageblock::detail
