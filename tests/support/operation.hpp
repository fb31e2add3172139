// SPDX-License-Identifier: MIT
/// What can be done with a zone, as a value: searches and fuzzers make programs of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "pageblock/clients/cma.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/isolation/unmovable.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/split_page.hpp"
#include "pageblock/mm/watermark.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/throwing_handler.hpp"

namespace pageblock::test {

/// The function that an operation calls. set_page_lru() is two of them.
enum class Call : std::uint8_t {
  alloc_pages,
  free_pages,
  get_page,
  put_page,
  set_page_lru,
  clear_page_lru,
  split_page,
  split_free_page,
  drain_pages,
  drain_all_pages,
  set_migratetype_isolate,
  unset_migratetype_isolate,
  start_isolate_page_range,
  undo_isolate_page_range,
  test_pages_isolated,
  has_unmovable_pages,
  is_pageblock_removable_nolock,
  set_pageblock_migratetype,
  move_freepages_block,
  zone_watermark_ok,
  zone_watermark_ok_safe,
  alloc_contig_range,
  free_contig_range,
  init_cma_reserved_pageblock,
  offline_isolated_pages,
  set_watermarks,
  set_lowmem_reserve,
  set_pageset,
  // From v6.1 on.
  alloc_pages_bulk,
  zone_pcp_disable,
  zone_pcp_enable,
  set_reclaim_active,
  reserve_highatomic_pageblock,
  unreserve_highatomic_pageblock,
  prep_compound_page,
  isolate_free_page,
  putback_isolated_page,
  offline_pages,
  online_pages,
  // From v6.12 on.
  decay_pcp_high,
  set_below_high,
};

inline constexpr std::size_t nr_calls = static_cast<std::size_t>(Call::set_below_high) + 1;

/// Returns whether a kernel has the call: v6.12, v6.1, or else v3.6.
[[nodiscard]] constexpr bool has_call(Call call, bool is_later, bool is_tuned = false) {
  if (call > Call::online_pages) return is_tuned;
  if (call > Call::set_pageset) return is_later;
  const bool is_old = call == Call::is_pageblock_removable_nolock ||
                      call == Call::zone_watermark_ok_safe || call == Call::offline_isolated_pages;
  return !is_later || !is_old;
}

/// One call with its arguments, those that the function has; the others stay as they are here.
struct Operation {
  Call call = Call::drain_all_pages;
  Cpu cpu{};
  Pfn pfn{};
  /// Where the range that begins at pfn ends; of set_migratetype_isolate() (v6.1) that at start.
  Pfn end{};
  Pfn start{};
  Order order{};
  MigrateType type = MigrateType::movable;
  Temperature temperature = Temperature::hot;
  /// Pages: a mark, a reserve, a count to forgive, the length of a range, or a batch. Or whether to.
  std::uint64_t number = 0;
  std::uint32_t high = 0;
  std::uint32_t high_max = 0;
  std::size_t classzone_idx = 0;
  unsigned flags = 0;

  friend bool operator==(const Operation&, const Operation&) = default;
};

/// In v6.1 an operation sets three watermarks; the number is the lowest.
[[nodiscard]] constexpr std::uint64_t low_for(std::uint64_t min) { return min + min / 4; }
[[nodiscard]] constexpr std::uint64_t high_for(std::uint64_t min) { return min + min / 2; }

/// One number for all pages of a bulk, in their order.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t sum, std::uint64_t pfn) {
  return 31 * sum + pfn + 1;
}

/// What a call returned, or that it broke a contract.
struct Result {
  bool is_bug = false;
  /// The number, 0 or 1 for a bool, the errno of a Status, 0 for nothing; of alloc_pages the pfn,
  /// or -1; of a bulk what mixed() makes of them; of v6.1's has_unmovable_pages() the pfn, or -1; of a FreeResult 0 for freed, -1 for held, and the number of bad pages.
  std::int64_t value = 0;

  friend bool operator==(const Result&, const Result&) = default;
};

/// The value that stands for @p result in a Result.
[[nodiscard]] inline std::int64_t to_value(const FreeResult& result) {
  return result.freed == Freed::held ? -1 : static_cast<std::int64_t>(result.nr_bad);
}

/// Calls move_freepages_block() as it asks for, under zone.lock.
template <ZoneConfig Config>
std::int64_t move_chunks_of_block(Zone<Config>& zone, Pfn pfn, MigrateType type) {
  const std::lock_guard guard{zone.lock()};
  return move_freepages_block(zone, pfn, type);
}

