// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: per-CPU lists.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "model/naive_fallback.hpp"

namespace pageblock::test {

struct NaiveV6Lists : NaiveFallback {
  /// The order of huge pages, of which CPUs have lists too; 0 for none.
  unsigned huge_order;

  NaiveV6Lists(ModelGeometry geometry, const ZoneLayout& layout)
      : NaiveFallback{geometry, layout},
        huge_order{rules.pcp_has_huge && block_order > rules.pcp_order ? block_order : 0} {
    // With a low watermark of 0, which the CPUs would share.
    const Number batch = std::max<Number>(batch_of(managed_pages, 256), 1);
    const Number share = managed_pages / 8 / std::max<Number>(pcps.size(), 1);
    set_pageset(batch, 4 * batch, rules.lists_tune ? std::max(share, 4 * batch) : 0);
  }

  /// Where lists tune themselves, @p high is the lower limit.
  void set_pageset(Number batch, Number high, Number high_max = 0) {
    saved_batch = batch;
    saved_high = high;
    saved_high_max = high_max;
    set_limits(batch, high, high_max);
  }
  void set_limits(Number batch, Number high, Number high_max) {
    for (PcpImage& pcp : pcps) {
      pcp.batch = batch;
      (rules.lists_tune ? pcp.high_min : pcp.high) = high;
      pcp.high_max = high_max;
    }
  }

  // --- Per-CPU lists: for orders 0 to 3 one of each ordinary type, and two of huge pages.

  [[nodiscard]] bool has_lists(unsigned order) const {
    return order <= rules.pcp_order || (huge_order != 0 && order == huge_order);
  }
  [[nodiscard]] std::size_t list_index(unsigned order, MigrateType type) const {
    if (order > rules.pcp_order) {
      return 3 * (rules.pcp_order + 1) + (type == MigrateType::movable ? 1 : 0);
    }
    return 3 * order + number(type);
  }
  void free_to_pcp(PcpImage& pcp, Number pfn, unsigned order) {
    const MigrateType type = type_of(pfn);
    if (type == MigrateType::isolate) return free_to_buddy(pfn, order);
    at(pfn).page_private = rules.lists_are_strict ? 0 : number(type);
    const std::size_t index = list_index(order, is_ordinary(type) ? type : MigrateType::movable);
    pcp.lists[index].insert(pcp.lists[index].begin(), pfn);
    pcp.count += pages_of(order);
    if (rules.lists_tune) return drain_tuned(pcp, order, index);

    const bool all = pcp.free_factor != 0 && order >= 1 && order <= 3;
    Number limit = reclaim_active ? std::min(4 * pcp.batch, pcp.high) : pcp.high;
    if (all) limit = 0;
    if (pcp.count < limit) return;
    if (all) return drain(pcp, pcp.count, index);
    if (limit < pcp.batch) return drain(pcp, 1, index);
    const Number most = limit - pcp.batch;
    const Number nr = pcp.batch << pcp.free_factor;
    if (nr < most && pcp.free_factor < 5) ++pcp.free_factor;
    drain(pcp, std::min(std::max(nr, pcp.batch), most), index);
  }

  // --- Limits that follow what is asked for.

  void clamp_high(PcpImage& pcp) const {
    pcp.high = std::min(std::max(pcp.high, pcp.high_min), pcp.high_max);
  }
  void lower_high(PcpImage& pcp, Number by) const {
    pcp.high = std::max(pcp.high - std::min(by, pcp.high), pcp.high_min);
  }

  void drain_tuned(PcpImage& pcp, unsigned order, std::size_t index) {
    const Number most = pcp.batch << 5;
    bool all = false;
    pcp.alloc_factor /= 2;
    if (order >= 1 && order <= 3) {
      const Number needed = pcp.batch + (rules.waits_half_high ? pcp.high_min / 2 : 0);
      all = pcp.free_count >= needed && pcp.freed_high_order &&
            (!pcp.drains_a_batch || pcp.count >= pcp.batch);
      pcp.freed_high_order = true;
    } else {
      pcp.freed_high_order = false;
    }
    if (pcp.free_count < most) pcp.free_count += pages_of(order);

    clamp_high(pcp);
    const Number high = pcp.high;
    const Number recent = std::max(pcp.free_count, pcp.batch);
    Number limit = high;
    if (high == 0) {
      limit = 0;
    } else if (all) {
      lower_high(pcp, most);
      limit = 0;
    } else if (reclaim_active) {
      lower_high(pcp, recent);
      limit = std::min(4 * pcp.batch, pcp.high);
    } else if (pcp.high_min == pcp.high_max) {
      limit = high;
    } else if (below_high) {
      lower_high(pcp, recent);
      limit = std::max(pcp.count, pcp.high_min);
    } else if (pcp.count >= high) {
      const Number needed = pcp.free_count + pcp.batch;
      if (pcp.high < needed) pcp.high = std::min(std::max(needed, pcp.high_min), pcp.high_max);
    }
    if (pcp.count < limit) return;

    Number nr = 1;
    if (all) {
      nr = std::min(pcp.count, most);
    } else if (limit >= pcp.batch) {
      const Number rest = limit - pcp.batch;
      nr = pcp.free_count >= rest ? rest : std::max(pcp.free_count, pcp.batch);
    }
    if (!rules.drains_in_batches) {
      drain(pcp, nr, index);
    } else {
      for (Number rest = nr; rest > 0 && pcp.count > 0; rest -= std::min(rest, pcp.batch)) {
        drain(pcp, std::min(rest, pcp.batch), index);
      }
    }
    if (below_high && has_free_above(high_watermark + watermark_boost)) below_high = false;
  }
  /// Whether a request of one page that may not use a reserve, and begins at the movable zone, would find more than
  /// @p mark.
  [[nodiscard]] bool has_free_above(Number mark) const {
    const auto reserve = static_cast<std::int64_t>(mark + lowmem_reserve.back());
    return nr_free_pages - nr_free_highatomic - nr_free_cma > reserve;
  }

