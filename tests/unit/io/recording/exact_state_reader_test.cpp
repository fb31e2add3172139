// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/exact_state_reader.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::exact_state_reader_cases {

namespace {

// Two zones of 64 and 128 pages with one CPU; the second has an isolated block of 8 pages, whose
// pages are listed but not counted.
const std::string state =
    "# realkernel state, format 1; label T0\n"
    "max_pfn 0xc0\n"
    "ncpu 1\n"
    "trace cpu 0 entries 7 overrun 1 commit_overrun 2 dropped 3 read 4\n"
    "zone 0 DMA va 0xffff88803fe28000 start_pfn 0x0 spanned 64 present 60 managed 40 "
    "nr_free_pages 10 nr_isolate_pageblock 0 nr_reserved_highatomic 0 watermark_boost 0 "
    "wmark_min 15 wmark_low 18 wmark_high 21 flags 0x0 lowmem_reserve 0,948,948 pageset_high 18 "
    "pageset_batch 1 lru_inactive_anon 0 lru_active_anon 0 lru_inactive_file 0 lru_active_file 0 "
    "unevictable 0\n"
    "area 0 0 nr_free 2\n"
    "list 0 0 1 2 a 3f\n"
    "area 0 1 nr_free 0\n"
    "area 0 2 nr_free 0\n"
    "area 0 3 nr_free 1\n"
    "list 0 3 2 1 18\n"
    "listed_free 0 10\n"
    "pcp 0 cpu 0 va 0xffff88803ec37640 count 0 high 18 batch 1 free_factor 0 expire 0\n"
    "zone 3 Movable va 0xffff88803fe28600 start_pfn 0x40 spanned 128 present 128 managed 128 "
    "nr_free_pages 2 nr_isolate_pageblock 1 nr_reserved_highatomic 512 watermark_boost 9 "
    "wmark_min 1 wmark_low 2 wmark_high 3 flags 0x3 lowmem_reserve 0 pageset_high 1217 "
    "pageset_batch 63 lru_inactive_anon 1 lru_active_anon 2 lru_inactive_file 3 "
    "lru_active_file 4 unevictable 5\n"
    "area 3 0 nr_free 0\n"
    "area 3 1 nr_free 1\n"
    "list 3 1 1 1 40\n"
    "area 3 2 nr_free 2\n"
    "list 3 2 4 2 48 4c\n"
    "listed_free 3 10\n"
    "pcp 3 cpu 0 va 0xffff88803ec37780 count 9 high 1217 batch 63 free_factor 2 expire 3\n"
    "pcplist 3 cpu 0 index 0 order 0 mt 0 1 51/3\n"
    "pcplist 3 cpu 0 index 13 order 2 mt movable 2 54/1 58/1\n"
    "section 0 start_pfn 0x0 flags 0xf online 1 subsections ffff blocks 01234112 skip 00000001\n"
    "section 2 start_pfn 0x80 flags 0x7 online 0 subsections 1 blocks 11 skip 10\n";

std::string fault_of(const std::string& content) {
  return test::fault_in([&] {
    const InputFile file{"T0.state", content};
    return parse_exact_state(file);
  });
}
std::string fault_with(std::string_view from, std::string_view to) {
  std::string changed = state;
  const std::size_t at = changed.find(from);
  REQUIRE(at != std::string::npos);
  changed.replace(at, from.size(), to);
  return fault_of(changed);
}

}  // namespace

TEST_CASE("parse_exact_state reads zones with all fields", "[exact_state]") {
  const InputFile file{"T0.state", state};
  const ExactState read = parse_exact_state(file);
  CHECK(read.label == "T0");
  CHECK(read.max_pfn == Pfn{0xc0});
  CHECK(read.nr_cpus == 1);
  REQUIRE(read.trace_buffers.size() == 1);
  const ExactTraceBuffer& buffer = read.trace_buffers[0];
  CHECK(buffer.cpu == Cpu{0});
  CHECK(buffer.entries == 7);
  CHECK(buffer.overrun == 1);
  CHECK(buffer.commit_overrun == 2);
  CHECK(buffer.dropped == 3);
  CHECK(buffer.read == 4);

  REQUIRE(read.zones.size() == 2);
  CHECK(read.zones[0].type == ZoneType::dma);
  CHECK(read.zones[0].lowmem_reserve == std::vector<std::uint64_t>{0, 948, 948});
  const ExactZone& zone = read.zones[1];
  CHECK(zone.type == ZoneType::movable);
  CHECK(zone.name == "Movable");
  CHECK(zone.line == 14);
  CHECK(zone.address == 0xffff88803fe28600);
  CHECK(zone.range() == PfnRange{Pfn{0x40}, Pfn{0xc0}});
  CHECK(zone.present == 128);
  CHECK(zone.managed == 128);
  CHECK(zone.nr_free_pages == 2);
  CHECK(zone.nr_isolate_pageblock == 1);
  CHECK(zone.nr_reserved_highatomic == 512);
  CHECK(zone.watermark_boost == 9);
  CHECK(zone.watermarks() == Watermarks{1, 2, 3});
  CHECK(zone.flags == (ExactZone::flag_boosted_watermark | ExactZone::flag_reclaim_active));
  CHECK(zone.pageset_high == 1217);
  CHECK(zone.pageset_batch == 63);
  CHECK(zone.lru_inactive_anon == 1);
  CHECK(zone.lru_active_anon == 2);
  CHECK(zone.lru_inactive_file == 3);
  CHECK(zone.lru_active_file == 4);
  CHECK(zone.unevictable == 5);
  CHECK(read.zone_at(0xffff88803fe28600) == &zone);
  CHECK(read.zone_at(0xffff88803fe28601) == nullptr);
}

