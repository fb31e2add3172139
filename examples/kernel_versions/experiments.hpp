// SPDX-License-Identifier: MIT
/// Small experiments that tell kernel versions apart: the same steps, and what each version makes of
/// them. Numbers D1 to D29 follow a list of such experiments over all versions; those are here whose
/// outcome concerns something that the library models.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <pageblock/pageblock.hpp>

namespace pageblock::experiments {

template <Semantics version>
struct ConfigOf : DefaultConfig {
  static constexpr Semantics semantics = version;
  using Lock = NullLock;
};

inline constexpr std::uint64_t block_pages = Zone<>::pageblock_nr_pages;
inline constexpr Cpu cpu{0};

/// Returns the first pfn of pageblock @p n.
[[nodiscard]] constexpr Pfn block(std::uint64_t n) { return Pfn{n * block_pages}; }
[[nodiscard]] constexpr PfnRange blocks(std::uint64_t first, std::uint64_t end) {
  return {block(first), block(end)};
}

/// Returns the layout of 16 pageblocks, of which those of @p in_use are in use (not on the LRU).
[[nodiscard]] inline ZoneLayout layout(const PfnRange& in_use = {}) {
  ZoneLayout all{.spanned_pages = 16 * block_pages};
  if (!in_use.empty()) all.in_use = {{.range = in_use}};
  return all;
}

/// Returns where a free page is listed.
template <ZoneConfig Config>
[[nodiscard]] std::string list_of(const Zone<Config>& zone, Pfn pfn) {
  const auto head = zone.memmap().free_chunk_of(pfn);
  if (!head) return "not free";
  return std::string{to_string(zone.memmap().bits(*head).list_type())};
}

/// Returns "merged" if both blocks are free in one chunk, else "separate".
template <ZoneConfig Config>
[[nodiscard]] std::string merged(const Zone<Config>& zone, Pfn a, Pfn b) {
  const auto head = zone.memmap().free_chunk_of(a);
  return head && head == zone.memmap().free_chunk_of(b) ? "merged" : "separate";
}

template <typename Config>
std::string free_pages_counted() {
  Zone<Config> zone{layout(blocks(1, 2))};
  const auto before = zone.nr_free_pages();
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  return fmt::format("{:+}", zone.nr_free_pages() - before);
}

template <typename Config>
std::string watermark_input() {
  // One page of block 0 is free: 1 for the watermark to lose, at most.
  Zone<Config> zone{layout({Pfn{1}, block(1)})};
  const auto passes_with = [&](std::int64_t mark) {
    return zone_watermark_ok_safe(zone, Order{0}, static_cast<std::uint64_t>(mark), 0, 0);
  };
  const auto seen_free = [&] {
    std::int64_t mark = zone.nr_free_pages();
    while (!passes_with(mark)) --mark;
    return mark + 1;
  };
  // On the LRU, so that every version isolates it.
  for (Pfn pfn{1}; pfn < block(1); ++pfn) set_page_lru(zone, pfn, true);
  const auto before = seen_free();
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  return fmt::format("{:+}", seen_free() - before);
}

// A page of block 0 on the CPU's list, then the block isolated, then the list drained.
template <typename Config>
Zone<Config> isolated_behind_pcp() {
  Zone<Config> zone{layout(blocks(0, 1))};
  zone.set_pageset(4, 16);
  for (Pfn pfn{0}; pfn < block(1); ++pfn) set_page_lru(zone, pfn, true);
  put_page(zone, cpu, Pfn{5});
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  drain_all_pages(zone);
  return zone;
}

template <typename Config>
std::string drained_to() {
  return list_of(isolated_behind_pcp<Config>(), Pfn{5});
}

template <typename Config>
std::string handed_out_of_isolation() {
  auto zone = isolated_behind_pcp<Config>();
  const Status test = test_pages_isolated(zone, Pfn{5}, Pfn{6});
  const auto page = alloc_pages(zone, cpu, Order{0}, MigrateType::movable);
  return fmt::format("test {}, {}", test,
                     page && page->pfn() == Pfn{5} ? "and the page is handed out" : "and it stays");
}

template <typename Config>
std::string freed_beside_isolated() {
  Zone<Config> zone{layout(blocks(1, 2))};
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  zone.set_pageset(1, 0);
  for (Pfn pfn = block(1); pfn < block(2); ++pfn) free_pages(zone, cpu, pfn, Order{0});
  return merged(zone, block(0), block(1));
}

template <typename Config>
std::string freed_into_isolated_pair() {
  Zone<Config> zone{layout(blocks(0, 2))};
  for (Pfn pfn = block(0); pfn < block(2); ++pfn) set_page_lru(zone, pfn, true);
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  static_cast<void>(set_migratetype_isolate(zone, block(1)));
  for (std::uint64_t n = 1; n <= 2 * block_pages; ++n) put_page(zone, cpu, block(2) - n);
  return merged(zone, block(0), block(1));
}

template <typename Config>
std::string freed_beside_cma() {
  ZoneLayout cma = layout();
  cma.reserved = {blocks(0, 1)};
  cma.in_use = {{.range = blocks(1, 2)}};
  Zone<Config> zone{cma};
  init_cma_reserved_pageblock(zone, block(0));
  zone.set_pageset(1, 0);
  for (Pfn pfn = block(1); pfn < block(2); ++pfn) free_pages(zone, cpu, pfn, Order{0});
  drain_all_pages(zone);
  return merged(zone, block(0), block(1));
}

template <typename Config>
std::string merged_after_undo() {
  Zone<Config> zone{layout(blocks(1, 2))};
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  zone.set_pageset(1, 0);
  for (Pfn pfn = block(1); pfn < block(2); ++pfn) free_pages(zone, cpu, pfn, Order{0});
  const std::string before = merged(zone, block(0), block(1));
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  return fmt::format("{}, then {}", before, merged(zone, block(0), block(1)));
}

template <typename Config>
std::string next_after_undo() {
  // Blocks 4 and 5 are one chunk; others like it lie on the list before and behind it.
  Zone<Config> zone{layout()};
  static_cast<void>(start_isolate_page_range(zone, block(4), block(6), MigrateType::movable));
  static_cast<void>(undo_isolate_page_range(zone, block(4), block(6), MigrateType::movable));
  const auto list = zone.free_list(Zone<Config>::top_order, MigrateType::movable);
  if (*list.begin() == block(4)) return "the undone blocks (head)";
  Pfn last{};
  for (const Pfn pfn : list) last = pfn;
  return last == block(4) ? "others first (tail)" : "in the middle";
}

template <typename Config>
std::string isolated_twice() {
  Zone<Config> zone{layout()};
  static_cast<void>(set_migratetype_isolate(zone, block(0)));
  const Status again = set_migratetype_isolate(zone, block(0));
  unset_migratetype_isolate(zone, block(0), MigrateType::movable);
  return fmt::format("{}, after one undo {}", again, get_pageblock_migratetype(zone, block(0)));
}

template <typename Config>
std::string kernel_page_in_movable_block() {
  Zone<Config> zone{layout({Pfn{7}, Pfn{8}})};
  return fmt::format("{}", set_migratetype_isolate(zone, block(0)));
}

template <typename Config>
std::string reserved_page_in_movable_zone() {
  ZoneLayout movable = layout();
  movable.type = ZoneType::movable;
  movable.reserved = {{Pfn{7}, Pfn{8}}};
  Zone<Config> zone{movable};
  return fmt::format("{}", set_migratetype_isolate(zone, block(0)));
}

template <typename Config>
std::string balloon_reported_by_notifier() {
  ZoneLayout balloon = layout({Pfn{7}, Pfn{9}});
  balloon.block_types = {{blocks(0, 1), MigrateType::unmovable}};
  Zone<Config> zone{balloon};
  NotifierBlock<MemoryIsolateNotify> two_pages{[](void*, MemoryIsolateNotify& arg) {
                                                 arg.pages_found += 2;
                                                 return notify::okay;
                                               },
                                               nullptr, 0};
  static_cast<void>(register_memory_isolate_notifier(zone, two_pages));
  return fmt::format("{}", set_migratetype_isolate(zone, block(0)));
}

template <typename Config>
std::string contig_beside_kernel_page() {
  ZoneLayout beside = layout({block(1), block(1) + 1});
  beside.block_types = {{blocks(1, 2), MigrateType::unmovable}};
  Zone<Config> zone{beside};
  return fmt::format("{}", alloc_contig_range(zone, cpu, block(0), block(1), MigrateType::movable));
}

template <typename Config>
std::string contig_beside_page_of_block() {
  Zone<Config> zone{layout({Pfn{400}, Pfn{401}})};
  return fmt::format("{}", alloc_contig_range(zone, cpu, Pfn{0}, Pfn{64}, MigrateType::movable));
}

template <typename Config>
std::string drains_of_isolation() {
  Zone<Config> zone{layout()};
  zone.set_pageset(4, 16);
  unsigned drained = 0;
  for (const std::uint64_t n : {0U, 2U, 4U}) {
    const auto page = alloc_pages(zone, cpu, Order{0}, MigrateType::movable);
    free_pages(zone, cpu, page->pfn(), Order{0});
    static_cast<void>(set_migratetype_isolate(zone, block(n)));
    if (zone.pcp(cpu).count == 0) ++drained;
  }
  return fmt::format("{} for 3 blocks", drained);
}

template <typename Config>
std::string block_cut_by_zone_end() {
  Zone<Config> zone{ZoneLayout{.spanned_pages = 2 * block_pages + 256}};
  const Status ret = set_migratetype_isolate(zone, block(2));
  return fmt::format("{}, its pages on {}", ret, list_of(zone, block(2)));
}

template <typename Config>
std::string type_after_undo() {
  ZoneLayout unmovable = layout();
  unmovable.block_types = {{blocks(0, 1), MigrateType::unmovable}};
  Zone<Config> zone{unmovable};
  static_cast<void>(start_isolate_page_range(zone, block(0), block(1), MigrateType::movable));
  static_cast<void>(undo_isolate_page_range(zone, block(0), block(1), MigrateType::movable));
  return fmt::format("{}", get_pageblock_migratetype(zone, block(0)));
}

template <typename Config>
std::string halves_of_large_chunk() {
  Zone<Config> zone{layout()};
  static_cast<void>(set_migratetype_isolate(zone, block(1)));
  const std::string second = list_of(zone, block(1));
  static_cast<void>(set_migratetype_isolate(zone, block(2)));
  return fmt::format("second half: {}; first half: all {}", second, list_of(zone, block(3)));
}

template <typename Config>
std::string large_free_over_two_blocks() {
  Zone<Config> zone{layout()};
  const Pfn pfn = alloc_pages(zone, cpu, Zone<Config>::top_order, MigrateType::movable)->pfn();
  for (Pfn page = pfn; page < pfn + 2 * block_pages; page += block_pages) {
    set_page_lru(zone, page, true);
  }
  static_cast<void>(set_migratetype_isolate(zone, pfn + block_pages));
  for (Pfn page = pfn; page < pfn + 2 * block_pages; page += block_pages) {
    set_page_lru(zone, page, false);
  }
  free_pages(zone, cpu, pfn, Zone<Config>::top_order);
  return fmt::format("{}, {}", list_of(zone, pfn), list_of(zone, pfn + block_pages));
}

template <typename Config>
std::string unlike_ordinary_blocks() {
  ZoneLayout two = layout(blocks(0, 1));
  two.block_types = {{blocks(0, 1), MigrateType::reclaimable}};
  Zone<Config> zone{two};
  zone.set_pageset(1, 0);
  for (Pfn pfn = block(0); pfn < block(1); ++pfn) free_pages(zone, cpu, pfn, Order{0});
  drain_all_pages(zone);
  return fmt::format("{}, types {} and {}", merged(zone, block(0), block(1)),
                     get_pageblock_migratetype(zone, block(0)),
                     get_pageblock_migratetype(zone, block(1)));
}

template <typename Config>
std::string start_returns() {
  Zone<Config> zone{layout()};
  return fmt::format(
      "{}", start_isolate_page_range(zone, block(0), block(4), MigrateType::movable).to_errno());
}

template <typename Config>
std::string type_number_1() {
  return fmt::format("{}", *Config::semantics.type_of(1));
}

template <typename Config>
std::string overlap_lost() {
  // X has isolated blocks 0 to 3; Y asks for 2 to 5, where a kernel page is in the way.
  ZoneLayout two = layout({block(5), block(5) + 1});
  two.block_types = {{blocks(5, 6), MigrateType::unmovable}};
  Zone<Config> zone{two};
  static_cast<void>(start_isolate_page_range(zone, block(0), block(4), MigrateType::movable));
  const Status of_y = alloc_contig_range(zone, cpu, block(2), block(6), MigrateType::movable);
  return fmt::format("{}, and X's block 2 is {}", of_y, get_pageblock_migratetype(zone, block(2)));
}

/// One experiment and what two kernels make of it.
struct Experiment {
  std::string_view id;
  std::string_view question;
  std::string (*in_v3_6)();
  std::string (*in_v6_1)();
};

using V3_6 = ConfigOf<kernel::v3_6>;
using V6_1 = ConfigOf<kernel::v6_1>;

inline constexpr std::array all{
    Experiment{"D1", "isolate a free block: change of NR_FREE_PAGES", free_pages_counted<V3_6>,
               free_pages_counted<V6_1>},
    Experiment{"D2", "isolate a block with one free page: change of what kswapd sees free",
               watermark_input<V3_6>, watermark_input<V6_1>},
    Experiment{"D3", "isolate with a page on a per-CPU list, drain: the page is on",
               drained_to<V3_6>, drained_to<V6_1>},
    Experiment{"D4", "then test that page, and allocate", handed_out_of_isolation<V3_6>,
               handed_out_of_isolation<V6_1>},
    Experiment{"D5", "free the buddy of an isolated free block", freed_beside_isolated<V3_6>,
               freed_beside_isolated<V6_1>},
    Experiment{"D6", "two isolated blocks, freed page by page from the end",
               freed_into_isolated_pair<V3_6>, freed_into_isolated_pair<V6_1>},
    Experiment{"D7", "free the buddy of a free CMA block", freed_beside_cma<V3_6>,
               freed_beside_cma<V6_1>},
    Experiment{"D8", "after D5 undo the isolation", merged_after_undo<V3_6>,
               merged_after_undo<V6_1>},
    Experiment{"D9", "after an undo, the next large allocation takes", next_after_undo<V3_6>,
               next_after_undo<V6_1>},
    Experiment{"D10", "isolate twice", isolated_twice<V3_6>, isolated_twice<V6_1>},
    Experiment{"D11", "isolate a movable block with a kernel page",
               kernel_page_in_movable_block<V3_6>, kernel_page_in_movable_block<V6_1>},
    Experiment{"D12", "isolate a block with a reserved page in ZONE_MOVABLE",
               reserved_page_in_movable_zone<V3_6>, reserved_page_in_movable_zone<V6_1>},
    Experiment{"D13", "two kernel pages, a notifier that reports two",
               balloon_reported_by_notifier<V3_6>, balloon_reported_by_notifier<V6_1>},
    Experiment{"D16", "contiguous block, kernel page in the next block of the largest chunk",
               contig_beside_kernel_page<V3_6>, contig_beside_kernel_page<V6_1>},
    Experiment{"D17", "contiguous pages, kernel page elsewhere in their movable block",
               contig_beside_page_of_block<V3_6>, contig_beside_page_of_block<V6_1>},
    Experiment{"D18", "isolating drains the per-CPU lists", drains_of_isolation<V3_6>,
               drains_of_isolation<V6_1>},
    Experiment{"D20", "isolate a block that the zone's end cuts", block_cut_by_zone_end<V3_6>,
               block_cut_by_zone_end<V6_1>},
    Experiment{"D21", "isolate an unmovable block, undo as movable: its type",
               type_after_undo<V3_6>, type_after_undo<V6_1>},
    Experiment{"D22", "isolate one half of a chunk of two blocks: lists",
               halves_of_large_chunk<V3_6>, halves_of_large_chunk<V6_1>},
    Experiment{"D23", "free a chunk over a normal and an isolated block: lists",
               large_free_over_two_blocks<V3_6>, large_free_over_two_blocks<V6_1>},
    Experiment{"D24", "free a reclaimable block beside a free movable one",
               unlike_ordinary_blocks<V3_6>, unlike_ordinary_blocks<V6_1>},
    Experiment{"D26", "start_isolate_page_range() of four blocks returns", start_returns<V3_6>,
               start_returns<V6_1>},
    Experiment{"D28", "migratetype=1 in a trace means", type_number_1<V3_6>, type_number_1<V6_1>},
    Experiment{"D29", "a contiguous request loses against an isolated range", overlap_lost<V3_6>,
               overlap_lost<V6_1>},
};

}  // namespace pageblock::experiments
