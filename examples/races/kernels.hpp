// SPDX-License-Identifier: MIT
/// The rules of kernels under which races live: those of a modelled kernel, but for what the race is about.
/// They are no whole kernels.
#pragma once

#include "pageblock/base/kernels.hpp"

namespace races {

using pageblock::BorderWalk;
using pageblock::DrainType;
using pageblock::MigrateType;
using pageblock::ScanRule;
using pageblock::Semantics;

/// Returns @p semantics with other rules.
[[nodiscard]] constexpr Semantics with(Semantics semantics, auto change) {
  change(semantics);
  return semantics;
}

/// v2.6.24 to v2.6.26: five migratetypes, one per-CPU list whatever the type, and pages looked at without
/// zone->lock.
inline constexpr Semantics v2_6_26 = with(pageblock::kernel::v3_6, [](Semantics& s) {
  s.migratetypes = {{MigrateType::unmovable, MigrateType::reclaimable, MigrateType::movable,
                     MigrateType::reserve, MigrateType::isolate},
                    5};
  s.fallbacks[pageblock::index_of(MigrateType::movable)] = {
      {MigrateType::reclaimable, MigrateType::unmovable}, 2};
  s.drain_type = DrainType::mark_of_list;
  s.races.scan = ScanRule::mark_then_order;
  s.races.isolated_pass_pcp = false;
});
/// The same, where the two loads of the test are the other way round.
inline constexpr Semantics v2_6_26_reordered =
    with(v2_6_26, [](Semantics& s) { s.races.scan = ScanRule::order_then_mark; });
/// v2.6.27 to v2.6.31: the test takes zone->lock.
inline constexpr Semantics v2_6_27 =
    with(v2_6_26, [](Semantics& s) { s.races.scan = ScanRule::locked; });
/// v2.6.32: a page that is freed into an isolated block passes the per-CPU lists by.
inline constexpr Semantics v2_6_32 =
    with(v2_6_27, [](Semantics& s) { s.races.isolated_pass_pcp = true; });

/// v3.6, if a drained page went to the list of its block's present type.
inline constexpr Semantics v3_6_drained =
    with(pageblock::kernel::v3_6, [](Semantics& s) { s.drain_type = DrainType::mark_of_list; });
/// v3.7 to v3.17: isolated pages are not counted as free.
inline constexpr Semantics v3_7 = with(pageblock::kernel::v3_6, [](Semantics& s) {
  s.counts_isolated = false;
  s.races.drain_counts_by_block = true;
});
/// v3.18: types are read again under zone->lock while some block is isolated.
inline constexpr Semantics v3_18 = with(pageblock::kernel::v3_6, [](Semantics& s) {
  s.counts_isolated = false;
  s.drain_type = DrainType::mark_of_list;
});
/// v4.4 to v4.9: giving back a reserved block is counted whatever it is.
inline constexpr Semantics v4_9 =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.unreserve_asks_type = false; });

/// v6.1 with the proposed fix: isolating a range that fails gives back what it did, and nobody else does.
inline constexpr Semantics v6_1_fixed =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.failed_start_undoes = false; });
/// v5.19, which looks for what reaches across a border without the lock; and its release candidates, which
/// could wait there for ever.
inline constexpr Semantics v5_19 =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.border = BorderWalk::looks_again; });
inline constexpr Semantics v5_19_rc =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.border = BorderWalk::waits; });

/// v6.1, if zone_pcp_disable() drained before it wrote the limits.
inline constexpr Semantics v6_1_drains_first =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.disable_then_drain = false; });
/// v6.1, if zone_pcp_disable() left CPUs alone whose count looks 0.
inline constexpr Semantics v6_1_skips_empty =
    with(pageblock::kernel::v6_1, [](Semantics& s) { s.races.disable_drains_all = false; });

}  // namespace races
