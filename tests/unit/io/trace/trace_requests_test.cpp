// SPDX-License-Identifier: MIT
/// What TraceDecoder knows of requests, frees and drains.
#include "pageblock/io/trace/trace_requests.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/trace_text.hpp"

namespace pageblock::test::trace_requests_cases {

TEST_CASE("TraceDecoder makes one operation of a refill and its request", "[trace_requests]") {
  // Another CPU's request comes in between, and takes effect later though it is written earlier.
  const Trace trace{refill + "1|" + alloc("0x90") + locked("0x7", "0", true) +
                    locked("0x5", "0", true) + refill_ret(2) + alloc("0x7")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 2);
  CHECK(operations[0].line == 2);
  CHECK(operations[0].cpu == Cpu{1});
  CHECK(as<recorded::Allocation>(operations[0]).refill.empty());

  CHECK(operations[1].line == 3);
  CHECK(operations[1].cpu == Cpu{0});
  const auto& request = as<recorded::Allocation>(operations[1]);
  CHECK(request.pfn == Pfn{7});
  CHECK(request.source == recorded::Source::any);
  CHECK(request.alloc_flags == 0x801);
  CHECK(request.gfp_flags == "GFP_KERNEL");
  CHECK(request.refill == std::vector{Pfn{7}, Pfn{5}});
}

TEST_CASE("TraceDecoder knows a refill without probes by its pages", "[trace_requests]") {
  const Trace trace{locked("0x7", "0", true) + locked("0x5", "0", true) + alloc("0x7") +
                    alloc("0x5") + locked("0x3", "0", true) + alloc("0x3")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).refill == std::vector{Pfn{7}, Pfn{5}});
  CHECK(as<recorded::Allocation>(operations[1]).refill.empty());
  CHECK(as<recorded::Allocation>(operations[2]).refill == std::vector{Pfn{3}});
}

TEST_CASE("TraceDecoder tells requests that pass the per-CPU lists by", "[trace_requests]") {
  const Trace trace{locked("0x10", "4", false) + alloc("0x10", "4") + locked("0x7", "0", false) +
                    alloc("0x7") +
                    "mm_page_alloc: page=(null) pfn=0x0 order=3 migratetype=1 "
                    "gfp_flags=GFP_ATOMIC\n" +
                    refill + refill_ret(0)};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::any);
  CHECK(as<recorded::Allocation>(operations[0]).order == Order{4});
  CHECK(as<recorded::Allocation>(operations[1]).source == recorded::Source::buddy);
  CHECK(as<recorded::FailedRequest>(operations[2]).order == Order{3});
  CHECK(!as<recorded::Allocation>(operations[3]).pfn);
  CHECK(as<recorded::Allocation>(operations[3]).zone == 0x10);
}

TEST_CASE("TraceDecoder tells pages of the bulk allocator from others", "[trace_requests]") {
  const std::string page = "bulk_page: (__alloc_pages_bulk+0x3/0x6) page=";
  const Trace trace{"bulk: (__alloc_pages_bulk+0x0/0x6) gfp=0x2dca nr=3 list=0x0 array=0x1\n" +
                    page + descriptor(9) + "\n" + refill + locked("0x7", "0", true) +
                    locked("0x5", "0", true) + refill_ret(2) + page + descriptor(7) + "\n" +
                    "bulk_ret: (f+0x1/0x2 <- __alloc_pages_bulk) ret=2\n" + alloc("0x5")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::bulk);
  CHECK(as<recorded::Allocation>(operations[0]).pfn == Pfn{9});
  CHECK(as<recorded::Allocation>(operations[0]).migratetype == 1);
  CHECK(as<recorded::Allocation>(operations[1]).source == recorded::Source::bulk);
  CHECK(as<recorded::Allocation>(operations[1]).refill.size() == 2);
  CHECK(as<recorded::Allocation>(operations[2]).source == recorded::Source::any);
}

TEST_CASE("TraceDecoder knows the type of the bulk allocator's pages, and what it left to others",
          "[trace_requests]") {
  const auto type_of = [](std::string_view gfp) {
    const Trace trace{
        fmt::format("bulk: (__alloc_pages_bulk+0x0/0x6) gfp={} nr=1 list=0x0 "
                    "array=0x1\nbulk_page: (__alloc_pages_bulk+0x3/0x6) page={}\n",
                    gfp, descriptor(9))};
    return as<recorded::Allocation>(trace.decode().at(0)).migratetype;
  };
  CHECK(type_of("0xcc0") == 0);
  CHECK(type_of("0xcc8") == 1);
  CHECK(type_of("0xcd0") == 2);

  // It got nothing, and turned to the usual way: that has an event of its own.
  const Trace trace{"bulk: (__alloc_pages_bulk+0x0/0x6) gfp=0xcc0 nr=3 list=0x0 array=0x1\n" +
                    refill + locked("0x7", "0", true) + refill_ret(1) + alloc("0x7")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 1);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::any);
}

