// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/exact_zone.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/recording/exact_state_reader.hpp"
#include "pageblock/io/recording/page_runs.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/pageblock.hpp"

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::exact_zone_cases {

namespace {

struct SmallConfig : DefaultConfig {
  static constexpr unsigned max_order = 4;
  static constexpr unsigned pageblock_order = 3;
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = kernel::without_cma(kernel::v6_1);
  using Lock = NullLock;
};

// A zone that begins in a block: pages 0x3c to 0x7f, of which 0x40 to 0x47 are isolated. The last
// eight are offline.
const std::string state =
    "# realkernel state, format 1; label T0\n"
    "max_pfn 0x80\n"
    "ncpu 1\n"
    "trace cpu 0 entries 0 overrun 0 commit_overrun 0 dropped 0 read 0\n"
    "zone 3 Movable va 0xffff88803fe28600 start_pfn 0x3c spanned 68 present 60 managed 59 "
    "nr_free_pages 7 nr_isolate_pageblock 1 nr_reserved_highatomic 8 watermark_boost 9 "
    "wmark_min 1 wmark_low 2 wmark_high 3 flags 0x2 lowmem_reserve 0,5 pageset_high 17 "
    "pageset_batch 3 lru_inactive_anon 1 lru_active_anon 2 lru_inactive_file 3 "
    "lru_active_file 4 unevictable 5\n"
    "area 3 0 nr_free 3\n"
    "list 3 0 0 1 3c\n"
    "list 3 0 1 2 5b 59\n"
    "area 3 1 nr_free 0\n"
    "area 3 2 nr_free 1\n"
    "list 3 2 1 1 60\n"
    "area 3 3 nr_free 1\n"
    "list 3 3 4 1 40\n"
    "listed_free 3 15\n"
    "pcp 3 cpu 0 va 0xffff88803ec37780 count 3 high 0 batch 1 free_factor 2 expire 3\n"
    "pcplist 3 cpu 0 index 1 order 0 mt 1 1 51/3\n"
    "pcplist 3 cpu 0 index 5 order 1 mt 2 1 54/2\n"
    "section 0 start_pfn 0x0 flags 0xf online 1 subsections ffff blocks 0000000041231110 skip "
    "0000000000000000\n";
const std::string pages =
    "# pfn run flags refcount mapcount type order zone mapping\n"
    "38 4 1000 1 -1 - - 1 -\n"  // of another zone
    "3c 1 0 0 ffffff7f buddy 0 3 -\n"
    "3d 3 1000 1 -1 - - 3 -\n"  // reserved
    "40 8 0 0 -1 - - 3 -\n"     // a free chunk, as if it had one descriptor
    "48 1 10010 2 1 - 1 3 A\n"  // a huge page on the LRU, and its tail
    "49 1 0 0 -1 - - 3 T\n"
    "4a 1 200 1 -1 - - 3 -\n"  // of a slab
    "4b 1 0 1 -1 - - 3 M\n"    // movable without LRU
    "4c 1 0 1 ffffff7f offline - 3 -\n"
    "4d 11 0 0 -1 - - 3 -\n"
    "58 1 200 1 -1 - - 3 -\n"
    "59 31 0 0 -1 - - 3 -\n"
    "78 8 ffffff 0 -1 - - 3 -\n";

struct Machine {
  ExactState exact;
  PageRuns runs;
  Zone<SmallConfig> zone;

  explicit Machine(const std::string& content = state)
      : exact{parse_exact_state({"T0.state", content})},
        runs{parse_page_runs({"T0.pages", pages})},
        zone{make_zone<SmallConfig>(exact, exact.zones.front(), runs,
                                    exact.zones.front().range())} {}
};

std::string with(std::string_view from, std::string_view to) {
  std::string changed = state;
  const std::size_t at = changed.find(from);
  REQUIRE(at != std::string::npos);
  return changed.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("make_zone builds the lists in order", "[exact_zone]") {
  const Machine machine;
  CHECK(compare_lists(machine.zone, &machine.exact.zones.front()).empty());
  const auto list = machine.zone.free_list(Order{0}, MigrateType::movable);
  CHECK(std::vector<Pfn>(list.begin(), list.end()) == std::vector{Pfn{0x5b}, Pfn{0x59}});
  CHECK(*machine.zone.free_list(Order{3}, MigrateType::isolate).begin() == Pfn{0x40});
  const PerCpuPages<SmallConfig>& pcp = machine.zone.pcp(Cpu{0});
  CHECK(pcp.count == 3);
  CHECK(pcp.list(MigrateType::movable)[0] == Pfn{0x51});
  CHECK(machine.zone.page(Pfn{0x51}).page_private() == 3);
  CHECK(pcp.list(MigrateType::reclaimable, Order{1})[0] == Pfn{0x54});
}

TEST_CASE("make_zone takes over types, counters and limits", "[exact_zone]") {
  const Zone<SmallConfig> zone = Machine{}.zone;
  CHECK(zone.start_pfn() == Pfn{0x3c});
  CHECK(zone.name() == "Movable");
  CHECK(zone.type() == ZoneType::movable);
  CHECK(get_pageblock_migratetype(zone, Pfn{0x3c}) == MigrateType::unmovable);
  CHECK(get_pageblock_migratetype(zone, Pfn{0x40}) == MigrateType::isolate);
  CHECK(get_pageblock_migratetype(zone, Pfn{0x50}) == MigrateType::reclaimable);
  CHECK(get_pageblock_migratetype(zone, Pfn{0x58}) == MigrateType::highatomic);
  CHECK(zone.nr_free_pages() == 7);
  CHECK(zone.nr_pageblock_isolate() == 1);
  CHECK(zone.managed_pages() == 59);
  CHECK(zone.present_pages() == 60);
  CHECK(zone.watermarks() == Watermarks{1, 2, 3});
  CHECK(zone.lowmem_reserve(1) == 5);
  CHECK(zone.pressure() == ZonePressure{9, false, true, 8});
  CHECK(zone.pageset() == Pageset{3, 17});
  // Switched off just then.
  CHECK(zone.pcp(Cpu{0}).batch == 1);
  CHECK(zone.pcp(Cpu{0}).high == 0);
  CHECK(zone.pcp(Cpu{0}).free_factor == 2);
}

TEST_CASE("make_zone knows who uses a page only as far as it can be moved", "[exact_zone]") {
  const Zone<SmallConfig> zone = Machine{}.zone;
  const auto bits = [&](std::uint64_t pfn) { return zone.memmap().bits(Pfn{pfn}); };
  CHECK(bits(0x3d) == PageBits{PageBits::reserved | PageBits::in_use});
  CHECK(bits(0x48) == PageBits{PageBits::lru | PageBits::in_use});
  CHECK(bits(0x49) == PageBits{});
  CHECK(bits(0x4a) == PageBits{PageBits::in_use});
  CHECK(bits(0x4b) == PageBits{PageBits::lru | PageBits::in_use});
  CHECK(bits(0x4c) == PageBits{PageBits::offline | PageBits::in_use});
  CHECK(bits(0x4d) == PageBits{});  // nobody holds it, and it is on no list
  CHECK(bits(0x77).is_valid());
  CHECK(!zone.is_valid(Pfn{0x78}));  // offline
  CHECK(!zone.is_valid(Pfn{0x3b}));  // of another zone
}

TEST_CASE("make_zone leaves room for memory to come", "[exact_zone]") {
  const Machine machine;
  const Zone<SmallConfig> zone = make_zone<SmallConfig>(machine.exact, machine.exact.zones.front(),
                                                        machine.runs, {Pfn{0x30}, Pfn{0xa0}});
  CHECK(zone.end_pfn() == Pfn{0xa0});
  CHECK(!zone.is_valid(Pfn{0x80}));
  CHECK(!zone.is_valid(Pfn{0x38}));
  CHECK(compare_lists(zone, &machine.exact.zones.front()).empty());
}

TEST_CASE("make_zone refuses what cannot be a zone of its config", "[exact_zone]") {
  const Machine machine;
  const auto in_range = [&](std::uint64_t start, std::uint64_t end) {
    return make_zone<SmallConfig>(machine.exact, machine.exact.zones.front(), machine.runs,
                                  {Pfn{start}, Pfn{end}});
  };
  CHECK(test::fault_in([&] { return in_range(0x3c, 0x60); }) ==
        "T0: zone Movable: there can be no chunk of order 2 at 0x60");
  CHECK(test::fault_in([&] { return in_range(0x40, 0x80); }) ==
        "T0: zone Movable: there can be no chunk of order 0 at 0x3c");
  CHECK(test::fault_in([&] { return in_range(0x3c, 0x63); }) ==
        "T0: zone Movable: there can be no chunk of order 2 at 0x60");
  CHECK(test::fault_in([] { return Machine{with("list 3 2 1 1 60", "list 3 2 5 1 60")}; }) ==
        "Linux 6.1 as modelled has no migratetype 5");
  CHECK(test::fault_in([] { return Machine{with("index 5 order 1", "index 8 order 1")}; }) ==
        "T0: zone Movable: per-CPU list 8 is not of order 1");
  CHECK(test::fault_in([] { return Machine{with("mt 1 1 51/3", "mt 1 1 51/5")}; }) ==
        "Linux 6.1 as modelled has no migratetype 5");
}

TEST_CASE("make_zone refuses a chunk that is not aligned, whoever made the state", "[exact_zone]") {
  Machine machine;
  ExactZone& from = machine.exact.zones.front();
  for (ExactFreeList& list : from.free_lists) {
    if (list.order == Order{2}) list.pfns = {Pfn{0x62}};
  }
  const auto make = [&] {
    return make_zone<SmallConfig>(machine.exact, from, machine.runs, from.range());
  };
  CHECK(test::fault_in(make) == "T0: zone Movable: there can be no chunk of order 2 at 0x62");
}

TEST_CASE("compare_lists names the list and the first entry that differs", "[exact_zone]") {
  const Machine machine;
  const auto differences = [&](const std::string& content) {
    const ExactState exact = parse_exact_state({"T1.state", content});
    return compare_lists(machine.zone, &exact.zones.front());
  };
  SECTION("the order of a list") {
    const auto found = differences(with("2 5b 59", "2 59 5b"));
    REQUIRE(found.size() == 1);
    CHECK(found[0].zone == "Movable");
    CHECK(found[0].list == "order 0 Movable");
    CHECK(found[0].position == 0);
    CHECK(found[0].expected == Pfn{0x59});
    CHECK(found[0].actual == Pfn{0x5b});
  }
  SECTION("a list that is shorter, and one that is longer") {
    const auto found = differences(
        with("list 3 0 0 1 3c\nlist 3 0 1 2 5b 59", "list 3 0 0 2 3c 59\nlist 3 0 1 1 5b"));
    REQUIRE(found.size() == 2);
    CHECK(found[0].list == "order 0 Unmovable");
    CHECK(found[0].position == 1);
    CHECK(found[0].expected == Pfn{0x59});
    CHECK(!found[0].actual);
    CHECK(found[0].expected_size == 2);
    CHECK(found[0].actual_size == 1);
    CHECK(found[1].list == "order 0 Movable");
    CHECK(!found[1].expected);
    CHECK(found[1].actual == Pfn{0x59});
  }
  SECTION("what a page on a per-CPU list remembers") {
    const auto found = differences(with("51/3", "51/1"));
    REQUIRE(found.size() == 1);
    CHECK(found[0].list == "CPU 0 list 1 of order 0");
    CHECK(found[0].expected == found[0].actual);
  }
  SECTION("a zone that has gone") { CHECK(compare_lists(machine.zone, nullptr).size() == 6); }
}

}  // namespace pageblock::test::exact_zone_cases
