// SPDX-License-Identifier: MIT
#include "pageblock/io/log/cma_log.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace pageblock::test::cma_log_cases {
namespace {

std::vector<CmaReport> read(std::string text) {
  const InputFile file{"dmesg", std::move(text)};
  CmaReportReader reader{file};
  LogReader lines{file};
  while (lines.next_line()) static_cast<void>(reader.take(lines.line()));
  return reader.finish();
}

}  // namespace

TEST_CASE("CmaReportReader reads a failure with the places tried and the map", "[cma_log]") {
  const auto reports = read(
      "[ 2333.037004] cma: cma_alloc(): memory range at ffffea000f0a0000 is busy, retrying\n"
      "[ 2333.037005] cma: cma_alloc: alloc failed, req-size: 500000 pages, ret: -16\n"
      "[ 2333.037006] cma: number of available pages: 6@122+9@151+9@183+2096848@304=> 2096872 free "
      "of 2097152 total pages\n");
  REQUIRE(reports.size() == 1);
  const CmaReport& report = reports.front();
  CHECK(report.failure.nr_pages == 500000);
  CHECK(report.failure.error == 16);
  CHECK(report.failure.area.empty());
  CHECK(report.stamp == "2333.037005");
  REQUIRE(report.busy.size() == 1);
  CHECK(report.busy.front().pfn == Pfn{0x3c2800});
  CHECK(!report.busy.front().is_pfn_printed);
  REQUIRE(report.map);
  CHECK(report.map->runs == std::vector<CmaRun>{{122, 6}, {151, 9}, {183, 9}, {304, 2096848}});
  CHECK(report.map->free == 2096872);
  CHECK(report.map->total == 2097152);
}

TEST_CASE("CmaReportReader knows the area since v5.14, hidden pointers and printed pfns",
          "[cma_log]") {
  const auto reports = read(
      "cma: cma_alloc(): memory range at pfn 0x10a00 0000000076a3e320 is busy, retrying\n"
      "cma: cma_alloc(): memory range at 0000000076a3e320 is busy, retrying\n"
      "cma: cma_alloc: linux,cma: alloc failed, req-size: 1 pages, ret: -4\n"
      "cma: cma_alloc: alloc failed, req-size: 2 pages, ret: -12\n");
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].failure.area == "linux,cma");
  CHECK(reports[0].failure.error == 4);
  REQUIRE(reports[0].busy.size() == 2);
  CHECK(reports[0].busy[0].pfn == Pfn{0x10a00});
  CHECK(reports[0].busy[0].is_pfn_printed);
  CHECK(!reports[0].busy[1].pfn);
  CHECK(reports[1].busy.empty());
  CHECK(!reports[1].map);
}

TEST_CASE("CmaReportReader joins a map that was broken, and keeps ranges apart", "[cma_log]") {
  const auto broken = read(
      "cma: cma_alloc: alloc failed, req-size: 256 pages, ret: -12\n"
      "cma: number of available pages: 4@572+7@585+\n7@601+8@632=>\n26 free of 2048 total pages\n");
  REQUIRE(broken.size() == 1);
  REQUIRE(broken[0].map);
  CHECK(broken[0].map->runs.size() == 4);
  CHECK(broken[0].map->free == 26);
  const auto ranges = read(
      "cma: cma_alloc: a: alloc failed, req-size: 256 pages, ret: -12\n"
      "cma: number of available pages: \ncma: range 0: 4@572\ncma: range 1: +4@10\n"
      "=> 8 free of 2048 total pages\n");
  REQUIRE(ranges[0].map);
  CHECK(ranges[0].map->runs.size() == 2);
  CHECK(ranges[0].map->total == 2048);
}

TEST_CASE("CmaReportReader takes positions as bits that stand for several pages", "[cma_log]") {
  const auto reports = read(
      "cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -12\n"
      "cma: number of available pages: 8@2+4@8=> 12 free of 64 total pages\n");
  REQUIRE(reports[0].map);
  CHECK(reports[0].map->runs == std::vector<CmaRun>{{4, 8}, {16, 4}});
}

TEST_CASE("CmaReportReader refuses a map that no kernel prints", "[cma_log]") {
  const auto why = [](std::string map) {
    try {
      read(
          "cma: cma_alloc: alloc failed, req-size: 9 pages, ret: -12\ncma: number of available "
          "pages: " +
          map + "=> 1 free of 2 total pages\n");
    } catch (const ParseError& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  CHECK(why("8@20+4@8") == "dmesg:2: the run at 8 stands behind that at 20");
  CHECK(why("9999999999999@8") == "dmesg:2: a run of more pages than any machine has");
}

TEST_CASE("parse_pfns_busy knows the words of all kernels", "[cma_log]") {
  const PfnRange range{Pfn{0x3c2800}, Pfn{0x3c2900}};
  const auto is = [&](std::string_view text) {
    const auto found = parse_pfns_busy(text);
    return found && found->start == range.start && found->end == range.end;
  };
  CHECK(is("alloc_contig_range: [3c2800, 3c2900) PFNs busy"));
  CHECK(is("alloc_contig_range test_pages_isolated(3c2800, 3c2900) failed"));
  CHECK(!parse_pfns_busy("alloc_contig_range: [3c2900, 3c2800) PFNs busy"));
  CHECK(!parse_pfns_busy("test_pages_isolated: start_pfn=0x1 end_pfn=0x2 ret=fail"));
}

}  // namespace pageblock::test::cma_log_cases
