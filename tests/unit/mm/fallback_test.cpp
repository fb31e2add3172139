// SPDX-License-Identifier: MIT
#include "pageblock/mm/fallback.hpp"

#include <mutex>
#include <optional>

#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/recording_tracer.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::fallback_cases {
namespace {

using enum MigrateType;

// A request to the buddy lists, under the zone's lock. Its pages have count 0.
template <ZoneConfig Config>
std::optional<Pfn> request(Zone<Config>& zone, unsigned order, MigrateType type) {
  const std::lock_guard guard{zone.lock()};
  return detail::rmqueue(zone, Order{order}, type);
}

template <ZoneConfig Config>
std::int64_t move(Zone<Config>& zone, std::uint64_t pfn, MigrateType type) {
  const std::lock_guard guard{zone.lock()};
  return move_freepages_block(zone, Pfn{pfn}, type);
}

constexpr PfnRange range(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

// A zone of 1024 pages with blocks of 512, all in use but the given ranges of block 0.
Zone<> mostly_used(std::initializer_list<PfnRange> free) {
  ZoneLayout layout = pages(1024);
  Pfn from{0};
  for (const PfnRange& part : free) {
    layout.in_use.push_back({{from, part.start}});
    from = part.end;
  }
  layout.in_use.push_back({{from, Pfn{1024}}});
  return Zone<>{layout};
}

}  // namespace

TEST_CASE("set_pageblock_migratetype writes what get_pageblock_migratetype reads", "[fallback]") {
  TinyZone zone{pages(32)};
  set_pageblock_migratetype(zone, Pfn{13}, reserve);
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == reserve);
  CHECK(get_pageblock_migratetype(zone, Pfn{16}) == movable);
  CHECK(free_list(zone, 4, movable) == Pfns{16, 0});  // nothing moved
}

TEST_CASE("set_pageblock_migratetype writes unmovable while mobility grouping is off",
          "[fallback]") {
  TinyZone zone{{.spanned_pages = 32, .mobility_grouping = false}};
  set_pageblock_migratetype(zone, Pfn{8}, isolate);
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == unmovable);
  CHECK(zone.nr_pageblock_isolate() == 0);
}

TEST_CASE("set_pageblock_migratetype of v6.1 does so for the types of requests only",
          "[fallback]") {
  TinyV6_1Zone zone{{.spanned_pages = 32, .mobility_grouping = false}};
  set_pageblock_migratetype(zone, Pfn{0}, movable);
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == unmovable);
  for (const MigrateType type : {isolate, cma, MigrateType::highatomic}) {
    set_pageblock_migratetype(zone, Pfn{8}, type);
    CHECK(get_pageblock_migratetype(zone, Pfn{8}) == type);
  }
}

TEST_CASE("get_pageblock_migratetype and set_pageblock_migratetype report a pfn outside",
          "[fallback]") {
  TinyZone zone{{.start_pfn = Pfn{8}, .spanned_pages = 24}};
  CHECK_VIOLATION_IN(zone, get_pageblock_migratetype(zone, Pfn{7}), "not in the zone");
  CHECK_VIOLATION_IN(zone, get_pageblock_migratetype(zone, Pfn{32}), "not in the zone");
  CHECK_VIOLATION_IN(zone, set_pageblock_migratetype(zone, Pfn{32}, cma), "not in the zone");
}

TEST_CASE("move_freepages_block moves a block's chunks to the heads, descending", "[fallback]") {
  // block 0  | 0 (1) |#|3| 4 (1) |#|#|    isolate, order 1, before:  [36]
  //                                                         after:   [4 0 36]
  TinyZone zone{{.spanned_pages = 48,
                 .in_use = {{range(2, 3)}, {range(6, 16)}, {range(32, 36)}, {range(38, 48)}}}};
  CHECK(move(zone, 36, isolate) == 2);
  CHECK(move(zone, 5, isolate) == 5);
  CHECK(free_list(zone, 1, isolate) == Pfns{4, 0, 36});
  CHECK(free_list(zone, 0, isolate) == Pfns{3});
  CHECK(free_list(zone, 1, movable).empty());
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  CHECK(zone.nr_free_pages() == 23);
  CHECK(verify(zone).empty());
}

TEST_CASE("move_freepages_block turns a list of the same type over", "[fallback]") {
  // singles 0, 2, 4 on the movable list, in this order; moving to movable makes it descending
  TinyZone zone{pages_in_use(16)};
  for (const std::uint64_t pfn : Pfns{4, 2, 0}) {
    zone.memmap().set_count(Pfn{pfn}, 0);
    zone.free_area().add_head(zone.memmap(), Pfn{pfn}, Order{0}, movable);
  }
  REQUIRE(free_list(zone, 0, movable) == Pfns{0, 2, 4});
  CHECK(move(zone, 0, movable) == 3);
  CHECK(free_list(zone, 0, movable) == Pfns{4, 2, 0});
}

