// SPDX-License-Identifier: MIT
/// Moving one page: a copy is allocated, the page goes there, and what it was is freed.
///
/// Layer:  clients.
/// Kernel: alloc_migration_target(), unmap_and_move() (mm/migrate.c), lru_cache_add() (mm/swap.c).
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/contract.hpp"
#include "pageblock/base/cpu.hpp"
#include "pageblock/base/pfn.hpp"
#include "pageblock/clients/attempt.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/gfp.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_bits.hpp"
#include "pageblock/mm/page_ref.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock {

/// A page, or a compound page by its first, that is to move.
struct MigrationUnit {
  Pfn pfn;                                ///< The first page.
  Order order{};                          ///< Its size.
  std::uint32_t tries = 0;                ///< How often it was tried.
  Hindrance hindrance = Hindrance::none;  ///< of the last try

  friend bool operator==(const MigrationUnit&, const MigrationUnit&) = default;
};

/// For what pages are moved: kernels collect them differently.
enum class MigrationPurpose : std::uint8_t { contig, offline };

/// Where copies come from: a zone alone, which is asked without watermarks, or the zones of a node, as
/// requests for user memory ask them.
template <typename M>
concept Memory = requires(M& memory) {
  requires ZoneConfig<typename M::Config>;
  requires std::same_as<M, Zone<typename M::Config>> || std::same_as<M, Node<typename M::Config>>;
};

namespace detail {

template <ZoneConfig Config>
Zone<Config>* zone_with(Zone<Config>& zone, Pfn pfn) {
  return zone.spans(pfn) ? &zone : nullptr;
}
template <ZoneConfig Config>
Zone<Config>* zone_with(Node<Config>& node, Pfn pfn) {
  return node.zone_of(pfn);
}

// The order of the unit whose first page this is.
[[nodiscard]] constexpr Order unit_order(PageBits bits) {
  return bits.has(PageBits::compound) || bits.is_sized() ? bits.order() : Order{0};
}

// Copies of pages of a zone.
template <ZoneConfig Config>
std::optional<Page<Config>> alloc_copy(Zone<Config>& zone, const Zone<Config>&, Cpu cpu,
                                       Order order, bool compound, MigrationPurpose) {
  const auto page = alloc_pages(zone, cpu, order, MigrateType::movable);
  if constexpr (has_compound_pages<Config>) {
    if (page && compound) prep_compound_page(zone, page->pfn(), order);
  }
  return page;
}
template <ZoneConfig Config>
std::optional<Page<Config>> alloc_copy(Node<Config>& node, const Zone<Config>& source, Cpu cpu,
                                       Order order, bool compound, MigrationPurpose purpose) {
  // Only pages of Movable may go to Movable; in v3.6 also those that are in the way of offlining.
  const bool is_wide = source.type() == ZoneType::movable ||
                       (Config::semantics.offline_leaves == OfflineLeaves::reserved &&
                        purpose == MigrationPurpose::offline);
  const Gfp gfp{.migratetype = MigrateType::movable,
                .highest_zone = is_wide ? ZoneType::movable : ZoneType::normal,
                .kswapd_reclaim = order == Order{0},
                .compound = compound};
  return alloc_pages(node, cpu, order, gfp).page;
}

/// Moves pages of one zone on one CPU.
template <Memory M, PageMovability Pages>
class PageMover {
 public:
  using Config = typename M::Config;
  static constexpr const MigrationRules& rules = Config::semantics.migration;
  static constexpr bool migrates = may_migrate<Pages>;

  PageMover(M& memory, Zone<Config>& zone, Cpu cpu, Pages& pages, MigrationPurpose purpose,
            Candidate& record)
      : memory_{memory},
        zone_{zone},
        cpu_{cpu},
        pages_{pages},
        purpose_{purpose},
        record_{record} {}
  PageMover(const PageMover&) = delete;
  PageMover& operator=(const PageMover&) = delete;

  [[nodiscard]] Zone<Config>& zone() const { return zone_; }
  [[nodiscard]] Pages& pages() const { return pages_; }
  [[nodiscard]] MigrationPurpose purpose() const { return purpose_; }
  [[nodiscard]] Candidate& record() const { return record_; }

  /// Returns the first page of the memory for a copy, or nothing.
  [[nodiscard]] OptionalPfn alloc_copy_for(const MigrationUnit& unit) {
    const bool compound = zone_.memmap().bits(unit.pfn).has(PageBits::compound);
    const auto page = alloc_copy(memory_, zone_, cpu_, unit.order, compound, purpose_);
    if (!page) return {};
    ++record_.nr_copies;
    return page->pfn();
  }

