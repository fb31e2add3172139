// SPDX-License-Identifier: MIT
/// Finding the pages that have to leave a range.
///
/// Layer:  clients.
/// Kernel: isolate_migratepages_range() (mm/compaction.c), scan_movable_pages() and
///         do_migrate_range() (mm/memory_hotplug.c).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/migrate.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::detail {

// A page in use on an LRU list: what can be collected at all.
[[nodiscard]] constexpr bool is_lru_unit(PageBits bits) {
  constexpr unsigned both = PageBits::in_use | PageBits::lru;
  return (bits.raw() & both) == both;
}

// The first unit of [pfn, end).
template <ZoneConfig Config>
[[nodiscard]] Pfn find_lru_unit(const Zone<Config>& zone, Pfn pfn, Pfn end) {
  pfn = std::max(pfn, zone.start_pfn());
  end = std::min(end, zone.end_pfn());
  return pfn < end ? zone.memmap().find_if(pfn, end, is_lru_unit) : end;
}

template <typename Mover>
[[nodiscard]] MigrationUnit unit_at(const Mover& mover, Pfn pfn) {
  return {pfn, unit_order(mover.zone().memmap().bits(pfn))};
}

// What a look for pages of a contiguous range sees of one that will not leave: put on the record by
// whoever fails in the end.
template <typename Mover>
[[nodiscard]] Hindrance hindrance_to_collecting(Mover& mover, Pfn pfn) {
  const InUseKind kind = mover.pages().kind(pfn);
  if (!Mover::rules.contig_moves_mlocked && kind == InUseKind::mlocked) return Hindrance::refuses;
  const Hindrance hindrance = mover.pages().hindrance(pfn, MoveStep::collect);
  if (hindrance == Hindrance::off_lru) return hindrance;
  const bool is_anon =
      kind == InUseKind::anon || kind == InUseKind::ksm || kind == InUseKind::mlocked;
  const bool is_pinned = hindrance == Hindrance::pinned && is_anon;
  return Mover::rules.contig_skips_pinned && is_pinned ? hindrance : Hindrance::none;
}

// Puts the highest first, but for huge pages: they are added at a list's other end.
template <typename Mover>
void reverse_but_huge(Mover& mover, MigrationList& list) {
  const auto is_huge = [&](const MigrationUnit& unit) {
    return unit.order != Order{0} && mover.pages().kind(unit.pfn) == InUseKind::hugetlb;
  };
  MigrationList huge;
  std::copy_if(list.begin(), list.end(), std::back_inserter(huge), is_huge);
  std::erase_if(list, is_huge);
  std::reverse(list.begin(), list.end());
  list.insert(list.end(), huge.begin(), huge.end());
}

// The next pages of a contiguous range: 32 or, with a large one, more. The list begins with the highest.
// Moves next behind the last that was looked at.
template <typename Mover>
MigrationList collect_for_contig(Mover& mover, Pfn& next, Pfn end, std::vector<Blocker>& left_out) {
  using Config = typename Mover::Config;
  constexpr std::uint64_t most = 32;  // COMPACT_CLUSTER_MAX
  const Zone<Config>& zone = mover.zone();
  const auto is_page = [&](Pfn pfn) {
    return zone.spans(pfn) && zone.memmap().bits(pfn).is_page();
  };
  MigrationList list;
  std::uint64_t nr_pages = 0;
  while (next < end && nr_pages < most) {
    Pfn stop = end;
    if constexpr (Mover::rules.contig_looks_by_block) {
      // A pageblock is looked at if it begins and ends with pages of the zone.
      stop = std::min(
          next.align_down(Zone<Config>::pageblock_order) + Zone<Config>::pageblock_nr_pages, end);
      if (!is_page(next) || !is_page(stop - 1)) {
        next = stop;
        continue;
      }
    }
    const Pfn pfn = find_lru_unit(zone, next, stop);
    if (pfn >= stop || pfn < next) {
      next = stop;
      continue;
    }
    const MigrationUnit unit = unit_at(mover, pfn);
    next = pfn + unit.order.nr_pages();
    const Hindrance hindrance = hindrance_to_collecting(mover, pfn);
    if (hindrance != Hindrance::none) {
      left_out.push_back({pfn, reason_for(hindrance)});
      continue;
    }
    list.push_back(unit);
    nr_pages += unit.order.nr_pages();
  }
  reverse_but_huge(mover, list);
  return list;
}

