// SPDX-License-Identifier: MIT
/// A balloon: pages that a guest lends to its hypervisor, one by one.
///
/// Layer:  clients.
/// Kernel: drivers/virtio/virtio_balloon.c, mm/balloon_compaction.c (v3.8).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/notifier.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/memory_notifier.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/isolation/isolate_notifier.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// How a balloon is set up.
struct BalloonSettings {
  Cpu cpu{};                     ///< The CPU that its worker runs on.
  bool deflates_on_oom = false;  ///< Then its pages stay managed (VIRTIO_BALLOON_F_DEFLATE_ON_OOM).
};

/// The pages of a balloon. In v3.6 they are in the way of everybody; since then the driver moves them, so they
/// are on an LRU list here, and BalloonPages tells who moves them where they went. A value.
///
///     list   newest | ... | oldest    inflated at the newest end, deflated from it
///
class Balloon {
 public:
  /// The most pages of one step. Kernel: VIRTIO_BALLOON_ARRAY_PFNS_MAX.
  static constexpr std::uint64_t step_pages = 256;

  explicit Balloon(const BalloonSettings& settings = {}) : settings_{settings} {}

  /// Returns how many pages it has.
  [[nodiscard]] std::uint64_t nr_pages() const { return index_.size(); }
  /// Returns whether it has the page.
  [[nodiscard]] bool has(Pfn pfn) const { return index_.contains(pfn); }
  /// Returns its pages, the oldest first.
  [[nodiscard]] std::vector<Pfn> pages() const {
    std::vector<Pfn> pages;
    std::ranges::copy_if(list_, std::back_inserter(pages), [](Pfn pfn) { return pfn != gone; });
    return pages;
  }

  /// One step: takes up to 256 pages, no more than @p nr. In v6.1 the page that was allocated last is then the oldest
  /// of the step.
  /// Returns:  how many it got; fewer than wanted: "Out of puff!", the worker sleeps 200 ms and goes on.
  /// Locking:  as alloc_pages().
  template <ZoneConfig Config>
  std::uint64_t inflate(Node<Config>& node, std::uint64_t nr) {
    constexpr bool moves = is_movable<Config>;
    const Gfp gfp{.migratetype = moves ? MigrateType::movable : MigrateType::unmovable,
                  .highest_zone = moves ? ZoneType::movable : ZoneType::normal};
    std::vector<Pfn> step;
    while (step.size() < std::min(nr, step_pages)) {
      const auto page = alloc_pages(node, settings_.cpu, Order{0}, gfp).page;
      if (!page) break;
      step.push_back(page->pfn());
    }
    if constexpr (moves) std::ranges::reverse(step);
    for (const Pfn pfn : step) {
      add(pfn);
      Zone<Config>& zone = *node.zone_of(pfn);
      if constexpr (moves) set_page_lru(zone, pfn, true);
      manage(zone, -1);
    }
    return step.size();
  }

  /// One step: gives back up to 256 pages, no more than @p nr, the newest. In v3.6 the newest is freed first, in
  /// v6.1 last.
  /// Returns:  how many. Locking: as free_pages().
  template <ZoneConfig Config>
  std::uint64_t deflate(Node<Config>& node, std::uint64_t nr) {
    std::vector<Pfn> step;
    while (step.size() < std::min(nr, step_pages) && !list_.empty()) {
      if (list_.back() != gone) {
        step.push_back(list_.back());
        index_.erase(list_.back());
      }
      list_.pop_back();
    }
    if constexpr (is_movable<Config>) std::ranges::reverse(step);
    for (const Pfn pfn : step) {
      Zone<Config>& zone = *node.zone_of(pfn);
      manage(zone, 1);
      put_page(zone, settings_.cpu, pfn);
    }
    return step.size();
  }

  /// Gives back what it has of @p range, the newest first; the newest that stays fills the hole.
  /// Locking: as free_pages().
  template <ZoneConfig Config>
  void release(Node<Config>& node, const PfnRange& range) {
    for (std::size_t i = list_.size(); i-- != 0;) {
      const Pfn pfn = list_[i];
      if (pfn == gone || pfn < range.start || pfn >= range.end) continue;
      index_.erase(pfn);
      list_[i] = list_.back();
      list_.pop_back();
      if (i < list_.size() && list_[i] != gone) index_[list_[i]] = i;
      Zone<Config>& zone = *node.zone_of(pfn);
      manage(zone, 1);
      put_page(zone, settings_.cpu, pfn);
    }
  }

