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
#include <map>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/io/recording/captured_chunks.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/list_repair.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_isolation.hpp"
#include "pageblock/io/recording/replay_machine.hpp"
#include "pageblock/io/recording/replay_migration.hpp"
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

  /// Says that a page is the first of a slab when the replay begins.
  void add_slab(Pfn pfn) {
    if (kernel_step::slabs_may_look_movable<Config>) replay_.slabs.insert(pfn);
  }

  /// Says that a compound page on an LRU list begins there.
  void add_compound(Pfn pfn, Order order) { migration_.add_compound(pfn, order); }

  void apply(const recorded::Operation& operation) {
    replay_.operation = &operation;
    ++replay_.result.nr_operations;
    const auto zones = replay_.machine.node().zones();
    std::array<std::int64_t, max_nr_zones> free{};
    for (std::size_t i = 0; i < zones.size(); ++i) free[i] = zones[i].nr_free_pages();
    const auto captured = replay_.settings.captured.find(&operation);
    if (captured == replay_.settings.captured.end()) {
      std::visit([this](const auto& what) { this->on(what); }, operation.what);
    } else {
      apply_capturing(operation, captured->second);
    }
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
    if constexpr (requires { migration_.apply(what); }) {
      migration_.apply(what);
    } else if constexpr (requires { requests_.apply(what); }) {
      requests_.apply(what);
      migration_.observe(what);
    } else {
      isolation_.apply(what);
    }
  }

  // Applies an operation that frees the last page of a chunk, which somebody gets at once: its buddy is
  // out of sight meanwhile, so that they do not merge.
  void apply_capturing(const recorded::Operation& operation, const CapturedChunk& chunk) {
    Zone<Config>& zone = replay_.machine.zone_of(chunk.pfn);
    Memmap<Config>& map = zone.memmap();
    const Pfn buddy{chunk.pfn.value() ^ chunk.order.nr_pages()};
    std::optional<PageBits> hidden;
    if (zone.spans(buddy) && map.bits(buddy).is_chunk(chunk.order)) {
      hidden = map.bits(buddy);
      map.set_bits(buddy, PageBits{PageBits::in_use});
    }
    std::visit([this](const auto& what) { this->on(what); }, operation.what);
    if (hidden) map.set_bits(buddy, *hidden);
    if (!map.bits(chunk.pfn).is_chunk(chunk.order)) return;
    take_observed(zone, chunk.pfn, chunk.order);
    mark_in_use(zone, chunk.pfn, chunk.order, false);
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
      const auto& [high, batch, high_max] =
          settings.zones[static_cast<std::size_t>(part.zone.type())];
      const Pageset limits{.batch = batch, .high = high, .high_max = high_max};
      if (limits == part.zone.pageset()) continue;
      replay_.take("changes of high and batch");
      part.zone.set_pageset(limits);
    }
    replay_.zones.check_limits();
  }
  void on(const recorded::Decay& decay) {
    PerCpuPages<Config>& pcp = lists_of(decay.zone, replay_.operation->cpu);
    if constexpr (Config::semantics.pcp_tuning == PcpTuning::tuned) {
      replay_.result.counters.count(pcp.high == decay.high && pcp.count == decay.count);
      excess_[replay_.operation->cpu] = pcp.decay();
      replay_.take("moments at which per-CPU lists shrink");
    } else {
      throw ParseError{"the kernel's per-CPU lists do not shrink by themselves"};
    }
  }
  void on(const recorded::DrainStep& step) {
    Zone<Config>& zone = replay_.machine.part_at(step.zone).zone;
    PerCpuPages<Config>& pcp = lists_of(step.zone, step.cpu);
    std::uint32_t nr = std::min(pcp.count, pcp.batch << detail::pcp_batch_scale_max);
    std::size_t first = 0;
    if (step.of_free != 0) {
      std::tie(nr, first) = replay_.next_step(step, pcp);
    } else if (step.decays) {
      std::uint32_t& left = excess_[step.cpu];
      const std::uint32_t most = std::min(left, pcp.batch);
      left -= most;
      nr = std::min(most, pcp.count);
    } else {
      replay_.take("moments of drains");
    }
    replay_.result.counters.count(nr == std::min<std::uint64_t>(step.count, pcp.count));
    Replay::watch(zone);
    if (nr != 0) detail::free_pcppages_bulk(zone, nr, pcp, first);
    replay_.compare_drained(zone, step.drained);
  }
  [[nodiscard]] PerCpuPages<Config>& lists_of(std::uint64_t address, Cpu cpu) {
    Zone<Config>& zone = replay_.machine.part_at(address).zone;
    if (cpu.id() >= zone.nr_cpus()) throw ParseError{fmt::format("there is no CPU {}", cpu)};
    return zone.pcp(cpu);
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
    detail::give_block_back(zone, unset.pfn, Replay::type_of(unset.migratetype));
  }
  void on([[maybe_unused]] const recorded::SplitFree& split) {
    if constexpr (Config::semantics.isolate_splits == SplitRule::border) {
      Zone<Config>& zone = replay_.machine.zone_of(split.pfn);
      Replay::demand_chunk(zone, split.pfn, split.order);
      if (split.ret != 0 || !zone.memmap().bits(split.pfn).is_chunk(split.order)) return;
      split_free_page_at(zone, split.pfn, split.pfn + split.offset);
    } else {
      throw ParseError{"the kernel splits chunks where it isolates them"};
    }
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
  void on(const recorded::TurnList& turn) {
    replay_.take("free lists that compaction turned");
    const auto& place = replay_.settings.free_area;
    if (!place || place->size == 0) throw ParseError{"meta.json does not say where free lists are"};
    for (Part& part : replay_.machine.parts()) {
      const std::uint64_t at = turn.list - part.address - place->offset;
      if (turn.list < part.address + place->offset || at / place->size >= Config::max_order)
        continue;
      const Order order{static_cast<unsigned>(at / place->size)};
      const MigrateType type =
          Replay::type_of(static_cast<unsigned>(at % place->size / FreeAreaPlace::list_size));
      Zone<Config>& zone = part.zone;
      if (!zone.spans(turn.pfn) || zone.memmap().bits(turn.pfn) != PageBits::chunk(order, type)) {
        return;
      }
      turn_to_head(zone, turn.pfn);
      if (!turn.to_head) {
        zone.free_area().del(zone.memmap(), turn.pfn);
        zone.free_area().add_tail(zone.memmap(), turn.pfn, order, type);
      }
      return;
    }
    throw ParseError{fmt::format("there is no free list at {:#x}", turn.list)};
  }
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
    if constexpr (Config::semantics.move_rule == MoveRule::chunks) {
      zone.pageblock_flags().set(retype.pfn, type);
    }
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
    if (const auto* step = std::get_if<DrainStep>(&operation.what)) {
      return of_drained(step->drained);
    }
    const auto* request = std::get_if<Allocation>(&operation.what);
    return request != nullptr && request->source != Source::captured ? change : 0;
  }

  ReplayContext<Config> replay_;
  ReplayRequests<Config> requests_{replay_};
  ReplayIsolation<Config> isolation_{replay_};
  ReplayMigration<Config> migration_{replay_};
  std::map<Cpu, std::uint32_t>
      excess_;  // pages that a CPU has still to free since its lists shrink
};

}  // namespace pageblock
