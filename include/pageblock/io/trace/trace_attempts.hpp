// SPDX-License-Identifier: MIT
/// Reads the requests, frees and drains from the lines of a trace whose probes show each attempt to take a
/// page from the per-CPU lists, as those of v6.12 do.
///
/// Layer:  io.
/// Kernel: mm/page_alloc.c of v6.12 and v7.2 writes the lines in this order.
///
///     pcp_take                             one Allocation, with the zone and its flags. It takes
///     mm_page_alloc_zone_locked, claim     effect at the first line that is written under zone->lock
///     mm_page_alloc_extfrag
///     mm_page_alloc                        or the next pcp_take, if it found nothing
///
/// A page that was claimed with a whole chunk, or stolen, has only a line of mm_page_alloc_extfrag. An
/// order that has no per-CPU lists, and a request that finds their lock busy, has no pcp_take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/io/text/parse_error.hpp"
#include "pageblock/io/trace/announced_frees.hpp"
#include "pageblock/io/trace/ftrace.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/io/trace/trace_requests.hpp"

namespace pageblock::detail {

/// What TraceDecoder knows of requests, frees and drains where attempts are shown. Where they are not,
/// it leaves all to RequestDecoder.
class AttemptDecoder : protected RequestDecoder {
 protected:
  explicit AttemptDecoder(const InputFile& file)
      : RequestDecoder{file}, shows_attempts_{has_text(file.content, " pcp_take: (")} {}

  [[nodiscard]] bool shows_attempts() const { return shows_attempts_; }

  /// Goes on to a line: what it interrupts if it is no interrupt's is not known yet.
  void begin_line() {
    if (shows_attempts_ && !is_in_interrupt()) of_cpu().section = {};
  }

  // Requests.

  void on(const ftrace::MmPageAllocZoneLocked& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    note_section(event.pfn);
    const Index index = under_zone_lock(event.order, event.migratetype);
    auto& request = as<recorded::Allocation>(index);
    // A request that passed the per-CPU lists by and was served from the reserve may use it.
    constexpr unsigned highatomic = 3;           // MIGRATE_HIGHATOMIC
    constexpr std::uint32_t may_use_it = 0x200;  // ALLOC_HIGHATOMIC
    if (!request.zone && event.migratetype == highatomic) request.alloc_flags |= may_use_it;
    if (event.percpu_refill) request.refill.push_back(event.pfn);
  }
  void on(const ftrace::MmPageAllocExtfrag& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    static_cast<void>(under_zone_lock(event.alloc_order, event.alloc_migratetype));
  }
  void on(const ftrace::MmPageAlloc& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    OfTask& task = tasks_[task_of()];
    auto found = std::ranges::find_if(task.attempts.rbegin(), task.attempts.rend(), [&](Index of) {
      const auto& request = as<recorded::Allocation>(of);
      return request.order == event.order && (request.migratetype == event.migratetype ||
                                              request.source == recorded::Source::buddy);
    });
    std::optional<Index> attempt;
    if (found != task.attempts.rend()) {
      attempt = *found;
      // Those behind it have failed. So have those before it, unless this is an interrupt.
      task.attempts.erase(is_in_interrupt() ? std::prev(found.base()) : task.attempts.begin(),
                          task.attempts.end());
    } else if (!is_in_interrupt()) {
      task.attempts.clear();
    }
    if (!event.pfn) {
      add(recorded::FailedRequest{event.order, event.migratetype});
      return;
    }
    if (!attempt) {
      // The buddy lists would have shown it.
      attempt =
          add(recorded::Allocation{.order = event.order, .source = recorded::Source::captured});
    }
    auto& request = as<recorded::Allocation>(*attempt);
    request.pfn = event.pfn;
    request.migratetype = event.migratetype;
    request.gfp_flags = event.gfp_flags;
  }

  // Frees.

