/// Applies the operations of a recording to zones, and compares each answer with the kernel's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/pageblock.hpp"

#include "replay/allocator.hpp"
#include "replay/history.hpp"
#include "replay/machine.hpp"
#include "replay/repair.hpp"
#include "replay/result.hpp"
#include "replay/zones.hpp"

namespace example {

/// Follows a trace with a machine's zones. After a misprediction the zones take the kernel's page
/// and go on.
class ReplayEngine {
 public:
  struct Settings {
    /// What "memory1" in a mark of the trace is.
    std::uint64_t memory_block_pages = 0x8000;
    /// Where probes do not show all (null: they do), what the whole trace says of each page. The
    /// limits of the per-CPU lists are learned from the drains then.
    const PageHistory* history = nullptr;
    /// Whether probes show when kswapd begins and ends to reclaim.
    bool shows_reclaim = true;
  };

  ReplayEngine(ReplayMachine& machine, ReplayResult& result, Settings settings)
      : machine_{machine},
        result_{result},
        settings_{settings},
        zones_{machine, result, {settings.history == nullptr, settings.shows_reclaim}} {}

  void apply(const pageblock::recorded::Operation& operation) {
    operation_ = &operation;
    ++result_.nr_operations;
    const auto zones = machine_.node().zones();
    std::array<std::int64_t, pageblock::max_nr_zones> free{};
    for (std::size_t i = 0; i < zones.size(); ++i) free[i] = zones[i].nr_free_pages();
    std::visit([this](const auto& what) { on(what); }, operation.what);
    for (std::size_t i = 0; i < zones.size(); ++i) {
      const std::int64_t change = zones[i].nr_free_pages() - free[i];
      if (change != 0) zones_.count_free(i, operation.cpu, change, step_of(operation, change));
    }
  }

 private:
  using Pfn = pageblock::Pfn;
  using Order = pageblock::Order;
  using MigrateType = pageblock::MigrateType;
  using PageBits = pageblock::PageBits;
  using Part = ReplayMachine::Part;

  void on(const pageblock::recorded::Allocation& request);
  void on(const pageblock::recorded::Free& free);

  void on(const pageblock::recorded::FailedRequest&) { take("requests that failed"); }

  void on(const pageblock::recorded::Drain& drain) {
    ReplayZone& zone = machine_.part_at(drain.zone).zone;
    watch(zone);
    drain_pages(zone, drain.cpu);
    take("moments of drains");
    compare_drained(zone, drain.drained);
  }
  void on(const pageblock::recorded::DrainAll& drain) {
    ReplayZone& zone = machine_.zone_of(drain.pfn);
    watch(zone);
    drain_all_pages(zone);
    compare_drained(zone, drain.drained);
  }

  // High and batch of the per-CPU lists.

  void on(const pageblock::recorded::PcpDisable& disable) {
    Part& part = machine_.part_at(disable.zone);
    part.pcp_disabled = true;
    if (!disable.drains) return part.zone.set_pcp_limits({.batch = 1, .high = 0});
    watch(part.zone);
    zone_pcp_disable(part.zone);
    compare_drained(part.zone, disable.drained);
  }
  void on(const pageblock::recorded::PcpEnable& enable) {
    Part& part = machine_.part_at(enable.zone);
    part.pcp_disabled = false;
    zone_pcp_enable(part.zone);
  }
  void on(const pageblock::recorded::PcpSettings& settings) {
    zones_.follow_memory();
    for (Part& part : machine_.parts()) {
      const auto& [high, batch] = settings.zones[static_cast<std::size_t>(part.zone.type())];
      if (pageblock::Pageset{batch, high} == part.zone.pageset()) continue;
      take("changes of high and batch");
      set_pageset(part, batch, high);
    }
    zones_.check_limits();
  }
  static void set_pageset(Part& part, std::uint32_t batch, std::uint32_t high) {
    part.zone.set_pageset(batch, high);
    if (part.pcp_disabled) part.zone.set_pcp_limits({.batch = 1, .high = 0});
  }
  void on(const pageblock::recorded::Reclaim& reclaim) {
    take("beginnings and ends of reclaim");
    zones_.follow(reclaim);
    for (Part& part : machine_.parts()) {
      if (static_cast<std::uint64_t>(part.zone.type()) <= reclaim.highest_zone) {
        part.zone.pressure().reclaim_active = reclaim.active;
      }
    }
  }