/// What compaction calls under zone.lock.
template <ZoneConfig Config>
std::uint64_t take_free(Zone<Config>& zone, Pfn pfn) {
  const std::lock_guard guard{zone.lock()};
  return isolate_free_page(zone, pfn);
}
template <ZoneConfig Config>
void put_back(Zone<Config>& zone, Pfn pfn, Order order, MigrateType type) {
  const std::lock_guard guard{zone.lock()};
  putback_isolated_page(zone, pfn, order, type);
}

/// Whether @p Config has the functions of v6.1, or those of v3.6.
template <ZoneConfig Config>
inline constexpr bool is_later = Config::semantics.unmovable_search == UnmovableSearch::every_page;

/// Whether @p Config has also those that come with per-CPU lists that tune themselves, of v6.12.
template <ZoneConfig Config>
inline constexpr bool is_tuned = Config::semantics.pcp_tuning == PcpTuning::tuned;

namespace detail {

// Calls that all kernels have.
template <ZoneConfig Config>
std::int64_t call_any(Zone<Config>& zone, const Operation& op) {
  switch (op.call) {
    case Call::free_pages:
      return to_value(free_pages(zone, op.cpu, op.pfn, op.order, op.temperature));
    case Call::get_page:
      get_page(zone, op.pfn);
      return 0;
    case Call::put_page:
      return to_value(put_page(zone, op.cpu, op.pfn));
    case Call::set_page_lru:
      set_page_lru(zone, op.pfn, true);
      return 0;
    case Call::clear_page_lru:
      set_page_lru(zone, op.pfn, false);
      return 0;
    case Call::split_page:
      split_page(zone, op.pfn, op.order);
      return 0;
    case Call::split_free_page:
      return static_cast<std::int64_t>(split_free_page(zone, op.pfn));
    case Call::drain_pages:
      drain_pages(zone, op.cpu);
      return 0;
    case Call::drain_all_pages:
      drain_all_pages(zone);
      return 0;
    case Call::unset_migratetype_isolate:
      unset_migratetype_isolate(zone, op.pfn, op.type);
      return 0;
    case Call::undo_isolate_page_range:
      return undo_isolate_page_range(zone, op.pfn, op.end, op.type).to_errno();
    case Call::set_pageblock_migratetype:
      set_pageblock_migratetype(zone, op.pfn, op.type);
      return 0;
    case Call::move_freepages_block:
      return move_chunks_of_block(zone, op.pfn, op.type);
    case Call::zone_watermark_ok:
      return zone_watermark_ok(zone, op.order, op.number, op.classzone_idx, op.flags) ? 1 : 0;
    case Call::alloc_contig_range:
      return alloc_contig_range(zone, op.cpu, op.pfn, op.end, op.type, NothingMoves{}).to_errno();
    case Call::free_contig_range:
      free_contig_range(zone, op.cpu, op.pfn, op.number);
      return 0;
    case Call::init_cma_reserved_pageblock:
      init_cma_reserved_pageblock(zone, op.pfn);
      return 0;
    case Call::set_lowmem_reserve:
      zone.set_lowmem_reserve(op.classzone_idx, op.number);
      return 0;
    case Call::set_pageset:
      zone.set_pageset({.batch = static_cast<std::uint32_t>(op.number),
                        .high = op.high,
                        .high_max = is_tuned<Config> ? op.high_max : 0});
      return 0;
    default:
      throw std::logic_error{"the kernel has no such call"};
  }
}

// Calls that v3.6 has, or has with other arguments.
template <ZoneConfig Config>
std::int64_t call_v3_6(Zone<Config>& zone, const Operation& op) {
  switch (op.call) {
    case Call::alloc_pages: {
      const auto page = alloc_pages(zone, op.cpu, op.order, op.type, op.temperature);
      return page ? static_cast<std::int64_t>(page->pfn().value()) : -1;
    }
    case Call::set_migratetype_isolate:
      return set_migratetype_isolate(zone, op.pfn).to_errno();
    case Call::start_isolate_page_range:
      return start_isolate_page_range(zone, op.pfn, op.end, op.type).to_errno();
    case Call::test_pages_isolated:
      return test_pages_isolated(zone, op.pfn, op.end).to_errno();
    case Call::has_unmovable_pages:
      return has_unmovable_pages(zone, op.pfn, op.number) ? 1 : 0;
    case Call::is_pageblock_removable_nolock:
      return is_pageblock_removable_nolock(zone, op.pfn) ? 1 : 0;
    case Call::zone_watermark_ok_safe:
      return zone_watermark_ok_safe(zone, op.order, op.number, op.classzone_idx, op.flags) ? 1 : 0;
    case Call::offline_isolated_pages:
      offline_isolated_pages(zone, op.pfn, op.end);
      return 0;
    case Call::set_watermarks:
      zone.set_watermarks({.min = 0, .low = op.number, .high = 0});
      return 0;
    default:
      return call_any(zone, op);
  }
}

// Calls that v6.12 has, too.
template <ZoneConfig Config>
std::int64_t call_v6_12(Zone<Config>& zone, const Operation& op) {
  switch (op.call) {
    case Call::decay_pcp_high:
      return decay_pcp_high(zone, op.cpu) ? 1 : 0;
    case Call::set_below_high:
      zone.pressure().below_high = op.number != 0;
      return 0;
    default:
      throw std::logic_error{"the kernel has no such call"};
  }
}

// Calls that v6.1 has, or has with other arguments.
template <ZoneConfig Config>
std::int64_t call_v6_1(Zone<Config>& zone, const Operation& op) {
  switch (op.call) {
    case Call::alloc_pages: {
      // A request without flags takes a path of its own.
      const unsigned usual = op.type == MigrateType::movable ? alloc_flags::cma : 0;
      const auto page = op.flags == usual ? alloc_pages(zone, op.cpu, op.order, op.type)
                                          : alloc_pages(zone, op.cpu, op.order, op.type, op.flags);
      return page ? static_cast<std::int64_t>(page->pfn().value()) : -1;
    }
    case Call::alloc_pages_bulk: {
      std::uint64_t sum = 0;
      const auto visit = [&sum](Pfn pfn) { sum = mixed(sum, pfn.value()); };
      const auto nr = static_cast<std::uint32_t>(op.number);
      alloc_pages_bulk(zone, op.cpu, op.type, nr, visit, op.flags);
      return static_cast<std::int64_t>(sum);
    }
    case Call::zone_pcp_disable:
      zone_pcp_disable(zone);
      return 0;
    case Call::zone_pcp_enable:
      zone_pcp_enable(zone);
      return 0;
    case Call::prep_compound_page:
      prep_compound_page(zone, op.pfn, op.order);
      return 0;
    case Call::isolate_free_page:
      return static_cast<std::int64_t>(take_free(zone, op.pfn));
    case Call::putback_isolated_page:
      put_back(zone, op.pfn, op.order, op.type);
      return 0;
    case Call::set_reclaim_active:
      zone.pressure().reclaim_active = op.number != 0;
      return 0;
    case Call::reserve_highatomic_pageblock:
      return reserve_highatomic_pageblock(zone, op.pfn, op.order) ? 1 : 0;
    case Call::unreserve_highatomic_pageblock:
      return unreserve_highatomic_pageblock(zone, op.type, op.number != 0) ? 1 : 0;
    case Call::set_migratetype_isolate:
      return set_migratetype_isolate(zone, op.pfn, {{op.start, op.end}, op.type, op.flags})
          .to_errno();
    case Call::start_isolate_page_range:
      return start_isolate_page_range(zone, op.pfn, op.end, op.type, op.flags).to_errno();
    case Call::test_pages_isolated:
      return test_pages_isolated(zone, op.pfn, op.end, op.flags).to_errno();
    case Call::has_unmovable_pages: {
      const auto page = has_unmovable_pages(zone, PfnRange{op.pfn, op.end}, op.type, op.flags);
      return page ? static_cast<std::int64_t>(page->value()) : -1;
    }
    case Call::set_watermarks:
      zone.set_watermarks({op.number, low_for(op.number), high_for(op.number)});
      return 0;
    case Call::offline_pages:
      return offline_pages(zone, op.pfn, op.number, NothingMoves{}).to_errno();
    case Call::online_pages:
      return online_pages(zone, op.pfn, op.number).to_errno();
    default:
      return call_any(zone, op);
  }
}

}  // namespace detail