TEST_CASE("move_freepages_block sees only chunks that begin in the block", "[fallback]") {
  //  block     0       1       2       3
  //        |     0 (4)     |     16 (4)    |
  TinyZone zone{pages(32)};
  const TinyZone before{zone};
  CHECK(move(zone, 8, isolate) == 0);  // the chunk begins in block 0
  CHECK(zone == before);
  CHECK(move(zone, 0, isolate) == 16);  // and goes as a whole with block 0
  CHECK(free_list(zone, 4, isolate) == Pfns{0});
  CHECK(verify(zone).empty());
}

TEST_CASE("move_freepages_block moves nothing of a block that the zone's end cuts", "[fallback]") {
  TinyZone zone{pages(20)};
  const TinyZone before{zone};
  CHECK(move(zone, 16, isolate) == 0);
  CHECK(zone == before);
}

TEST_CASE("move_freepages_block begins at the given page where the zone's start cuts the block",
          "[fallback]") {
  //  block 0   ....|4 (2)|      5 is not the chunk's head
  TinyZone zone{{.start_pfn = Pfn{4}, .spanned_pages = 28}};
  CHECK(move(zone, 5, isolate) == 0);
  CHECK(move(zone, 4, isolate) == 4);
  CHECK(free_list(zone, 2, isolate) == Pfns{4});
}

TEST_CASE("move_freepages_block reports a missing lock and a pfn outside", "[fallback]") {
  TinyZone zone{pages(32)};
  CHECK_VIOLATION_IN(zone, move_freepages_block(zone, Pfn{0}, isolate), "not held");
  CHECK_VIOLATION_IN(zone, move(zone, 32, isolate), "not in the zone");
  CHECK_VIOLATION_IN(zone, detail::rmqueue(zone, Order{0}, movable), "not held");
}

TEST_CASE("rmqueue takes the type's own chunks first, the smallest that fit", "[fallback]") {
  TinyZone zone{{.spanned_pages = 32, .block_types = {{range(0, 16), unmovable}}}};
  CHECK(request(zone, 2, unmovable) == Pfn{0});
  CHECK(request(zone, 3, unmovable) == Pfn{8});
  CHECK(free_list(zone, 2, unmovable) == Pfns{4});
  CHECK(free_list(zone, 4, movable) == Pfns{16});
}

TEST_CASE("rmqueue of the worked example steals a largest chunk and both of its blocks",
          "[fallback]") {
  // 11 / 9, order 10 movable [1024 0], request: unmovable, order 2
  //  |            0            |t|4|8|16|32|64|128|256|512 at 1536|     t: taken, 1024
  Zone<> zone{pages(2048)};
  CHECK(request(zone, 2, unmovable) == Pfn{1024});
  const Pfns rest{1028, 1032, 1040, 1056, 1088, 1152, 1280, 1536};
  for (unsigned order = 2; order <= 9; ++order) {
    CHECK(free_list(zone, order, unmovable) == Pfns{rest[order - 2]});
  }
  CHECK(free_list(zone, 10, movable) == Pfns{0});
  CHECK(get_pageblock_migratetype(zone, Pfn{512}) == movable);
  CHECK(get_pageblock_migratetype(zone, Pfn{1024}) == unmovable);
  CHECK(get_pageblock_migratetype(zone, Pfn{1536}) == unmovable);
}

TEST_CASE("rmqueue of the worked example moves 16 pages without claiming their block",
          "[fallback]") {
  // 11 / 9: order 4 reaches the threshold 9 / 2, but 16 pages are no half block
  Zone<> zone = mostly_used({range(16, 32)});
  CHECK(request(zone, 0, unmovable) == Pfn{16});
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  CHECK(free_list(zone, 0, unmovable) == Pfns{17});
  CHECK(free_list(zone, 1, unmovable) == Pfns{18});
  CHECK(free_list(zone, 2, unmovable) == Pfns{20});
  CHECK(free_list(zone, 3, unmovable) == Pfns{24});
}

TEST_CASE("rmqueue moves the rest of a block for a chunk of order pageblock_order / 2 or more",
          "[fallback]") {
  // 11 / 9: the threshold is 4. Page 100 is free too, alone in the same block.
  SECTION("order 3, unmovable: 100 stays movable") {
    Zone<> zone = mostly_used({range(16, 24), range(100, 101)});
    CHECK(request(zone, 3, unmovable) == Pfn{16});
    CHECK(free_list(zone, 0, movable) == Pfns{100});
  }
  SECTION("order 4, unmovable: 100 goes along") {
    Zone<> zone = mostly_used({range(16, 32), range(100, 101)});
    CHECK(request(zone, 4, unmovable) == Pfn{16});
    CHECK(free_list(zone, 0, unmovable) == Pfns{100});
    CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  }
  SECTION("order 3, reclaimable: 100 goes along for any order") {
    Zone<> zone = mostly_used({range(16, 24), range(100, 101)});
    CHECK(request(zone, 3, reclaimable) == Pfn{16});
    CHECK(free_list(zone, 0, reclaimable) == Pfns{100});
    CHECK(get_pageblock_migratetype(zone, Pfn{0}) == movable);
  }
}