  // Pageblocks.

  void on(const pageblock::recorded::SetIsolate& set);
  void on(const pageblock::recorded::UnsetIsolate& unset) {
    ReplayZone& zone = machine_.zone_of(unset.pfn);
    unset_migratetype_isolate(zone, unset.pfn, type_of(unset.migratetype));
  }
  void on(const pageblock::recorded::IsolateRange& range);
  void on(const pageblock::recorded::TestIsolated& test);
  void on(const pageblock::recorded::SplitFree& split) {
    ReplayZone& zone = machine_.zone_of(split.pfn);
    demand_chunk(zone, split.pfn, split.order);
    if (split.ret != 0 || !zone.memmap().bits(split.pfn).is_chunk(split.order)) return;
    split_free_page_at(zone, split.pfn, split.pfn + split.offset);
  }
  void on(const pageblock::recorded::IsolateSingle& single);
  void on(const pageblock::recorded::IsolateFree& taken) {
    if (taken.nr_pages == 0) return;
    take("free chunks for compaction and contiguous ranges");
    ReplayZone& zone = machine_.zone_of(taken.pfn);
    demand_chunk(zone, taken.pfn, taken.order);
    if (zone.memmap().bits(taken.pfn).is_chunk(taken.order)) {
      allocator::isolate_free_page(zone, taken.pfn);
    } else {
      take_observed(zone, taken.pfn, taken.order);
      mark_in_use(zone, taken.pfn, taken.order, false);
      take("free chunks that the model has split");
    }
  }
  void on(const pageblock::recorded::PutBack& put) {
    ReplayZone& zone = machine_.zone_of(put.pfn);
    demand_chunk(zone, put.pfn, put.order);
    forget_use(zone, put.pfn, put.order);
    allocator::put_back(zone, put.pfn, put.order, type_of(put.migratetype),
                        pageblock::ListEnd::tail);
  }
  void on(const pageblock::recorded::SplitPage& split) {
    ReplayZone& zone = machine_.zone_of(split.pfn);
    demand_chunk(zone, split.pfn, split.order);
    for (Pfn pfn = split.pfn; pfn < split.pfn + split.order.nr_pages(); ++pfn) {
      mark_in_use(zone, pfn, Order{0}, zone.memmap().bits(pfn).has(PageBits::lru));
    }
  }
  void on(const pageblock::recorded::Compaction&) { compacted_ = true; }
  void on(const pageblock::recorded::Retype& retype) {
    if (machine_.find(retype.pfn) == nullptr) return;  // memory that is being added
    ReplayZone& zone = machine_.zone_of(retype.pfn);
    const MigrateType type = type_of(retype.migratetype);
    if (zone.pageblock_flags().get(retype.pfn) == type) return;
    take("blocks of the HighAtomic reserve");
    constexpr std::uint64_t block = ReplayZone::pageblock_nr_pages;
    std::uint64_t& reserved = zone.pressure().nr_reserved_highatomic;
    if (zone.pageblock_flags().get(retype.pfn) == MigrateType::highatomic) {
      reserved -= std::min(block, reserved);
    }
    if (type == MigrateType::highatomic) reserved += block;
    zone.pageblock_flags().set(retype.pfn, type);
    move_freepages_block(zone, retype.pfn, type);
  }

  // Memory comes and goes.

  void on(const pageblock::recorded::OfflineBegin& begin);
  void on(const pageblock::recorded::OfflineIsolated& offline);
  void on(const pageblock::recorded::OfflineEnd& end);
  void on(const pageblock::recorded::OnlineBegin& online);
  void on(const pageblock::recorded::OnlineEnd& end) {
    if (end.ret == 0) zones_.follow_memory();
  }
  void on(const pageblock::recorded::ContigBegin& begin);
  void on(const pageblock::recorded::ContigEnd& end);
  void on(const pageblock::recorded::Mark& mark);

