// SPDX-License-Identifier: MIT
// Isolating single pageblocks, and giving them back.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kernel_versions/experiment.hpp"
#include "kernel_versions/stage.hpp"

namespace pageblock::experiments {
namespace {

// A page of block 0 on the CPU's list, then the block isolated.
template <Semantics kernel>
Stage<kernel> isolated_behind_pcp(Story& story) {
  Stage<kernel> stage{story, used_but(2), 4, 16};
  stage.free(5);
  stage.isolate(block(0));
  return stage;
}

// Returns the lists of both halves of the chunk that begins with block 2 * nr, once the block of
// pfn is isolated, and how NR_FREE_PAGES has changed.
template <Semantics kernel>
std::string halves_of(Stage<kernel>& stage, std::uint64_t nr, Pfn pfn) {
  const auto before = stage.zone.nr_free_pages();
  stage.isolate(pfn);
  return fmt::format("{} and {}, {:+}", stage.list_of(block(2 * nr)),
                     stage.list_of(block(2 * nr + 1)), stage.zone.nr_free_pages() - before);
}

}  // namespace

std::vector<Experiment> experiments_with_blocks() {
  return {
      experiment("D1", "isolate a free block: change of NR_FREE_PAGES",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(2, {blocks(0, 1)})};
                   const auto before = stage.zone.nr_free_pages();
                   stage.isolate(block(0));
                   return fmt::format("{:+}", stage.zone.nr_free_pages() - before);
                 }),
      experiment("D2", "isolate a block with one free page: change of what kswapd sees free",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(4, {chunk(0, 0), blocks(2, 4)})};
                   const auto seen_free = [&] {
                     std::int64_t mark = stage.zone.nr_free_pages();
                     while (!zone_watermark_ok_safe(stage.zone, Order{0},
                                                    static_cast<std::uint64_t>(mark), 0, 0)) {
                       --mark;
                     }
                     return mark + 1;
                   };
                   const auto before = seen_free();
                   stage.isolate(block(0));
                   return fmt::format("{:+}", seen_free() - before);
                 }),
      experiment("D3", "isolate a block with a page on a per-CPU list, then drain: the page is on",
                 []<Semantics kernel>(Story& story) {
                   auto stage = isolated_behind_pcp<kernel>(story);
                   stage.drain();
                   return fmt::format("{}, {}", stage.list_of(Pfn{5}),
                                      stage.zone.nr_free_pages() == 0 ? "not counted" : "counted");
                 }),
      experiment("D4", "then test that page, and allocate",
                 []<Semantics kernel>(Story& story) {
                   auto stage = isolated_behind_pcp<kernel>(story);
                   stage.drain();
                   const Status test = stage.test_range(chunk(5, 0));
                   const auto page = stage.request(0);
                   return fmt::format("test {}, and the page {}", test,
                                      page == Pfn{5} ? "is handed out" : "stays");
                 }),
      experiment("D5", "free the buddy of an isolated free block, page by page",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(2, {blocks(0, 1)})};
                   stage.isolate(block(0));
                   stage.free_singly(blocks(1, 2));
                   return stage.merged(block(0), block(1));
                 }),
      experiment("D6", "free two isolated blocks, page by page from the end",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(2)};
                   stage.isolate(block(0));
                   stage.isolate(block(1));
                   stage.step("free_pages() of 1023 to 0, one by one", [&] {
                     for (std::uint64_t n = 1; n <= 2 * block_pages; ++n) stage.drop(block(2) - n);
                   });
                   return stage.merged(block(0), block(1));
                 }),
      experiment("D7", "free the buddy of a free CMA block, page by page",
                 []<Semantics kernel>(Story& story) {
                   if constexpr (!kernel.has(MigrateType::cma)) return std::string{"no CMA"};
                   ZoneLayout layout = used_but(2);
                   layout.reserved = {blocks(0, 1)};
                   Stage<kernel> stage{story, layout};
                   stage.step("init_cma_reserved_pageblock(0)",
                              [&] { init_cma_reserved_pageblock(stage.zone, block(0)); });
                   stage.free_singly(blocks(1, 2));
                   stage.drain();
                   return stage.merged(block(0), block(1));
                 }),
      experiment("D8", "after D5 undo the isolation",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(2, {blocks(0, 1)})};
                   stage.isolate(block(0));
                   stage.free_singly(blocks(1, 2));
                   const std::string before = stage.merged(block(0), block(1));
                   stage.undo(block(0));
                   return fmt::format("{}, then {}", before, stage.merged(block(0), block(1)));
                 }),
      experiment("D10", "isolate a block twice, undo once",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, free_blocks(2)};
                   stage.isolate(block(0));
                   const Status again = stage.try_isolate(block(0));
                   stage.undo(block(0));
                   return fmt::format("{}, then {}", again, stage.label_of(0));
                 }),
      experiment("D11", "isolate a movable block with a kernel page",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.in_use = {{.range = chunk(7, 0)}};
                   Stage<kernel> stage{story, layout};
                   return fmt::format("{}", stage.try_isolate(block(0)));
                 }),
      experiment("D12", "isolate a block with a reserved page in ZONE_MOVABLE",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.type = ZoneType::movable;
                   layout.reserved = {chunk(7, 0)};
                   Stage<kernel> stage{story, layout};
                   return fmt::format("{}", stage.try_isolate(block(0)));
                 }),
      experiment("D13", "isolate a block with two kernel pages, which a notifier would give back",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.in_use = {{.range = {Pfn{7}, Pfn{9}}}};
                   layout.block_types = {{blocks(0, 1), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   NotifierBlock<MemoryIsolateNotify> two_pages{
                       [](void*, MemoryIsolateNotify& arg) {
                         arg.pages_found += 2;
                         return notify::okay;
                       },
                       nullptr, 0};
                   static_cast<void>(register_memory_isolate_notifier(stage.zone, two_pages));
                   return fmt::format("{}", stage.try_isolate(block(0)));
                 }),
      experiment("D18", "isolate three blocks: the CPU's lists are drained",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, free_blocks(6), 4, 16};
                   unsigned drained = 0;
                   for (const std::uint64_t nr : {0U, 2U, 4U}) {
                     stage.free(stage.request(0)->value());
                     stage.isolate(block(nr));
                     if (stage.on_cpu() == 0) ++drained;
                   }
                   return fmt::format("{} times", drained);
                 }),
      // Directly, with what the zone has of the block. As part of a range it is refused from v5.19
      // on, whose search for unmovable pages reads to the block's end.
      experiment("D20", "isolate a block that the zone's end cuts: its free pages are on",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.spanned_pages += 256;
                   Stage<kernel> stage{story, layout};
                   const Status ret = stage.step("set_migratetype_isolate(1024, up to 1280)", [&] {
                     return stage.isolate_for({block(2), Pfn{1280}}, block(2));
                   });
                   return fmt::format("{}, {}", ret, stage.list_of(block(2)));
                 }),
      experiment("D22", "isolate one half of a free chunk of two blocks: lists of the halves",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, free_blocks(4)};
                   const std::string first = halves_of(stage, 0, block(0));
                   return fmt::format("the first: {}; the second: {}", first,
                                      halves_of(stage, 1, block(3)));
                 }),
      experiment("D39", "undo one of two isolated blocks that are one free chunk",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(8, {blocks(4, 6)})};
                   const Pfn pfn = *stage.request(10);
                   stage.set_lru(blocks(4, 6), true);
                   stage.isolate(block(4));
                   stage.isolate(block(5));
                   stage.free(pfn.value(), 10);
                   stage.undo(block(4));
                   return fmt::format("{}; the other can{} be allocated", stage.lists(),
                                      stage.list_of(block(5)) == "Isolate" ? "not" : "");
                 }),
      experiment("D46", "isolate a block that the zone's start cuts",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout{.start_pfn = Pfn{2304}, .spanned_pages = 1792};
                   layout.in_use = {{.range = {block(5), block(8)}, .lru = true}};
                   Stage<kernel> stage{story, layout};
                   const Status ret = stage.try_isolate(Pfn{2304});
                   return fmt::format("{}, {}", ret, stage.lists());
                 }),
      experiment("D52", "undo a block that was unmovable, beside a free movable one",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(8, {blocks(0, 2), blocks(4, 5)});
                   layout.block_types = {{blocks(5, 6), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   stage.isolate(block(5));
                   stage.free_singly(blocks(5, 6));
                   stage.undo(block(5));
                   return fmt::format("{}; {} and {}", stage.lists(), stage.label_of(4),
                                      stage.label_of(5));
                 }),
  };
}

}  // namespace pageblock::experiments
