// SPDX-License-Identifier: MIT
/// Two configs that differ in every constant, for two translation units of one program.
#pragma once

#include <cstddef>
#include <string>

#include "pageblock/pageblock.hpp"

namespace odr {

/// Blocks of 8 pages; unmovable requests fall back to reclaimable memory first, as in v3.6.
struct Small : pageblock::DefaultConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 3;
  static constexpr unsigned nr_cpus = 1;
  using Lock = pageblock::NullLock;
};

/// Blocks of 64 pages; a kernel of our own, whose unmovable requests fall back to movable memory
/// first, and which numbers movable 1.
struct Large : pageblock::DefaultConfig {
  static constexpr unsigned max_order = 8;
  static constexpr unsigned pageblock_order = 6;
  static constexpr bool debug_vm = false;
  static constexpr pageblock::Semantics semantics = [] {
    using enum pageblock::MigrateType;
    pageblock::Semantics semantics = pageblock::kernel::v3_6;
    semantics.migratetypes[1] = movable;
    semantics.migratetypes[2] = reclaimable;
    semantics.fallbacks[0] = {{movable, reclaimable}, 2};
    return semantics;
  }();
};

/// What a story ended with; equal outcomes are equal zones and equal answers.
struct Outcome {
  std::string stolen_from;
  std::string text;
  std::size_t hash = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Makes a zone of 512 pages: the lower half reclaimable, the upper one movable.
template <pageblock::ZoneConfig Config>
pageblock::Zone<Config> make_zone() {
  using namespace pageblock;
  return Zone<Config>{
      {.spanned_pages = 512, .block_types = {{{Pfn{0}, Pfn{256}}, MigrateType::reclaimable}}}};
}

/// Steals a page for an unmovable request, isolates 64 pages, and says what came of it.
template <pageblock::ZoneConfig Config>
Outcome play(pageblock::Zone<Config>& zone) {
  using namespace pageblock;
  Outcome outcome;
  const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::unmovable);
  outcome.stolen_from = page && page->pfn() < Pfn{256} ? "reclaimable" : "movable";
  const Status ret = start_isolate_page_range(zone, Pfn{128}, Pfn{192}, MigrateType::reclaimable);
  outcome.text = fmt::format("{}, {}", zone, ret);
  outcome.hash = zone.hash();
  return outcome;
}

// odr_a.cpp works with Small and hands its zone to odr_b.cpp, which works with both.
pageblock::Zone<Small> make_small_in_a();
Outcome play_small_in_a();
Outcome play_small_in_b(pageblock::Zone<Small>& zone);
Outcome play_large_in_b();
const char* violation_in_b();

}  // namespace odr
