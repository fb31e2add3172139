// SPDX-License-Identifier: MIT
/// A task that needs a page and finds none: what it does, step by step, until it has one.
///
/// Layer:  clients.
/// Kernel: __alloc_pages_slowpath(), __alloc_pages_direct_reclaim(), __alloc_pages_may_oom()
///         (mm/page_alloc.c), do_try_to_free_pages() (mm/vmscan.c), should_reclaim_retry() (v4.7).
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/kswapd.hpp"
#include "pageblock/clients/reclaim.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Where a task is: what its next step does.
enum class TaskPlace : std::uint8_t {
  fast,       ///< Asks down to the low watermark.
  restart,    ///< Wakes kswapd, if a zone is short of memory as kswapd sees it.
  rebalance,  ///< Asks down to the lowest watermark.
  reclaim,    ///< Reclaims by itself.
  after,      ///< Asks again, and once more after it has drained the per-CPU lists.
  oom,        ///< Asks at the high watermark; else somebody is killed.
  served,     ///< It has its page.
  failed,     ///< It went without.
};

/// Returns the name of a place.
[[nodiscard]] constexpr std::string_view to_string(TaskPlace place) {
  constexpr std::array<std::string_view, 8> names{"fast",  "restart", "rebalance", "reclaim",
                                                  "after", "oom",     "served",    "failed"};
  return names[static_cast<std::size_t>(place)];
}

/// A request for one page that may wait.
struct WaitingRequest {
  Gfp gfp{};  ///< The request's flags.
  /// __GFP_NORETRY: one round, and no OOM killer.
  bool no_retry = false;
  /// __GFP_FS: the OOM killer may be asked; else it retries for ever.
  bool fs = true;
  friend bool operator==(const WaitingRequest&, const WaitingRequest&) = default;
};

/// A task on its way to a page.
struct SlowPathTask {
  WaitingRequest request{};           ///< What it waits for.
  TaskPlace place = TaskPlace::fast;  ///< Where in the slow path it is.
  /// Rounds without a page reclaimed (v4.7).
  unsigned no_progress_loops = 0;
  /// Its page, when it has one.
  OptionalPfn page{};
  friend bool operator==(const SlowPathTask&, const SlowPathTask&) = default;

  /// Returns whether it has got its page, or given up.
  [[nodiscard]] bool is_done() const {
    return place == TaskPlace::served || place == TaskPlace::failed;
  }
};

/// What a step of a task came to.
struct TaskStep {
  /// What it did.
  TaskPlace place = TaskPlace::fast;
  /// Where it goes next.
  TaskPlace next = TaskPlace::fast;
  bool woke_kswapd = false;  ///< Whether it woke kswapd.
  bool drained = false;      ///< Whether it drained the per-CPU lists.
  bool killed = false;       ///< Whether it called the OOM killer.
  Shrunk shrunk{};           ///< What it reclaimed.
  /// What reclaim reports to the allocator; 1 although nothing was reclaimed means "try again".
  std::uint64_t progress = 0;
};

/// The OOM killer: frees memory of somebody, and returns whether it found a victim.
template <typename F, typename Config>
concept OomKiller = requires(F& kill, Node<Config>& node) {
  { kill(node) } -> std::convertible_to<bool>;
};

