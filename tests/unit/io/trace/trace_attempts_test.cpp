// SPDX-License-Identifier: MIT
#include "pageblock/io/trace/trace_attempts.hpp"

#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/trace_text.hpp"

namespace pageblock::test::trace_attempts_cases {

namespace {

std::string take(std::string_view zone, std::string_view flags = "0x801",
                 std::string_view zone_flags = "0x0") {
  return fmt::format(
      "pcp_take: (get_page_from_freelist+0x2b8/0x15f0) zone={} order=0 mt=0 flags={} zf={}\n", zone,
      flags, zone_flags);
}
std::string extfrag(std::string_view pfn, int change) {
  return fmt::format(
      "mm_page_alloc_extfrag: page=0000000000000001 pfn={} alloc_order=0 fallback_order=8 "
      "pageblock_order=9 alloc_migratetype=0 fallback_migratetype=1 fragmenting=1 "
      "change_ownership={}\n",
      pfn, change);
}
std::string put(unsigned pfn) {
  return fmt::format(
      "pcp_free: (free_unref_page_commit+0x0/0x1) zone=0x10 pcp=0x20 page={} mt=0 order=0 "
      "zf=0x4\n",
      descriptor(pfn));
}
std::string bulk_free(int count) {
  return fmt::format(
      "pcp_bulk_free: (free_pcppages_bulk+0x0/0x1) zone=0x10 count={} pcp=0x20 pindex=0\n", count);
}

}  // namespace

TEST_CASE("TraceDecoder joins an attempt with its pages and its answer", "[trace_attempts]") {
  const Trace trace{take("0x20", "0x901", "0x6") +  // finds nothing
                    take("0x10") + locked("0x7", "0", true) + locked("0x8", "0", true) +
                    alloc("0x7") + take("0x10") + alloc("0x8")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 3);
  const auto& failed = as<recorded::Allocation>(operations[0]);
  CHECK(!failed.pfn);
  CHECK(failed.zone == 0x20);
  CHECK(failed.alloc_flags == 0x901);
  REQUIRE(failed.zone_flags);
  CHECK(failed.zone_flags->reclaim_active);
  CHECK(failed.zone_flags->below_high);
  const auto& served = as<recorded::Allocation>(operations[1]);
  CHECK(operations[1].line == 3);  // under zone->lock
  CHECK(served.pfn == Pfn{7});
  CHECK(served.gfp_flags == "GFP_KERNEL");
  CHECK(served.refill == std::vector{Pfn{7}, Pfn{8}});
  const auto& next = as<recorded::Allocation>(operations[2]);
  CHECK(operations[2].line == 6);
  CHECK(next.pfn == Pfn{8});
  CHECK(next.refill.empty());
}

TEST_CASE("TraceDecoder reads which claims of an attempt came true", "[trace_attempts]") {
  const auto claim = [](unsigned pfn) {
    return fmt::format(
        "claim: (try_to_steal_block+0x0/0x7a0) zone=0x10 page={} found=8 order=0 start=0 "
        "flags=0x801\n",
        descriptor(pfn));
  };
  const auto claim_ret = [](std::string_view ret) {
    return fmt::format("claim_ret: (__rmqueue_pcplist+0x9/0xb <- try_to_steal_block) ret={}\n",
                       ret);
  };
  const Trace trace{take("0x10") + claim(512) + claim_ret("0x0") + claim(1024) +
                    locked("0x440", "0", true) + claim_ret("0xffffea0000011000") +
                    extfrag("0x440", 1) + alloc("0x440")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 1);
  CHECK(operations[0].line == 2);
  const auto& request = as<recorded::Allocation>(operations[0]);
  CHECK(request.pfn == Pfn{0x440});
  REQUIRE(request.steals.size() == 2);
  CHECK(request.steals[0].pfn == Pfn{512});
  CHECK(!request.steals[0].claimed);
  CHECK(request.steals[1].pfn == Pfn{1024});
  CHECK(request.steals[1].claimed);
}

TEST_CASE("TraceDecoder knows requests that pass the per-CPU lists by", "[trace_attempts]") {
  const Trace trace{take("0x10") + alloc("0x1") + locked("0x10", "4", false) + alloc("0x10", "4") +
                    extfrag("0x2", 0) + alloc("0x2") + alloc("0x200", "4")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  const auto source = [&](std::size_t i) { return as<recorded::Allocation>(operations[i]).source; };
  CHECK(source(0) == recorded::Source::any);
  CHECK(source(1) == recorded::Source::buddy);
  CHECK(source(2) == recorded::Source::buddy);  // the lists' lock was busy
  CHECK(as<recorded::Allocation>(operations[2]).pfn == Pfn{2});
  CHECK(source(3) == recorded::Source::captured);  // nothing shows where it comes from
}

TEST_CASE("TraceDecoder frees where the probes say it", "[trace_attempts]") {
  const auto free_one = [](unsigned pfn, unsigned order, unsigned fpi) {
    return fmt::format(
        "free_one: (free_one_page+0x0/0x1) zone=0x10 page={0} pfn={1:#x} order={2} fpi={3:#x}\n"
        "split_buddy: (split_large_buddy+0x0/0x1) zone=0x10 page={0} pfn={1:#x} order={2} "
        "fpi={3:#x}\n",
        descriptor(pfn), pfn, order, fpi);
  };
  const Trace trace{
      take("0x10") + alloc("0x1") + freed_page("0x7") + put(7) + bulk_free(2) + drained("0x7") +
      drained("0x1") + freed_page("0x10", "4") + free_one(16, 4, 0) + free_one(1024, 10, 2) +
      // Compaction keeps this one for itself.
      fmt::format("compact_free: (compaction_free+0x0/0x1) page={}\n", descriptor(5)) +
      freed_page("0x5") +
      // A part of an isolation.
      fmt::format("split_buddy: (split_large_buddy+0x0/0x1) zone=0x10 page={} "
                  "pfn=0x200 order=10 fpi=0x0\n",
                  descriptor(512))};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  const auto& put_back = as<recorded::Free>(operations[1]);
  CHECK(operations[1].line == 6);
  CHECK(!put_back.past_pcp);
  CHECK(put_back.drained == std::vector{Pfn{7}, Pfn{1}});
  REQUIRE(put_back.zone_flags);
  CHECK(put_back.zone_flags->below_high);
  CHECK(!put_back.zone_flags->reclaim_active);
  const auto& straight = as<recorded::Free>(operations[2]);
  CHECK(straight.order == Order{4});
  CHECK(straight.past_pcp);
  CHECK(!straight.to_tail);
  CHECK(as<recorded::Free>(operations[3]).to_tail);
}

TEST_CASE("TraceDecoder adds frees whose probe was missed", "[trace_attempts]") {
  const Trace trace{take("0x10") + freed_page("0x7") + alloc("0x1")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 2);
  CHECK(operations[1].line == 2);
  CHECK(as<recorded::Free>(operations[1]).pfn == Pfn{7});
  CHECK(!as<recorded::Free>(operations[1]).interrupted);  // it was in no interrupt
}

TEST_CASE("TraceDecoder shows each step in which lists are emptied or shrink", "[trace_attempts]") {
  const Trace trace{take("0x10") + alloc("0x1") +
                    "drain_zone_cpu: (drain_pages_zone+0x0/0x1) cpu=1 zone=0x10\n" + bulk_free(32) +
                    drained("0x7") + bulk_free(32) + drained("0x8") +
                    "pcp_decay: (decay_pcp_high+0x0/0x1) zone=0x10 pcp=0x20 high=90 count=80\n" +
                    bulk_free(15) + drained("0x9")};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 5);
  const auto& first = as<recorded::DrainStep>(operations[1]);
  CHECK(first.cpu == Cpu{1});
  CHECK(first.zone == 0x10);
  CHECK(!first.decays);
  CHECK(first.drained == std::vector{Pfn{7}});
  CHECK(as<recorded::DrainStep>(operations[2]).drained == std::vector{Pfn{8}});
  const auto& decay = as<recorded::Decay>(operations[3]);
  CHECK(decay.high == 90);
  CHECK(decay.count == 80);
  const auto& step = as<recorded::DrainStep>(operations[4]);
  CHECK(step.decays);
  CHECK(step.cpu == Cpu{0});
  CHECK(step.count == 15);
}

TEST_CASE("TraceDecoder reads limits that move, and lists that compaction turns",
          "[trace_attempts]") {
  const Trace trace{
      take("0x10") + alloc("0x1") +
      "pcp_set_ret: (f+0x1/0x2 <- zone_set_pageset_high_and_batch) h0=10 x0=100 b0=1 "
      "h1=20 x1=200 b1=2 h2=30 x2=300 b2=3 h3=40 x3=400 b3=4\n" +
      fmt::format("list_to_head: (compaction_alloc+0x427/0x1) list=0x130 page={}\n",
                  descriptor(8)) +
      "list_to_head: (compaction_alloc+0x427/0x1) list=0x130 page=0xffff888013e1f048\n"
      "mm_compaction_begin: zone_start=0x1000\n"
      "move_block: (move_freepages_block+0x0/0x1) zone=0x10 page=0xffffea0000008000 "
      "old=1 mt=3\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 4);
  using Limits = recorded::PcpSettings::Limits;
  CHECK(as<recorded::PcpSettings>(operations[1]).zones ==
        std::array{Limits{10, 1, 100}, Limits{20, 2, 200}, Limits{30, 3, 300}, Limits{40, 4, 400}});
  const auto& turn = as<recorded::TurnList>(operations[2]);
  CHECK(turn.list == 0x130);
  CHECK(turn.pfn == Pfn{8});
  CHECK(turn.to_head);
  const auto& reserved = as<recorded::Retype>(operations[3]);
  CHECK(reserved.pfn == Pfn{512});
  CHECK(reserved.migratetype == 3);
}

TEST_CASE("TraceDecoder reads what v7.2's probes show: modes, prepared runs, each step of a drain",
          "[trace_attempts]") {
  const auto put_with = [](unsigned pfn, unsigned order, std::string_view flags) {
    return fmt::format(
        "pcp_free: (free_frozen_page_commit+0x0/0x1) zone=0x10 pcp=0x20 page={} mt=1 order={} "
        "fpi={} zf=0x0\n",
        descriptor(pfn), order, flags);
  };
  const Trace trace{
      take("0x10") + alloc("0x1") +
      // Four pages, each prepared by itself, are one chunk.
      freed_page("0x4") + freed_page("0x5") + freed_page("0x6") + freed_page("0x7") +
      put_with(4, 2, "0x8") + bulk_free(63) + drained("0x30") + bulk_free(5) + drained("0x31") +
      freed_page("0x8") + put_with(8, 0, "0x0") +
      "start_isolate: (start_isolate_page_range+0x0/0x1) start=0x8000 end=0x8200 mode=0\n"
      "set_isolate: (set_migratetype_isolate+0x0/0x1) page=0xffffea0000200000 a2=0x0 a3=0x8000 "
      "a4=0x8200\n"
      "set_isolate_ret: (a+0x1/0x2 <- set_migratetype_isolate) ret=0\n"
      "start_isolate_ret: (offline_pages+0x1/0x2 <- start_isolate_page_range) ret=0\n"
      "unset_isolate: (unset_migratetype_isolate+0x0/0x1) page=0xffffea0000200000\n"
      "unset_isolate_ret: (a+0x1/0x2 <- unset_migratetype_isolate)\n"
      "alloc_contig: (alloc_contig_frozen_range_noprof+0x0/0x1) start=0x8000 end=0x8200 flags=0x1 "
      "gfp=0xcc0\n" +
      take("0x10") +
      fmt::format("claim: (try_to_claim_block+0x0/0x1) zone=0x10 page={} found=8 order=0 start=0 "
                  "block=1\n",
                  descriptor(0x100)) +
      "claim_ret: (a+0x9/0xb <- try_to_claim_block) ret=0x0\n"};
  const auto operations = trace.decode();
  REQUIRE(operations.size() == 10);
  const auto& chunk = as<recorded::Free>(operations[1]);
  CHECK(chunk.pfn == Pfn{4});
  CHECK(chunk.order == Order{2});
  CHECK(chunk.drains);
  CHECK(chunk.drained.empty());
  const auto& first = as<recorded::DrainStep>(operations[2]);
  CHECK(first.of_free == chunk.number);
  CHECK(first.count == 63);
  CHECK(first.drained == std::vector{Pfn{0x30}});
  CHECK(as<recorded::DrainStep>(operations[3]).drained == std::vector{Pfn{0x31}});
  CHECK(!as<recorded::Free>(operations[4]).drains);
  const auto& range = as<recorded::IsolateRange>(operations[5]);
  CHECK(range.migratetype == 1);
  CHECK(range.flags == 3);  // memory goes offline
  CHECK(as<recorded::SetIsolate>(operations[6]).flags == 3);
  CHECK(as<recorded::UnsetIsolate>(operations[7]).pfn == Pfn{0x8000});
  CHECK(as<recorded::ContigBegin>(operations[8]).migratetype == 4);
  CHECK(as<recorded::Allocation>(operations[9]).steals.size() == 1);
}

}  // namespace pageblock::test::trace_attempts_cases