  void on(const ftrace::MmPageFree& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    if (to_compaction_.erase(event.pfn) != 0) return;  // it keeps the page
    if (is_in_interrupt() && draining().free) {        // no later page is drained for the last free
      draining() = {};
      drainer().reset();
    }
    announced_.add(event.pfn, {reader_.number(), line().cpu, event.order,
                               is_in_interrupt() ? std::optional{of_cpu().section} : std::nullopt});
  }
  void on(const ftrace::MmPageFreeBatched& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    note_section(event.pfn);
  }
  void on(const ftrace::MmPagePcpuDrain& event) {
    if (!shows_attempts_) return RequestDecoder::on(event);
    note_section(event.pfn);
    if (is_in_interrupt() && !drainer()) return announced_.add_drained(event.pfn);
    OfCpu& here = cpu();
    const auto usual = std::exchange(here.drainer, drainer());
    RequestDecoder::on(event);
    here.drainer = usual;
  }

  /// Adds the frees that no probe has shown, since they came while another probe was handled.
  void add_missed_frees() {
    announced_.for_each([this](Pfn pfn, const AnnouncedFree& free) {
      operations_.push_back({free.line, free.cpu,
                             recorded::Free{.pfn = pfn,
                                            .order = free.order,
                                            .past_pcp = !has_pcp_orders(free.order),
                                            .interrupted = free.interrupted,
                                            .drained = free.drained}});
    });
    announced_.clear();
  }

  /// Takes in a probe, if attempts give it another meaning or it is one that comes with them. Returns
  /// whether that is so.
  bool on_probe_of_attempts();

 private:
  // What a drain's next step is one of; another process may run in between.
  struct Draining {
    std::optional<recorded::DrainStep> step;
    std::optional<Index> free;  // if it is a free that drains
  };
  // A process on one CPU, and the interrupts that come while it runs.
  struct OfTask {
    std::vector<Index> attempts;  // that have no page yet, and may have found none
    Draining draining;
  };
  // What a CPU is in the middle of.
  struct MoreOfCpu {
    std::optional<Index> attempt;  // whose lines come next
    bool has_taken_effect = false;
    std::optional<Index> bulk;
    std::optional<Index> interrupt_drainer;
    Draining interrupt_draining;
    std::optional<Pfn> freeing;     // to the buddy lists
    recorded::Interrupted section;  // the last line outside of interrupts
  };

  [[nodiscard]] std::pair<std::size_t, unsigned> task_of() const {
    return {line().cpu.id(), line().pid};
  }
  [[nodiscard]] MoreOfCpu& of_cpu() {
    const std::size_t id = line().cpu.id();
    if (id >= more_.size()) more_.resize(id + 1);
    return more_[id];
  }
  // A probe in the midst of a function hides that it is in an interrupt.
  [[nodiscard]] bool is_in_interrupt() const {
    return line().flags.find_first_of("shH") != std::string_view::npos;
  }
  [[nodiscard]] std::optional<Index>& drainer() {
    return is_in_interrupt() ? of_cpu().interrupt_drainer : cpu().drainer;
  }
  [[nodiscard]] Draining& draining() {
    return is_in_interrupt() ? of_cpu().interrupt_draining : tasks_[task_of()].draining;
  }
  void note_section(Pfn pfn) {
    if (!is_in_interrupt()) of_cpu().section = {std::nullopt, pfn};
  }
  [[nodiscard]] recorded::ZoneFlags zone_flags() const {
    const auto bits = number<unsigned>("zf");
    return {.reclaim_active = (bits & 2U) != 0, .below_high = (bits & 4U) != 0};
  }

  // The request that a line under zone->lock belongs to: the attempt before it, or one that has passed
  // the per-CPU lists by.
  Index under_zone_lock(Order order, unsigned migratetype) {
    MoreOfCpu& here = of_cpu();
    OfTask& task = tasks_[task_of()];
    const bool is_open = here.attempt && (here.attempt == here.bulk || !task.attempts.empty()) &&
                         as<recorded::Allocation>(*here.attempt).order == order;
    if (!is_open) {
      here.attempt = add(recorded::Allocation{
          .order = order, .migratetype = migratetype, .source = recorded::Source::buddy});
      task.attempts.push_back(*here.attempt);
    } else if (!here.has_taken_effect) {
      operations_[*here.attempt].line = reader_.number();
    }
    here.has_taken_effect = true;
    return *here.attempt;
  }

