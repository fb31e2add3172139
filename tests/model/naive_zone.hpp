// SPDX-License-Identifier: MIT
/// The naive model of v3.6: isolation and its clients, and operations on it all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include "model/naive_allocator.hpp"
#include "model/page_owner.hpp"
#include "support/operation.hpp"

namespace pageblock::test {

struct NaiveZone : NaiveAllocator {
  using NaiveAllocator::NaiveAllocator;

  static constexpr int busy = -16;

  /// The notifier chain.
  std::vector<PageOwner> owners{};

  // --- What makes a block unmovable.

  [[nodiscard]] bool has_unmovable(Number pfn, Number count) const {
    const MigrateType type = type_of(pfn);
    if (is_movable_zone || type == MigrateType::movable || type == MigrateType::cma) return false;
    Number found = 0;
    for (Number p = pfn; p < std::min(pfn + block_pages(), end_pfn());) {
      if (is_head(p)) {
        p += pages_of(order_of(p));
        continue;
      }
      if (is_in_use(p) && !at(p).is_lru) ++found;
      if (found > count) return true;
      ++p;
    }
    return false;
  }

  // --- Isolating and restoring one block.

  int set_isolate(Number pfn) {
    const MigrateType type = type_of(pfn);
    Number pages_found = 0;
    for (const PageOwner& owner : owners) {
      const Number found = owner.nr_pages_in(Pfn{pfn}, block_pages());
      pages_found += found;
      if (found == 0) continue;
      if (notifier_to_errno(owner.answer) != 0) return busy;
      if ((owner.answer & notify::stop_mask) != 0) break;
    }
    if (has_unmovable(pfn, pages_found)) return busy;
    if (type != MigrateType::isolate) {
      set_type(pfn, MigrateType::isolate);
      ++nr_pageblock_isolate;
    }
    move_block(pfn, MigrateType::isolate);
    drain_all();
    return 0;
  }

  void unset_isolate(Number pfn, MigrateType type) {
    check_type(type);
    if (type_of(pfn) != MigrateType::isolate) return;
    bug_if(nr_pageblock_isolate <= 0);
    move_block(pfn, type);
    set_type(pfn, type);
    --nr_pageblock_isolate;
  }

  // --- Ranges. Pfns outside the zone count as invalid.

  [[nodiscard]] std::optional<Number> first_valid(Number s, Number e) const {
    for (Number pfn = std::max(s, start_pfn); pfn < std::min(e, end_pfn()); ++pfn) {
      if (is_valid(pfn)) return pfn;
    }
    return std::nullopt;
  }

  int start_isolate(Number s, Number e, MigrateType type) {
    check_blocks(s, e);
    check_type(type);
    for (Number block = s; block < e; block += block_pages()) {
      const auto page = first_valid(block, block + block_pages());
      if (!page || set_isolate(*page) == 0) continue;
      for (Number undo = s; undo < block; undo += block_pages()) {
        if (spans(undo)) unset_isolate(undo, type);
      }
      return busy;
    }
    return 0;
  }

  int undo_isolate(Number s, Number e, MigrateType type) {
    check_blocks(s, e);
    check_type(type);
    // The counter is checked before anything is changed. A block that becomes something else is
    // found once, even if two aligned blocks share its type.
    const bool stays_isolate = type == MigrateType::isolate && mobility_grouping;
    std::multiset<std::size_t> isolated;
    for (Number pfn = s; pfn < e; pfn += block_pages()) {
      const auto page = first_valid(pfn, pfn + block_pages());
      if (!page || type_of(*page) != MigrateType::isolate) continue;
      if (stays_isolate || !isolated.contains(block(*page))) isolated.insert(block(*page));
    }
    bug_if(static_cast<std::int64_t>(isolated.size()) > nr_pageblock_isolate);
    for (Number pfn = s; pfn < e; pfn += block_pages()) {
      const auto page = first_valid(pfn, pfn + block_pages());
      if (page) unset_isolate(*page, type);
    }
    return 0;
  }

  [[nodiscard]] int test_isolated(Number s, Number e) const {
    for (Number pfn = s; pfn < e; pfn += block_pages()) {
      const auto page = first_valid(pfn, pfn + block_pages());
      if (page && type_of(*page) != MigrateType::isolate) return busy;
    }
    if (!first_valid(s, e)) return busy;
    for (Number pfn = s; pfn < e;) {
      if (is_head(pfn)) {
        pfn += pages_of(order_of(pfn));
      } else if (!is_valid(pfn) || (at(pfn).count == 0 && at(pfn).page_private == 5)) {
        ++pfn;
      } else {
        return busy;
      }
    }
    return 0;
  }

  // --- alloc_contig_range.

  int alloc_contig(Number cpu, Number s, Number e, MigrateType type) {
    bug_if(s >= e || !spans(s) || !spans(e - 1) || cpu >= pcps.size());
    const Number granule = pages_of(std::max(max_order - 1, block_order));
    const Number aligned_s = s / granule * granule;
    const Number aligned_e = (e + granule - 1) / granule * granule;
    int ret = 0;
    try {
      ret = start_isolate(aligned_s, aligned_e, type);
      if (ret == 0) ret = grab(cpu, s, e);
    } catch (const Bug&) {
      undo_isolate(aligned_s, aligned_e, type);
      throw;
    }
    undo_isolate(aligned_s, aligned_e, type);
    return ret;
  }

