// SPDX-License-Identifier: MIT
#include "pageblock/io/recording/page_runs.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/fault.hpp"

namespace pageblock::test::page_runs_cases {

namespace {

const std::string header =
    "# pfn run flags refcount mapcount type order zone mapping   (see README)\n";

std::string fault_of(const std::string& lines) {
  return test::fault_in([&] {
    const InputFile file{"T0.pages", header + lines};
    return parse_page_runs(file);
  });
}

}  // namespace

TEST_CASE("parse_page_runs reads runs of equal descriptors", "[page_runs]") {
  const InputFile file{"T0.pages", header +
                                       "0 256 1000 1 -1 - - 0 -\n"
                                       "120 1 0 0 ffffff7f buddy 5 0 -\n"
                                       "4000 1 80014 2 1 - - 1 A\n"
                                       "4001 1 0 -1 fffffdff table - 1 M\n"
                                       "8000 3 1000 1 -1 - - 5 T\n"
                                       "9000 512 ffffff 1 -1 - - 3 -\n"};
  const PageRuns pages = parse_page_runs(file);
  REQUIRE(pages.runs().size() == 6);
  const PageRun& reserved = pages.runs()[0];
  CHECK(reserved.range == PfnRange{Pfn{0}, Pfn{256}});
  CHECK(reserved.flags == page_flag::reserved);
  CHECK(reserved.refcount == 1);
  CHECK(reserved.mapcount == -1);
  CHECK(reserved.type == PageType::none);
  CHECK_FALSE(reserved.order.has_value());
  CHECK(reserved.zone() == ZoneType::dma);
  CHECK(reserved.mapping == PageMapping::none);
  CHECK(pages.runs()[1].type == PageType::buddy);
  CHECK(pages.runs()[1].order == Order{5});
  CHECK(pages.runs()[2].flags == (page_flag::swap_backed | page_flag::lru | page_flag::uptodate));
  CHECK(pages.runs()[2].mapcount == 1);
  CHECK(pages.runs()[2].mapping == PageMapping::anonymous);
  CHECK(pages.runs()[3].type == PageType::table);
  CHECK(pages.runs()[3].refcount == -1);
  CHECK_FALSE(pages.runs()[4].zone().has_value());
  CHECK(pages.runs()[4].is_initialised());
  CHECK_FALSE(pages.runs()[5].is_initialised());
}

TEST_CASE("PageRuns finds the run of a page", "[page_runs]") {
  const InputFile file{"T0.pages", header +
                                       "10 16 0 0 -1 - - 0 -\n"
                                       "20 1 0 1 -1 - - 0 -\n"
                                       "30 2 0 2 -1 - - 0 -\n"};
  const PageRuns pages = parse_page_runs(file);
  const auto refcount = [&](std::uint64_t pfn) {
    const PageRun* run = pages.find(Pfn{pfn});
    return run == nullptr ? -1 : run->refcount;
  };
  CHECK(refcount(0xf) == -1);
  CHECK(refcount(0x10) == 0);
  CHECK(refcount(0x1f) == 0);
  CHECK(refcount(0x20) == 1);
  CHECK(refcount(0x21) == -1);
  CHECK(refcount(0x31) == 2);
  CHECK(refcount(0x32) == -1);
}

TEST_CASE("parse_page_runs gives v6.12's flags the numbers of v6.1", "[page_runs]") {
  const InputFile file{"T0.pages", header +
                                       "10 1 2000 1 -1 - - 0 -\n"
                                       "11 1 20028 1 -1 - - 0 -\n"
                                       "12 2 40 1 f5000000 slab 1 0 -\n"
                                       "20 1 ffffff 0 -1 - - 0 -\n"};
  const PageRuns pages = parse_page_runs(file, PageFlagNumbers::v6_12);
  REQUIRE(pages.runs().size() == 4);
  CHECK(pages.runs()[0].flags == page_flag::reserved);
  CHECK(pages.runs()[1].flags == (page_flag::swap_backed | page_flag::lru | page_flag::uptodate));
  CHECK(pages.runs()[2].flags == page_flag::head);
  CHECK(pages.runs()[2].type == PageType::slab);
  CHECK(!pages.runs()[3].is_initialised());
}

TEST_CASE("parse_page_runs knows v7.2's flags, and what drivers let move", "[page_runs]") {
  const InputFile file{"T0.pages", header +
                                       "10 1 180000 1 -1 - - 0 -\n"  // dropbehind, mlocked
                                       "11 1 8 1 f1000000 offline - 0 -\n"
                                       "12 1 0 1 f1000000 offline - 0 -\n"
                                       "13 1 8 1 -1 - - 0 -\n"};
  const PageRuns pages = parse_page_runs(file, PageFlagNumbers::v7_2);
  REQUIRE(pages.runs().size() == 4);
  CHECK(pages.runs()[0].flags == page_flag::mlocked);
  CHECK(pages.runs()[1].mapping == PageMapping::movable);
  CHECK(pages.runs()[2].mapping == PageMapping::none);
  CHECK(pages.runs()[3].mapping == PageMapping::none);
}

TEST_CASE("parse_page_runs names the line of what is wrong", "[page_runs]") {
  CHECK(test::fault_in([] {
          return parse_page_runs({"T0.pages", "0 1 0 0 -1 - - 0 -\n"});
        }) == "T0.pages:1: expected '# pfn run flags refcount mapcount type order zone mapping'");
  CHECK(fault_of("x 1 0 0 -1 - - 0 -\n") == "T0.pages:2: 'x' is no number for 'pfn'");
  CHECK(fault_of("0 0 0 0 -1 - - 0 -\n") ==
        "T0.pages:2: the run has no pages, or more than there can be");
  CHECK(fault_of("ffffffffffffffff 1 0 0 -1 - - 0 -\n") ==
        "T0.pages:2: the run has no pages, or more than there can be");
  CHECK(fault_of("0 1 1000000 0 -1 - - 0 -\n") == "T0.pages:2: 16777216 is above 16777215");
  CHECK(fault_of("0 1 0 - -1 - - 0 -\n") == "T0.pages:2: no number behind 'refcount'");
  CHECK(fault_of("0 1 0 0 ffffff7f - - 0 -\n") ==
        "T0.pages:2: 'ffffff7f' is no number for 'mapcount'");
  CHECK(fault_of("0 1 0 0 2147483648 - - 0 -\n") == "T0.pages:2: 2147483648 is above 2147483647");
  CHECK(fault_of("0 1 0 0 -1 buddy 0 0 -\n") ==
        "T0.pages:2: '-1' is no number for 'mapcount' of a page with a type");
  CHECK(fault_of("0 1 0 0 -1 friend - 0 -\n") == "T0.pages:2: 'friend' is no type");
  CHECK(fault_of("0 1 0 0 -1 - 64 0 -\n") == "T0.pages:2: 64 is above 63");
  CHECK(fault_of("0 1 0 0 -1 - - - -\n") == "T0.pages:2: '-' is no number for 'zone'");
  CHECK(fault_of("0 1 0 0 -1 - - 0 X\n") == "T0.pages:2: 'X' is no mapping");
  CHECK(fault_of("0 1 0 0 -1 - - 0\n") == "T0.pages:2: '' is no mapping");
  CHECK(fault_of("0 1 0 0 -1 - - 0 - x\n") == "T0.pages:2: expected the end of the line");
  CHECK(fault_of("0 2 0 0 -1 - - 0 -\n1 1 0 0 -1 - - 0 -\n") ==
        "T0.pages:3: the run begins before the last one ends");
}

}  // namespace pageblock::test::page_runs_cases
