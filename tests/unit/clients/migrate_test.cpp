// SPDX-License-Identifier: MIT
/// migrate_pages(): copies, tries, and the order in which places are freed.
#include "pageblock/clients/migrate.hpp"

#include <utility>
#include <vector>

#include "pageblock/isolation/page_isolation.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::migrate_cases {

namespace {

struct TinyV6_12Config : TinyV6_1Config {
  static constexpr Semantics semantics = kernel::v6_12;
};

// Pages [0, 8) are on LRU lists, the first largest chunk above 16 is free.
[[nodiscard]] ZoneLayout with_lru(std::uint64_t nr) {
  return {.spanned_pages = 64, .in_use = {{.range = range(0, nr), .lru = true}}};
}

[[nodiscard]] MigrationList list_of(const std::vector<std::uint64_t>& pfns) {
  MigrationList list;
  for (const std::uint64_t pfn : pfns) list.push_back({Pfn{pfn}});
  return list;
}

// "+16 -0": a page was allocated, one was freed.
template <ZoneConfig Config>
std::string allocs_and_frees(const Events& events) {
  std::string text;
  for (const Event& event : events) {
    if (const auto* alloc = std::get_if<trace::MmPageAlloc>(&event)) {
      text += alloc->pfn ? fmt::format("+{} ", *alloc->pfn) : "+none ";
    } else if (const auto* free = std::get_if<trace::MmPageFree>(&event)) {
      text += fmt::format("-{} ", free->pfn);
    }
  }
  return text;
}

template <ZoneConfig Config>
struct Machine {
  explicit Machine(std::uint64_t nr_lru) : zone{with_lru(nr_lru)} {
    REQUIRE(start_isolate_page_range(zone, Pfn{0}, Pfn{16}, MigrateType::movable) == ok);
    zone.tracer().events = &events;
  }
  Zone<Config> zone;
  Events events{};
};

}  // namespace

TEST_CASE("migrate_pages of v6.1 moves page by page", "[migrate]") {
  Machine<TinyV6_1Config> machine{3};
  MigrationList list = list_of({2, 0, 1});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list) == ok);
  CHECK(list.empty());
  CHECK(allocs_and_frees<TinyV6_1Config>(machine.events) == "+16 -2 +17 -0 +18 -1 ");
  CHECK(machine.zone.page(Pfn{16}).is_lru());
  CHECK(machine.zone.page(Pfn{16}).count() == 1);
  CHECK(!machine.zone.page(Pfn{2}).is_lru());
  CHECK(machine.zone.page(Pfn{2}).count() == 0);
  CHECK(verify(machine.zone).empty());
}

TEST_CASE("migrate_pages of v6.12 allocates all copies before the first page moves", "[migrate]") {
  Machine<TinyV6_12Config> machine{3};
  MigrationList list = list_of({2, 0, 1});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list) == ok);
  CHECK(allocs_and_frees<TinyV6_12Config>(machine.events) == "+16 +17 +18 -2 -0 -1 ");
  CHECK(verify(machine.zone).empty());
}

TEMPLATE_TEST_CASE("migrate_pages moves huge pages of hugetlbfs before all others, one by one",
                   "[migrate]", TinyV6_1Config, TinyV6_12Config) {
  // Pages 8 to 15 are two huge pages of four; 0 and 1 are a program's.
  Machine<TestType> machine{2};
  auto& zone = machine.zone;
  for (const std::uint64_t pfn : {8U, 12U}) {
    zone.memmap().set_bits(Pfn{pfn}, PageBits::allocation(Order{2}).with(PageBits::lru));
  }
  StubbornPages pages;
  for (const std::uint64_t pfn : {8U, 12U}) {
    pages.set(Pfn{pfn}, {Hindrance::pinned, 1, InUseKind::hugetlb});
  }
  MigrationList list{{Pfn{1}}, {Pfn{0}}, {Pfn{8}, Order{2}}, {Pfn{12}, Order{2}}};
  static_cast<void>(migrate_pages(zone, zone, cpu0, list, pages));
  CHECK(list.empty());
  std::vector<std::uint64_t> freed;
  for (const auto& event : only<trace::MmPageFree>(machine.events)) {
    if (event.pfn < Pfn{16}) freed.push_back(event.pfn.value());
  }
  CHECK(freed == std::vector<std::uint64_t>{8, 12, 1, 0});
  // Each took two passes, and gave its first copy back.
  CHECK(only<trace::MmPageAlloc>(machine.events).size() == 6);
}

