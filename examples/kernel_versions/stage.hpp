// SPDX-License-Identifier: MIT
/// Where an experiment is played: a zone of one kernel, and the story that its steps make.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pageblock/pageblock.hpp>

#include "kernel_versions/story.hpp"

namespace pageblock::experiments {

/// Keeps the events that an experiment asks for.
struct Watch : trace::NullTracer {
  using NullTracer::operator();
  void operator()(const trace::MmPageFree& event) { frees.push_back(event); }
  std::vector<trace::MmPageFree> frees{};
};

/// The config of a kernel: a machine's usual one, which one thread uses.
template <Semantics kernel>
struct ConfigOf : DefaultConfig {
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
  using Tracer = Watch;
};

inline constexpr std::uint64_t block_pages = Zone<>::pageblock_nr_pages;
inline constexpr Cpu cpu{0};

/// Returns the first pfn of pageblock @p n.
[[nodiscard]] constexpr Pfn block(std::uint64_t n) { return Pfn{n * block_pages}; }
[[nodiscard]] constexpr PfnRange blocks(std::uint64_t first, std::uint64_t end) {
  return {block(first), block(end)};
}
/// Returns [start, start + 2^order).
[[nodiscard]] constexpr PfnRange chunk(std::uint64_t start, unsigned order) {
  return {Pfn{start}, Pfn{start} + Order{order}.nr_pages()};
}

/// Returns @p nr_blocks free movable pageblocks.
[[nodiscard]] inline ZoneLayout free_blocks(std::uint64_t nr_blocks) {
  return {.spanned_pages = nr_blocks * block_pages};
}

/// Returns pageblocks all of whose pages are in use and on the LRU, that is, can be moved, but for
/// @p free.
[[nodiscard]] inline ZoneLayout used_but(std::uint64_t nr_blocks, std::vector<PfnRange> free = {}) {
  ZoneLayout layout = free_blocks(nr_blocks);
  for (const PfnRange& used :
       detail::complement(detail::merged(std::move(free)), block(0), block(nr_blocks))) {
    layout.in_use.push_back({.range = used, .lru = true});
  }
  return layout;
}

/// Returns the letter that stands for a type: U, R, M, H and C as usual, I for isolate, and V for
/// the reserve of v3.6.
[[nodiscard]] inline char letter_of(MigrateType type) { return "URMVCIH"[index_of(type)]; }

/// Returns what is on a list: all of it if that is short, else its ends.
[[nodiscard]] inline std::string in_short(const std::vector<std::uint64_t>& pfns) {
  if (pfns.size() <= 8) return fmt::format("{}", fmt::join(pfns, " "));
  return fmt::format("{} ... {} ({} chunks)", fmt::join(pfns.begin(), pfns.begin() + 4, " "),
                     fmt::join(pfns.end() - 2, pfns.end(), " "), pfns.size());
}

/// A zone of a kernel. Each step is a call; what the lists are then goes into the story.
template <Semantics kernel>
class Stage {
 public:
  using Config = ConfigOf<kernel>;
  static constexpr const Semantics& semantics = Config::semantics;
  static constexpr std::array types{
      MigrateType::unmovable,  MigrateType::reclaimable, MigrateType::movable, MigrateType::reserve,
      MigrateType::highatomic, MigrateType::cma,         MigrateType::isolate};

  /// Pages that are freed go to the buddy lists at once.
  Stage(Story& story, const ZoneLayout& layout) : Stage{story, layout, 1, 0} {}
  /// The CPU moves @p batch pages, and keeps @p high; where the kernel tunes that, up to @p most.
  Stage(Story& story, const ZoneLayout& layout, std::uint32_t batch, std::uint32_t high,
        std::uint32_t most = 0)
      : story_{story}, node{one_zone(layout)} {
    set_limits(batch, high, most);
    show("at first", {});
  }

  Stage(Stage&&) noexcept = default;  // a node's zones stay where they are
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  Stage& operator=(Stage&&) = delete;
  ~Stage() = default;

  /// Makes a call, and shows what it returns and leaves behind.
  template <typename Call>
  auto step(std::string call, Call make) {
    if constexpr (std::is_void_v<decltype(make())>) {
      make();
      show(std::move(call), {});
    } else {
      auto result = make();
      show(std::move(call), in_words(result));
      return result;
    }
  }

  // Calls.

