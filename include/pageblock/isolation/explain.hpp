// SPDX-License-Identifier: MIT
/// Explaining a refusal without changing the zone.
///
/// Layer:  isolation.
/// Kernel: none; the answers come from the functions that refuse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "pageblock/base/contract.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/refusal.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// Says why set_migratetype_isolate(@p zone, @p pfn) would refuse now; nothing if it would succeed.
/// Requires: @p zone spans @p pfn.
/// Locking:  takes zone.lock, and in v3.6 calls the notifiers.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_isolate(const Zone<Config>& zone, Pfn pfn) {
  const IrqSaveGuard guard{zone.lock()};
  return detail::refuse_isolate(zone, pfn, get_pageblock_migratetype(zone, pfn));
}

/// The same for what v6.1 asks.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_isolate(const Zone<Config>& zone, Pfn pfn,
                                                     const IsolateRequest& request) requires
    IsolatesForFlagsUntilV6_16<Config> {
  const IrqSaveGuard guard{zone.lock()};
  return detail::refuse_isolate(zone, pfn, get_pageblock_migratetype(zone, pfn), request);
}

/// The same for what v6.17 asks.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_isolate(
    const Zone<Config>& zone, Pfn pfn, IsolateMode mode, Pfn start_pfn,
    Pfn end_pfn) requires IsolatesForModeSinceV6_17<Config> {
  const IrqSaveGuard guard{zone.lock()};
  return detail::refuse_isolate(
      zone, pfn, get_pageblock_migratetype(zone, pfn),
      {{start_pfn, end_pfn}, detail::type_of(mode), detail::flags_of(mode)});
}

namespace detail {

// In the order in which v6.1 asks: the first block and the last, whole, and those between.
template <ZoneConfig Config>
std::optional<Refusal> explain_from_ends(const Zone<Config>& zone, const PfnRange& blocks,
                                         const IsolateRequest& request) {
  constexpr std::uint64_t block_pages = Zone<Config>::pageblock_nr_pages;
  const auto ask = [&](Pfn block, PfnRange range) -> std::optional<Refusal> {
    const auto page = first_valid_page(zone, block);
    if (!page) return std::nullopt;
    const IrqSaveGuard guard{zone.lock()};
    return refuse_isolate(zone, *page, label_of(zone, *page),
                          {range, request.undo_type, request.flags});
  };
  if (blocks.empty()) return std::nullopt;
  const Pfn last = blocks.end - block_pages;
  // A compound page that reaches across an end would have to go as a whole.
  const auto ask_end = [&](Pfn border) -> std::optional<Refusal> {
    if (!zone.memmap().contains(border)) return std::nullopt;
    const IrqSaveGuard guard{zone.lock()};
    const auto head = compound_head(zone, border);
    if (!head || *head == border) return std::nullopt;
    const bool is_lru = zone.memmap().bits(*head).has(PageBits::lru);
    return Refusal{Stage::unmovable_check, *head, is_lru ? Reason::lru : Reason::not_lru};
  };
  for (const Pfn block : {blocks.start, last}) {
    if (const auto refusal = ask(block, {block, block + block_pages})) return refusal;
    const Pfn end = block == blocks.start ? block : blocks.end;
    if (const auto refusal = ask_end(end)) return refusal;
    if (blocks.start == last) return ask_end(blocks.end);
  }
  for (Pfn block = blocks.start + block_pages; block < last; block += block_pages) {
    if (const auto refusal = ask(block, request.range)) return refusal;
  }
  return std::nullopt;
}

// explain_isolate_range(), in the words of v6.1.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_range(const Zone<Config>& zone, Pfn start_pfn,
                                                   Pfn end_pfn, MigrateType undo_type,
                                                   unsigned flags = 0) {
  if constexpr (Config::semantics.isolate_range == IsolateRange::ends_first) {
    const PfnRange range{start_pfn, end_pfn};
    return explain_from_ends(zone, blocks_around(zone, range), {range, undo_type, flags});
  }
  bug_on(flags != 0, "v3.6 knows no flags");
  bug_on(!zone.is_block_aligned(start_pfn, end_pfn), "the range is not whole pageblocks");
  std::optional<std::size_t> isolated_before;
  const PfnRange blocks = windows_of(zone, start_pfn, end_pfn);
  for (Pfn pfn = blocks.start; pfn < blocks.end; pfn += Zone<Config>::pageblock_nr_pages) {
    const auto page = first_valid_page(zone, pfn);
    if (!page) continue;
    // In a zone with an unaligned start, two aligned blocks can share one entry of types: the
    // second would find what isolating the first wrote.
    const std::size_t entry = zone.pageblock_flags().index(*page);
    const IrqSaveGuard guard{zone.lock()};
    const MigrateType type =
        entry == isolated_before ? MigrateType::isolate : get_pageblock_migratetype(zone, *page);
    if (const auto refusal = refuse_isolate(zone, *page, type)) return refusal;
    isolated_before = entry;
  }
  return std::nullopt;
}

}  // namespace detail

