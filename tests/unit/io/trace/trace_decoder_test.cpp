// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/trace_decoder.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/fault.hpp"
#include "support/trace_text.hpp"

namespace pageblock::test::trace_decoder_cases {

TEST_CASE("TraceDecoder joins calls with their returns", "[trace_decoder]") {
  const Trace trace{
      "offline: (offline_pages+0x0/0x1) start=0x8000 nr=32768\n"
      "pcp_disable: (zone_pcp_disable+0x0/0x1) zone=0x10\n"
      "start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x10000 mt=1 flags=0x3 "
      "gfp=0x1\n"
      "set_isolate: (set_migratetype_isolate.isra.0+0x0/0x1) page=0xffffea0000200000 a2=0x3 "
      "a3=0x8000 a4=0x8200\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x4 pfn=0x8000 mask=0x7\n"
      "set_isolate_ret: (isolate_single_pageblock+0x1/0x2 <- set_migratetype_isolate.isra.0) "
      "ret=0\n"
      "start_isolate_ret: (offline_pages+0x1/0x2 <- start_isolate_page_range) ret=-16\n"
      "unset_isolate: (unset_migratetype_isolate+0x0/0x1) page=0xffffea0000200000 mt=1\n"
      "move_block: (move_freepages_block+0x0/0x2) zone=0x10 page=0xffffea0000200000 mt=1\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x1 pfn=0x8000 mask=0x7\n"
      "unset_isolate_ret: (undo_isolate_page_range+0x5/0xa <- unset_migratetype_isolate)\n"
      "offline_ret: (memory_subsys_offline+0x8/0x1 <- offline_pages) ret=-16\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x3 pfn=0x400 mask=0x7\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x8 pfn=0x400 mask=0x8\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 7);
  CHECK(as<recorded::OfflineBegin>(operations[0]).range == PfnRange{Pfn{0x8000}, Pfn{0x10000}});
  CHECK(as<recorded::PcpDisable>(operations[1]).drains);
  CHECK(as<recorded::IsolateRange>(operations[2]).ret == -16);
  const auto& set = as<recorded::SetIsolate>(operations[3]);
  CHECK(operations[3].line == 5);
  CHECK(set.ret == 0);
  CHECK(set.pfn == Pfn{0x8000});
  CHECK(set.range == PfnRange{Pfn{0x8000}, Pfn{0x8200}});
  CHECK(as<recorded::UnsetIsolate>(operations[4]).migratetype == 1);
  CHECK(operations[4].line == 9);
  CHECK(as<recorded::OfflineEnd>(operations[5]).ret == -16);
  CHECK(as<recorded::Retype>(operations[6]).migratetype == 3);
}

TEST_CASE("TraceDecoder reads that memory comes online, and in which zone", "[trace_decoder]") {
  const Trace trace{
      "online: (online_pages+0x0/0x2) start=0x8000 nr=32768\n"
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x4 pfn=0x8000 mask=0x7\n"
      "free_core: (__free_pages_core+0x0/0x9) page=0xffffea0000200000 order=10\n"
      "free_ok: (__free_pages_ok+0x0/0x5) page=0xffffea0000200000 order=10 fpi=0x6\n" +
      freed_page("0x8000", "10") +
      "move_block: (move_freepages_block+0x0/0x2) zone=0x10 page=0xffffea0000200000 mt=1\n"
      "online_ret: (memory_subsys_online+0x9/0x1 <- online_pages) ret=0\n" +
      "free_ok: (__free_pages_ok+0x0/0x5) page=0xffffea0000200000 order=10 fpi=0x0\n" +
      freed_page("0x8000", "10")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  CHECK(as<recorded::OnlineBegin>(operations[0]).zone == 0x10);
  CHECK(as<recorded::Free>(operations[1]).to_tail);
  CHECK(as<recorded::OnlineEnd>(operations[2]).ret == 0);
  CHECK(!as<recorded::Free>(operations[3]).to_tail);
}

TEST_CASE("TraceDecoder drains for a contiguous range where no probe shows it", "[trace_decoder]") {
  const std::string isolate =
      "start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x8200 mt=1 flags=0x0 "
      "gfp=0x1\n"
      "start_isolate_ret: (alloc_contig_range+0xeb/0x2 <- start_isolate_page_range) ret=0\n";
  const Trace without{isolate + drained("0x7")};
  const auto operations = without.decode();
  REQUIRE(operations.size() == 2);
  CHECK(as<recorded::DrainAll>(operations[1]).pfn == Pfn{0x8000});
  CHECK(as<recorded::DrainAll>(operations[1]).drained == std::vector{Pfn{7}});

  const Trace with{isolate + "drain_zone_cpu: (drain_pages_zone+0x0/0x7) cpu=1 zone=0x10\n" +
                   drained("0x7")};
  const auto shown = with.decode();
  REQUIRE(shown.size() == 2);
  CHECK(as<recorded::Drain>(shown[1]).cpu == Cpu{1});
  CHECK(as<recorded::Drain>(shown[1]).drained == std::vector{Pfn{7}});
  CHECK(shown[1].line == 4);
}

TEST_CASE("TraceDecoder drains for a contiguous range only, and only if it was isolated",
          "[trace_decoder]") {
  const auto nr_operations = [](std::string_view caller, int ret) {
    const Trace trace{
        fmt::format("start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x8200 "
                    "mt=1 flags=0x0 gfp=0x1\n"
                    "start_isolate_ret: ({}+0xeb/0x2 <- start_isolate_page_range) ret={}\n",
                    caller, ret)};
    return trace.decode().size();
  };
  CHECK(nr_operations("alloc_contig_range", 0) == 2);
  CHECK(nr_operations("alloc_contig_range", -16) == 1);
  CHECK(nr_operations("offline_pages", 0) == 1);
}

TEST_CASE("TraceDecoder reads what becomes of single chunks and borders", "[trace_decoder]") {
  const std::string page = "page=" + descriptor(0x400);
  const Trace trace{
      "isolate_free: (__isolate_free_page+0x0/0x1) " + page + " order=9\n" +
      "set_block: (set_pfnblock_flags_mask+0x0/0xa) page=0x1 flags=0x1 pfn=0x400 mask=0x7\n"
      "isolate_free_ret: (f+0x1/0x2 <- __isolate_free_page) ret=512\n"
      "isolate_free: (__isolate_free_page+0x0/0x1) " +
      page + " order=3\n" +
      "isolate_free_ret: (f+0x1/0x2 <- __isolate_free_page) ret=0\n"
      "putback_isolated: (__putback_isolated_page+0x0/0x1) " +
      page + " order=9 mt=1\n" + "split_page: (split_page+0x0/0x1) " + page + " order=2\n" +
      "split_free: (split_free_page+0x0/0x1) " + page + " order=10 off=512\n" +
      "split_free_ret: (f+0x1/0x2 <- split_free_page) ret=-2\n"
      "isolate_single: (isolate_single_pageblock+0x0/0x1) boundary=0x600\n"
      "isolate_single_ret: (f+0x1/0x2 <- isolate_single_pageblock) ret=0\n"
      "isolate_single: (isolate_single_pageblock+0x0/0x1) boundary=0x800\n"
      "isolate_single_ret: (f+0x1/0x2 <- isolate_single_pageblock) ret=-16\n"
      "isolate_single_ret: (f+0x1/0x2 <- isolate_single_pageblock) ret=0\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 6);
  CHECK(as<recorded::IsolateFree>(operations[0]).pfn == Pfn{0x400});
  CHECK(as<recorded::IsolateFree>(operations[0]).order == Order{9});
  CHECK(as<recorded::IsolateFree>(operations[0]).nr_pages == 512);
  CHECK(as<recorded::IsolateFree>(operations[1]).nr_pages == 0);
  CHECK(as<recorded::PutBack>(operations[2]).order == Order{9});
  CHECK(as<recorded::PutBack>(operations[2]).migratetype == 1);
  CHECK(as<recorded::SplitPage>(operations[3]).order == Order{2});
  CHECK(as<recorded::SplitFree>(operations[4]).offset == 512);
  CHECK(as<recorded::SplitFree>(operations[4]).ret == -2);
  CHECK(as<recorded::IsolateSingle>(operations[5]).border == Pfn{0x600});
}

TEST_CASE("TraceDecoder reads who asked for a contiguous range, and the answer",
          "[trace_decoder]") {
  const Trace trace{
      "alloc_contig: (alloc_contig_range+0x0/0x1) start=0x8000 end=0x8200 mt=4\n"
      "alloc_contig_ret: (cma_alloc+0x1/0x2 <- alloc_contig_range) ret=-16\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 2);
  CHECK(as<recorded::ContigBegin>(operations[0]).range == PfnRange{Pfn{0x8000}, Pfn{0x8200}});
  CHECK(as<recorded::ContigBegin>(operations[0]).migratetype == 4);
  CHECK(as<recorded::ContigEnd>(operations[1]).ret == -16);
  CHECK(as<recorded::ContigEnd>(operations[1]).caller == "cma_alloc");
}

TEST_CASE("TraceDecoder reads the settings of the per-CPU lists, and that kswapd reclaims",
          "[trace_decoder]") {
  const Trace trace{
      "pcp_set_ret: (f+0x1/0x2 <- zone_set_pageset_high_and_batch) h0=10 b0=1 h1=20 b1=2 h2=30 "
      "b2=3 h3=40 b3=4\n"
      "reclaim_on: (balance_pgdat+0x0/0x1) zoneidx=2\n"
      "reclaim_off: (balance_pgdat+0x9/0x1)\n"
      "pcp_enable: (zone_pcp_enable+0x0/0x1) zone=0x10\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  using Limits = recorded::PcpSettings::Limits;
  CHECK(as<recorded::PcpSettings>(operations[0]).zones ==
        std::array{Limits{10, 1, 0}, Limits{20, 2, 0}, Limits{30, 3, 0}, Limits{40, 4, 0}});
  CHECK(as<recorded::Reclaim>(operations[1]).active);
  CHECK(as<recorded::Reclaim>(operations[1]).highest_zone == 2);
  CHECK(!as<recorded::Reclaim>(operations[2]).active);
  CHECK(as<recorded::Reclaim>(operations[2]).highest_zone == 2);  // the same as before
  CHECK(as<recorded::PcpEnable>(operations[3]).zone == 0x10);
}

TEST_CASE("TraceDecoder names the line of a probe that lacks an argument", "[trace_decoder]") {
  const Trace trace{alloc("0x7") + "pcp_refill: (rmqueue_bulk+0x0/0x1) zone=0x10\n"};
  CHECK(fault_in([&] { return trace.decode(); }) ==
        "trace:2: pcp_refill: expected 'order=<number>' in ' zone=0x10'");
}

}  // namespace pageblock::test::trace_decoder_cases