TEST_CASE("TraceDecoder knows a chunk that a task was handed as it was freed", "[trace_requests]") {
  const Trace trace{locked("0x10", "4", false) + alloc("0x10", "4") + alloc("0x20", "4") +
                    alloc("0x200", "9")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).source == recorded::Source::any);
  CHECK(as<recorded::Allocation>(operations[1]).source == recorded::Source::captured);
  CHECK(as<recorded::Allocation>(operations[2]).source == recorded::Source::any);
  // Where no line says what comes from the lists, nobody knows.
  const Trace without{alloc("0x20", "4")};
  CHECK(as<recorded::Allocation>(without.decode().at(0)).source == recorded::Source::any);
}

TEST_CASE("TraceDecoder takes no request for that of a page that was freed before",
          "[trace_requests]") {
  // The event that would have answered the first line is lost.
  const Trace trace{locked("0x7", "0", false) + freed_page("0x7") + alloc("0x7")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  CHECK(as<recorded::Allocation>(operations[0]).gfp_flags.empty());
  CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{7});
  CHECK(as<recorded::Allocation>(operations[2]).gfp_flags == "GFP_KERNEL");
}

TEST_CASE("TraceDecoder gives a request its steals, and whether they claimed the block",
          "[trace_requests]") {
  const std::string extfrag =
      "mm_page_alloc_extfrag: page=0000000000000001 pfn=0x200 alloc_order=4 fallback_order=9 "
      "pageblock_order=9 alloc_migratetype=0 fallback_migratetype=1 fragmenting=0 "
      "change_ownership=1\n";
  SECTION("with probes") {
    const Trace trace{
        "steal: (steal_suitable_fallback+0x0/0x3) zone=0x10 page=" + descriptor(0x200) +
        " flags=0x901 start=0 whole=1\n"
        "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x0 pfn=0x200 "
        "mask=0x7\n" +
        extfrag + "steal: (steal_suitable_fallback+0x0/0x3) zone=0x10 page=" + descriptor(0x400) +
        " flags=0x901 start=0 whole=1\n" + locked("0x200", "4", false) + alloc("0x200", "4")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 1);
    CHECK(operations[0].line == 1);
    const auto& request = as<recorded::Allocation>(operations[0]);
    CHECK(request.alloc_flags == 0x901);
    REQUIRE(request.steals.size() == 2);
    CHECK(request.steals[0].pfn == Pfn{0x200});
    CHECK(request.steals[0].claimed);
    CHECK(request.steals[1].pfn == Pfn{0x400});
    CHECK(!request.steals[1].claimed);
  }
  SECTION("without") {
    const Trace trace{extfrag + locked("0x200", "4", false) + alloc("0x200", "4")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 1);
    REQUIRE(as<recorded::Allocation>(operations[0]).steals.size() == 1);
    CHECK(as<recorded::Allocation>(operations[0]).steals[0].claimed);
  }
}

TEST_CASE("TraceDecoder frees a page when it reaches a list", "[trace_requests]") {
  SECTION("with probes") {
    const Trace trace{
        freed_page("0x7") + freed_page("0x5") + batched("0x7") + pcp_free(7) + batched("0x5") +
        pcp_free(5) + drained("0x7") + drained("0x5") + freed_page("0x9") +
        "free_one: (free_one_page.constprop.0+0x0/0x1) zone=0x10 page=" + descriptor(9) +
        " pfn=0x9 order=0 mt=4\n" + freed_page("0x40", "5")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 4);
    CHECK(as<recorded::Free>(operations[0]).pfn == Pfn{7});
    CHECK(operations[0].line == 4);
    // It takes effect with the first page drained.
    CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{5});
    CHECK(as<recorded::Free>(operations[1]).drained == std::vector{Pfn{7}, Pfn{5}});
    CHECK(operations[1].line == 7);
    CHECK(as<recorded::Free>(operations[2]).past_pcp);
    CHECK(as<recorded::Free>(operations[3]).order == Order{5});
  }
  SECTION("without") {
    const Trace trace{freed_page("0x7") + freed_page("0x5") + batched("0x7") + drained("0x7") +
                      batched("0x5")};
    const auto operations = trace.decode();
    REQUIRE(operations.size() == 2);
    CHECK(as<recorded::Free>(operations[0]).pfn == Pfn{7});
    CHECK(as<recorded::Free>(operations[0]).drained == std::vector{Pfn{7}});
    CHECK(operations[0].line == 4);
    CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{5});
    CHECK(operations[1].line == 5);
  }
}

}  // namespace pageblock::test::trace_requests_cases
