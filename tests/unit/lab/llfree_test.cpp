// SPDX-License-Identifier: MIT
#include "pageblock/lab/llfree.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pageblock/lab/fragment_target.hpp"
#include "pageblock/lab/frame_source.hpp"
#include "pageblock/lab/huge_frames.hpp"
#include "pageblock/lab/llfree_fragmentation.hpp"
#include "pageblock/lab/request_replay.hpp"
#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"
#include "support/zones.hpp"

namespace pageblock::test::llfree_cases {
namespace {

TEST_CASE("a map of digits says how much of each huge frame is free", "[lab_llfree]") {
  // Frames of 8 pages: all free; none; pages 16 to 19 free; 24 in use; a frame that is half in the zone.
  const TinyZone zone{{.spanned_pages = 36,
                       .in_use = {{.range = {Pfn{8}, Pfn{16}}},
                                  {.range = {Pfn{20}, Pfn{24}}},
                                  {.range = {Pfn{24}, Pfn{25}}}}}};
  const HugeFrames frames = huge_frames(zone, Order{3});
  CHECK(frames.nr_free == std::vector<std::uint32_t>{8, 0, 4, 7, 4});
  CHECK(frames.digits() == "90474");
  CHECK(frames.nr_free_frames() == 1);
  CHECK(frames.in_part == std::vector<std::size_t>{4});
  CHECK(frames.moves_to_compact() ==
        1);  // of the frame with one page in use, not of the one in part
  CHECK(HugeFrames{512, {1, 64, 65, 448, 449, 511}, {}}.digits() == "112788");
}

TEST_CASE("moves_to_compact empties the emptiest frames into the fullest", "[lab_llfree]") {
  CHECK(HugeFrames{8, {}, {}}.moves_to_compact() == 0);
  CHECK(HugeFrames{8, {8, 0, 8, 0}, {}}.moves_to_compact() == 0);
  CHECK(HugeFrames{8, {4, 4}, {}}.moves_to_compact() == 4);
  CHECK(HugeFrames{8, {7, 1}, {}}.moves_to_compact() == 1);
  CHECK(HugeFrames{8, {7, 4, 4, 1}, {}}.moves_to_compact() == 1 + 4);
  CHECK(HugeFrames{8, {4, 3}, {}}.moves_to_compact() == 0);  // 4 pages do not fit where 3 are free
  CHECK(HugeFrames{8, {0, 7, 8, 5, 4}, {}}.moves_to_compact() == 1 + 3);
}

TEST_CASE("memory of which any half is free needs as many moves as computed", "[lab_llfree]") {
  // 57600 frames need 7113939 moves (binomial distribution); a tenth of them here.
  CounterRandom random{RandomKey{.seed = 11}};
  HugeFrames frames;
  for (int i = 0; i < 5760; ++i) {
    int free = 0;
    for (int word = 0; word < 8; ++word) free += std::popcount(random());
    frames.nr_free.push_back(static_cast<std::uint32_t>(free));
  }
  CHECK(frames.moves_to_compact() > 711'394 * 998ULL / 1000);
  CHECK(frames.moves_to_compact() < 711'394 * 1002ULL / 1000);
}

TEST_CASE("LLFree's benchmark leaves Linux's free frames as they are", "[lab_llfree]") {
  // The published run: the huge frames that were never touched stay free, and no others become so.
  Zone<V6_1Config> zone{{.spanned_pages = 16 * 1024, .nr_cpus = 8}};
  LlfreeFragmentation benchmark{zone, {.others = 300}};
  const LlfreeRound before = benchmark.look();
  CHECK(before.huge > 0);
  const LlfreeRound first = benchmark.run();
  LlfreeRound last;
  for (int i = 0; i < 10; ++i) last = benchmark.run();
  CHECK(benchmark.nr_refused() == 0);
  CHECK(detail::difference(first.huge, before.huge) <= 3);
  CHECK(detail::difference(last.huge, before.huge) <= 3);
  CHECK(last.moves > 0);
  CHECK(verify(zone).empty());
  Zone<V6_1Config> again{{.spanned_pages = 16 * 1024, .nr_cpus = 8}};
  LlfreeFragmentation second{again, {.others = 300}};
  CHECK(second.run() == first);
}

TEST_CASE("wyrand gives its known numbers", "[lab_llfree]") {
  // Computed with 128-bit integers by hand: state 0 becomes 0xa0761d6478bd642f.
  Wyrand random{0};
  const std::uint64_t state = 0xa0761d6478bd642f;
  const std::uint64_t other = state ^ 0xe7037ed1a0b428db;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {  // as in school
    if ((other >> bit & 1) == 0) continue;
    const std::uint64_t before = low;
    low += state << bit;
    high += (bit == 0 ? 0 : state >> (64 - bit)) + (low < before ? 1 : 0);
  }
  CHECK(random() == (high ^ low));
}

TEST_CASE("the calls of LLFree hand out frames of a zone", "[lab_llfree]") {
  Llfree<TinyConfig> llfree;
  CHECK(llfree.llfree_init(0, 64) == static_cast<std::int64_t>(LlfreeError::initialization));
  CHECK(llfree.llfree_init(3, 64) == static_cast<std::int64_t>(LlfreeError::initialization));
  CHECK(llfree.llfree_init(2, 0) == static_cast<std::int64_t>(LlfreeError::initialization));
  REQUIRE(llfree.llfree_init(2, 64) == 0);
  CHECK(llfree.llfree_cores() == 2);
  CHECK(llfree.llfree_frames() == 64);
  CHECK(llfree.llfree_free_frames() == 64);

  const std::int64_t page = llfree.llfree_get(0, 0);
  const std::int64_t chunk = llfree.llfree_get(1, 3);
  REQUIRE(page >= 0);
  REQUIRE(chunk >= 0);
  CHECK(chunk % 8 == 0);
  CHECK(llfree.llfree_free_frames() == 64 - 9);
  CHECK_FALSE(llfree.llfree_is_free(static_cast<std::uint64_t>(chunk), 0));
  CHECK(llfree.llfree_get(2, 0) == static_cast<std::int64_t>(LlfreeError::address));
  CHECK(llfree.llfree_get(0, 5) == static_cast<std::int64_t>(LlfreeError::address));

  const auto refused = static_cast<std::int64_t>(LlfreeError::address);
  CHECK(llfree.llfree_put(0, static_cast<std::uint64_t>(chunk), 2) == refused);
  CHECK(llfree.llfree_put(0, static_cast<std::uint64_t>(chunk) + 1, 0) == refused);
  CHECK(llfree.llfree_put(0, 64, 0) == refused);
  CHECK(llfree.llfree_put(0, static_cast<std::uint64_t>(chunk), 3) == 0);
  CHECK(llfree.llfree_put(0, static_cast<std::uint64_t>(chunk), 3) == refused);  // twice
  CHECK(llfree.llfree_put(1, static_cast<std::uint64_t>(page), 0) == 0);
  CHECK(llfree.llfree_drain(0) == 0);
  CHECK(llfree.llfree_drain(1) == 0);
  CHECK(llfree.llfree_drain(2) == refused);
  CHECK(llfree.llfree_free_frames() == 64);
  CHECK(llfree.llfree_is_free(16, 4));
  CHECK_FALSE(llfree.llfree_is_free(64, 0));
  std::int64_t last = 0;
  for (int i = 0; i <= 4; ++i) last = llfree.llfree_get(0, 4);
  CHECK(last == static_cast<std::int64_t>(LlfreeError::memory));
}

TEST_CASE("a frame source gives simulators addresses", "[lab_llfree]") {
  FrameSource<TinyConfig> source{{.start_pfn = Pfn{32}, .spanned_pages = 64}};
  const auto page = source.next_address();
  REQUIRE(page);
  CHECK(*page % 4096 == 0);
  CHECK(*page >= 32 * 4096);
  const auto large = source.address_of_size(8 * 4096);
  REQUIRE(large);
  CHECK(*large % (8 * 4096) == 0);
  CHECK_FALSE(source.address_of_size(17 * 4096));
  CHECK_FALSE(source.address_of_size(0));
  const auto range = source.range_of(5);
  REQUIRE(range);
  drain_all_pages(source.zone());
  CHECK(source.zone().nr_free_pages() == 64 - 1 - 8 - 5);
  source.release(*page, 4096);
  source.release(*large, 7 * 4096 + 1);
  source.release_range(*range, 5);
  drain_all_pages(source.zone());
  CHECK(source.zone().nr_free_pages() == 64);
  FrameSource<TinyConfig> large_pages{{.spanned_pages = 16}, 65536};
  CHECK(large_pages.next_address().value() % 65536 == 0);
  CHECK_VIOLATION(FrameSource<TinyConfig>({.spanned_pages = 16}, 3000), "no power of two");
  CHECK_VIOLATION(source.release(32 * 4096, 0), "no chunk has this size");
}

TEST_CASE("RequestReplay frees chunks, parts of them, and several together", "[lab_llfree]") {
  TinyZone zone{{.spanned_pages = 64, .nr_cpus = 2}};
  RequestReplay replay{zone};
  const auto alloc = [&](std::uint64_t id, unsigned order) {
    return replay.apply({.id = id, .order = Order{order}});
  };
  const auto release = [&](std::uint64_t id, unsigned order) {
    return replay.apply({.is_alloc = false, .cpu = cpu1, .id = id, .order = Order{order}});
  };
  const auto nr_free = [&] {
    drain_all_pages(zone);
    return zone.nr_free_pages();
  };
  CHECK(alloc(1000, 3));
  CHECK(alloc(2000, 0));
  CHECK(alloc(2001, 0));
  CHECK(replay.find(1000).has_value());
  CHECK(release(1002, 1));  // pages 2 and 3 of eight
  CHECK(nr_free() == 64 - 8);
  CHECK(release(2000, 1));  // two requests at once
  CHECK(release(1000, 1));
  CHECK(release(1004, 2));
  CHECK(nr_free() == 64);
  CHECK_FALSE(release(1000, 3));
  CHECK(replay.nr_unknown() == 1);
  CHECK(alloc(3000, 2));
  CHECK(alloc(3000, 0));  // its free is missing
  CHECK(replay.nr_lost_frees() == 1);
  CHECK(nr_free() == 64 - 1 - 3);  // three pages of the chunk are still held
  for (std::uint64_t i = 0; i < 4; ++i) static_cast<void>(alloc(100 * i, 4));
  CHECK(replay.nr_refused() == 1);
  CHECK(verify(zone).empty());
}

}  // namespace
}  // namespace pageblock::test::llfree_cases