TEST_CASE("migrate_pages ends where there is no memory for a huge page", "[migrate]") {
  Machine<TinyV6_1Config> machine{64};
  auto& zone = machine.zone;
  zone.memmap().set_bits(Pfn{8}, PageBits::allocation(Order{2}).with(PageBits::lru));
  StubbornPages pages;
  pages.set(Pfn{8}, {Hindrance::none, 0, InUseKind::hugetlb});
  MigrationList list{{Pfn{0}}, {Pfn{8}, Order{2}}};
  CHECK(migrate_pages(zone, zone, cpu0, list, pages) == -Err::nomem);
  CHECK(list.size() == 2);
}

TEST_CASE("migrate_pages of v3.6 frees seven places at once, the last first", "[migrate]") {
  // Place and copy wait in one vector of 14: when it is full, the places are freed from the end.
  Machine<TracedConfig> machine{8};
  MigrationList list = list_of({0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list) == ok);
  CHECK(allocs_and_frees<TracedConfig>(machine.events) ==
        "+48 +49 +50 +51 +52 +53 +54 -6 -5 -4 -3 -2 -1 -0 +55 -7 ");
  for (std::uint64_t pfn = 48; pfn < 56; ++pfn) CHECK(machine.zone.page(Pfn{pfn}).is_lru());
  CHECK(verify(machine.zone).empty());
}

TEST_CASE("migrate_pages tells where each page went, with all its references", "[migrate]") {
  Machine<TinyV6_1Config> machine{2};
  get_page(machine.zone, Pfn{1});
  StubbornPages pages;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> moves;
  pages.on_moved = [&](Pfn from, OptionalPfn to, Order order) {
    CHECK(order == Order{0});
    moves.emplace_back(from.value(), (*to).value());
  };
  MigrationList list = list_of({0, 1});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list, pages) == ok);
  CHECK(moves == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0, 16}, {1, 17}});
  CHECK(machine.zone.page(Pfn{17}).count() == 2);
  CHECK(machine.zone.page(Pfn{1}).count() == 0);
}

TEST_CASE("migrate_pages tries a pinned page ten times with ten copies, in v6.12 with two",
          "[migrate]") {
  const auto pin_and_migrate = []<typename Config>(Machine<Config> machine) {
    StubbornPages pages;
    pages.set(Pfn{0}, {Hindrance::pinned});
    MigrationList list = list_of({0, 1});
    Candidate record;
    CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list, pages, MigrationPurpose::contig,
                        &record) == -Err::busy);
    CHECK(list == MigrationList{{Pfn{0}, Order{0}, 10, Hindrance::pinned}});
    CHECK(record.nr_migrated == 1);
    CHECK(verify(machine.zone).empty());
    return record.nr_copies;
  };
  CHECK(pin_and_migrate(Machine<TinyV6_1Config>{2}) == 11);
  CHECK(pin_and_migrate(Machine<TinyV6_12Config>{2}) == 3);
  CHECK(pin_and_migrate(Machine<TracedConfig>{2}) == 11);
}

TEMPLATE_TEST_CASE("migrate_pages tries again until a page is free, and waits for its lock",
                   "[migrate]", TracedConfig, TinyV6_1Config, TinyV6_12Config) {
  Machine<TestType> machine{4};
  StubbornPages pages;
  pages.set(Pfn{0}, {Hindrance::pinned, 5});
  pages.set(Pfn{1}, {Hindrance::locked});
  pages.set(Pfn{2}, {Hindrance::writeback, 2});
  MigrationList list = list_of({0, 1, 2, 3});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list, pages) == ok);
  CHECK(list.empty());
  CHECK(verify(machine.zone).empty());
}