namespace detail {

// A round of direct reclaim, from the first priority down. Kernel: do_try_to_free_pages().
template <ZoneConfig Config>
void reclaim_directly(ReclaimNode<Config>& node, ZoneType highest, TaskStep& step) {
  const auto zones = node.node().zonelist(highest);
  for (unsigned priority = def_priority + 1; priority-- > 0;) {
    for (Zone<Config>& zone : zones) {
      if (node.is_unreclaimable(zone) && priority < def_priority) continue;
      const Shrunk shrunk = node.shrink_zone(zone, priority, false);
      step.shrunk.scanned += shrunk.scanned;
      step.shrunk.reclaimed += shrunk.reclaimed;
    }
    if (step.shrunk.reclaimed >= swap_cluster_max) break;
  }
  step.progress = step.shrunk.reclaimed;
  const bool is_task_judge = node.rules().futile == FutileRule::task_counts;
  if (step.progress != 0) {
    if (is_task_judge) node.kswapd.failures = 0;
  } else if (!is_task_judge) {
    // A zone that nobody has given up on is taken for progress.
    const bool is_hopeless = std::ranges::all_of(zones, [&](const Zone<Config>& zone) {
      return zone.present_pages() == 0 || node.is_unreclaimable(zone);
    });
    step.progress = is_hopeless ? 0 : 1;
  }
}

// Whether the task goes another round, where it counts them. Kernel: should_reclaim_retry().
template <ZoneConfig Config>
[[nodiscard]] bool should_reclaim_retry(ReclaimNode<Config>& node, SlowPathTask& task,
                                        std::uint64_t progress) {
  task.no_progress_loops = progress != 0 ? 0 : task.no_progress_loops + 1;
  const Gfp& gfp = task.request.gfp;
  if (task.no_progress_loops > max_reclaim_retries) {
    if constexpr (Config::semantics.has(MigrateType::highatomic)) {
      return unreserve_highatomic_pageblock(node.node(), gfp, true);
    } else {
      return false;
    }
  }
  const unsigned flags = gfp_to_alloc_flags<Config>(gfp, Order{0});
  const Node<Config>& zones = node.node();
  return std::ranges::any_of(zones.zonelist(gfp.highest_zone), [&](const Zone<Config>& zone) {
    const auto available =
        zone.nr_free_pages() + static_cast<std::int64_t>(node.of(zone).reclaimable_pages());
    return zone.present_pages() != 0 &&
           exceeds_mark(zone, Order{0}, min_wmark_pages(zone),
                        static_cast<std::size_t>(gfp.highest_zone), flags, available);
  });
}

// Where a task goes after a round in which reclaim reported this.
template <ZoneConfig Config>
[[nodiscard]] TaskPlace after_round(ReclaimNode<Config>& node, SlowPathTask& task,
                                    std::uint64_t progress) {
  const WaitingRequest& request = task.request;
  if (node.rules().futile == FutileRule::task_counts) {
    if (request.no_retry) return TaskPlace::failed;
    if (should_reclaim_retry(node, task, progress)) return TaskPlace::restart;
    return request.fs ? TaskPlace::oom : TaskPlace::restart;
  }
  if (progress == 0 && request.fs && !request.no_retry) return TaskPlace::oom;
  // Retries do not wake kswapd again.
  return request.no_retry ? TaskPlace::failed : TaskPlace::rebalance;
}

}  // namespace detail

/// Lets a task make its next step. @p kill is the OOM killer; a task for which it finds no victim
/// fails. (A kernel panics then.)
/// Requires: the task is not done; as get_page_from_freelist() for its gfp.
template <ZoneConfig Config, OomKiller<Config> Kill>
TaskStep step_task(ReclaimNode<Config>& node, SlowPathTask& task, Kill&& kill,
                   Place caller = Place::here()) {
  bug_on(task.is_done(), "the task is done", ReportedCall{"step_task", caller});
  const Gfp& gfp = task.request.gfp;
  const unsigned flags = gfp_to_alloc_flags<Config>(gfp, Order{0});
  const auto asks_at = [&](unsigned mark) {
    const auto got = get_page_from_freelist(node.node(), node.cpu(), Order{0}, gfp,
                                            (flags & ~alloc_flags::wmark_mask) | mark, caller);
    if (got.page) task.page = got.page->pfn();
    return got.page.has_value();
  };
  TaskStep step{.place = task.place};
  switch (task.place) {
    case TaskPlace::fast:
      step.next = asks_at(alloc_flags::wmark_low) ? TaskPlace::served : TaskPlace::restart;
      break;
    case TaskPlace::restart:
      step.woke_kswapd = gfp.kswapd_reclaim && wake_all_kswapds(node, gfp.highest_zone);
      step.next = TaskPlace::rebalance;
      break;
    case TaskPlace::rebalance:
      step.next = asks_at(alloc_flags::wmark_min) ? TaskPlace::served
                  : gfp.direct_reclaim            ? TaskPlace::reclaim
                                                  : TaskPlace::failed;
      break;
    case TaskPlace::reclaim:
      ++node.counts.allocstall;
      detail::reclaim_directly(node, gfp.highest_zone, step);
      node.counts.direct.scanned += step.shrunk.scanned;
      node.counts.direct.reclaimed += step.shrunk.reclaimed;
      step.next =
          step.progress != 0 ? TaskPlace::after : detail::after_round(node, task, step.progress);
      break;
    case TaskPlace::after:
      step.next = TaskPlace::served;
      if (asks_at(alloc_flags::wmark_min)) break;
      step.drained = true;
      ++node.counts.drain_all_pages;
      node.notice_frees([](Node<Config>& zones) {
        for (Zone<Config>& zone : zones.zones()) drain_all_pages(zone);
      });
      if (!asks_at(alloc_flags::wmark_min)) step.next = detail::after_round(node, task, 1);
      break;
    default:  // oom
      step.next = TaskPlace::served;
      if (asks_at(alloc_flags::wmark_high)) break;
      node.notice_frees([&](Node<Config>& zones) { step.killed = kill(zones); });
      if (step.killed) ++node.counts.oom_kill;
      task.no_progress_loops = 0;
      step.next = step.killed ? TaskPlace::restart : TaskPlace::failed;
  }
  task.place = step.next;
  return step;
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::TaskPlace> : pageblock::detail::ToStringFormatter {};