  void on_take(recorded::Source source) {
    MoreOfCpu& here = of_cpu();
    here.section = {number<std::uint64_t>("zone"), std::nullopt};
    here.attempt = add(recorded::Allocation{.order = order(),
                                            .migratetype = number<unsigned>("mt"),
                                            .source = source,
                                            .zone = number<std::uint64_t>("zone"),
                                            .zone_flags = zone_flags(),
                                            .alloc_flags = number<std::uint32_t>("flags")});
    here.has_taken_effect = false;
    here.bulk.reset();
    if (source == recorded::Source::bulk) {
      here.bulk = here.attempt;
    } else {
      tasks_[task_of()].attempts.push_back(*here.attempt);
    }
  }

  void on_claim() {
    const Index index = under_zone_lock(order(), number<unsigned>("start"));
    auto& request = as<recorded::Allocation>(index);
    const auto flags = static_cast<std::uint32_t>(probe().number("flags").value_or(0));
    request.steals.push_back({page(), false, flags});
    request.alloc_flags |= flags;
    request.zone = number<std::uint64_t>("zone");
  }
  void on_claim_ret() {
    MoreOfCpu& here = of_cpu();
    if (!here.attempt) return;
    auto& steals = as<recorded::Allocation>(*here.attempt).steals;
    if (!steals.empty()) steals.back().claimed = number<std::uint64_t>("ret") != 0;
  }

  void on_pcp_free() {
    if (!is_in_interrupt()) of_cpu().section = {number<std::uint64_t>("zone"), std::nullopt};
    announced_.forget(page());
    const auto flags = probe().number("fpi");
    if (flags) forget_prepared(*flags);
    const Index index =
        add(recorded::Free{.pfn = page(), .order = order(), .zone_flags = zone_flags()});
    drainer() = index;
    draining() = {};
    if (!flags) return;
    // The kernel that says so drains in steps.
    as<recorded::Free>(index).number = reader_.number();
    draining() = {
        recorded::DrainStep{
            .cpu = line().cpu, .zone = number<std::uint64_t>("zone"), .of_free = reader_.number()},
        index};
  }
  // Pages that were prepared one by one, and are freed as one chunk (v7.2).
  void forget_prepared(std::uint64_t flags) {
    constexpr std::uint64_t prepared = 8;
    if ((flags & prepared) != 0) announced_.forget(page(), order().nr_pages());
  }
  void on_pcp_bulk_free() {
    Draining& here = draining();
    if (!is_in_interrupt()) {
      of_cpu().section = {number<std::uint64_t>("zone"), std::nullopt};
    } else if (!here.free) {
      return;
    }
    if (!here.step) return;
    if (here.free) as<recorded::Free>(*here.free).drains = true;
    recorded::DrainStep step = *here.step;
    step.count = number<std::uint64_t>("count");
    drainer() = add(std::move(step));
  }
  // The chunk is freed at the next split_buddy, under zone->lock.
  void on_free_one() {
    of_cpu().freeing = page();
    announced_.forget(page());
    forget_prepared(number<std::uint64_t>("fpi"));
    OfCpu& here = cpu();
    if (here.onlining) {
      as<recorded::OnlineBegin>(*here.onlining).zone = number<std::uint64_t>("zone");
    }
  }
  void on_split_buddy() {
    if (of_cpu().freeing != page()) return;  // part of an isolation
    of_cpu().freeing.reset();
    constexpr std::uint32_t to_tail = 2;  // FPI_TO_TAIL
    const bool at_tail = (number<std::uint32_t>("fpi") & to_tail) != 0;
    add(recorded::Free{.pfn = page(), .order = order(), .past_pcp = true, .to_tail = at_tail});
  }
  // A search that has seen the whole list ends at its head, which is no page, and turns nothing.
  void on_turn(bool to_head) {
    const auto pfn = ftrace::Vmemmap{}.pfn_of(number<std::uint64_t>("page"));
    if (pfn) add(recorded::TurnList{number<std::uint64_t>("list"), *pfn, to_head});
  }

