// SPDX-License-Identifier: MIT
/// Memory that comes and goes as a whole, and memory that is lent page by page.
#include <string>
#include <utility>
#include <vector>

#include "pageblock/clients/balloon.hpp"
#include "pageblock/clients/dimm.hpp"
#include "pageblock/clients/page_reporting.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::dimm_and_balloon_cases {

constexpr PfnRange dimm_range{Pfn{1024}, Pfn{2048}};

template <typename Config>
Node<Config> guest(const PfnRange& hole) {
  std::vector<Zone<Config>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = 2048, .holes = {hole}});
  zones.emplace_back(ZoneLayout{.name = "Movable",
                                .type = ZoneType::movable,
                                .start_pfn = Pfn{1024},
                                .spanned_pages = 1024,
                                .holes = {{Pfn{1024}, Pfn{2048}}}});
  return Node<Config>{std::move(zones)};
}

std::vector<std::string> problems(const auto& node) {
  std::vector<std::string> all;
  for (const auto& zone : node.zones()) {
    for (const auto& problem : verify(zone)) all.push_back(problem);
  }
  return all;
}

TEST_CASE("a DIMM comes and goes as a whole", "[dimm]") {
  auto node = guest<SmallV6_1Config>(dimm_range);
  Dimm dimm{{.range = dimm_range, .memory_block = 256}};
  dimm.plug(node);
  CHECK(dimm.online_pages() == 1024);
  CHECK(node.find(ZoneType::movable)->managed_pages() == 1024);
  Attempt attempt;
  CHECK(dimm.unplug(node, AllMove{}, &attempt) == ok);
  CHECK(attempt.candidates.size() == 4);
  CHECK(dimm.online_pages() == 0);
  CHECK(node.find(ZoneType::movable)->present_pages() == 0);
  CHECK(problems(node).empty());
  CHECK_VIOLATION((Dimm{{.range = dimm_range, .memory_block = 300}}), "not whole memory blocks");
}

TEST_CASE("one page holds a DIMM, and the rest of it comes back", "[dimm]") {
  auto node = guest<SmallV6_1Config>(dimm_range);
  Dimm dimm{{.range = dimm_range, .memory_block = 256, .online_type = OnlineType::online_kernel}};
  dimm.plug(node);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::normal);
  CHECK(zone.managed_pages() == 2048);
  std::vector<Pfn> held;
  while (const auto page = alloc_pages(zone, cpu0, Order{0}, MigrateType::unmovable)) {
    held.push_back(page->pfn());
  }
  for (const Pfn pfn : held) {
    if (pfn != Pfn{1300}) free_pages(zone, cpu0, pfn, Order{0});
  }
  drain_all_pages(zone);
  Attempt attempt;
  CHECK(dimm.unplug(node, AllMove{}, &attempt) == -Err::busy);
  // All four; then the first is offline already, and the second is the one that stays.
  REQUIRE(attempt.candidates.size() == 5);
  CHECK(attempt.stage == AttemptStage::isolate);
  CHECK(attempt.candidates[4].blockers == std::vector{Blocker{Pfn{1300}, Reason::not_lru}});
  CHECK(dimm.online_pages() == 1024);
  CHECK(zone.managed_pages() == 2048);
  CHECK(problems(node).empty());
}

TEST_CASE("what memory of a DIMM goes to Movable is for the policy to say", "[dimm]") {
  auto node = guest<SmallV6_1Config>(dimm_range);
  DimmSettings settings{.range = dimm_range,
                        .memory_block = 256,
                        .online_type = OnlineType::online,
                        .online_policy = OnlinePolicy::auto_movable};
  SECTION("it fits into the ratio") {
    Dimm dimm{settings};
    dimm.plug(node);
    CHECK(node.find(ZoneType::movable)->present_pages() == 1024);
  }
  SECTION("it does not") {
    settings.auto_movable_ratio = 50;
    Dimm dimm{settings};
    dimm.plug(node);
    CHECK(node.find(ZoneType::movable)->present_pages() == 0);
    CHECK(node.find(ZoneType::normal)->present_pages() == 2048);
  }
}