/// Calls the function and returns its value. A broken contract is what the handler makes of it.
template <ZoneConfig Config>
std::int64_t call(Zone<Config>& zone, const Operation& op) {
  if constexpr (is_tuned<Config>) {
    if (op.call > Call::online_pages) return detail::call_v6_12(zone, op);
  }
  if constexpr (is_later<Config>) {
    return detail::call_v6_1(zone, op);
  } else {
    return detail::call_v3_6(zone, op);
  }
}

/// The same, with a broken contract as a result, while the caller has a ThrowingHandler.
template <ZoneConfig Config>
Result perform_handled(Zone<Config>& zone, const Operation& op) {
  try {
    return {.value = call(zone, op)};
  } catch (const ReportedViolation&) {
    return {.is_bug = true};
  }
}

/// The same, with a broken contract as a result.
template <ZoneConfig Config>
Result perform(Zone<Config>& zone, const Operation& op) {
  const ThrowingHandler handler;
  return perform_handled(zone, op);
}

/// Returns "MigrateType::movable" and so on.
[[nodiscard]] inline std::string to_code(MigrateType type) {
  constexpr const char* names[]{"unmovable", "reclaimable", "movable",   "reserve",
                                "cma",       "isolate",     "highatomic"};
  if (is_migratetype(type)) return fmt::format("MigrateType::{}", names[index_of(type)]);
  return fmt::format("static_cast<MigrateType>({})", index_of(type));
}

