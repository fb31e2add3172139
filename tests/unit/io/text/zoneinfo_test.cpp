// SPDX-License-Identifier: MIT
#include "pageblock/io/text/zoneinfo.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::zoneinfo_cases {

namespace {

const std::string two_zones =
    "Node 0, zone      DMA\n"
    "  per-node stats\n"
    "      nr_inactive_anon 13145\n"
    "  pages free     3808\n"
    "        boost    0\n"
    "        min      13\n"
    "        low      16\n"
    "        high     19\n"
    "        promo    20\n"
    "        spanned  4095\n"
    "        present  3998\n"
    "        managed  3840\n"
    "        cma      0\n"
    "        protection: (0, 390, 646)\n"
    "      nr_free_pages 3808\n"
    "  pagesets\n"
    "    cpu: 0\n"
    "              count:    5\n"
    "              high:     16\n"
    "              batch:    1\n"
    "              high_min: 7\n"
    "  vm stats threshold: 2\n"
    "    cpu: 1\n"
    "              count: 2\n"
    "              high:  16\n"
    "              batch: 1\n"
    "  node_unreclaimable:  0\n"
    "  start_pfn:           1\n"
    "Node 0, zone   Normal\n"
    "  pages free     0\n"
    "        spanned  0\n"
    "        present  0\n"
    "        managed  0\n"
    "Node 1, zone  Movable\n"
    "  pages free     7\n"
    "        spanned  8\n"
    "        present  8\n"
    "  start_pfn:           8192\n";

std::string fault_of(const std::string& content) {
  return test::fault_in([&] { return parse_zoneinfo(InputFile{"zoneinfo", content}); });
}

std::string zone(const std::string& name, int start, int spanned) {
  return "Node 0, zone " + name + "\n  pages free 0\n  spanned " + std::to_string(spanned) +
         "\n  present " + std::to_string(spanned) + "\n  start_pfn: " + std::to_string(start) +
         "\n";
}

}  // namespace

TEST_CASE("parse_zoneinfo reads zones by key and leaves out those without memory", "[zoneinfo]") {
  const auto zones = parse_zoneinfo(InputFile{"zoneinfo", two_zones});
  REQUIRE(zones.size() == 2);
  const ZoneInfo& dma = zones[0];
  CHECK(dma.name == ZoneName{0, "DMA"});
  CHECK(dma.type == ZoneType::dma);
  CHECK(dma.range() == PfnRange{Pfn{1}, Pfn{4096}});
  CHECK(dma.present == 3998);
  CHECK(dma.managed == 3840U);
  CHECK(dma.free == 3808);
  CHECK(dma.watermarks == Watermarks{13, 16, 19});
  CHECK(dma.protection == std::vector<std::uint64_t>{0, 390, 646});
  REQUIRE(dma.per_cpu.size() == 2);
  CHECK(dma.per_cpu[1].cpu == 1);
  CHECK(dma.per_cpu[0].high == 16);
  CHECK(dma.per_cpu[0].batch == 1);
  CHECK(dma.per_cpu_count() == 7);
  CHECK(dma.line == 1);
  CHECK(zones[1].name == ZoneName{1, "Movable"});
  CHECK(zones[1].type == ZoneType::movable);
  CHECK_FALSE(zones[1].managed.has_value());
}

TEST_CASE("parse_zoneinfo sorts zones and knows zone Device", "[zoneinfo]") {
  const auto zones =
      parse_zoneinfo(InputFile{"zoneinfo", zone("Device", 512, 16) + zone("HighMem", 0, 512)});
  REQUIRE(zones.size() == 2);
  CHECK(zones[0].name.zone == "HighMem");
  CHECK(zones[0].type == ZoneType::normal);
  CHECK_FALSE(zones[1].type.has_value());
}

TEST_CASE("parse_zoneinfo names the line of what is wrong", "[zoneinfo]") {
  CHECK(fault_of("") == "zoneinfo: the file is empty");
  CHECK(fault_of("pages free 3\n") == "zoneinfo:1: expected 'Node <number>, zone <name>'");
  CHECK(fault_of(zone("DMA", 0, 0)) == "zoneinfo: no zone has memory");
  CHECK(fault_of("Node 0, zone DMA\n  spanned\n") == "zoneinfo:2: no number behind 'spanned'");
  CHECK(fault_of("Node 0, zone DMA\n") == "zoneinfo:1: zone DMA has no line 'spanned'");
  CHECK(fault_of("Node 0, zone DMA\n  spanned 4\n  present 5\n  pages free 0\n  start_pfn: 0\n") ==
        "zoneinfo:1: zone DMA has 5 present pages, but 4 spanned");
  CHECK(fault_of("Node 0, zone DMA\n  count: 4\n") ==
        "zoneinfo:2: a per-CPU value before any 'cpu:'");
  CHECK(fault_of(zone("Elsewhere", 0, 4)) ==
        "zoneinfo:1: zone Elsewhere has a name that no kernel gives");
  CHECK(fault_of("Node 0, zone DMA\n  spanned 4294967297\n  present 0\n  pages free 0\n"
                 "  start_pfn: 0\n") == "zoneinfo:1: zone DMA spans more than 2^32 pages");
}

TEST_CASE("parse_zoneinfo refuses zones that overlap", "[zoneinfo]") {
  CHECK(fault_of(zone("DMA", 0, 512) + zone("DMA32", 512, 512)).empty());
  CHECK(fault_of(zone("Normal", 1024, 1024) + zone("DMA32", 512, 513)) ==
        "zoneinfo:1: zone Normal [0x400, 0x800) overlaps zone DMA32 [0x200, 0x401) of line 6");
}

}  // namespace pageblock::test::zoneinfo_cases
