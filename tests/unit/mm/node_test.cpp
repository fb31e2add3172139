// SPDX-License-Identifier: MIT
#include "pageblock/mm/node.hpp"

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/v6_1_zones.hpp"
#include "support/violation.hpp"

namespace pageblock::test::node_cases {
namespace {

std::vector<ZoneType> types_of(std::span<const TinyV6_1Zone> zones) {
  std::vector<ZoneType> types;
  for (const TinyV6_1Zone& zone : zones) types.push_back(zone.type());
  return types;
}

using enum ZoneType;
using Types = std::vector<ZoneType>;

}  // namespace

TEST_CASE("Node holds its zones from the highest downward, in whatever order they come", "[node]") {
  CHECK(types_of(tiny_node({dma, dma32, normal, ZoneType::movable}).zones()) ==
        Types{ZoneType::movable, normal, dma32, dma});
  CHECK(types_of(tiny_node({normal, ZoneType::movable, dma}).zones()) ==
        Types{ZoneType::movable, normal, dma});
  CHECK(TinyV6_1Node{}.zones().empty());
}

TEST_CASE("zonelist begins with the highest zone of the request", "[node]") {
  const TinyV6_1Node node = tiny_node({dma, normal, ZoneType::movable});
  CHECK(types_of(node.zonelist(ZoneType::movable)) == Types{ZoneType::movable, normal, dma});
  CHECK(types_of(node.zonelist(normal)) == Types{normal, dma});
  CHECK(types_of(node.zonelist(dma32)) == Types{dma});
  CHECK(types_of(node.zonelist(dma)) == Types{dma});
  CHECK(tiny_node({normal}).zonelist(dma).empty());
}

TEST_CASE("preferred_zone is the first of the zonelist that has pages", "[node]") {
  TinyV6_1Node node = tiny_node({dma, normal});
  CHECK(node.preferred_zone(ZoneType::movable)->type() == normal);
  CHECK(node.preferred_zone(dma32)->type() == dma);
  node.find(normal)->mod_present_pages(-32);
  CHECK(std::as_const(node).preferred_zone(ZoneType::movable)->type() == dma);
  node.find(dma)->mod_present_pages(-32);
  CHECK(node.preferred_zone(ZoneType::movable) == nullptr);
}

TEST_CASE("find returns the zone of a type", "[node]") {
  TinyV6_1Node node = tiny_node({dma, normal});
  CHECK(node.find(dma)->type() == dma);
  CHECK(std::as_const(node).find(normal)->type() == normal);
  CHECK(node.find(dma32) == nullptr);
}

TEST_CASE("zone_of returns the zone that has memory there, where zones interleave too", "[node]") {
  // pages   0..15     16..31    32..47    48..63
  //         Normal    Movable   Normal    hole of both
  ZoneLayout low{.type = normal, .spanned_pages = 64, .holes = {{Pfn{16}, Pfn{32}}}};
  low.holes.push_back({Pfn{48}, Pfn{64}});
  ZoneLayout high{.type = ZoneType::movable, .start_pfn = Pfn{16}, .spanned_pages = 48};
  high.holes = {{Pfn{32}, Pfn{64}}};
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(low);
  zones.emplace_back(high);
  const TinyV6_1Node node{std::move(zones)};
  CHECK(node.zone_of(Pfn{15})->type() == normal);
  CHECK(node.zone_of(Pfn{16})->type() == ZoneType::movable);
  CHECK(node.zone_of(Pfn{32})->type() == normal);
  CHECK(node.zone_of(Pfn{48}) == nullptr);
  CHECK(node.zone_of(Pfn{64}) == nullptr);
}

TEST_CASE("Node is a value: a copy is equal until one of them changes", "[node]") {
  STATIC_REQUIRE(std::is_copy_assignable_v<TinyV6_1Node>);
  TinyV6_1Node node = tiny_node({dma, normal});
  const TinyV6_1Node before = node;
  const std::hash<TinyV6_1Node> hash;
  CHECK(before == node);
  CHECK(hash(before) == hash(node));
  pin(*node.find(dma), Pfn{3});
  CHECK(!(before == node));
  CHECK(hash(before) != hash(node));
  node = before;
  CHECK(before == node);
  CHECK(!(node == tiny_node({normal})));
}

TEST_CASE("Node leaves its zones where they are when it is moved", "[node]") {
  TinyV6_1Node node = tiny_node({normal});
  const TinyV6_1Zone* const zone = node.find(normal);
  const TinyV6_1Node moved = std::move(node);
  CHECK(moved.find(normal) == zone);
}

TEST_CASE("Node reports zones that cannot be of one node", "[node]") {
  CHECK_VIOLATION(tiny_node({normal, dma, normal}), "two zones are of one type");
  std::vector<TinyV6_1Zone> zones;
  zones.emplace_back(tiny_layout(dma));
  ZoneLayout layout = tiny_layout(normal);
  layout.nr_cpus = 2;
  zones.emplace_back(layout);
  CHECK_VIOLATION(TinyV6_1Node{std::move(zones)}, "different numbers of CPUs");
}

}  // namespace pageblock::test::node_cases
