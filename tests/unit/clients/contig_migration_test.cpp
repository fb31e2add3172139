// SPDX-License-Identifier: MIT
/// alloc_contig_range() where pages in use have to leave, and what its record says.
#include <array>
#include <string>

#include "pageblock/clients/contig.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::contig_migration_cases {

namespace {

struct BlocksV3_6 : DefaultConfig {
  using Lock = NullLock;
};
struct BlocksV6_12 : V6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};

template <ZoneConfig Config>
struct Machine {
  Zone<Config> zone{
      ZoneLayout{.spanned_pages = 4096, .in_use = {{.range = range(1024, 1124), .lru = true}}}};
  StubbornPages pages{};
  Pfns moved{};
  Attempt attempt{};

  Machine() {
    pages.on_moved = [this](Pfn from, OptionalPfn, Order) { moved.push_back(from.value()); };
  }
  Status take(std::uint64_t start, std::uint64_t end) {
    attempt = {};
    return alloc_contig_range(zone, cpu0, Pfn{start}, Pfn{end}, MigrateType::movable, pages,
                              &attempt);
  }
};

}  // namespace

TEMPLATE_TEST_CASE("alloc_contig_range moves pages in use, 32 at a time, the highest first",
                   "[contig][migrate]", BlocksV3_6, V6_1Config, BlocksV6_12) {
  Machine<TestType> machine;
  CHECK(machine.take(1024, 1536) == ok);
  REQUIRE(machine.moved.size() == 100);
  CHECK(machine.moved[0] == 1024 + 31);
  CHECK(machine.moved[31] == 1024);
  CHECK(machine.moved[32] == 1024 + 63);
  CHECK(machine.attempt.nr_migrated() == 100);
  CHECK(machine.attempt.candidates.at(0).nr_rounds == 4);
  CHECK(to_string(machine.attempt) == "contiguous range [0x400, 0x600): done; 100 pages moved");
  for (Pfn pfn{1024}; pfn < Pfn{1536}; ++pfn) CHECK(machine.zone.memmap().count(pfn) == 1);
  CHECK(machine.zone.nr_pageblock_isolate() == 0);
  CHECK(verify(machine.zone).empty());
}

TEMPLATE_TEST_CASE("alloc_contig_range tries a pinned page fifty times and nothing behind it",
                   "[contig][migrate]", BlocksV3_6, V6_1Config, BlocksV6_12) {
  Machine<TestType> machine;
  machine.pages.set(Pfn{1030}, {Hindrance::pinned, StubbornPages::for_ever, InUseKind::file});
  CHECK(machine.take(1024, 1536) == -Err::busy);
  CHECK(machine.moved.size() == 31);
  const Candidate& place = machine.attempt.candidates.at(0);
  CHECK(place.stage == AttemptStage::migrate);
  CHECK(place.blockers == std::vector<Blocker>{{Pfn{1030}, Reason::pinned, 50}});
  CHECK(place.nr_rounds == 5);
  CHECK(place.blockers[0].is_transient());
  CHECK(to_string(machine.attempt) ==
        "contiguous range [0x400, 0x600): -EBUSY, refused in migration (1 page pinned in block "
        "0x400); 31 pages moved");
  CHECK(to_string(place.blockers[0]) == "page 0x406: pinned, tried 50 times; waiting could help");
  CHECK(verify(machine.zone).empty());
}

TEST_CASE("alloc_contig_range of v6.1 leaves pinned memory of programs out from the start",
          "[contig][migrate]") {
  Machine<V6_1Config> later;
  later.pages.set(Pfn{1030}, {Hindrance::pinned});
  CHECK(later.take(1024, 1536) == -Err::busy);
  CHECK(later.moved.size() == 99);  // all others, though in vain
  CHECK(later.attempt.stage == AttemptStage::test);
  CHECK(later.attempt.candidates.at(0).blockers ==
        std::vector<Blocker>{{Pfn{1030}, Reason::pinned, 0}});

  Machine<BlocksV3_6> v3_6;
  v3_6.pages.set(Pfn{1030}, {Hindrance::pinned});
  CHECK(v3_6.take(1024, 1536) == -Err::busy);
  CHECK(v3_6.moved.size() == 31);
  CHECK(v3_6.attempt.stage == AttemptStage::migrate);
}

TEST_CASE("alloc_contig_range drops clean page cache instead of moving it", "[contig][migrate]") {
  const auto take = []<typename Config>(Machine<Config> machine) {
    Pfns dropped;
    machine.pages.on_moved = [&](Pfn from, OptionalPfn to, Order) {
      if (!to) dropped.push_back(from.value());
    };
    for (const std::uint64_t pfn : {1024U, 1026U, 1027U}) {
      machine.pages.set(Pfn{pfn}, {Hindrance::none, 0, InUseKind::file_clean});
    }
    machine.pages.set(Pfn{1025}, {Hindrance::locked, 1, InUseKind::file_clean});
    CHECK(machine.take(1024, 1536) == ok);
    CHECK(machine.attempt.nr_migrated() + machine.attempt.nr_reclaimed() == 100);
    CHECK(verify(machine.zone).empty());
    return dropped;
  };
  CHECK(take(Machine<V6_1Config>{}) == Pfns{1024, 1026, 1027});
  CHECK(take(Machine<BlocksV6_12>{}) == Pfns{1027, 1026, 1024});
  CHECK(take(Machine<BlocksV3_6>{}).empty());
}