  /// Notes that a page moved: the new one is the newest.
  /// Requires: the balloon has it; the node's zones have both.
  template <ZoneConfig Config>
  void moved(Node<Config>& node, Pfn from, Pfn to) {
    const auto found = index_.find(from);
    bug_on(found == index_.end(), "the balloon does not have the page");
    list_[found->second] = gone;
    index_.erase(found);
    add(to);
    Zone<Config>* const source = node.zone_of(from);
    Zone<Config>* const target = node.zone_of(to);
    if (source == target) return;
    manage(*source, 1);
    manage(*target, -1);
  }

 private:
  static constexpr Pfn gone{~std::uint64_t{0}};
  // Whether the driver moves its pages (v3.8).
  template <ZoneConfig Config>
  static constexpr bool is_movable = Config::semantics.offline_leaves == OfflineLeaves::holes;

  void add(Pfn pfn) {
    index_.emplace(pfn, list_.size());
    list_.push_back(pfn);
  }
  template <ZoneConfig Config>
  void manage(Zone<Config>& zone, std::int64_t change) const {
    if (!settings_.deflates_on_oom) zone.mod_managed_pages(change);
  }

  BalloonSettings settings_;
  std::vector<Pfn> list_{};  // the oldest first; gone where a page has moved away
  std::unordered_map<Pfn, std::size_t> index_{};
};

/// The loan of pages that v3.6's isolate notifier was made for: it counts its pages to each isolation that asks, and
/// frees them when memory goes offline. Give the callbacks to register_memory_isolate_notifier() and to
/// HotplugOptions::notifiers. The pages that list the loan are not modelled.
/// Kernel: cmm (arch/powerpc/platforms/pseries/cmm.c).
template <ZoneConfig Config>
class LoanedPages {
 public:
  /// Refers to both.
  LoanedPages(Node<Config>& node, Balloon& balloon) : node_{node}, balloon_{balloon} {}

  /// Says how many of the pages asked for are on loan. Called under zone->lock.
  static int count(void* self, MemoryIsolateNotify& arg) {
    const auto& loan = *static_cast<LoanedPages*>(self);
    for (std::uint64_t i = 0; i < arg.nr_pages; ++i) {
      arg.pages_found += loan.balloon_.has(arg.start_pfn + i) ? 1U : 0U;
    }
    return notify::okay;
  }
  /// Frees the pages that are about to go offline, which are isolated by then.
  static int memory(void* self, MemoryNotify& arg) {
    auto& loan = *static_cast<LoanedPages*>(self);
    if (arg.event == MemoryEvent::going_offline) {
      loan.balloon_.release(loan.node_, {arg.start_pfn, arg.start_pfn + arg.nr_pages});
    }
    return notify::okay;
  }

 private:
  Node<Config>& node_;
  Balloon& balloon_;
};

/// Pages of which some are a balloon's: the driver moves these, and the others are as @p Pages knows them.
template <ZoneConfig Config, PageMovability Pages = AllMove>
class BalloonPages {
 public:
  /// Refers to all three.
  BalloonPages(Node<Config>& node, Balloon& balloon, Pages& others)
      : node_{node}, balloon_{balloon}, others_{others} {}

  /// Returns what a page holds.
  [[nodiscard]] InUseKind kind(Pfn pfn) const {
    return balloon_.has(pfn) ? InUseKind::driver : others_.kind(pfn);
  }
  /// Returns what is in the way of moving it.
  [[nodiscard]] Hindrance hindrance(Pfn pfn, MoveStep step) {
    return balloon_.has(pfn) ? Hindrance::none : others_.hindrance(pfn, step);
  }
  /// Tells who has the page.
  void moved(Pfn from, OptionalPfn to, Order order) {
    if (!balloon_.has(from)) return others_.moved(from, to, order);
    if (to) balloon_.moved(node_, from, *to);
  }

 private:
  Node<Config>& node_;
  Balloon& balloon_;
  Pages& others_;
};

}  // namespace pageblock
