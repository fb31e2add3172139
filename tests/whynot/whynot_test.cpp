// SPDX-License-Identifier: MIT
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pageblock/io/text/gfp_flags.hpp"

#include "common/json.hpp"
#include "support/catch.hpp"
#include "support/json_schema.hpp"
#include "whynot/answer.hpp"
#include "whynot/findings.hpp"
#include "whynot/report.hpp"

namespace pageblock::test::whynot_cases {
namespace {

using example::Json;

std::string read(const std::filesystem::path& path) {
  std::ifstream stream{path, std::ios::binary};
  REQUIRE(stream);
  return {std::istreambuf_iterator<char>{stream}, {}};
}

const std::filesystem::path project{PROJECT_FOLDER};

const JsonSchema& schema() {
  static const JsonSchema schema{Json::parse(read(project / "examples/schemas/whynot.json"))};
  return schema;
}

struct Told {
  Json json;
  std::string text;
};

// What whynot says of some texts; its JSON always fits the schema.
Told ask(const std::vector<std::string>& texts, std::optional<unsigned> order = {},
         std::string_view gfp = {}) {
  example::Findings findings;
  for (const std::string& text : texts) example::search({"text", text}, findings);
  example::Question question;
  question.findings = &findings;
  if (order) question.order = Order{*order};
  if (!gfp.empty()) question.gfp = read_gfp_flags(gfp);
  Told told{Json::parse(as_json(findings, question)), as_text(findings, question, false)};
  const auto faults = schema().faults_of(told.json);
  CHECK(fmt::format("{}", fmt::join(faults, "\n")) == "");
  return told;
}
Told ask_case(std::string_view name, std::string_view file = "dmesg.txt",
              std::optional<unsigned> order = {}) {
  return ask({read(project / "tests/data/field" / name / file)}, order);
}

// "DMA32 no_chunk 39764 11654 7" for each zone.
std::string zones_of(const Json& report) {
  std::string text;
  for (const Json& zone : report["zones"]) {
    text += fmt::format("{}{} {} {} {} {}", text.empty() ? "" : ", ",
                        zone["zone"].get<std::string>(), zone["answer"].get<std::string>(),
                        zone["free"].dump(), zone["demanded"].dump(), zone["largest_order"].dump());
  }
  return text;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("whynot tells fragmentation from reserves in a failed allocation", "[whynot]") {
  const Told told = ask_case("15_alloc_failure_order9");
  REQUIRE(told.json["reports"].size() == 1);
  const Json& report = told.json["reports"][0];
  CHECK(report["kind"] == "allocation_failure");
  CHECK(report["order"] == 9);
  CHECK(report["time"] == "49.215291");
  CHECK(report["highest_zone"] == "Normal");
  CHECK(report["rules"] == "v6.1");
  CHECK(report["cause"] == "fragmentation");
  CHECK(report["largest_order_served"] == 7);
  CHECK(zones_of(report) ==
        "Normal no_memory 0 0 null, DMA32 no_chunk 39764 11654 7, DMA below_watermark 1624 2015 9");
  CHECK(has(told.text,
            "Counters and lists were read one after the other: DMA32 159056 kB and 159716 kB, "
            "DMA 6496 kB and 6508 kB."));
  CHECK(told.json["files"][0]["passed_over"] == 0);
}

TEST_CASE("whynot reads a report that was torn to pieces", "[whynot]") {
  const Told told = ask_case("15c_alloc_failure_torn_lines");
  REQUIRE(told.json["reports"].size() == 1);
  const Json& report = told.json["reports"][0];
  CHECK(report["order"] == 0);
  CHECK(report["gfp"] == "GFP_ATOMIC");
  CHECK(report["cause"] == "reserves");
  CHECK(zones_of(report) ==
        "Normal below_watermark 6037 6154 4, DMA32 below_watermark 62607 62627 10, "
        "DMA below_watermark 3976 64290 10");
  CHECK(has(told.text, "20 short"));
}

TEST_CASE("whynot says whether a CMA area is full, split or blocked", "[whynot]") {
  const Told told = ask_case("16_cma_bitmap");
  REQUIRE(told.json["reports"].size() == 2);
  const Json& blocked = told.json["reports"][0];
  CHECK(blocked["kind"] == "cma_failure");
  CHECK(blocked["cause"] == "blocked");
  CHECK(blocked["places"] == 6237);
  CHECK(blocked["stuck_pages"] == 4);
  CHECK(blocked["busy_pfns"] == Json::array({0x3c2800}));
  const Json& split = told.json["reports"][1];
  CHECK(split["cause"] == "split");
  CHECK(split["free"] == 357);
  CHECK(split["largest_run"] == 166);
  CHECK(split["fits"] == Json{{"pages", 128}, {"places_unaligned", 39}, {"places", 1}});
  const auto cause = [](const std::string& text) {
    return ask({text}).json["reports"][0]["cause"].get<std::string>();
  };
  CHECK(cause("cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -12\n"
              "cma: number of available pages: 4@5=> 4 free of 64 total pages\n") == "full");
  CHECK(cause("cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -12\n") == "no_place");
  CHECK(cause("cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -16\n") == "blocked");
  CHECK(cause("cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -4\n") == "interrupted");
}

TEST_CASE("whynot says which page stands in the way, and for how long", "[whynot]") {
  const Told told = ask_case("17_unmovable_page_log");
  REQUIRE(told.json["reports"].size() == 3);
  const Json& printed = told.json["reports"][0];
  CHECK(printed["kind"] == "unmovable_page");
  CHECK(printed["pfn"] == 0x13ff00);
  CHECK(printed["pfn_is_derived"] == false);
  CHECK(printed["memory_block"] == "memory39");
  CHECK(printed["page"] == "reserved");
  CHECK(printed["permanent"] == true);
  CHECK(printed["time"] == "57.439849");
  const Json& derived = told.json["reports"][1];
  CHECK(derived["pfn"] == 0x48000);
  CHECK(derived["pfn_is_derived"] == true);
  CHECK(derived["confirmed_by_range"] == true);
  CHECK(told.json["reports"][2]["kind"] == "offline_failure");
  const auto stays = [](std::string_view flags, std::string_view type, std::string_view reason) {
    const Json report =
        ask({fmt::format("page:0 refcount:1 mapcount:0 pfn:0x12345\nflags: 0x1({})\npage_type: {}\n"
                         "page dumped because: {}\n",
                         flags, type, reason)})
            .json["reports"][0];
    CHECK(report["kind"] ==
          (reason == "migration failure" ? "migration_failure" : "unmovable_page"));
    return report["stays"].get<std::string>();
  };
  CHECK(stays("slab", "0x0()", "unmovable page") == "while_in_use");
  CHECK(stays("uptodate|lru|swapbacked", "0x0()", "migration failure") == "for_a_moment");
  CHECK(stays("uptodate|swapbacked", "0x0()", "unmovable page") == "for_a_moment");
  CHECK(stays("node=0", "0xfffffeff(offline)", "unmovable page") == "until_given_back");
  CHECK(stays("reserved|hwpoison", "0x0()", "unmovable page") == "until_reboot");
}

TEST_CASE("whynot computes how fragmented buddyinfo alone is", "[whynot]") {
  const Told told = ask_case("19_buddyinfo_alone", "buddyinfo", 2);
  REQUIRE(told.json["reports"].size() == 1);
  const Json& report = told.json["reports"][0];
  CHECK(report["kind"] == "buddyinfo");
  const auto free = [&](std::size_t zone) { return report["zones"][zone]["free"].get<int>(); };
  CHECK(free(0) == 3972);
  CHECK(free(1) == 51623);
  CHECK(free(2) == 152140);
  const auto unusable = [&](std::size_t zone, std::size_t order) {
    return report["zones"][zone]["orders"][order]["unusable"].get<double>();
  };
  CHECK(unusable(2, 1) == 0.512);
  CHECK(unusable(2, 2) == 0.995);
  CHECK(unusable(2, 4) == 1.000);
  CHECK(unusable(1, 2) == 0.152);
  CHECK(unusable(1, 3) == 0.870);
  CHECK(unusable(1, 4) == 0.981);
  CHECK(unusable(1, 9) == 1.000);
  CHECK(report["zones"][2]["orders"][1]["unusable_index"] == 511);
  CHECK(report["zones"][2]["answer"] == "served");
  CHECK(ask_case("19_buddyinfo_alone", "buddyinfo", 9).json["reports"][0]["zones"][2]["answer"] ==
        "no_chunk");
  CHECK(told.json["files"][0]["passed_over"] == 0);
}

TEST_CASE("whynot passes over prompts, and names their lines", "[whynot]") {
  const Told told = ask_case("24_pasted_with_prompt", "buddyinfo");
  REQUIRE(told.json["reports"].size() == 1);
  CHECK(told.json["reports"][0]["zones"][2]["free"] == 4251573);
  CHECK(told.json["files"][0]["first_passed_over"].front() == 1);
  CHECK(told.json["files"][0]["first_passed_over"].back() == 6);
  // A row that begins as one, but is wrong further on, is an error with its line.
  const Json wrong = ask({"$ cat\n\nNode 0, zone   Normal   1x    2\n"}).json;
  CHECK(wrong["reports"].empty());
  REQUIRE(wrong["errors"].size() == 1);
  CHECK(wrong["errors"][0] == "text:3: '1x' is no number for 'free chunks'");
}

TEST_CASE("whynot answers by all tables together, as zoneinfo, buddyinfo and pagetypeinfo",
          "[whynot]") {
  std::vector<std::string> texts;
  for (const std::string_view name : {"version", "buddyinfo", "zoneinfo", "pagetypeinfo"}) {
    texts.push_back(read(project / "tests/data/field/03_free_exceeds_present_3.2" / name));
  }
  const Told told = ask(texts, 3);
  REQUIRE(told.json["reports"].size() == 3);
  for (const Json& report : told.json["reports"]) {
    CAPTURE(report["kind"]);
    CHECK(report["rules"] == "v3.6");
    CHECK(report["knows_watermarks"] == true);
    REQUIRE(report["zones"].size() == 3);
    CHECK(report["zones"][0]["answer"] == "below_watermark");  // kept from requests for Normal
    CHECK(report["zones"][0]["demanded"] == 32 + 7994 + 7);
    CHECK(report["zones"][2]["answer"] == "served");
  }
  CHECK(told.json["reports"][1]["kind"] == "zoneinfo");
  CHECK(told.json["reports"][1]["zones"][0]["free"] == 3960);
  CHECK(told.json["reports"][1]["zones"][0]["present"] == 3900);
  CHECK(told.json["reports"][2]["pageblock_order"] == 9);
  CHECK(told.json["reports"][2]["zones"][0]["types"]["Reserve"]["blocks"] == 1);
  // For DMA's own requests nothing is kept.
  CHECK(ask(texts, 3, "GFP_DMA").json["reports"][0]["zones"][0]["answer"] == "served");
  // zoneinfo alone does not show in what chunks.
  CHECK(ask({texts[2]}, 3).json["reports"][0]["zones"][2]["answer"].is_null());
  CHECK(ask({texts[2]}, 0).json["reports"][0]["zones"][2]["answer"] == "served");
}

TEST_CASE("whynot shows the trend of a series with dates", "[whynot]") {
  const Told told =
      ask({"Sat Nov 28 08:00:00 UTC 2026\n"
           "Node 0, zone   Normal   1000    500    200    100     50     20     10      5\n"
           "Sat Nov 28 09:00:00 UTC 2026\n"
           "Node 0, zone   Normal   9000   1500    200    100     5     2      1      0\n"},
          4);
  REQUIRE(told.json["reports"].size() == 1);
  const Json& report = told.json["reports"][0];
  CHECK(report["tables"] == 2);
  REQUIRE(report["trend"].size() == 1);
  CHECK(report["trend"][0]["unusable"] == "rising");
  CHECK(report["trend"][0]["points"][1]["time"] == "Sat Nov 28 09:00:00 UTC 2026");
  CHECK(report["trend"][0]["points"][1]["free"] == 13808);
  CHECK(told.json["files"][0]["passed_over"] == 0);
}

TEST_CASE("whynot says who sits in CMA and movable blocks", "[whynot]") {
  const Told told =
      ask({"Page allocated via order 2, mask 0xcc0(GFP_KERNEL), pid 7, tgid 7 (modprobe), ts 1 ns\n"
           "PFN 4608 type Unmovable Block 9 type CMA Flags 0x0()\n prep_new_page+0xb4/0xe0\n"
           " driver_alloc+0x10/0x20\n\n"
           "Page allocated via order 0, mask 0xcca(GFP_HIGHUSER_MOVABLE)\n"
           "PFN 512 type Movable Block 1 type Movable Flags 0x0()\n shmem_alloc+0x10/0x20\n"});
  REQUIRE(told.json["reports"].size() == 1);
  const Json& report = told.json["reports"][0];
  CHECK(report["kind"] == "page_owner");
  CHECK(report["pages"] == 5);
  REQUIRE(report["blocks"].size() == 2);
  CHECK(report["blocks"][0]["type"] == "CMA");
  CHECK(report["blocks"][0]["other_pages"] == 4);
  CHECK(report["blocks"][0]["stacks"][0]["stack"][1] == "driver_alloc");
  CHECK(report["blocks"][1]["movable_pages"] == 1);
  CHECK(report["blocks"][1]["stacks"].empty());
  CHECK(has(told.text, "driver_alloc (modprobe)"));
}

TEST_CASE("whynot counts equal reports and keeps others apart", "[whynot]") {
  std::string report = read(project / "tests/data/field/15_alloc_failure_order9/dmesg.txt");
  std::string text = report;
  for (int i = 0; i < 9; ++i) {
    text += "[   60.0] usb 1-1: new device\n";
    std::string later = report;
    for (std::size_t at = 0; (at = later.find("[   49.", at)) != later.npos;)
      later.replace(at, 7, "[   8" + std::to_string(i) + ".");
    text += later;
  }
  text += "[   99.0] alloc_contig_range: [10a00, 10b00) PFNs busy\n";
  const Told told = ask({text});
  REQUIRE(told.json["reports"].size() == 2);
  CHECK(told.json["reports"][0]["count"] == 10);
  CHECK(told.json["reports"][0]["last_time"] == "88.215291");
  CHECK(told.json["reports"][1]["kind"] == "pfns_busy");
  CHECK(has(told.text, "10 times"));
  CHECK(told.json["files"][0]["passed_over"] == 9);
}

TEST_CASE("whynot judges by the flags' number where there is no name", "[whynot]") {
  const auto gfp = [](std::string_view version, std::string_view number) {
    return ask({fmt::format("a: page allocation failure: order:0, mode:{}\n"
                            "CPU: 0 PID: 1 Comm: a Not tainted {} #1\n"
                            "Node 0 Normal free:400kB min:40kB low:50kB high:60kB present:4000kB\n",
                            number, version)})
        .json["reports"][0]["gfp"]
        .get<std::string>();
  };
  CHECK(gfp("2.6.32-754.el6.x86_64", "0x20") == "GFP_ATOMIC");
  CHECK(gfp("3.10.0-1160.el7.x86_64", "0x200da") == "GFP_HIGHUSER_MOVABLE");
  CHECK(gfp("4.4.0-210-generic", "0x24000c0") == "GFP_KERNEL");
  CHECK(gfp("5.14.0-70.el9.x86_64", "0xa20") == "GFP_ATOMIC");
  CHECK(gfp("7.0.1", "0x820") == "GFP_ATOMIC");
}

TEST_CASE("whynot finds nothing in a text without any of it", "[whynot]") {
  const Told told = ask({"hello\n\nworld\n"});
  CHECK(told.json["reports"].empty());
  CHECK(told.text.empty());
  CHECK(told.json["files"][0]["passed_over"] == 3);
}

// The same cases where a folder of them lies beside the project: none is an error, each has an answer.
TEST_CASE("whynot answers every text of the field cases", "[whynot]") {
  for (const auto& folder : {project / "tests/data/field", project / "../shared/field"}) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
      const std::string name = entry.path().filename().string();
      if (name != "dmesg.txt" && name != "buddyinfo" && name != "pagetypeinfo" &&
          name != "zoneinfo")
        continue;
      CAPTURE(entry.path().string());
      const Told told = ask({read(entry.path())});
      CHECK(!told.json["reports"].empty());
      CHECK(told.json["errors"].empty());
    }
  }
}

}  // namespace pageblock::test::whynot_cases
