// SPDX-License-Identifier: MIT
/// CMA areas: which places are tried, what a busy one costs, and what is said in the end.
#include "pageblock/clients/cma_area.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pageblock/clients/cma_bitmap.hpp"
#include "pageblock/clients/cma_reserve.hpp"
#include "pageblock/clients/movability.hpp"
#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/drain.hpp"
#include "pageblock/mm/node.hpp"
#include "pageblock/mm/node_alloc.hpp"
#include "pageblock/mm/page_alloc.hpp"
#include "pageblock/mm/page_ref.hpp"

#include "support/catch.hpp"
#include "support/violation.hpp"

namespace pageblock::test::cma_area_cases {

namespace {

template <const Semantics& kernel>
struct KernelConfig : DefaultConfig {
  static constexpr unsigned max_order = 5;
  static constexpr unsigned pageblock_order = 3;
  static constexpr unsigned nr_cpus = 1;
  static constexpr Semantics semantics = kernel;
  using Lock = NullLock;
};
using V36 = KernelConfig<kernel::v3_6>;
using V61 = KernelConfig<kernel::v6_1>;
using V612 = KernelConfig<kernel::v6_12>;

struct LargeV36 : V36 {
  static constexpr unsigned max_order = 11;
  static constexpr unsigned pageblock_order = 9;
};

constexpr Cpu cpu{0};

// A zone of 256 pages, of which 64 to 127 are a CMA area.
template <typename Config>
struct Board {
  explicit Board(Order order_per_bit = {}, const CmaRules& rules = Config::semantics.cma)
      : area{"camera", {{Pfn{64}, Pfn{128}}}, order_per_bit, rules},
        zone{ZoneLayout{.spanned_pages = 256, .reserved = {{Pfn{64}, Pfn{128}}}}} {
    zone.set_pageset(1, 0);
    REQUIRE(cma_activate_area(zone, area));
  }

  // Takes all memory for programs, then gives what is not in the area or beyond @p used back.
  void lend(std::vector<std::uint64_t> used) {
    std::vector<Pfn> all;
    while (const auto page = alloc_pages(zone, cpu, Order{0}, MigrateType::movable)) {
      all.push_back(page->pfn());
    }
    REQUIRE(all.size() == 256);
    for (const Pfn pfn : all) {
      if (std::ranges::find(used, pfn.value()) == used.end()) {
        free_pages(zone, cpu, pfn, Order{0});
      } else {
        set_page_lru(zone, pfn, true);
      }
    }
  }

  OptionalPfn alloc(std::uint64_t count, unsigned align = 0) {
    return cma_alloc(zone, cpu, area, count, Order{align}, pages, &attempt);
  }

  CmaArea area;
  Zone<Config> zone;
  StubbornPages pages{};
  Attempt attempt{};
};

std::string runs_of(const CmaArea& area, std::size_t range = 0) {
  std::string text;
  for (const CmaRun& run : area.available_runs(range)) {
    text += fmt::format("{}{}@{}", text.empty() ? "" : "+", run.count, run.start);
  }
  return text;
}

std::vector<std::uint64_t> starts_of(const Attempt& attempt) {
  std::vector<std::uint64_t> starts;
  for (const Candidate& candidate : attempt.candidates) {
    starts.push_back(candidate.range.start.value());
  }
  return starts;
}

}  // namespace

TEST_CASE("CmaBitmap::find_next_zero_area finds what a search bit by bit finds", "[cma_area]") {
  std::uint64_t seed = 1;
  const auto dice = [&seed](std::uint64_t sides) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % sides;
  };
  for (int round = 0; round < 300; ++round) {
    CmaBitmap bitmap{1 + dice(200)};
    std::vector<bool> plain(bitmap.size());
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t start = dice(bitmap.size());
      const std::uint64_t nr = dice(bitmap.size() - start + 1);
      const bool value = dice(3) == 0;
      bitmap.set(start, nr, value);
      for (std::uint64_t bit = start; bit < start + nr; ++bit) plain[bit] = value;
    }
    for (std::uint64_t bit = 0; bit < bitmap.size(); ++bit) REQUIRE(bitmap.test(bit) == plain[bit]);
    CHECK(bitmap.weight() ==
          static_cast<std::uint64_t>(std::count(plain.begin(), plain.end(), true)));
    const std::uint64_t nr = 1 + dice(20);
    const std::uint64_t mask = (std::uint64_t{1} << dice(5)) - 1;
    const std::uint64_t offset = dice(mask + 1);
    const std::uint64_t from = dice(bitmap.size() + 2);
    std::optional<std::uint64_t> expected;
    for (std::uint64_t bit = from; bit + nr <= bitmap.size() && !expected; ++bit) {
      bool clear = ((bit + offset) & mask) == 0;
      for (std::uint64_t i = bit; i < bit + nr; ++i) clear = clear && !plain[i];
      if (clear) expected = bit;
    }
    CAPTURE(bitmap.size(), nr, mask, offset, from);
    CHECK(bitmap.find_next_zero_area(from, nr, mask, offset) == expected);
  }
}