/// Says why start_isolate_page_range() would refuse now; nothing if it would succeed.
/// Requires: as start_isolate_page_range() with this @p undo_type and these @p flags.
/// Locking:  takes zone.lock once per block, and in v3.6 calls the notifiers.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_isolate_range(
    const Zone<Config>& zone, Pfn start_pfn, Pfn end_pfn,
    MigrateType undo_type = MigrateType::movable,
    unsigned flags = 0) requires GivesBackTypeUntilV6_16<Config> {
  return detail::explain_range(zone, start_pfn, end_pfn, undo_type, flags);
}
/// The same since v6.17, with this @p mode.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_isolate_range(const Zone<Config>& zone, Pfn start_pfn,
                                                           Pfn end_pfn, IsolateMode mode) requires
    IsolatesForModeSinceV6_17<Config> {
  return detail::explain_range(zone, start_pfn, end_pfn, detail::type_of(mode),
                               detail::flags_of(mode));
}

namespace detail {

// Why a page that is not the head of a free chunk fails the test. The caller holds zone.lock.
template <ZoneConfig Config>
Reason reason_of(const Zone<Config>& zone, Pfn pfn) {
  const PageBits bits = zone.memmap().bits(pfn);
  if (bits.has(PageBits::reserved)) return Reason::reserved;
  if (bits.has(PageBits::in_use)) {
    return bits.has(PageBits::lru) ? Reason::lru : Reason::not_lru;
  }
  return zone.memmap().free_chunk_of(pfn) ? Reason::inside_chunk : Reason::on_no_list;
}

template <ZoneConfig Config>
bool is_on_pcp_list(const Zone<Config>& zone, Pfn pfn) {
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const IrqSaveGuard guard{zone.pcp_lock(Cpu{id})};
    for (const PcpList& list : zone.pcp(Cpu{id}).lists) {
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] == pfn) return true;
      }
    }
  }
  return false;
}

// explain_test(), in the words of v6.1.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_failed_test(const Zone<Config>& zone, Pfn start_pfn,
                                                         Pfn end_pfn, unsigned flags = 0) {
  if (!has_memory(zone, start_pfn, end_pfn)) {
    return Refusal{Stage::test, start_pfn, Reason::no_memory};
  }
  const auto blocks = test_blocks(zone, start_pfn, end_pfn);
  if (!blocks.all_isolated) {
    return Refusal{Stage::test, blocks.fin_pfn, Reason::block_not_isolated};
  }
  Refusal refusal{Stage::test, start_pfn, Reason::on_no_list};
  {
    const IrqSaveGuard guard{zone.lock()};
    const auto pages = test_pages(zone, start_pfn, end_pfn, flags);
    if (pages.all_isolated) return std::nullopt;
    refusal.pfn = pages.fin_pfn;
    refusal.reason = reason_of(zone, pages.fin_pfn);
  }
  if (refusal.reason == Reason::on_no_list && is_on_pcp_list(zone, refusal.pfn)) {
    refusal.reason = Reason::per_cpu_list;
  }
  return refusal;
}

}  // namespace detail

/// Says why test_pages_isolated() would refuse now; nothing if it would succeed.
/// Requires: @p flags of isolate_flags, none in v3.6.
/// Locking:  takes zone.lock, and on a page with count 0 the CPUs' locks.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_test(const Zone<Config>& zone, Pfn start_pfn,
                                                  Pfn end_pfn, unsigned flags = 0) requires
    GivesBackTypeUntilV6_16<Config> {
  return detail::explain_failed_test(zone, start_pfn, end_pfn, flags);
}
/// The same since v6.17, with this @p mode.
template <ZoneConfig Config>
[[nodiscard]] std::optional<Refusal> explain_test(const Zone<Config>& zone, Pfn start_pfn,
                                                  Pfn end_pfn, IsolateMode mode) requires
    IsolatesForModeSinceV6_17<Config> {
  return detail::explain_failed_test(zone, start_pfn, end_pfn, detail::flags_of(mode));
}

}  // namespace pageblock