  /// Gives back what alloc_copy_for() gave and nobody needs.
  void drop_copy(Pfn copy, const MigrationUnit& unit) {
    if constexpr (rules.frees_late) return wait_for_lru(copy, unit, Waits::to_be_freed);
    release(zone_of(copy), copy, unit.order);
  }

  /// Moves the page, with all references to it, and frees where it was.
  void move(const MigrationUnit& unit, Pfn copy) {
    Memmap<Config>& from = zone_.memmap();
    Zone<Config>& target = zone_of(copy);
    {
      const IrqSaveGuard guard{zone_.lock()};
      const std::uint32_t count = from.count(unit.pfn);
      if (count != 1) {
        from.set_count(unit.pfn, 1);
        target.memmap().set_count(copy, count);
      }
    }
    record_.nr_migrated += unit.order.nr_pages();
    pages_.moved(unit.pfn, copy, unit.order);
    if constexpr (rules.frees_late) {
      set_page_lru(zone_, unit.pfn, false);
      wait_for_lru(unit.pfn, unit, Waits::to_be_freed);
      return wait_for_lru(copy, unit, Waits::to_be_listed);
    }
    put_on_lru(target, copy, unit.order);
    release(zone_, unit.pfn, unit.order);
  }

  /// Frees a page that can be had again, without a copy.
  void drop(const MigrationUnit& unit) {
    if (zone_.memmap().count(unit.pfn) != 1) {
      const IrqSaveGuard guard{zone_.lock()};
      zone_.memmap().set_count(unit.pfn, 1);
    }
    record_.nr_reclaimed += unit.order.nr_pages();
    pages_.moved(unit.pfn, {}, unit.order);
    release(zone_, unit.pfn, unit.order);
  }

  /// Lets nothing wait any more. Kernel: lru_add_drain().
  void drain_lru() {
    if constexpr (rules.frees_late) {
      for (Waiting& waiting : waiting_) flush(waiting);
    }
  }

 private:
  enum class Waits : std::uint8_t { to_be_listed, to_be_freed };
  struct Slot {
    Pfn pfn;
    Waits waits;
  };
  using Waiting = std::vector<Slot>;
  static constexpr std::size_t nr_slots = 14;

  [[nodiscard]] Zone<Config>& zone_of(Pfn pfn) const {
    Zone<Config>* const zone = zone_with(memory_, pfn);
    return zone == nullptr ? zone_ : *zone;
  }

  static void put_on_lru(Zone<Config>& zone, Pfn pfn, Order order) {
    const IrqSaveGuard guard{zone.lock()};
    const bool compound = zone.memmap().bits(pfn).has(PageBits::compound);
    zone.memmap().transform(pfn, pfn + (compound ? order.nr_pages() : 1),
                            [](PageBits bits) { return bits.with(PageBits::lru); });
  }

  // Takes the last reference off a page, which leaves its LRU list.
  void release(Zone<Config>& zone, Pfn pfn, Order order) {
    if (order == Order{0} || zone.memmap().bits(pfn).has(PageBits::compound)) {
      put_page(zone, cpu_, pfn);
    } else {
      set_page_lru(zone, pfn, false);
      free_pages(zone, cpu_, pfn, order);
    }
  }

  // Pages on their way to an LRU list wait in a vector for each kind of list; who waits has a reference.
  void wait_for_lru(Pfn pfn, const MigrationUnit& unit, Waits waits) {
    const InUseKind kind = pages_.kind(unit.pfn);
    const bool is_file = kind == InUseKind::file || kind == InUseKind::file_clean;
    Waiting& waiting = waiting_[is_file ? 1 : 0];
    waiting.push_back({pfn, waits});
    if (waiting.size() == nr_slots) flush(waiting);
  }

  // Those that nobody else holds are collected at the head of a list, so the last is freed first.
  void flush(Waiting& waiting) {
    for (const Slot& slot : waiting) {
      if (slot.waits == Waits::to_be_listed) put_on_lru(zone_of(slot.pfn), slot.pfn, Order{0});
    }
    for (auto slot = waiting.rbegin(); slot != waiting.rend(); ++slot) {
      if (slot->waits == Waits::to_be_freed) release(zone_of(slot->pfn), slot->pfn, Order{0});
    }
    waiting.clear();
  }

  M& memory_;
  Zone<Config>& zone_;
  Cpu cpu_;
  Pages& pages_;
  MigrationPurpose purpose_;
  Candidate& record_;
  std::array<Waiting, 2> waiting_{};
};

}  // namespace detail
}  // namespace pageblock