TEMPLATE_TEST_CASE("cma_alloc takes the first place, from the beginning each time", "[cma_area]",
                   V36, V61, V612) {
  Board<TestType> board;
  CHECK(board.alloc(5) == Pfn{64});
  CHECK(board.alloc(3) == Pfn{69});
  CHECK(board.alloc(4, 2) == Pfn{72});
  CHECK(board.alloc(4, 4) == Pfn{80});
  CHECK(runs_of(board.area) == "4@12+44@20");
  CHECK(cma_release(board.zone, cpu, board.area, Pfn{64}, 5));
  CHECK(board.alloc(2) == Pfn{64});
  CHECK(board.area.nr_available() == 64 - 2 - 3 - 4 - 4);
  CHECK(board.area.statistics().alloc_success == 5);
  CHECK(board.area.statistics().pages_succeeded == 18);
  CHECK(board.area.statistics().pages_released == 5);
  for (std::uint64_t pfn = 64; pfn < 66; ++pfn) CHECK(board.zone.page(Pfn{pfn}).count() == 1);
  CHECK(verify(board.zone).empty());
}

TEMPLATE_TEST_CASE("cma_alloc without alignment meets a busy page at every place that has it",
                   "[cma_area]", V36, V61, V612) {
  // Page 70 is pinned. Eight pages in a row: 64, 65, ... 70 have it, 71 has not.
  Board<TestType> board;
  board.lend({70});
  board.pages.set(Pfn{70}, {.hindrance = Hindrance::pinned});
  CHECK(board.alloc(8) == Pfn{71});
  CHECK(starts_of(board.attempt) == std::vector<std::uint64_t>{64, 65, 66, 67, 68, 69, 70, 71});
  CHECK(board.attempt.status == ok);
  CHECK(board.attempt.stage == AttemptStage::done);
  CHECK(runs_of(board.area) == "7@0+49@15");

  // Aligned, it is one place.
  CHECK(cma_release(board.zone, cpu, board.area, Pfn{71}, 8));
  CHECK(board.alloc(8, 3) == Pfn{72});
  CHECK(starts_of(board.attempt) == std::vector<std::uint64_t>{64, 72});
  const Candidate& refused = board.attempt.candidates[0];
  CHECK(refused.status == -Err::busy);
  REQUIRE(refused.blockers.size() == 1);
  CHECK(refused.blockers[0].pfn == Pfn{70});
  CHECK(refused.blockers[0].reason == Reason::pinned);
  CHECK(board.zone.page(Pfn{70}).count() == 1);
  CHECK(verify(board.zone).empty());
}

TEMPLATE_TEST_CASE("cma_alloc moves what is in use, and tells who owns it", "[cma_area]", V36, V61,
                   V612) {
  Board<TestType> board;
  board.lend({64, 66, 67});
  std::vector<std::uint64_t> moved;
  board.pages.on_moved = [&](Pfn from, OptionalPfn to, Order) {
    moved.push_back(from.value());
    REQUIRE(to);
    CHECK(!board.area.span().contains(*to));
    CHECK(board.zone.page(*to).count() == 1);
  };
  CHECK(board.alloc(64) == Pfn{64});  // all of it, so that what moves leaves the area
  CHECK(board.attempt.nr_migrated() == 3);
  CHECK(moved.size() == 3);
  CHECK(verify(board.zone).empty());
}

