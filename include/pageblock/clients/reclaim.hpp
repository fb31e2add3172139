// SPDX-License-Identifier: MIT
/// A node under memory pressure: its LRU lists, and what reclaim remembers of them.
///
/// kswapd and a task that waits for a page are actors on such a node, each in a header of its own
/// (kswapd.hpp, slow_path.hpp). They step in turn; reclaim_loop.hpp lets them.
///
/// Layer:  clients.
/// Kernel: struct lruvec, zone->pages_scanned, zone->all_unreclaimable, shrink_zone(),
///         zone_reclaimable() (mm/vmscan.c); pgdat->kswapd_failures (v4.12).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/reclaim_rules.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// Pages on one LRU list. The last is scanned first; one that stays goes to the front.
struct LruList {
  std::deque<Pfn> pages{};  ///< From the head, where pages are added.
  /// Whether its pages can be freed; else they are scanned in vain, as anonymous ones without swap.
  bool reclaims = true;
  friend bool operator==(const LruList&, const LruList&) = default;
};

/// What reclaim knows of a zone.
struct ZoneReclaim {
  std::vector<LruList> lists{};  ///< The lists of the zone.
  /// Since a page was last freed to the zone's free lists.
  std::uint64_t pages_scanned = 0;
  /// kswapd has given up on the zone.
  bool all_unreclaimable = false;

  /// Returns the pages on the lists. Kernel: zone_reclaimable_pages().
  [[nodiscard]] std::uint64_t reclaimable_pages() const {
    std::uint64_t pages = 0;
    for (const LruList& list : lists) pages += list.pages.size();
    return pages;
  }
  friend bool operator==(const ZoneReclaim&, const ZoneReclaim&) = default;
};

/// What a pass over LRU lists came to, in pages.
struct Shrunk {
  std::uint64_t scanned = 0;    ///< Pages that were looked at.
  std::uint64_t reclaimed = 0;  ///< Pages that were freed.
};

/// The first priority of reclaim: a pass looks at a list's size >> priority pages.
inline constexpr unsigned def_priority = 12;
/// Who has reclaimed so many pages stops to look whether it was enough.
inline constexpr std::uint64_t swap_cluster_max = 32;

/// Where kswapd is.
struct KswapdState {
  bool is_asleep = true;  ///< Whether kswapd waits to be woken.
  /// Of its next pass.
  unsigned priority = def_priority;
  /// Runs down to the last priority that freed nothing (v4.12); with 16 it stays asleep until
  /// somebody else reclaims a page.
  unsigned failures = 0;
  friend bool operator==(const KswapdState&, const KswapdState&) = default;
};

/// Events since the beginning, named as in /proc/vmstat where it has them.
struct ReclaimCounts {
  std::uint64_t allocstall = 0;       ///< Requests that reclaimed by themselves.
  std::uint64_t drain_all_pages = 0;  ///< Drains of all per-CPU lists.
  std::uint64_t kswapd_wakeups = 0;   ///< How often kswapd was woken.
  std::uint64_t kswapd_passes = 0;    ///< Passes that kswapd made.
  std::uint64_t oom_kill = 0;         ///< Processes that were killed.
  Shrunk direct{};                    ///< What requests reclaimed by themselves.
  Shrunk kswapd{};                    ///< What kswapd reclaimed.
};

/// A node with its LRU lists and its kswapd: a value, as the node is. There are no slab caches, and
/// requests are for single pages.
template <ZoneConfig Config_ = DefaultConfig>
class ReclaimNode {
 public:
  using Config = Config_;

  /// Locking: none of it is locked; actors take turns. Frees and allocations are made on @p cpu.
  explicit ReclaimNode(Node<Config> node, const ReclaimRules& rules = Config::semantics.reclaim,
                       Cpu cpu = Cpu{0})
      : rules_{rules}, cpu_{cpu}, node_{std::move(node)}, zones_(node_.zones().size()) {}

  /// Compares what decides the future: all but the counts of events.
  friend bool operator==(const ReclaimNode& a, const ReclaimNode& b) {
    return a.rules_ == b.rules_ && a.cpu_ == b.cpu_ && a.kswapd == b.kswapd &&
           a.zones_ == b.zones_ && a.node_ == b.node_;
  }

  /// Returns the rules of its kernel.
  [[nodiscard]] const ReclaimRules& rules() const { return rules_; }
  /// Returns the CPU that all of it runs on.
  [[nodiscard]] Cpu cpu() const { return cpu_; }
  /// Returns the node.
  [[nodiscard]] Node<Config>& node() { return node_; }
  /// Returns the node.
  [[nodiscard]] const Node<Config>& node() const { return node_; }

  /// Returns what reclaim knows of one of the node's zones.
  [[nodiscard]] ZoneReclaim& of(const Zone<Config>& zone) { return zones_[index_of_zone(zone)]; }
  /// Returns what reclaim knows of @p zone.
  [[nodiscard]] const ZoneReclaim& of(const Zone<Config>& zone) const {
    return zones_[index_of_zone(zone)];
  }

