// SPDX-License-Identifier: MIT
/// Applies the operations of a recording to zones, and compares each answer with the kernel's.
///
/// Layer:  io.
/// Kernel: none; the parts name what they follow.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_isolation.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_requests.hpp"
#include "pageblock/io/recording/replay_result.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/isolation/isolate_single.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Follows a trace with a machine's zones. After a misprediction the zones take the kernel's page
/// and go on.
template <ReplayableConfig Config>
class ReplayEngine {
 public:
  ReplayEngine(ReplayMachine<Config>& machine, ReplayResult& result, ReplaySettings settings)
      : replay_{machine, result, settings} {}
  // The parts refer to what they share.
  ReplayEngine(const ReplayEngine&) = delete;
  ReplayEngine& operator=(const ReplayEngine&) = delete;

  void apply(const recorded::Operation& operation) {
    replay_.operation = &operation;
    ++replay_.result.nr_operations;
    const auto zones = replay_.machine.node().zones();
    std::array<std::int64_t, max_nr_zones> free{};
    for (std::size_t i = 0; i < zones.size(); ++i) free[i] = zones[i].nr_free_pages();
    std::visit([this](const auto& what) { this->on(what); }, operation.what);
    for (std::size_t i = 0; i < zones.size(); ++i) {
      const std::int64_t change = zones[i].nr_free_pages() - free[i];
      if (change != 0)
        replay_.zones.count_free(i, operation.cpu, change, step_of(operation, change));
    }
  }

 private:
  using Replay = ReplayContext<Config>;
  using Part = typename ReplayMachine<Config>::Part;

  template <typename What>
  void on(const What& what) {
    if constexpr (requires { requests_.apply(what); }) {
      requests_.apply(what);
    } else {
      isolation_.apply(what);
    }
  }

  void on(const recorded::FailedRequest&) { replay_.take("requests that failed"); }

  void on(const recorded::Drain& drain) {
    Zone<Config>& zone = replay_.machine.part_at(drain.zone).zone;
    Replay::watch(zone);
    drain_pages(zone, drain.cpu);
    replay_.take("moments of drains");
    replay_.compare_drained(zone, drain.drained);
  }
  void on(const recorded::DrainAll& drain) {
    Zone<Config>& zone = replay_.machine.zone_of(drain.pfn);
    Replay::watch(zone);
    drain_all_pages(zone);
    replay_.compare_drained(zone, drain.drained);
  }

  // High and batch of the per-CPU lists.

  void on(const recorded::PcpDisable& disable) {
    Part& part = replay_.machine.part_at(disable.zone);
    part.pcp_disabled = true;
    if (!disable.drains) return part.zone.disable_pcp();
    Replay::watch(part.zone);
    zone_pcp_disable(part.zone);
    replay_.compare_drained(part.zone, disable.drained);
  }
  void on(const recorded::PcpEnable& enable) {
    Part& part = replay_.machine.part_at(enable.zone);
    part.pcp_disabled = false;
    zone_pcp_enable(part.zone);
  }
  void on(const recorded::PcpSettings& settings) {
    replay_.zones.follow_memory();
    for (Part& part : replay_.machine.parts()) {
      const auto& [high, batch] = settings.zones[static_cast<std::size_t>(part.zone.type())];
      if (Pageset{batch, high} == part.zone.pageset()) continue;
      replay_.take("changes of high and batch");
      set_pageset(part, batch, high);
    }
    replay_.zones.check_limits();
  }
  static void set_pageset(Part& part, std::uint32_t batch, std::uint32_t high) {
    part.zone.set_pageset(batch, high);
  }
  void on(const recorded::Reclaim& reclaim) {
    replay_.take("beginnings and ends of reclaim");
    replay_.zones.follow(reclaim);
    for (Part& part : replay_.machine.parts()) {
      if (static_cast<std::uint64_t>(part.zone.type()) <= reclaim.highest_zone) {
        part.zone.pressure().reclaim_active = reclaim.active;
      }
    }
  }

  // Pageblocks.

  void on(const recorded::UnsetIsolate& unset) {
    Zone<Config>& zone = replay_.machine.zone_of(unset.pfn);
    unset_migratetype_isolate(zone, unset.pfn, Replay::type_of(unset.migratetype));
  }
  void on(const recorded::SplitFree& split) {
    Zone<Config>& zone = replay_.machine.zone_of(split.pfn);
    Replay::demand_chunk(zone, split.pfn, split.order);
    if (split.ret != 0 || !zone.memmap().bits(split.pfn).is_chunk(split.order)) return;
    split_free_page_at(zone, split.pfn, split.pfn + split.offset);
  }
  void on(const recorded::IsolateFree& taken) {
    if (taken.nr_pages == 0) return;
    replay_.take("free chunks for compaction and contiguous ranges");
    Zone<Config>& zone = replay_.machine.zone_of(taken.pfn);
    Replay::demand_chunk(zone, taken.pfn, taken.order);
    if (zone.memmap().bits(taken.pfn).is_chunk(taken.order)) {
      kernel_step::isolate_free_page(zone, taken.pfn);
    } else {
      take_observed(zone, taken.pfn, taken.order);
      mark_in_use(zone, taken.pfn, taken.order, false);
      replay_.take("free chunks that the model has split");
    }
  }
  void on(const recorded::PutBack& put) {
    Zone<Config>& zone = replay_.machine.zone_of(put.pfn);
    Replay::demand_chunk(zone, put.pfn, put.order);
    replay_.forget_use(zone, put.pfn, put.order);
    kernel_step::put_back(zone, put.pfn, put.order, Replay::type_of(put.migratetype),
                          ListEnd::tail);
  }
  void on(const recorded::SplitPage& split) {
    Zone<Config>& zone = replay_.machine.zone_of(split.pfn);
    Replay::demand_chunk(zone, split.pfn, split.order);
    for (Pfn pfn = split.pfn; pfn < split.pfn + split.order.nr_pages(); ++pfn) {
      mark_in_use(zone, pfn, Order{0}, zone.memmap().bits(pfn).has(PageBits::lru));
    }
  }
  void on(const recorded::Compaction&) { replay_.compacted = true; }
  void on(const recorded::Retype& retype) {
    if (replay_.machine.find(retype.pfn) == nullptr) return;  // memory that is being added
    Zone<Config>& zone = replay_.machine.zone_of(retype.pfn);
    const MigrateType type = Replay::type_of(retype.migratetype);
    if (zone.pageblock_flags().get(retype.pfn) == type) return;
    replay_.take("blocks of the HighAtomic reserve");
    constexpr std::uint64_t block = Zone<Config>::pageblock_nr_pages;
    std::uint64_t& reserved = zone.pressure().nr_reserved_highatomic;
    if (zone.pageblock_flags().get(retype.pfn) == MigrateType::highatomic) {
      reserved -= std::min(block, reserved);
    }
    if (type == MigrateType::highatomic) reserved += block;
    zone.pageblock_flags().set(retype.pfn, type);
    move_freepages_block(zone, retype.pfn, type);
  }

  // Memory has come.
  void on(const recorded::OnlineEnd& end) {
    if (end.ret == 0) replay_.zones.follow_memory();
  }

  // In which steps an operation changes the number of free pages: all at once, or with each page
  // that leaves a per-CPU list. 0: unknown.
  [[nodiscard]] static std::int64_t step_of(const recorded::Operation& operation,
                                            std::int64_t change) {
    using namespace recorded;
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

  ReplayContext<Config> replay_;
  ReplayRequests<Config> requests_{replay_};
  ReplayIsolation<Config> isolation_{replay_};
};

}  // namespace pageblock