TEST_CASE("cma_alloc says -ENOMEM where no place is free, and -EBUSY where all are busy",
          "[cma_area]") {
  const auto statuses = []<typename Config>(Board<Config> board) {
    board.lend({70, 100});
    board.pages.set(Pfn{70}, {.hindrance = Hindrance::pinned});
    board.pages.set(Pfn{100}, {.hindrance = Hindrance::pinned});
    CHECK_FALSE(board.alloc(32, 5));
    const Status busy = board.attempt.status;
    CHECK(board.attempt.stage != AttemptStage::place);
    CHECK(board.attempt.candidates.size() == 2);
    CHECK(runs_of(board.area) == "64@0");
    REQUIRE(board.alloc(16, 4) == Pfn{80});
    const Status no_place = [&] {
      board.pages.release(Pfn{100});
      REQUIRE(board.alloc(16, 4) == Pfn{96});
      CHECK_FALSE(board.alloc(32, 5));
      return board.attempt.status;
    }();
    CHECK(board.attempt.stage == AttemptStage::place);
    CHECK(board.attempt.candidates.empty());
    CHECK(board.area.statistics().alloc_fail == 2);
    CHECK(board.area.statistics().pages_failed == 64);
    return std::pair{busy, no_place};
  };
  CHECK(statuses(Board<V36>{}) == std::pair{-Err::nomem, -Err::nomem});
  CHECK(statuses(Board<V61>{}) == std::pair{-Err::busy, -Err::nomem});
  CHECK(statuses(Board<V612>{}) == std::pair{-Err::busy, -Err::nomem});
  CHECK(statuses(Board<V612>{{}, kernel::cma_v7_2}) == std::pair{-Err::busy, -Err::busy});
}

TEST_CASE("cma_alloc ends at once where there is no memory for copies", "[cma_area]") {
  Board<V61> board;
  std::vector<std::uint64_t> all;
  for (std::uint64_t pfn = 0; pfn < 256; ++pfn) all.push_back(pfn);
  board.lend(all);
  CHECK_FALSE(board.alloc(8, 3));
  CHECK(board.attempt.status == -Err::nomem);
  CHECK(board.attempt.stage == AttemptStage::migrate);
  CHECK(board.attempt.candidates.size() == 1);
  CHECK(runs_of(board.area) == "64@0");
}

TEST_CASE("cma_alloc tries again where a page is held for a moment only", "[cma_area]") {
  Board<V61> board;
  board.lend({64});
  board.pages.set(Pfn{64}, {.hindrance = Hindrance::pinned, .times = 3, .kind = InUseKind::file});
  CHECK(board.alloc(8, 3));
  CHECK(board.attempt.status == ok);
}

TEMPLATE_TEST_CASE("cma_alloc with several pages a bit rounds up", "[cma_area]", V61, V612) {
  Board<TestType> board{Order{2}};
  CHECK(board.alloc(5) == Pfn{64});
  CHECK(runs_of(board.area) == "56@8");
  CHECK(board.alloc(1) == Pfn{72});
  // Alignments below a bit's say nothing.
  CHECK(board.alloc(4, 1) == Pfn{76});
  CHECK(board.alloc(4, 3) == Pfn{80});
  // The pages behind the fifth are free, but nobody gets them.
  CHECK(board.zone.page(Pfn{69}).count() == 0);
  CHECK(cma_release(board.zone, cpu, board.area, Pfn{64}, 5));
  CHECK(runs_of(board.area) == "8@0+44@20");
}

