// SPDX-License-Identifier: MIT
// Per-CPU lists, and how free chunks merge and move.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kernel_versions/experiment.hpp"
#include "kernel_versions/stage.hpp"

namespace pageblock::experiments {
namespace {

// The limits of a CPU in a machine of some GiB.
template <Semantics kernel>
void let_cpu_keep_pages(Stage<kernel>& stage) {
  stage.limits(63, 1217, 31744);
}

// Frees used chunks of an order one after another, with a scene for each free that drains. Returns
// how many chunks each has drained.
template <Semantics kernel>
std::vector<std::uint64_t> drained_by_frees(Story& story, unsigned order, unsigned frees) {
  const std::uint64_t pages = Order{order}.nr_pages();
  Stage<kernel> stage{story, free_blocks(frees * pages / block_pages + 2)};
  std::vector<Pfn> chunks;
  stage.step(fmt::format("{} times alloc_pages(order {})", frees, order), [&] {
    for (unsigned n = 0; n < frees; ++n) chunks.push_back(stage.take(order));
  });
  let_cpu_keep_pages(stage);
  std::vector<std::uint64_t> drained;
  for (const Pfn pfn : chunks) {
    const std::uint64_t before = stage.on_cpu();
    stage.drop(pfn, Order{order});
    drained.push_back((before + pages - stage.on_cpu()) / pages);
    if (drained.back() == 0) continue;
    stage.step(fmt::format("free {} drains", drained.size()), [&] { return drained.back(); });
  }
  return drained;
}

}  // namespace

std::vector<Experiment> experiments_with_lists() {
  return {
      experiment("D23", "free a chunk over a normal and an isolated block: lists",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(2, {blocks(0, 2)})};
                   stage.request(10);
                   stage.set_lru(blocks(0, 2), true);
                   stage.isolate(block(1));
                   stage.free(0, 10);
                   return stage.lists();
                 }),
      experiment("D24", "free a movable block beside a free reclaimable one",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(2, {blocks(0, 1)});
                   layout.block_types = {{blocks(0, 1), MigrateType::reclaimable}};
                   Stage<kernel> stage{story, layout};
                   stage.free_singly(blocks(1, 2));
                   return fmt::format("{}; {} and {}", stage.lists(), stage.label_of(0),
                                      stage.label_of(1));
                 }),
      experiment(
          "D30", "200 requests for one page: taken from the buddy lists, and left on the CPU's",
          []<Semantics kernel>(Story& story) {
            Stage<kernel> stage{story, free_blocks(16)};
            let_cpu_keep_pages(stage);
            const auto before = stage.zone.nr_free_pages();
            stage.step("200 times alloc_pages(order 0, Movable)", [&] {
              for (unsigned n = 0; n < 200; ++n) stage.take();
            });
            return fmt::format("{}, {}", before - stage.zone.nr_free_pages(), stage.on_cpu());
          }),
      experiment("D31", "1217 frees of one page: those that drain, and what is left",
                 []<Semantics kernel>(Story& story) {
                   const auto drained = drained_by_frees<kernel>(story, 0, 1217);
                   std::string text;
                   std::uint64_t left = 0;
                   for (std::size_t n = 0; n < drained.size(); ++n) {
                     left += 1 - drained[n];
                     if (drained[n] != 0) text += fmt::format("{}: {}, ", n + 1, drained[n]);
                   }
                   return fmt::format("{}{} left", text, left);
                 }),
      experiment(
          "D32", "frees of order 3: the first that drains, the chunks it drains, and the next",
          []<Semantics kernel>(Story& story) {
            if constexpr (!PerCpuPages<ConfigOf<kernel>>::has_lists(Order{3})) {
              return std::string{"no list of that order"};
            }
            const auto drained = drained_by_frees<kernel>(story, 3, 154);
            const auto first =
                std::ranges::find_if(drained, [](std::uint64_t chunks) { return chunks != 0; });
            if (drained.end() - first < 2) return std::string{"none of 154"};
            return fmt::format("{}: {}, then {}", first - drained.begin() + 1, *first,
                               *(first + 1));
          }),
      experiment("D33", "seven frees of a huge page: what each drains, and what is left",
                 []<Semantics kernel>(Story& story) {
                   if constexpr (!PerCpuPages<ConfigOf<kernel>>::has_lists(Order{9})) {
                     return std::string{"no list of that order"};
                   }
                   const auto drained = drained_by_frees<kernel>(story, 9, 7);
                   std::uint64_t left = drained.size();
                   for (const std::uint64_t chunks : drained) left -= chunks;
                   return fmt::format("{}, {} left", fmt::join(drained, " "), left);
                 }),
      experiment("D34", "drain a page that was freed while its block was unmovable",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(8);
                   layout.block_types = {{blocks(4, 5), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout, 4, 16};
                   stage.free(2050);
                   stage.relabel(4, MigrateType::movable);
                   stage.drain();
                   return stage.lists();
                 }),
      experiment("D35", "free a chunk over a movable and an unmovable block",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(8, {blocks(4, 6)})};
                   stage.request(10);
                   stage.relabel(5, MigrateType::unmovable);
                   stage.free(2048, 10);
                   return fmt::format("{}; {} and {}", stage.lists(), stage.label_of(4),
                                      stage.label_of(5));
                 }),
      experiment("D43", "free_contig_range() of 16 single pages: on the CPU's lists, and on others",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(16);
                   layout.in_use.push_back({.range = chunk(4096, 4)});
                   Stage<kernel> stage{story, layout};
                   let_cpu_keep_pages(stage);
                   stage.step("free_contig_range(4096, 16)",
                              [&] { free_contig_range(stage.zone, cpu, Pfn{4096}, 16); });
                   const std::string lists = stage.lists();
                   return fmt::format("{}, {}", stage.on_cpu(), lists.empty() ? "none" : lists);
                 }),
      experiment("D47", "compaction takes half a block: the order-3 list with chunks of that block",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(20, {chunk(2048, 8)})};
                   for (const std::uint64_t pfn : {2320U, 9000U, 2304U}) {
                     stage.free_singly(chunk(pfn, 3));
                   }
                   stage.step("isolate_free_page(2048)", [&] {
                     const IrqSaveGuard guard{stage.zone.lock()};
                     return isolate_free_page(stage.zone, block(4));
                   });
                   return stage.lists();
                 }),
      experiment(
          "D48", "10000 requests and frees of one page: drained by the frees, by a tick after",
          []<Semantics kernel>(Story& story) {
            Stage<kernel> stage{story, free_blocks(32)};
            let_cpu_keep_pages(stage);
            std::vector<Pfn> pages;
            stage.step("10000 times alloc_pages(order 0, Movable)", [&] {
              for (unsigned n = 0; n < 10000; ++n) pages.push_back(stage.take());
            });
            const std::uint64_t before = stage.on_cpu();
            stage.step("free_pages() of each", [&] {
              for (const Pfn pfn : pages) stage.drop(pfn);
            });
            const std::uint64_t after = stage.on_cpu();
            if constexpr (requires { decay_pcp_high(stage.zone, cpu); }) {
              stage.step("decay_pcp_high()",
                         [&] { static_cast<void>(decay_pcp_high(stage.zone, cpu)); });
            }
            return fmt::format("{}, {}", before + pages.size() - after, after - stage.on_cpu());
          }),
  };
}

}  // namespace pageblock::experiments
