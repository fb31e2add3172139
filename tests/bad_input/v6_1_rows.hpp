// SPDX-License-Identifier: MIT
/// Bad inputs of what v6.1 has besides, or answers otherwise.
#pragma once

#include <vector>

#include "pageblock/clients/cma.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/compound.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/highatomic.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "bad_input/bad_input.hpp"

namespace pageblock::test::v6_1_rows {

struct Config : TinyConfig {
  static constexpr Semantics semantics = kernel::v6_1;
  using Lock = NullLock;  // who would wait for ever is told so
};
using RowZone = Zone<Config>;

/// The same zone of v6.1, where the first page of the chunk of 52 to 55 is not told apart.
inline RowZone zone_of_table() {
  ZoneLayout layout{.start_pfn = Pfn{32}, .spanned_pages = 132};
  layout.holes = {range(48, 50), range(128, 144)};
  layout.reserved = {range(72, 80)};
  layout.in_use = {{.range = range(64, 72)}, {.range = range(80, 84)}};
  layout.block_types = {{range(80, 88), unmovable}};
  layout.nr_cpus = 2;
  RowZone zone{layout};
  zone.set_pageset(2, 8);
  static_cast<void>(start_isolate_page_range(zone, Pfn{96}, Pfn{112}, movable));
  return zone;
}

inline std::vector<BadInputOf<RowZone>> all() {
  return {
      BAD("an isolated block", "-EBUSY", set_migratetype_isolate(zone, Pfn{96})),
      BAD("a block with kernel pages", "-EBUSY", set_migratetype_isolate(zone, Pfn{64})),
      BAD("a reserved block", "-EBUSY", set_migratetype_isolate(zone, Pfn{72})),
      BAD("a block with a hole", "-EBUSY", set_migratetype_isolate(zone, Pfn{48})),
      BAD("a block cut by the zone's end", "-EBUSY",
          start_isolate_page_range(zone, Pfn{160}, Pfn{164}, movable)),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone",
          set_migratetype_isolate(zone, Pfn{164}, {})),
      BAD("a type that v6.1 does not have", "BUG: no such migratetype",
          start_isolate_page_range(zone, Pfn{32}, Pfn{48}, reserve)),
      BAD("a range that somebody has isolated in part", "-EBUSY",
          start_isolate_page_range(zone, Pfn{88}, Pfn{104}, movable)),
      HARMLESS("a range behind the zone", "ok", "pfns outside the zone count as holes",
               start_isolate_page_range(zone, Pfn{168}, Pfn{1ULL << 63}, movable)),
      BAD("an empty range", "BUG: the range is empty or begins outside the zone",
          has_unmovable_pages(zone, PfnRange{Pfn{40}, Pfn{40}}, movable)),
      BAD("a range of two blocks", "BUG: the range is not in one pageblock",
          has_unmovable_pages(zone, PfnRange{Pfn{34}, Pfn{44}}, movable)),
      BAD("an order above the largest", "BUG: order is above the largest",
          alloc_pages(zone, cpu0, above, movable, alloc_flags::cma)),
      BAD("a type that requests do not have", "BUG: requests are unmovable, reclaimable or movable",
          alloc_pages(zone, cpu0, single, highatomic, 0U)),
      BAD("a CPU that the zone does not have", "BUG: the zone has no such CPU",
          alloc_pages_bulk(zone, no_cpu, movable, 3, [](Pfn) {})),
      BAD("a type that requests do not have", "BUG: requests are unmovable, reclaimable or movable",
          alloc_pages_bulk(zone, cpu0, cma, 3, [](Pfn) {})),
      HARMLESS("no pages at all", "0", "nothing is asked for",
               alloc_pages_bulk(zone, cpu0, movable, 0, [](Pfn) {})),
      BAD("pages that nobody holds", "BUG: the chunk is not allocated",
          prep_compound_page(zone, Pfn{32}, Order{2})),
      BAD("single pages", "BUG: the chunk is smaller than that",
          prep_compound_page(zone, Pfn{64}, Order{2})),
      BAD("a pfn behind the zone", "BUG: pfn is not in the zone",
          reserve_highatomic_pageblock(zone, Pfn{164})),
      HARMLESS("an isolated block", "false", "as in v6.1: it is of no type that requests have",
               reserve_highatomic_pageblock(zone, Pfn{96})),
      BAD("a type that requests do not have", "BUG: requests are unmovable, reclaimable or movable",
          unreserve_highatomic_pageblock(zone, isolate, true)),
      BAD("lists that are not disabled", "BUG: the per-CPU lists are not disabled",
          zone_pcp_enable(zone)),
      BAD("part of a block", "-EINVAL", offline_pages(zone, Pfn{33}, 8)),
      BAD("no pages", "-EINVAL", offline_pages(zone, Pfn{32}, 0)),
      BAD("a hole", "-EINVAL", offline_pages(zone, Pfn{48}, 8)),
      BAD("pages behind the zone", "-EINVAL", offline_pages(zone, Pfn{160}, 8)),
      BAD("memory that is online", "-EINVAL", online_pages(zone, Pfn{32}, 8)),
      BAD("a block that is not reserved", "BUG: the block is not entirely reserved",
          init_cma_reserved_pageblock(zone, Pfn{32})),
      BAD("an empty range", "BUG: the range is empty",
          alloc_contig_range(zone, cpu0, Pfn{40}, Pfn{40}, movable)),
      BAD("a block cut by the zone's end", "-EBUSY",
          alloc_contig_range(zone, cpu0, Pfn{160}, Pfn{162}, movable)),
  };
}

}  // namespace pageblock::test::v6_1_rows
