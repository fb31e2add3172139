// SPDX-License-Identifier: MIT
/// A guest's memory, filled and aged by simulated work.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pageblock/clients/movability.hpp"
#include "pageblock/lab/churn.hpp"
#include "pageblock/lab/counter_random.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_watermarks.hpp"

#include "unplug/guest.hpp"

namespace example {

/// What pages in use are, wherever they move.
class GuestPages : public pageblock::AllMove {
 public:
  enum class Kind : std::uint8_t { anon, cache, pinned };

  explicit GuestPages(std::uint64_t nr_pages) : kinds_(nr_pages) {}

  void set(pageblock::Pfn pfn, Kind kind) { kinds_[pfn.value()] = kind; }
  [[nodiscard]] Kind get(pageblock::Pfn pfn) const { return kinds_[pfn.value()]; }

  [[nodiscard]] pageblock::InUseKind kind(pageblock::Pfn pfn) const {
    return get(pfn) == Kind::cache ? pageblock::InUseKind::file_clean : pageblock::InUseKind::anon;
  }
  [[nodiscard]] pageblock::Hindrance hindrance(pageblock::Pfn pfn, pageblock::MoveStep) const {
    return get(pfn) == Kind::pinned ? pageblock::Hindrance::pinned : pageblock::Hindrance::none;
  }
  void moved(pageblock::Pfn from, pageblock::OptionalPfn to, pageblock::Order order) {
    for (std::uint64_t i = 0; to && i < order.nr_pages(); ++i) set(*to + i, get(from + i));
  }

 private:
  std::vector<Kind> kinds_;
};

/// Memory of a guest and what its pages are. A value: each mechanism has a copy.
template <typename Config>
struct AgedGuest {
  pageblock::Node<Config> node;
  GuestPages pages;
  std::uint64_t refused = 0;
};

// The kernel's memory goes slowly, and some of it never; page cache goes oldest first, and where memory is short;
// programs exit.
[[nodiscard]] inline pageblock::Workload guest_workload(const GuestSettings& guest) {
  using namespace pageblock;
  const Gfp user = gfp_highuser_movable;
  const auto share = [](std::uint64_t percent) { return static_cast<std::uint32_t>(percent); };
  const auto turnover = [](std::uint64_t percent, std::uint32_t speed) {
    return static_cast<std::uint32_t>(percent) * speed;
  };
  Workload workload{"guest",
                    "a guest",
                    "turnovers are guesses after the library's recorded workloads",
                    {{.name = "kernel",
                      .gfp = gfp_kernel,
                      .orders = detail::kernel_orders(),
                      .share = share(guest.kernel),
                      .turnover = turnover(guest.kernel, 3),
                      .death = Death::random},
                     {.name = "cache",
                      .gfp = user,
                      .share = share(guest.cache),
                      .turnover = turnover(guest.cache, 10),
                      .death = Death::oldest,
                      .is_reclaimable = true},
                     {.name = "program",
                      .gfp = user,
                      .share = share(100 - guest.kernel - guest.cache),
                      .turnover = turnover(100 - guest.kernel - guest.cache, 10),
                      .death = Death::together,
                      .process_chunks = 4096}},
                    {}};
  const auto level = static_cast<std::uint32_t>(1000 * guest.utilisation / guest.peak);
  const std::uint64_t ageing = std::max<std::uint64_t>(guest.memory * guest.age / 100, 1);
  workload.phases = {{2 * guest.memory, {}}, {ageing + guest.memory, {level, level, level}}};
  return workload;
}

/// Fills the memory to the guest's peak, lets its use fall, and ages it.
template <typename Config>
[[nodiscard]] AgedGuest<Config> age_guest(pageblock::Node<Config> node,
                                          const GuestSettings& settings) {
  using namespace pageblock;
  AgedGuest<Config> guest{std::move(node), GuestPages{settings.memory}};
  Churn churn{guest.node, guest_workload(settings), RandomKey{.seed = settings.seed},
              ChurnOptions{.occupancy = static_cast<std::uint32_t>(10 * settings.peak)}};
  const std::uint64_t fall = settings.memory * (settings.peak - settings.utilisation) / 100;
  churn.run(2 * settings.memory + fall + settings.memory * settings.age / 100);
  churn.mark_movable();
  guest.refused = churn.nr_refused();
  CounterRandom random{RandomKey{.seed = settings.seed}, 1};
  churn.for_each_chunk([&](const auto& chunk, const Stream& stream) {
    if (stream.gfp.migratetype != MigrateType::movable) return;
    const bool may_be_pinned =
        !settings.long_term || zone_of(guest.node, chunk.pfn).type() != ZoneType::movable;
    const bool is_pinned = random.chance(settings.pinned) && may_be_pinned;
    const auto kind = is_pinned               ? GuestPages::Kind::pinned
                      : stream.is_reclaimable ? GuestPages::Kind::cache
                                              : GuestPages::Kind::anon;
    for (std::uint64_t i = 0; i < chunk.order.nr_pages(); ++i) guest.pages.set(chunk.pfn + i, kind);
  });
  for (Zone<Config>& zone : guest.node.zones()) drain_all_pages(zone);
  return guest;
}

}  // namespace example
