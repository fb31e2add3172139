// SPDX-License-Identifier: MIT
/// Requests to a node: which zone serves them.
///
/// Layer:  mm.
/// Kernel: __alloc_pages(), get_page_from_freelist(), zone_watermark_fast(),
///         alloc_flags_nofragment(), the beginning of __alloc_pages_slowpath() (mm/page_alloc.c).
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/format.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/tracepoint.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/page.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"
#include "pageblock/mm/zone_layout.hpp"

namespace pageblock {

/// What became of a zone when a node was asked for pages.
enum class ZoneAnswer : std::uint8_t {
  not_asked,  ///< It is above the highest zone of the request, or another has served.
  no_memory,  ///< The node has no such zone, or it has no pages.
  watermark,  ///< Too little would stay free.
  no_chunk,   ///< Enough is free, but nothing of that order that the request may take.
  served,
};

/// Returns the words for a zone's answer.
[[nodiscard]] constexpr std::string_view to_string(ZoneAnswer answer) {
  constexpr std::array<std::string_view, 5> names{"not asked", "no memory", "below its watermark",
                                                  "no chunk of that order", "served"};
  return names[static_cast<std::size_t>(answer)];
}

/// A node's answer to a request.
template <ZoneConfig Config>
struct NodeAllocation {
  /// The page, which knows its zone; nothing if no zone served.
  std::optional<Page<Config>> page{};
  /// What each zone said when it was asked last.
  std::array<ZoneAnswer, max_nr_zones> answers{};

