// SPDX-License-Identifier: MIT
/// Operations on the naive models.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "model/naive_v6_zone.hpp"
#include "model/naive_zone.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

/// Returns whether the kernel, and so the library, would not notice that @p op is a mistake: it treats a
/// page on a per-CPU list, or one that compaction has taken, as somebody's; frees a part of a compound
/// page, or behind the first page of a shared chunk what is free or somebody's; makes a compound page of
/// what has been used already, or puts a part of one on the LRU; gives back what it did not take, or (v6.12)
/// to another type than its blocks have by now; labels a block by hand, moves one to the isolated lists or one of which a
/// larger chunk is a part, or gives limits of less than four batches (all v6.12); or isolates a
/// block for none of its pages. What comes of that is not defined. Or it would wait for ever, for
/// somebody who has disabled the per-CPU lists.
[[nodiscard]] inline bool is_unnoticed_misuse(const NaiveBuddy& zone, const Operation& op) {
  const std::uint64_t first = op.pfn.value();
  const std::uint64_t end = first + op.order.nr_pages();
  const auto touches_free_pages = [&] {
    for (const auto& [pfn, order] : zone.taken_chunks) {
      if (pfn < end && first < pfn + NaiveBuddy::pages_of(order)) return true;
    }
    for (const PcpImage& pcp : zone.pcps) {
      for (std::size_t i = 0; i < pcp.lists.size(); ++i) {
        const std::uint64_t size = NaiveBuddy::pages_of(zone.order_of_list(i));
        for (const std::uint64_t pfn : pcp.lists[i]) {
          if (pfn < end && first < pfn + size) return true;
        }
      }
    }
    return false;
  };
  const auto is_compound = [&](std::uint64_t pfn) {
    return zone.spans(pfn) && zone.at(pfn).compound != 0;
  };
  const auto is_lru = [&](std::uint64_t pfn) { return zone.spans(pfn) && zone.at(pfn).is_lru; };
  switch (op.call) {
    case Call::free_contig_range:
      for (std::uint64_t pfn = first; pfn < first + op.number && zone.spans(pfn); ++pfn) {
        if (is_compound(pfn)) return true;
      }
      return false;
    case Call::set_pageset:
      if (zone.rules.lists_tune && op.high < 4 * op.number && op.high_max != 0) return true;
      return zone.has_disabled_pcps;
    case Call::zone_pcp_disable:
    case Call::offline_pages:
      return zone.has_disabled_pcps;
    case Call::split_page:
      return touches_free_pages();
    case Call::set_page_lru:
    case Call::clear_page_lru:
      return touches_free_pages() || (zone.spans(first) && zone.compound_head(first) != first);
    case Call::free_pages: {
      if (touches_free_pages()) return true;
      if (is_compound(first) && zone.at(first).compound != op.order.value()) return true;
      const bool frees_tails = zone.rules.isolates_by_scan && zone.spans(first) &&
                               zone.at(first).count > 1 && !is_compound(first);
      for (std::uint64_t pfn = first + 1; frees_tails && pfn < end; ++pfn) {
        if (!zone.is_valid(pfn) || zone.is_in_use(pfn) || zone.is_in_free_chunk(pfn)) return true;
      }
      return false;
    }
    case Call::prep_compound_page:
      for (std::uint64_t pfn = first; pfn < end; ++pfn) {
        if (is_lru(pfn)) return true;
      }
      return touches_free_pages() || op.order == Order{0} || !zone.spans(first) ||
             is_compound(first) || zone.at(first).is_reserved;
    case Call::putback_isolated_page:
      for (std::uint64_t pfn = first; zone.rules.lists_are_strict && pfn < end; ++pfn) {
        if (zone.spans(pfn) && zone.type_of(pfn) != op.type) return true;
      }
      return std::ranges::find(zone.taken_chunks, std::pair{first, op.order.value()}) ==
             zone.taken_chunks.end();
    case Call::set_pageblock_migratetype:
      return zone.rules.lists_are_strict;
    case Call::move_freepages_block:
      return zone.rules.lists_are_strict && zone.spans(first) &&
             (zone.has_larger_chunk(first) || op.type == MigrateType::isolate);
    case Call::set_migratetype_isolate: {
      if (!zone.rules.isolates_by_scan) return false;
      const Pfn block_end{(first / zone.block_pages() + 1) * zone.block_pages()};
      return std::max(op.pfn, op.start) >= std::min(block_end, op.end);
    }
    default:
      return false;
  }
}