TEST_CASE("cma_alloc aligns by the pfn in v6.1, and in v3.6 to 256 pages at most", "[cma_area]") {
  CmaArea area{"odd", {{Pfn{72}, Pfn{128}}}, Order{0}, kernel::cma_v6_1};
  Zone<V61> zone{ZoneLayout{.spanned_pages = 256, .reserved = {area.span()}}};
  REQUIRE(cma_activate_area(zone, area));
  CHECK(cma_alloc(zone, cpu, area, 4, Order{4}) == Pfn{80});
  CHECK(cma_alloc(zone, cpu, area, 4, Order{5}) == Pfn{96});
  CHECK_FALSE(cma_alloc(zone, cpu, area, 4, Order{8}));

  CmaArea old{"old", {{Pfn{1024}, Pfn{3072}}}, Order{0}, kernel::cma_v3_6};
  Zone<LargeV36> old_zone{ZoneLayout{.spanned_pages = 4096, .reserved = {old.span()}}};
  REQUIRE(cma_activate_area(old_zone, old));
  CHECK(cma_alloc(old_zone, cpu, old, 100, Order{9}) == Pfn{1024});
  CHECK(cma_alloc(old_zone, cpu, old, 100, Order{9}) == Pfn{1280});
}

TEST_CASE("cma_alloc searches the next range of v7.2 only behind a busy one", "[cma_area]") {
  CmaArea area{"two", {{Pfn{128}, Pfn{160}}, {Pfn{32}, Pfn{64}}}, Order{0}, kernel::cma_v7_2};
  Zone<V612> zone{
      ZoneLayout{.spanned_pages = 256, .reserved = {{Pfn{128}, Pfn{160}}, {Pfn{32}, Pfn{64}}}}};
  REQUIRE(cma_activate_area(zone, area));
  CHECK(area.nr_pages() == 64);
  CHECK(area.span() == PfnRange{Pfn{32}, Pfn{160}});
  CHECK(cma_alloc(zone, cpu, area, 20) == Pfn{32});
  CHECK(cma_alloc(zone, cpu, area, 20) == Pfn{128});
  CHECK(runs_of(area, 0) == "12@20");
  CHECK(runs_of(area, 1) == "12@20");
  // 24 are free, but not in a row; 25 are more than are free, so that nothing is searched.
  Attempt attempt;
  CHECK_FALSE(cma_alloc(zone, cpu, area, 24, Order{0}, AllMove{}, &attempt));
  CHECK(attempt.status == -Err::busy);
  CHECK(attempt.candidates.empty());
  CHECK(cma_release(zone, cpu, area, Pfn{128}, 20));
  CHECK(cma_release(zone, cpu, area, Pfn{32}, 20));
  CHECK(area.nr_available() == 64);
  CHECK_FALSE(cma_release(zone, cpu, area, Pfn{60}, 8));  // not in one range
  CHECK(verify(zone).empty());
}

TEST_CASE("cma_release refuses what is not the area's", "[cma_area]") {
  Board<V61> board;
  REQUIRE(board.alloc(8));
  const CmaArea before = board.area;
  CHECK_FALSE(cma_release(board.zone, cpu, board.area, Pfn{60}, 8));
  CHECK_FALSE(cma_release(board.zone, cpu, board.area, Pfn{124}, 8));
  CHECK_FALSE(cma_release(board.zone, cpu, board.area, Pfn{64}, 0));
  CHECK(board.area == before);
  CHECK_VIOLATION(cma_release(board.zone, cpu, board.area, Pfn{72}, 8), "not in use");
  // A part may go.
  CHECK(cma_release(board.zone, cpu, board.area, Pfn{64}, 4));
  CHECK(runs_of(board.area) == "4@0+56@8");
}

TEST_CASE("cma_alloc of nothing, or from an area that was given up", "[cma_area]") {
  Board<V61> board;
  CHECK_FALSE(board.alloc(0));
  CHECK(board.attempt.status == -Err::inval);
  board.area.clear();
  CHECK_FALSE(board.alloc(1));
  CHECK(board.attempt.stage == AttemptStage::arguments);
  CHECK(board.area.statistics().alloc_fail == 0);
}

TEST_CASE("CmaArea requires ranges that make sense", "[cma_area]") {
  const auto make = [](std::vector<PfnRange> ranges, unsigned order, const CmaRules& rules) {
    return CmaArea{"x", std::move(ranges), Order{order}, rules};
  };
  CHECK_VIOLATION(make({}, 0, kernel::cma_v6_1), "has a range");
  CHECK_VIOLATION(make({{Pfn{0}, Pfn{8}}, {Pfn{8}, Pfn{16}}}, 0, kernel::cma_v6_1),
                  "not more than");
  CHECK_VIOLATION(make({{Pfn{8}, Pfn{8}}}, 0, kernel::cma_v6_1), "empty");
  CHECK_VIOLATION(make({{Pfn{4}, Pfn{16}}}, 3, kernel::cma_v6_1), "no multiple");
  CHECK_VIOLATION(make({{Pfn{0}, Pfn{16}}, {Pfn{8}, Pfn{24}}}, 0, kernel::cma_v7_2), "overlap");
}

