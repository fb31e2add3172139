// SPDX-License-Identifier: MIT
/// Predicts where pages go that leave memory which goes offline, or a contiguous range.
///
/// Layer:  io.
/// Kernel: migrate_pages() (mm/migrate.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/collect_pages.hpp"
#include "pageblock/clients/migrate.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/clients/page_mover.hpp"
#include "pageblock/io/recording/kernel_steps.hpp"
#include "pageblock/io/recording/replay_context.hpp"
#include "pageblock/io/recording/replay_tracer.hpp"
#include "pageblock/io/trace/trace_operations.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Makes each call of migration on a copy of the zones as they were when it began: which pages are collected,
/// in which order they move, and to where. Which of them do not move, since somebody holds them, no
/// zone knows: that is taken from the trace.
template <ReplayableConfig Config>
class ReplayMigration {
 public:
  explicit ReplayMigration(ReplayContext<Config>& replay) : replay_{replay} {}

  /// Says that a compound page on an LRU list begins here.
  void add_compound(Pfn pfn, Order order) { compounds_.insert_or_assign(pfn, order); }

  void apply(const recorded::MigrateBegin&) {
    if (!replay_.emptying) return;
    const Pfn start = replay_.emptying->range.start;
    if (replay_.machine.find(start) == nullptr) return;
    before_ = std::make_unique<Node<Config>>(replay_.machine.node());
    mark_compounds(*before_->find(replay_.machine.zone_of(start).type()));
    cpu_ = replay_.operation->cpu;
    seen_ = {};
  }

  void observe(const recorded::Allocation& request) {
    if (!request.pfn) return;
    if (request.order != Order{0} && kernel_step::looks_movable<Config>(request)) {
      add_compound(*request.pfn, request.order);
    }
    const bool is_copy = before_ && replay_.operation->cpu == cpu_ &&
                         request.gfp_flags.find("__GFP_RETRY_MAYFAIL") != std::string_view::npos;
    if (is_copy) seen_.copies.push_back(*request.pfn);
  }
  void observe(const recorded::Free& free) {
    compounds_.erase(free.pfn);
    if (!before_ || replay_.operation->cpu != cpu_) return;
    if (replay_.emptying->range.contains(free.pfn)) {
      seen_.moved.push_back(free.pfn);
    } else {  // a copy that nobody needs
      std::erase(seen_.copies, free.pfn);
    }
  }
  static void observe(const auto&) {}

  void apply(const recorded::MigrateEnd&) {
    if (!before_) return;
    predict();
    before_.reset();
  }

 private:
  struct Move {
    Pfn from;
    Pfn to;
    friend bool operator==(const Move&, const Move&) = default;
  };

  // Pages that move if they moved in the trace.
  struct AsRecorded : AllMove {
    explicit AsRecorded(const std::vector<Pfn>& pfns) : moving{pfns.begin(), pfns.end()} {}
    [[nodiscard]] Hindrance hindrance(Pfn pfn, MoveStep step) const {
      const bool stays = step == MoveStep::move && !moving.contains(pfn);
      return stays ? Hindrance::pinned : Hindrance::none;
    }
    void moved(Pfn from, OptionalPfn to, Order) { moves.push_back({from, *to}); }
    std::unordered_set<Pfn> moving;
    std::vector<Move> moves{};
  };

  // What the replay does not keep of compound pages: that they are.
  void mark_compounds(Zone<Config>& zone) {
    const PfnRange& range = replay_.emptying->range;
    for (const auto& [pfn, order] : compounds_) {
      if (!range.contains(pfn) || !detail::is_lru_unit(zone.memmap().bits(pfn))) continue;
      zone.memmap().transform(pfn, pfn + order.nr_pages(),
                              [](PageBits bits) { return bits.with(PageBits::lru); });
      zone.memmap().set_bits(pfn,
                             PageBits::allocation(order).with(PageBits::compound | PageBits::lru));
    }
  }

  void predict() {
    const PfnRange range = replay_.emptying->range;
    Node<Config>& node = *before_;
    Zone<Config>& zone = *node.find(replay_.machine.zone_of(range.start).type());
    AsRecorded pages{seen_.moved};
    Candidate record{.range = range};
    const bool is_offline = replay_.emptying->is_offline;
    detail::PageMover<Node<Config>, AsRecorded> mover{
        node,  zone, cpu_, pages, is_offline ? MigrationPurpose::offline : MigrationPurpose::contig,
        record};
    MigrationList list;
    if (is_offline) {
      list = detail::collect_for_offline(mover, range.start, range.end);
    } else {
      std::vector<Blocker> left_out;
      list = detail::collect_for_contig(mover, replay_.emptying->next, range.end, left_out);
    }
    static_cast<void>(detail::migrate_list(mover, list));
    if (!list.empty()) replay_.take("pages that did not move when they should", list.size());
    compare(pages.moves);
  }

  void compare(const std::vector<Move>& predicted) {
    for (std::size_t i = 0; i < std::max(predicted.size(), seen_.moved.size()); ++i) {
      const bool is_right = i < predicted.size() && i < seen_.moved.size() &&
                            i < seen_.copies.size() &&
                            predicted[i] == Move{seen_.moved[i], seen_.copies[i]};
      replay_.result.migrations.count(is_right);
    }
  }

  ReplayContext<Config>& replay_;
  std::unordered_map<Pfn, Order> compounds_;
  // Of the call that is going on.
  std::unique_ptr<Node<Config>> before_;
  Cpu cpu_{};
  struct Seen {
    std::vector<Pfn> copies;
    std::vector<Pfn> moved;
  } seen_;
};

}  // namespace pageblock
