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

TEST_CASE("parse_zoneinfo takes zones whose spans overlap", "[zoneinfo]") {
  const auto zones = parse_zoneinfo(
      InputFile{"zoneinfo", zone("Movable", 1024, 1024) + zone("Normal", 512, 2048)});
  REQUIRE(zones.size() == 2);
  CHECK(zones[0].range() == PfnRange{Pfn{512}, Pfn{2560}});
  CHECK(zones[1].range() == PfnRange{Pfn{1024}, Pfn{2048}});
}

TEST_CASE("parse_zoneinfo takes zones that span pages of which none is present", "[zoneinfo]") {
  const auto zones = parse_zoneinfo(
      InputFile{"zoneinfo",
                "Node 0, zone Device\n  pages free 0\n  spanned 196608\n  present 0\n"
                "  managed 0\n" +
                    zone("Normal", 512, 512)});
  REQUIRE(zones.size() == 2);
  CHECK(zones[0].is_populated());
  CHECK(zones[1].name == ZoneName{0, "Device"});
  CHECK(zones[1].spanned == 196608);
  CHECK_FALSE(zones[1].is_populated());
}

TEST_CASE("parse_zoneinfo lets kernels before 3.8 have more pages free than present",
          "[zoneinfo]") {
  const std::string old =
      "Node 0, zone DMA\n  pages free 3960\n  spanned 4080\n  present 3900\n"
      "  start_pfn: 16\n";
  CHECK(parse_zoneinfo(InputFile{"zoneinfo", old}).front().free == 3960);
  CHECK(fault_of("Node 0, zone DMA\n  pages free 4081\n  spanned 4080\n  present 3900\n"
                 "  start_pfn: 16\n") ==
        "zoneinfo:1: zone DMA has 4081 free pages, but 4080 spanned");
  CHECK(fault_of(old + "  managed 3900\n") ==
        "zoneinfo:1: zone DMA has 3960 free pages, but 3900 present");
}

TEST_CASE("parse_zoneinfo passes over what is no line of a zone, and says which", "[zoneinfo]") {
  SkippedLines skipped;
  const auto zones = parse_zoneinfo(
      InputFile{"zoneinfo", "root@host:~# cat /proc/zoneinfo\r\n" + two_zones + "root@host:~# "},
      &skipped);
  CHECK(zones.size() == 2);
  CHECK(skipped.count() == 2);
  CHECK(skipped.text() == "2 lines are not of this format and were passed over: 1, 40");
}

}  // namespace pageblock::test::zoneinfo_cases