  // In which steps an operation changes the number of free pages: all at once, or with each page
  // that leaves a per-CPU list. 0: unknown.
  [[nodiscard]] static std::int64_t step_of(const pageblock::recorded::Operation& operation,
                                            std::int64_t change) {
    using namespace pageblock::recorded;
    const auto of_drained = [change](const std::vector<Pfn>& drained) {
      return std::int64_t{change == static_cast<std::int64_t>(drained.size()) ? 1 : 0};
    };
    if (const auto* free = std::get_if<Free>(&operation.what)) {
      return free->drained.empty() ? change : of_drained(free->drained);
    }
    if (const auto* drain = std::get_if<Drain>(&operation.what)) return of_drained(drain->drained);
    const auto* request = std::get_if<Allocation>(&operation.what);
    return request != nullptr && request->source != Source::captured ? change : 0;
  }

  // Help.

  [[nodiscard]] static MigrateType type_of(unsigned number) {
    const auto type = ReplayConfig::semantics.type_of(number);
    if (!type) throw pageblock::ParseError{fmt::format("there is no migratetype {}", number)};
    return *type;
  }
  void take(std::string_view what, std::uint64_t times = 1) {
    const auto found = result_.taken.find(what);
    (found != result_.taken.end() ? found->second : result_.taken[std::string{what}]) += times;
  }
  static void watch(ReplayZone& zone) { zone.tracer().clear(); }

  static void compare(const std::vector<Pfn>& observed, const std::vector<Pfn>& predicted,
                      Score& score) {
    for (std::size_t i = 0; i < std::max(observed.size(), predicted.size()); ++i) {
      score.count(i < observed.size() && i < predicted.size() && observed[i] == predicted[i]);
    }
  }
  void compare_drained(ReplayZone& zone, const std::vector<Pfn>& observed) {
    compare(observed, zone.tracer().drained, result_.drained);
  }

  static void demand_chunk(const ReplayZone& zone, Pfn pfn, Order order) {
    if (order > ReplayZone::top_order || !pfn.is_aligned(order) || !zone.spans(pfn) ||
        !zone.spans(pfn + (order.nr_pages() - 1))) {
      throw pageblock::ParseError{
          fmt::format("there can be no chunk of order {} at {:#x}", order, pfn)};
    }
  }

  // The pages that are about to be freed must be on no list, and on no LRU.
  void forget_use(ReplayZone& zone, Pfn pfn, Order order) {
    if (!zone.memmap().bits(pfn).has(PageBits::in_use) &&
        (is_listed_free(zone, pfn) || take_from_pcp(zone, pfn))) {
      take("pages that nobody saw leave");
      take_observed(zone, pfn, order);
    }
    if (zone.memmap().bits(pfn).has(PageBits::offline)) {  // a driver gives it back
      zone.mod_managed_pages(static_cast<std::int64_t>(order.nr_pages()));
    }
    mark_in_use(zone, pfn, order, false);
  }

  void expect_drain(Part& part, const pageblock::recorded::Free& free);
  void skip_unseen(ReplayZone& zone, MigrateType type, Order order);
  [[nodiscard]] bool lacks_refill(const ReplayZone& zone,
                                  const pageblock::recorded::Allocation& request) const;
  [[nodiscard]] std::optional<Pfn> serve(ReplayZone& zone,
                                         const pageblock::recorded::Allocation& request);
  bool turn_lists(ReplayZone& zone, const pageblock::recorded::Allocation& request);
  void give_back(ReplayZone& zone, const pageblock::recorded::Allocation& request, Pfn pfn);
  void note_miss(const ReplayZone& zone, const pageblock::recorded::Allocation& request,
                 std::optional<Pfn> predicted);

  void take_contig(ReplayZone& zone, pageblock::PfnRange range);

  // Attempts to take memory offline, or to get a contiguous range.
  void hold_offline(pageblock::PfnRange range, bool held);
  void begin_attempt(std::string what, pageblock::PfnRange range);
  void end_attempt(std::int64_t ret);
  [[nodiscard]] std::vector<MigrateType> types_in(pageblock::PfnRange range);

  ReplayMachine& machine_;
  ReplayResult& result_;
  const pageblock::recorded::Operation* operation_ = nullptr;
  Settings settings_;
  ZoneForecaster zones_;
  bool compacted_ = false;
  bool is_attempting_ = false;  // the last attempt of the result
  MigrateType undo_type_ = MigrateType::movable;
  std::optional<pageblock::PfnRange> offlining_;
  std::optional<pageblock::PfnRange> contig_;
  bool has_mark_ = false;  // which also says when it ends
};

}  // namespace example
