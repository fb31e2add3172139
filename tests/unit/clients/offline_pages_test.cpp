// SPDX-License-Identifier: MIT
/// offline_pages() and online_pages() with migration, notifiers and their ends, by version.
#include "pageblock/clients/offline_pages.hpp"

#include <string>
#include <vector>

#include "pageblock/clients/memory_hotplug.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::offline_pages_cases {

namespace {

struct OfflineV3_6 : DefaultConfig {
  using Lock = NullLock;
};
struct OfflineV6_12 : V6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};

// Four blocks of 512; pages [1024, 1124) are on LRU lists.
template <ZoneConfig Config>
struct Machine {
  Zone<Config> zone{
      ZoneLayout{.spanned_pages = 2048, .in_use = {{.range = range(1024, 1124), .lru = true}}}};
  StubbornPages pages{};
  Pfns moved{};
  Attempt attempt{};
  HotplugOptions options{};

  Machine() {
    pages.on_moved = [this](Pfn from, OptionalPfn, Order) { moved.push_back(from.value()); };
  }
  Status offline() { return offline_pages(zone, Pfn{1024}, 512, pages, options, &attempt); }
  [[nodiscard]] std::vector<Blocker> blockers() const { return attempt.candidates.at(0).blockers; }
};

// What a chain heard, and its objection to one event.
struct Listener {
  MemoryNotifierChain chain{};
  std::vector<MemoryEvent> heard{};
  MemoryEvent objects_to = MemoryEvent::offline;
  Status objection{};

  Listener() {
    chain.add({[](void* self, MemoryNotify& arg) {
                 auto& listener = *static_cast<Listener*>(self);
                 listener.heard.push_back(arg.event);
                 CHECK(arg.start_pfn == Pfn{1024});
                 CHECK(arg.nr_pages == 512);
                 return notifier_from_errno(arg.event == listener.objects_to ? listener.objection
                                                                             : ok);
               },
               this});
  }
};

}  // namespace

TEMPLATE_TEST_CASE("offline_pages moves what is in use, and online_pages brings the memory back",
                   "[offline_pages]", OfflineV3_6, V6_1Config, OfflineV6_12) {
  Machine<TestType> machine;
  Zone<TestType>& zone = machine.zone;
  CHECK(machine.offline() == ok);
  REQUIRE(machine.moved.size() == 100);
  const bool descends = TestType::semantics.migration.offline_descends;
  CHECK(machine.moved.front() == (descends ? 1123U : 1024U));
  CHECK(machine.moved.back() == (descends ? 1024U : 1123U));
  CHECK(to_string(machine.attempt) == "offline [0x400, 0x600): done; 100 pages moved");
  CHECK(zone.present_pages() == 1536);
  CHECK(zone.managed_pages() == 1536);
  CHECK(zone.nr_pageblock_isolate() == 0);
  CHECK(verify(zone).empty());

  CHECK(online_pages(zone, Pfn{1024}, 512) == ok);
  CHECK(zone.present_pages() == 2048);
  CHECK(zone.managed_pages() == 2048);
  CHECK(verify(zone).empty());
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == 1948);
  CHECK(online_pages(zone, Pfn{1024}, 512) == -Err::inval);
}

TEST_CASE("offline_pages of v6.1 tries a pinned page until a signal comes", "[offline_pages]") {
  Machine<V6_1Config> machine;
  machine.pages.set(Pfn{1100}, {Hindrance::pinned});
  machine.options.rounds = 25;
  CHECK(machine.offline() == -Err::intr);
  CHECK(machine.moved.size() == 99);
  CHECK(machine.attempt.stage == AttemptStage::migrate);
  CHECK(machine.blockers() == std::vector<Blocker>{{Pfn{1100}, Reason::pinned, 250}});
  CHECK(machine.attempt.nr_rounds() == 25);
  CHECK(offline_failure_message(machine.attempt) ==
        "memory offlining [mem 0x00400000-0x005fffff] failed due to signal backoff");
  CHECK(types(machine.zone) == "MMMM");
  CHECK(machine.zone.present_pages() == 2048);
  CHECK(verify(machine.zone).empty());

  machine.pages.set(Pfn{1100}, {Hindrance::pinned, 35});  // goes in the fourth round
  CHECK(machine.offline() == ok);
  CHECK(machine.attempt.nr_rounds() == 4);
}

TEST_CASE("offline_pages of v3.6 tries a pinned page until its time is over", "[offline_pages]") {
  Machine<OfflineV3_6> machine;
  machine.pages.set(Pfn{1100}, {Hindrance::pinned});
  CHECK(machine.offline() == -Err::again);
  CHECK(machine.moved.size() == 99);
  CHECK(machine.blockers() == std::vector<Blocker>{{Pfn{1100}, Reason::pinned, 170}});
  CHECK(offline_failure_message(machine.attempt) ==
        "memory offlining [mem 0x00400000-0x005fffff] failed");
  CHECK(types(machine.zone) == "MMMM");
  CHECK(verify(machine.zone).empty());
}

