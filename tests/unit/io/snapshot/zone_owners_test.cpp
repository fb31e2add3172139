// SPDX-License-Identifier: MIT
#include "pageblock/io/snapshot/zone_owners.hpp"

#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::zone_owners_cases {

namespace {

using Ranges = std::vector<PfnRange>;

ZoneInfo zone(unsigned node, const char* name, std::uint64_t start, std::uint64_t end) {
  ZoneInfo info;
  info.name = {node, name};
  info.start_pfn = Pfn{start};
  info.spanned = end - start;
  info.present = end - start;
  return info;
}
MemoryBlock block(std::uint64_t id, const char* name, std::optional<unsigned> node = {},
                  const char* state = "online") {
  return {"memory", {Pfn{id * 8}, Pfn{id * 8 + 8}}, state, 1, name, node};
}
PfnRange pages(std::uint64_t start, std::uint64_t end) { return {Pfn{start}, Pfn{end}}; }

}  // namespace

TEST_CASE("find_zone_owners gives a zone what it alone spans", "[zone_owners]") {
  const auto owners = find_zone_owners({zone(0, "DMA", 1, 8), zone(0, "Normal", 8, 30)}, nullptr);
  CHECK(owners.of_zone == std::vector<Ranges>{{pages(1, 8)}, {pages(8, 30)}});
  CHECK(owners.open.empty());
}

TEST_CASE("find_zone_owners asks the memory block where zones overlap", "[zone_owners]") {
  const std::vector<ZoneInfo> zones{zone(0, "Normal", 8, 40), zone(0, "Movable", 16, 32)};
  MemoryBlocks memory{8, {block(1, ""), block(2, "Movable"), block(3, "Normal"), block(4, "")}};
  const auto owners = find_zone_owners(zones, &memory);
  CHECK(owners.of_zone == std::vector<Ranges>{{pages(8, 16), pages(24, 40)}, {pages(16, 24)}});
  CHECK(owners.open.empty());

  SECTION("a block that says nothing is open, and one that is offline nobody's") {
    memory.blocks[1].zone = "";
    memory.blocks[2].state = "offline";
    const auto others = find_zone_owners(zones, &memory);
    CHECK(others.of_zone == std::vector<Ranges>{{pages(8, 16), pages(32, 40)}, {}});
    CHECK(others.open == Ranges{pages(16, 24)});
  }
  SECTION("a zone that does not span the block is none of those in question") {
    memory.blocks[1].zone = "DMA32";
    CHECK(find_zone_owners(zones, &memory).open == Ranges{pages(16, 24)});
  }
  SECTION("without a list all that overlaps is open") {
    const auto others = find_zone_owners(zones, nullptr);
    CHECK(others.of_zone == std::vector<Ranges>{{pages(8, 16), pages(32, 40)}, {}});
    CHECK(others.open == Ranges{pages(16, 32)});
  }
}

TEST_CASE("find_zone_owners tells nodes that alternate apart", "[zone_owners]") {
  const std::vector<ZoneInfo> zones{zone(0, "Normal", 0, 24), zone(1, "Normal", 8, 32)};
  MemoryBlocks memory{
      8,
      {block(0, "Normal", 0), block(1, "Normal", 1), block(2, "Normal", 0), block(3, "Normal", 1)}};
  CHECK(find_zone_owners(zones, &memory).of_zone ==
        std::vector<Ranges>{{pages(0, 8), pages(16, 24)}, {pages(8, 16), pages(24, 32)}});
  for (MemoryBlock& of : memory.blocks) of.node.reset();
  CHECK(find_zone_owners(zones, &memory).open == Ranges{pages(8, 24)});
}

}  // namespace pageblock::test::zone_owners_cases
