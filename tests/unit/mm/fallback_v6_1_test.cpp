// SPDX-License-Identifier: MIT
/// What v6.1 does otherwise in fallback.hpp: which memory of other types it claims or steals, and CMA.
#include <cstdint>
#include <mutex>
#include <optional>

#include "pageblock/lab/verify.hpp"
#include "pageblock/mm/fallback.hpp"
#include "pageblock/mm/page_alloc.hpp"

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/words.hpp"
#include "support/zones.hpp"

namespace pageblock::test::fallback_v6_1_cases {
namespace {

using enum MigrateType;
using NewZone = Zone<SmallV6_1Config>;

// A request to the buddy lists, under the zone's lock; movable ones may use CMA blocks. The counters stay
// as they were.
std::optional<Pfn> request(NewZone& zone, unsigned order, MigrateType type, unsigned flags = 0) {
  const std::lock_guard guard{zone.lock()};
  return detail::rmqueue(zone, Order{order}, type, flags | detail::usual_flags(type));
}

// One block of a type, of which the first pages are free. The rest is in use, movable or not.
NewZone one_block(MigrateType type, std::uint64_t nr_free, bool is_movable = false) {
  return NewZone{ZoneLayout{.spanned_pages = 32,
                            .in_use = {{.range = range(nr_free, 32), .lru = is_movable}},
                            .block_types = {{range(0, 32), type}}}};
}

// 128 pages, of which the first are free, in blocks below type unmovable; a high watermark.
NewZone boostable(std::uint64_t high, std::uint64_t spanned_pages = 128) {
  NewZone zone{ZoneLayout{.spanned_pages = spanned_pages,
                          .in_use = {{range(4, 32)}, {range(36, spanned_pages)}}}};
  zone.set_watermarks({.high = high});
  return zone;
}

}  // namespace

TEST_CASE("v6.1 retypes all blocks of a large chunk that another type takes", "[fallback][v6_1]") {
  NewZone zone{pages(128)};
  CHECK(alloc_pages(zone, cpu0, Order{4}, unmovable)->pfn() == Pfn{0});
  CHECK(types(zone) == "UUMM");
  CHECK(free_list(zone, 4, unmovable) == Pfns{16});
  CHECK(free_list(zone, 5, unmovable) == Pfns{32});
}

TEST_CASE("v6.1 claims a block if half of it is free or of like use", "[fallback][v6_1]") {
  // Of block 0, pages 0 to 7 are free. The rest is in use: movable or not.
  const bool is_movable = GENERATE(false, true);
  NewZone zone{
      ZoneLayout{.spanned_pages = 32, .in_use = {{.range = {Pfn{8}, Pfn{32}}, .lru = is_movable}}}};
  CHECK(alloc_pages(zone, cpu0, Order{4}, unmovable) == std::nullopt);
  zone.set_pageset(1, 0);
  CHECK(alloc_pages(zone, cpu0, Order{0}, unmovable)->pfn() == Pfn{0});
  // What is in use and not movable is like what an unmovable request brings.
  CHECK(types(zone) == (is_movable ? "M" : "U"));
  CHECK(free_list(zone, 2, unmovable) == Pfns{4});  // all of the block went along in any case
  CHECK(verify(zone).empty());
}

TEST_CASE("v6.1 gives a movable request the smallest chunk of another type", "[fallback][v6_1]") {
  // Free are page 1, and 8 to 9; chunks below half the order of a block claim nothing.
  NewZone zone{ZoneLayout{.spanned_pages = 32,
                          .in_use = {{{Pfn{0}, Pfn{1}}}, {{Pfn{2}, Pfn{8}}}, {{Pfn{10}, Pfn{32}}}},
                          .block_types = {{{Pfn{0}, Pfn{32}}, unmovable}}}};
  zone.set_pageset(1, 0);
  CHECK(alloc_pages(zone, cpu0, Order{0}, movable)->pfn() == Pfn{1});
  CHECK(types(zone) == "U");
  CHECK(free_list(zone, 1, unmovable) == Pfns{8});
}

TEST_CASE("v6.1 claims for a movable request from order pageblock_order / 2 on",
          "[fallback][v6_1]") {
  // Blocks of order 5: of chunks of order 2 and above all that is free in the block goes along.
  const auto make = [](std::uint64_t end_of_chunk) {
    return NewZone{ZoneLayout{.spanned_pages = 32,
                              .in_use = {{range(0, 1)}, {range(2, 4)}, {range(end_of_chunk, 32)}},
                              .block_types = {{range(0, 32), unmovable}}}};
  };
  NewZone larger = make(8);
  CHECK(request(larger, 0, movable) == Pfn{1});
  CHECK(free_list(larger, 2, movable) == Pfns{4});
  NewZone smaller = make(6);
  CHECK(request(smaller, 0, movable) == Pfn{1});
  CHECK(free_list(smaller, 1, unmovable) == Pfns{4});
}

TEST_CASE("v6.1 counts what is in use for a claim by the block's type and the request's",
          "[fallback][v6_1]") {
  const auto is_claimed = [](NewZone zone, MigrateType type) {
    REQUIRE(request(zone, 0, type));
    return get_pageblock_migratetype(zone, Pfn{0}) == type;
  };
  // A quarter is free. For movable requests movable pages count,
  CHECK(is_claimed(one_block(unmovable, 8, true), movable));
  CHECK_FALSE(is_claimed(one_block(unmovable, 8, false), movable));
  // for others those of a movable block that are not movable, and in the rest none.
  CHECK(is_claimed(one_block(movable, 8, false), reclaimable));
  CHECK_FALSE(is_claimed(one_block(movable, 8, true), reclaimable));
  CHECK_FALSE(is_claimed(one_block(reclaimable, 8, false), unmovable));
  CHECK_FALSE(is_claimed(one_block(reclaimable, 8, true), unmovable));
  // Half of the block will do.
  CHECK(is_claimed(one_block(reclaimable, 16), unmovable));
  CHECK_FALSE(is_claimed(one_block(reclaimable, 15), unmovable));
}

TEST_CASE("v6.1 takes one chunk of a block of urgent requests, and leaves the block its type",
          "[fallback][v6_1]") {
  NewZone zone = one_block(movable, 16);
  zone.pageblock_flags().set(Pfn{0}, highatomic);  // behind the back of the free lists
  CHECK(request(zone, 0, unmovable) == Pfn{0});
  CHECK(get_pageblock_migratetype(zone, Pfn{0}) == highatomic);
}

TEST_CASE("v6.1 takes one chunk of a block that the zone's end cuts", "[fallback][v6_1]") {
  NewZone zone{ZoneLayout{.spanned_pages = 48, .in_use = {{range(0, 32)}}}};
  CHECK(request(zone, 0, unmovable) == Pfn{32});
  CHECK(get_pageblock_migratetype(zone, Pfn{32}) == movable);
  CHECK(free_list(zone, 3, unmovable) == Pfns{40});
}

TEST_CASE("v6.1 with no_fragment takes whole blocks of another type only, and no smaller chunk",
          "[fallback][v6_1]") {
  constexpr unsigned no_fragment = alloc_flags::no_fragment;
  NewZone part = one_block(movable, 16);
  CHECK(!request(part, 0, unmovable, no_fragment));
  CHECK(free_list(part, 4, movable) == Pfns{0});
  NewZone whole = one_block(movable, 32);
  CHECK(request(whole, 0, unmovable, no_fragment) == Pfn{0});

  NewZone zone{ZoneLayout{.spanned_pages = 64, .in_use = {{range(32, 64)}}}};
  CHECK(!request(zone, 6, unmovable, no_fragment));  // two blocks, where one is free
  CHECK(types(zone) == "MM");
}

TEST_CASE("v6.1 prefers CMA blocks while more than half of what is free is there",
          "[fallback][v6_1]") {
  const auto make = [](std::uint64_t nr_other) {
    NewZone zone{ZoneLayout{.spanned_pages = 128,
                            .in_use = {{range(64, 128 - nr_other)}},
                            .block_types = {{range(0, 64), cma}}}};
    zone.set_pageset(1, 0);
    return zone;
  };
  NewZone half = make(64);
  CHECK(alloc(half, 0) == 64);
  CHECK(alloc(half, 0) == 0);  // 64 of 127
  CHECK(alloc(half, 0) == 65);
  NewZone most = make(32);
  CHECK(alloc(most, 0) == 0);
  CHECK(alloc(most, 0, unmovable) == 96);
}

TEST_CASE("v6.1 takes from CMA blocks before it steals, for movable requests only",
          "[fallback][v6_1]") {
  NewZone zone{ZoneLayout{.spanned_pages = 128,
                          .block_types = {{range(0, 64), cma}, {range(64, 128), reclaimable}}}};
  NewZone other = zone;
  CHECK(request(zone, 6, movable) == Pfn{0});
  CHECK(types(zone) == "CCEE");
  CHECK(request(zone, 6, movable) == Pfn{64});
  CHECK(types(zone) == "CCMM");
  CHECK(request(other, 6, unmovable) == Pfn{64});
  CHECK(!request(other, 0, unmovable));
}

TEST_CASE("v6.1 boosts the watermarks by a block for each steal, up to half more than the high one",
          "[fallback][v6_1]") {
  const auto boost_of = [](NewZone zone, MigrateType type) {
    Pfns boosts;
    for (int i = 0; i < 2; ++i) {
      REQUIRE(request(zone, 2, type));
      boosts.push_back(zone.pressure().watermark_boost);
    }
    return boosts;
  };
  CHECK(boost_of(boostable(60), unmovable) == Pfns{32, 64});
  CHECK(boost_of(boostable(40), unmovable) == Pfns{32, 60});
  CHECK(boost_of(boostable(8), unmovable) == Pfns{32, 32});  // but a block
  CHECK(boost_of(boostable(0), unmovable) == Pfns{0, 0});
  CHECK(boost_of(boostable(60), movable) == Pfns{0, 0});         // nothing is stolen
  CHECK(boost_of(boostable(60, 127), unmovable) == Pfns{0, 0});  // less than four blocks
}

TEST_CASE("v6.1 does not boost for whole blocks", "[fallback][v6_1]") {
  NewZone zone{pages(128)};
  zone.set_watermarks({.high = 60});
  CHECK(request(zone, 0, unmovable, alloc_flags::kswapd));
  CHECK(zone.pressure() == ZonePressure{});
}

TEST_CASE("v6.1 remembers to wake kswapd for a boost, if the request may", "[fallback][v6_1]") {
  const auto is_boosted = [](NewZone zone, unsigned flags) {
    REQUIRE(request(zone, 0, unmovable, flags));
    return zone.pressure().boosted;
  };
  CHECK(is_boosted(boostable(60), alloc_flags::kswapd));
  CHECK_FALSE(is_boosted(boostable(60), alloc_flags::cma));
  CHECK_FALSE(is_boosted(boostable(0), alloc_flags::kswapd));
}

}  // namespace pageblock::test::fallback_v6_1_cases
