// SPDX-License-Identifier: MIT
#include "pageblock/io/log/cma_log_writer.hpp"

#include <string>
#include <utility>
#include <vector>

#include "pageblock/io/log/cma_log.hpp"

#include "support/catch.hpp"

namespace pageblock::test::cma_log_writer_cases {

namespace {

CmaArea area_of(std::vector<PfnRange> ranges, unsigned order_per_bit, const CmaRules& rules) {
  return CmaArea{"camera", std::move(ranges), Order{order_per_bit}, rules};
}

}  // namespace

TEST_CASE("cma_reserved_line is what each kernel says at boot", "[cma_log_writer]") {
  const auto area = area_of({{Pfn{0x7c000}, Pfn{0x80000}}}, 0, kernel::cma_v6_1);
  CHECK(cma_reserved_line(area, kernel::v3_6) == "CMA: reserved 64 MiB at 7c000000\n");
  CHECK(cma_reserved_line(area, kernel::v6_1) == "cma: Reserved 64 MiB at 0x000000007c000000\n");
  CHECK(cma_reserved_line(area, kernel::v6_12) ==
        "cma: Reserved 64 MiB at 0x000000007c000000 on node -1\n");
}

TEST_CASE("contig_test_line is read as it was written", "[cma_log_writer]") {
  const PfnRange tested{Pfn{0x3c2800}, Pfn{0x3c2900}};
  const std::string line = contig_test_line(tested, kernel::v3_6);
  CHECK(line == "alloc_contig_range test_pages_isolated(3c2800, 3c2900) failed\n");
  CHECK(parse_pfns_busy(line) == tested);
  CHECK(contig_test_line(tested, kernel::v6_1).empty());
}

TEST_CASE("cma_not_activated_line names the area", "[cma_log_writer]") {
  const auto area = area_of({{Pfn{0x7c000}, Pfn{0x80000}}}, 0, kernel::cma_v6_1);
  CHECK(cma_not_activated_line(area, kernel::v3_6).empty());
  CHECK(cma_not_activated_line(area, kernel::v6_1) ==
        "cma: CMA area camera could not be activated\n");
}

TEST_CASE("cma_failure_lines are read as they were written", "[cma_log_writer]") {
  const auto read = [](std::string text) {
    const InputFile file{"dmesg", std::move(text)};
    CmaReportReader reader{file};
    LogReader lines{file};
    while (lines.next_line()) static_cast<void>(reader.take(lines.line()));
    return reader.finish();
  };
  auto area = area_of({{Pfn{0}, Pfn{4096}}}, 0, kernel::cma_v6_1);
  area.ranges()[0].bitmap.set(12, 400, true);
  area.ranges()[0].bitmap.set(4000, 96, true);
  CHECK(cma_failure_lines(area, kernel::v3_6, 500, -Err::nomem, true).empty());
  CHECK(cma_failure_lines(area, kernel::v6_1, 500, -Err::busy) ==
        "cma: cma_alloc: camera: alloc failed, req-size: 500 pages, ret: -16\n");
  const std::string text = cma_failure_lines(area, kernel::v6_12, 500, -Err::nomem);
  CHECK(text ==
        "cma: cma_alloc: camera: alloc failed, req-size: 500 pages, ret: -12\n"
        "cma: number of available pages: 12@0+3588@412=> 3600 free of 4096 total pages\n");
  CHECK(cma_failure_lines(area, kernel::v6_1, 500, -Err::nomem, true) == text);
  const auto reports = read(text);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].failure.area == "camera");
  CHECK(reports[0].failure.nr_pages == 500);
  CHECK(reports[0].failure.error == 12);
  REQUIRE(reports[0].map);
  CHECK(reports[0].map->free == 3600);
  CHECK(reports[0].map->total == 4096);
  CHECK(reports[0].map->runs == area.available_runs());

  // Counts are pages, positions bits.
  const auto coarse = area_of({{Pfn{0}, Pfn{4096}}}, 3, kernel::cma_v6_1);
  CHECK(cma_failure_lines(coarse, kernel::v6_12, 1, -Err::busy)
            .ends_with(": 4096@0=> 4096 free of 4096 total pages\n"));
  auto holes = area_of({{Pfn{0}, Pfn{4096}}}, 3, kernel::cma_v6_1);
  holes.ranges()[0].bitmap.set(1, 100, true);
  CHECK(cma_failure_lines(holes, kernel::v6_12, 1, -Err::busy).find(": 8@0+3288@101=>") !=
        std::string::npos);

  const auto two = area_of({{Pfn{0}, Pfn{512}}, {Pfn{1024}, Pfn{2048}}}, 0, kernel::cma_v7_2);
  const auto of_two = read(cma_failure_lines(two, kernel::v6_12, 2000, -Err::busy));
  REQUIRE(of_two.size() == 1);
  REQUIRE(of_two[0].map);
  CHECK(of_two[0].map->runs.size() == 2);
  CHECK(of_two[0].map->total == 1536);
}

}  // namespace pageblock::test::cma_log_writer_cases