TEST_CASE("parse_exact_state reads lists in their order", "[exact_state]") {
  const InputFile file{"T0.state", state};
  const ExactState read = parse_exact_state(file);
  const ExactZone& dma = read.zones.at(0);
  CHECK(dma.nr_free == std::vector<std::uint64_t>{2, 0, 0, 1});
  REQUIRE(dma.free_list(Order{0}, 1) != nullptr);
  CHECK(dma.free_list(Order{0}, 1)->pfns == std::vector<Pfn>{Pfn{0xa}, Pfn{0x3f}});
  CHECK(dma.free_list(Order{0}, 2) == nullptr);
  CHECK(dma.listed_free == 10);
  REQUIRE(dma.pcps.size() == 1);
  CHECK(dma.pcps[0].lists.empty());

  REQUIRE(read.zones.at(1).pcps.size() == 1);
  const ExactPcp& pcp = read.zones[1].pcps[0];
  CHECK(pcp.address == 0xffff88803ec37780);
  CHECK(pcp.count == 9);
  CHECK(pcp.high == 1217);
  CHECK(pcp.batch == 63);
  CHECK(pcp.free_factor == 2);
  CHECK(pcp.expire == 3);
  REQUIRE(pcp.lists.size() == 2);
  CHECK(pcp.lists[0].index == 0);
  CHECK(pcp.lists[0].type == "0");
  CHECK(pcp.lists[0].pages == std::vector<ExactPcpPage>{{Pfn{0x51}, 3}});
  CHECK(pcp.lists[1].index == 13);
  CHECK(pcp.lists[1].order == Order{2});
  CHECK(pcp.lists[1].type == "movable");
  CHECK(pcp.lists[1].pages == std::vector<ExactPcpPage>{{Pfn{0x54}, 1}, {Pfn{0x58}, 1}});
}

TEST_CASE("parse_exact_state reads the types of the pageblocks", "[exact_state]") {
  const InputFile file{"T0.state", state};
  const ExactState read = parse_exact_state(file);
  REQUIRE(read.sections.size() == 2);
  const ExactSection& section = read.sections[0];
  CHECK(section.is_online);
  CHECK(section.flags == 0xf);
  CHECK(section.subsections == 0xffff);
  CHECK(section.migratetypes == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 1, 1, 2});
  CHECK(section.skip == std::vector<bool>{false, false, false, false, false, false, false, true});
  CHECK(read.sections[1].number == 2);
  CHECK(read.sections[1].start_pfn == Pfn{0x80});
  CHECK_FALSE(read.sections[1].is_online);
}

TEST_CASE("parse_exact_state reads what isolated blocks are besides (v6.17)", "[exact_state]") {
  std::string later = state;
  later.insert(later.rfind("skip 10") + 7, " orig 01");
  const ExactState read = parse_exact_state({"T0.state", later});
  CHECK(read.sections[1].own_types == std::vector<std::uint8_t>{0, 1});
  CHECK(read.sections[0].own_types.empty());
  CHECK(fault_with("skip 10", "skip 10 orig 1") ==
        "T0.state:25: 2 blocks have a type, but 1 one of their own");
  CHECK(fault_with("skip 10", "skip 10 more") == "T0.state:25: expected the end of the line");
}

