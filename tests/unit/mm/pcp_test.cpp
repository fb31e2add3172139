// SPDX-License-Identifier: MIT
#include "pageblock/mm/pcp.hpp"

#include "support/catch.hpp"
#include "support/zones.hpp"

namespace pageblock::test::pcp_cases {
namespace {

Pfns contents(const PcpList& list) {
  Pfns pfns;
  for (std::size_t i = 0; i < list.size(); ++i) pfns.push_back(list[i].value());
  return pfns;
}

}  // namespace

TEST_CASE("PcpList adds and takes pages at both ends", "[pcp]") {
  PcpList list;
  CHECK(list.empty());
  list.reserve(3);
  list.push_head(Pfn{2});
  list.push_tail(Pfn{3});
  list.push_head(Pfn{1});
  CHECK(contents(list) == Pfns{1, 2, 3});
  CHECK(list.pop_head() == Pfn{1});
  CHECK(list.pop_tail() == Pfn{3});
  CHECK(contents(list) == Pfns{2});
  CHECK(list.pop_tail() == Pfn{2});
  CHECK(list.empty());
}

TEST_CASE("PcpList keeps its order when it grows while it wraps around", "[pcp]") {
  PcpList list;
  Pfns expected;
  list.reserve(5);
  for (std::uint64_t pfn = 0; pfn < 5; ++pfn) list.push_head(Pfn{4 - pfn});
  list.reserve(35);
  for (std::uint64_t pfn = 5; pfn < 40; ++pfn) list.push_tail(Pfn{pfn});
  for (std::uint64_t pfn = 0; pfn < 40; ++pfn) expected.push_back(pfn);
  CHECK(contents(list) == expected);
}

TEST_CASE("PcpList compares pages in order, wherever they are in the ring", "[pcp]") {
  PcpList a;
  PcpList b;
  a.reserve(5);
  b.reserve(1);
  for (std::uint64_t pfn = 0; pfn < 6; ++pfn) {
    b.push_tail(Pfn{99});  // turns the ring
    static_cast<void>(b.pop_head());
  }
  b.reserve(50);
  CHECK(a == b);
  for (std::uint64_t pfn = 0; pfn < 5; ++pfn) {
    a.push_tail(Pfn{pfn});
    b.push_tail(Pfn{pfn});
  }
  CHECK(a == b);
  a.push_head(a.pop_tail());
  CHECK(!(a == b));
  b.pop_tail();
  CHECK(!(a == b));
}

TEST_CASE("PerCpuPages has a list for each of pcp_types, and the boot values", "[pcp]") {
  PerCpuPages<DefaultConfig> pcp;
  CHECK(pcp.batch == 1);
  CHECK(pcp.high == 0);
  pcp.list(MigrateType::reclaimable).reserve(1);
  pcp.list(MigrateType::reclaimable).push_head(Pfn{5});
  CHECK(pcp.list(MigrateType::unmovable).empty());
  CHECK(pcp.list(MigrateType::movable).empty());
  CHECK(pcp.list(MigrateType::reclaimable).size() == 1);
  CHECK(!(pcp == PerCpuPages<DefaultConfig>{}));
}

TEST_CASE("zone_batchsize is about a 4096th of a zone, a power of two less one, 31 at most",
          "[pcp]") {
  STATIC_REQUIRE(zone_batchsize(0, 128) == 0);
  STATIC_REQUIRE(zone_batchsize(4096, 128) == 0);
  STATIC_REQUIRE(zone_batchsize(8191, 128) == 0);
  STATIC_REQUIRE(zone_batchsize(8192, 128) == 1);
  STATIC_REQUIRE(zone_batchsize(12288, 128) == 3);
  STATIC_REQUIRE(zone_batchsize(20480, 128) == 3);
  STATIC_REQUIRE(zone_batchsize(24576, 128) == 7);
  STATIC_REQUIRE(zone_batchsize(131072, 128) == 31);
  STATIC_REQUIRE(zone_batchsize(std::uint64_t{1} << 32, 128) == 31);
}

}  // namespace pageblock::test::pcp_cases
