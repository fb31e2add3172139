// SPDX-License-Identifier: MIT
/// alloc_contig_compound(): a range as one compound page.
#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::contig_compound_cases {

namespace {

struct V6_12Config : V6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};

struct Machine {
  Zone<V6_12Config> zone{ZoneLayout{.spanned_pages = 4096}};

  Status take(std::uint64_t start, std::uint64_t end) {
    return alloc_contig_compound(zone, cpu0, Pfn{start}, Pfn{end}, MigrateType::movable);
  }
};

}  // namespace

TEST_CASE("giving back no pages, behind the last of the zone, reads none", "[contig]") {
  Machine machine;
  free_contig_range(machine.zone, cpu0, machine.zone.end_pfn(), 0);
  // The sanitizer sees a look behind the end; the call is made where a range ends with the zone.
  CHECK(alloc_contig_range(machine.zone, cpu0, Pfn{3584}, Pfn{4096}, MigrateType::movable) == ok);
  CHECK(machine.zone.nr_free_pages() == 3584);
}

TEST_CASE("alloc_contig_compound makes whole blocks one compound page", "[contig]") {
  Machine machine;
  Zone<V6_12Config>& zone = machine.zone;
  CHECK(machine.take(1024, 2048) == ok);
  CHECK(compound_head(zone, Pfn{1500}) == Pfn{1024});
  CHECK(zone.memmap().count(Pfn{1024}) == 1);
  CHECK(zone.memmap().count(Pfn{1025}) == 0);
  CHECK(zone.nr_free_pages() == 3072);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());

  CHECK_VIOLATION(free_contig_range(zone, cpu0, Pfn{1024}, 512), "not the compound page");
  free_contig_range(zone, cpu0, Pfn{1024}, 1024);
  CHECK(zone.nr_free_pages() == 4096);
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_compound loses a free chunk that reaches out of the range", "[contig]") {
  Machine machine;
  CHECK(machine.take(64, 128) == -Err::inval);
  CHECK(machine.zone.nr_free_pages() == 4096 - 512);
  CHECK(machine.zone.nr_free(Order{9}) == 1);
  CHECK(machine.zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("alloc_contig_compound wants a power of two of pages", "[contig]") {
  Machine machine;
  CHECK(machine.take(1024, 1792) == -Err::inval);
}

}  // namespace pageblock::test::contig_compound_cases
