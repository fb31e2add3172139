// SPDX-License-Identifier: MIT
/// kswapd: the thread that reclaims while a node's zones are short of memory, step by step.
///
/// A step is a pass over the zones at one priority. When it has nothing to do, it goes to sleep in
/// the same step: the tenth of a second that it naps first passes without a wake-up.
///
/// Layer:  clients.
/// Kernel: kswapd(), balance_pgdat(), prepare_kswapd_sleep() (v3.5: sleeping_prematurely()),
///         wakeup_kswapd() (mm/vmscan.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "pageblock/base/config.hpp"
#include "pageblock/clients/reclaim.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What a pass of kswapd came to.
struct KswapdPass {
  unsigned priority = def_priority;  ///< Of the pass: at 0 all pages are looked at.
  Shrunk shrunk{};                   ///< What it came to.
  /// It gave up on a zone that others now need not try.
  bool gave_up = false;
  bool fell_asleep = false;  ///< Whether kswapd sleeps afterwards.
};

namespace detail {

// The runs without a page after which kswapd stays asleep. Kernel: MAX_RECLAIM_RETRIES.
inline constexpr unsigned max_reclaim_retries = 16;

// kswapd reclaims a zone a little beyond its high watermark: a hundredth of it, at most its low
// watermark. Kernel: KSWAPD_ZONE_BALANCE_GAP_RATIO.
template <ZoneConfig Config>
[[nodiscard]] std::uint64_t balance_gap(const Zone<Config>& zone) {
  return std::min(low_wmark_pages(zone), (zone.present_pages() + 99) / 100);
}

// Whether kswapd may sleep, by zones. Kernel: prepare_kswapd_sleep() of v3.6.
template <ZoneConfig Config>
[[nodiscard]] bool may_sleep(const ReclaimNode<Config>& node) {
  return std::ranges::all_of(node.node().zones(), [&](const Zone<Config>& zone) {
    return zone.present_pages() == 0 || node.is_unreclaimable(zone) ||
           node.is_safe(zone, high_wmark_pages(zone));
  });
}

// One zone above its high watermark is enough. Kernel: pgdat_balanced() (v4.7).
template <ZoneConfig Config>
[[nodiscard]] bool is_node_balanced(const ReclaimNode<Config>& node) {
  return std::ranges::any_of(node.node().zones(), [&](const Zone<Config>& zone) {
    return zone.present_pages() != 0 && node.is_safe(zone, high_wmark_pages(zone));
  });
}

// Reclaims the zones that need it, each by itself. Kernel: the loop of balance_pgdat() of v3.6.
template <ZoneConfig Config>
void balance_zones(ReclaimNode<Config>& node, KswapdPass& pass) {
  const unsigned priority = pass.priority;
  const auto is_skipped = [&](const Zone<Config>& zone) {
    return zone.present_pages() == 0 || (node.is_unreclaimable(zone) && priority < def_priority);
  };
  // The highest zone that is short of memory, and all below it.
  const std::span<Zone<Config>> all = node.node().zones();
  const auto end_zone = std::ranges::find_if(all, [&](const Zone<Config>& zone) {
    return !is_skipped(zone) && !node.is_safe(zone, high_wmark_pages(zone));
  });
  bool is_bad = false;
  const auto first = static_cast<std::size_t>(end_zone - all.begin());
  for (std::size_t i = all.size(); i-- > first;) {  // the lowest first
    Zone<Config>& zone = all[i];
    if (is_skipped(zone)) continue;
    const std::uint64_t high = high_wmark_pages(zone);
    if (!node.is_safe(zone, high + balance_gap(zone))) {
      const bool is_forced = node.is_unreclaimable(zone);
      const Shrunk shrunk = node.shrink_zone(zone, priority, is_forced);
      pass.shrunk.scanned += shrunk.scanned;
      pass.shrunk.reclaimed += shrunk.reclaimed;
      if (node.was_scanned_in_vain(zone)) {
        pass.gave_up = !node.of(zone).all_unreclaimable;
        node.of(zone).all_unreclaimable = true;
      }
    }
    if (!node.is_unreclaimable(zone) && !node.is_safe(zone, high)) is_bad = true;
  }
  node.kswapd.priority = def_priority;
  if (!is_bad) {
    pass.fell_asleep = may_sleep(node);
  } else if (pass.shrunk.reclaimed < swap_cluster_max && priority > 0) {
    node.kswapd.priority = priority - 1;
  }
}

// Reclaims the node as one until a zone is balanced, down to priority 1; too many runs in vain
// end it. (The kernel also counts what was scanned before it lowers the priority.)
// Kernel: balance_pgdat() (v4.7; kswapd_failures v4.12).
template <ZoneConfig Config>
void balance_node(ReclaimNode<Config>& node, KswapdPass& pass) {
  KswapdState& kswapd = node.kswapd;
  if (!is_node_balanced(node)) {
    for (Zone<Config>& zone : node.node().zones()) {
      const Shrunk shrunk = node.shrink_zone(zone, pass.priority, false);
      pass.shrunk.scanned += shrunk.scanned;
      pass.shrunk.reclaimed += shrunk.reclaimed;
    }
    if (pass.shrunk.reclaimed != 0) {
      kswapd.failures = 0;
    } else if (pass.priority > 1) {
      kswapd.priority = pass.priority - 1;
    } else {
      kswapd.priority = def_priority;
      pass.gave_up = ++kswapd.failures >= max_reclaim_retries;
    }
    if (!pass.gave_up && !is_node_balanced(node)) return;
  }
  pass.fell_asleep = true;
  kswapd.priority = def_priority;
}

}  // namespace detail

/// Wakes kswapd if it sleeps and a zone of the request's is short of memory: below its low watermark
/// as kswapd sees it, which in v3.6 charges isolated blocks. Returns whether it woke.
/// Kernel: wakeup_kswapd() for each zone of the zonelist.
template <ZoneConfig Config>
bool wake_all_kswapds(ReclaimNode<Config>& node, ZoneType highest) {
  if (!node.kswapd.is_asleep) return false;
  bool wakes = false;
  if (node.rules().futile == FutileRule::task_counts) {
    wakes = node.kswapd.failures < detail::max_reclaim_retries && !detail::is_node_balanced(node);
  } else {
    const Node<Config>& zones = node.node();
    wakes = std::ranges::any_of(zones.zonelist(highest), [&](const Zone<Config>& zone) {
      return zone.present_pages() != 0 && !node.is_safe(zone, low_wmark_pages(zone));
    });
  }
  if (!wakes) return false;
  ++node.counts.kswapd_wakeups;
  node.kswapd.is_asleep = false;
  node.kswapd.priority = def_priority;
  return true;
}

/// Lets kswapd make a pass, and sleep if there is no more to do. Returns what came of it; nothing if
/// it sleeps.
template <ZoneConfig Config>
std::optional<KswapdPass> step_kswapd(ReclaimNode<Config>& node) {
  if (node.kswapd.is_asleep) return std::nullopt;
  KswapdPass pass{.priority = node.kswapd.priority};
  if (node.rules().futile == FutileRule::task_counts) {
    detail::balance_node(node, pass);
  } else {
    detail::balance_zones(node, pass);
  }
  node.kswapd.is_asleep = pass.fell_asleep;
  ++node.counts.kswapd_passes;
  node.counts.kswapd.scanned += pass.shrunk.scanned;
  node.counts.kswapd.reclaimed += pass.shrunk.reclaimed;
  return pass;
}

}  // namespace pageblock