TEST_CASE("rmqueue without mobility grouping moves and claims, however little", "[fallback]") {
  TinyZone zone{{.spanned_pages = 16,
                 .in_use = {{range(0, 3)}, {range(4, 9)}, {range(10, 16)}},
                 .mobility_grouping = false}};
  CHECK(request(zone, 0, unmovable) == Pfn{9});
  CHECK(get_pageblock_migratetype(zone, Pfn{9}) == unmovable);
  CHECK(get_pageblock_migratetype(zone, Pfn{3}) == movable);
}

TEST_CASE("rmqueue claims a block from half of it on", "[fallback]") {
  // blocks of 8: four free pages are half a block, two are not
  const auto type_after_steal = [](std::uint64_t nr_free) {
    TinyZone zone{{.spanned_pages = 16, .in_use = {{range(nr_free, 16)}}}};
    CHECK(request(zone, 0, unmovable) == Pfn{0});
    return get_pageblock_migratetype(zone, Pfn{0});
  };
  CHECK(type_after_steal(2) == movable);
  CHECK(type_after_steal(4) == unmovable);
}

TEST_CASE("rmqueue falls back to CMA first, but to the largest chunk before that", "[fallback]") {
  // order 4:   CMA [0]   unmovable [16]   reclaimable [32]
  TinyZone zone{
      {.spanned_pages = 48,
       .block_types = {
           {range(0, 16), cma}, {range(16, 32), unmovable}, {range(32, 48), reclaimable}}}};
  CHECK(request(zone, 0, movable) == Pfn{0});
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == cma);
  CHECK(free_list(zone, 3, cma) == Pfns{8});
  CHECK(free_list(zone, 0, cma) == Pfns{1});

  // CMA has smaller chunks, so the next comes from a larger one of another type.
  CHECK(request(zone, 0, movable) == Pfn{32});
  CHECK(get_pageblock_migratetype(zone, Pfn{32}) == movable);
  CHECK(get_pageblock_migratetype(zone, Pfn{40}) == movable);
  CHECK(free_list(zone, 3, movable) == Pfns{40});
  CHECK(free_list(zone, 4, unmovable) == Pfns{16});
}

TEST_CASE("rmqueue gives CMA memory to movable requests only", "[fallback]") {
  TinyZone zone{{.spanned_pages = 16, .block_types = {{range(0, 16), cma}}}};
  CHECK(!request(zone, 0, unmovable));
  CHECK(!request(zone, 0, reclaimable));
  CHECK(request(zone, 0, movable) == Pfn{0});
}

TEST_CASE("rmqueue uses the reserve last, and leaves the rest on its lists", "[fallback]") {
  TinyZone zone{{.spanned_pages = 32, .block_types = {{range(0, 16), reserve}}}};
  CHECK(request(zone, 4, unmovable) == Pfn{16});
  CHECK(request(zone, 1, unmovable) == Pfn{0});
  CHECK(free_list(zone, 3, reserve) == Pfns{8});
  CHECK(free_list(zone, 2, reserve) == Pfns{4});
  CHECK(free_list(zone, 1, reserve) == Pfns{2});
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == reserve);
}

TEST_CASE("rmqueue takes nothing from isolate lists", "[fallback]") {
  TinyZone zone{{.spanned_pages = 16, .block_types = {{range(0, 16), isolate}}}};
  const TinyZone before{zone};
  for (const MigrateType type : pcp_types) CHECK(!request(zone, 0, type));
  CHECK(zone == before);
}

TEST_CASE("rmqueue retypes an isolated block under a stolen chunk without counting", "[fallback]") {
  //  block     0       1         type of 1: isolate, but its pages are in the movable chunk 0
  //        |     0 (4)     |
  TinyZone zone{pages(16)};
  set_pageblock_migratetype(zone, Pfn{8}, isolate);
  zone.mod_nr_pageblock_isolate(1);
  CHECK(request(zone, 0, unmovable) == Pfn{0});
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == unmovable);
  CHECK(get_pageblock_migratetype(zone, Pfn{8}) == unmovable);
  CHECK(zone.nr_pageblock_isolate() == 1);
}

TEST_CASE("rmqueue reports a steal to the tracer", "[fallback]") {
  Events events;
  TracedZone zone{pages(32)};
  zone.tracer().events = &events;
  request(zone, 1, reclaimable);
  request(zone, 1, reclaimable);  // from the remainder: no steal
  REQUIRE(events.size() == 1);
  const auto steal = std::get<trace::MmPageAllocExtfrag>(events[0]);
  CHECK(steal.pfn == Pfn{16});
  CHECK(steal.alloc_order == Order{1});
  CHECK(steal.fallback_order == Order{4});
  CHECK(steal.alloc_migratetype == reclaimable);
  CHECK(steal.fallback_migratetype == movable);
  CHECK(steal.change_ownership);
}

}  // namespace pageblock::test::fallback_cases
