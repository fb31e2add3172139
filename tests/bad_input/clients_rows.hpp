// SPDX-License-Identifier: MIT
/// Bad inputs of clients/.
#pragma once

#include <vector>

#include "pageblock/clients/cma.hpp"
#include "pageblock/clients/contig.hpp"
#include "pageblock/clients/memory_hotplug.hpp"

#include "bad_input/bad_input.hpp"

namespace pageblock::test {

inline std::vector<BadInput> clients_rows() {
  return {
      BAD("an empty range", "BUG: the range is empty",
          alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{32}, movable)),
      BAD("a reversed range", "BUG: the range is empty",
          alloc_contig_range(zone, cpu0, Pfn{40}, Pfn{32}, movable)),
      BAD("a range that begins below the zone", "BUG: the range leaves the zone",
          alloc_contig_range(zone, cpu0, Pfn{31}, Pfn{40}, movable)),
      BAD("a range that ends behind the zone", "BUG: the range leaves the zone",
          alloc_contig_range(zone, cpu0, Pfn{160}, Pfn{165}, movable)),
      BAD("the last pfns there can be", "BUG: the range leaves the zone",
          alloc_contig_range(zone, cpu0, last_pfn - 1, last_pfn, movable)),
      BAD("an unknown type", "BUG: no such migratetype",
          alloc_contig_range(zone, cpu0, Pfn{32}, Pfn{40}, no_type)),
      BAD("a CPU that the zone has not", "BUG: the zone has no such CPU",
          alloc_contig_range(zone, no_cpu, Pfn{32}, Pfn{40}, movable)),
      ALLOWED("a range that begins in a hole", "-EBUSY",
              "what was isolated has the given type, the CPUs are drained",
              alloc_contig_range(zone, cpu0, Pfn{140}, Pfn{146}, movable)),
      ALLOWED("a range with a page in use", "-EBUSY",
              "what was isolated has the given type, the CPUs are drained",
              alloc_contig_range(zone, cpu0, Pfn{64}, Pfn{66}, movable)),
      ALLOWED("a range that another has isolated", "ok",
              "as in v3.6: allocated, and the other's isolation has ended",
              alloc_contig_range(zone, cpu0, Pfn{96}, Pfn{112}, movable)),
      HARMLESS("no pages", "nothing", "nothing to free", free_contig_range(zone, cpu0, Pfn{64}, 0)),
      BAD("a range that leaves the zone", "BUG: the range leaves the zone",
          free_contig_range(zone, cpu0, Pfn{160}, 5)),
      BAD("a count that overflows", "BUG: the range leaves the zone",
          free_contig_range(zone, cpu0, Pfn{64}, ~0ULL)),
      BAD("a free page in the range", "BUG: a page of the range is not in use",
          free_contig_range(zone, cpu0, Pfn{80}, 5)),
      BAD("a page on a CPU's list in the range", "BUG: a page of the range is not in use",
          free_contig_range(zone, cpu0, Pfn{66}, 2)),
      BAD("a hole in the range", "BUG: a page of the range is not in use",
          free_contig_range(zone, cpu0, Pfn{48}, 1)),
      BAD("a CPU that the zone has not", "BUG: the zone has no such CPU",
          free_contig_range(zone, no_cpu, Pfn{64}, 1)),
      BAD("a block that is not reserved", "BUG: the block is not entirely reserved",
          init_cma_reserved_pageblock(zone, Pfn{32})),
      BAD("not the first page of a block", "BUG: pfn is not a multiple of the chunk's size",
          init_cma_reserved_pageblock(zone, Pfn{73})),
      BAD("a block with a hole", "BUG: the chunk has a hole",
          init_cma_reserved_pageblock(zone, Pfn{128})),
      BAD("a block cut by the zone's end", "BUG: the chunk is not in the zone",
          init_cma_reserved_pageblock(zone, Pfn{160})),
      BAD("a block outside the zone", "BUG: the chunk is not in the zone",
          init_cma_reserved_pageblock(zone, Pfn{168})),
      HARMLESS("an empty range", "96", "no pages", offline_isolated_pages(zone, Pfn{96}, Pfn{96})),
      HARMLESS("a reversed range", "96", "no pages",
               offline_isolated_pages(zone, Pfn{112}, Pfn{96})),
      HARMLESS("a hole", "144", "pfns without memory are skipped",
               offline_isolated_pages(zone, Pfn{128}, Pfn{144})),
      HARMLESS("a range outside the zone", "18446744073709551615",
               "pfns outside the zone count as holes",
               offline_isolated_pages(zone, Pfn{168}, last_pfn)),
      BAD("a page in use in the range", "BUG: a page of the range is not free",
          offline_isolated_pages(zone, Pfn{80}, Pfn{88})),
      BAD("a page on a CPU's list in the range", "BUG: a page of the range is not free",
          offline_isolated_pages(zone, Pfn{67}, Pfn{68})),
      BAD("a start inside a free chunk", "BUG: a page of the range is not free",
          offline_isolated_pages(zone, Pfn{33}, Pfn{48})),
      ALLOWED("a range that is free but not isolated", "48", "as in v3.6, which does not look",
              offline_isolated_pages(zone, Pfn{32}, Pfn{48})),
      ALLOWED("an end inside a free chunk", "112", "as in v3.6: the chunk goes as a whole",
              offline_isolated_pages(zone, Pfn{96}, Pfn{97})),
  };
}

}  // namespace pageblock::test