TEST_CASE("parse_exact_state refuses other formats and records", "[exact_state]") {
  CHECK(fault_of("") == "T0.state: the file is empty");
  CHECK(fault_with("format 1", "format 2") ==
        "T0.state:1: expected '# realkernel state, format 1; label <label>'");
  CHECK(fault_with("max_pfn", "maxpfn") == "T0.state:2: 'maxpfn' is no record of this format");
  CHECK(fault_with("max_pfn 0xc0", "max_pfn c0") == "T0.state:2: 'c0' is no number for 'max_pfn'");
  CHECK(fault_with("ncpu 1", "ncpu 1 2") == "T0.state:3: expected the end of the line");
  CHECK(fault_with("dropped 3", "drop 3") == "T0.state:4: expected 'dropped'");
  CHECK(fault_with("ncpu 1", "ncpu 0") == "T0.state:3: a machine has a CPU");
  CHECK(fault_with("trace cpu 0", "trace cpu 1") == "T0.state:4: cpu 1 is above 0");
  CHECK(fault_with("ncpu 1\ntrace cpu 0", "ncpu 2\ntrace cpu 1") ==
        "T0.state:4: cpu 1 is not the next one");
  CHECK(fault_of("# realkernel state, format 1; label T0\n") == "T0.state: no zone is listed");
  CHECK(fault_of(state.substr(0, state.find("section"))) == "T0.state: no section is listed");
}

TEST_CASE("parse_exact_state refuses zones that are not whole", "[exact_state]") {
  CHECK(fault_with("spanned 64 ", "") == "T0.state:5: the zone lacks 'spanned'");
  CHECK(fault_with("start_pfn 0x0 ", "") == "T0.state:5: the zone lacks 'start_pfn'");
  CHECK(fault_with("lowmem_reserve 0,948,948 ", "") ==
        "T0.state:5: the zone lacks 'lowmem_reserve'");
  CHECK(fault_with("0,948,948", "0,,948") == "T0.state:5: no number behind 'lowmem_reserve'");
  CHECK(fault_with("spanned 64", "spans 64") == "T0.state:5: a zone has no 'spans'");
  CHECK(fault_with("zone 0 DMA", "zone 4 DMA") == "T0.state:5: zone 4 is above 3");
  CHECK(fault_with("zone 3 Movable", "zone 0 DMA") ==
        "T0.state:14: zones must stand in the order of their numbers");
  CHECK(fault_with(
            "pcp 0 cpu 0 va 0xffff88803ec37640 count 0 high 18 batch 1 free_factor 0 expire 0\n",
            "") == "T0.state:5: zone DMA has 0 per-CPU sets for 1 CPUs");
  CHECK(fault_with("count 9", "count 8") ==
        "T0.state:21: zone Movable cpu 0 has 8 pages, but 9 are listed");
}

TEST_CASE("parse_exact_state refuses lists that do not agree with counts", "[exact_state]") {
  CHECK(fault_with("area 0 1", "area 3 1") == "T0.state:8: zone 3 is not the zone above");
  CHECK(fault_with("area 0 1", "area 0 2") == "T0.state:8: order 2 is not the next one");
  CHECK(fault_with("nr_free 2\n", "free 2\n") == "T0.state:6: expected 'nr_free'");
  CHECK(fault_with("nr_free 2\n", "nr_free 3\n") ==
        "T0.state:12: order 0 has 3 free chunks, but 2 are listed");
  CHECK(fault_with("list 0 0 1 2 a 3f", "list 0 0 1 2 a") ==
        "T0.state:7: 1 pfns are listed, not 2");
  CHECK(fault_with("list 0 0 1 2 a 3f", "list 0 0 1 2 a 0x3f") ==
        "T0.state:7: '0x3f' is no number for 'pfn'");
  CHECK(fault_with("list 0 0 1 2 a 3f", "list 0 0 1 2 a 40") ==
        "T0.state:7: 0x40 is not in zone DMA");
  CHECK(fault_with("list 0 3 2 1 18", "list 0 3 2 1 19") ==
        "T0.state:11: 0x19 is no chunk's start");
  CHECK(fault_with("list 0 3 2 1 18", "list 0 2 2 1 18") ==
        "T0.state:11: the list does not stand below the area of its order");
  CHECK(fault_with("list 0 3 2 1 18\n", "list 0 3 2 1 18\nlist 0 3 2 1 20\n") ==
        "T0.state:12: the list stands here twice");
  CHECK(fault_with("list 0 3 2 1", "list 0 3 10 1") == "T0.state:11: type 10 is above 9");
  CHECK(fault_with("listed_free 0 10\n", "") == "T0.state:12: no 'listed_free' above");
  CHECK(fault_with("listed_free 0 10\n", "listed_free 0 10\nlist 0 3 1 0\n") ==
        "T0.state:13: 'listed_free' stands above");
  CHECK(fault_with("listed_free 0 10\n", "listed_free 0 10\narea 0 4 nr_free 0\n") ==
        "T0.state:13: 'listed_free' stands above");
  CHECK(fault_with("listed_free 0 10", "listed_free 0 11") ==
        "T0.state:12: 10 free pages are listed, not 11");
  CHECK(fault_with("nr_free_pages 10", "nr_free_pages 9") ==
        "T0.state:12: 10 free pages are listed, but the zone has 9 and none isolated");
}