TEST_CASE("offline_pages of v3.6 loses a life for a kernel page behind the first that could move",
          "[offline_pages]") {
  Machine<OfflineV3_6> machine;
  machine.zone.memmap().set_bits(Pfn{1120}, PageBits{PageBits::in_use});
  CHECK(machine.offline() == -Err::busy);
  CHECK(machine.moved.empty());
  CHECK(machine.blockers() == std::vector<Blocker>{{Pfn{1120}, Reason::not_lru, 0}});
}

TEST_CASE("offline_pages of v3.6 ends with the first test that fails", "[offline_pages]") {
  Machine<OfflineV3_6> machine;
  machine.zone.memmap().set_bits(Pfn{1024}, PageBits{PageBits::in_use});
  for (std::uint64_t pfn = 1025; pfn < 1124; ++pfn) {
    static_cast<void>(put_page(machine.zone, cpu0, Pfn{pfn}));
  }
  CHECK(machine.offline() == -Err::busy);
  CHECK(machine.attempt.stage == AttemptStage::test);
  CHECK(machine.blockers() == std::vector<Blocker>{{Pfn{1024}, Reason::not_lru, 0}});
}

TEST_CASE("offline_pages of v6.1 says in the kernel's words why not", "[offline_pages]") {
  const auto reason_of = [](auto change) {
    Machine<V6_1Config> machine;
    change(machine);
    CHECK(machine.offline() != ok);
    CHECK(verify(machine.zone).empty());
    return std::string{machine.attempt.reason};
  };
  CHECK(reason_of([](auto& machine) {
          machine.zone.memmap().set_bits(Pfn{1050}, PageBits{PageBits::in_use});
        }) == "failure to isolate range");
  CHECK(reason_of([](auto& machine) {
          for (std::uint64_t pfn = 1024; pfn < 1124; ++pfn) {
            machine.pages.set(Pfn{pfn}, {Hindrance::off_lru});
          }
        }) == "signal backoff");
  Listener listener;
  listener.objects_to = MemoryEvent::going_offline;
  listener.objection = -Err::nomem;
  CHECK(reason_of([&](auto& machine) { machine.options.notifiers = &listener.chain; }) ==
        "notifier failure");
  CHECK(listener.heard == std::vector{MemoryEvent::going_offline, MemoryEvent::cancel_offline});

  Machine<V6_1Config> machine;
  Attempt attempt;
  CHECK(offline_pages(machine.zone, Pfn{1024}, 4096, AllMove{}, {}, &attempt) == -Err::inval);
  CHECK(attempt.reason == "multizone range");
  CHECK(attempt.stage == AttemptStage::arguments);
  CHECK(offline_pages(machine.zone, Pfn{1024}, 512) == ok);
  CHECK(offline_pages(machine.zone, Pfn{512}, 1024, AllMove{}, {}, &attempt) == -Err::inval);
  CHECK(attempt.reason == "memory holes");
}

TEMPLATE_TEST_CASE("offline_pages and online_pages tell notifiers, who may object",
                   "[offline_pages]", OfflineV3_6, V6_1Config, OfflineV6_12) {
  using enum MemoryEvent;
  Machine<TestType> machine;
  Listener listener;
  machine.options.notifiers = &listener.chain;
  CHECK(machine.offline() == ok);
  CHECK(listener.heard == std::vector{going_offline, MemoryEvent::offline});
  listener.heard.clear();
  listener.objects_to = going_online;
  listener.objection = -Err::busy;
  CHECK(online_pages(machine.zone, Pfn{1024}, 512, machine.options) == -Err::busy);
  CHECK(listener.heard == std::vector{going_online, cancel_online});
  CHECK(machine.zone.present_pages() == 1536);
  listener.heard.clear();
  listener.objection = ok;
  CHECK(online_pages(machine.zone, Pfn{1024}, 512, machine.options) == ok);
  CHECK(listener.heard == std::vector{going_online, online});
}

TEST_CASE("offline_pages of v3.6 has time for as many rounds as move something",
          "[offline_pages]") {
  Zone<OfflineV3_6> zone{
      ZoneLayout{.spanned_pages = 32768, .in_use = {{.range = range(16384, 28672), .lru = true}}}};
  Attempt attempt;
  CHECK(offline_pages(zone, Pfn{16384}, 16384, AllMove{}, {}, &attempt) == ok);
  CHECK(attempt.nr_rounds() == 48);  // 256 pages each
  CHECK(verify(zone).empty());
}