  void isolate(Pfn pfn) { static_cast<void>(try_isolate(pfn)); }
  Status try_isolate(Pfn pfn) {
    return step(fmt::format("set_migratetype_isolate({})", pfn.value()), [&] {
      return isolate_for({pfn, pfn + block_pages}, pfn);
    });
  }
  /// The pages of @p range count.
  Status isolate_for(const PfnRange& range, Pfn pfn) {
    if constexpr (IsolatesForModeSinceV6_17<Config>) {
      return set_migratetype_isolate(zone, pfn, IsolateMode::other, range.start, range.end);
    } else if constexpr (IsolatesForFlagsUntilV6_16<Config>) {
      return set_migratetype_isolate(zone, pfn, {.range = range});
    } else {
      return set_migratetype_isolate(zone, pfn);
    }
  }
  /// The block gets @p type; where kernels keep a block's own type, that.
  void undo(Pfn pfn, MigrateType type = MigrateType::movable) {
    if constexpr (IsolatesForModeSinceV6_17<Config>) {
      step(fmt::format("unset_migratetype_isolate({})", pfn.value()),
           [&] { unset_migratetype_isolate(zone, pfn); });
    } else {
      step(fmt::format("unset_migratetype_isolate({}, {})", pfn.value(), type),
           [&] { unset_migratetype_isolate(zone, pfn, type); });
    }
  }
  void start_range(const PfnRange& range) { static_cast<void>(try_start_range(range)); }
  Status try_start_range(const PfnRange& range) {
    return step(in_words("start_isolate_page_range", range), [&] {
      if constexpr (IsolatesForModeSinceV6_17<Config>) {
        return start_isolate_page_range(zone, range.start, range.end, IsolateMode::other);
      } else {
        return start_isolate_page_range(zone, range.start, range.end, MigrateType::movable);
      }
    });
  }
  void undo_range(const PfnRange& range) {
    step(in_words("undo_isolate_page_range", range), [&] {
      if constexpr (IsolatesForModeSinceV6_17<Config>) {
        static_cast<void>(undo_isolate_page_range(zone, range.start, range.end));
      } else {
        static_cast<void>(
            undo_isolate_page_range(zone, range.start, range.end, MigrateType::movable));
      }
    });
  }
  Status test_range(const PfnRange& range, unsigned flags = 0) {
    return step(in_words("test_pages_isolated", range), [&] {
      if constexpr (IsolatesForModeSinceV6_17<Config>) {
        return test_pages_isolated(zone, range.start, range.end,
                                   flags != 0 ? IsolateMode::mem_offline : IsolateMode::other);
      } else {
        return test_pages_isolated(zone, range.start, range.end, flags);
      }
    });
  }
  Status contig(const PfnRange& range) {
    return step(in_words("alloc_contig_range", range), [&] {
      if constexpr (IsolatesForModeSinceV6_17<Config>) {
        return alloc_contig_range(zone, cpu, range.start, range.end, AcrFlags::none);
      } else {
        return alloc_contig_range(zone, cpu, range.start, range.end, MigrateType::movable);
      }
    });
  }
  std::optional<Pfn> request(unsigned order, MigrateType type = MigrateType::movable) {
    return step(fmt::format("alloc_pages(order {}, {})", order, type), [&]() -> std::optional<Pfn> {
      const auto page = alloc_pages(zone, cpu, Order{order}, type);
      if (!page) return std::nullopt;
      return page->pfn();
    });
  }
  /// Frees what is in use, also if it is on the LRU.
  void free(std::uint64_t pfn, unsigned order = 0) {
    step(fmt::format("free_pages({}, order {})", pfn, order),
         [&] { drop(Pfn{pfn}, Order{order}); });
  }
  /// Frees the pages of a range one by one.
  void free_singly(const PfnRange& range) {
    step(fmt::format("free_pages() of {} to {}, one by one", range.start.value(),
                     range.end.value() - 1),
         [&] {
           for (Pfn pfn = range.start; pfn < range.end; ++pfn) drop(pfn);
         });
  }
  void drain() {
    step("drain_all_pages()", [&] { drain_all_pages(zone); });
  }
  void relabel(std::uint64_t nr, MigrateType type) {
    step(fmt::format("set_pageblock_migratetype({}, {})", block(nr).value(), type),
         [&] { set_pageblock_migratetype(zone, block(nr), type); });
  }
  void set_lru(const PfnRange& range, bool lru) {
    for (Pfn pfn = range.start; pfn < range.end; ++pfn) set_page_lru(zone, pfn, lru);
  }

  void limits(std::uint32_t batch, std::uint32_t high, std::uint32_t most) {
    step(fmt::format("per-CPU lists: batch {}, high {} (to {} where it is tuned)", batch, high,
                     most),
         [&] { set_limits(batch, high, most); });
  }

  // The same without a scene, for calls of which there are many.

  /// Allocates, and returns the first page.
  Pfn take(unsigned order = 0, MigrateType type = MigrateType::movable) {
    return alloc_pages(zone, cpu, Order{order}, type).value().pfn();
  }
  /// Takes a chunk off the LRU, and frees it.
  void drop(Pfn pfn, Order order = Order{0}) {
    for (Pfn page = pfn; page < pfn + order.nr_pages(); ++page) {
      if (zone.memmap().bits(page).has(PageBits::lru)) set_page_lru(zone, page, false);
    }
    free_pages(zone, cpu, pfn, order);
  }

  // What there is to see.