TEST_CASE("a balloon takes steps of 256 pages and gives the newest back", "[balloon]") {
  auto node = guest<SmallV6_1Config>(dimm_range);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::normal);
  zone.set_pageset(1, 0);
  Balloon balloon;
  CHECK(balloon.inflate(node, 300) == 256);
  CHECK(balloon.inflate(node, 44) == 44);
  CHECK(balloon.nr_pages() == 300);
  CHECK(zone.managed_pages() == 724);
  CHECK(balloon.pages().front() == Pfn{255});  // the last of the first step
  CHECK(balloon.pages().back() == Pfn{256});
  CHECK(balloon.deflate(node, 4) == 4);
  CHECK(balloon.pages().back() == Pfn{260});
  CHECK(zone.managed_pages() == 728);
  CHECK(balloon.inflate(node, 10000) == 256);
  while (balloon.inflate(node, 10000) == 256) continue;  // out of puff
  CHECK(zone.nr_free_pages() == 0);
  while (balloon.deflate(node, 10000) != 0) continue;
  CHECK(balloon.nr_pages() == 0);
  CHECK(zone.managed_pages() == 1024);
  CHECK(zone.nr_free_pages() == 1024);
  CHECK(problems(node).empty());
}

TEST_CASE("pages of a balloon move when their block goes offline", "[balloon]") {
  auto node = guest<SmallV6_1Config>(dimm_range);
  Zone<SmallV6_1Config>& zone = *node.find(ZoneType::normal);
  zone.set_pageset(1, 0);
  Balloon balloon;
  balloon.inflate(node, 100);
  AllMove others;
  BalloonPages pages{node, balloon, others};
  CHECK(offline_pages(node, Pfn{0}, 64, pages) == ok);
  CHECK(balloon.nr_pages() == 100);
  CHECK_FALSE(balloon.has(Pfn{0}));
  for (const Pfn pfn : balloon.pages()) CHECK(zone.memmap().bits(pfn).has(PageBits::in_use));
  CHECK(zone.managed_pages() == 1024 - 64 - 100);
  while (balloon.deflate(node, 256) != 0) continue;
  drain_all_pages(zone);  // going offline has set their limits anew
  CHECK(zone.nr_free_pages() == 960);
  CHECK(problems(node).empty());
}

TEST_CASE("in v3.6 a balloon is in the way unless a notifier counts and frees its pages",
          "[balloon]") {
  std::vector<Zone<TinyConfig>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = 64});
  Node<TinyConfig> node{std::move(zones)};
  Zone<TinyConfig>& zone = node.zones()[0];
  zone.set_pageset(1, 1);
  Balloon balloon;
  CHECK(balloon.inflate(node, 10) == 10);
  const Pfn block = balloon.pages().front().align_down(Zone<TinyConfig>::pageblock_order);
  constexpr std::uint64_t size = Zone<TinyConfig>::pageblock_nr_pages;
  CHECK(offline_pages(node, block, size) == -Err::busy);
  LoanedPages loan{node, balloon};
  register_memory_isolate_notifier(zone, {&LoanedPages<TinyConfig>::count, &loan, 15});
  MemoryNotifierChain chain;
  chain.add({&LoanedPages<TinyConfig>::memory, &loan});
  CHECK(offline_pages(node, block, size, AllMove{}, {.notifiers = &chain}) == ok);
  CHECK(balloon.nr_pages() < 10);
  for (const Pfn pfn : balloon.pages()) CHECK_FALSE((block <= pfn && pfn < block + size));
}

TEST_CASE("free chunks are reported once, 32 at a time", "[page_reporting]") {
  Zone<SmallV6_1Config> zone{ZoneLayout{.spanned_pages = 8192}};
  PageReporting reporting{Order{5}};
  std::vector<std::size_t> sizes;
  auto report = reporting.run(zone, [&](const auto& chunks) {
    sizes.push_back(chunks.size());
    CHECK(zone.nr_free_pages() == 8192 - static_cast<std::int64_t>(64 * chunks.size()));
    CHECK(start_isolate_page_range(zone, chunks[0].pfn, chunks[0].pfn + 32, MigrateType::movable) ==
          ok);
    CHECK(test_pages_isolated(zone, chunks[0].pfn, chunks[0].pfn + 32) == -Err::busy);
    static_cast<void>(
        undo_isolate_page_range(zone, chunks[0].pfn, chunks[0].pfn + 32, MigrateType::movable));
  });
  CHECK(sizes == std::vector<std::size_t>{32, 32});  // the budget of 128 chunks: two calls
  CHECK(report.nr_pages == 4096);
  CHECK(report.nr_calls == 2);
  CHECK(reporting.run(zone).nr_pages == 4096);
  CHECK(reporting.run(zone).nr_pages == 0);
  CHECK(zone.nr_free_pages() == 8192);
  CHECK(verify(zone).empty());

  zone.set_watermarks({.min = 8000, .low = 8100, .high = 8150});
  PageReporting again{Order{5}};
  CHECK(again.run(zone).nr_calls == 0);  // too little is free
}

}  // namespace pageblock::test::dimm_and_balloon_cases
