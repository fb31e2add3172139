// SPDX-License-Identifier: MIT
/// A terabyte of memory: 268435456 pages, 524288 pageblocks, 262144 free chunks. Work on whole
/// blocks makes no record of any page.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "pageblock/base/config.hpp"
#include "pageblock/base/spinlock.hpp"
#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/free_pages.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/zone.hpp"

#include "support/catch.hpp"

using namespace pageblock;

namespace {

struct OneThread : DefaultConfig {
  using Lock = NullLock;
};
using BigZone = Zone<OneThread>;

constexpr std::uint64_t pages_of_gib = std::uint64_t{1} << 18;
constexpr std::uint64_t pages_of_tib = pages_of_gib << 10;

BigZone terabyte() { return BigZone{ZoneLayout{.spanned_pages = pages_of_tib}}; }

// Returns the chunks of one list, sorted: without their order in the list.
std::vector<std::uint64_t> chunks(const BigZone& zone, Order order, MigrateType type) {
  std::vector<std::uint64_t> pfns;
  for (const Pfn pfn : zone.free_list(order, type)) pfns.push_back(pfn.value());
  std::ranges::sort(pfns);
  return pfns;
}

// Returns whether two zones are equal but for the order of their lists.
bool is_same_but_for_list_order(const BigZone& a, const BigZone& b) {
  if (a.nr_free_pages() != b.nr_free_pages()) return false;
  if (a.nr_pageblock_isolate() != b.nr_pageblock_isolate()) return false;
  if (!(a.pageblock_flags() == b.pageblock_flags())) return false;
  for (unsigned order = 0; order < OneThread::max_order; ++order) {
    for (const MigrateType type : OneThread::semantics.migratetypes) {
      if (chunks(a, Order{order}, type) != chunks(b, Order{order}, type)) return false;
    }
  }
  return true;
}

// Isolates [start, end), tests it and gives it back.
void isolate_and_undo(BigZone& zone, Pfn start, Pfn end) {
  const auto nr_blocks = static_cast<std::int64_t>((end - start) / BigZone::pageblock_nr_pages);
  const std::uint64_t nr_chunks = (end - start) / BigZone::max_order_nr_pages;
  const std::uint64_t nr_all_chunks = pages_of_tib / BigZone::max_order_nr_pages;

  REQUIRE(start_isolate_page_range(zone, start, end, MigrateType::movable) == ok);
  CHECK(zone.nr_pageblock_isolate() == nr_blocks);
  CHECK(zone.free_area().nr_free(BigZone::top_order, MigrateType::isolate) == nr_chunks);
  CHECK(zone.free_area().nr_free(BigZone::top_order, MigrateType::movable) ==
        nr_all_chunks - nr_chunks);
  CHECK(test_pages_isolated(zone, start, end) == ok);
  if (end < zone.end_pfn()) {
    const Pfn beyond = end + BigZone::pageblock_nr_pages;
    CHECK(test_pages_isolated(zone, start, beyond) == -Err::busy);
  }
  CHECK(undo_isolate_page_range(zone, start, end, MigrateType::movable) == ok);
}

}  // namespace

TEST_CASE("a zone of a terabyte is created with all its memory free and no page records",
          "[scenario]") {
  const BigZone zone = terabyte();
  CHECK(zone.nr_free_pages() == static_cast<std::int64_t>(pages_of_tib));
  CHECK(zone.nr_free(BigZone::top_order) == 262144);
  CHECK(zone.pageblock_flags().size() == 524288);
  CHECK(zone.memmap().nr_records() == 0);
}

TEST_CASE("the topmost 64 GiB of a terabyte are isolated and given back without a trace",
          "[scenario]") {
  // Movable [last ... first]: what is isolated was in front, and comes back to the front.
  BigZone zone = terabyte();
  const BigZone before = zone;
  isolate_and_undo(zone, zone.end_pfn() - 64 * pages_of_gib, zone.end_pfn());
  CHECK(zone == before);
  CHECK(zone.hash() == before.hash());
  CHECK(zone.memmap().nr_records() == 0);
}

TEST_CASE("64 GiB in the middle of a terabyte come back to the front of the list", "[scenario]") {
  BigZone zone = terabyte();
  const BigZone before = zone;
  const Pfn start{512 * pages_of_gib};
  const Pfn end = start + 64 * pages_of_gib;
  isolate_and_undo(zone, start, end);
  CHECK_FALSE(zone == before);
  CHECK(is_same_but_for_list_order(zone, before));
  const auto list = zone.free_list(BigZone::top_order, MigrateType::movable);
  CHECK((*list.begin()).value() == end.value() - BigZone::max_order_nr_pages);
  CHECK(zone.memmap().nr_records() == 0);
}
TEST_CASE("every page of the topmost chunk of the largest zone can be had, and comes back") {
  Zone<> zone{{.spanned_pages = std::uint64_t{1} << 32}};
  zone.set_pageset(63, 378);
  const Zone<> before = zone;
  std::vector<Pfn> got;
  for (int i = 0; i < 1024 + 63; ++i) {
    const auto page = alloc_pages(zone, Cpu{0}, Order{0}, MigrateType::movable);
    REQUIRE(page);
    got.push_back(page->pfn());
  }
  CHECK(got.front() == Pfn{(std::uint64_t{1} << 32) - 1024});
  CHECK(std::ranges::max(got) == Pfn{(std::uint64_t{1} << 32) - 1});
  CHECK(zone.nr_free_pages() == before.nr_free_pages() - 63 * 18);
  for (const Pfn pfn : got) free_pages(zone, Cpu{0}, pfn, Order{0});
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == before.nr_free_pages());
  CHECK(zone.nr_free(Order{10}) == before.nr_free(Order{10}));
}
