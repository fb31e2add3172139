// SPDX-License-Identifier: MIT
/// What the figures of the library stand beside: v3.6 as one would write it down first. A linked
/// record of 64 bytes for each page, a list for each order and type, a lock around each call. Plain
/// and honest: the same pfns, answers and list orders as a Zone, neither slowed down nor tuned.
///
///     page 0       page 1       page 2
///     +---------+  +---------+  +---------+
///     | links   |  | links ---> | links   |      free list of order 0: sentinel <-> 1 <-> 2 <-> ...
///     | count   |  | count   |  | count   |
///     | private |  | private |  | private |
///     | flags   |  | flags   |  | flags   |
///     +---------+  +---------+  +---------+
///
/// It knows what the workloads use: no holes, no reserved memory, no notifiers, no cold pages.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/migratetype.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/base/status.hpp"
#include "pageblock/mm/pcp.hpp"
#include "pageblock/mm/zone_layout.hpp"

#include "benchmark/reference_buddy.hpp"

namespace pageblock::benchmark {

/// The functions behind the class have the library's names, so that one workload runs on either.
template <Lockable Lock>
class ReferenceZone : public ReferenceBuddy {
 public:
  explicit ReferenceZone(const ZoneLayout& layout)
      : ReferenceBuddy{layout}, nr_cpus_{layout.nr_cpus} {
    const std::uint32_t batch = zone_batchsize(layout.spanned_pages, 128);
    set_pageset(std::max(batch, 1U), 6 * batch);
  }

  ReferenceZone(const ReferenceZone& other)
      : ReferenceBuddy{other},
        nr_cpus_{other.nr_cpus_},
        nr_pageblock_isolate_{other.nr_pageblock_isolate_} {
    for (std::size_t id = 0; id < pcps_.size(); ++id) {
      pcps_[id].count = other.pcps_[id].count;
      pcps_[id].batch = other.pcps_[id].batch;
      pcps_[id].high = other.pcps_[id].high;
      for (std::size_t type = 0; type < nr_pcp_types; ++type) {
        link(other, other.pcps_[id].lists[type], pcps_[id].lists[type]);
      }
    }
  }
  ReferenceZone& operator=(const ReferenceZone&) = delete;

  friend bool operator==(const ReferenceZone& a, const ReferenceZone& b) {
    const ReferenceBuddy& x = a;
    const ReferenceBuddy& y = b;
    return a.nr_pageblock_isolate_ == b.nr_pageblock_isolate_ && a.pcp_pfns() == b.pcp_pfns() &&
           x == y;
  }

  void set_pageset(std::uint32_t batch, std::uint32_t high) {
    for (PerCpu& pcp : pcps_) {
      pcp.batch = batch;
      pcp.high = high;
    }
  }

  std::optional<Pfn> alloc(Cpu cpu, Order order, MigrateType type) {
    Record* page =
        order == Order{0} ? alloc_from_pcp(pcps_[cpu.id()], type) : alloc_from_buddy(order, type);
    if (page == nullptr) return std::nullopt;
    page->page_private = 0;
    page->count = 1;
    return pfn_of(page);
  }

  /// Drops a reference, and frees the chunk if it was the last and no page is bad.
  void free(Cpu cpu, Pfn pfn, Order order) {
    Record& page = at(pfn);
    bug_on(page.count == 0, "nobody holds the page");
    if (--page.count != 0) return;
    for (const Record* tail = &page; tail != &page + order.nr_pages(); ++tail) {
      if (tail->count != 0 || tail->is_buddy || tail->is_lru) return;
    }
    if (order == Order{0}) return free_to_pcp(pcps_[cpu.id()], page);
    const IrqSaveGuard guard{lock_};
    free_one_page(pfn, order, type_of(pfn));
    mod_nr_free_pages(static_cast<std::int64_t>(order.nr_pages()));
  }

  void set_lru(Pfn pfn, bool lru) {
    const IrqSaveGuard guard{lock_};
    at(pfn).is_lru = lru;
  }

