// SPDX-License-Identifier: MIT
#include "pageblock/lab/fragment.hpp"

#include <array>
#include <cstdint>
#include <string>

#include "pageblock/lab/verify.hpp"

#include "support/catch.hpp"
#include "support/tiny_zones.hpp"
#include "support/v6_1_zones.hpp"
#include "support/zones.hpp"

namespace pageblock::test::fragment_cases {
namespace {

template <const Semantics& of>
struct FragmentConfig : DefaultConfig {
  static constexpr Semantics semantics = of;
  using Lock = NullLock;
};

// Blocks of 32 pages, so that a small zone has many.
template <const Semantics& of>
struct SmallBlocksConfig : FragmentConfig<of> {
  static constexpr unsigned max_order = 7;
  static constexpr unsigned pageblock_order = 5;
};

constexpr std::uint64_t zone_pages = 64 * 1024;  // 256 MiB, 128 blocks
constexpr std::uint64_t small_zone_pages = 8 * 1024;
constexpr std::uint64_t nr_small_blocks = small_zone_pages / 32;

// Free memory by its degree of fragmentation, with few or many pages free, at small and large orders.
const std::array<FragmentTarget, 22> targets{{
    {.occupancy = 500},
    {.occupancy = 0, .unusable = {{Order{5}, 0}}},
    {.occupancy = 990},
    {.occupancy = 700, .unusable = {{Order{5}, 0}}},
    {.occupancy = 700, .unusable = {{Order{5}, 250}}},
    {.occupancy = 700, .unusable = {{Order{5}, 500}}},
    {.occupancy = 700, .unusable = {{Order{5}, 750}}},
    {.occupancy = 700, .unusable = {{Order{5}, 1000}}},
    {.occupancy = 950, .unusable = {{Order{3}, 900}}},
    {.occupancy = 300, .unusable = {{Order{5}, 900}}},
    {.occupancy = 100, .unusable = {{Order{5}, 600}}},
    {.occupancy = 600, .unusable = {{Order{6}, 400}}},
    {.occupancy = 800, .unusable = {{Order{1}, 300}}},
    {.occupancy = 800, .unusable = {{Order{2}, 850}}},
    {.occupancy = 500, .free_blocks = 250},
    {.occupancy = 500, .free_blocks = 0},
    {.occupancy = 200, .free_blocks = 500},
    {.occupancy = 700, .unmovable_blocks = 300},
    {.occupancy = 700, .unusable = {{Order{5}, 500}}, .unmovable_blocks = 500},
    {.occupancy = 850, .unusable = {{Order{5}, 1000}}, .unmovable_blocks = 1000},
    {.occupancy = 600, .unusable = {{Order{2}, 400}}, .unmovable_blocks = 900},
    {.occupancy = 400, .free_blocks = 400, .unmovable_blocks = 450},
}};

TEMPLATE_TEST_CASE("fragment reaches each of 22 targets within a hundredth", "[lab_fragment]",
                   SmallBlocksConfig<kernel::v3_6>, SmallBlocksConfig<kernel::v6_1>,
                   SmallBlocksConfig<kernel::v7_2>) {
  for (const FragmentTarget& target : targets) {
    Zone<TestType> zone{{.spanned_pages = small_zone_pages}};
    const FragmentResult result = fragment(zone, target, {.seed = 22});
    INFO("occupancy " << target.occupancy << ": " << result.refusal);
    CHECK(result.refusal.empty());
    CHECK(result.error <= 10);
    CHECK(!result.steps.empty());
    // What is told is what is there.
    const Metrics metrics = measure(zone);
    CHECK(metrics.pages.free + result.held.size() == small_zone_pages);
    CHECK(metrics.blocks.with_unmovable * 1000 / nr_small_blocks ==
          result.reached.unmovable_blocks);
    CHECK(metrics.pages.movable + metrics.pages.unmovable == result.held.size());
  }
}

TEST_CASE("fragment reaches a target with the blocks of a real machine", "[lab_fragment]") {
  Zone<FragmentConfig<kernel::v6_1>> zone{{.spanned_pages = zone_pages}};
  const FragmentResult result =
      fragment(zone, {.occupancy = 700, .unusable = {{Order{9}, 750}}, .unmovable_blocks = 400});
  CHECK(result.refusal.empty());
  CHECK(result.error <= 10);
  CHECK(free_memory(zone).unusable(Order{9}) == result.reached.unusable->value);
}

TEST_CASE("what fragment holds can be given back", "[lab_fragment]") {
  Zone<SmallBlocksConfig<kernel::v6_1>> zone{{.spanned_pages = small_zone_pages}};
  FragmentResult result = fragment(zone, targets[18]);
  CHECK(verify(zone).empty());
  free_held(zone, result);
  CHECK(result.held.empty());
  drain_all_pages(zone);
  CHECK(zone.nr_free_pages() == static_cast<std::int64_t>(small_zone_pages));
}

TEST_CASE("a key decides where unmovable pages come to lie", "[lab_fragment]") {
  const auto made = [](std::uint64_t seed) {
    Zone<SmallBlocksConfig<kernel::v6_1>> zone{{.spanned_pages = small_zone_pages}};
    CHECK(fragment(zone, {.unmovable_blocks = 200}, {.seed = seed}).refusal.empty());
    return zone;
  };
  CHECK(made(1) == made(1));
  CHECK(made(1) != made(2));
}

TEST_CASE("fragment works around what others hold", "[lab_fragment]") {
  Zone<FragmentConfig<kernel::v6_1>> zone{
      {.spanned_pages = zone_pages,
       .holes = {{Pfn{5000}, Pfn{5600}}},
       .in_use = {{.range = {Pfn{1000}, Pfn{3000}}}, {.range = {Pfn{9000}, Pfn{9001}}}}}};
  const FragmentTarget target{
      .occupancy = 650, .unusable = {{Order{9}, 350}}, .unmovable_blocks = 250};
  const FragmentResult result = fragment(zone, target);
  INFO(result.refusal);
  CHECK(result.refusal.empty());
  CHECK(verify(zone).empty());
}

TEST_CASE("fragment refuses what cannot be, and leaves the zone alone", "[lab_fragment]") {
  using BigZone = Zone<FragmentConfig<kernel::v6_1>>;
  const BigZone fresh{{.spanned_pages = zone_pages}};
  const auto refusal = [&](const FragmentTarget& target, const BigZone& of) {
    BigZone zone = of;
    const FragmentResult result = fragment(zone, target);
    CHECK(zone == of);
    CHECK(result.held.empty());
    return result.refusal;
  };
  CHECK(refusal({.occupancy = 1001}, fresh) == "an occupancy is at most 1000");
  CHECK(refusal({.unusable = {{Order{9}, 0}}, .free_blocks = 1}, fresh) ==
        "free blocks and an index are two words for one thing: say one of them");
  CHECK(refusal({.unusable = {{Order{11}, 0}}}, fresh) ==
        "there is no order 11: the largest is 10");
  CHECK(refusal({.unusable = {{Order{9}, 1001}}}, fresh) == "an index is at most 1000");
  CHECK(refusal({.occupancy = 800, .free_blocks = 300}, fresh) ==
        "38 free blocks have 19456 pages, and only 13108 are to be free");
  CHECK(
      refusal({.occupancy = 990, .unusable = {{Order{9}, 600}}}, fresh) ==
      "with 983 pages free the index at order 9 can be 479, not 600: it moves in steps of a chunk");
  CHECK(refusal({.occupancy = 0, .unusable = {{Order{4}, 1000}}}, fresh) ==
        "65536 free pages in chunks below order 4 are wanted, and at most 61440 can be: one page "
        "of each such "
        "chunk must be in use");
  CHECK(refusal({.occupancy = 700, .unusable = {{Order{0}, 500}}}, fresh) ==
        "9830 free pages in chunks below order 0 are wanted, and at most 0 can be: one page of "
        "each such chunk "
        "must be in use");
  CHECK(refusal({.occupancy = 300, .free_blocks = 600, .unmovable_blocks = 500}, fresh) ==
        "64 blocks with unmovable pages and 76 free ones are more than the 128 there are");
  const BigZone half{
      {.spanned_pages = zone_pages, .in_use = {{.range = {Pfn{0}, Pfn{zone_pages / 2}}}}}};
  CHECK(refusal({.occupancy = 400}, half) == "32768 of 65536 pages are in use by others already");
  CHECK(refusal({.occupancy = 600, .unmovable_blocks = 100}, half) ==
        "64 blocks have unmovable pages of others already");
  BigZone holey{{.spanned_pages = zone_pages}};
  std::vector<Pfn> pages;
  for (std::uint64_t i = 0; i < zone_pages; ++i) {
    pages.push_back(alloc_pages(holey, Cpu{0}, Order{0}, MigrateType::movable)->pfn());
  }
  for (const Pfn pfn : pages) {
    if (pfn.value() % 4 != 0) free_pages(holey, Cpu{0}, pfn, Order{0});
  }
  drain_all_pages(holey);
  CHECK(refusal({.occupancy = 500, .unusable = {{Order{9}, 500}}}, holey) ==
        "16384 free pages in chunks of order 9 are wanted, and only 0 can be: others hold pages "
        "between");
}

TEST_CASE("fragment of a zone of a few blocks", "[lab_fragment]") {
  // Blocks of 8 pages; the index at order 3 moves in eighths of 32 free pages.
  TinyV6_1Zone zone{{.spanned_pages = 64}};
  const FragmentResult result = fragment(zone, {.occupancy = 500, .unusable = {{Order{3}, 500}}});
  CHECK(result.refusal == "");
  CHECK(zone.nr_free_pages() == 32);
  CHECK(free_memory(zone).pages_in_chunks_from(Order{3}) == 16);
}

}  // namespace
}  // namespace pageblock::test::fragment_cases