// Movable requests, and the balance between what is CMA and what is not.

TEST_CASE("movable requests use an area by the balance rule of v6.1, and last in v3.6",
          "[cma_area]") {
  const auto first_in_area = []<typename Config>(Board<Config> board) {
    std::uint64_t taken = 0;
    while (true) {
      const auto page = alloc_pages(board.zone, cpu, Order{0}, MigrateType::movable);
      REQUIRE(page);
      if (board.area.span().contains(page->pfn())) return taken;
      ++taken;
    }
  };
  // 192 pages are free elsewhere, 64 in the area: these are more than half of all when less than 128 are.
  CHECK(first_in_area(Board<V61>{}) == 129);
  CHECK(first_in_area(Board<V612>{}) == 129);
  CHECK(first_in_area(Board<V36>{}) == 192);
}

TEMPLATE_TEST_CASE("cma_alloc from a node takes copies from its zones", "[cma_area]", V61, V612) {
  std::vector<Zone<TestType>> zones;
  zones.emplace_back(ZoneLayout{.name = "DMA32", .type = ZoneType::dma32, .spanned_pages = 64});
  zones.emplace_back(
      ZoneLayout{.start_pfn = Pfn{64}, .spanned_pages = 64, .reserved = {{Pfn{64}, Pfn{128}}}});
  Node<TestType> node{std::move(zones)};
  CmaArea area{"all", {{Pfn{64}, Pfn{128}}}, Order{0}, TestType::semantics.cma};
  REQUIRE(cma_activate_area(node, area));
  Zone<TestType>& normal = *node.find(ZoneType::normal);
  for (int i = 0; i < 8; ++i) {
    set_page_lru(normal, alloc_pages(normal, cpu, Order{0}, MigrateType::movable)->pfn(), true);
  }
  Attempt attempt;
  CHECK(cma_alloc(node, cpu, area, 64, Order{0}, AllMove{}, &attempt) == Pfn{64});
  CHECK(attempt.nr_migrated() == 8);
  CHECK(node.find(ZoneType::dma32)->nr_free_pages() <= 56);
  CHECK(cma_release(node, cpu, area, Pfn{64}, 64));
}

// At boot.

TEST_CASE("cma_declare_contiguous finds the highest place, or the lowest above 4 GiB",
          "[cma_area]") {
  const auto place = [](std::vector<ZoneLayout> machine, const CmaRequest& request,
                        const CmaRules& rules) -> std::uint64_t {
    const auto area = cma_declare_contiguous<LargeV36>(machine, request, rules);
    if (!area) return 0;
    // What is reserved is reserved in the layouts.
    std::uint64_t reserved = 0;
    for (const ZoneLayout& zone : machine) {
      for (const PfnRange& range : zone.reserved) reserved += range.nr_pages();
    }
    CHECK(reserved >= area->nr_pages());
    return area->span().start.value();
  };
  constexpr std::uint64_t gib = 262144;
  const std::vector<ZoneLayout> small{{.type = ZoneType::dma32,
                                       .start_pfn = Pfn{0},
                                       .spanned_pages = gib,
                                       .reserved = {{Pfn{gib - 100}, Pfn{gib}}}}};
  // 16 MiB at multiples of a pageblock; in v3.6 of the largest chunk.
  const CmaRequest request{.name = "cma", .nr_pages = 4000};
  CHECK(place(small, request, kernel::cma_v6_1) == gib - 512 - 4096);
  CHECK(place(small, request, kernel::cma_v3_6) == gib - 1024 - 4096);
  std::vector<ZoneLayout> large = small;
  large.push_back({.start_pfn = Pfn{4 * gib},
                   .spanned_pages = 4 * gib,
                   .reserved = {{Pfn{4 * gib}, Pfn{4 * gib + 1}}}});
  CHECK(place(large, request, kernel::cma_v6_1) == 4 * gib + 512);
  CHECK(place(large, request, kernel::cma_v3_6) == 8 * gib - 4096);
  CmaRequest limited = request;
  limited.limit = Pfn{gib / 2};
  CHECK(place(large, limited, kernel::cma_v6_1) == gib / 2 - 4096);
  CmaRequest based = request;
  based.base = Pfn{6 * gib};
  CHECK(place(large, based, kernel::cma_v6_1) == 6 * gib);
  based.fixed = true;
  CHECK(place(large, based, kernel::cma_v6_1) == 6 * gib);
  based.base = Pfn{6 * gib + 1};
  CHECK(place(large, based, kernel::cma_v6_1) == 0);
  based.base = Pfn{gib - 4096};  // reserved
  CHECK(place(large, based, kernel::cma_v6_1) == 0);
  CmaRequest too_large = request;
  too_large.nr_pages = 5 * gib;
  CHECK(place(large, too_large, kernel::cma_v6_1) == 0);
  too_large.nr_pages = ~std::uint64_t{0};
  CHECK(place(large, too_large, kernel::cma_v6_1) == 0);
  too_large.nr_pages = 0;
  CHECK(place(large, too_large, kernel::cma_v6_1) == 0);
  CHECK(place({}, request, kernel::cma_v6_1) == 0);
}