  void drain_all() {
    for (unsigned id = 0; id < nr_cpus_; ++id) {
      const IrqSaveGuard guard{pcps_[id].lock};
      if (pcps_[id].count != 0) free_pcppages_bulk(pcps_[id], pcps_[id].count);
    }
  }

  [[nodiscard]] bool has_unmovable(Pfn pfn, std::uint64_t count) const {
    const MigrateType type = type_of(pfn);
    if (type == MigrateType::movable || type == MigrateType::cma) return false;
    std::uint64_t found = 0;
    const Pfn end = std::min(pfn + pageblock_nr_pages, end_pfn());
    for (; pfn < end; ++pfn) {
      const Record& page = at(pfn);
      if (page.is_buddy) {
        pfn += (std::uint64_t{1} << page.page_private) - 1;
      } else if (page.count != 0 && !page.is_lru && ++found > count) {
        return true;
      }
    }
    return false;
  }

  Status set_isolate(Pfn pfn) {
    {
      const IrqSaveGuard guard{lock_};
      if (has_unmovable(pfn, 0)) return -Err::busy;
      if (type_of(pfn) != MigrateType::isolate) {
        set_type(pfn, MigrateType::isolate);
        ++nr_pageblock_isolate_;
      }
      move_freepages_block(pfn, MigrateType::isolate);
    }
    drain_all();
    return ok;
  }

  void unset_isolate(Pfn pfn, MigrateType type) {
    const IrqSaveGuard guard{lock_};
    if (type_of(pfn) != MigrateType::isolate) return;
    bug_on(nr_pageblock_isolate_ <= 0, "more blocks are isolated than were counted");
    move_freepages_block(pfn, type);
    set_type(pfn, type);
    --nr_pageblock_isolate_;
  }

  [[nodiscard]] Status test_isolated(Pfn start, Pfn end) {
    for (Pfn pfn = start; pfn < end; pfn += pageblock_nr_pages) {
      if (type_of(pfn) != MigrateType::isolate) return -Err::busy;
    }
    const IrqSaveGuard guard{lock_};
    for (Pfn pfn = start; pfn < end;) {
      const Record& page = at(pfn);
      if (page.is_buddy) {
        pfn += std::uint64_t{1} << page.page_private;
      } else if (page.count == 0 && page.page_private == index_of(MigrateType::isolate)) {
        ++pfn;
      } else {
        return -Err::busy;
      }
    }
    return start < end ? ok : -Err::busy;
  }

 private:
  struct alignas(64) PerCpu {
    Lock lock{};
    std::uint32_t count = 0;
    std::uint32_t batch = 1;
    std::uint32_t high = 0;
    std::array<List, nr_pcp_types> lists{};
  };

  Record* alloc_from_buddy(Order order, MigrateType type) {
    const IrqSaveGuard guard{lock_};
    Record* page = rmqueue(order, type);
    if (page != nullptr) mod_nr_free_pages(-static_cast<std::int64_t>(order.nr_pages()));
    return page;
  }

  Record* alloc_from_pcp(PerCpu& pcp, MigrateType type) {
    const IrqSaveGuard guard{pcp.lock};
    List& list = pcp.lists[index_of(type)];
    if (list.empty()) refill(pcp, type);
    if (list.empty()) return nullptr;
    Record* page = list.head();
    List::del(page);
    --pcp.count;
    return page;
  }

  void refill(PerCpu& pcp, MigrateType type) {
    const std::lock_guard guard{lock_};
    for (std::uint32_t i = 0; i < pcp.batch; ++i) {
      Record* page = rmqueue(Order{0}, type);
      if (page == nullptr) return;
      const MigrateType block_type = type_of(pfn_of(page));
      const bool keeps = block_type == MigrateType::cma || block_type == MigrateType::isolate;
      page->page_private = index_of(keeps ? block_type : type);
      pcp.lists[index_of(type)].add_tail(page);
      ++pcp.count;
      mod_nr_free_pages(-1);
    }
  }