TEST_CASE("parse_exact_state refuses per-CPU lists that are out of place", "[exact_state]") {
  CHECK(fault_with("pcp 3 cpu 0", "pcp 3 cpu 1") == "T0.state:21: cpu 1 is above 0");
  CHECK(fault_with("pcplist 3 cpu 0 index 0", "pcplist 0 cpu 0 index 0") ==
        "T0.state:22: zone 0 is not the zone above");
  CHECK(fault_with("index 13", "index 0") ==
        "T0.state:23: per-CPU lists must stand in the order of their indexes");
  CHECK(fault_with("index 13", "index 64") == "T0.state:23: index 64 is above 63");
  CHECK(fault_with("51/3", "51") == "T0.state:22: no number behind 'the page's type'");
  CHECK(fault_with("51/3", "51/") == "T0.state:22: no number behind 'the page's type'");
  CHECK(fault_with("51/3", "51/a") == "T0.state:22: 'a' is no number for 'the page's type'");
  CHECK(fault_with("51/3", "51/10") == "T0.state:22: '51/10' has no such type");
  CHECK(fault_with("54/1", "53/1") == "T0.state:23: 0x53 is no chunk's start");
  CHECK(fault_with("mt movable 2", "mt movable 3") == "T0.state:23: 2 pfns are listed, not 3");
  CHECK(fault_with("pcp 3 cpu 0 va 0xffff88803ec37780 count 9 high 1217 batch 63 free_factor 2 "
                   "expire 3\n",
                   "") == "T0.state:21: cpu 0 is not that of the per-CPU set above");
}

TEST_CASE("parse_exact_state refuses sections without a type for each block", "[exact_state]") {
  CHECK(fault_with("blocks 11 skip", "blocks 1x skip") ==
        "T0.state:25: expected a digit from 0 to 9 for each block");
  CHECK(fault_with("skip 10", "skip 12") ==
        "T0.state:25: expected a digit from 0 to 1 for each block");
  CHECK(fault_with("skip 10", "skip") ==
        "T0.state:25: expected a digit from 0 to 1 for each block");
  CHECK(fault_with("skip 10", "skip 1") == "T0.state:25: 2 blocks have a type, but 1 a skip bit");
  CHECK(fault_with("section 2 start_pfn 0x80", "section 2 start_pfn 0x0") ==
        "T0.state:25: sections must stand in the order of their pfns");
}

TEST_CASE("parse_exact_state reads the limits that move of v6.12", "[exact_state]") {
  std::string later = state;
  const auto change = [&later](std::string_view from, std::string_view to) {
    for (std::size_t at = later.find(from); at != std::string::npos;
         at = later.find(from, at + to.size()))
      later.replace(at, from.size(), to);
  };
  change("pageset_high 18 ", "pageset_high_min 18 pageset_high_max 480 ");
  change("pageset_high 1217 ", "pageset_high_min 1217 pageset_high_max 31744 ");
  change("unevictable 5\n",
         "unevictable 5 vm_stat_free 2 vm_stat_free_cma 0 nr_free_highatomic 7 wmark_promo 4\n"
         "zstat 3 cpu 0 threshold 6 free -3 free_cma 0\n");
  change("free_factor 0 ", "high_min 18 high_max 480 flags 0x2 alloc_factor 0 free_count 32 ");
  change("free_factor 2 ", "high_min 1217 high_max 31744 flags 0x1 alloc_factor 4 free_count 50 ");
  const InputFile file{"T0.state", later};
  const ExactState read = parse_exact_state(file);
  REQUIRE(read.zones.size() == 2);
  const ExactZone& zone = read.zones[1];
  CHECK(zone.tunes_lists);
  CHECK(zone.pageset_high == 1217);
  CHECK(zone.pageset_high_max == 31744);
  CHECK(zone.nr_free_highatomic == 7);
  REQUIRE(zone.pcps.size() == 1);
  const ExactPcp& pcp = zone.pcps[0];
  CHECK(pcp.high_min == 1217);
  CHECK(pcp.high_max == 31744);
  CHECK(pcp.flags == ExactPcp::flag_prev_free_high_order);
  CHECK(pcp.alloc_factor == 4);
  CHECK(pcp.free_count == 50);

  change("pageset_high_max 31744 ", "");
  CHECK(fault_of(later) == "T0.state:14: the zone lacks 'pageset_high_max'");
}

}  // namespace pageblock::test::exact_state_reader_cases
