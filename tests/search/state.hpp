// SPDX-License-Identifier: MIT
/// A tiny zone together with what its users know: a state of the search.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/zone.hpp"

namespace pageblock::search {

/// The flaws of the kernels by number, as search/README.md lists them: 1 to 18 were known, the others
/// were found by this search. 0: no flaw explains it, so it is ours.
using Row = unsigned;
inline constexpr Row unexplained = 0;
inline constexpr Row nr_rows = 22;

/// Linux v3.6.
struct V3_6 {
  static constexpr Semantics semantics = kernel::v3_6;
  static constexpr std::array<Row, 21> flaws{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                             12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
};

/// Linux v6.1, whose per-CPU lists are of single pages and of blocks only. There chunks of up to 8 pages
/// have lists, too, and a block is larger than these; in a zone of a few pages it could not be.
struct V6_1 {
  static constexpr Semantics semantics = [] {
    Semantics result = kernel::v6_1;
    result.pcp_order = 0;
    return result;
  }();
  static constexpr std::array<Row, 10> flaws{3, 4, 5, 6, 11, 14, 19, 20, 21, 22};
};

/// Linux v6.12, in the same way.
struct V6_12 {
  static constexpr Semantics semantics = [] {
    Semantics result = kernel::v6_12;
    result.pcp_order = 0;
    return result;
  }();
  static constexpr std::array<Row, 5> flaws{3, 11, 14, 20, 21};
};

/// Blocks of 2^PageblockOrder pages, chunks up to order MaxOrder - 1.
template <unsigned MaxOrder, unsigned PageblockOrder, unsigned NrCpus, typename Kernel = V3_6>
struct SmallConfig : DefaultConfig {
  static constexpr Semantics semantics = Kernel::semantics;
  static constexpr auto& flaws = Kernel::flaws;
  static constexpr unsigned max_order = MaxOrder;
  static constexpr unsigned pageblock_order = PageblockOrder;
  static constexpr unsigned nr_cpus = NrCpus;
  using Lock = NullLock;
};

inline constexpr std::size_t max_pages = 12;

/// A zone, and for each page that begins an allocation its order + 1.
template <ZoneConfig Config>
struct State {
  Zone<Config> zone;
  std::array<std::uint8_t, max_pages> held{};

  friend bool operator==(const State& a, const State& b) {
    return a.held == b.held && a.zone == b.zone;
  }
  [[nodiscard]] std::size_t hash() const {
    std::size_t sum = zone.hash();
    const auto mix = [&sum](std::size_t value) { sum = sum * 31 + value; };
    for (const std::uint8_t order : held) mix(order);
    if constexpr (Config::semantics.pcp_tuning == PcpTuning::tuned) {
      // The zone's hash knows what is on the lists. Here very many states differ in nothing but how
      // the lists were used lately.
      for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
        const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
        for (const std::uint32_t value : {pcp.high, pcp.alloc_factor, pcp.free_count}) mix(value);
        mix(pcp.prev_free_high_order ? 1 : 0);
      }
    }
    return sum;
  }
};

/// Where a page is.
struct Where {
  enum Kind : std::uint8_t { nowhere, held_head, held_tail, chunk, pcp };
  Kind kind = nowhere;
  /// Of a chunk or an allocation: its first page and its order.
  std::uint8_t head = 0;
  std::uint8_t order = 0;
  /// The free list.
  MigrateType list = MigrateType::movable;

  [[nodiscard]] bool is_held() const { return kind == held_head || kind == held_tail; }
  [[nodiscard]] bool is_free() const { return kind == chunk || kind == pcp; }
};

/// What a spectator sees of a zone of a few pages, page by page. Pages are counted from the zone's
/// start; the pfn of page 0 is `start`.
struct Picture {
  std::uint64_t start = 0;
  std::size_t nr_pages = 0;
  std::array<Where, max_pages> pages{};
  std::array<MigrateType, max_pages> type{};  // of each page's block
  bool is_contradictory = false;              // a page is in two places