// What stands at the first page from pfn on that offlining would move, if there is one.
struct OfflineScan {
  Pfn pfn;
  enum class Found : std::uint8_t { nothing, movable, unmovable } found;
};

// Kernel: scan_movable_pages(); scan_lru_pages() of v3.6.
template <typename Mover>
[[nodiscard]] OfflineScan scan_movable_pages(Mover& mover, Pfn pfn, Pfn end,
                                             std::vector<Blocker>& unseen) {
  using enum OfflineScan::Found;
  constexpr bool sees_offline = Mover::Config::semantics.offline_leaves == OfflineLeaves::holes;
  const auto is_found = [](PageBits bits) {
    constexpr unsigned held = PageBits::in_use | PageBits::offline;
    return (Mover::migrates && is_lru_unit(bits)) || (sees_offline && (bits.raw() & held) == held);
  };
  const auto& map = mover.zone().memmap();
  for (; (pfn = map.find_if(pfn, end, is_found)) < end; ++pfn) {
    if (!is_lru_unit(map.bits(pfn))) return {pfn, unmovable};
    if (mover.pages().hindrance(pfn, MoveStep::collect) != Hindrance::off_lru)
      return {pfn, movable};
    unseen.push_back({pfn, Reason::off_lru});
  }
  return {end, nothing};
}

// All pages from pfn on. Kernel: do_migrate_range() of v6.1.
template <typename Mover>
[[nodiscard]] MigrationList collect_for_offline(Mover& mover, Pfn pfn, Pfn end) {
  MigrationList list;
  bool is_seen = true;  // the scan has asked the first
  for (; (pfn = find_lru_unit(mover.zone(), pfn, end)) < end; is_seen = false) {
    const MigrationUnit unit = unit_at(mover, pfn);
    is_seen = is_seen || mover.pages().hindrance(pfn, MoveStep::collect) != Hindrance::off_lru;
    if (is_seen) list.push_back(unit);
    pfn += unit.order.nr_pages();
  }
  if constexpr (Mover::rules.offline_descends) reverse_but_huge(mover, list);
  return list;
}

// The next 256, up to a page in use that is on no LRU list: if there is one, nothing is collected at all.
// Kernel: do_migrate_range() of v3.6.
template <typename Mover>
[[nodiscard]] std::optional<MigrationList> collect_until_kernel_page(
    Mover& mover, Pfn pfn, Pfn end, std::vector<Blocker>& blockers) {
  constexpr std::size_t most = 256;  // NR_OFFLINE_AT_ONCE_PAGES
  const auto& map = mover.zone().memmap();
  const auto is_used = [](PageBits bits) { return bits.has(PageBits::in_use); };
  MigrationList list;
  bool is_seen = true;  // the scan has asked the first
  for (; (pfn = map.find_if(pfn, end, is_used)) < end && list.size() < most;
       ++pfn, is_seen = false) {
    const bool is_lru = is_lru_unit(map.bits(pfn));
    is_seen = is_seen ||
              (is_lru && mover.pages().hindrance(pfn, MoveStep::collect) != Hindrance::off_lru);
    if (!is_lru || !is_seen) {
      blockers.push_back({pfn, is_lru ? Reason::off_lru : Reason::not_lru});
      return std::nullopt;
    }
    list.push_back(unit_at(mover, pfn));
  }
  return list;
}

}  // namespace pageblock::detail
