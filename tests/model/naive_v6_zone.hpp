// SPDX-License-Identifier: MIT
/// The naive model from v6.1 on: the clients of isolation.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/naive_v6_isolation.hpp"

namespace pageblock::test {

struct NaiveV6Zone : NaiveV6Isolation {
  using NaiveV6Isolation::NaiveV6Isolation;

  // --- Contiguous ranges. Nothing is migrated.

  int alloc_contig(Number cpu, Number s, Number e, MigrateType type, bool is_compound = false) {
    bug_if(s >= e || !spans(s) || !spans(e - 1));
    check_cpu(cpu);
    int ret = start_isolate(s, e, type, 0);
    if (ret == 0) ret = take_range(cpu, s, e, is_compound);
    undo_isolate(s, e, type);  // whoever had isolated it
    return ret;
  }

  int take_range(Number cpu, Number s, Number e, bool is_compound) {
    drain_all();
    Number outer = s;
    for (unsigned order = 0; order < max_order; ++order) {
      const Number head = s & ~(pages_of(order) - 1);
      if (!is_head(head)) continue;
      if (head + pages_of(order_of(head)) > s) outer = head;
      break;
    }
    if (test_isolated(outer, e, 0) != 0) return busy;
    Number taken = outer;
    std::vector<std::pair<unsigned, Number>> chunks;
    while (taken < e) {
      if (!is_head(taken)) {  // a block without memory
        give_back(cpu, outer, taken, std::move(chunks));
        return busy;
      }
      chunks.emplace_back(order_of(taken), taken);
      taken += isolate_free(taken);
      taken_chunks.pop_back();
    }
    if (is_compound) {
      // What lies beside a range that is not exact is lost, and so is the range.
      if (outer != s || taken != e || !std::has_single_bit(e - s)) return invalid;
      at(s).count = 1;
      make_compound(s, static_cast<unsigned>(std::countr_zero(e - s)));
      return 0;
    }
    for (Number pfn = outer; pfn < taken; ++pfn) at(pfn).count = 1;
    free_contig(cpu, outer, s - outer);
    free_contig(cpu, e, taken - e);
    return 0;
  }

  void give_back(Number cpu, Number s, Number e, std::vector<std::pair<unsigned, Number>> chunks) {
    if (!rules.gives_back_chunks) {
      for (Number pfn = s; pfn < e; ++pfn) at(pfn).count = 1;
      while (e > s) free(cpu, --e, 0);
      return;
    }
    std::ranges::sort(chunks);
    for (const auto& [order, pfn] : chunks) {
      at(pfn).count = 1;
      free(cpu, pfn, order);
    }
  }

  void free_contig(Number cpu, Number pfn, Number nr) {
    check_cpu(cpu);
    bug_if(pfn < start_pfn || pfn + nr > end_pfn());
    if (rules.gives_back_chunks && nr != 0 && compound_order(pfn) != 0) {
      bug_if(nr != pages_of(compound_order(pfn)));
      free(cpu, pfn, compound_order(pfn));
      return;
    }
    for (Number i = 0; i < nr; ++i) bug_if(!is_in_use(pfn + i));
    if (rules.frees_runs_as_chunks) return free_run(cpu, pfn, pfn + nr);
    for (Number i = 0; i < nr; ++i) free(cpu, pfn + i, 0);
  }

  /// Drops a reference to each page, and frees what nobody holds then in aligned chunks. A run ends at a page that is
  /// held still, and at a section.
  void free_run(Number cpu, Number pfn, Number end) {
    constexpr Number section = 1U << 15U;
    while (pfn < end) {
      const Number limit = std::min(end, (pfn / section + 1) * section);
      Number run_end = pfn;
      while (run_end < limit && --at(run_end).count == 0) ++run_end;
      const Number next = run_end < limit ? run_end + 1 : run_end;
      while (pfn < run_end) {
        unsigned order = 0;
        while (order + 1 < max_order && pfn % pages_of(order + 1) == 0 &&
               pfn + pages_of(order + 1) <= run_end) {
          ++order;
        }
        free_unused(cpu, pfn, order);
        pfn += pages_of(order);
      }
      pfn = next;
    }
  }

  // --- Memory that goes, and comes back.

  [[nodiscard]] bool is_hotplug_range(Number s, Number e) const {
    return s < e && s % block_pages() == 0 && e % block_pages() == 0 && spans(s) && spans(e - 1);
  }

  int offline(Number s, Number e) {
    if (!is_hotplug_range(s, e)) return invalid;
    for (Number pfn = s; pfn < e; ++pfn) {
      if (!is_valid(pfn)) return invalid;
    }
    disable_pcps();
    int ret = start_isolate(s, e, MigrateType::movable, memory_offline);
    if (ret == 0 && test_isolated(s, e, memory_offline) != 0) {
      ret = interrupted;  // it would try for ever to empty the range
      undo_isolate(s, e, MigrateType::movable);
    }
    if (ret == 0) {
      for (Number pfn = s; pfn < e; ++pfn) {
        if (is_head(pfn)) take_off(pfn);  // what is isolated is not counted
      }
      for (Number pfn = s; pfn < e; ++pfn) at(pfn) = {.is_valid = false};
      nr_pageblock_isolate -= static_cast<std::int64_t>((e - s) / block_pages());
      present_pages -= e - s;
      managed_pages -= e - s;
    }
    enable_pcps();
    return ret;
  }

  int online(Number s, Number e) {
    if (!is_hotplug_range(s, e) || has_memory(s, e)) return invalid;
    for (Number pfn = s; pfn < e; ++pfn) at(pfn) = {};
    for (Number pfn = s; pfn < e; pfn += block_pages()) set_type(pfn, MigrateType::isolate);
    nr_pageblock_isolate += static_cast<std::int64_t>((e - s) / block_pages());
    for (Number pfn = s; pfn < e;) {
      unsigned order = 0;
      while (order + 1 < max_order && pfn % pages_of(order + 1) == 0 &&
             pfn + pages_of(order + 1) <= e) {
        ++order;
      }
      free_to_buddy(pfn, order, true);
      pfn += pages_of(order);
    }
    present_pages += e - s;
    managed_pages += e - s;
    undo_isolate(s, e, MigrateType::movable);
    return 0;
  }
};

}  // namespace pageblock::test
