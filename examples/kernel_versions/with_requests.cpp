// SPDX-License-Identifier: MIT
// Requests: memory of other types, and the reserve for urgent ones.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "kernel_versions/experiment.hpp"
#include "kernel_versions/stage.hpp"

namespace pageblock::experiments {
namespace {

// One page of a type that has none: which, what is left, and how often that raised the watermarks.
template <Semantics kernel>
std::string one_page(Stage<kernel>& stage, MigrateType type) {
  stage.zone.set_watermarks({.min = 1000, .low = 1500, .high = 2000});  // steals may add to them
  const auto page = stage.request(0, type);
  return fmt::format("{}; {}; boosts {}", page ? page->value() : 0, stage.lists(), stage.boosts());
}

// An urgent request that finds less than the low watermark free.
template <Semantics kernel>
Pfn urgent_request(Stage<kernel>& stage, unsigned order) {
  stage.zone.set_watermarks({.low = stage.zone.managed_pages()});
  return stage.step(fmt::format("alloc_pages(GFP_ATOMIC, order {})", order), [&] {
    return alloc_pages(stage.node, cpu, Order{order}, gfp_atomic).page.value().pfn();
  });
}

}  // namespace

std::vector<Experiment> experiments_with_requests() {
  return {
      experiment("D36", "one unmovable page, where only movable blocks have free ones",
                 []<Semantics kernel>(Story& story) {
                   Stage<kernel> stage{story, used_but(8, {chunk(2056, 3), chunk(2570, 0)})};
                   return one_page(stage, MigrateType::unmovable);
                 }),
      experiment("D37", "one movable page, where only an unmovable block has free ones",
                 []<Semantics kernel>(Story& story) {
                   ZoneLayout layout = used_but(8, {chunk(2056, 3), chunk(2076, 1)});
                   layout.in_use.push_back({.range = {Pfn{2048}, Pfn{2056}}});
                   layout.in_use.push_back({.range = {Pfn{2064}, Pfn{2076}}});
                   layout.in_use.push_back({.range = {Pfn{2078}, block(5)}});
                   layout.block_types = {{blocks(4, 5), MigrateType::unmovable}};
                   Stage<kernel> stage{story, layout};
                   return one_page(stage, MigrateType::movable);
                 }),
      experiment("D40", "an urgent request in a zone of 48000 pages: reserved pages",
                 []<Semantics kernel>(Story& story) {
                   if constexpr (!kernel.has(MigrateType::highatomic)) {
                     return std::string{"no such reserve"};
                   }
                   Stage<kernel> stage{story, {.spanned_pages = 48000}};
                   urgent_request(stage, 1);
                   return fmt::format("{}", stage.zone.pressure().nr_reserved_highatomic);
                 }),
      experiment("D41", "1000 pages are free, a reserved block is all in use: is that above 600?",
                 []<Semantics kernel>(Story& story) {
                   if constexpr (!kernel.has(MigrateType::highatomic)) {
                     return std::string{"no such reserve"};
                   }
                   ZoneLayout layout = used_but(4, {{Pfn{1024}, Pfn{2024}}});
                   layout.block_types = {{blocks(0, 1), MigrateType::highatomic}};
                   Stage<kernel> stage{story, layout};
                   stage.zone.pressure().nr_reserved_highatomic = block_pages;
                   const bool is_above = stage.step("zone_watermark_ok(order 0, mark 600)", [&] {
                     return zone_watermark_ok(stage.zone, Order{0}, 600, 0, 0);
                   });
                   return std::string{is_above ? "yes" : "no"};
                 }),
      experiment("D42", "two urgent requests of order 2: chunks taken for the first, and its block",
                 []<Semantics kernel>(Story& story) {
                   if constexpr (!kernel.has(MigrateType::highatomic)) {
                     return std::string{"no such reserve"};
                   }
                   Stage<kernel> stage{story, {.spanned_pages = 65536}, 63, 1217, 31744};
                   const auto free_at_first = stage.zone.nr_free_pages();
                   const Pfn first = urgent_request(stage, 2);
                   const auto taken = (free_at_first - stage.zone.nr_free_pages()) / 4;
                   const std::uint64_t kept = stage.on_cpu();
                   urgent_request(stage, 2);
                   return fmt::format("{}, {}; the second from {}", taken,
                                      get_pageblock_migratetype(stage.zone, first),
                                      stage.on_cpu() < kept ? "the CPU's list" : "the buddy lists");
                 }),
  };
}

}  // namespace pageblock::experiments