  void free_contig(Number cpu, Number pfn, Number nr) {
    bug_if(pfn < start_pfn || pfn + nr > end_pfn() || cpu >= pcps.size());
    for (Number i = 0; i < nr; ++i) bug_if(!is_in_use(pfn + i));
    for (Number i = 0; i < nr; ++i) free(cpu, pfn + i, 0, false);
  }

 private:
  int grab(Number cpu, Number s, Number e) {
    for (Number pfn = s; pfn < e; ++pfn) {
      if (is_in_use(pfn) && at(pfn).is_lru) return busy;
    }
    drain_all();
    Number outer = s;
    for (unsigned order = 0; !is_head(outer);) {
      if (++order == max_order) return busy;
      outer = s / pages_of(order) * pages_of(order);
    }
    if (test_isolated(outer, e) != 0) return busy;
    Number grabbed = outer;
    while (grabbed < e) {
      const Number nr = is_head(grabbed) ? split_free(grabbed) : 0;
      if (nr == 0) {
        while (grabbed > outer) free(cpu, --grabbed, 0, false);
        return busy;
      }
      grabbed += nr;
    }
    for (Number pfn = outer; pfn < s; ++pfn) free(cpu, pfn, 0, false);
    for (Number pfn = e; pfn < grabbed; ++pfn) free(cpu, pfn, 0, false);
    return 0;
  }

  void check_blocks(Number s, Number e) const {
    bug_if(s % block_pages() != 0 || e % block_pages() != 0);
  }
};

/// Does on the model what call() does on a zone. A broken contract throws Bug.
inline std::int64_t call(NaiveZone& zone, const Operation& op) {
  const std::uint64_t pfn = op.pfn.value();
  const std::uint64_t end = op.end.value();
  const std::uint64_t cpu = op.cpu.id();
  const unsigned order = op.order.value();
  const bool cold = op.temperature == Temperature::cold;
  switch (op.call) {
    case Call::alloc_pages:
      return zone.alloc(cpu, order, op.type, cold);
    case Call::free_pages:
      return zone.free(cpu, pfn, order, cold);
    case Call::get_page:
      zone.get(pfn);
      return 0;
    case Call::put_page:
      return zone.free(cpu, pfn, 0, false, true);
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
    case Call::drain_pages:
      zone.drain_cpu(cpu);
      return 0;
    case Call::drain_all_pages:
      zone.drain_all();
      return 0;
    case Call::set_migratetype_isolate:
      return zone.set_isolate(pfn);
    case Call::unset_migratetype_isolate:
      zone.unset_isolate(pfn, op.type);
      return 0;
    case Call::start_isolate_page_range:
      return zone.start_isolate(pfn, end, op.type);
    case Call::undo_isolate_page_range:
      return zone.undo_isolate(pfn, end, op.type);
    case Call::test_pages_isolated:
      return zone.test_isolated(pfn, end);
    case Call::has_unmovable_pages:
      return zone.has_unmovable(pfn, op.number) ? 1 : 0;
    case Call::is_pageblock_removable_nolock:
      return zone.spans(pfn) && !zone.has_unmovable(pfn, 0) ? 1 : 0;
    case Call::set_pageblock_migratetype:
      zone.check_type(op.type);
      zone.set_type(pfn, op.type);
      return 0;
    case Call::move_freepages_block:
      zone.check_type(op.type);
      zone.bug_if(!zone.spans(pfn));
      return static_cast<std::int64_t>(zone.move_block(pfn, op.type));
    case Call::zone_watermark_ok:
    case Call::zone_watermark_ok_safe: {
      const std::int64_t free_pages =
          op.call == Call::zone_watermark_ok ? zone.nr_free_pages : zone.free_pages_less_isolated();
      return zone.watermark_ok(order, op.number, op.classzone_idx, op.flags, free_pages) ? 1 : 0;
    }
    case Call::alloc_contig_range:
      return zone.alloc_contig(cpu, pfn, end, op.type);
    case Call::free_contig_range:
      zone.free_contig(cpu, pfn, op.number);
      return 0;
    case Call::init_cma_reserved_pageblock:
      zone.init_cma(pfn);
      return 0;
    case Call::offline_isolated_pages:
      zone.offline(pfn, end);
      return 0;
    case Call::set_watermarks:
      zone.low_watermark = op.number;
      return 0;
    case Call::set_lowmem_reserve:
      zone.bug_if(op.classzone_idx >= max_nr_zones);
      zone.lowmem_reserve[op.classzone_idx] = op.number;
      return 0;
    case Call::set_pageset:
      zone.bug_if(op.number == 0 || (op.high < op.number && (op.number != 1 || op.high != 0)));
      for (PcpImage& pcp : zone.pcps) {
        pcp.batch = op.number;
        pcp.high = op.high;
      }
      return 0;
    default:
      throw std::logic_error{"v3.6 has no such call"};
  }
}

}  // namespace pageblock::test