TEST_CASE("alloc_contig_range moves what a driver can move, and sees it when it is pinned",
          "[contig][migrate]") {
  Machine<V6_1Config> machine;
  machine.pages.set(Pfn{1030}, {Hindrance::none, 0, InUseKind::driver});
  CHECK(machine.take(1024, 1536) == ok);
  // No reference is counted against it before it is tried.
  Machine<V6_1Config> pinned;
  pinned.pages.set(Pfn{1030}, {Hindrance::pinned, StubbornPages::for_ever, InUseKind::driver});
  CHECK(pinned.take(1024, 1536) == -Err::busy);
  CHECK(pinned.attempt.candidates.at(0).blockers ==
        std::vector<Blocker>{{Pfn{1030}, Reason::pinned, 50}});
}

TEST_CASE("alloc_contig_range of v3.6 moves no locked memory and nothing of KSM",
          "[contig][migrate]") {
  for (const InUseKind kind : {InUseKind::mlocked, InUseKind::ksm}) {
    Machine<BlocksV3_6> v3_6;
    v3_6.pages.set(Pfn{1123}, {Hindrance::none, 0, kind});
    CHECK(v3_6.take(1024, 1536) == -Err::busy);
    CHECK(v3_6.attempt.candidates.at(0).blockers.at(0).reason == Reason::refuses);
    Machine<V6_1Config> later;
    later.pages.set(Pfn{1123}, {Hindrance::none, 0, kind});
    CHECK(later.take(1024, 1536) == ok);
  }
}

TEMPLATE_TEST_CASE("alloc_contig_range does not see a page that is off its LRU list for a while",
                   "[contig][migrate]", BlocksV3_6, V6_1Config, BlocksV6_12) {
  Machine<TestType> machine;
  machine.pages.set(Pfn{1050}, {Hindrance::off_lru, 1});
  CHECK(machine.take(1024, 1536) == -Err::busy);
  CHECK(machine.moved.size() == 99);
  CHECK(machine.attempt.candidates.at(0).blockers ==
        std::vector<Blocker>{{Pfn{1050}, Reason::off_lru, 0}});
  CHECK(machine.take(1024, 1536) == ok);
  CHECK(verify(machine.zone).empty());
}

TEMPLATE_TEST_CASE("alloc_contig_range says -ENOMEM where nothing is free for copies",
                   "[contig][migrate]", BlocksV3_6, V6_1Config, BlocksV6_12) {
  Zone<TestType> zone{ZoneLayout{.spanned_pages = 2048,
                                 .in_use = {{.range = range(0, 1024), .lru = true},
                                            {.range = range(1024, 2048), .lru = true}}}};
  Attempt attempt;
  CHECK(alloc_contig_range(zone, cpu0, Pfn{0}, Pfn{512}, MigrateType::movable, AllMove{},
                           &attempt) == -Err::nomem);
  CHECK(attempt.candidates.at(0).blockers.at(0).reason == Reason::no_copy);
  CHECK(attempt.candidates.at(0).nr_rounds == (TestType::semantics.contig_refuses_lru ? 5 : 1));
  CHECK(verify(zone).empty());
}

TEST_CASE("alloc_contig_range names what could not be isolated", "[contig][migrate]") {
  Machine<V6_1Config> machine;
  machine.zone.memmap().set_bits(Pfn{1100}, PageBits{PageBits::in_use});
  CHECK(machine.take(1024, 1536) == -Err::busy);
  CHECK(machine.attempt.stage == AttemptStage::isolate);
  CHECK(machine.attempt.candidates.at(0).blockers ==
        std::vector<Blocker>{{Pfn{1100}, Reason::not_lru, 0}});
  CHECK(machine.moved.empty());
}

TEST_CASE("alloc_contig_range gives the same answers for a node, with copies from its zones",
          "[contig][migrate]") {
  std::vector<Zone<V6_1Config>> zones;
  zones.emplace_back(ZoneLayout{.type = ZoneType::dma32, .spanned_pages = 1024});
  zones.emplace_back(ZoneLayout{.start_pfn = Pfn{1024},
                                .spanned_pages = 512,
                                .in_use = {{.range = range(1024, 1536), .lru = true}}});
  Node<V6_1Config> node{std::move(zones)};
  CHECK(alloc_contig_range(node, cpu0, Pfn{1024}, Pfn{1536}, MigrateType::movable) == ok);
  CHECK(node.find(ZoneType::dma32)->nr_free_pages() == 512);
}

TEST_CASE("an attempt prints as JSON", "[attempt]") {
  Machine<V6_1Config> machine;
  machine.pages.set(Pfn{1030}, {Hindrance::pinned, StubbornPages::for_ever, InUseKind::file});
  CHECK(machine.take(1024, 1536) == -Err::busy);
  CHECK(to_json(machine.attempt) ==
        R"({"what":"contiguous range","start":1024,"end":1536,"ret":-16,"stage":"in migration",)"
        R"("places":[{"start":1024,"end":1536,"ret":-16,"stage":"in migration","migrated":31,)"
        R"("reclaimed":0,"copies":81,"rounds":5,"blockers":[{"pfn":1030,"is":"pinned",)"
        R"("transient":true,"tries":50}]}]})");
}

}  // namespace pageblock::test::contig_migration_cases