TEST_CASE("cma_declare_contiguous of v7.2 puts several ranges together", "[cma_area]") {
  constexpr std::uint64_t base = std::uint64_t{1} << 20;
  // Above 4 GiB are free: 24 blocks, 40, 8, each behind a reserved one.
  std::vector<ZoneLayout> machine{{.start_pfn = Pfn{base}, .spanned_pages = 75 * 8}};
  for (const std::uint64_t block : {0U, 25U, 66U}) {
    machine[0].reserved.push_back({Pfn{base + block * 8}, Pfn{base + block * 8 + 8}});
  }
  const CmaRequest request{.nr_pages = std::uint64_t{50 * 8}};
  std::vector<ZoneLayout> old = machine;
  CHECK_FALSE(cma_declare_contiguous<V612>(old, request));
  CHECK(old[0].reserved.size() == 3);
  auto area = cma_declare_contiguous<V612>(machine, request, kernel::cma_v7_2);
  REQUIRE(area);
  REQUIRE(area->ranges().size() == 2);
  CHECK(area->ranges()[0].pages == PfnRange{Pfn{base + 8}, Pfn{base + 25 * 8}});
  CHECK(area->ranges()[1].pages == PfnRange{Pfn{base + 26 * 8}, Pfn{base + 52 * 8}});
  CHECK(area->nr_pages() == 400);
  Zone<V612> zone{machine[0]};
  CHECK(cma_activate_area(zone, *area));
  CHECK(cma_alloc(zone, cpu, *area, 200) == Pfn{base + 26 * 8});
  CHECK(verify(zone).empty());
}

TEST_CASE("cma_activate_area gives up an area in two zones", "[cma_area]") {
  const auto two_zones = []<typename Config>(Config) {
    const PfnRange pages{Pfn{48}, Pfn{80}};
    std::vector<Zone<Config>> zones;
    zones.emplace_back(
        ZoneLayout{.type = ZoneType::dma32, .spanned_pages = 64, .reserved = {{Pfn{48}, Pfn{64}}}});
    zones.emplace_back(
        ZoneLayout{.start_pfn = Pfn{64}, .spanned_pages = 64, .reserved = {{Pfn{64}, Pfn{80}}}});
    Node<Config> node{std::move(zones)};
    CmaArea area{"wide", {pages}, Order{0}, Config::semantics.cma};
    CHECK_FALSE(cma_activate_area(node, area));
    CHECK(area.nr_pages() == 0);
    std::uint64_t managed = 0;
    for (Zone<Config>& zone : node.zones()) {
      managed += zone.managed_pages();
      drain_all_pages(zone);
      CHECK(verify(zone).empty());
    }
    return managed;
  };
  CHECK(two_zones(V61{}) == 128);
  CHECK(two_zones(V36{}) == 96);
}

}  // namespace pageblock::test::cma_area_cases