  [[nodiscard]] Pfn pfn(std::size_t page) const { return Pfn{start + page}; }
  [[nodiscard]] bool is_isolated(std::size_t page) const {
    return type[page] == MigrateType::isolate;
  }
  /// Free, in an isolated block, and yet to be had.
  [[nodiscard]] bool is_exposed(std::size_t page) const {
    const Where& where = pages[page];
    return is_isolated(page) && where.is_free() &&
           !(where.kind == Where::chunk && where.list == MigrateType::isolate);
  }
  /// Free, in a block that is not isolated, and yet not to be had.
  [[nodiscard]] bool is_captive(std::size_t page) const {
    const Where& where = pages[page];
    return !is_isolated(page) && where.kind == Where::chunk && where.list == MigrateType::isolate;
  }
};

template <ZoneConfig Config>
[[nodiscard]] Picture picture_of(const State<Config>& state) {
  const Zone<Config>& zone = state.zone;
  Picture picture;
  picture.start = zone.start_pfn().value();
  picture.nr_pages = static_cast<std::size_t>(zone.spanned_pages());
  const auto put = [&](std::size_t page, const Where& where) {
    if (picture.pages[page].kind != Where::nowhere) picture.is_contradictory = true;
    picture.pages[page] = where;
  };
  const auto put_chunk = [&](std::size_t head, unsigned order, Where where) {
    where.head = static_cast<std::uint8_t>(head);
    where.order = static_cast<std::uint8_t>(order);
    for (std::size_t page = head; page < head + (std::size_t{1} << order); ++page) {
      put(page, where);
      if (where.kind == Where::held_head) where.kind = Where::held_tail;
    }
  };
  for (std::size_t page = 0; page < picture.nr_pages; ++page) {
    picture.type[page] = zone.pageblock_flags().get(picture.pfn(page));
    if (state.held[page] != 0) put_chunk(page, state.held[page] - 1U, {.kind = Where::held_head});
  }
  for (const MigrateType type : Config::semantics.migratetypes) {
    for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
      for (const Pfn pfn : zone.free_list(order, type)) {
        put_chunk(pfn - zone.start_pfn(), order.value(), {.kind = Where::chunk, .list = type});
      }
    }
  }
  for (unsigned id = 0; id < zone.nr_cpus(); ++id) {
    const PerCpuPages<Config>& pcp = zone.pcp(Cpu{id});
    for (std::size_t index = 0; index < pcp.nr_lists; ++index) {
      const Order order = pcp.order_of_list(index);
      const PcpList& list = pcp.lists[index];
      for (std::size_t i = 0; i < list.size(); ++i) {
        put_chunk(list[i] - zone.start_pfn(), order.value(), {.kind = Where::pcp});
      }
    }
  }
  return picture;
}

/// Returns how many pageblocks have type isolate.
template <ZoneConfig Config>
[[nodiscard]] std::int64_t nr_isolated(const Zone<Config>& zone) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < zone.pageblock_flags().size(); ++i) {
    if (zone.pageblock_flags()[i] == MigrateType::isolate) ++sum;
  }
  return sum;
}

/// Returns whether a request may have what is on the list of a type: one that may use CMA blocks, or not.
/// v6.1 keeps a list for urgent requests, which are none of those here.
[[nodiscard]] constexpr bool is_available(MigrateType list, bool may_use_cma) {
  return list != MigrateType::isolate && list != MigrateType::highatomic &&
         (list != MigrateType::cma || may_use_cma);
}

/// By how much the counters of free pages differ from what is on the lists.
struct Drift {
  std::int64_t free = 0;
  std::int64_t free_cma = 0;

  [[nodiscard]] bool any() const { return free != 0 || free_cma != 0; }
};

template <ZoneConfig Config>
[[nodiscard]] Drift drift_of(const Zone<Config>& zone, const Picture& picture) {
  Drift drift{zone.nr_free_pages(), zone.nr_free_cma_pages()};
  for (std::size_t page = 0; page < picture.nr_pages; ++page) {
    const Where& where = picture.pages[page];
    if (where.kind != Where::chunk) continue;
    if (Config::semantics.counts_isolated || where.list != MigrateType::isolate) --drift.free;
    if (Config::semantics.counts_cma && where.list == MigrateType::cma) --drift.free_cma;
  }
  return drift;
}

}  // namespace pageblock::search