  /// Puts the pages of @p range, which are in use, on a new LRU list of their zone. Pages that
  /// somebody holds besides are scanned in vain.
  void add_lru_list(const PfnRange& range, bool reclaims = true, Place caller = Place::here()) {
    const ReportedCall call{"ReclaimNode::add_lru_list", caller, range.start};
    Zone<Config>* const zone = node_.zone_of(range.start);
    bug_on(zone == nullptr || range.empty(), "no zone has these pages", call);
    LruList list{{}, reclaims};
    for (Pfn pfn = range.start; pfn < range.end; ++pfn) {
      bug_on(!zone->is_valid(pfn) || !zone->memmap().bits(pfn).has(PageBits::in_use),
             "a page of an LRU list is in use", call);
      set_page_lru(*zone, pfn, true);
      list.pages.push_back(pfn);
    }
    of(*zone).lists.push_back(std::move(list));
  }

  /// Calls @p change. Zones whose free lists have gained pages by it can be reclaimed again: whatever
  /// frees memory beside the actors goes through here.
  /// Kernel: free_one_page(), free_pcppages_bulk() of v3.6, for blocks of any type.
  template <typename Change>
  void notice_frees(Change change) {
    std::vector<std::int64_t> before;
    for (const Zone<Config>& zone : node_.zones()) before.push_back(zone.nr_free_pages());
    change(node_);
    for (std::size_t i = 0; i < zones_.size(); ++i) {
      if (node_.zones()[i].nr_free_pages() <= before[i]) continue;
      zones_[i].pages_scanned = 0;
      zones_[i].all_unreclaimable = false;
    }
  }

  /// Looks at each LRU list's size >> @p priority pages of @p zone, at 32 if that is none and
  /// @p forced, and frees those that can be.
  /// Kernel: shrink_zone(), get_scan_count().
  Shrunk shrink_zone(Zone<Config>& zone, unsigned priority, bool forced) {
    Shrunk sum;
    ZoneReclaim& state = of(zone);
    for (LruList& list : state.lists) {
      std::uint64_t nr = list.pages.size() >> priority;
      if (nr == 0 && forced) nr = std::min<std::uint64_t>(list.pages.size(), swap_cluster_max);
      state.pages_scanned += nr;
      sum.scanned += nr;
      notice_frees([&](Node<Config>&) {
        for (; nr != 0; --nr) {
          const Pfn pfn = list.pages.back();
          list.pages.pop_back();
          if (!zone.memmap().bits(pfn).has(PageBits::lru)) continue;  // its owner has freed it
          if (list.reclaims && zone.memmap().count(pfn) == 1) {
            static_cast<void>(put_page(zone, cpu_, pfn));
            ++sum.reclaimed;
          } else {
            list.pages.push_front(pfn);
          }
        }
      });
    }
    return sum;
  }

  /// Returns whether reclaim of a zone is futile, by the rule of the kernel. Six looks at every page
  /// are enough. Where tasks count, no zone is.
  [[nodiscard]] bool is_unreclaimable(const Zone<Config>& zone) const {
    switch (rules_.futile) {
      case FutileRule::kswapd_decides:
        return of(zone).all_unreclaimable;
      case FutileRule::reader_decides:
        return was_scanned_in_vain(zone);
      default:
        return false;
    }
  }

  /// Returns whether six times the pages of the LRU lists were scanned since one was freed.
  /// Kernel: the opposite of zone_reclaimable().
  [[nodiscard]] bool was_scanned_in_vain(const Zone<Config>& zone) const {
    const ZoneReclaim& state = of(zone);
    return state.pages_scanned >= 6 * state.reclaimable_pages();
  }

  /// Returns whether more than @p mark pages of a zone are free as kswapd sees it.
  /// Kernel: zone_watermark_ok_safe() for one page of the lowest zone's class.
  [[nodiscard]] bool is_safe(const Zone<Config>& zone, std::uint64_t mark) const {
    return rules_.charges_isolated ? zone_watermark_ok_safe(zone, Order{0}, mark, 0, 0)
                                   : zone_watermark_ok(zone, Order{0}, mark, 0, 0);
  }

  KswapdState kswapd{};    ///< What kswapd is about.
  ReclaimCounts counts{};  ///< What was done so far.

 private:
  [[nodiscard]] std::size_t index_of_zone(const Zone<Config>& zone) const {
    const std::span<const Zone<Config>> zones = node_.zones();
    const auto found = std::ranges::find_if(zones, [&](const auto& z) { return &z == &zone; });
    bug_on(found == zones.end(), "the zone is none of the node");
    return static_cast<std::size_t>(found - zones.begin());
  }

  ReclaimRules rules_;
  Cpu cpu_;
  Node<Config> node_;
  std::vector<ZoneReclaim> zones_;
};

}  // namespace pageblock