/// Returns the C++ expression for the call, to be pasted into a test that has a `zone` of v3.6.
[[nodiscard]] inline std::string to_code(const Operation& op);

namespace detail {

[[nodiscard]] inline std::string code_of_v6_1(const Operation& op) {
  const std::string cpu = fmt::format("Cpu{{{}}}", op.cpu);
  const std::string pfn = fmt::format("Pfn{{{}}}", op.pfn);
  const std::string end = fmt::format("Pfn{{{}}}", op.end);
  const std::string type = to_code(op.type);
  const std::string flags = fmt::format("{:#x}", op.flags);
  switch (op.call) {
    case Call::alloc_pages:
      return fmt::format("alloc_pages(zone, {}, Order{{{}}}, {}, {})", cpu, op.order, type, flags);
    case Call::alloc_pages_bulk:
      return fmt::format("alloc_pages_bulk(zone, {}, {}, {}, [](Pfn) {{}}, {})", cpu, type,
                         op.number, flags);
    case Call::zone_pcp_disable:
      return "zone_pcp_disable(zone)";
    case Call::zone_pcp_enable:
      return "zone_pcp_enable(zone)";
    case Call::prep_compound_page:
      return fmt::format("prep_compound_page(zone, {}, Order{{{}}})", pfn, op.order);
    case Call::isolate_free_page:
      return fmt::format("take_free(zone, {})", pfn);
    case Call::putback_isolated_page:
      return fmt::format("put_back(zone, {}, Order{{{}}}, {})", pfn, op.order, type);
    case Call::set_reclaim_active:
      return fmt::format("zone.pressure().reclaim_active = {}", op.number != 0);
    case Call::reserve_highatomic_pageblock:
      return fmt::format("reserve_highatomic_pageblock(zone, {}, Order{{{}}})", pfn, op.order);
    case Call::decay_pcp_high:
      return fmt::format("decay_pcp_high(zone, {})", cpu);
    case Call::set_below_high:
      return fmt::format("zone.pressure().below_high = {}", op.number != 0);
    case Call::unreserve_highatomic_pageblock:
      return fmt::format("unreserve_highatomic_pageblock(zone, {}, {})", type, op.number != 0);
    case Call::set_migratetype_isolate:
      return fmt::format("set_migratetype_isolate(zone, {}, {{{{Pfn{{{}}}, {}}}, {}, {}}})", pfn,
                         op.start, end, type, flags);
    case Call::start_isolate_page_range:
      return fmt::format("start_isolate_page_range(zone, {}, {}, {}, {})", pfn, end, type, flags);
    case Call::test_pages_isolated:
      return fmt::format("test_pages_isolated(zone, {}, {}, {})", pfn, end, flags);
    case Call::has_unmovable_pages:
      return fmt::format("has_unmovable_pages(zone, PfnRange{{{}, {}}}, {}, {})", pfn, end, type,
                         flags);
    case Call::set_watermarks:
      return fmt::format("zone.set_watermarks({{{}, {}, {}}})", op.number, low_for(op.number),
                         high_for(op.number));
    case Call::offline_pages:
      return fmt::format("offline_pages(zone, {}, {}, NothingMoves{{}})", pfn, op.number);
    case Call::online_pages:
      return fmt::format("online_pages(zone, {}, {})", pfn, op.number);
    default:
      return to_code(op);
  }
}

}  // namespace detail

