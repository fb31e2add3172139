// SPDX-License-Identifier: MIT
// Isolating ranges, and those who do.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kernel_versions/experiment.hpp"
#include "kernel_versions/stage.hpp"

namespace pageblock::experiments {

std::vector<Experiment> experiments_with_ranges() {
  return {
      experiment("D9", "after an undo, the next request for a large chunk gets",
                 []<Semantics kernel>(Story& story) {
                   // Others like it lie on the list before and behind it.
                   Stage<kernel> stage{story, free_blocks(16)};
                   stage.start_range(blocks(4, 6));
                   stage.undo_range(blocks(4, 6));
                   const auto list = stage.on_list(Order{10}, MigrateType::movable);
                   const std::uint64_t undone = block(4).value();
                   if (list.front() == undone) return "the undone blocks (head)";
                   return list.back() == undone ? "others first (tail)" : "others (middle)";
                 }),
      experiment("D15", "a page that a driver takes and lets go after isolation: the test says",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.in_use = {{.range = chunk(7, 0), .lru = true}};
                   Stage<kernel> stage{story, layout};
                   stage.isolate(block(0));
                   stage.step("the driver marks page 7 PageOffline, and drops its reference", [&] {
                     stage.zone.memmap().set_bits(Pfn{7}, PageBits{PageBits::offline});
                   });
                   constexpr bool has_flags = kernel.isolate_says != IsolateSays::nothing;
                   const unsigned flags = has_flags ? isolate_flags::memory_offline : 0;
                   return fmt::format("{}", stage.test_range(blocks(0, 1), flags));
                 }),
      experiment("D16", "contiguous block, with a kernel page in the block behind it",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(4);
                   layout.in_use = {{.range = chunk(512, 0)}};
                   layout.block_types = {{blocks(1, 2), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   return fmt::format("{}", stage.contig(blocks(0, 1)));
                 }),
      experiment("D17", "contiguous pages, with a kernel page elsewhere in their movable block",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(4);
                   layout.in_use = {{.range = chunk(400, 0)}};
                   Stage<kernel> stage{story, layout};
                   return fmt::format("{}", stage.contig(chunk(0, 6)));
                 }),
      experiment("D21", "isolate an unmovable block as a range, undo it as movable: it is",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(4);
                   layout.block_types = {{blocks(0, 1), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   stage.start_range(blocks(0, 1));
                   stage.undo_range(blocks(0, 1));
                   return fmt::format("{}", stage.label_of(0));
                 }),
      experiment("D26", "start_isolate_page_range() of four free blocks returns",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, free_blocks(4)};
                   return fmt::format("{}", stage.try_start_range(blocks(0, 4)).to_errno());
                 }),
      experiment("D28", "migratetype=1 in a trace means",
                 []<Semantics kernel>(Story&) { return fmt::format("{}", *kernel.type_of(1)); }),
      experiment("D29",
                 "X has isolated blocks 0 to 3, Y asks for 2 to 5 and gets -EBUSY: block 2 is",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(8);
                   layout.in_use = {{.range = chunk(2560, 0)}};
                   layout.block_types = {{blocks(5, 6), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   stage.start_range(blocks(0, 4));
                   const Status of_y = stage.contig(blocks(2, 6));
                   return fmt::format("{}, {}", of_y, stage.label_of(2));
                 }),
      experiment("D38", "isolate four of sixteen free blocks",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, free_blocks(16)};
                   stage.start_range(blocks(4, 8));
                   return stage.lists(MigrateType::isolate);
                 }),
      experiment(
          "D45", "a contiguous range gives back what it took: frees, pfn and order",
          []<Semantics kernel>(Story& story) {
            Stage<kernel> stage{story, used_but(8, {chunk(2048, 1), chunk(2050, 0), blocks(6, 8)})};
            stage.isolate(block(4));
            auto& frees = stage.zone.tracer().frees;
            frees.clear();
            stage.step("isolate_freepages_range(2048, 2560)", [&] {
              static_cast<void>(
                  detail::isolate_freepages_range(stage.zone, cpu, block(4), block(5)));
            });
            std::string text;
            for (const trace::MmPageFree& event : frees) {
              text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", event.pfn.value(),
                                  event.order.value());
            }
            return text;
          }),
      experiment("D44", "a block with one page of a slab: isolating it, and testing that",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = free_blocks(2);
                   layout.in_use = {{.range = chunk(7, 0)}};
                   Stage<kernel> stage{story, layout};
                   if constexpr (FreezesPagesSinceV6_14<ConfigOf<kernel>>) {
                     stage.step("the slab's page 7 has no count",
                                [&] { freeze_page(stage.zone, Pfn{7}); });
                   }
                   const Status ret = stage.try_isolate(block(0));
                   if (ret != ok) return fmt::format("{}", ret);
                   return fmt::format("{}; {}", ret, stage.test_range(blocks(0, 1)));
                 }),
      experiment("D50",
                 "512 contiguous pages of two blocks, one with a kernel page: ranges isolated",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout{.start_pfn = block(4), .spanned_pages = 2 * block_pages};
                   layout.in_use = {{.range = chunk(2100, 0)}};
                   Stage<kernel> stage{story, layout};
                   Attempt attempt;
                   stage.step("alloc_contig_pages(512)", [&]() -> std::optional<Pfn> {
                     return alloc_contig_pages(stage.node, cpu, block_pages, ZoneType::normal,
                                               AllMove{}, &attempt);
                   });
                   return fmt::format(
                       "{}", std::ranges::count_if(attempt.candidates, [](const Candidate& place) {
                         return place.stage != AttemptStage::look;
                       }));
                 }),
  };
}

}  // namespace pageblock::experiments