TEMPLATE_TEST_CASE("migrate_pages gives up at once what refuses, and ends where it would hang",
                   "[migrate]", TracedConfig, TinyV6_1Config, TinyV6_12Config) {
  Machine<TestType> machine{4};
  StubbornPages pages;
  pages.set(Pfn{1}, {Hindrance::refuses});
  MigrationList list = list_of({0, 1, 2});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list, pages) == -Err::busy);
  CHECK(list == MigrationList{{Pfn{1}, Order{0}, 1, Hindrance::refuses}});
  pages.set(Pfn{1}, {Hindrance::stuck});
  list = list_of({1, 3});
  CHECK(migrate_pages(machine.zone, machine.zone, cpu0, list, pages) == -Err::intr);
  CHECK(list.at(0).pfn == Pfn{1});
}

TEMPLATE_TEST_CASE("migrate_pages ends where there is no memory for a copy", "[migrate]",
                   TracedConfig, TinyV6_1Config, TinyV6_12Config) {
  Zone<TestType> zone{
      ZoneLayout{.spanned_pages = 48,
                 .in_use = {{.range = range(0, 4), .lru = true}, {.range = range(4, 47)}}}};
  for (const std::uint64_t pfn : {0U, 8U}) {
    zone.pageblock_flags().set(Pfn{pfn},
                               MigrateType::isolate);  // so places are no memory for copies
  }
  MigrationList list = list_of({0, 1, 2});
  Candidate record;
  CHECK(migrate_pages(zone, zone, cpu0, list, AllMove{}, MigrationPurpose::contig, &record) ==
        -Err::nomem);
  CHECK(list == list_of({1, 2}));
  CHECK(record.nr_migrated == 1);
}

TEST_CASE("migrate_pages moves compound pages as a whole", "[migrate][v6_1]") {
  TinyV6_1Zone zone{ZoneLayout{.spanned_pages = 64}};
  const auto page = alloc_pages(zone, cpu0, Order{2}, MigrateType::movable).value().pfn();
  prep_compound_page(zone, page, Order{2});
  set_page_lru(zone, page, true);
  MigrationList list{{page, Order{2}}};
  Pfn target;
  StubbornPages pages;
  pages.on_moved = [&](Pfn, OptionalPfn to, Order order) {
    CHECK(order == Order{2});
    target = *to;
  };
  CHECK(migrate_pages(zone, zone, cpu0, list, pages) == ok);
  CHECK(zone.memmap().bits(target).has(PageBits::compound));
  CHECK(zone.memmap().bits(target + 3).has(PageBits::lru));
  CHECK(zone.page(page).count() == 0);
  CHECK(verify(zone).empty());
}

TEST_CASE("migrate_pages asks the zones of a node as user memory does", "[migrate][v6_1]") {
  // Pages of Normal may go to Normal and below, those of Movable anywhere.
  TinyV6_1Node node = tiny_node({ZoneType::dma32, ZoneType::normal, ZoneType::movable});
  const auto move_from = [&](ZoneType type) {
    TinyV6_1Zone& zone = *node.find(type);
    const Pfn pfn = alloc_pages(zone, cpu0, Order{0}, MigrateType::movable).value().pfn();
    set_page_lru(zone, pfn, true);
    MigrationList list{{pfn}};
    StubbornPages pages;
    Pfn target;
    pages.on_moved = [&](Pfn, OptionalPfn to, Order) { target = *to; };
    CHECK(migrate_pages(node, zone, cpu0, list, pages) == ok);
    return node.zone_of(target)->type();
  };
  CHECK(move_from(ZoneType::normal) == ZoneType::normal);
  CHECK(move_from(ZoneType::movable) == ZoneType::movable);
  CHECK(move_from(ZoneType::dma32) == ZoneType::normal);
}

TEST_CASE("migrate_pages requires a CPU of the zone", "[migrate]") {
  TinyZone zone{pages(48)};
  MigrationList list;
  CHECK_VIOLATION_IN(zone, migrate_pages(zone, zone, Cpu{99}, list), "no such CPU");
}

}  // namespace pageblock::test::migrate_cases