/// The same for a zone of @p Config.
template <ZoneConfig Config>
[[nodiscard]] std::string to_code_for(const Operation& op) {
  return is_later<Config> ? detail::code_of_v6_1(op) : to_code(op);
}

[[nodiscard]] inline std::string to_code(const Operation& op) {
  const std::string cpu = fmt::format("Cpu{{{}}}", op.cpu);
  const std::string pfn = fmt::format("Pfn{{{}}}", op.pfn);
  const std::string end = fmt::format("Pfn{{{}}}", op.end);
  const std::string order = fmt::format("Order{{{}}}", op.order);
  const std::string type = to_code(op.type);
  const std::string temperature =
      op.temperature == Temperature::hot ? "" : ", Temperature::cold";  // hot is the default
  switch (op.call) {
    case Call::alloc_pages:
      return fmt::format("alloc_pages(zone, {}, {}, {}{})", cpu, order, type, temperature);
    case Call::free_pages:
      return fmt::format("free_pages(zone, {}, {}, {}{})", cpu, pfn, order, temperature);
    case Call::get_page:
      return fmt::format("get_page(zone, {})", pfn);
    case Call::put_page:
      return fmt::format("put_page(zone, {}, {})", cpu, pfn);
    case Call::set_page_lru:
      return fmt::format("set_page_lru(zone, {}, true)", pfn);
    case Call::clear_page_lru:
      return fmt::format("set_page_lru(zone, {}, false)", pfn);
    case Call::split_page:
      return fmt::format("split_page(zone, {}, {})", pfn, order);
    case Call::split_free_page:
      return fmt::format("split_free_page(zone, {})", pfn);
    case Call::drain_pages:
      return fmt::format("drain_pages(zone, {})", cpu);
    case Call::drain_all_pages:
      return "drain_all_pages(zone)";
    case Call::set_migratetype_isolate:
      return fmt::format("set_migratetype_isolate(zone, {})", pfn);
    case Call::unset_migratetype_isolate:
      return fmt::format("unset_migratetype_isolate(zone, {}, {})", pfn, type);
    case Call::start_isolate_page_range:
      return fmt::format("start_isolate_page_range(zone, {}, {}, {})", pfn, end, type);
    case Call::undo_isolate_page_range:
      return fmt::format("undo_isolate_page_range(zone, {}, {}, {})", pfn, end, type);
    case Call::test_pages_isolated:
      return fmt::format("test_pages_isolated(zone, {}, {})", pfn, end);
    case Call::has_unmovable_pages:
      return fmt::format("has_unmovable_pages(zone, {}, {})", pfn, op.number);
    case Call::is_pageblock_removable_nolock:
      return fmt::format("is_pageblock_removable_nolock(zone, {})", pfn);
    case Call::set_pageblock_migratetype:
      return fmt::format("set_pageblock_migratetype(zone, {}, {})", pfn, type);
    case Call::move_freepages_block:
      return fmt::format("move_chunks_of_block(zone, {}, {})", pfn, type);
    case Call::zone_watermark_ok:
      return fmt::format("zone_watermark_ok(zone, {}, {}, {}, {:#x})", order, op.number,
                         op.classzone_idx, op.flags);
    case Call::zone_watermark_ok_safe:
      return fmt::format("zone_watermark_ok_safe(zone, {}, {}, {}, {:#x})", order, op.number,
                         op.classzone_idx, op.flags);
    case Call::alloc_contig_range:
      return fmt::format("alloc_contig_range(zone, {}, {}, {}, {}, NothingMoves{{}})", cpu, pfn,
                         end, type);
    case Call::free_contig_range:
      return fmt::format("free_contig_range(zone, {}, {}, {})", cpu, pfn, op.number);
    case Call::init_cma_reserved_pageblock:
      return fmt::format("init_cma_reserved_pageblock(zone, {})", pfn);
    case Call::offline_isolated_pages:
      return fmt::format("offline_isolated_pages(zone, {}, {})", pfn, end);
    case Call::set_watermarks:
      return fmt::format("zone.set_watermarks({{.low = {}}})", op.number);
    case Call::set_lowmem_reserve:
      return fmt::format("zone.set_lowmem_reserve({}, {})", op.classzone_idx, op.number);
    case Call::set_pageset:
      if (op.high_max != 0) {
        return fmt::format("zone.set_pageset({{{}, {}, {}}})", op.number, op.high, op.high_max);
      }
      return fmt::format("zone.set_pageset({}, {})", op.number, op.high);
    default:
      return "";
  }
}

}  // namespace pageblock::test