  /// Returns where a free page is listed.
  [[nodiscard]] std::string list_of(Pfn pfn) const {
    const auto head = zone.memmap().free_chunk_of(pfn);
    if (!head) return "not free";
    return std::string{to_string(zone.memmap().bits(*head).list_type())};
  }
  /// Returns "merged" if both blocks are free in one chunk, else "separate".
  [[nodiscard]] std::string merged(Pfn a, Pfn b) const {
    const auto head = zone.memmap().free_chunk_of(a);
    return head && head == zone.memmap().free_chunk_of(b) ? "merged" : "separate";
  }
  [[nodiscard]] MigrateType label_of(std::uint64_t nr) const {
    return get_pageblock_migratetype(zone, block(nr));
  }
  /// Returns what is on a free list, head first.
  [[nodiscard]] std::vector<std::uint64_t> on_list(Order order, MigrateType type) const {
    std::vector<std::uint64_t> pfns;
    for (const Pfn pfn : zone.free_list(order, type)) pfns.push_back(pfn.value());
    return pfns;
  }
  /// Returns the free lists that are not empty: [10][M]={0, 1024}; of one type if that is given.
  [[nodiscard]] std::string lists(std::optional<MigrateType> of = std::nullopt) const {
    std::string text;
    for_each_list([&](Order order, MigrateType type) {
      if (of && type != *of) return;
      if (!text.empty()) text += ' ';
      text += fmt::format("[{}][{}]={{{}}}", order.value(), letter_of(type),
                          fmt::join(on_list(order, type), ", "));
    });
    return text;
  }
  /// Returns the pages on the CPU's lists.
  [[nodiscard]] std::uint64_t on_cpu() const { return zone.pcp(cpu).count; }
  /// Returns the steals that raised the watermarks, which each did by a block.
  [[nodiscard]] std::uint64_t boosts() const {
    return zone.pressure().watermark_boost / block_pages;
  }

 private:
  Story& story_;

 public:
  Node<Config> node;
  Zone<Config>& zone = node.zones().front();

 private:
  [[nodiscard]] static std::string in_words(std::string_view call, const PfnRange& range) {
    return fmt::format("{}({}, {})", call, range.start.value(), range.end.value());
  }
  [[nodiscard]] static std::string in_words(const std::optional<Pfn>& pfn) {
    return pfn ? fmt::format("page {}", pfn->value()) : "nothing";
  }
  [[nodiscard]] static std::string in_words(const auto& value) { return fmt::format("{}", value); }

  [[nodiscard]] static Node<Config> one_zone(const ZoneLayout& layout) {
    std::vector<Zone<Config>> zones;
    zones.emplace_back(layout);
    return Node<Config>{std::move(zones)};
  }

  void set_limits(std::uint32_t batch, std::uint32_t high, std::uint32_t most) {
    const bool is_tuned = semantics.pcp_tuning == PcpTuning::tuned;
    zone.set_pageset(
        {.batch = batch, .high = high, .high_max = is_tuned ? std::max(high, most) : 0});
  }

  template <typename Visit>
  void for_each_list(Visit visit) const {
    for (const MigrateType type : types) {
      if (!semantics.has(type)) continue;
      for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
        if (!on_list(order, type).empty()) visit(order, type);
      }
    }
  }

  void show(std::string call, std::string returns) {
    if (!story_.is_told) return;
    Scene scene{std::move(call), {}};
    if (story_.is_drawn) scene.zone = zone;
    const auto row = [&](std::string name, std::string value) {
      if (!value.empty()) scene.rows.emplace_back(std::move(name), std::move(value));
    };
    row("returns", std::move(returns));
    for_each_list([&](Order order, MigrateType type) {
      row(fmt::format("[{}][{}]", order.value(), letter_of(type)), in_short(on_list(order, type)));
    });
    for (Order order{0}; order <= Zone<Config>::top_order; ++order) {
      if (!PerCpuPages<Config>::has_lists(order)) continue;
      const bool are_huge = PerCpuPages<Config>::are_huge(order);
      for (const MigrateType type : pcp_types) {
        if (are_huge && type == MigrateType::reclaimable)
          continue;  // on the list of unmovable ones
        const PcpList& list = zone.pcp(cpu).list(type, order);
        std::vector<std::uint64_t> pfns;
        for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i].value());
        row(fmt::format("CPU [{}][{}]", order.value(), letter_of(type)), in_short(pfns));
      }
    }
    std::string labels;
    for (Pfn pfn = zone.start_pfn(); pfn < zone.end_pfn() && labels.size() < 32;
         pfn = (pfn + block_pages).align_down(Zone<Config>::pageblock_order)) {
      labels += letter_of(get_pageblock_migratetype(zone, pfn));
    }
    row("blocks", labels);
    row("NR_FREE_PAGES", fmt::format("{}", zone.nr_free_pages()));
    if (boosts() != 0) row("watermark boost", fmt::format("{}", zone.pressure().watermark_boost));
    story_.scenes.push_back(std::move(scene));
  }
};

}  // namespace pageblock::experiments