  void free_to_pcp(PerCpu& pcp, Record& page) {
    const IrqSaveGuard guard{pcp.lock};
    const MigrateType type = type_of(pfn_of(&page));
    page.page_private = index_of(type);
    if (type == MigrateType::isolate) {
      const std::lock_guard zone_guard{lock_};
      free_one_page(pfn_of(&page), Order{0}, type);
      mod_nr_free_pages(1);
      return;
    }
    pcp.lists[index_of(is_pcp_type(type) ? type : MigrateType::movable)].add_head(&page);
    if (++pcp.count >= pcp.high) free_pcppages_bulk(pcp, std::min(pcp.batch, pcp.count));
  }

  void free_pcppages_bulk(PerCpu& pcp, std::uint32_t nr) {
    const std::lock_guard guard{lock_};
    std::size_t type = 0;
    std::uint32_t batch_free = 0;
    for (std::uint32_t to_free = nr; to_free != 0;) {
      do {
        ++batch_free;
        type = (type + 1) % nr_pcp_types;
      } while (pcp.lists[type].empty());
      if (batch_free == nr_pcp_types) batch_free = to_free;
      do {
        Record* page = pcp.lists[type].tail();
        List::del(page);
        free_one_page(pfn_of(page), Order{0}, static_cast<MigrateType>(page->page_private));
      } while (--to_free != 0 && --batch_free != 0 && !pcp.lists[type].empty());
    }
    pcp.count -= nr;
    mod_nr_free_pages(nr);
  }

  [[nodiscard]] std::vector<Pfn> pcp_pfns() const {
    std::vector<Pfn> pfns;
    for (const PerCpu& pcp : pcps_) {
      for (const List& list : pcp.lists) append(pfns, list);
    }
    return pfns;
  }

  unsigned nr_cpus_ = 1;
  std::int64_t nr_pageblock_isolate_ = 0;
  std::array<PerCpu, DefaultConfig::nr_cpus> pcps_{};
  Lock lock_{};
};

template <Lockable Lock>
std::optional<Pfn> alloc_pages(ReferenceZone<Lock>& zone, Cpu cpu, Order order, MigrateType type) {
  return zone.alloc(cpu, order, type);
}
template <Lockable Lock>
void free_pages(ReferenceZone<Lock>& zone, Cpu cpu, Pfn pfn, Order order) {
  zone.free(cpu, pfn, order);
}
template <Lockable Lock>
void set_page_lru(ReferenceZone<Lock>& zone, Pfn pfn, bool lru) {
  zone.set_lru(pfn, lru);
}
template <Lockable Lock>
void drain_all_pages(ReferenceZone<Lock>& zone) {
  zone.drain_all();
}
template <Lockable Lock>
bool has_unmovable_pages(const ReferenceZone<Lock>& zone, Pfn pfn, std::uint64_t count) {
  return zone.has_unmovable(pfn, count);
}
template <Lockable Lock>
Status set_migratetype_isolate(ReferenceZone<Lock>& zone, Pfn pfn) {
  return zone.set_isolate(pfn);
}
template <Lockable Lock>
void unset_migratetype_isolate(ReferenceZone<Lock>& zone, Pfn pfn, MigrateType type) {
  zone.unset_isolate(pfn, type);
}
template <Lockable Lock>
Status start_isolate_page_range(ReferenceZone<Lock>& zone, Pfn start, Pfn end, MigrateType type) {
  for (Pfn pfn = start; pfn < end; pfn += zone.pageblock_nr_pages) {
    if (zone.set_isolate(pfn) == ok) continue;
    for (Pfn undo = start; undo < pfn; undo += zone.pageblock_nr_pages) {
      zone.unset_isolate(undo, type);
    }
    return -Err::busy;
  }
  return ok;
}
template <Lockable Lock>
Status undo_isolate_page_range(ReferenceZone<Lock>& zone, Pfn start, Pfn end, MigrateType type) {
  for (Pfn pfn = start; pfn < end; pfn += zone.pageblock_nr_pages) zone.unset_isolate(pfn, type);
  return ok;
}
template <Lockable Lock>
Status test_pages_isolated(ReferenceZone<Lock>& zone, Pfn start, Pfn end) {
  return zone.test_isolated(start, end);
}

}  // namespace pageblock::benchmark