  /// Returns what @p zone answered.
  [[nodiscard]] ZoneAnswer answer_of(ZoneType zone) const {
    return answers[static_cast<std::size_t>(zone)];
  }
};

/// What a request that can wait does when no zone serves it. Called with the node, the order and
/// the gfp flags, it makes memory free, as reclaim and compaction do, and returns whether to ask the
/// zones again. It is called as long as it says so and they refuse.
template <typename F, typename Config>
concept SlowPath = requires(F& makes_free, Node<Config>& node, Order order, const Gfp& gfp) {
  { makes_free(node, order, gfp) } -> std::convertible_to<bool>;
};

/// Makes no memory free.
struct NoReclaim {
  bool operator()(const auto&...) const { return false; }
};

namespace detail {

// Returns whether an urgent request need not heed what steals have added to the lowest watermark.
template <CountedZone Counted>
[[nodiscard]] bool ignores_boost(const Counted&, const Gfp& gfp, unsigned flags) {
  if constexpr (Counted::Config::semantics.high_ignores_boost) {
    return (flags & alloc_flags::min_reserve) != 0;
  }
  return gfp.atomic;
}

// Returns the mark that a request with these flags is held to.
[[nodiscard]] std::uint64_t mark_for(const CountedZone auto& zone, Order order, const Gfp& gfp,
                                     unsigned flags) {
  switch (flags & alloc_flags::wmark_mask) {
    case alloc_flags::wmark_min:
      if (order == Order{0} && ignores_boost(zone, gfp, flags)) return zone.watermarks().min;
      return min_wmark_pages(zone);
    case alloc_flags::wmark_low:
      return low_wmark_pages(zone);
    default:
      return high_wmark_pages(zone);
  }
}

// Returns the type that a request has in a zone. Kernel: gfp_migratetype().
template <ZoneConfig Config>
[[nodiscard]] MigrateType type_in(const Zone<Config>& zone, const Gfp& gfp) {
  return zone.mobility_grouping() ? gfp.migratetype : MigrateType::unmovable;
}

// Returns the flags that a request has in a zone: with mobility grouping off none is movable, so none
// may use CMA blocks. Kernel: gfp_to_alloc_flags_cma().
template <ZoneConfig Config>
[[nodiscard]] unsigned flags_in(const Zone<Config>& zone, unsigned flags) {
  return zone.mobility_grouping() ? flags : flags & ~alloc_flags::cma;
}

// Returns what the counters of a zone say to a request, were so many pages free: served, unless too
// little would stay free, or there is no chunk of the order. Kernel: zone_watermark_fast().
template <CountedZone Counted>
[[nodiscard]] ZoneAnswer answer_by_counters(const Counted& zone, Order order, const Gfp& gfp,
                                            std::size_t classzone_idx, unsigned flags,
                                            std::int64_t free_pages) {
  if (zone.present_pages() == 0) return ZoneAnswer::no_memory;
  if ((flags & alloc_flags::no_watermarks) != 0) return ZoneAnswer::served;
  const std::uint64_t mark = mark_for(zone, order, gfp, flags);
  if (!exceeds_mark(zone, order, mark, classzone_idx, flags, free_pages)) {
    return ZoneAnswer::watermark;
  }
  return has_chunk_for(zone, order, flags) ? ZoneAnswer::served : ZoneAnswer::no_chunk;
}

// Notes that a request has found the zone below its high watermark, unless that is known.
// Kernel: zone_set_flag(ZONE_BELOW_HIGH) in get_page_from_freelist().
template <ZoneConfig Config>
void notice_below_high(Zone<Config>& zone, Order order, const Gfp& gfp, std::size_t classzone_idx,
                       unsigned flags) {
  bool& below_high = zone.pressure().below_high;
  if (read_once<is_shared<Config>>(below_high)) return;
  const auto exceeds = [&](std::uint64_t mark) {
    return watermark_ok(zone, order, mark, classzone_idx, flags, zone.nr_free_pages());
  };
  // The lowest mark, which some need keep no more of, is tried then, too.
  const bool may_try_min = order == Order{0} && ignores_boost(zone, gfp, flags) &&
                           (flags & alloc_flags::wmark_mask) == alloc_flags::wmark_min;
  if (exceeds(high_wmark_pages(zone)) || (may_try_min && exceeds(zone.watermarks().min))) return;
  write_once<is_shared<Config>>(below_high, true);
}

// Asks one zone. Kernel: the body of the loop of get_page_from_freelist().
template <ZoneConfig Config>
[[nodiscard]] ZoneAnswer ask_zone(Zone<Config>& zone, Cpu cpu, Order order, const Gfp& gfp,
                                  unsigned flags, std::optional<Page<Config>>& page) {
  flags = flags_in(zone, flags);
  const auto classzone_idx = static_cast<std::size_t>(gfp.highest_zone);
  if constexpr (Config::semantics.pcp_tuning == PcpTuning::tuned) {
    if (zone.present_pages() != 0) notice_below_high(zone, order, gfp, classzone_idx, flags);
  }
  const ZoneAnswer answer =
      answer_by_counters(zone, order, gfp, classzone_idx, flags, zone.nr_free_pages());
  if (answer != ZoneAnswer::served) return answer;
  const auto pfn = serve(zone, cpu, order, type_in(zone, gfp), Temperature::hot, flags);
  if (!pfn) return ZoneAnswer::no_chunk;
  if constexpr (Config::semantics.has(MigrateType::highatomic) &&
                !Config::semantics.urgent_from_buddy) {
    if (reserves_more<Config>(flags)) reserve_highatomic_pageblock(zone, *pfn, order);
  }
  if constexpr (has_compound_pages<Config>) {
    if (gfp.compound) prep_compound_page(zone, *pfn, order);
  }
  page.emplace(zone, *pfn);
  return ZoneAnswer::served;
}

// Returns whether the free lists have memory for a request, of its type or of others that it may
// take. With no_fragment, only chunks of a block and more are taken from others.
template <CountedZone Counted>
[[nodiscard]] bool has_listed_memory_for(const Counted& zone, Order order, MigrateType type,
                                         unsigned flags) {
  using namespace alloc_flags;
  constexpr const Semantics& semantics = Counted::Config::semantics;
  const auto has = [&](MigrateType from, Order least) {
    return semantics.has(from) && has_free_chunk(zone, least, from);
  };
  if (has(type, order) || has(MigrateType::reserve, order)) return true;
  const bool may_use_cma = semantics.steal_rule == StealRule::largest ? type == MigrateType::movable
                                                                      : (flags & cma) != 0;
  if (may_use_cma && has(MigrateType::cma, order)) return true;
  const bool is_urgent = (flags & (highatomic | oom | non_block)) != 0;
  if (is_urgent && has(MigrateType::highatomic, order)) return true;
  const bool whole_blocks = semantics.steal_rule != StealRule::largest &&
                            (flags & no_fragment) != 0 && order < Counted::pageblock_order;
  const Order least = whole_blocks ? Order{Counted::pageblock_order} : order;
  return std::ranges::any_of(semantics.fallbacks_of(type),
                             [&](MigrateType other) { return has(other, least); });
}

// Returns whether serve() would find memory for a request.
template <ZoneConfig Config>
[[nodiscard]] bool has_memory_for(const Zone<Config>& zone, Cpu cpu, Order order, MigrateType type,
                                  unsigned flags) {
  if (uses_pcp<Config>(order, type, flags) && !zone.pcp(cpu).list(type, order).empty()) return true;
  return has_listed_memory_for(zone, order, type, flags);
}

// Where there is a lower zone for it, requests to Normal rather go there than take another type's
// memory. v3.6 has no such rule, and its steals do not heed the flag.
// Kernel: alloc_flags_nofragment() (v5.0).
template <ZoneConfig Config>
[[nodiscard]] unsigned nofragment_flag(const Node<Config>& node, ZoneType highest) {
  const Zone<Config>* preferred = node.preferred_zone(highest);
  const bool is_normal = preferred != nullptr && preferred->type() == ZoneType::normal;
  return is_normal ? alloc_flags::no_fragment : 0;
}

// Returns the alloc_flags of the first try. Kernel: prepare_alloc_pages().
template <ZoneConfig Config>
[[nodiscard]] unsigned first_flags(const Node<Config>& node, const Gfp& gfp, Order order) {
  constexpr unsigned urgent = Config::semantics.urgent_at_once ? alloc_flags::highatomic : 0;
  return (gfp_to_alloc_flags<Config>(gfp, order) & (kept_flags | urgent)) | alloc_flags::wmark_low |
         nofragment_flag(node, gfp.highest_zone);
}

}  // namespace detail

/// Asks the zones of @p node, from the highest that @p gfp allows downward, for 2^order pages; those
/// that would fall below the watermark that @p flags name are passed over. If none serves without
/// taking another type's memory, as no_fragment demands, all are asked again without it.
/// It is one try of alloc_pages(): @p flags are those that the kernel passes to its own function of
/// this name. No MmPageAlloc event is written.
/// Requires: order < max_order; gfp.migratetype is one of pcp_types; cpu < nr_cpus of the zones;
///           flags of alloc_flags, other bits are ignored; wmark_mask is no watermark.
/// Locking:  as alloc_pages() of a zone, for each that is asked; watermarks are read without.
/// Throws std::bad_alloc.
/// Kernel:   get_page_from_freelist().
template <ZoneConfig Config>
[[nodiscard]] NodeAllocation<Config> get_page_from_freelist(Node<Config>& node, Cpu cpu,
                                                            Order order, const Gfp& gfp,
                                                            unsigned flags,
                                                            Place caller = Place::here()) {
  const ReportedCall call{"get_page_from_freelist", caller, {}, order};
  const auto highest = static_cast<std::size_t>(gfp.highest_zone);
  bug_on(highest >= max_nr_zones, "no such zone index", call);
  bug_on((flags & alloc_flags::wmark_mask) == alloc_flags::wmark_mask, "no such watermark", call);
  bug_on(order > Zone<Config>::top_order, "order is above the largest", call);
  bug_on(!is_pcp_type(gfp.migratetype), "requests are unmovable, reclaimable or movable", call);
  NodeAllocation<Config> result;
  for (std::size_t zone = 0; zone <= highest; ++zone) result.answers[zone] = ZoneAnswer::no_memory;
  for (Zone<Config>& zone : node.zonelist(gfp.highest_zone)) {
    ZoneAnswer& answer = result.answers[static_cast<std::size_t>(zone.type())];
    if (result.page) {
      if (zone.present_pages() != 0) answer = ZoneAnswer::not_asked;
    } else {
      bug_on(cpu.id() >= zone.nr_cpus(), "the zone has no such CPU", call);
      answer = detail::ask_zone(zone, cpu, order, gfp, flags, result.page);
    }
  }
  if (result.page || (flags & alloc_flags::no_fragment) == 0) return result;
  return get_page_from_freelist(node, cpu, order, gfp, flags & ~alloc_flags::no_fragment, caller);
}

/// Returns what @p zone would answer if get_page_from_freelist() asked it now, without a change, were
/// @p free_pages of it free.
/// Requires: as get_page_from_freelist().
/// Locking:  none; the caller sees to it that nothing changes the zone's lists meanwhile.
template <ZoneConfig Config>
[[nodiscard]] ZoneAnswer forecast_answer(const Zone<Config>& zone, Cpu cpu, Order order,
                                         const Gfp& gfp, unsigned flags, std::int64_t free_pages,
                                         Place caller = Place::here()) {
  const ReportedCall call{"forecast_answer", caller, {}, order};
  bug_on(static_cast<std::size_t>(gfp.highest_zone) >= max_nr_zones, "no such zone index", call);
  bug_on((flags & alloc_flags::wmark_mask) == alloc_flags::wmark_mask, "no such watermark", call);
  bug_on(order > Zone<Config>::top_order, "order is above the largest", call);
  bug_on(!is_pcp_type(gfp.migratetype), "requests are unmovable, reclaimable or movable", call);
  flags = detail::flags_in(zone, flags);
  const auto classzone_idx = static_cast<std::size_t>(gfp.highest_zone);
  const ZoneAnswer answer =
      detail::answer_by_counters(zone, order, gfp, classzone_idx, flags, free_pages);
  if (answer != ZoneAnswer::served) return answer;
  const MigrateType type = detail::type_in(zone, gfp);
  return detail::has_memory_for(zone, cpu, order, type, flags) ? answer : ZoneAnswer::no_chunk;
}

/// Allocates 2^order pages on @p cpu from the zones that @p gfp allows: first down to their low
/// watermarks, for Normal without taking another type's memory as long as a lower zone has some;
/// then with it; then, twice, down to the lowest watermarks, urgent requests deeper, and the second
/// time with gfp.memalloc without any. What the kernel does next for a request that can wait is @p
/// slow_path: by default it fails.
/// Requires: as get_page_from_freelist().
/// Returns:  the page, and what each zone said at the last try.
/// Locking:  as get_page_from_freelist().
/// Throws what slow_path throws, and std::bad_alloc.
/// Kernel:   __alloc_pages(), where who asks makes no difference: no cpusets, no OOM victims.
template <ZoneConfig Config, SlowPath<Config> Reclaim = NoReclaim>
[[nodiscard]] NodeAllocation<Config> alloc_pages(Node<Config>& node, Cpu cpu, Order order,
                                                 const Gfp& gfp, Reclaim&& slow_path = {},
                                                 Place caller = Place::here()) {
  const auto ask = [&](unsigned flags) {
    return get_page_from_freelist(node, cpu, order, gfp, flags, caller);
  };
  auto result = ask(detail::first_flags(node, gfp, order));
  if (!result.page) {
    result = ask(gfp_to_alloc_flags<Config>(gfp, order));
    const unsigned last = last_alloc_flags<Config>(gfp, order);
    if (!result.page) result = ask(last);
    while (!result.page && gfp.direct_reclaim && slow_path(node, order, gfp)) result = ask(last);
  }
  Zone<Config>* const zone =
      result.page ? node.find(result.page->zone().type()) : node.preferred_zone(gfp.highest_zone);
  if (zone != nullptr) {
    const auto pfn = result.page ? std::optional{result.page->pfn()} : std::nullopt;
    zone->trace(trace::MmPageAlloc{pfn, order, detail::type_in(*zone, gfp), cpu});
  }
  return result;
}

/// Allocates up to @p nr single pages from the first zone that keeps its low watermark, and calls
/// visit(page) for each: those that a CPU's list gives, refilled as often as there is memory. If there is
/// none, or only one is wanted, it is one alloc_pages() for one page.
/// Requires: as get_page_from_freelist(). Returns: how many it were.
/// Locking, throws: as alloc_pages() and, for a zone, alloc_pages_bulk().
/// Kernel:   __alloc_pages_bulk() of v6.1, with an empty array.
template <ZoneConfig Config, typename Visitor>
std::uint32_t alloc_pages_bulk(Node<Config>& node, Cpu cpu, const Gfp& gfp, std::uint32_t nr,
                               Visitor visit) {
  bug_on(static_cast<std::size_t>(gfp.highest_zone) >= max_nr_zones, "no such zone index");
  if (nr == 0) return 0;
  const Zone<Config>* const preferred = node.preferred_zone(gfp.highest_zone);
  if (nr > 1 && preferred != nullptr) {
    const unsigned flags = detail::first_flags(node, gfp, Order{0});
    const auto has_enough = [&](const Zone<Config>& zone) {
      return zone.present_pages() != 0 &&
             detail::watermark_ok(zone, Order{0}, low_wmark_pages(zone) + nr,
                                  static_cast<std::size_t>(preferred->type()),
                                  detail::flags_in(zone, flags), zone.nr_free_pages());
    };
    const auto zones = node.zonelist(gfp.highest_zone);
    const auto zone = std::ranges::find_if(zones, has_enough);
    if (zone != zones.end()) {
      const std::uint32_t taken = alloc_pages_bulk(
          *zone, cpu, detail::type_in(*zone, gfp), nr,
          [&](Pfn pfn) {
            visit(Page<Config>{*zone, pfn});
          },
          detail::flags_in(*zone, flags));
      if (taken != 0) return taken;
    }
  }
  const auto page = alloc_pages(node, cpu, Order{0}, gfp).page;
  if (!page) return 0;
  visit(*page);
  return 1;
}

/// Drops a reference to the chunk of @p order at @p pfn, in whichever zone it is.
/// Requires: a zone of @p node has memory there; else as free_pages() of a zone.
/// Returns, locks, throws: as free_pages() of a zone.
template <ZoneConfig Config>
FreeResult free_pages(Node<Config>& node, Cpu cpu, Pfn pfn, Order order,
                      Place caller = Place::here()) {
  Zone<Config>* const zone = node.zone_of(pfn);
  bug_on(zone == nullptr, "no zone has such a page",
         ReportedCall{"free_pages", caller, pfn, order});
  return free_pages(*zone, cpu, pfn, order, Temperature::hot, caller);
}

/// Gives a reserved pageblock to requests like @p gfp: of the first zone that they may use and that
/// has one to spare, or with @p force one at all. A slow path may do so before it gives up.
/// Returns:  whether free pages changed lists.
/// Locking:  as unreserve_highatomic_pageblock() of a zone.
template <ZoneConfig Config>
bool unreserve_highatomic_pageblock(Node<Config>& node, const Gfp& gfp, bool force) requires(
    Config::semantics.has(MigrateType::highatomic)) {
  for (Zone<Config>& zone : node.zonelist(gfp.highest_zone)) {
    if (unreserve_highatomic_pageblock(zone, detail::type_in(zone, gfp), force)) return true;
  }
  return false;
}

}  // namespace pageblock

template <>
struct fmt::formatter<pageblock::ZoneAnswer> : pageblock::detail::ToStringFormatter {};