  bool shows_attempts_;
  std::map<std::pair<std::size_t, unsigned>, OfTask> tasks_;
  std::vector<MoreOfCpu> more_;
  AnnouncedFrees announced_;
  std::unordered_set<Pfn> to_compaction_;  // whose next mm_page_free is none
};

inline bool AttemptDecoder::on_probe_of_attempts() {
  using D = AttemptDecoder;
  using Handler = void (*)(D&, OfCpu&);
  const auto ignore = [](D&, OfCpu&) {};
  static const std::unordered_map<std::string_view, Handler> handlers{
      {"pcp_take", [](D& d, OfCpu&) { d.on_take(recorded::Source::any); }},
      {"bulk_take", [](D& d, OfCpu&) { d.on_take(recorded::Source::bulk); }},
      {"bulk_page",
       [](D& d, OfCpu&) {
         const auto taken = std::exchange(d.of_cpu().bulk, std::nullopt);
         const bool is_none = d.number<std::uint64_t>("page") == 0;
         if (taken && !is_none) d.as<recorded::Allocation>(*taken).pfn = d.page();
       }},
      {"claim", [](D& d, OfCpu&) { d.on_claim(); }},
      {"claim_ret", [](D& d, OfCpu&) { d.on_claim_ret(); }},
      {"pcp_free", [](D& d, OfCpu&) { d.on_pcp_free(); }},
      {"free_one", [](D& d, OfCpu&) { d.on_free_one(); }},
      {"split_buddy", [](D& d, OfCpu&) { d.on_split_buddy(); }},
      {"pcp_bulk_free", [](D& d, OfCpu&) { d.on_pcp_bulk_free(); }},
      {"compact_free", [](D& d, OfCpu&) { d.to_compaction_.insert(d.page()); }},
      {"drain_zone_cpu",
       [](D& d, OfCpu&) {
         d.draining() = {recorded::DrainStep{.cpu = Cpu{d.number<unsigned>("cpu")},
                                             .zone = d.number<std::uint64_t>("zone")},
                         std::nullopt};
       }},
      {"pcp_decay",
       [](D& d, OfCpu&) {
         const auto zone = d.number<std::uint64_t>("zone");
         d.add(recorded::Decay{zone, d.number<std::uint64_t>("high"),
                               d.number<std::uint64_t>("count")});
         d.draining() = {recorded::DrainStep{.cpu = d.line().cpu, .zone = zone, .decays = true},
                         std::nullopt};
       }},
      {"pcp_set_ret",
       [](D& d, OfCpu&) {
         const auto limits = [&](std::string_view high, std::string_view batch,
                                 std::string_view high_max) {
           return recorded::PcpSettings::Limits{d.number<std::uint32_t>(high),
                                                d.number<std::uint32_t>(batch),
                                                d.number<std::uint32_t>(high_max)};
         };
         d.add(recorded::PcpSettings{{limits("h0", "b0", "x0"), limits("h1", "b1", "x1"),
                                      limits("h2", "b2", "x2"), limits("h3", "b3", "x3")}});
       }},
      {"list_to_head", [](D& d, OfCpu&) { d.on_turn(true); }},
      {"list_to_tail", [](D& d, OfCpu&) { d.on_turn(false); }},
      // Under zone->lock: the block's chunks move, or a part of a chunk is freed.
      {"move_isolate",
       [](D& d, OfCpu& here) {
         d.of_cpu().freeing.reset();
         const auto& step = here.unsetting ? here.unsetting : here.isolating;
         if (step) d.operations_[*step].line = d.reader_.number();
       }},
      {"isolate_free",
       [](D& d, OfCpu& here) {
         if (here.unsetting) {
           d.operations_[*here.unsetting].line = d.reader_.number();
         } else {
           here.taking = d.add(recorded::IsolateFree{d.page(), d.order()});
         }
       }},
      {"putback_isolated",
       [](D& d, OfCpu& here) {
         if (here.unsetting) return;
         d.add(recorded::PutBack{d.page(), d.order(), d.number<unsigned>("mt")});
       }},
      // The HighAtomic reserve; or the rest of a block of which compaction takes a part.
      {"move_block",
       [](D& d, OfCpu& here) {
         if (here.taking) return;
         d.add(recorded::Retype{d.page(), d.number<unsigned>("mt")});
       }},
      {"pcp_refill", ignore},
      {"bulk", ignore},
      {"bulk_ret", ignore},
      {"set_block", ignore},
      {"free_core", ignore},
      {"free_ok", ignore},
  };
  const auto found = handlers.find(probe().name);
  if (found == handlers.end()) return false;
  found->second(*this, cpu());
  return true;
}

}  // namespace pageblock::detail