TEST_CASE("the span of a node's zone follows memory at its ends", "[offline_pages]") {
  std::vector<Zone<OfflineV6_12>> zones;
  zones.emplace_back(ZoneLayout{.type = ZoneType::normal, .spanned_pages = 65536});
  zones.emplace_back(ZoneLayout{.name = "Movable",
                                .type = ZoneType::movable,
                                .start_pfn = Pfn{65536},
                                .spanned_pages = 4096});
  Node<OfflineV6_12> node{std::move(zones)};
  Zone<OfflineV6_12>& movable = *node.find(ZoneType::movable);
  const auto span = [&] { return PfnRange{movable.start_pfn(), movable.end_pfn()}; };
  const auto offline = [&](std::uint64_t from, std::uint64_t to) {
    return offline_pages(node, Pfn{from}, to - from);
  };
  const auto online = [&](std::uint64_t from, std::uint64_t to) {
    return online_pages(node, ZoneType::movable, Pfn{from}, to - from);
  };
  CHECK(offline(66560, 67584) == ok);  // in the middle
  CHECK(span() == range(65536, 69632));
  CHECK(offline(68608, 69632) == ok);
  CHECK(span() == range(65536, 68608));
  CHECK(offline(67584, 68608) == ok);  // what is gone before it goes, too
  CHECK(span() == range(65536, 66560));
  CHECK_FALSE(movable.spans(Pfn{66560}));
  CHECK(node.zone_of(Pfn{66560}) == nullptr);
  CHECK(offline(66560, 67584) == -Err::inval);
  CHECK(verify(movable).empty());

  CHECK(online(67584, 68608) == ok);
  CHECK(span() == range(65536, 68608));
  CHECK(offline(65536, 66560) == ok);  // at the start
  CHECK(span() == range(67584, 68608));
  CHECK(offline(67584, 68608) == ok);
  CHECK(movable.spanned_pages() == 0);
  CHECK(movable.present_pages() == 0);

  CHECK(online(65536, 69632) == ok);
  CHECK(span() == movable.room());
  CHECK(movable.present_pages() == 4096);
  CHECK(movable.nr_free_pages() == 4096);
  CHECK(online(69632, 70656) == -Err::inval);  // there is no room
  CHECK(verify(movable).empty());
}

TEST_CASE("offline_pages of v3.6 changes the watermarks of a node, and no span",
          "[offline_pages]") {
  std::vector<Zone<OfflineV3_6>> zones;
  zones.emplace_back(ZoneLayout{.spanned_pages = 262144});  // 1 GiB
  Node<OfflineV3_6> node{std::move(zones)};
  Zone<OfflineV3_6>& zone = node.zones()[0];
  init_per_zone_wmark_min(node);
  CHECK(zone.watermarks() == Watermarks{1024, 1280, 1536});
  CHECK(zone.pageset() == Pageset{31, 186});
  const std::uint64_t gone = 262144 - 16384;
  CHECK(offline_pages(node, Pfn{16384}, gone) == ok);
  // 64 MiB are left; those above the high watermark that was in force count.
  CHECK(zone.watermarks() == Watermarks{243, 303, 364});
  init_per_zone_wmark_min(node);
  CHECK(zone.watermarks() == Watermarks{253, 316, 379});
  CHECK(zone.spanned_pages() == 262144);
  CHECK(zone.pageset() == Pageset{31, 186});  // as at boot
  CHECK(online_pages(node, ZoneType::normal, Pfn{16384}, 512) == ok);
  CHECK(zone.pageset() == Pageset{3, 18});
}

TEST_CASE("offline_pages of a node moves pages to other zones, and watermarks follow",
          "[offline_pages][v6_1]") {
  std::vector<Zone<V6_1Config>> zones;
  zones.emplace_back(ZoneLayout{.type = ZoneType::normal, .spanned_pages = 65536});
  zones.emplace_back(ZoneLayout{.type = ZoneType::movable,
                                .start_pfn = Pfn{65536},
                                .spanned_pages = 32768,
                                .in_use = {{.range = range(65536, 98304), .lru = true}}});
  Node<V6_1Config> node{std::move(zones)};
  init_per_zone_wmark_min(node);
  Attempt attempt;
  CHECK(offline_pages(node, Pfn{65536}, 32768, AllMove{}, {}, &attempt) == ok);
  CHECK(attempt.nr_migrated() == 32768);
  CHECK(node.find(ZoneType::movable)->present_pages() == 0);
  CHECK(node.find(ZoneType::movable)->watermarks().min == 0);
  CHECK(node.find(ZoneType::normal)->nr_free_pages() <= 32768);
  CHECK(online_pages(node, ZoneType::movable, Pfn{65536}, 32768) == ok);
  CHECK(node.find(ZoneType::movable)->watermarks().min != 0);
  for (const auto& zone : node.zones()) CHECK(verify(zone).empty());
}

TEST_CASE("online_pages of v3.6 frees page by page, to the CPU that asks", "[offline_pages]") {
  Machine<OfflineV3_6> machine;
  REQUIRE(machine.offline() == ok);
  machine.zone.set_pageset(4, 1000);
  CHECK(online_pages(machine.zone, Pfn{1024}, 512) == ok);
  CHECK(machine.zone.pcp(cpu0).count == 512);
  CHECK(machine.zone.pcp(cpu0).list(MigrateType::movable)[0] == Pfn{1535});
}

}  // namespace pageblock::test::offline_pages_cases