  Number tuned_refill(PcpImage& pcp, unsigned order) const {
    clamp_high(pcp);
    Number high = pcp.high;
    if (high < pcp.batch) return 1;
    Number nr = order == 0 ? pcp.batch << pcp.alloc_factor : pcp.batch;
    if (pcp.high_min != pcp.high_max && !below_high) {
      pcp.high = std::min(high + nr, pcp.high_max);
      high = pcp.high;
    }
    if (order == 0) {
      const auto room = static_cast<std::int64_t>(high) - static_cast<std::int64_t>(pcp.count) -
                        static_cast<std::int64_t>(pcp.batch);
      const auto most = std::max(room, static_cast<std::int64_t>(pcp.batch));
      if (nr <= static_cast<Number>(most) && pcp.alloc_factor < 5) ++pcp.alloc_factor;
      nr = std::min(nr, static_cast<Number>(most));
    }
    return nr > 1 ? std::max<Number>(nr >> order, 2) : nr;
  }

  /// What happens once in a second. Returns whether there was anything to do.
  bool tick(Number cpu) {
    check_cpu(cpu);
    PcpImage& pcp = pcps[cpu];
    bool changes = false;
    if (pcp.high > pcp.high_min) {
      const Number most = pcp.batch << 5;
      const Number kept = pcp.count - std::min(most, pcp.count);
      pcp.high = std::max({kept, pcp.high - pcp.high / 8, pcp.high_min});
      changes = pcp.high > pcp.high_min;
    }
    if (pcp.count <= pcp.high) return changes;
    for (Number rest = pcp.count - pcp.high; rest > 0;) {
      const Number nr = std::min(rest, pcp.batch);
      drain(pcp, nr);
      rest -= nr;
    }
    return true;
  }

  /// Frees @p nr pages, or a few more of the last chunk: the tail of list @p index until it is empty, then
  /// that of the next one.
  void drain(PcpImage& pcp, Number nr, std::size_t index = 0) {
    nr = std::min(nr, pcp.count);
    while (nr > 0) {
      Pfns& list = pcp.lists[index];
      if (list.empty()) {
        index = (index + 1) % pcp.lists.size();
        continue;
      }
      const Number pfn = list.back();
      list.pop_back();
      const unsigned order = order_of_list(index);
      const bool asks = rules.lists_are_strict || nr_pageblock_isolate != 0;
      const MigrateType type = asks ? type_of(pfn) : remembered(pfn);
      at(pfn).page_private = 0;
      count(type, signed_pages(order));
      free_chunk(pfn, order, type);
      pcp.count -= pages_of(order);
      nr -= std::min(nr, pages_of(order));
    }
  }
  void drain_cpu(Number cpu) {
    check_cpu(cpu);
    drain(pcps[cpu], pcps[cpu].count);
  }
  void drain_all() {
    for (PcpImage& pcp : pcps) drain(pcp, pcp.count);
  }
  void disable_pcps() {
    has_disabled_pcps = true;
    set_limits(1, 0, 0);
    drain_all();
  }
  void enable_pcps() {
    bug_if(!has_disabled_pcps);
    has_disabled_pcps = false;
    set_limits(saved_batch, saved_high, saved_high_max);
  }

  std::optional<Number> take_from_pcp(PcpImage& pcp, unsigned order, MigrateType type,
                                      unsigned flags) {
    Pfns& list = pcp.lists[list_index(order, type)];
    if (list.empty()) refill(pcp, list, order, type, flags);
    if (list.empty()) return std::nullopt;
    const Number pfn = list.front();
    list.erase(list.begin());
    pcp.count -= pages_of(order);
    return pfn;
  }

  void refill(PcpImage& pcp, Pfns& list, unsigned order, MigrateType type, unsigned flags) {
    const bool is_urgent = rules.buddy_reserves && (flags & naive_flags::highatomic) != 0;
    Number nr = pcp.batch > 1 ? std::max<Number>(pcp.batch >> order, 2) : pcp.batch;
    if (rules.lists_tune) nr = tuned_refill(pcp, order);
    if (is_urgent) return;
    NaiveMode mode = NaiveMode::own;
    Number got = 0;
    for (; got < nr; ++got) {
      const auto pfn = request(order, type, flags, mode);
      if (!pfn) break;
      list.push_back(*pfn);
      if (rules.lists_are_strict) at(*pfn).page_private = 0;
      // Before strict lists those of CMA are counted at once, the others at the end.
      else if (remembered(*pfn) == MigrateType::cma)
        nr_free_cma -= signed_pages(order);
    }
    if (!rules.lists_are_strict) nr_free_pages -= static_cast<std::int64_t>(got * pages_of(order));
    pcp.count += got * pages_of(order);
  }
};

}  // namespace pageblock::test