/// Does on the model what call() does on a zone. A broken contract throws Bug.
inline std::int64_t call(NaiveV6Zone& zone, const Operation& op) {
  const std::uint64_t pfn = op.pfn.value();
  const std::uint64_t end = op.end.value();
  const std::uint64_t cpu = op.cpu.id();
  const unsigned order = op.order.value();
  switch (op.call) {
    case Call::alloc_pages:
      return zone.alloc(cpu, order, op.type, op.flags);
    case Call::alloc_pages_bulk: {
      std::uint64_t sum = 0;
      for (const std::uint64_t page : zone.alloc_bulk(cpu, op.type, op.number, op.flags)) {
        sum = mixed(sum, page);
      }
      return static_cast<std::int64_t>(sum);
    }
    case Call::free_pages:
      return zone.free(cpu, pfn, order);
    case Call::get_page:
      zone.get(pfn);
      return 0;
    case Call::put_page:
      return zone.put(cpu, pfn);
    case Call::set_page_lru:
      zone.set_lru(pfn, true);
      return 0;
    case Call::clear_page_lru:
      zone.set_lru(pfn, false);
      return 0;
    case Call::split_page:
      zone.split(pfn, order);
      return 0;
    case Call::split_free_page:
      return static_cast<std::int64_t>(zone.split_free(pfn));
    case Call::prep_compound_page:
      zone.make_compound(pfn, order);
      return 0;
    case Call::isolate_free_page:
      zone.bug_if(!zone.is_head(pfn));
      return static_cast<std::int64_t>(zone.isolate_free(pfn));
    case Call::putback_isolated_page:
      zone.put_back_taken(pfn, order, op.type);
      return 0;
    case Call::drain_pages:
      zone.drain_cpu(cpu);
      return 0;
    case Call::drain_all_pages:
      zone.drain_all();
      return 0;
    case Call::zone_pcp_disable:
      zone.disable_pcps();
      return 0;
    case Call::zone_pcp_enable:
      zone.enable_pcps();
      return 0;
    case Call::set_reclaim_active:
      zone.reclaim_active = op.number != 0;
      return 0;
    case Call::reserve_highatomic_pageblock:
      return zone.reserve_highatomic(pfn, order) ? 1 : 0;
    case Call::decay_pcp_high:
      return zone.tick(cpu) ? 1 : 0;
    case Call::set_below_high:
      zone.below_high = op.number != 0;
      return 0;
    case Call::unreserve_highatomic_pageblock:
      return zone.unreserve_highatomic(op.type, op.number != 0) ? 1 : 0;
    case Call::set_migratetype_isolate:
      zone.bug_if(!zone.spans(pfn));
      return zone.set_isolate(pfn, op.start.value(), end, op.type, op.flags);
    case Call::unset_migratetype_isolate:
      zone.check_type(op.type);
      zone.bug_if(!zone.spans(pfn));
      zone.unset_isolate(pfn, op.type);
      return 0;
    case Call::start_isolate_page_range:
      return zone.start_isolate(pfn, end, op.type, op.flags);
    case Call::undo_isolate_page_range:
      zone.undo_isolate(pfn, end, op.type);
      return 0;
    case Call::test_pages_isolated:
      return zone.test_isolated(pfn, end, op.flags);
    case Call::has_unmovable_pages: {
      zone.bug_if(pfn >= end || zone.down(pfn) != zone.down(end - 1));
      zone.bug_if(pfn < zone.down(zone.start_pfn) || pfn >= zone.up(zone.end_pfn()));
      const auto page = zone.find_unmovable(pfn, end, op.type, op.flags);
      return page ? static_cast<std::int64_t>(*page) : -1;
    }
    case Call::set_pageblock_migratetype:
      zone.check_type(op.type);
      zone.set_type(pfn, op.type);
      return 0;
    case Call::move_freepages_block:
      zone.check_type(op.type);
      zone.bug_if(!zone.spans(pfn));
      if (const auto moved = zone.move_block(pfn, op.type)) {
        return static_cast<std::int64_t>(moved->free);
      }
      return -1;
    case Call::zone_watermark_ok:
      return zone.watermark_ok(order, op.number, op.classzone_idx, op.flags) ? 1 : 0;
    case Call::alloc_contig_range:
      return zone.alloc_contig(cpu, pfn, end, op.type);
    case Call::free_contig_range:
      zone.free_contig(cpu, pfn, op.number);
      return 0;
    case Call::init_cma_reserved_pageblock:
      zone.init_cma(pfn);
      return 0;
    case Call::offline_pages:
      return zone.offline(pfn, pfn + op.number);
    case Call::online_pages:
      return zone.online(pfn, pfn + op.number);
    case Call::set_watermarks:
      zone.min_watermark = op.number;
      zone.low_watermark = low_for(op.number);
      zone.high_watermark = high_for(op.number);
      return 0;
    case Call::set_lowmem_reserve:
      zone.bug_if(op.classzone_idx >= max_nr_zones);
      zone.lowmem_reserve[op.classzone_idx] = op.number;
      return 0;
    case Call::set_pageset:
      zone.bug_if(op.number == 0 || (op.high < op.number && (op.number != 1 || op.high != 0)));
      zone.set_pageset(op.number, op.high, zone.rules.lists_tune ? op.high_max : 0);
      return 0;
    default:
      throw std::logic_error{"the kernel has no such call"};
  }
}

/// The same, with a broken contract as a result.
template <typename Model>
Result perform(Model& zone, const Operation& op) requires std::is_base_of_v<NaiveBuddy, Model> {
  try {
    return {.value = call(zone, op)};
  } catch (const Bug&) {
    return {.is_bug = true};
  }
}

/// The model for zones of @p Config.
template <ZoneConfig Config>
using NaiveOf = std::conditional_t<is_later<Config>, NaiveV6Zone, NaiveZone>;

template <ZoneConfig Config>
[[nodiscard]] ModelGeometry geometry_of() {
  return {Config::max_order, Config::pageblock_order,
          is_tuned<Config>   ? &rules::v6_12
          : is_later<Config> ? &rules::v6_1
                             : &rules::v3_6};
}

}  // namespace pageblock::test
